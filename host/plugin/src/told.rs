//! What plugins tell while they run. Where it goes is the caller's business.

use std::collections::VecDeque;
use std::sync::Arc;

/// One thing that a plugin told. Texts are one line without control characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told {
    /// A line of its log.
    Log {
        /// How loud.
        volume: Volume,
        /// The line.
        message: String,
    },
    /// How far it is.
    Progress {
        /// What it is doing.
        what: String,
        /// How much of it is done.
        percent: Option<u8>,
    },
}

/// How loud a line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Volume {
    /// Always shown.
    Warning,
    /// From `-v=1` on.
    Info,
    /// From `-v=2` on.
    Debug,
    /// From `-v=3` on.
    Trace,
}

/// Hears what the plugin of that name tells.
pub type Ear = Arc<dyn Fn(&str, Told) + Send + Sync>;

/// How much of its log is kept, in bytes per call.
const BUDGET: usize = 256 << 10;
/// How long a line is.
const LINE: usize = 2000;
/// How many lines are shown beside a failure.
const LAST: usize = 20;

/// Counts what a plugin tells in one call, and keeps its last words.
#[derive(Debug, Default)]
pub(crate) struct Budget {
    spent: usize,
    /// Lines that were left out.
    pub dropped: usize,
    /// The last lines.
    pub last: VecDeque<String>,
}

impl Budget {
    /// The line as it may be shown; `None` if there have been enough.
    pub fn take(&mut self, message: &str) -> Option<String> {
        self.spent = self.spent.saturating_add(message.len().max(16));
        if self.spent > BUDGET {
            self.dropped += 1;
            return None;
        }
        let line = one_line(message, LINE);
        if self.last.len() == LAST {
            self.last.pop_front();
        }
        self.last.push_back(line.clone());
        Some(line)
    }

    /// What a Rust plugin says when it panics, as the SDK's hook logs it.
    pub fn panic(&self) -> Option<&str> {
        self.last.iter().rev().find(|line| line.contains("panicked at")).map(String::as_str)
    }
}

/// Whether a character is not shown as one: it moves a terminal's cursor, ends a line, changes the direction of text, or
/// is not seen at all. The two joiners, which some scripts are not written without, may stay.
pub(crate) fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{feff}')
        || matches!(c, '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{fff9}'..='\u{fffb}')
        || matches!(c, '\u{e0000}'..='\u{e007f}')
}

/// Text from a plugin, as one line that cannot move a terminal's cursor or hide what it says: what [`is_hidden`] becomes
/// `�`.
pub(crate) fn one_line(text: &str, longest: usize) -> String {
    let clean = |c: char| match c {
        '\n' | '\t' => ' ',
        c if is_hidden(c) => '\u{fffd}',
        c => c,
    };
    let mut line: String = text.trim().chars().take(longest).map(clean).collect();
    if text.trim().chars().nth(longest).is_some() {
        line.push('…');
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_move_a_cursor_is_replaced() {
        assert_eq!(one_line("a\x1b[2Jb\r\nc\u{202e}d", 100), "a\u{fffd}[2Jb\u{fffd} c\u{fffd}d");
        assert_eq!(one_line("a\u{200b}b\u{feff}c\u{200d}d", 100), "a\u{fffd}b\u{fffd}c\u{200d}d");
        assert_eq!(one_line("abcdef", 3), "abc…");
    }

    #[test]
    fn a_flood_is_cut_and_counted() {
        let mut budget = Budget::default();
        let told = (0..1000).filter(|_| budget.take(&"x".repeat(1000)).is_some()).count();
        assert_eq!((told, budget.dropped), (262, 738));
        assert_eq!(budget.last.len(), LAST);
    }
}
