//! As much of TOML (toml.io, 1.0) as configurations of container runtimes are written in: all of its syntax, while values
//! other than texts and lists are kept as they are written. The crate `toml` does more and triples the size of the code.

/// A file as a flat list: the path of each table and of each value.
#[derive(Debug, PartialEq, Eq)]
pub struct Document(Vec<(Vec<String>, Value)>);

#[derive(Debug, PartialEq, Eq)]
enum Value {
    Text(String),
    List(Vec<Value>),
    Table,
    Other(String),
}

/// How deeply lists and inline tables may stand in each other.
const DEEPEST: usize = 32;

impl Document {
    /// Reads a file. What it does not understand is told by its line, from 1 on.
    pub fn read(text: &str) -> Result<Self, usize> {
        let mut reader = Reader { text, at: 0, found: Vec::new() };
        match reader.document() {
            Some(()) => Ok(Self(reader.found)),
            None => Err(text[..reader.at].matches('\n').count() + 1),
        }
    }

    /// Whether there is such a table, empty or not.
    pub fn has(&self, path: &[&str]) -> bool {
        self.0.iter().any(|(found, _)| found.len() >= path.len() && found.iter().zip(path).all(|(a, b)| a == b))
    }

    /// A text; the last one counts.
    pub fn text(&self, path: &[&str]) -> Option<&str> {
        match self.value(path)? {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// A number.
    pub fn number(&self, path: &[&str]) -> Option<i64> {
        match self.value(path)? {
            Value::Other(text) => text.parse().ok(),
            _ => None,
        }
    }

    /// Texts of a list.
    pub fn list(&self, path: &[&str]) -> Vec<String> {
        let Some(Value::List(list)) = self.value(path) else { return Vec::new() };
        let text = |value: &Value| match value {
            Value::Text(text) => Some(text.clone()),
            _ => None,
        };
        list.iter().filter_map(text).collect()
    }

    fn value(&self, path: &[&str]) -> Option<&Value> {
        self.0.iter().rev().find(|(found, _)| found == path).map(|(_, value)| value)
    }
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    found: Vec<(Vec<String>, Value)>,
}

impl Reader<'_> {
    fn rest(&self) -> &str {
        &self.text[self.at..]
    }

    fn take(&mut self, expected: &str) -> Option<()> {
        self.rest().starts_with(expected).then(|| self.at += expected.len())
    }

    fn spaces(&mut self) {
        self.at += self.rest().len() - self.rest().trim_start_matches([' ', '\t']).len();
    }

    /// Spaces, ends of lines and comments.
    fn nothing(&mut self) {
        loop {
            self.at += self.rest().len() - self.rest().trim_start_matches([' ', '\t', '\r', '\n', '\u{feff}']).len();
            if !self.rest().starts_with('#') {
                return;
            }
            self.at += self.rest().find('\n').unwrap_or(self.rest().len());
        }
    }

    fn document(&mut self) -> Option<()> {
        let mut table = Vec::new();
        loop {
            self.nothing();
            if self.rest().is_empty() {
                return Some(());
            }
            if self.take("[").is_some() {
                let of_list = self.take("[").is_some();
                table = self.key(Vec::new())?;
                self.take(if of_list { "]]" } else { "]" })?;
                self.found.push((table.clone(), Value::Table));
            } else {
                self.assignment(&table, 0)?;
            }
            self.spaces();
            if !self.rest().is_empty() && !self.rest().starts_with(['\r', '\n', '#']) {
                return None;
            }
        }
    }

    fn assignment(&mut self, table: &[String], depth: usize) -> Option<()> {
        let path = self.key(table.to_vec())?;
        self.take("=")?;
        self.spaces();
        let value = self.value(&path, depth)?;
        self.found.push((path, value));
        Some(())
    }

    /// Names with points between them, after those that are given.
    fn key(&mut self, mut path: Vec<String>) -> Option<Vec<String>> {
        loop {
            self.spaces();
            let name = if self.rest().starts_with(['"', '\'']) {
                self.quoted()?
            } else {
                let is_bare = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
                let length = self.rest().find(|c| !is_bare(c)).unwrap_or(self.rest().len());
                let name = self.rest()[..length].to_owned();
                self.at += length;
                (!name.is_empty()).then_some(name)?
            };
            path.push(name);
            self.spaces();
            if self.take(".").is_none() {
                return Some(path);
            }
        }
    }

    fn value(&mut self, path: &[String], depth: usize) -> Option<Value> {
        if depth > DEEPEST {
            return None;
        }
        if self.rest().starts_with(['"', '\'']) {
            return self.quoted().map(Value::Text);
        }
        if self.take("[").is_some() {
            let mut list = Vec::new();
            loop {
                self.nothing();
                if self.take("]").is_some() {
                    return Some(Value::List(list));
                }
                list.push(self.value(path, depth + 1)?);
                self.nothing();
                if self.take(",").is_none() {
                    return self.take("]").map(|()| Value::List(list));
                }
            }
        }
        if self.take("{").is_some() {
            loop {
                self.nothing();
                if self.take("}").is_some() {
                    return Some(Value::Table);
                }
                self.assignment(path, depth + 1)?;
                self.nothing();
                if self.take(",").is_none() {
                    return self.take("}").map(|()| Value::Table);
                }
            }
        }
        let length = self.rest().find([',', ']', '}', '#', '\r', '\n']).unwrap_or(self.rest().len());
        let text = self.rest()[..length].trim().to_owned();
        self.at += length;
        (!text.is_empty()).then_some(Value::Other(text))
    }

    /// A text in quotes, of one line or of many.
    fn quoted(&mut self) -> Option<String> {
        let begin = self.at;
        for quote in ["\"\"\"", "'''", "\"", "'"] {
            if self.take(quote).is_none() {
                continue;
            }
            let mut text = String::new();
            let mut characters = self.rest().char_indices();
            while let Some((at, character)) = characters.next() {
                if self.rest()[at..].starts_with(quote) {
                    self.at += at + quote.len();
                    return Some(text);
                }
                match character {
                    '\n' if quote.len() == 1 => break,
                    // What other escapes stand for is in no path and no name.
                    '\\' if quote.starts_with('"') => text.push(characters.next()?.1),
                    _ => text.push(character),
                }
            }
            self.at = begin;
            return None;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Document {
        Document::read(text).unwrap_or_else(|line| panic!("line {line} of {text}"))
    }

    #[test]
    fn every_way_to_write_a_table_is_the_same() {
        for text in [
            "[a.\"b.c\".d]\ne = 'x' # y\n",
            "a.'b.c'.d.e = \"x\"",
            "[a]\n'b.c' = { d = { e = \"x\", f = 1 } }\r\n",
            "[ a . \"b.c\" ]\nd.e = \"\"\"x\"\"\"\n[z]\n",
            "# only\n\n[[a.\"b.c\".d]]\n\te='x'",
        ] {
            let document = read(text);
            assert_eq!(document.text(&["a", "b.c", "d", "e"]), Some("x"), "{text}");
            assert!(document.has(&["a", "b.c", "d"]) && !document.has(&["a", "b", "c"]), "{text}");
        }
        assert!(read("[a.b]\n").has(&["a", "b"]), "empty, but there");
    }

    #[test]
    fn values_are_what_they_are() {
        let document = read(
            "version = 2 # two\nimports = [\n  \"/a/*.toml\", # mine\n  'b]',\n]\nat = 1979-05-27T07:32:00Z\nok=true\n\
             text = '''two\nlines'''\nquote = \"a\\\"b\"\nempty = []\nmixed = [[1, 2], {a = \"b\"}, \"c\"]\n",
        );
        assert_eq!(document.number(&["version"]), Some(2));
        assert_eq!(document.list(&["imports"]), ["/a/*.toml", "b]"]);
        assert_eq!(document.text(&["text"]), Some("two\nlines"));
        assert_eq!(document.text(&["quote"]), Some("a\"b"));
        assert_eq!((document.list(&["empty"]), document.list(&["mixed"])), (vec![], vec!["c".to_owned()]));
        assert_eq!(
            (document.text(&["version"]), document.number(&["text"]), document.text(&["no"])),
            (None, None, None)
        );
    }

    #[test]
    fn what_is_no_toml_is_told_by_its_line() {
        for (text, line) in [
            ("a = 1\nb = \n", 2),
            ("[a\n", 1),
            ("\n\na = \"x\n", 3),
            ("a = 1 b = 2 \"\n[x] y\n", 2),
            ("a\n", 1),
            ("a = [1, 2\n", 2),
            ("= 1\n", 1),
            ("a = \"\\", 1),
        ] {
            assert_eq!(Document::read(text), Err(line), "{text}");
        }
        assert!(Document::read(&format!("a = {}", "[".repeat(100_000))).is_err(), "and no stack overflows");
    }
}
