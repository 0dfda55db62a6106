//! The root file system that every node shares as its read-only lower layer: a small Debian with systemd and
//! what kubelet, the container runtime and preflight checks expect of a host. Nothing of Kubernetes is in it.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use anyhow::Result;

use super::cache::Cache;
use super::command::{cmd, short_sum, write};
use super::debian::Suite;
use super::kubernetes::SUITE;

/// Beyond debootstrap's minbase.
const PACKAGES: &[&str] = &[
    "ca-certificates",
    "conntrack",
    "containernetworking-plugins",
    "curl",
    "dbus",
    "ebtables",
    "ethtool",
    "iproute2",
    "ipset",
    "iptables",
    "kmod",
    "libseccomp2",
    "mount",
    "nftables",
    "procps",
    "socat",
    "systemd",
    "systemd-sysv",
    "util-linux",
];

/// Units that would reach for the hardware, consoles or clock of the machine around the node.
const MASKED: &[&str] = &[
    "systemd-modules-load.service",
    "systemd-sysctl.service",
    "systemd-timesyncd.service",
    "systemd-remount-fs.service",
    "systemd-random-seed.service",
    "systemd-udevd.service",
    "systemd-udev-trigger.service",
    "sys-kernel-debug.mount",
    "sys-kernel-tracing.mount",
    "sys-kernel-config.mount",
    "sys-fs-fuse-connections.mount",
    "dev-hugepages.mount",
    "proc-sys-fs-binfmt_misc.automount",
    "getty.target",
    "console-getty.service",
    "apt-daily.timer",
    "apt-daily-upgrade.timer",
    "dpkg-db-backup.timer",
    "e2scrub_all.timer",
    "fstrim.timer",
];

/// Goes up when the steps below make another tree from the same packages.
const RECIPE: u32 = 1;

/// Finds or makes the tree.
pub fn rootfs(cache: &Cache, log: &Path) -> Result<PathBuf> {
    let suite = Suite::open(cache, SUITE)?;
    let contents = [MASKED.join(" "), PACKAGES.join(" "), suite.versions(PACKAGES)?.join(" ")].concat();
    let key = format!("{}-{}-r{RECIPE}", suite.name(), short_sum(&contents)?);
    cache.entry("rootfs", &key, |dir| {
        let mut debootstrap =
            cmd("debootstrap").args(["--variant=minbase", &format!("--include={}", PACKAGES.join(","))]);
        if let Some(keyring) = suite.keyring() {
            debootstrap = debootstrap.arg(format!("--keyring={keyring}"));
        }
        // debootstrap fetches by wget, which knows nothing of apt's proxy.
        for scheme in ["http", "https"] {
            let setting = format!("Acquire::{scheme}::Proxy");
            let proxy = cmd("apt-config").args(["dump", "--format", "%v%n", &setting]).run()?;
            if let Some(proxy) = proxy.lines().find(|p| p.contains("://")) {
                debootstrap = debootstrap.env(&format!("{scheme}_proxy"), proxy);
            }
        }
        debootstrap.arg(suite.name()).arg(dir).arg(suite.uri()).log(log).run()?;
        finish(dir)
    })
}

/// Turns a fresh Debian into one that boots as a container.
fn finish(root: &Path) -> Result<()> {
    let units = root.join("etc/systemd/system");
    for unit in MASKED {
        let link = units.join(unit);
        if link.symlink_metadata().is_ok() {
            fs::remove_file(&link)?;
        }
        symlink("/dev/null", link)?;
    }
    symlink("/lib/systemd/system/multi-user.target", units.join("default.target"))?;
    // The machine's kernel log is not this node's.
    write(
        &root.join("etc/systemd/journald.conf.d/node.conf"),
        "[Journal]\nStorage=volatile\nReadKMsg=no\nRateLimitBurst=0\n",
    )?;
    // /var/log is a directory of the machine: what went wrong can be read there after the node is gone,
    // also when nobody was left to ask journalctl.
    write(
        &units.join("journal-text.service"),
        "[Unit]\nDescription=Copy the journal to a text file\n\n[Service]\n\
         ExecStart=journalctl --follow --no-tail --output=short-precise\nStandardOutput=append:/var/log/journal.txt\n",
    )?;
    fs::create_dir_all(units.join("multi-user.target.wants"))?;
    symlink("../journal-text.service", units.join("multi-user.target.wants/journal-text.service"))?;
    for left in ["var/cache/apt/archives", "var/lib/apt/lists", "etc/resolv.conf", "etc/hostname", "etc/machine-id"] {
        let left = root.join(left);
        if left.is_dir() {
            fs::remove_dir_all(left)?
        } else if left.exists() {
            fs::remove_file(left)?
        }
    }
    Ok(())
}
