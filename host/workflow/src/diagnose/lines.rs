//! Reading log lines without regular expressions.

/// Longest quote of a log line, in characters.
const QUOTE: usize = 400;

/// Takes the escapes off quotes, so that klog's `err="… \"x\""` and etcd's JSON read like the plain text of older
/// releases.
pub fn unescape(line: &str) -> String {
    line.replace('\\', "")
}

/// True if the line has all of the needles.
pub fn has(line: &str, needles: &[&str]) -> bool {
    needles.iter().all(|needle| line.contains(needle))
}

/// What stands between double quotes after `marker`.
pub fn quoted_after<'a>(line: &'a str, marker: &str) -> Option<&'a str> {
    let rest = line.split_once(marker)?.1.trim_start();
    let (inside, _) = rest.strip_prefix('"')?.split_once('"')?;
    (!inside.is_empty()).then_some(inside)
}

/// The word after `marker`, without quotes and closing punctuation.
pub fn word_after<'a>(line: &'a str, marker: &str) -> Option<&'a str> {
    let rest = line.split_once(marker)?.1.trim_start();
    let word = rest.split([' ', '"', ',', ';', ')', ']']).next()?.trim_end_matches([':', '.']);
    (!word.is_empty()).then_some(word)
}

/// The rest of the line after `marker`, without the quote that ends klog's `err="…"`.
pub fn rest_after<'a>(line: &'a str, marker: &str) -> Option<&'a str> {
    let rest = line.split_once(marker)?.1.trim().trim_end_matches('"');
    (!rest.is_empty()).then_some(rest)
}

/// A line short enough to show.
pub fn shorten(line: &str) -> String {
    let line = line.trim();
    match line.char_indices().nth(QUOTE) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_words_and_quotes() {
        let line =
            r#"E0520 12:00:00.1 1 run.go:72] "command failed" err="failed to parse kubelet flag: unknown flag: --foo""#;
        assert_eq!(word_after(line, "unknown flag: "), Some("--foo"));
        assert_eq!(
            quoted_after(r#"failed to get sandbox image "registry.k8s.io/pause:3.9": x"#, "sandbox image"),
            Some("registry.k8s.io/pause:3.9")
        );
        assert_eq!(rest_after(line, "err=\""), Some("failed to parse kubelet flag: unknown flag: --foo"));
        assert_eq!(word_after("no marker", "x: "), None);
    }

    #[test]
    fn shortens_by_characters() {
        let long = "é".repeat(500);
        assert_eq!(shorten(&long).chars().count(), QUOTE + 1);
        assert_eq!(shorten(" short "), "short");
    }
}
