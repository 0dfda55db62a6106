//! YAML (and JSON) as a tree in which every value knows its place. Reads like kubeadm does: documents are split at
//! `---` lines first, plain scalars follow YAML 1.1 as Go's decoder has it. Knows nothing about Kubernetes.

mod builder;
mod scalar;

use std::borrow::Cow;
use std::sync::Arc;

use serde_json::Value;

use crate::report::{Place, Problem, Report, Source};
use builder::Builder;

/// Larger files are refused: a configuration is some kilobytes, the API server takes 3 MiB at most.
pub const MAX_BYTES: usize = 3 * 1024 * 1024;
/// Deeper nesting is refused.
pub const MAX_DEPTH: usize = 64;
/// More values than this in one file, aliases expanded, are refused (an alias bomb makes billions).
pub const MAX_NODES: usize = 200_000;

/// A document with more tabs after colons than this is refused: each one is found by reading the document again.
const MAX_TABS: usize = 20;

/// A value and its place.
#[derive(Clone, Debug)]
pub struct Node {
    /// What it is.
    pub kind: Kind,
    /// Where it starts.
    pub place: Place,
}

/// What a [`Node`] is.
#[derive(Clone, Debug)]
pub enum Kind {
    /// `null`, `~` or nothing.
    Null,
    /// `true`, `yes`, `on` and their opposites.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// Any other number.
    Float(f64),
    /// Text.
    String(String),
    /// A sequence.
    List(Vec<Node>),
    /// A mapping, in the file's order. Of duplicate keys the last one counts.
    Map(Vec<(Key, Node)>),
}

/// A mapping's key.
#[derive(Clone, Debug)]
pub struct Key {
    /// Its text.
    pub name: String,
    /// Its place.
    pub place: Place,
}

impl Node {
    /// The value under `name`, the last one if there are duplicates.
    pub fn get(&self, name: &str) -> Option<&Node> {
        match &self.kind {
            Kind::Map(entries) => entries.iter().rev().find(|(key, _)| key.name == name).map(|(_, node)| node),
            _ => None,
        }
    }

    /// The text, if it is text.
    pub fn as_str(&self) -> Option<&str> {
        match &self.kind {
            Kind::String(text) => Some(text),
            _ => None,
        }
    }

    /// What a JSON decoder would call it.
    pub fn type_name(&self) -> &'static str {
        match self.kind {
            Kind::Null => "null",
            Kind::Bool(_) => "a boolean",
            Kind::Int(_) => "a whole number",
            Kind::Float(_) => "a number",
            Kind::String(_) => "a string",
            Kind::List(_) => "a list",
            Kind::Map(_) => "a mapping",
        }
    }

    /// The same value without places.
    pub fn to_json(&self) -> Value {
        match &self.kind {
            Kind::Null => Value::Null,
            Kind::Bool(b) => Value::Bool(*b),
            Kind::Int(i) => Value::from(*i),
            Kind::Float(f) => serde_json::Number::from_f64(*f).map_or(Value::Null, Value::Number),
            Kind::String(s) => Value::String(s.clone()),
            Kind::List(items) => Value::Array(items.iter().map(Node::to_json).collect()),
            Kind::Map(entries) => {
                Value::Object(entries.iter().map(|(key, node)| (key.name.clone(), node.to_json())).collect())
            }
        }
    }

    /// The deepest node that a field path such as `a.b[2].c` still reaches: the place to show for a problem there.
    pub fn nearest(&self, path: &str) -> &Node {
        let mut node = self;
        for step in path.split('.') {
            let (name, indexes) = step.split_once('[').map_or((step, ""), |(name, rest)| (name, rest));
            if !name.is_empty() {
                let Some(next) = node.get(name) else { return node };
                node = next;
            }
            for index in indexes.split('[').filter_map(|i| i.trim_end_matches(']').parse::<usize>().ok()) {
                let Kind::List(items) = &node.kind else { return node };
                let Some(next) = items.get(index) else { return node };
                node = next;
            }
        }
        node
    }
}

/// Reads every document of a file. Problems go to `report`; a document that cannot be read is left out, the
/// others are still returned.
pub fn documents(source: &Arc<Source>, report: &mut Report) -> Vec<Node> {
    if source.text.len() > MAX_BYTES {
        let size = source.text.len() / (1024 * 1024);
        report.push(
            Problem::error("", format!("`{}` has {size} MiB, the limit is 3 MiB", source.name))
                .hint("is this really a configuration file?"),
        );
        return Vec::new();
    }
    let text = source.text.strip_prefix('\u{feff}').unwrap_or(&source.text);
    let lines: Vec<&str> = text.lines().collect();
    if let Some(problem) = forbidden(source, &lines) {
        report.push(problem);
        return Vec::new();
    }
    let mut budget = MAX_NODES;
    let mut nodes = Vec::new();
    for (first_line, text) in split(source, text, report) {
        if let Some(problem) = not_json(source, first_line, text) {
            report.push(problem);
            continue;
        }
        let mut text = Cow::Borrowed(text);
        for attempt in 0..=MAX_TABS {
            let (problems, values) = (report.problems.len(), budget);
            let mut builder = Builder::new(source, &lines, first_line, &text, report, &mut budget);
            match builder.document() {
                Ok(Some(node)) => nodes.push(node),
                Ok(None) => {
                    let place = builder.place_at(1, 1, 1);
                    builder.report.push(
                        Problem::error("", "a document without content, which kubeadm refuses")
                            .at(Some(place))
                            .hint("put comments into the document that they belong to, or take a `---` out"),
                    );
                }
                Err(problem) => {
                    if attempt < MAX_TABS
                        && let Some(better) = tab_after_colon(&text, first_line, &problem)
                    {
                        text = Cow::Owned(better);
                        report.problems.truncate(problems);
                        budget = values;
                        continue;
                    }
                    report.push(*problem);
                }
            }
            break;
        }
    }
    nodes
}

/// The same text with a space in place of a tab after a colon, if the parser stumbled over that: YAML allows it.
fn tab_after_colon(text: &str, first_line: usize, problem: &Problem) -> Option<String> {
    let place =
        problem.place.as_ref().filter(|_| problem.message.contains("must be followed by a valid YAML whitespace"))?;
    let line = place.line.checked_sub(first_line + 1)?;
    let start: usize = text.split_inclusive('\n').take(line).map(str::len).sum();
    let end = start + text[start..].chars().take(place.column).map(char::len_utf8).sum::<usize>();
    let colon = text[start..end].rfind(":\t")? + start;
    Some(format!("{} {}", &text[..=colon], &text[colon + 2..]))
}

/// The first character that no YAML text may have, or that breaks lines for some readers and not for others. The
/// terminal would obey some of them.
fn forbidden(source: &Arc<Source>, lines: &[&str]) -> Option<Problem> {
    let mut quoted = false;
    for (number, line) in lines.iter().enumerate() {
        for (column, c) in line.chars().enumerate() {
            let what = match c {
                '\t' => continue,
                '\r' => "a carriage return alone, which old Macs ended lines with",
                '\u{85}' | '\u{2028}' | '\u{2029}' if !quoted => "an invisible line break",
                '\u{85}' | '\u{2028}' | '\u{2029}' => continue,
                '\u{fffe}' | '\u{ffff}' => "a character that means nothing",
                c if c.is_control() => "a control character",
                '"' => {
                    quoted = !quoted;
                    continue;
                }
                _ => continue,
            };
            let place = Place { source: source.clone(), line: number + 1, column: column + 1, len: 1 };
            let hint = "take it out; text copied from a terminal or a web page may have brought it";
            return Some(Problem::error("", format!("{what} (U+{:04X})", u32::from(c))).at(Some(place)).hint(hint));
        }
    }
    None
}

/// Cuts a file at `---` lines, as the reader of Kubernetes does, so that one broken document does not hide the
/// others. Returns each document with the number of lines before it.
fn split<'t>(source: &Arc<Source>, text: &'t str, report: &mut Report) -> Vec<(usize, &'t str)> {
    let mut documents = Vec::new();
    let (mut start, mut start_line, mut offset) = (0, 0, 0);
    for (number, line) in text.split_inclusive('\n').enumerate() {
        if let Some(rest) = line.strip_prefix("---") {
            if !matches!(rest.trim().chars().next(), None | Some('#')) {
                let len = line.trim_end().chars().count();
                let place = Place { source: source.clone(), line: number + 1, column: 1, len };
                report.push(
                    Problem::error("", "a `---` line may have nothing but a comment after it")
                        .at(Some(place))
                        .hint("start the document on the next line"),
                );
            }
            if offset > start {
                documents.push((start_line, &text[start..offset]));
            }
            start = offset + line.len();
            start_line = number + 1;
        }
        offset += line.len();
    }
    // Of a file that has nothing but separators, the last one begins a document; of an empty file, nothing does.
    if offset > start || (offset > 0 && documents.is_empty()) {
        documents.push((start_line, &text[start..offset]));
    }
    documents
}

/// kubeadm takes a document that starts with `{` for JSON, which is not as lenient as YAML in brackets.
fn not_json(source: &Arc<Source>, first_line: usize, text: &str) -> Option<Problem> {
    if !text.trim_start().starts_with('{') {
        return None;
    }
    let error = serde_json::from_str::<serde::de::IgnoredAny>(text).err()?;
    let place =
        Place { source: source.clone(), line: first_line + error.line(), column: error.column().max(1), len: 1 };
    let message = error.to_string();
    let message = message.split(" at line ").next().unwrap_or_default();
    Some(
        Problem::error("", format!("not valid JSON: {message}"))
            .at(Some(place))
            .hint("a document that starts with `{` is read as JSON; write it in lines for YAML"),
    )
}

#[cfg(test)]
mod tests;
