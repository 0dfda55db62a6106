//! Markup that cannot be injected into: what is not a literal of this program is escaped, and texts that must stay
//! secret are replaced wherever they turn up.

use std::fmt::Display;

/// Stands where a secret was.
const HIDDEN: &str = "••••••";
/// What is shorter would hide half of the page.
const SHORTEST_SECRET: usize = 6;

/// A page in the making.
pub struct Html {
    page: String,
    secrets: Vec<String>,
}

impl Html {
    /// An empty page that shows none of `secrets`.
    pub fn hiding(secrets: &[String]) -> Self {
        let secrets = secrets.iter().filter(|secret| secret.len() >= SHORTEST_SECRET).cloned().collect();
        Self { page: String::new(), secrets }
    }

    /// Adds markup. It is a literal, so nobody else's.
    pub fn raw(&mut self, markup: &'static str) -> &mut Self {
        self.page.push_str(markup);
        self
    }

    /// Adds text: content of an element, or of an attribute in double quotes.
    pub fn text(&mut self, text: impl Display) -> &mut Self {
        let mut text = without_users(text.to_string());
        for secret in &self.secrets {
            if text.contains(secret.as_str()) {
                text = text.replace(secret.as_str(), HIDDEN);
            }
        }
        for c in text.chars() {
            match c {
                '&' => self.page.push_str("&amp;"),
                '<' => self.page.push_str("&lt;"),
                '>' => self.page.push_str("&gt;"),
                '"' => self.page.push_str("&quot;"),
                '\'' => self.page.push_str("&#39;"),
                // HTML has no place for other control characters.
                c if c.is_control() && !matches!(c, '\n' | '\t') => self.page.push('\u{fffd}'),
                c => self.page.push(c),
            }
        }
        self
    }

    /// Adds a number, with at most two digits after the point.
    pub fn number(&mut self, number: f64) -> &mut Self {
        let number = if number.is_finite() { number } else { 0.0 };
        let text = format!("{number:.2}");
        self.page.push_str(text.trim_end_matches('0').trim_end_matches('.'));
        self
    }

    /// The page.
    pub fn finish(self) -> String {
        self.page
    }
}

/// URLs without whom they log in as: `http://user:password@proxy` has a password.
fn without_users(text: String) -> String {
    const START: &str = "://";

    if !text.contains(START) || !text.contains('@') {
        return text;
    }
    let mut shown = String::with_capacity(text.len());
    let mut rest = text.as_str();
    while let Some(at) = rest.find(START) {
        let (before, after) = rest.split_at(at + START.len());
        shown.push_str(before);
        let authority = after.find(|c: char| c.is_whitespace() || "/?#\"'<>,".contains(c)).unwrap_or(after.len());
        let user = after[..authority].rfind('@');
        shown.push_str(user.map_or("", |_| HIDDEN));
        rest = &after[user.unwrap_or(0)..];
    }
    shown + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_escaped_and_secrets_are_hidden() {
        let mut page = Html::hiding(&["0123456789abcdef".to_owned(), "a".to_owned()]);
        page.raw("<p title=\"").text("\"><script>").raw("\">").text("abcdef.0123456789abcdef & '\u{7}'").raw("</p>");
        assert_eq!(page.finish(), "<p title=\"&quot;&gt;&lt;script&gt;\">abcdef.•••••• &amp; &#39;\u{fffd}&#39;</p>");
    }

    #[test]
    fn urls_do_not_tell_passwords() {
        let mut page = Html::hiding(&[]);
        page.text("+ value: http://me:p@ss@proxy:3128/x, https://a/b@c, mail@x, ftp://x@y");
        assert_eq!(page.finish(), "+ value: http://••••••@proxy:3128/x, https://a/b@c, mail@x, ftp://••••••@y");
    }

    #[test]
    fn numbers_are_short() {
        let mut page = Html::hiding(&[]);
        page.number(12.0).raw(" ").number(0.125).raw(" ").number(f64::NAN).raw(" ").number(100.0);
        assert_eq!(page.finish(), "12 0.12 0 100");
    }
}
