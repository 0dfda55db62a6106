//! Changes as text: one line each, and their differences.

use kubephase_node::{Change, ChangeKind};

/// One line: `created /etc/kubernetes/admin.conf (secret)`.
pub fn line(change: &Change, would: bool) -> String {
    let verb = match (change.kind, would) {
        (ChangeKind::Created, true) => "would create",
        (ChangeKind::Created, false) => "created",
        (ChangeKind::Replaced, true) => "would replace",
        (ChangeKind::Replaced, false) => "replaced",
        (ChangeKind::Unchanged, true) => "would leave",
        (ChangeKind::Unchanged, false) => "unchanged",
        (ChangeKind::Removed, true) => "would remove",
        (ChangeKind::Removed, false) => "removed",
        // It says itself what was, or would be, done.
        (ChangeKind::Ran, _) => return change.path.clone(),
    };
    let secret = if change.secret { " (secret, contents not shown)" } else { "" };
    format!("{verb} {}{secret}", change.path)
}

/// The difference, indented; nothing for secrets.
pub fn difference(change: &Change) -> String {
    let diff = change.diff.as_deref().unwrap_or_default();
    diff.lines().map(|line| format!("    {line}\n")).collect()
}

/// How many of each kind, in words: `3 created, 1 unchanged`.
pub fn count(changes: &[Change]) -> String {
    let of = |kind: ChangeKind| changes.iter().filter(|change| change.kind == kind).count();
    [
        (of(ChangeKind::Created), "created"),
        (of(ChangeKind::Replaced), "replaced"),
        (of(ChangeKind::Removed), "removed"),
        (of(ChangeKind::Unchanged), "unchanged"),
    ]
    .iter()
    .filter(|(count, _)| *count > 0)
    .map(|(count, what)| format!("{count} {what}"))
    .collect::<Vec<_>>()
    .join(", ")
}
