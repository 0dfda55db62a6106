//! Text that others wrote, for people's eyes: whoever sent a request chose its names.

/// One line without anything that plays with a terminal: control characters are shown as their symbols, as in errors, and
/// those that turn the direction of text as `�`.
pub fn plain(text: &str) -> String {
    let shown = |c: char| match c {
        '\0'..='\u{1f}' => char::from_u32(0x2400 + u32::from(c)).unwrap_or('\u{fffd}'),
        '\u{7f}' => '\u{2421}',
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => '\u{fffd}',
        c if c.is_control() => '\u{fffd}',
        c => c,
    };
    text.chars().map(shown).collect()
}

#[cfg(test)]
mod tests {
    use super::plain;

    #[test]
    fn terminals_are_not_played_with() {
        assert_eq!(plain("cp1.example.com ü 日本"), "cp1.example.com ü 日本");
        assert_eq!(plain("a\x1b[2Jb\r\n\x07\x7f"), "a␛[2Jb␍␊␇␡");
        assert_eq!(plain("\u{9b}31m\u{202e}x\u{2066}\u{2028}"), "�31m�x��");
    }
}
