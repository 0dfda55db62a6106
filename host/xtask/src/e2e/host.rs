//! What the test asks of the machine that runs it: root, Linux namespaces, a handful of programs, and two
//! limits that a node's programs share with everything else on the machine.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};

use super::command::cmd;
use super::undo::Undo;

/// Programs used here, and the Debian package that has each.
const PROGRAMS: &[(&str, &str)] = &[
    ("dpkg-source", "dpkg-dev"),
    ("debootstrap", "debootstrap"),
    ("gcc", "gcc"),
    ("strip", "binutils"),
    ("ip", "iproute2"),
    ("nsenter", "util-linux"),
    ("unshare", "util-linux"),
    ("mount", "mount"),
    ("tar", "tar"),
    ("xz", "xz-utils"),
    ("sha256sum", "coreutils"),
];

/// kubelet, containerd, systemd and five Go servers per node each hold a few inotify instances, and the
/// kernel's default of 128 per user is spent by one node.
const LIMITS: &[(&str, u64)] =
    &[("/proc/sys/fs/inotify/max_user_instances", 1024), ("/proc/sys/fs/inotify/max_user_watches", 524_288)];

/// Refuses machines on which a node cannot be made, and installs the programs that are missing.
pub fn prepare() -> Result<()> {
    if cmd("id").arg("-u").run()?.trim() != "0" {
        bail!("making a node needs namespaces, mounts and cgroups: run this test as root");
    }
    if !cfg!(target_arch = "x86_64") {
        bail!("images are made for amd64 only so far");
    }
    let missing: Vec<&str> = PROGRAMS.iter().filter(|(program, _)| !on_path(program)).map(|(_, p)| *p).collect();
    // The static pause program links against libc.a, which no program on PATH tells of.
    let libc = cmd("dpkg-query").args(["-W", "libc6-dev"]).succeeds();
    let missing: Vec<&str> = missing.into_iter().chain((!libc).then_some("libc6-dev")).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let apt = |words: &[&str]| {
        let options = ["-q", "-y", "-o", "DPkg::Lock::Timeout=300"];
        cmd("apt-get").env("DEBIAN_FRONTEND", "noninteractive").args(options).args(words).run()
    };
    apt(&["update"])?;
    apt(&[&["install", "--no-install-recommends"], missing.as_slice()].concat())
        .with_context(|| format!("could not install {}", missing.join(" ")))?;
    Ok(())
}

/// Raises the limits that are too low, and has them restored.
pub fn raise_limits(undo: &mut Undo) -> Result<()> {
    for (file, wanted) in LIMITS {
        let before = fs::read_to_string(file).with_context(|| format!("could not read {file}"))?;
        let before = before.trim();
        if before.parse::<u64>().is_ok_and(|n| n < *wanted) {
            // Restored only if it is still ours: somebody may have raised it further meanwhile.
            undo.push(&format!("[ \"$(cat {file})\" != {wanted} ] || echo {before} > {file}"))?;
            fs::write(file, wanted.to_string()).with_context(|| format!("could not raise {file}"))?;
        }
    }
    Ok(())
}

/// Has what pods on one bridge say to each other pass the rules that route Services. Without it, only tests of Services
/// fail, so a machine that cannot is told and not refused.
pub fn filter_bridges(undo: &mut Undo) -> Result<()> {
    if Path::new("/proc/sys/net/bridge").exists() {
        return Ok(());
    }
    undo.push("! grep -q '^br_netfilter ' /proc/modules || modprobe -r br_netfilter")?;
    if let Err(error) = cmd("modprobe").arg("br_netfilter").run() {
        eprintln!("pods will not reach Services here: {error:#}");
    }
    Ok(())
}

/// Whether this machine lets root raise limits and lower OOM scores (CAP_SYS_RESOURCE, bit 24): where a
/// container took that away, containerd must be told not to try.
pub fn has_sys_resource() -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|l| l.strip_prefix("CapBnd:"));
    mask.and_then(|m| u64::from_str_radix(m.trim(), 16).ok()).is_some_and(|m| m & (1 << 24) != 0)
}

fn on_path(program: &str) -> bool {
    cmd("sh").args(["-c", "command -v \"$0\"", program]).succeeds()
}
