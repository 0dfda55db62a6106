//! A directory for a dry run's tree when the user names none: new, empty, and readable by its owner alone, because keys
//! land in it.

use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// A new directory, removed with everything in it when this is dropped, unless it is kept.
#[derive(Debug)]
pub struct ScratchDir(tempfile::TempDir);

impl ScratchDir {
    /// Makes one below the machine's directory for temporary files (`$TMPDIR`, else `/tmp`), mode 0700.
    pub fn new(prefix: &str) -> io::Result<Self> {
        let mode = std::fs::Permissions::from_mode(0o700);
        tempfile::Builder::new().prefix(prefix).permissions(mode).tempdir().map(Self)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// Lets it stay.
    pub fn keep(self) -> PathBuf {
        self.0.keep()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_its_owner_reads_it_and_it_goes_unless_kept() {
        let dir = ScratchDir::new("kubephase-test-").expect("made");
        let path = dir.path().to_owned();
        assert_eq!(std::fs::metadata(&path).expect("there").permissions().mode() & 0o777, 0o700);
        drop(dir);
        assert!(!path.exists());
    }
}
