//! `--rootfs`: the process moves into another root directory before it looks at anything.

use std::io;
use std::path::Path;

/// The other root directory cannot be entered.
#[derive(Debug, thiserror::Error)]
#[error("cannot make {path} the root directory")]
pub struct RootfsError {
    path: String,
    #[source]
    source: io::Error,
}

impl RootfsError {
    /// What to do about it.
    pub fn hint(&self) -> Option<&'static str> {
        match self.source.kind() {
            io::ErrorKind::PermissionDenied => Some("run as root: only root may change the root directory"),
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => {
                Some("--rootfs must name an existing directory that holds the node's file system")
            }
            _ => None,
        }
    }
}

/// Makes `path` the root directory of this process, for good (kubeadm's `Chroot`: chroot, then chdir to `/`). Call it
/// before any [`crate::Node`] is made and before a second thread runs.
pub fn enter_rootfs(path: &str) -> Result<(), RootfsError> {
    let fail = |source| RootfsError { path: path.to_owned(), source };
    // chroot accepts a path into which chdir then fails, with an error that names "/" only.
    if !Path::new(path).is_dir() {
        std::fs::read_dir(path).map_err(fail)?;
    }
    std::os::unix::fs::chroot(path).and_then(|()| std::env::set_current_dir("/")).map_err(fail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_root_is_refused_with_advice() {
        let error = enter_rootfs("/does/not/exist").expect_err("there is no such directory");
        assert_eq!(error.to_string(), "cannot make /does/not/exist the root directory");
        assert!(error.hint().expect("a hint").contains("existing directory"));
    }

    #[test]
    fn a_file_is_no_root() {
        let file = tempfile::NamedTempFile::new().expect("a temporary file");
        let error = enter_rootfs(file.path().to_str().expect("a plain path")).expect_err("a file is no directory");
        assert!(error.hint().expect("a hint").contains("existing directory"));
    }
}
