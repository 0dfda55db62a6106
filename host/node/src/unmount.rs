//! Unmounting file systems. Which ones, and in which order, is for others to say.

use std::io;

use rustix::mount::{UnmountFlags, unmount};

use crate::change::{Change, ChangeKind};
use crate::file::FileError;
use crate::node::Node;

/// Names of flags for umount(2), as kubeadm's `unmountFlags` has them.
const FLAGS: [(&str, UnmountFlags); 4] = [
    ("MNT_FORCE", UnmountFlags::FORCE),
    ("MNT_DETACH", UnmountFlags::DETACH),
    ("MNT_EXPIRE", UnmountFlags::EXPIRE),
    ("UMOUNT_NOFOLLOW", UnmountFlags::NOFOLLOW),
];

impl Node {
    /// Unmounts what is mounted at a path, with flags by their names; unknown ones do not count. A link there is never
    /// followed. A dry run only records it.
    pub fn unmount(&self, path: &str, flags: &[String]) -> Result<(), FileError> {
        if self.is_dry_run() {
            self.record(Change::new(&format!("would unmount {path}"), ChangeKind::Ran));
            return Ok(());
        }
        let given = FLAGS.iter().filter(|(name, _)| flags.iter().any(|flag| flag == name));
        let flags = given.fold(UnmountFlags::NOFOLLOW, |all, (_, flag)| all | *flag);
        unmount(self.host_path(path), flags)
            .map_err(|errno| FileError::new("unmount", path, io::Error::from(errno)))?;
        self.record(Change::new(&format!("unmount {path}"), ChangeKind::Ran));
        Ok(())
    }
}
