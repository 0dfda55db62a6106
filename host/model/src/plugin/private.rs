//! Files that hold secrets, or the insides of running programs. No pattern grants to read one: who means it writes its
//! whole path. The node knows more of them by their permission bits; this is what is known by name alone.

/// Directories of which everything is private.
const DIRECTORIES: [&str; 16] = [
    "/etc/kubernetes/tmp",
    "/etc/ssl/private",
    "/home",
    "/proc/self",
    "/proc/thread-self",
    "/root",
    "/run/containerd/io.containerd.runtime.v2.task",
    "/run/secrets",
    "/run/systemd/credentials",
    "/sys/kernel/debug",
    "/sys/kernel/security",
    "/sys/kernel/tracing",
    "/var/lib/containerd",
    "/var/lib/etcd",
    "/var/lib/kubelet/pki",
    "/var/lib/kubelet/pods",
];

/// Single files that are private.
const FILES: [&str; 10] = [
    "/etc/gshadow",
    "/etc/gshadow-",
    "/etc/krb5.keytab",
    "/etc/security/opasswd",
    "/etc/shadow",
    "/etc/shadow-",
    "/etc/sudoers",
    "/proc/kcore",
    "/proc/kmsg",
    "/var/lib/kubelet/config.json",
];

/// Whether the file at a normal path without links may be read only by who is granted its whole path.
pub fn is_private(path: &str) -> bool {
    let parts: Vec<&str> = path.split('/').skip(1).collect();
    let name = parts.last().copied().unwrap_or_default();
    let below = |directory: &str| path.strip_prefix(directory).is_some_and(|rest| rest.starts_with('/'));
    let is_process =
        parts.first() == Some(&"proc") && parts.len() > 2 && parts[1].bytes().all(|byte| byte.is_ascii_digit());
    // Kubeconfig files: admin.conf, super-admin.conf, kubelet.conf and those that others made.
    let is_kubeconfig = parts.starts_with(&["etc", "kubernetes"]) && parts.len() == 3 && name.ends_with(".conf")
        || name == "kubeconfig"
        || name.ends_with(".kubeconfig")
        || parts.contains(&".kube");
    let is_key = [".key", ".p12", ".pfx", ".keytab"].iter().any(|end| name.ends_with(end))
        || name.ends_with("-key.pem")
        || name.starts_with("ssh_host_") && name.ends_with("_key")
        || parts.iter().any(|part| matches!(*part, ".ssh" | ".docker" | ".gnupg" | ".aws"));
    is_process
        || is_kubeconfig
        || is_key
        || DIRECTORIES.iter().any(|directory| below(directory))
        || FILES.contains(&path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_private_and_the_rest_is_not() {
        for path in [
            "/etc/kubernetes/admin.conf",
            "/etc/kubernetes/super-admin.conf",
            "/etc/kubernetes/pki/ca.key",
            "/srv/pki/etcd/server.key",
            "/var/lib/kubelet/pki/kubelet-client-current.pem",
            "/etc/shadow",
            "/proc/1/environ",
            "/proc/1/root/etc/shadow",
            "/proc/self/environ",
            "/proc/4711/task/4711/mem",
            "/root/.kube/config",
            "/home/a/.ssh/id_ed25519",
            "/etc/ssh/ssh_host_rsa_key",
            "/var/lib/etcd/member/wal/0.wal",
        ] {
            assert!(is_private(path), "{path}");
        }
        for path in [
            "/etc/kubernetes/pki/ca.crt",
            "/etc/kubernetes/manifests/etcd.yaml",
            "/etc/containerd/config.toml",
            "/proc/cpuinfo",
            "/proc/sys/net/ipv4/ip_forward",
            "/sys/module/nvidia/version",
            "/etc/ssh/ssh_host_rsa_key.pub",
            "/etc/passwd",
        ] {
            assert!(!is_private(path), "{path}");
        }
    }
}
