//! What becomes of one file that the journal names, when what made it is undone.

use kubephase_model::File;
use kubephase_node::{Node, Owner};

use crate::error::PhaseError;
use crate::journal::{Journal, digest_of};

/// What is to become of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is gone already, or has come back.
    Gone,
    /// It was made by us, and goes.
    Remove,
    /// It was there before, and gets back what it held.
    Restore,
    /// It stays, for this reason.
    Keep(String),
}

/// Judges a file by the journal. With `expected`, the digest of what was written last, one that holds something else by
/// now is somebody else's work and stays.
pub fn fate(node: &Node, journal: &Journal, path: &str, expected: Option<&str>) -> Result<Fate, PhaseError> {
    let Some(now) = node.read(path)? else { return Ok(Fate::Gone) };
    let now = digest_of(&now);
    let is_changed = expected.is_some_and(|expected| expected != now);
    Ok(match (journal.files.get(path).map(String::as_str), journal.originals.get(path)) {
        (Some("created"), _) if is_changed => Fate::Keep("it has been changed since it was written".into()),
        (Some("created"), _) => Fate::Remove,
        (Some("replaced"), Some(backup)) if backup.replaced_by == now || expected == Some(&*now) => Fate::Restore,
        (Some("replaced"), Some(backup)) => {
            let kept = &backup.kept;
            match node.read(kept)?.map(|kept| digest_of(&kept)) {
                // Undoing was cut off when it had come back. Its owner may not have.
                Some(kept) if kept == now => return Ok(Fate::Restore),
                // Copies go only when everything is back.
                None => return Ok(Fate::Gone),
                Some(_) => {}
            }
            Fate::Keep(format!("it has been changed since it was written; what it was before is in {kept}"))
        }
        (Some(_), None) => Fate::Keep("it was there before, and what it was is not known".into()),
        _ => Fate::Keep("it is not known to be ours".into()),
    })
}

/// Puts back what a file held, with the mode and the owner that it had.
pub fn bring_back(node: &Node, journal: &Journal, path: &str) -> Result<(), PhaseError> {
    let Some(backup) = journal.originals.get(path) else { return Ok(()) };
    let Some(contents) = node.read(&backup.kept)? else {
        return Err(PhaseError::NoBackup { path: path.to_owned(), kept: backup.kept.clone() });
    };
    // Nobody knows what is in it.
    node.ensure(&File { path: path.to_owned(), mode: backup.mode, contents, secret: true })?;
    let owner = Owner { uid: backup.uid, gid: backup.gid };
    if node.is_real() && node.owner(path) != Some(owner) {
        node.own(path, owner, backup.mode)?;
    }
    Ok(())
}
