//! Tokens as text and as documents, as `kubeadm token list` shows them. Both hold the tokens themselves: that is what
//! they are for.

use std::time::SystemTime;

use kubephase_model::config::v1beta4::BootstrapToken;
use kubephase_model::time::parse_rfc3339;
use serde::Serialize;
use serde_json::ser::PrettyFormatter;
use serde_json::{Serializer, Value};

/// Columns, with the width that kubeadm gives to even the shortest text.
const COLUMNS: [(&str, usize); 6] =
    [("TOKEN", 7), ("TTL", 9), ("EXPIRES", 7), ("USAGES", 22), ("DESCRIPTION", 56), ("EXTRA GROUPS", 0)];
/// Between columns.
const GAP: usize = 3;

/// A table, one line per token; nothing at all if there is none. A token that is over is still there for a moment, until
/// the cluster's cleaner comes by: it says so.
pub fn table(tokens: &[BootstrapToken], now: SystemTime) -> String {
    if tokens.is_empty() {
        return String::new();
    }
    let header = COLUMNS.map(|(title, _)| title.to_owned());
    let rows: Vec<[String; 6]> = std::iter::once(header).chain(tokens.iter().map(|token| row(token, now))).collect();
    let width = |column: usize| {
        let longest = rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
        longest.max(COLUMNS[column].1) + GAP
    };
    let mut text = String::new();
    for row in &rows {
        for (column, cell) in row.iter().enumerate().take(5) {
            text.push_str(&format!("{cell:<width$}", width = width(column)));
        }
        text.push_str(&row[5]);
        text.push('\n');
    }
    text
}

fn row(token: &BootstrapToken, now: SystemTime) -> [String; 6] {
    let or = |text: String, empty: &str| if text.is_empty() { empty.to_owned() } else { text };
    let expires = token.expires.clone().unwrap_or_default();
    let left = parse_rfc3339(&expires).map(|end| left(end, now));
    [
        token.token.clone(),
        or(left.unwrap_or_default(), "<forever>"),
        or(expires, "<never>"),
        or(token.usages.join(","), "<none>"),
        // Whoever made the token wrote it: a line's end would make two of it, an escape play with the terminal.
        or(token.description.replace(char::is_control, " "), "<none>"),
        or(token.groups.join(","), "<none>").replace(char::is_control, " "),
    ]
}

/// How long it is until `end`, in its largest unit (`duration.ShortHumanDuration` of k8s.io/apimachinery).
fn left(end: SystemTime, now: SystemTime) -> String {
    let Ok(left) = end.duration_since(now) else {
        // Clocks differ by a little.
        let over = now.duration_since(end).is_ok_and(|over| over.as_secs() > 1);
        return if over { "<expired>".to_owned() } else { "0s".to_owned() };
    };
    let seconds = left.as_secs();
    let (minutes, hours) = (seconds / 60, seconds / 3600);
    match (seconds, minutes, hours) {
        (..60, _, _) => format!("{seconds}s"),
        (_, ..60, _) => format!("{minutes}m"),
        (_, _, ..24) => format!("{hours}h"),
        (_, _, ..8760) => format!("{}d", hours / 24),
        _ => format!("{}y", hours / 8760),
    }
}

/// `BootstrapToken` of `output.kubeadm.k8s.io/v1alpha3`: what is empty is left out.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Document<'a> {
    kind: &'static str,
    api_version: &'static str,
    token: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    description: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires: Option<&'a str>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    usages: &'a [String],
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    groups: &'a [String],
}

impl<'a> Document<'a> {
    fn of(token: &'a BootstrapToken) -> Self {
        Self {
            kind: "BootstrapToken",
            api_version: "output.kubeadm.k8s.io/v1alpha3",
            token: &token.token,
            description: &token.description,
            expires: token.expires.as_deref(),
            usages: &token.usages,
            groups: &token.groups,
        }
    }
}

/// One document.
pub fn document(token: &BootstrapToken) -> Value {
    serde_json::to_value(Document::of(token)).unwrap_or_default()
}

/// All as JSON, one document after the other, each indented by four spaces.
pub fn json(tokens: &[BootstrapToken]) -> String {
    let mut text = Vec::new();
    for token in tokens {
        let mut writer = Serializer::with_formatter(&mut text, PrettyFormatter::with_indent(b"    "));
        // Strings into memory: there is nothing to fail.
        let _ = Document::of(token).serialize(&mut writer);
        text.push(b'\n');
    }
    String::from_utf8(text).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    macro_rules! recorded {
        ($name:literal) => {
            include_str!(concat!("../../../../tests/fixtures/golden/v1.36/live/cmd/", $name))
        };
    }

    fn at(text: &str) -> SystemTime {
        parse_rfc3339(text).unwrap()
    }

    fn certs() -> BootstrapToken {
        BootstrapToken {
            token: "a2ak3h.5s4ipdgclrubyzzu".into(),
            description: "Proxy for managing TTL for the kubeadm-certs secret".into(),
            expires: Some("2026-11-23T02:38:20Z".into()),
            ..BootstrapToken::default()
        }
    }

    fn join() -> BootstrapToken {
        BootstrapToken {
            token: "abcdef.0123456789abcdef".into(),
            expires: Some("2026-11-24T00:38:20Z".into()),
            usages: vec!["authentication".into(), "signing".into()],
            groups: vec!["system:bootstrappers:kubeadm:default-node-token".into()],
            ..BootstrapToken::default()
        }
    }

    fn made() -> BootstrapToken {
        BootstrapToken {
            token: "123456.0123456789abcdef".into(),
            description: "made by the rig".into(),
            expires: Some("2026-11-23T02:45:26Z".into()),
            ..join()
        }
    }

    #[test]
    fn tables_are_kubeadms() {
        let now = at("2026-11-23T00:45:27Z");
        assert_eq!(table(&[certs(), join()], now), recorded!("token-list.out"));
        assert_eq!(table(&[made(), certs(), join()], now), recorded!("token-list2.out"));
        assert_eq!(table(&[], now), "");
    }

    #[test]
    fn documents_are_kubeadms() {
        assert_eq!(json(&[certs(), join()]), recorded!("token-list-json.out"));
        assert_eq!(document(&certs())["description"], certs().description);
        assert_eq!(document(&certs()).get("groups"), None);
    }

    #[test]
    fn what_is_over_or_never_is_says_so() {
        let now = at("2026-11-23T02:38:30Z");
        let never = BootstrapToken { expires: None, ..join() };
        let text = table(&[certs(), never], now);
        let lines: Vec<Vec<&str>> = text.lines().map(|line| line.split_whitespace().collect()).collect();
        assert_eq!(lines[1][1..3], ["<expired>", "2026-11-23T02:38:20Z"]);
        assert_eq!(lines[2][1..3], ["<forever>", "<never>"]);
    }

    #[test]
    fn a_long_or_nasty_description_keeps_its_column() {
        let description = format!("two\nlines, \u{1b}[31mred\u{1b}[0m and {}", "ä".repeat(60));
        let token = BootstrapToken { description, ..join() };
        let text = table(&[token, join()], at("2026-11-23T00:45:27Z"));
        assert_eq!(text.lines().count(), 3);
        assert!(!text.contains('\u{1b}'));
        let starts: Vec<usize> = text
            .lines()
            .filter_map(|line| Some(line[..line.rfind("EXTRA").or(line.rfind("system:"))?].chars().count()))
            .collect();
        assert!(starts.len() == 3 && starts.iter().all(|start| *start == starts[0]), "{starts:?}\n{text}");
    }

    #[test]
    fn how_long_it_is() {
        let end = at("2026-11-23T00:00:00Z");
        for (seconds, text) in [
            (0, "0s"),
            (59, "59s"),
            (60, "1m"),
            (3599, "59m"),
            (3600, "1h"),
            (86399, "23h"),
            (86400, "1d"),
            (364 * 86400, "364d"),
            (365 * 86400, "1y"),
            (800 * 86400, "2y"),
        ] {
            assert_eq!(left(end, end - Duration::from_secs(seconds)), text);
        }
        assert_eq!(left(end, end + Duration::from_secs(1)), "0s");
        assert_eq!(left(end, end + Duration::from_secs(2)), "<expired>");
    }
}
