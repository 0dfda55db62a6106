//! Columns that definitions of custom resources ask for, and the JSON paths in them, as far as definitions use them:
//! fields, indexes, and items with a field of a value.

use serde_json::{Value, json};

use super::Row;
use crate::kinds::Printed;

/// The cell of a column.
pub(super) fn cell(column: &Printed, row: &Row<'_>) -> Value {
    let Some(value) = find(row.object, column.path) else { return Value::Null };
    match (column.ty, value) {
        ("date", Value::String(then)) => json!(row.since_time(then)),
        ("string", Value::String(_)) | ("integer" | "number" | "boolean", _) => value.clone(),
        (_, Value::Null) => Value::Null,
        (_, Value::String(text)) => json!(text),
        (_, other) => json!(other.to_string()),
    }
}

/// The value at `path`, such as `.status.conditions[?(@.type=="Ready")].status`.
fn find<'a>(value: &'a Value, path: &str) -> Option<&'a Value> {
    let (step, rest) = step(path)?;
    let next = match step {
        Step::End => return Some(value),
        Step::Field(name) => value.get(&name)?,
        Step::Index(index) => value.get(index)?,
        Step::With(field, wanted) => {
            value.as_array()?.iter().find(|item| item.get(&field).and_then(Value::as_str) == Some(&wanted))?
        }
    };
    find(next, rest)
}

enum Step {
    End,
    Field(String),
    Index(usize),
    /// The item whose field has this value.
    With(String, String),
}

/// The first step of a path and what follows; none if it is no path that is known here.
fn step(path: &str) -> Option<(Step, &str)> {
    if path.is_empty() {
        return Some((Step::End, path));
    }
    if let Some(rest) = path.strip_prefix('[') {
        let (inner, rest) = rest.split_once(']')?;
        let step = match inner.strip_prefix("?(@.").and_then(|filter| filter.strip_suffix(')')) {
            Some(filter) => {
                let (field, wanted) = filter.split_once("==")?;
                Step::With(field.trim().to_owned(), wanted.trim().trim_matches(['"', '\'']).to_owned())
            }
            None => match inner.parse() {
                Ok(index) => Step::Index(index),
                Err(_) => Step::Field(inner.trim_matches(['"', '\'']).to_owned()),
            },
        };
        return Some((step, rest));
    }
    let path = path.strip_prefix('.')?;
    let mut name = String::new();
    let mut chars = path.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '.' | '[' => return Some((Step::Field(name), &path[at..])),
            '\\' => name.extend(chars.next().map(|(_, c)| c)),
            c => name.push(c),
        }
    }
    Some((Step::Field(name), ""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_found_by_the_paths_of_definitions() {
        let object = json!({
            "spec": { "size": 3, "list": ["a", "b"], "a.b": "dotted" },
            "status": { "conditions": [{ "type": "Other", "status": "x" }, { "type": "Ready", "status": "True" }] },
        });
        for (path, found) in [
            (".spec.size", json!(3)),
            (".spec.list[1]", json!("b")),
            (".spec.a\\.b", json!("dotted")),
            (".spec['size']", json!(3)),
            (".status.conditions[?(@.type==\"Ready\")].status", json!("True")),
            (".status.conditions[?(@.type=='Ready')].status", json!("True")),
        ] {
            assert_eq!(find(&object, path), Some(&found), "{path}");
        }
        for path in [".spec.nosuch", ".spec.size.more", "spec", ".spec[", ".spec.list[9]"] {
            assert_eq!(find(&object, path), None, "{path}");
        }
    }
}
