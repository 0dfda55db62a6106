//! Reads YAML as manifests and configurations on a node are written: one document of block collections, scalars on one
//! line or in a block, and flow collections on one line. Anchors, tags and what else there is are refused, not guessed.
//!
//! A whole reader of YAML would be more code than the rest of this plugin.

use kubephase_sdk::prelude::*;
use serde_json::Map;

/// Deeper documents are none of Kubernetes' own, and recursion has an end.
const MAX_DEPTH: usize = 64;

/// The document; null if there is none.
pub fn parse(text: &str) -> Result<Value, Failure> {
    let mut reader = Reader { lines: Vec::new(), at: 0 };
    for (index, raw) in text.lines().enumerate() {
        if raw == "---" && reader.lines.iter().all(|line| !line.has_text()) {
            continue;
        }
        if matches!(raw, "---" | "...") {
            break;
        }
        reader.lines.push(Line { number: index + 1, raw, shift: 0 });
    }
    reader.skip();
    let Some(first) = reader.line() else { return Ok(Value::Null) };
    let value = reader.block(first.indent(), 0)?;
    reader.line().map_or(Ok(value), |line| Err(line.wrong("it is indented otherwise than what is before it")))
}

/// A line, of which the beginning may have been read.
#[derive(Clone, Copy)]
struct Line<'a> {
    number: usize,
    raw: &'a str,
    /// How many bytes of it have been read.
    shift: usize,
}

impl<'a> Line<'a> {
    fn indent(&self) -> usize {
        self.shift + self.rest().len() - self.rest().trim_start_matches(' ').len()
    }

    fn rest(&self) -> &'a str {
        self.raw.get(self.shift..).unwrap_or_default()
    }

    fn text(&self) -> &'a str {
        self.rest().trim()
    }

    fn has_text(&self) -> bool {
        !self.text().is_empty() && !self.text().starts_with('#')
    }

    fn is_item(&self) -> bool {
        self.text() == "-" || self.text().starts_with("- ")
    }

    fn wrong(&self, why: &str) -> Failure {
        Failure::invalid(format!("line {} is no YAML of the simple sort: {why}", self.number))
    }
}

struct Reader<'a> {
    lines: Vec<Line<'a>>,
    at: usize,
}

impl<'a> Reader<'a> {
    fn line(&self) -> Option<Line<'a>> {
        self.lines.get(self.at).copied()
    }

    /// On to the next line with text.
    fn skip(&mut self) {
        while self.line().is_some_and(|line| !line.has_text()) {
            self.at += 1;
        }
    }

    fn next(&mut self) {
        self.at += 1;
        self.skip();
    }

    /// What begins on this line, with this indentation.
    fn block(&mut self, indent: usize, depth: usize) -> Result<Value, Failure> {
        let Some(line) = self.line() else { return Ok(Value::Null) };
        if depth > MAX_DEPTH {
            return Err(line.wrong("it is too deep"));
        }
        if line.is_item() {
            return self.sequence(indent, depth);
        }
        if key(line)?.is_some() {
            return self.mapping(indent, depth);
        }
        let value = inline(line, line.text())?;
        self.next();
        Ok(value)
    }

    fn sequence(&mut self, indent: usize, depth: usize) -> Result<Value, Failure> {
        let mut items = Vec::new();
        while let Some(line) = self.line().filter(|line| line.indent() == indent && line.is_item()) {
            let behind = &line.rest().trim_start()[1..];
            if behind.trim().is_empty() || behind.trim_start().starts_with('#') {
                self.next();
                items.push(self.below(indent + 1, depth)?);
            } else {
                // What is behind the dash begins a block of its own, as deep as it stands.
                self.lines[self.at].shift = indent + 1;
                let indent = self.lines[self.at].indent();
                items.push(self.block(indent, depth + 1)?);
            }
        }
        Ok(items.into())
    }

    fn mapping(&mut self, indent: usize, depth: usize) -> Result<Value, Failure> {
        let mut fields = Map::new();
        while let Some(line) = self.line().filter(|line| line.indent() == indent && !line.is_item()) {
            let (key, behind) = key(line)?.ok_or_else(|| line.wrong("there is no `key:`"))?;
            let value = match behind {
                "" => {
                    self.next();
                    match self.line() {
                        // Lists may stand as deep as their key.
                        Some(line) if line.indent() == indent && line.is_item() => self.sequence(indent, depth + 1)?,
                        _ => self.below(indent + 1, depth)?,
                    }
                }
                style if style.starts_with(['|', '>']) => self.scalar(style, indent)?.into(),
                text => {
                    let value = inline(line, text)?;
                    self.next();
                    value
                }
            };
            if fields.insert(key, value).is_some() {
                return Err(line.wrong("the key is there twice"));
            }
        }
        Ok(fields.into())
    }

    /// The block that is at least so deep; null if there is none.
    fn below(&mut self, indent: usize, depth: usize) -> Result<Value, Failure> {
        match self.line() {
            Some(line) if line.indent() >= indent => self.block(line.indent(), depth + 1),
            _ => Ok(Value::Null),
        }
    }

    /// A block scalar: all deeper lines.
    fn scalar(&mut self, style: &str, indent: usize) -> Result<String, Failure> {
        let Some(line) = self.line() else { return Ok(String::new()) };
        if !matches!(style, "|" | "|-" | "|+") {
            return Err(line.wrong("of block scalars only `|` is known"));
        }
        self.at += 1;
        let body: Vec<&str> = self.lines[self.at..]
            .iter()
            .take_while(|line| line.indent() > indent || line.text().is_empty())
            .map(|line| line.raw)
            .collect();
        self.at += body.len();
        self.skip();
        let depth =
            body.iter().filter(|line| !line.trim().is_empty()).map(|line| line.len() - line.trim_start().len()).min();
        let lines: Vec<&str> = body.iter().map(|line| line.get(depth.unwrap_or(0)..).unwrap_or_default()).collect();
        let text = lines.join("\n");
        let text = text.trim_end_matches('\n');
        Ok(if style == "|-" { text.to_owned() } else { format!("{text}\n") })
    }
}

/// A key and what is behind its colon, if the line begins with one.
fn key(line: Line<'_>) -> Result<Option<(String, &str)>, Failure> {
    let text = line.text();
    if text.starts_with(['{', '[']) {
        return Ok(None);
    }
    let (key, behind) = if text.starts_with(['"', '\'']) {
        let (key, behind) = quoted(text).ok_or_else(|| line.wrong("a quote has no end"))?;
        let Some(behind) = behind.strip_prefix(':') else { return Ok(None) };
        (key, behind)
    } else {
        let at = text.find(": ").or_else(|| text.ends_with(':').then(|| text.len() - 1));
        let Some(at) = at else { return Ok(None) };
        (plain(line, &text[..at])?.to_owned(), &text[at + 1..])
    };
    Ok(Some((key, without_comment(behind.trim()))))
}

/// A value that stands on one line.
fn inline(line: Line<'_>, text: &str) -> Result<Value, Failure> {
    let (value, behind) = flow(line, text, false, 0)?;
    if without_comment(behind.trim_start()).is_empty() {
        Ok(value)
    } else {
        Err(line.wrong("there is something behind the value"))
    }
}

/// A value and what is behind it. Inside of brackets plain scalars end earlier.
fn flow<'a>(line: Line<'_>, text: &'a str, inside: bool, depth: usize) -> Result<(Value, &'a str), Failure> {
    let text = text.trim_start();
    if depth > MAX_DEPTH {
        return Err(line.wrong("it is too deep"));
    }
    if text.starts_with(['"', '\'']) {
        let (value, behind) = quoted(text).ok_or_else(|| line.wrong("a quote has no end"))?;
        return Ok((value.into(), behind));
    }
    let (mut items, mut fields) = (Vec::new(), Map::new());
    let Some((open, mut rest)) = text.starts_with(['[', '{']).then(|| text.split_at(1)) else {
        let end = if inside { text.find([',', ']', '}', ':']).unwrap_or(text.len()) } else { text.len() };
        let plain = plain(line, without_comment(&text[..end]))?;
        return Ok((scalar(plain), &text[end..]));
    };
    let close = if open == "[" { ']' } else { '}' };
    loop {
        rest = rest.trim_start();
        if let Some(behind) = rest.strip_prefix(close) {
            return Ok((if open == "[" { items.into() } else { fields.into() }, behind));
        }
        let (value, behind) = flow(line, rest, true, depth + 1)?;
        rest = behind.trim_start();
        if open == "[" {
            items.push(value);
        } else {
            let key = value.as_str().ok_or_else(|| line.wrong("a key is no text"))?.to_owned();
            let behind = rest.strip_prefix(':').ok_or_else(|| line.wrong("a key has no value"))?;
            let (value, behind) = flow(line, behind, true, depth + 1)?;
            fields.insert(key, value);
            rest = behind.trim_start();
        }
        match rest.strip_prefix(',') {
            Some(behind) => rest = behind,
            None if rest.starts_with(close) => {}
            None => return Err(line.wrong("a bracket has no end on its line")),
        }
    }
}

/// The text in quotes, and what is behind them.
fn quoted(text: &str) -> Option<(String, &str)> {
    let (quote, body) = text.split_at(1);
    let mut escaped = false;
    let mut characters = body.char_indices().peekable();
    while let Some((at, character)) = characters.next() {
        match character {
            _ if escaped => escaped = false,
            '\\' if quote == "\"" => escaped = true,
            '\'' if quote == "'" && characters.peek().is_some_and(|(_, next)| *next == '\'') => {
                characters.next();
            }
            end if quote.starts_with(end) => {
                let inner = &body[..at];
                let value = if quote == "'" { inner.replace("''", "'") } else { unescaped(inner)? };
                return Some((value, &body[at + 1..]));
            }
            _ => {}
        }
    }
    None
}

/// Escapes that JSON has as well.
fn unescaped(text: &str) -> Option<String> {
    serde_json::from_str(&format!("\"{text}\"")).ok()
}

/// A plain scalar, if it is one.
fn plain<'a>(line: Line<'_>, text: &'a str) -> Result<&'a str, Failure> {
    let text = text.trim_end();
    if text.starts_with(['&', '*', '!', '%', '@', '`', '|', '>']) || text == "?" || text.starts_with("? ") {
        return Err(line.wrong("anchors, tags and the like are not known"));
    }
    Ok(text)
}

/// What is before a comment.
fn without_comment(text: &str) -> &str {
    if text.starts_with('#') {
        return "";
    }
    if text.starts_with(['"', '\'', '{', '[']) {
        // It ends by itself, and what is behind it is looked at later.
        return text;
    }
    text.find(" #").map_or(text, |at| text[..at].trim_end())
}

/// A scalar by YAML's core schema, numbers as JSON has them.
fn scalar(text: &str) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "true" | "True" | "TRUE" => true.into(),
        "false" | "False" | "FALSE" => false.into(),
        other => match serde_json::from_str(other) {
            Ok(Value::Number(number)) => number.into(),
            _ => other.into(),
        },
    }
}

#[cfg(test)]
mod tests;
