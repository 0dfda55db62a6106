//! YAML (and JSON) as a tree in which every value knows its place. Reads like kubeadm does: documents are split at
//! `---` lines first, plain scalars follow YAML 1.1 as Go's decoder has it. Knows nothing about Kubernetes.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use saphyr_parser::{Event, Parser, ScalarStyle, Span, Tag};
use serde_json::Value;

use crate::report::{Place, Problem, Report, Source};

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
            let mut builder = Builder {
                source,
                lines: &lines,
                first_line,
                report,
                anchors: HashMap::new(),
                budget: &mut budget,
                parser: Parser::new_from_str(&text),
            };
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

struct Builder<'a, 'p> {
    source: &'a Arc<Source>,
    lines: &'a [&'a str],
    first_line: usize,
    report: &'a mut Report,
    anchors: HashMap<usize, (Node, usize)>,
    budget: &'a mut usize,
    parser: Parser<'p, saphyr_parser::StrInput<'p>>,
}

type Fallible<T> = Result<T, Box<Problem>>;

impl<'p> Builder<'_, 'p> {
    fn next(&mut self) -> Fallible<(Event<'p>, Span)> {
        match self.parser.next_event() {
            Some(Ok(event)) => Ok(event),
            Some(Err(error)) => {
                let marker = error.marker();
                let at_start =
                    self.line(marker.line()).is_none_or(|l| l.chars().take(marker.col()).all(char::is_whitespace));
                let mut problem = if error.info().contains("simple key expect ':'") {
                    // Noticed where the next token starts, mostly on the next line.
                    let before = (1..marker.line()).rev();
                    let line =
                        before.filter(|_| at_start).find(|n| self.line(*n).is_some_and(|l| !l.trim().is_empty()));
                    let line = line.unwrap_or(marker.line());
                    let text = self.line(line).unwrap_or_default();
                    let column = text.chars().take_while(|c| c.is_whitespace()).count() + 1;
                    let place = self.place_at(line, column, text.trim().chars().count());
                    Problem::error("", "not valid YAML: neither `key: value` nor part of a list")
                        .hint("a space must follow the colon")
                        .at(Some(place))
                } else {
                    let last = (1..=marker.line()).rev().find(|n| self.line(*n).is_some_and(|l| !l.trim().is_empty()));
                    let (line, column) = match last {
                        // Where the text ends too early, its last line is shown.
                        Some(last) if last < marker.line() && self.line(marker.line()).is_none() => {
                            (last, self.line(last).unwrap_or_default().trim_end().chars().count().max(1))
                        }
                        _ => (marker.line(), marker.col() + 1),
                    };
                    let place = self.place_at(line, column, 1);
                    Problem::error("", format!("not valid YAML: {}", error.info())).at(Some(place))
                };
                // The parser notices some tabs only on the next line.
                let has_tab = |line: usize| {
                    let line = self.line(line).unwrap_or_default();
                    line.chars().take_while(|c| c.is_whitespace()).any(|c| c == '\t')
                };
                if error.info().contains("tab")
                    || has_tab(marker.line())
                    || marker.line() > 1 && has_tab(marker.line() - 1)
                {
                    problem = tabs(problem);
                }
                Err(Box::new(problem))
            }
            None => Err(Box::new(Problem::error("", "not valid YAML: the document ends too early"))),
        }
    }

    fn line(&self, line_in_document: usize) -> Option<&str> {
        self.lines.get(self.first_line + line_in_document.saturating_sub(1)).copied()
    }

    /// Whether a collection that starts here is written with brackets.
    fn is_flow(&self, span: Span) -> bool {
        let line = self.line(span.start.line()).unwrap_or_default();
        matches!(line.chars().nth(span.start.col()), Some('{' | '['))
    }

    /// Refuses a tab before a key of a block mapping: go-yaml does, the parser here does not everywhere.
    fn no_tabs_before(&self, span: Span) -> Fallible<()> {
        let line = self.line(span.start.line()).unwrap_or_default();
        if line.chars().take(span.start.col()).any(|c| c == '\t') {
            return Err(Box::new(
                tabs(Problem::error("", "not valid YAML: a tab stands before a key")).at(Some(self.place_at(
                    span.start.line(),
                    1,
                    span.start.col(),
                ))),
            ));
        }
        Ok(())
    }

    fn place_at(&self, line: usize, column: usize, len: usize) -> Place {
        Place { source: self.source.clone(), line: self.first_line + line.max(1), column, len: len.max(1) }
    }

    fn place(&self, span: Span) -> Place {
        let len =
            if span.start.line() == span.end.line() { span.end.col().saturating_sub(span.start.col()) } else { 1 };
        self.place_at(span.start.line(), span.start.col() + 1, len)
    }

    fn document(&mut self) -> Fallible<Option<Node>> {
        loop {
            match self.next()? {
                (Event::StreamStart | Event::DocumentStart(_), _) => {}
                (Event::StreamEnd, _) => return Ok(None),
                (event, span) => {
                    let node = self.node(event, span, 0, false)?;
                    // What follows must be the end: a second root (possible after `...`) is an error to kubeadm too.
                    loop {
                        match self.next()? {
                            (Event::StreamEnd, _) => return Ok(Some(node)),
                            (Event::DocumentEnd | Event::Nothing, _) => {}
                            (_, span) => {
                                let place = self.place(span);
                                return Err(Box::new(
                                    Problem::error("", "more than one YAML document without a `---` line between them")
                                        .at(Some(place)),
                                ));
                            }
                        }
                    }
                }
            }
        }
    }

    fn spend(&mut self, nodes: usize, place: &Place) -> Fallible<()> {
        match self.budget.checked_sub(nodes) {
            Some(rest) => {
                *self.budget = rest;
                Ok(())
            }
            None => Err(Box::new(
                Problem::error("", format!("more than {MAX_NODES} values once all aliases are expanded"))
                    .at(Some(place.clone()))
                    .hint("aliases of aliases multiply; write the values out"),
            )),
        }
    }

    fn node(&mut self, event: Event<'p>, span: Span, depth: usize, flow: bool) -> Fallible<Node> {
        let place = self.place(span);
        self.spend(1, &place)?;
        if depth > MAX_DEPTH {
            return Err(Box::new(
                Problem::error("", format!("nested more than {MAX_DEPTH} levels deep")).at(Some(place)),
            ));
        }
        let before = *self.budget;
        let (anchor, kind) = match event {
            Event::Scalar(text, style, anchor, tag) => (anchor, scalar(&text, style, tag.as_deref())),
            Event::SequenceStart(anchor, _) => {
                let flow = flow || self.is_flow(span);
                let mut items = Vec::new();
                loop {
                    match self.next()? {
                        (Event::SequenceEnd, _) => break (anchor, Kind::List(items)),
                        (event, span) => {
                            if !flow {
                                self.no_tabs_before(span)?;
                            }
                            items.push(self.node(event, span, depth + 1, flow)?);
                        }
                    }
                }
            }
            Event::MappingStart(anchor, _) => {
                let flow = flow || self.is_flow(span);
                (anchor, Kind::Map(self.mapping(depth, flow)?))
            }
            Event::Alias(id) => {
                let Some((node, size)) = self.anchors.get(&id).cloned() else {
                    return Err(Box::new(
                        Problem::error("", "an alias refers to a value that contains it").at(Some(place)),
                    ));
                };
                self.spend(size, &place)?;
                return Ok(node);
            }
            _ => return Err(Box::new(Problem::error("", "not valid YAML: a value was expected").at(Some(place)))),
        };
        let node = Node { kind, place };
        if anchor > 0 {
            self.anchors.insert(anchor, (node.clone(), before.saturating_sub(*self.budget) + 1));
        }
        Ok(node)
    }

    fn mapping(&mut self, depth: usize, flow: bool) -> Fallible<Vec<(Key, Node)>> {
        let mut entries: Vec<(Key, Node)> = Vec::new();
        let mut merged: Vec<(Key, Node)> = Vec::new();
        let mut lines: HashMap<String, usize> = HashMap::new();
        loop {
            let (event, span) = self.next()?;
            if matches!(event, Event::MappingEnd) {
                break;
            }
            let plain = matches!(event, Event::Scalar(_, ScalarStyle::Plain, ..));
            let text = match &event {
                Event::Scalar(text, ..) => Some(text.to_string()),
                _ => None,
            };
            if !flow {
                self.no_tabs_before(span)?;
            }
            let key_node = self.node(event, span, depth + 1, flow)?;
            let text = text.filter(|_| !matches!(key_node.kind, Kind::Null));
            let Some(name) = text else {
                return Err(Box::new(
                    Problem::error("", format!("a key must be text, not {}", key_node.type_name()))
                        .at(Some(key_node.place)),
                ));
            };
            let (event, span) = self.next()?;
            let value = self.node(event, span, depth + 1, flow)?;
            if plain && name == "<<" {
                merged.extend(merge_entries(value)?);
                continue;
            }
            if let Some(first) = lines.get(&name) {
                let message = format!("`{name}` is given twice, first on line {first}; the last one counts");
                self.report.push(
                    Problem::warning("", message).at(Some(key_node.place.clone())).strict().hint("keep one of them"),
                );
            } else {
                lines.insert(name.clone(), key_node.place.line);
            }
            entries.push((Key { name, place: key_node.place }, value));
        }
        for (key, value) in merged {
            if !lines.contains_key(&key.name) {
                lines.insert(key.name.clone(), key.place.line);
                entries.push((key, value));
            }
        }
        Ok(entries)
    }
}

fn tabs(problem: Problem) -> Problem {
    problem.hint("YAML does not allow tabs for indentation: use spaces")
}

/// The entries behind a merge key: of a mapping, or of a list of mappings in which the first one wins.
fn merge_entries(value: Node) -> Fallible<Vec<(Key, Node)>> {
    match value.kind {
        Kind::Map(entries) => Ok(entries),
        Kind::List(items) => items.into_iter().map(merge_entries).collect::<Fallible<Vec<_>>>().map(|all| all.concat()),
        _ => Err(Box::new(
            Problem::error("", "a merge key (`<<`) needs a mapping or a list of mappings").at(Some(value.place)),
        )),
    }
}

/// What a scalar means: quoted and block text is text, plain text follows the rules of YAML 1.1 as go-yaml v2 has
/// them (`yes` is true, `0o17` and `017` are octal, `1_000` is a thousand).
fn scalar(text: &str, style: ScalarStyle, tag: Option<&Tag>) -> Kind {
    if let Some(tag) = tag.filter(|tag| tag.is_yaml_core_schema()) {
        match tag.suffix.as_str() {
            "str" | "binary" => return Kind::String(text.to_owned()),
            _ => return plain(text),
        }
    }
    if style == ScalarStyle::Plain { plain(text) } else { Kind::String(text.to_owned()) }
}

fn plain(text: &str) -> Kind {
    match text {
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" => return Kind::Float(f64::INFINITY),
        "-.inf" | "-.Inf" | "-.INF" => return Kind::Float(f64::NEG_INFINITY),
        ".nan" | ".NaN" | ".NAN" => return Kind::Float(f64::NAN),
        "" | "~" | "null" | "Null" | "NULL" => return Kind::Null,
        "y" | "Y" | "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => return Kind::Bool(true),
        "n" | "N" | "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => {
            return Kind::Bool(false);
        }
        _ => {}
    }
    let starts_like_number = text.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '+' | '-' | '.'));
    if starts_like_number {
        if let Some(number) = integer(text) {
            return Kind::Int(number);
        }
        let float = text.replace('_', "");
        if is_float(&float)
            && let Ok(number) = float.parse::<f64>()
        {
            return Kind::Float(number);
        }
    }
    Kind::String(text.to_owned())
}

/// go-yaml's pattern: digits on either side of the point, an exponent with or without its sign.
fn is_float(text: &str) -> bool {
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (mantissa, exponent) =
        unsigned.split_once(['e', 'E']).map_or((unsigned, None), |(mantissa, exponent)| (mantissa, Some(exponent)));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    digits(whole)
        && digits(fraction)
        && !(whole.is_empty() && fraction.is_empty())
        && exponent.is_none_or(|exponent| {
            let number = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
            !number.is_empty() && digits(number)
        })
}

fn integer(text: &str) -> Option<i64> {
    let clean = text.replace('_', "");
    let (sign, digits) = match clean.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, clean.strip_prefix('+').unwrap_or(&clean)),
    };
    let (radix, digits) = if let Some(hex) = digits.strip_prefix("0x") {
        (16, hex)
    } else if let Some(binary) = digits.strip_prefix("0b") {
        (2, binary)
    } else if let Some(octal) = digits.strip_prefix("0o") {
        (8, octal)
    } else if digits.len() > 1 && digits.starts_with('0') {
        (8, &digits[1..])
    } else {
        (10, digits)
    };
    if digits.is_empty() || digits.starts_with(['+', '-']) {
        return None;
    }
    i64::from_str_radix(digits, radix).ok().map(|number| sign * number)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (Vec<Node>, Report) {
        let source = Arc::new(Source { name: "c.yaml".into(), text: text.into() });
        let mut report = Report::default();
        let nodes = documents(&source, &mut report);
        (nodes, report)
    }

    #[test]
    fn places_count_across_documents() {
        let (nodes, report) = read("a: 1\n---\nb:\n  c: [x, yes]\n");
        assert!(report.problems.is_empty(), "{report}");
        assert_eq!(nodes.len(), 2);
        let yes = nodes[1].nearest("b.c[1]");
        assert!(matches!(yes.kind, Kind::Bool(true)));
        assert_eq!((yes.place.line, yes.place.column, yes.place.len), (4, 10, 3));
    }

    #[test]
    fn duplicate_keys_are_reported_and_the_last_one_counts() {
        let (nodes, report) = read("a: 1\na: 2\n");
        assert_eq!(report.problems.len(), 1);
        assert!(report.problems[0].strict);
        assert!(matches!(nodes[0].get("a").unwrap().kind, Kind::Int(2)));
    }

    #[test]
    fn one_broken_document_does_not_hide_another() {
        let (nodes, report) = read("a: [b\n---\nc: d\n---\n\te: f\n");
        assert_eq!(nodes.len(), 1);
        assert_eq!(report.problems.len(), 2, "{report}");
        assert_eq!(report.problems[1].place.as_ref().unwrap().line, 5);
        assert!(report.problems[1].hint.as_ref().unwrap().contains("tabs"));
    }

    #[test]
    fn tabs_indent_only_inside_brackets() {
        for text in ["{\n\t\"a\": {\n\t\t\"b\": [\n\t\t\t1\n\t\t]\n\t}\n}\n", "a: {\n  b: c,\td: e}\n"] {
            assert_eq!(read(text).1.to_string(), "", "{text}");
        }
        for text in ["\ta: b\n", "a:\n\tb: c\n", "a:\n  - b: c\n\t  d: e\n"] {
            let (nodes, report) = read(text);
            assert!(nodes.is_empty() && report.has_errors(), "{text:?}");
            let hint = report.problems[0].hint.clone().unwrap_or_default();
            assert!(hint.contains("tabs"), "{text:?}: {report}");
        }
    }

    #[test]
    fn documents_without_content_and_text_behind_separators_are_reported() {
        for text in
            ["# only a comment\n---\na: b\n", "---\na: b\n---\n\n", "\n", "---\n", "---\n---\n", "\n---\na: b\n"]
        {
            assert!(read(text).1.has_errors(), "{text:?}");
        }
        for text in ["", "---\na: b\n---\n", "a: b\n---\n---\nc: d\n"] {
            assert!(read(text).1.problems.is_empty(), "{text:?}");
        }
        let (_, report) = read("--- a: b\n");
        assert!(report.has_errors());
        assert_eq!(report.problems[0].place.as_ref().unwrap().line, 1);
    }

    #[test]
    fn characters_that_readers_disagree_about_are_refused() {
        for (text, column) in
            [("a: \u{7}", 4), ("# \u{1b}[31m", 3), ("a: b\rc: d", 5), ("a: b\u{2028}c", 5), ("a: \"\u{7f}\"", 5)]
        {
            let (nodes, report) = read(text);
            assert!(nodes.is_empty(), "{text:?}");
            assert_eq!(report.problems[0].place.as_ref().unwrap().column, column, "{text:?}");
        }
        for text in ["a: b\r\nc: d\r\n", "a: b\t# c\n", "a: \"b\u{85}c\"\n", "a: \u{e4}\n"] {
            assert_eq!(read(text).1.to_string(), "", "{text:?}");
        }
    }

    #[test]
    fn what_looks_like_json_must_be_json() {
        for text in ["{\"a\": 1,}", "{a: b}", "x: y\n---\n{\n  'a': 1\n}\n"] {
            let (_, report) = read(text);
            assert!(report.problems[0].message.contains("JSON"), "{text}: {report}");
        }
        assert_eq!(read("a: {b: c,}\n").1.to_string(), "");
    }

    #[test]
    fn tabs_may_follow_a_colon() {
        let (nodes, report) = read("x: y\n---\na:\tb\nc: {d:\te, f:\t\tg}\n\u{e4}:\th\n");
        assert_eq!(report.to_string(), "");
        let json = serde_json::json!({ "a": "b", "c": { "d": "e", "f": "g" }, "\u{e4}": "h" });
        assert_eq!(nodes[1].to_json(), json);
        assert_eq!(nodes[1].nearest("c.f").place.line, 4);
    }

    #[test]
    fn a_line_without_a_colon_is_shown_itself() {
        let (_, report) = read("a: b\n  \nfoo\n\nc: d\n");
        assert_eq!(report.problems[0].place.as_ref().map(|p| (p.line, p.column, p.len)), Some((3, 1, 3)), "{report}");
        assert!(read("~: a\n").1.has_errors());
        let (_, report) = read("a: [b\n\n");
        assert_eq!(report.problems[0].place.as_ref().map(|p| (p.line, p.column)), Some((1, 5)), "{report}");
    }

    #[test]
    fn alias_bombs_and_deep_nesting_are_refused() {
        let mut bomb = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x]\n");
        for i in 1..9 {
            let refs = vec![format!("*a{}", i - 1); 9].join(", ");
            bomb.push_str(&format!("a{i}: &a{i} [{refs}]\n"));
        }
        let (_, report) = read(&bomb);
        assert!(report.problems[0].message.contains("aliases"), "{report}");
        let (_, report) = read(&"[".repeat(5000));
        assert!(report.has_errors());
    }

    #[test]
    fn plain_scalars_follow_go() {
        for (text, expected) in [
            ("017", Value::from(15)),
            ("0x1F", Value::from(31)),
            ("1_000", Value::from(1000)),
            ("1.5", Value::from(1.5)),
            ("1e+3", Value::from(1000.0)),
            ("-.5", Value::from(-0.5)),
            ("08", Value::from(8.0)),
            ("1e5", Value::from(100_000.0)),
            ("1.", Value::from(1.0)),
            ("1e", Value::from("1e")),
            (".", Value::from(".")),
            ("n", Value::from(false)),
            ("10.96.0.0/12", Value::from("10.96.0.0/12")),
            ("1.36.2", Value::from("1.36.2")),
            ("off", Value::from(false)),
            ("~", Value::Null),
            ("-", Value::from("-")),
            ("+1", Value::from(1)),
        ] {
            assert_eq!(plain_json(text), expected, "{text}");
        }
    }

    fn plain_json(text: &str) -> Value {
        Node {
            kind: plain(text),
            place: Place {
                source: Arc::new(Source { name: String::new(), text: String::new() }),
                line: 1,
                column: 1,
                len: 1,
            },
        }
        .to_json()
    }
}
