//! Mounted file systems with their sizes, and the block devices below them.

use kubephase_model::plugin::facts::Mount;

use super::block::BLOCK;
use super::{link_name, text};
use crate::machine::Machine;
use crate::{Node, probe};

/// File systems whose server, or program, may be gone: asking them for their size may never end.
const REMOTE: [&str; 15] = [
    "9p",
    "afs",
    "autofs",
    "beegfs",
    "ceph",
    "cifs",
    "gfs2",
    "glusterfs",
    "lustre",
    "nfs",
    "nfs4",
    "ocfs2",
    "smb3",
    "smbfs",
    "virtiofs",
];

/// In the kernel's order.
pub(super) fn mounts(node: &Node) -> Vec<Mount> {
    let table = text(node, "/proc/self/mountinfo");
    let plain = || probe::mounts(node).unwrap_or_default().into_iter().map(Known::from).collect();
    let known: Vec<Known> = if table.is_empty() { plain() } else { table.lines().filter_map(parse).collect() };
    known.into_iter().map(|mount| finish(node, mount)).collect()
}

/// What the tables say.
struct Known {
    mount: Mount,
    /// `major:minor`, if it is told.
    device: Option<String>,
}

impl From<probe::Mount> for Known {
    fn from(mount: probe::Mount) -> Self {
        let probe::Mount { source, target, fs_type, options } = mount;
        Self { mount: Mount { source, target, fs_type, options, ..Mount::default() }, device: None }
    }
}

/// One line of proc_pid_mountinfo(5): `36 35 98:0 /root /mnt rw,noatime master:1 - ext3 /dev/root rw,errors=continue`.
fn parse(line: &str) -> Option<Known> {
    let (first, second) = line.split_once(" - ")?;
    let mut first = first.split(' ').skip(2);
    let device = first.next()?.to_owned();
    let target = probe::unescape(first.nth(1)?);
    let own = first.next()?;
    let mut second = second.split(' ');
    let (fs_type, source) = (second.next()?.to_owned(), probe::unescape(second.next()?));
    let mut options: Vec<String> = own.split(',').map(str::to_owned).collect();
    // Of the file system itself, shared by all its mounts: what the mount says of itself counts more.
    for option in second.next().unwrap_or_default().split(',').filter(|option| !matches!(*option, "" | "ro" | "rw")) {
        if !options.iter().any(|known| known == option) {
            options.push(option.to_owned());
        }
    }
    Some(Known { mount: Mount { target, source, fs_type, options, ..Mount::default() }, device: Some(device) })
}

fn finish(node: &Node, known: Known) -> Mount {
    let Known { mut mount, device } = known;
    mount.device = device.and_then(|number| link_name(node, &format!("/sys/dev/block/{number}"))).or_else(|| {
        // btrfs and others have numbers of their own.
        let name = mount.source.strip_prefix("/dev/")?;
        let name = link_name(node, &mount.source).unwrap_or_else(|| name.to_owned());
        node.exists(&format!("{BLOCK}/{name}")).then_some(name)
    });
    let remote = REMOTE.contains(&&*mount.fs_type) || mount.fs_type.starts_with("fuse");
    // A machine that is described by files has no file systems of its own.
    if !remote
        && matches!(node.machine(), Machine::Live)
        && let Ok(stat) = rustix::fs::statvfs(node.host_path(&mount.target))
    {
        mount.size = stat.f_blocks.saturating_mul(stat.f_frsize);
        mount.available = stat.f_bavail.saturating_mul(stat.f_frsize);
    }
    mount
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_becomes_a_mount() {
        let line = "36 35 98:0 /mnt1 /mnt\\0402 ro,noatime master:1 shared:2 - ext3 /dev/root rw,errors=continue";
        let known = parse(line).expect("a whole line");
        assert_eq!(
            (&*known.mount.target, &*known.mount.fs_type, &*known.mount.source),
            ("/mnt 2", "ext3", "/dev/root")
        );
        assert_eq!(known.mount.options, ["ro", "noatime", "errors=continue"]);
        assert_eq!(known.device.as_deref(), Some("98:0"));
        assert!(parse("36 35 98:0 /mnt1").is_none());
    }
}
