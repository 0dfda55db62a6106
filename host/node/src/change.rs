//! What was done, as values: events, the journal and a dry run's listing are made from these.

use kubephase_model::File;
use serde::Serialize;
use similar::TextDiff;

/// Larger texts are not compared line by line: nobody reads such a diff, and it costs time.
const DIFF_LIMIT: usize = 1 << 20;

/// What became of one thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum ChangeKind {
    /// It was not there.
    Created,
    /// It was there with other contents or another mode.
    Replaced,
    /// It was already as wanted.
    Unchanged,
    /// It was there and is gone.
    Removed,
    /// A program with effects ran, or in a dry run would have.
    Ran,
}

/// One thing done to the node, or in a dry run not done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Change {
    /// The path on the node; for [`ChangeKind::Ran`] what was done in words ("restart kubelet", in a dry run "would
    /// restart kubelet").
    pub path: String,
    /// What became of it.
    pub kind: ChangeKind,
    /// Unified diff of text; `None` for secrets, for what is not text and if nothing changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub diff: Option<String>,
    /// True if the old or the new contents are a secret.
    pub secret: bool,
    /// Which object of the cluster, if this is one; `path` then names it in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub object: Option<ObjectId>,
}

/// An object of the cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct ObjectId {
    /// Such as `apps/v1`.
    pub api_version: String,
    /// Such as `Deployment`.
    pub kind: String,
    /// Its namespace, if its kind has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// Its name.
    pub name: String,
}

impl Change {
    pub(crate) fn new(path: &str, kind: ChangeKind) -> Self {
        Self { path: path.to_owned(), kind, diff: None, secret: false, object: None }
    }
}

/// What is on the node where a file is wanted.
#[derive(Debug)]
pub(crate) enum Before {
    Nothing,
    /// Contents are `None` if this user may not read them.
    File {
        mode: u32,
        contents: Option<Vec<u8>>,
    },
}

/// Compares what is with what is wanted. Nothing of a secret gets into the result, whichever side holds it.
pub(crate) fn compare(before: &Before, wanted: &File) -> Change {
    let mut change = Change { secret: wanted.secret, ..Change::new(&wanted.path, ChangeKind::Created) };
    let old: &[u8] = match before {
        Before::Nothing => &[],
        Before::File { mode, contents } => {
            let old = contents.as_deref();
            change.secret |= old.is_none_or(|text| was_secret(text, *mode, wanted.mode));
            change.kind = ChangeKind::Replaced;
            if old == Some(&*wanted.contents) {
                if *mode == wanted.mode {
                    change.kind = ChangeKind::Unchanged;
                } else if !change.secret {
                    change.diff = Some(format!("old mode {mode:04o}\nnew mode {:04o}\n", wanted.mode));
                }
                return change;
            }
            old.unwrap_or_default()
        }
    };
    if !change.secret {
        change.diff = diff(old, &wanted.contents, matches!(before, Before::Nothing), &wanted.path);
    }
    change
}

/// A file that is about to become readable by others, or that holds credentials, was a secret whatever its
/// replacement is.
fn was_secret(contents: &[u8], mode: u32, wanted_mode: u32) -> bool {
    const MARKS: [&[u8]; 5] = [b"PRIVATE KEY-----", b"client-key-data:", b"token:", b"password:", b"\"auth\":"];
    let opened_up = mode & 0o077 == 0 && wanted_mode & 0o077 != 0;
    opened_up || MARKS.iter().any(|mark| contents.windows(mark.len()).any(|window| window == *mark))
}

fn diff(old: &[u8], new: &[u8], created: bool, path: &str) -> Option<String> {
    diff_texts(std::str::from_utf8(old).ok()?, std::str::from_utf8(new).ok()?, created, path)
}

/// A unified diff; `None` if the texts are too long to compare.
pub(crate) fn diff_texts(old: &str, new: &str, created: bool, path: &str) -> Option<String> {
    if old.len() + new.len() > DIFF_LIMIT {
        return None;
    }
    let before = if created { "/dev/null" } else { path };
    Some(TextDiff::from_lines(old, new).unified_diff().header(before, path).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn was(mode: u32, contents: &str) -> Before {
        Before::File { mode, contents: Some(contents.as_bytes().to_vec()) }
    }

    #[test]
    fn a_changed_line_shows_as_a_unified_diff() {
        let change = compare(&was(0o600, "a: 1\nb: 2\n"), &File::private("/x.yaml", "a: 1\nb: 3\n"));
        assert_eq!(change.kind, ChangeKind::Replaced);
        assert_eq!(change.diff.as_deref(), Some("--- /x.yaml\n+++ /x.yaml\n@@ -1,2 +1,2 @@\n a: 1\n-b: 2\n+b: 3\n"));
    }

    #[test]
    fn a_new_file_is_compared_with_nothing() {
        let change = compare(&Before::Nothing, &File::public("/x", "one\n"));
        assert_eq!(change.kind, ChangeKind::Created);
        assert_eq!(change.diff.as_deref(), Some("--- /dev/null\n+++ /x\n@@ -0,0 +1 @@\n+one\n"));
    }

    #[test]
    fn only_the_mode_differs() {
        let change = compare(&was(0o644, "same"), &File::private("/x", "same"));
        assert_eq!(
            (change.kind, change.diff.as_deref()),
            (ChangeKind::Replaced, Some("old mode 0644\nnew mode 0600\n"))
        );
        assert_eq!(compare(&was(0o600, "same"), &File::private("/x", "same")).kind, ChangeKind::Unchanged);
    }

    #[test]
    fn neither_side_of_a_secret_is_shown() {
        let key = "-----BEGIN EC PRIVATE KEY-----\nAAAA\n-----END EC PRIVATE KEY-----\n";
        let cases = [
            (was(0o600, "old key"), File::secret("/k", "new key")),
            (was(0o600, key), File::private("/k", "harmless now\n")),
            (was(0o644, key), File::public("/k", "harmless now\n")),
            (was(0o600, "hidden until now"), File::public("/k", "open\n")),
            (Before::Nothing, File::secret("/k", "new key")),
            (Before::File { mode: 0o600, contents: None }, File::private("/k", "x\n")),
        ];
        for (before, wanted) in cases {
            let change = compare(&before, &wanted);
            assert_eq!((change.diff, change.secret), (None, true), "{before:?} → {wanted:?}");
        }
    }

    #[test]
    fn what_is_not_text_has_no_diff() {
        assert_eq!(compare(&was(0o644, "text\n"), &File::public("/b", [0xff, 0xfe, 0x00])).diff, None);
    }

    #[test]
    fn serialises_for_events() {
        let change = Change::new("/x", ChangeKind::Ran);
        let json = serde_json::to_string(&change).expect("plain data");
        assert_eq!(json, r#"{"path":"/x","kind":"ran","secret":false}"#);
    }
}
