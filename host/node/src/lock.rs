//! Two runs on one node must not overlap: an advisory lock on a file, released by the kernel however the run ends.

use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use kubephase_model::layout::STATE_DIR;
use rustix::fs::{FlockOperation, flock};

use crate::Node;

/// Held for as long as a run changes the node; dropping it lets the next run in.
#[derive(Debug)]
pub struct RunLock {
    /// `None` in a dry run, which changes nothing.
    _file: Option<File>,
}

/// The node is not ours to change now.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another run has it.
    #[error("another run of kubephase is changing this node{}: it holds {path}", holder(*pid))]
    Busy {
        /// The lock file.
        path: String,
        /// The other run's process id, if it could be read.
        pid: Option<u32>,
    },
    /// The lock file cannot be made or locked.
    #[error("cannot lock {path}")]
    File {
        /// The lock file.
        path: String,
        /// Why.
        #[source]
        source: io::Error,
    },
}

fn holder(pid: Option<u32>) -> String {
    pid.map(|pid| format!(" (process {pid})")).unwrap_or_default()
}

impl LockError {
    /// What to do about it.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Busy { .. } => Some("wait until it has ended, then try again"),
            Self::File { source, .. } if source.kind() == io::ErrorKind::PermissionDenied => Some("run as root"),
            Self::File { .. } => None,
        }
    }
}

impl Node {
    /// Takes the node for this run, without waiting. A dry run needs no lock and always gets one.
    pub fn lock(&self) -> Result<RunLock, LockError> {
        let path = format!("{STATE_DIR}/lock");
        if self.is_dry_run() {
            return Ok(RunLock { _file: None });
        }
        self.make_state_dir()
            .and_then(|()| take(&self.host_path(&path)))
            .map(|file| RunLock { _file: Some(file) })
            .map_err(|taken| match taken {
                Taken::By(pid) => LockError::Busy { path: path.clone(), pid },
                Taken::Failed(source) => LockError::File { path: path.clone(), source },
            })
    }

    fn make_state_dir(&self) -> Result<(), Taken> {
        self.make_dirs(&self.normal(STATE_DIR), None).map_err(Taken::Failed)
    }
}

enum Taken {
    By(Option<u32>),
    Failed(io::Error),
}

fn take(path: &Path) -> Result<File, Taken> {
    let mut options = File::options();
    options.read(true).write(true).create(true).truncate(false).mode(0o600);
    let mut file = options.open(path).map_err(Taken::Failed)?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => {}
        Err(rustix::io::Errno::WOULDBLOCK) => {
            let mut text = String::new();
            let read = file.read_to_string(&mut text).is_ok();
            return Err(Taken::By(text.trim().parse().ok().filter(|_| read)));
        }
        Err(errno) => return Err(Taken::Failed(errno.into())),
    }
    // The id is for the other run's message only; the kernel's lock is what counts.
    file.set_len(0)
        .and_then(|()| file.rewind())
        .and_then(|()| writeln!(file, "{}", std::process::id()))
        .map_err(Taken::Failed)?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_run_is_told_who_has_it() {
        let root = tempfile::tempdir().expect("a temporary directory");
        let first = Node::at(root.path()).lock().expect("nobody else is here");
        let error = Node::at(root.path()).lock().expect_err("it is taken");
        let text = error.to_string();
        assert!(text.contains(&format!("(process {})", std::process::id())), "{text}");
        assert!(text.contains("/var/lib/kubephase/lock"), "{text}");
        assert!(error.hint().expect("a hint").contains("wait"));
        drop(first);
        Node::at(root.path()).lock().expect("it is free again");
    }

    #[test]
    fn a_dry_run_leaves_no_lock_behind() {
        let (root, scratch) = (tempfile::tempdir().expect("a root"), tempfile::tempdir().expect("a scratch"));
        let node = Node::dry_run_of(root.path(), scratch.path());
        let _one = node.lock().expect("no lock is needed");
        let _two = node.lock().expect("no lock is needed");
        assert!(!root.path().join("var").exists() && !scratch.path().join("var").exists());
    }
}
