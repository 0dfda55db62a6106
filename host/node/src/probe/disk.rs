//! Space on a file system.

use crate::Node;

/// Sizes in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Disk {
    /// Whole file system.
    pub total: u64,
    /// What an ordinary user may still use.
    pub available: u64,
}

/// The file system that holds `path` or, if that does not exist yet, the nearest directory above it; `None` if it does
/// not say.
pub fn disk(node: &Node, path: &str) -> Option<Disk> {
    let place = node.host_path(path);
    let existing = place.ancestors().find(|place| place.exists())?;
    let stat = rustix::fs::statvfs(existing).ok()?;
    Some(Disk {
        total: stat.f_blocks.saturating_mul(stat.f_frsize),
        available: stat.f_bavail.saturating_mul(stat.f_frsize),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_that_is_not_there_yet_counts_for_what_is_above_it() {
        let root = tempfile::tempdir().expect("a root");
        let node = Node::at(root.path());
        let (there, later) = (disk(&node, "/").expect("sizes"), disk(&node, "/var/lib/etcd").expect("sizes"));
        assert!(there.total > 0 && there.available <= there.total);
        assert_eq!(there.total, later.total);
    }
}
