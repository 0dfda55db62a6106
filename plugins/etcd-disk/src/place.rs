//! Where etcd's files are: the file system, and the disk below it.

use kubephase_sdk::facts::{BlockDevice, Mount};
use kubephase_sdk::prelude::*;

use crate::LINK;
use crate::amount::Amount;
use crate::settings::Settings;

/// File systems that are on other machines, or that others write to at the same time.
const NETWORK: [&str; 22] = [
    "9p",
    "afs",
    "beegfs",
    "ceph",
    "cifs",
    "fuse.ceph",
    "fuse.ceph-fuse",
    "fuse.cephfs",
    "fuse.glusterfs",
    "fuse.s3fs",
    "fuse.sshfs",
    "gfs2",
    "glusterfs",
    "gpfs",
    "lustre",
    "ncpfs",
    "nfs",
    "nfs4",
    "ocfs2",
    "smb3",
    "smbfs",
    "virtiofs",
];
/// Kinds of disks that are on other machines.
const REMOTE: [&str; 3] = ["iscsi", "nbd", "rbd"];
/// Where the system itself writes: a file system that is mounted there is not etcd's own.
const SYSTEM: [&str; 4] = ["/", "/home", "/var", "/var/lib"];

/// What was seen.
pub struct Seen {
    /// File systems.
    pub mounts: Result<Vec<Mount>, Failure>,
    /// Disks.
    pub devices: Result<Vec<BlockDevice>, Failure>,
}

/// Asks.
pub fn look() -> Seen {
    Seen { mounts: facts::mounts(), devices: facts::block_devices() }
}

/// Judges the file system of the data and, if it is another one, that of the log.
pub fn judge(settings: &Settings, data: &str, log: &str, is_fast: bool, seen: &Seen) -> Vec<Finding> {
    let mounts = match &seen.mounts {
        Ok(mounts) => mounts,
        Err(failure) => {
            let what = format!("which file system holds {data}");
            return vec![Finding::cannot_tell("FileSystem", &what, failure)];
        }
    };
    let (Some(of_data), Some(of_log)) = (holder(data, mounts), holder(log, mounts)) else {
        let failure = Failure::other("no mounted file system holds it");
        return vec![Finding::cannot_tell("FileSystem", &format!("which file system holds {data}"), &failure)];
    };
    let mut findings: Vec<Finding> = free(settings, data, of_data).into_iter().collect();
    let places = if of_data == of_log { vec![(data, of_data)] } else { vec![(data, of_data), (log, of_log)] };
    for (directory, mount) in &places {
        findings.extend(kind(directory, mount));
        if settings.own_disk && SYSTEM.contains(&&*mount.target) {
            let seen = format!("{directory} shares the file system of {} with the system", mount.target);
            let remedy = "mount a disk of its own there, or set etcd.local.dataDir to a directory on one";
            findings
                .push(Finding::error("OwnDisk", seen).expected("a file system of its own").remedy(remedy).link(LINK));
        }
    }
    match &seen.devices {
        Ok(devices) => {
            let mut disks: Vec<(&str, &BlockDevice)> = Vec::new();
            for (directory, mount) in &places {
                let disk = mount.device.as_deref().and_then(|name| whole(name, devices));
                // One disk may hold both file systems.
                disks.extend(
                    disk.filter(|disk| disks.iter().all(|(_, other)| other != disk)).map(|disk| (*directory, disk)),
                );
            }
            findings.extend(disks.into_iter().filter_map(|(directory, one)| disk(directory, one, is_fast)));
        }
        Err(failure) => {
            findings.push(Finding::cannot_tell("Disk", &format!("what kind of disk holds {data}"), failure))
        }
    }
    findings
}

/// The file system that holds a path, which need not exist: the deepest one, and of those at the same place the one that
/// was mounted last.
fn holder<'a>(path: &str, mounts: &'a [Mount]) -> Option<&'a Mount> {
    let holds = |mount: &&Mount| match path.strip_prefix(&*mount.target) {
        Some(rest) => rest.is_empty() || rest.starts_with('/') || mount.target == "/",
        None => false,
    };
    mounts.iter().filter(holds).max_by_key(|mount| mount.target.len())
}

fn free(settings: &Settings, directory: &str, mount: &Mount) -> Option<Finding> {
    if mount.size == 0 {
        let failure = Failure::other(format!("the file system at {} does not say", mount.target));
        return Some(Finding::cannot_tell("FreeSpace", &format!("how much is free for {directory}"), &failure));
    }
    let available = Amount(mount.available);
    if available >= settings.min_free {
        return None;
    }
    let seen = format!("{available} are free for {directory} on the file system at {}", mount.target);
    let finding = Finding::error("FreeSpace", seen).expected(format!("at least {}", settings.min_free));
    Some(
        finding
            .remedy(format!("make room on {}, or set etcd.local.dataDir to a directory on a larger disk", mount.target))
            .link(LINK),
    )
}

fn kind(directory: &str, mount: &Mount) -> Vec<Finding> {
    let on = format!("{directory} is on {} ({})", mount.fs_type, mount.source);
    let local = "move it to a file system on a local disk";
    let mut findings = Vec::new();
    if mount.options.iter().any(|option| option == "ro") {
        let finding = Finding::error("ReadOnly", format!("{on}, which is mounted read-only"));
        findings.push(finding.remedy(format!("see `dmesg` for why, then `mount -o remount,rw {}`", mount.target)));
    }
    match &*mount.fs_type {
        kind if NETWORK.contains(&kind) => {
            let finding = Finding::warning("NetworkDisk", on).expected("a file system on a local disk");
            let remedy = format!("{local}: locks and fsync of network file systems do not hold what etcd builds on");
            findings.push(finding.remedy(remedy).link(LINK));
        }
        "tmpfs" | "ramfs" => {
            let finding = Finding::warning("FileSystem", format!("{on}: a reboot loses the cluster"));
            findings.push(finding.expected("a file system on a disk").remedy(local).link(LINK));
        }
        "overlay" => {
            let finding = Finding::warning("FileSystem", format!("{on}, as containers have it"));
            findings.push(finding.expected("a file system on a disk").remedy("mount a volume there").link(LINK));
        }
        _ => {}
    }
    findings
}

/// Judges the disk below a file system.
fn disk(directory: &str, disk: &BlockDevice, is_fast: bool) -> Option<Finding> {
    let model = if disk.model.is_empty() { String::new() } else { format!(", {}", disk.model) };
    let on = format!("{directory} is on {} ({}{model})", disk.name, disk.transport);
    if REMOTE.contains(&&*disk.transport) {
        let finding = Finding::warning("NetworkDisk", format!("{on}, a disk on another machine"));
        let remedy = "use a local disk, or watch etcd's disk and network latency closely";
        return Some(finding.expected("a local disk").remedy(remedy).link(LINK));
    }
    if !disk.rotational {
        return None;
    }
    // Hypervisors call every disk of theirs a turning one unless they are told otherwise. What was measured counts.
    let finding = match (is_fast, &*disk.transport) {
        (true, "virtio") => return None,
        (true, _) => Finding::info("RotationalDisk", format!("{on}, which the kernel takes for a turning disk")),
        (false, _) => Finding::warning("RotationalDisk", format!("{on}, which the kernel takes for a turning disk"))
            .expected("an SSD or NVMe disk")
            .remedy("give etcd an SSD; on a virtual machine see what its disk really is"),
    };
    Some(finding.link(LINK))
}

/// The disk that a device is a part of.
fn whole<'a>(name: &str, devices: &'a [BlockDevice]) -> Option<&'a BlockDevice> {
    let find = |name: &str| devices.iter().find(|device| device.name == name);
    let mut disk = find(name)?;
    // Partitions of partitions do not exist; the number is against facts that go round in circles.
    for _ in 0..8 {
        match disk.parent.as_deref().and_then(find) {
            Some(parent) => disk = parent,
            None => break,
        }
    }
    Some(disk)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mount(target: &str, fs_type: &str, device: Option<&str>) -> Mount {
        Mount {
            target: target.into(),
            source: device.map_or("none".into(), |name| format!("/dev/{name}")),
            fs_type: fs_type.into(),
            options: vec!["rw".into()],
            size: 100 << 30,
            available: 50 << 30,
            device: device.map(Into::into),
            attributes: vec![],
        }
    }

    fn device(name: &str, transport: &str, rotational: bool, parent: Option<&str>) -> BlockDevice {
        BlockDevice {
            name: name.into(),
            size: 100 << 30,
            rotational,
            transport: transport.into(),
            model: String::new(),
            parent: parent.map(Into::into),
            attributes: vec![],
        }
    }

    fn judged(is_fast: bool, mounts: Vec<Mount>, devices: Vec<BlockDevice>) -> Vec<String> {
        let seen = Seen { mounts: Ok(mounts), devices: Ok(devices) };
        let findings = judge(&Settings::default(), "/var/lib/etcd", "/var/lib/etcd", is_fast, &seen);
        findings.into_iter().map(|finding| format!("{} {:?}", finding.id, finding.severity)).collect()
    }

    #[test]
    fn the_deepest_and_last_file_system_holds_a_path() {
        let mounts = [
            mount("/", "ext4", None),
            mount("/var/lib", "xfs", None),
            mount("/var/lib/etcd2", "xfs", None),
            mount("/var/lib", "nfs4", None),
        ];
        assert_eq!(holder("/var/lib/etcd", &mounts).expect("one").fs_type, "nfs4");
        assert_eq!(holder("/var/lib/etcd2/x", &mounts).expect("one").target, "/var/lib/etcd2");
        assert_eq!(holder("/srv", &mounts).expect("one").target, "/");
        assert_eq!(holder("/srv", &mounts[1..]), None);
    }

    #[test]
    fn a_turning_disk_is_believed_when_it_is_slow() {
        let root = || vec![mount("/", "ext4", Some("sda1"))];
        let sata = |turns| vec![device("sda", "sata", turns, None), device("sda1", "sata", turns, Some("sda"))];
        assert_eq!(judged(true, root(), sata(false)), [""; 0]);
        assert_eq!(judged(true, root(), sata(true)), ["RotationalDisk Severity::Info"]);
        assert_eq!(judged(false, root(), sata(true)), ["RotationalDisk Severity::Warning"]);
        let virtual_disk = || vec![device("sda1", "virtio", true, None)];
        assert_eq!(judged(true, root(), virtual_disk()), [""; 0]);
        assert_eq!(judged(false, root(), virtual_disk()), ["RotationalDisk Severity::Warning"]);
        assert_eq!(judged(true, root(), vec![]), [""; 0], "of no disk nothing is known");
    }

    #[test]
    fn what_is_elsewhere_or_nowhere_is_told() {
        let of = |fs_type: &str| judged(true, vec![mount("/", fs_type, None)], vec![]);
        assert_eq!(of("nfs4"), ["NetworkDisk Severity::Warning"]);
        assert_eq!(of("tmpfs"), ["FileSystem Severity::Warning"]);
        assert_eq!(of("overlay"), ["FileSystem Severity::Warning"]);
        let iscsi = vec![device("sda", "iscsi", false, None)];
        assert_eq!(judged(true, vec![mount("/", "xfs", Some("sda"))], iscsi), ["NetworkDisk Severity::Warning"]);
        let full = Mount { available: (8 << 30) - 1, options: vec!["ro".into()], ..mount("/", "xfs", None) };
        assert_eq!(judged(true, vec![full], vec![]), ["FreeSpace Severity::Error", "ReadOnly Severity::Error"]);
        let silent = Mount { size: 0, available: 0, ..mount("/", "xfs", None) };
        assert_eq!(judged(true, vec![silent], vec![]), ["FreeSpace Severity::Warning"]);
        assert_eq!(judged(true, vec![], vec![]), ["FileSystem Severity::Warning"]);
        let circle = vec![device("a", "sata", true, Some("b")), device("b", "sata", true, Some("a"))];
        assert_eq!(judged(true, vec![mount("/", "xfs", Some("a"))], circle).len(), 1);
    }

    #[test]
    fn data_and_log_are_both_looked_at_where_they_differ() {
        let mounts = vec![mount("/", "ext4", None), mount("/wal", "nfs", None)];
        let seen = Seen { mounts: Ok(mounts), devices: Ok(vec![]) };
        let settings = Settings { own_disk: true, ..Settings::default() };
        let findings = judge(&settings, "/var/lib/etcd", "/wal/etcd", true, &seen);
        let messages: Vec<&str> = findings.iter().map(|finding| &*finding.message).collect();
        let of_data = "/var/lib/etcd shares the file system of / with the system";
        assert_eq!(messages, [of_data, "/wal/etcd is on nfs (none)"]);
    }
}
