//! The file system of the pretended machine: what a healthy, freshly installed node has, as far as preflight looks at
//! it. One row per file.

use std::io;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use kubephase_model::release::RELEASES;

use super::Spec;

/// The kernel that it says it runs.
pub const KERNEL: &str = "6.12.0-1-amd64";
/// Where its programs are.
pub const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// The container runtime's socket.
pub const SOCKET: &str = "/run/containerd/containerd.sock";

/// Programs that are there beside those that the releases ask for. None of them is ever run: the stage answers.
const PROGRAMS: [&str; 6] = ["kubelet", "systemctl", "journalctl", "modprobe", "containerd", "crictl"];

/// Programs of the CNI project, as most packages of kubelets bring them along.
const CNI: [&str; 6] = ["bandwidth", "bridge", "firewall", "host-local", "loopback", "portmap"];

const DIRECTORIES: [&str; 14] = [
    "etc/kubernetes/manifests",
    "etc/ca-certificates",
    "etc/ssl/certs",
    "opt/cni/bin",
    "proc/sys",
    "run/containerd",
    "run/systemd/system",
    "sys/fs/cgroup/system.slice",
    "tmp",
    "usr/bin",
    "usr/share/ca-certificates",
    "usr/local/share/ca-certificates",
    "var/lib/kubelet",
    "root",
];

/// Lays it out below `root`, which exists and is empty.
pub fn lay_out(root: &Path, spec: &Spec) -> io::Result<()> {
    for directory in DIRECTORIES {
        std::fs::create_dir_all(root.join(directory))?;
    }
    // As on every machine with systemd.
    symlink("../run", root.join("var/run"))?;
    for (path, text) in files(spec) {
        let place = root.join(path);
        if let Some(parent) = place.parent() {
            std::fs::create_dir_all(parent)?;
        }
        std::fs::write(place, text)?;
    }
    let wanted = RELEASES.iter().flat_map(|release| release.programs).map(|program| program.name);
    let usual = PROGRAMS.into_iter().chain(wanted).map(|program| ("usr/bin", program));
    for (directory, program) in usual.chain(CNI.map(|program| ("opt/cni/bin", program))) {
        let place = root.join(directory).join(program);
        std::fs::write(&place, "#!/bin/false\nThis program is pretended: a rehearsal answers for it.\n")?;
        std::fs::set_permissions(place, std::fs::Permissions::from_mode(0o755))?;
    }
    Ok(())
}

fn files(spec: &Spec) -> Vec<(String, String)> {
    let hosts = spec.addresses.iter().map(|address| format!("{address} {}\n", spec.hostname));
    let fixed = [
        ("etc/hostname", format!("{}\n", spec.hostname)),
        ("etc/hosts", format!("127.0.0.1 localhost\n{}", hosts.collect::<String>())),
        ("etc/os-release", "ID=debian\nPRETTY_NAME=\"A pretended Debian GNU/Linux\"\n".into()),
        ("etc/machine-id", "00000000000000000000000000000001\n".into()),
        ("etc/resolv.conf", "nameserver 192.0.2.53\n".into()),
        ("etc/passwd", "root:x:0:0:root:/root:/bin/sh\n".into()),
        ("etc/group", "root:x:0:\n".into()),
        ("etc/login.defs", "SYS_UID_MIN 100\nSYS_UID_MAX 999\nSYS_GID_MIN 100\nSYS_GID_MAX 999\n".into()),
        ("proc/swaps", "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n".into()),
        ("proc/mounts", "cgroup2 /sys/fs/cgroup cgroup2 rw,nosuid,nodev,noexec,relatime 0 0\n".into()),
        ("proc/net/route", ROUTES.into()),
        ("proc/net/ipv6_route", ROUTES_V6.into()),
        ("proc/sys/net/ipv4/ip_forward", "1\n".into()),
        ("proc/sys/net/ipv6/conf/default/forwarding", "1\n".into()),
        ("proc/sys/net/bridge/bridge-nf-call-iptables", "1\n".into()),
        ("proc/sys/net/bridge/bridge-nf-call-ip6tables", "1\n".into()),
        ("sys/fs/cgroup/cgroup.controllers", "cpuset cpu io memory hugetlb pids rdma misc\n".into()),
        ("sys/fs/cgroup/system.slice/cgroup.freeze", "0\n".into()),
    ];
    let mut files: Vec<(String, String)> = fixed.into_iter().map(|(path, text)| (path.to_owned(), text)).collect();
    files.push((format!("boot/config-{KERNEL}"), kernel_config()));
    files
}

const ROUTES: &str = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n\
                      eth0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\n";
const ROUTES_V6: &str = "00000000000000000000000000000000 00 00000000000000000000000000000000 00 \
                         20010db8000000000000000000000001 00000400 00000001 00000000 00000003     eth0\n";

/// Every option that any release wants.
fn kernel_config() -> String {
    let mut options: Vec<&str> = Vec::new();
    for config in RELEASES.iter().map(|release| &release.kernel_config) {
        let lists = [config.required, config.required_v1, config.required_v2, config.optional];
        options.extend(lists.into_iter().flatten().flat_map(|names| names.split('|')));
    }
    options.sort_unstable();
    options.dedup();
    options.iter().map(|option| format!("CONFIG_{option}=y\n")).collect()
}
