//! What a command shows, as text that is the same everywhere.

use crate::support::program::Outcome;

/// Exit code and both streams, each only if there is something in it.
pub fn of(outcome: &Outcome) -> String {
    let mut text = format!("exit code {}\n", outcome.code.unwrap_or(-1));
    for (name, stream) in [("stdout", outcome.out()), ("stderr", outcome.err())] {
        if !stream.is_empty() {
            text += &format!("--- {name}\n{stream}");
        }
    }
    text
}

/// The same without what files contain and how they differ, which other tests look at.
pub fn outline(outcome: &Outcome) -> String {
    let text = of(outcome);
    let lines = text.lines().filter(|line| !line.starts_with("    "));
    lines.collect::<Vec<_>>().join("\n")
}

/// Compares with the snapshot of that name, after replacing what differs from run to run or from host to host.
#[macro_export]
macro_rules! screen {
    ($name:expr, $outcome:expr) => {
        $crate::screen!(text $name, $crate::screen::of(&$outcome))
    };
    (text $name:expr, $text:expr) => {
        insta::with_settings!({ filters => vec![
            // Durations, times, temporary directories, our version.
            (r" +\d+(\.\d+)? ?(µs|ms|s|min)\b", " [TIME]"),
            (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", "[WHEN]"),
            (r"/tmp/[.A-Za-z0-9_-]+", "[DIR]"),
            (concat!("v", env!("CARGO_PKG_VERSION")), "[VERSION]"),
            // Some terminals' tools pad lines.
            (r"(?m)[ \t]+$", ""),
        ], omit_expression => true }, {
            insta::assert_snapshot!($name, $text);
        });
    };
}
