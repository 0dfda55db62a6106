//! One document's tree, built from the parser's events, with the limits that keep a bomb from going off.

use std::collections::HashMap;
use std::sync::Arc;

use saphyr_parser::{Event, Parser, ScalarStyle, Span};

use super::scalar::scalar;
use super::{Key, Kind, MAX_DEPTH, MAX_NODES, Node};
use crate::report::{Place, Problem, Report, Source};

/// Reads one document.
pub(super) struct Builder<'a, 'p> {
    source: &'a Arc<Source>,
    lines: &'a [&'a str],
    first_line: usize,
    pub(super) report: &'a mut Report,
    anchors: HashMap<usize, (Node, usize)>,
    budget: &'a mut usize,
    parser: Parser<'p, saphyr_parser::StrInput<'p>>,
}

pub(super) type Fallible<T> = Result<T, Box<Problem>>;

impl<'a, 'p> Builder<'a, 'p> {
    /// Of `text`, which begins after `first_line` lines of the file. What is not worth stopping for goes to `report`;
    /// `budget` is how many values the file may still have.
    pub(super) fn new(
        source: &'a Arc<Source>,
        lines: &'a [&'a str],
        first_line: usize,
        text: &'p str,
        report: &'a mut Report,
        budget: &'a mut usize,
    ) -> Self {
        let parser = Parser::new_from_str(text);
        Self { source, lines, first_line, report, anchors: HashMap::new(), budget, parser }
    }
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

    pub(super) fn place_at(&self, line: usize, column: usize, len: usize) -> Place {
        Place { source: self.source.clone(), line: self.first_line + line.max(1), column, len: len.max(1) }
    }

    fn place(&self, span: Span) -> Place {
        let len =
            if span.start.line() == span.end.line() { span.end.col().saturating_sub(span.start.col()) } else { 1 };
        self.place_at(span.start.line(), span.start.col() + 1, len)
    }

    pub(super) fn document(&mut self) -> Fallible<Option<Node>> {
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
