//! Changes as text: one line each, and their differences.

use der::DateTime;
use kubephase_node::{Change, ChangeKind};
use kubephase_pki::Cert;

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
        (ChangeKind::Ran, _) => return plain(&change.path),
    };
    let secret = if change.secret { " (secret, contents not shown)" } else { "" };
    format!("{verb} {}{secret}", plain(&change.path))
}

/// One line as a terminal may have it. What is in a file may be anything: characters that would move the cursor, change
/// the direction of text or not be seen are written as escapes.
pub fn plain(line: &str) -> String {
    let hides = |c: char| {
        matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{feff}')
            || matches!(c, '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{e0000}'..='\u{e007f}')
    };
    let mut shown = String::with_capacity(line.len());
    for c in line.chars() {
        match c {
            '\t' => shown.push(c),
            c if c.is_control() || hides(c) => shown.extend(c.escape_default()),
            c => shown.push(c),
        }
    }
    shown
}

/// The difference, indented; nothing for secrets. Of what is encoded, what it is.
pub fn difference(change: &Change) -> String {
    let diff = change.diff.as_deref().unwrap_or_default();
    if let Some(what) = encoded(diff) {
        return format!("    {what}\n");
    }
    diff.lines().map(|line| format!("    {}\n", plain(line))).collect()
}

/// Base64 says nothing to a reader.
fn encoded(diff: &str) -> Option<String> {
    let pem = || diff.lines().filter_map(|line| line.strip_prefix(['+', ' ']).map(|line| format!("{line}\n")));
    let frame = pem().find_map(|line| line.strip_prefix("-----BEGIN ").map(str::to_owned))?;
    let kind = frame.trim_end().trim_end_matches('-').to_lowercase();
    let cert = (kind == "certificate").then(|| Cert::from_pem("", pem().collect::<String>().as_bytes()).ok()).flatten();
    let until = cert.as_ref().and_then(|cert| DateTime::from_system_time(cert.not_after).ok());
    Some(match (cert, until) {
        (Some(cert), Some(until)) => {
            let by = if cert.issuer == cert.subject { "itself".to_owned() } else { cert.issuer };
            format!("certificate of {} signed by {by}, valid until {until}", cert.subject)
        }
        _ => kind,
    })
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

#[cfg(test)]
mod tests {
    use super::*;

    fn change(diff: &str) -> Change {
        let (path, kind) = ("/x".to_owned(), ChangeKind::Created);
        Change { path, kind, diff: Some(diff.to_owned()), secret: false, object: None }
    }

    #[test]
    fn certificates_are_named_not_shown() {
        let pem =
            include_str!("../../../tests/fixtures/golden/v1.36/01-defaults/files/etc/kubernetes/pki/apiserver.crt");
        let added: String = pem.lines().map(|line| format!("+{line}\n")).collect();
        let shown = difference(&change(&format!("--- /dev/null\n+++ /x\n@@ -0,0 +1,20 @@\n{added}")));
        assert!(
            shown.starts_with("    certificate of CN=kube-apiserver signed by CN=kubernetes, valid until 20"),
            "{shown}"
        );
        assert_eq!(shown.lines().count(), 1);
    }

    #[test]
    fn other_encoded_things_are_called_what_they_are() {
        let diff =
            "--- /dev/null\n+++ /x\n@@ -0,0 +1,3 @@\n+-----BEGIN PUBLIC KEY-----\n+AAAA\n+-----END PUBLIC KEY-----\n";
        assert_eq!(difference(&change(diff)), "    public key\n");
        let diff =
            "--- /x\n+++ /x\n@@ -1,3 +1,3 @@\n -----BEGIN CERTIFICATE-----\n-AAAA\n+BBBB\n -----END CERTIFICATE-----\n";
        assert_eq!(difference(&change(diff)), "    certificate\n");
    }

    #[test]
    fn nothing_in_a_file_moves_the_cursor() {
        let shown = difference(&change("@@ -0,0 +1 @@\n+a\u{1b}[2Jb\tc\u{202e}d\r\n"));
        assert_eq!(shown, "    @@ -0,0 +1 @@\n    +a\\u{1b}[2Jb\tc\\u{202e}d\n");
    }

    #[test]
    fn everything_else_is_shown() {
        assert_eq!(difference(&change("@@ -1 +1 @@\n-a: 1\n+a: 2\n")), "    @@ -1 +1 @@\n    -a: 1\n    +a: 2\n");
    }
}
