//! Paths and patterns of paths. Only normal paths match: absolute, without `.`, `..`, empty parts or a slash at the end.
//! Nothing is looked at here; what a link leads to is for the one who opens it to find out.

use super::glob;

/// The longest path that Linux takes, in bytes.
const MAX_PATH: usize = 4096;

/// Files that a pattern never allows to write: they make someone root, or the cluster's master, or change what has been
/// granted. Who means one writes its whole path.
pub const SENSITIVE_FILES: &[&str] = &[
    // The cluster's authorities and credentials.
    "/etc/kubernetes/pki/**",
    "/etc/kubernetes/*.conf",
    "/etc/kubernetes/manifests/etcd.yaml",
    "/etc/kubernetes/manifests/kube-*.yaml",
    "/etc/kubernetes/patches/**",
    "/var/lib/kubelet/pki/**",
    "/var/lib/kubelet/kubeconfig",
    "/var/lib/kubelet/*.yaml",
    "/var/lib/kubelet/*.env",
    "/var/lib/kubelet/*.json",
    "/var/lib/kubelet/config.d/**",
    "/var/lib/kubelet/pods/**",
    "/var/lib/etcd/**",
    "/**/.kube/**",
    // Our own memory, and code that we run.
    "/var/lib/kubephase/**",
    "/var/cache/kubephase/**",
    "/**/.cache/kubephase/**",
    // Who may do what on this machine.
    "/etc/passwd*",
    "/etc/shadow*",
    "/etc/group*",
    "/etc/gshadow*",
    "/etc/subuid*",
    "/etc/subgid*",
    "/etc/sudoers",
    "/etc/sudoers.d/**",
    "/etc/sudo.conf",
    "/etc/doas.conf",
    "/etc/pam.conf",
    "/etc/pam.d/**",
    "/etc/security/**",
    "/etc/polkit-1/**",
    "/etc/ssh/**",
    "/etc/apparmor.d/**",
    "/etc/audit/**",
    "/etc/selinux/**",
    "/etc/hosts",
    "/etc/resolv.conf",
    "/etc/nsswitch.conf",
    "/etc/krb5.keytab",
    "/**/.ssh/**",
    "/etc/ssl/**",
    "/etc/pki/**",
    "/usr/local/share/ca-certificates/**",
    // What is run by root, and how.
    "/etc/systemd/**",
    "/run/systemd/**",
    "/etc/init.d/**",
    "/etc/rc*/**",
    "/etc/rc.local",
    "/etc/inittab",
    "/etc/udev/**",
    "/etc/crontab",
    "/etc/cron*/**",
    "/var/spool/cron/**",
    "/var/spool/at/**",
    "/etc/ld.so.*",
    "/etc/ld.so.conf.d/**",
    "/etc/environment",
    "/etc/profile",
    "/etc/profile.d/**",
    "/etc/bash.bashrc",
    "/etc/bashrc",
    "/etc/zsh/**",
    "/etc/default/**",
    "/etc/sysconfig/**",
    "/etc/modprobe.d/**",
    "/etc/NetworkManager/dispatcher.d/**",
    "/etc/apt/**",
    "/etc/dpkg/**",
    "/etc/yum.repos.d/**",
    "/etc/fstab",
    "/etc/crypttab",
    "/root/**",
    "/boot/**",
    "/bin/**",
    "/sbin/**",
    "/lib/**",
    "/lib32/**",
    "/lib64/**",
    "/usr/bin/**",
    "/usr/sbin/**",
    "/usr/lib/**",
    "/usr/lib32/**",
    "/usr/lib64/**",
    "/etc/alternatives/**",
    "/etc/anacrontab",
    "/etc/binfmt.d/**",
    "/etc/cdi/**",
    "/etc/cloud/**",
    "/etc/conf.d/**",
    "/etc/containerd/*.toml",
    "/etc/containerd/conf.d/**",
    "/etc/containers/**",
    "/etc/crio/**",
    "/etc/dbus-1/**",
    "/etc/dhcp/**",
    "/etc/docker/**",
    "/etc/grub.d/**",
    "/etc/initramfs-tools/**",
    "/etc/kernel/**",
    "/etc/local.d/**",
    "/etc/logrotate.conf",
    "/etc/logrotate.d/**",
    "/etc/modules-load.d/**",
    "/etc/network/**",
    "/etc/networkd-dispatcher/**",
    "/etc/nri/**",
    "/etc/rsyslog.d/**",
    "/etc/sysctl.conf",
    "/etc/sysctl.d/**",
    "/etc/tmpfiles.d/**",
    "/etc/update-motd.d/**",
    "/opt/containerd/**",
    "/opt/nri/**",
    "/run/cdi/**",
    "/usr/share/dbus-1/**",
    "/usr/share/polkit-1/**",
    "/usr/libexec/**",
    "/usr/local/bin/**",
    "/usr/local/sbin/**",
    "/usr/local/lib/**",
    "/var/lib/cloud/**",
    "/var/lib/containerd/**",
    "/var/lib/containers/**",
    "/var/lib/docker/**",
    "/var/lib/dpkg/**",
    "/var/run/cdi/**",
    // No files in this sense.
    "/dev/**",
    "/proc/**",
    "/sys/**",
];

/// Whether a path is absolute and says what it means: no `.`, `..` or empty part, nothing unprintable.
pub fn is_normal(path: &str) -> bool {
    path == "/"
        || path.len() < MAX_PATH
            && !path.contains(|c: char| c.is_control())
            && path.strip_prefix('/').is_some_and(|rest| rest.split('/').all(|part| !matches!(part, "" | "." | "..")))
}

/// Whether a normal path is the directory or lies below it.
pub fn is_below(path: &str, directory: &str) -> bool {
    let rest = if directory == "/" { Some(path) } else { path.strip_prefix(directory) };
    is_normal(path) && rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Why a text is no pattern, and what to do about it.
pub(super) fn fault(pattern: &str) -> Option<(&'static str, &'static str)> {
    Some(if !pattern.starts_with('/') {
        ("it is not an absolute path", "write the whole path, from `/` on")
    } else if pattern.len() > 1 && pattern.ends_with('/') {
        ("it ends with a slash", "name the directory without it, or what is below by `/**`")
    } else if !is_normal(pattern) {
        ("it has a `.`, `..` or empty part, or is too long", "write the shortest path that means the same")
    } else if parts(pattern).any(|part| part.contains("**") && part != "**") {
        ("`**` stands for whole parts of a path only", "put it alone between two slashes, or use `*`")
    } else {
        return None;
    })
}

fn parts(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').skip(1).filter(|part| !part.is_empty())
}

/// Whether the path is one of those that the pattern stands for.
pub(super) fn matches(pattern: &str, path: &str) -> bool {
    if fault(pattern).is_some() || !is_normal(path) {
        return false;
    }
    let (pattern, path): (Vec<&str>, Vec<&str>) = (parts(pattern).collect(), parts(path).collect());
    glob::matches(&pattern, &path, |p| *p == "**", |p, t| glob::part(p, t))
}

/// Whether a path that the pattern stands for can lie below the directory.
pub(super) fn leads_to(pattern: &str, directory: &str) -> bool {
    if fault(pattern).is_some() || !is_normal(directory) {
        return false;
    }
    let pattern: Vec<&str> = parts(pattern).collect();
    // Up to the first `**` every part stands for one part; from there on anything can be below.
    for (i, part) in parts(directory).enumerate() {
        match pattern.get(i) {
            Some(&"**") => return true,
            Some(expected) if glob::part(expected, part) => {}
            _ => return false,
        }
    }
    pattern.len() > parts(directory).count()
}

/// Whether a pattern does not allow to write it.
pub(super) fn is_sensitive(path: &str) -> bool {
    SENSITIVE_FILES.iter().any(|pattern| matches(pattern, path))
}

/// Whether `pattern` stands for no path that `wide` does not stand for. What is no pattern is covered by nothing.
pub(super) fn covers(wide: &str, pattern: &str) -> bool {
    if fault(wide).is_some() || fault(pattern).is_some() {
        return false;
    }
    let (wide, pattern): (Vec<&str>, Vec<&str>) = (parts(wide).collect(), parts(pattern).collect());
    glob::matches(&wide, &pattern, |w| *w == "**", |w, p| *p != "**" && glob::covers_part(w, p))
}

/// Whether a scope of `writes` allows nothing that `wide` does not allow.
pub(super) fn covers_write(wide: &str, scope: &str) -> bool {
    match (wide.contains('*'), scope.contains('*')) {
        (true, true) => covers(wide, scope),
        (true, false) => matches(wide, scope) && !is_sensitive(scope),
        (false, _) => fault(wide).is_none() && wide == scope,
    }
}
