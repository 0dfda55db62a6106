//! The command line as it was typed, for commands that do the same for real or once more. Pure.

use std::ffi::OsString;

/// Flags whose values are nobody else's business.
const SECRET: [&str; 4] = ["--token", "--certificate-key", "--discovery-token", "--tls-bootstrap-token"];
/// Flags of a rehearsal that have values.
const VALUED: [&str; 4] = ["--serve-port", "--keep", "--report", "--init-config"];

/// What was typed after `rehearse <command>`, and global flags before it, without some flags of the rehearsal: each with a
/// space before it, as a shell takes it.
pub fn flags(typed: impl IntoIterator<Item = OsString>, command: &str, without: &[&str]) -> String {
    let mut words = typed.into_iter().skip(1).map(|word| word.to_string_lossy().into_owned());
    let mut command = ["rehearse", command].into_iter().peekable();
    let mut text = String::new();
    while let Some(word) = words.next() {
        if command.next_if(|name| *name == word).is_some() {
            continue;
        }
        let (flag, value) = match word.split_once('=') {
            Some((flag, value)) => (flag, Some(value)),
            None => (word.as_str(), None),
        };
        if without.contains(&flag) {
            if value.is_none() && VALUED.contains(&flag) {
                words.next();
            }
            continue;
        }
        text.push(' ');
        if SECRET.contains(&flag) {
            if value.is_none() {
                words.next();
            }
            text.push_str(&format!("{flag} '…'"));
        } else {
            text.push_str(&quoted(&word));
        }
    }
    text
}

/// As a shell takes it for one word.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=,@%+".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn repeated(line: &[&str], without: &[&str]) -> String {
        flags(["kubephase"].iter().chain(line).map(OsString::from), line[1], without)
    }

    #[test]
    fn what_is_not_the_rehearsals_is_repeated() {
        let all = ["--serve", "--serve-port", "--keep", "--report", "--real-api"];
        let line = [
            "rehearse",
            "init",
            "--config",
            "init",
            "--serve",
            "--serve-port",
            "7000",
            "--keep=a",
            "--report",
            "b.html",
            "--node-name",
            "it's",
            "--real-api",
            "--upload-certs",
        ];
        assert_eq!(repeated(&line, &all), " --config init --node-name 'it'\\''s' --upload-certs");
        assert_eq!(repeated(&["rehearse", "init"], &all), "");
        assert_eq!(repeated(&["rehearse", "init", "--real-api", "--serve"], &["--serve"]), " --real-api");
    }

    #[test]
    fn secrets_are_not() {
        let line = ["rehearse", "init", "--token", "abcdef.0123456789abcdef", "--certificate-key=00ff", "--strict"];
        assert_eq!(repeated(&line, &[]), " --token '…' --certificate-key '…' --strict");
        let line = ["rehearse", "join", "cp:6443", "--discovery-token", "x", "--tls-bootstrap-token=y", "--serve"];
        let text = repeated(&line, &["--serve"]);
        assert_eq!(text, " cp:6443 --discovery-token '…' --tls-bootstrap-token '…'");
    }
}
