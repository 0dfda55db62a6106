//! What was there before: whoever is to undo what he does, needs what he replaces.

use std::os::unix::fs::MetadataExt;

use kubephase_model::File;

use super::{FileError, Node};
use crate::change::{Before, Change};
use crate::node::lock;
use crate::owner::Owner;

/// A file as it was before it was replaced. May hold a secret.
#[derive(Clone, PartialEq, Eq)]
pub struct Original {
    /// Its path on the node.
    pub path: String,
    /// Its permission bits.
    pub mode: u32,
    /// Whose it was.
    pub owner: Owner,
    /// What was in it.
    pub contents: Vec<u8>,
}

/// Contents are not shown.
impl std::fmt::Debug for Original {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Original").field("path", &self.path).finish_non_exhaustive()
    }
}

/// What is kept, if anything is.
#[derive(Debug, Default)]
pub(crate) struct Originals {
    on: bool,
    kept: Vec<Original>,
}

impl Node {
    /// From now on what files hold is kept in memory when they are replaced, for [`Node::take_originals`]. A dry run
    /// replaces nothing, and keeps nothing.
    pub fn keep_originals(&self) {
        lock(self.originals()).on = !self.is_dry_run();
    }

    /// What has been replaced since the last call, in order. With [`Node::hold`] it is still in place until
    /// [`Node::settle`].
    pub fn take_originals(&self) -> Vec<Original> {
        std::mem::take(&mut lock(self.originals()).kept)
    }

    /// [`Node::ensure_now`] of files that are nobody's business: no change is told, no original kept.
    pub fn ensure_untold(&self, files: &[File]) -> Result<(), FileError> {
        let was_on = std::mem::replace(&mut lock(self.originals()).on, false);
        let told = self.told_so_far().len();
        let done = self.ensure_now(files);
        self.forget_after(told);
        lock(self.originals()).on = was_on;
        done.map(drop)
    }

    /// What has been done since [`Node::changes`] was called last, without taking it from there.
    pub fn told_so_far(&self) -> Vec<Change> {
        lock(self.all_changes()).clone()
    }

    fn forget_after(&self, told: usize) {
        lock(self.all_changes()).truncate(told);
    }

    /// Keeps what `file` is about to replace, unless that is a write of ours which is not even in place.
    pub(super) fn keep_original(&self, path: &str, before: &Before) {
        let Before::File { mode, contents: Some(contents) } = before else { return };
        if !lock(self.originals()).on || self.held().place(&self.normal(path)).is_some() {
            return;
        }
        let metadata = std::fs::metadata(self.host_path(path)).ok();
        let owner = metadata.map_or(Owner { uid: 0, gid: 0 }, |found| Owner { uid: found.uid(), gid: found.gid() });
        let path = self.normal(path).to_string_lossy().into_owned();
        lock(self.originals()).kept.push(Original { path, mode: *mode, owner, contents: contents.clone() });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ChangeKind;

    #[test]
    fn what_is_replaced_is_kept_and_our_own_drafts_are_not() {
        let root = tempfile::tempdir().expect("a directory");
        let node = Node::at(root.path());
        let put = |text: &str| node.ensure(&File::public("/etc/x", text)).expect("written").kind;
        put("theirs");
        node.keep_originals();
        node.hold();
        assert_eq!(put("theirs"), ChangeKind::Unchanged);
        assert_eq!(node.take_originals(), []);
        put("ours");
        put("ours, again");
        let kept = node.take_originals();
        let seen: Vec<_> = kept.iter().map(|kept| (kept.path.as_str(), kept.mode, &*kept.contents)).collect();
        assert_eq!(seen, [("/etc/x", 0o644, &b"theirs"[..])]);
        assert!(!format!("{kept:?}").contains("theirs"));
    }

    #[test]
    fn what_is_untold_leaves_no_trace() {
        let root = tempfile::tempdir().expect("a directory");
        let node = Node::at(root.path());
        node.keep_originals();
        node.ensure(&File::public("/told", "1")).expect("written");
        node.ensure_untold(&[File::private("/state/journal", "1")]).expect("written");
        node.ensure_untold(&[File::private("/state/journal", "2")]).expect("written");
        assert_eq!(node.changes().iter().map(|change| change.path.as_str()).collect::<Vec<_>>(), ["/told"]);
        assert_eq!(node.take_originals(), []);
        assert_eq!(std::fs::read(root.path().join("state/journal")).expect("in place"), b"2");
    }
}
