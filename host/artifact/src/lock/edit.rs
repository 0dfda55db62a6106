//! Lines `digest: …` in a configuration file: changed where they are, put in where they are not. What comes out is read
//! again and compared, so whatever the file looks like, nothing but digests changes, or it is refused.

use std::sync::Arc;

use kubephase_model::plugin::config::KIND;
use kubephase_model::report::{Place, Problem, Report, Source};
use kubephase_model::yaml::{self, Kind, Node};
use serde_json::Value;

use crate::digest::Digest;

/// Why nothing was edited.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The file is not what was expected.
    Other(String),
    /// It is written in a way in which lines cannot be put in: each place, with the line to write by hand.
    Layout(Vec<Problem>),
}

/// What happens to a line, by its number from 0.
struct Edit {
    line: usize,
    /// Characters that are replaced; the line's end is behind them all.
    from: usize,
    to: usize,
    text: String,
    /// A new line behind it, instead.
    insert: bool,
}

/// The text with the digests of `plugins` (name, source, digest), which have to be exactly the file's, in its order.
pub fn write_digests(source: &Arc<Source>, plugins: &[(&str, &str, Digest)]) -> Result<String, Refusal> {
    let before = read(source)?;
    let entries = plugins_of(&before)?;
    let text = |node: &Node, name: &str| node.get(name).and_then(Node::as_str).unwrap_or_default().to_owned();
    // Paths have been made the working directory's since they were read.
    let is_same = |written: &str, meant: &str| written == meant || !(written.contains("://") || meant.contains("://"));
    let same = entries.len() == plugins.len()
        && entries
            .iter()
            .zip(plugins)
            .all(|(entry, (name, source, _))| text(entry, "name") == *name && is_same(&text(entry, "source"), source));
    if !same {
        return Err(Refusal::Other("it has other plugins than a moment ago".into()));
    }
    let mut edits = Vec::new();
    let mut problems = Vec::new();
    for (index, (entry, (name, _, digest))) in entries.iter().zip(plugins).enumerate() {
        match edit(source, entry, digest) {
            Ok(edit) => edits.extend(edit),
            Err((place, why)) => problems.push(problem(index, name, digest, Some(place), why)),
        }
    }
    if !problems.is_empty() {
        return Err(Refusal::Layout(problems));
    }
    let edited = apply(&source.text, edits);
    // The judge of it all: whatever was overlooked above shows here.
    let after = Arc::new(Source { name: source.name.clone(), text: edited });
    if read(&after).is_ok_and(|after| is_as_wanted(&before, &after, plugins)) {
        return Ok(after.text.clone());
    }
    let problems = entries.iter().zip(plugins).enumerate();
    let problems = problems.filter(|(_, (entry, (_, _, digest)))| text(entry, "digest") != digest.to_string());
    let why = "it shares parts with others by anchors, or is otherwise woven in";
    let problems = problems.map(|(i, (e, (name, _, digest)))| problem(i, name, digest, Some(e.place.clone()), why));
    Err(Refusal::Layout(problems.collect()))
}

fn problem(index: usize, name: &str, digest: &Digest, place: Option<Place>, why: &str) -> Problem {
    Problem::error(format!("plugins[{index}]"), format!("`{name}` {why}: write `digest: {digest}` there by hand"))
        .at(place)
}

fn read(source: &Arc<Source>) -> Result<Vec<Node>, Refusal> {
    let mut report = Report::default();
    let documents = yaml::documents(source, &mut report);
    if report.has_errors() {
        let problem =
            report.problems.iter().find(|problem| problem.severity == kubephase_model::report::Severity::Error);
        return Err(Refusal::Other(problem.map(Problem::to_string).unwrap_or_default()));
    }
    Ok(documents)
}

fn is_ours(document: &Node) -> bool {
    document.get("kind").and_then(Node::as_str) == Some(KIND)
}

fn plugins_of(documents: &[Node]) -> Result<&[Node], Refusal> {
    let ours: Vec<&Node> = documents.iter().filter(|document| is_ours(document)).collect();
    let [document] = ours.as_slice() else {
        return Err(Refusal::Other(format!("it has {} documents of the kind {KIND}", ours.len())));
    };
    match document.get("plugins").map(|node| &node.kind) {
        Some(Kind::List(entries)) => Ok(entries),
        None | Some(Kind::Null) => Ok(&[]),
        Some(_) => Err(Refusal::Other("its `plugins` are no list".into())),
    }
}

type Unsafe = (Place, &'static str);

fn edit(source: &Source, entry: &Node, digest: &Digest) -> Result<Option<Edit>, Unsafe> {
    let Kind::Map(fields) = &entry.kind else { return Err((entry.place.clone(), "is no mapping")) };
    let lines: Vec<&str> = source.text.split_inclusive('\n').collect();
    let line = |place: &Place| lines.get(place.line.wrapping_sub(1)).copied().unwrap_or_default();
    let at = |place: &Place| line(place).chars().nth(place.column.wrapping_sub(1));
    let Some((first, _)) = fields.first() else { return Err((entry.place.clone(), "is empty")) };
    let is_block = |place: &Place| {
        let mut before = line(place).chars().take(place.column.wrapping_sub(1));
        before.all(|c| c == ' ' || c == '-')
    };
    for (key, _) in fields {
        if key.place.column != first.place.column || !is_block(&key.place) || matches!(at(&key.place), Some('{' | '*'))
        {
            return Err((key.place.clone(), "is written in brackets, or shares parts with others"));
        }
    }
    let field = |name: &str| fields.iter().rev().find(|(key, _)| key.name == name);
    if let Some((key, value)) = field("digest") {
        return match &value.kind {
            Kind::String(text) if *text == digest.to_string() => Ok(None),
            Kind::String(text) if value.place.line == key.place.line && !text.contains('\n') => {
                let from = value.place.column - 1;
                let rest: String = line(&value.place).chars().skip(from).collect();
                // Escapes are not worth knowing here.
                let spellings = [format!("'{text}'"), format!("\"{text}\""), text.clone()];
                let written = spellings.iter().find(|spelling| !spelling.is_empty() && rest.starts_with(*spelling));
                let Some(written) = written.filter(|written| ends(&rest[written.len()..])) else {
                    return Err((value.place.clone(), "has a digest that is no plain text"));
                };
                let text = digest.to_string();
                Ok(Some(Edit {
                    line: key.place.line - 1,
                    from,
                    to: from + written.chars().count(),
                    text,
                    insert: false,
                }))
            }
            Kind::String(text) if text.is_empty() && value.place.line != key.place.line => {
                Err((key.place.clone(), "has a digest that is no plain text"))
            }
            Kind::Null => {
                let whole: String = line(&key.place).chars().collect();
                let colon = whole.chars().skip(key.place.column - 1).position(|c| c == ':');
                let colon = colon.ok_or_else(|| (key.place.clone(), "has a digest that is no plain text"))?;
                let from = key.place.column + colon;
                let rest: String = whole.chars().skip(from).collect();
                if !ends(&rest) {
                    return Err((key.place.clone(), "has a digest that is no plain text"));
                }
                let text = format!(" {digest}");
                Ok(Some(Edit { line: key.place.line - 1, from, to: from, text, insert: false }))
            }
            _ => Err((key.place.clone(), "has a digest that is no plain text")),
        };
    }
    match field("source") {
        Some((key, value)) if value.place.line == key.place.line && matches!(value.kind, Kind::String(_)) => {
            let text = format!("{}digest: {digest}", " ".repeat(key.place.column - 1));
            Ok(Some(Edit { line: key.place.line - 1, from: 0, to: 0, text, insert: true }))
        }
        Some((key, _)) => Err((key.place.clone(), "has a source that is not on one line")),
        None => Err((entry.place.clone(), "has no source")),
    }
}

/// Whether nothing but a comment follows a value.
fn ends(rest: &str) -> bool {
    let trimmed = rest.trim_start();
    trimmed.is_empty() || (trimmed.starts_with('#') && trimmed.len() < rest.len())
}

fn apply(text: &str, edits: Vec<Edit>) -> String {
    let ending = if text.contains("\r\n") { "\r\n" } else { "\n" };
    let mut edited = String::with_capacity(text.len() + edits.len() * 90);
    for (number, line) in text.split_inclusive('\n').enumerate() {
        match edits.iter().find(|edit| edit.line == number) {
            None => edited.push_str(line),
            Some(edit) if edit.insert => {
                edited.push_str(line);
                if line.ends_with('\n') {
                    edited.push_str(&edit.text);
                    edited.push_str(ending);
                } else {
                    edited.push_str(ending);
                    edited.push_str(&edit.text);
                }
            }
            Some(edit) => {
                edited.extend(line.chars().take(edit.from));
                edited.push_str(&edit.text);
                edited.extend(line.chars().skip(edit.to));
            }
        }
    }
    edited
}

/// Whether nothing but digests differs, and they are the right ones.
fn is_as_wanted(before: &[Node], after: &[Node], plugins: &[(&str, &str, Digest)]) -> bool {
    let without_digests = |document: &Node| {
        let mut value = document.to_json();
        if is_ours(document) {
            for entry in value.get_mut("plugins").and_then(Value::as_array_mut).into_iter().flatten() {
                entry.as_object_mut().map(|entry| entry.remove("digest"));
            }
        }
        value
    };
    let digest = |entry: &Node| entry.get("digest").and_then(Node::as_str).map(str::to_owned);
    let are_right = plugins_of(after).is_ok_and(|entries| {
        let found: Vec<_> = entries.iter().map(digest).collect();
        found == plugins.iter().map(|(_, _, digest)| Some(digest.to_string())).collect::<Vec<_>>()
    });
    are_right && before.iter().map(without_digests).eq(after.iter().map(without_digests))
}

#[cfg(test)]
mod tests;
