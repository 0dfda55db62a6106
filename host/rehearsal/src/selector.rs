//! Label and field selectors, as lists, watches and bulk deletions have them.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::kinds::Kind;
use crate::status::Failure;

/// Which objects are wanted.
#[derive(Clone, Debug, Default)]
pub struct Selector {
    labels: Vec<Requirement>,
    /// Path, whether equal, value.
    fields: Vec<(String, bool, String)>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Requirement {
    Exists(String),
    Missing(String),
    In(String, BTreeSet<String>),
    NotIn(String, BTreeSet<String>),
}

/// What may follow a key.
const OPERATORS: &str = "in, notin, =, ==, !=, gt, lt";

/// Fields by which all kinds can be selected.
const COMMON: &[&str] = &["metadata.name", "metadata.namespace"];

/// Further fields of one kind.
fn fields_of(kind: &Kind) -> &'static [&'static str] {
    match (kind.group, kind.plural) {
        ("", "pods") => &[
            "spec.nodeName",
            "spec.restartPolicy",
            "spec.schedulerName",
            "spec.serviceAccountName",
            "spec.hostNetwork",
            "status.phase",
            "status.podIP",
            "status.nominatedNodeName",
        ],
        ("", "secrets") => &["type"],
        ("", "nodes") => &["spec.unschedulable"],
        ("", "namespaces") => &["status.phase"],
        ("", "services") => &["spec.clusterIP", "spec.type"],
        ("", "events") => &[
            "involvedObject.kind",
            "involvedObject.namespace",
            "involvedObject.name",
            "involvedObject.uid",
            "involvedObject.apiVersion",
            "involvedObject.resourceVersion",
            "involvedObject.fieldPath",
            "reason",
            "reportingComponent",
            "source",
            "type",
        ],
        ("certificates.k8s.io", _) => &["spec.signerName"],
        ("batch", "jobs") => &["status.successful"],
        ("apps", "replicasets") => &["status.replicas"],
        _ => &[],
    }
}

impl Selector {
    /// Reads both.
    pub fn of(kind: &Kind, labels: &str, fields: &str) -> Result<Self, Failure> {
        Ok(Self { labels: read_labels(labels).map_err(Failure::bad_request)?, fields: read_fields(kind, fields)? })
    }

    /// Whether an object is wanted.
    pub fn wants(&self, object: &Value) -> bool {
        self.labels.iter().all(|requirement| requirement.holds(object))
            && self.fields.iter().all(|(path, equal, wanted)| (field(object, path) == *wanted) == *equal)
    }

    /// Whether everything is wanted.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty() && self.fields.is_empty()
    }
}

impl Requirement {
    fn holds(&self, object: &Value) -> bool {
        let label = |key: &str| object["metadata"]["labels"].get(key).and_then(Value::as_str);
        match self {
            Self::Exists(key) => label(key).is_some(),
            Self::Missing(key) => label(key).is_none(),
            Self::In(key, values) => label(key).is_some_and(|value| values.contains(value)),
            Self::NotIn(key, values) => label(key).is_none_or(|value| !values.contains(value)),
        }
    }
}

fn field(object: &Value, path: &str) -> String {
    let found = match path {
        "source" => &object["source"]["component"],
        _ => path.split('.').fold(object, |value, part| &value[part]),
    };
    match found {
        Value::String(text) => text.clone(),
        Value::Null if path == "spec.unschedulable" || path == "spec.hostNetwork" => "false".to_owned(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

fn read_fields(kind: &Kind, text: &str) -> Result<Vec<(String, bool, String)>, Failure> {
    let mut read = Vec::new();
    for term in text.split(',').filter(|term| !term.is_empty()) {
        let (path, equal, value) = if let Some((path, value)) = term.split_once("!=") {
            (path, false, value)
        } else if let Some((path, value)) = term.split_once("==").or_else(|| term.split_once('=')) {
            (path, true, value)
        } else {
            let message = format!("invalid selector: {text:?}; can't understand {term:?}");
            return Err(Failure::bad_request(message));
        };
        if !COMMON.contains(&path) && !fields_of(kind).contains(&path) {
            return Err(Failure::bad_request(if fields_of(kind).is_empty() {
                format!("{path:?} is not a known field selector: only \"metadata.name\", \"metadata.namespace\"")
            } else {
                format!("field label not supported: {path}")
            }));
        }
        read.push((path.to_owned(), equal, value.to_owned()));
    }
    Ok(read)
}

fn read_labels(text: &str) -> Result<Vec<Requirement>, String> {
    terms(text).into_iter().map(|term| read_label(term.trim())).collect()
}

/// Splits at the commas that are not inside parentheses.
fn terms(text: &str) -> Vec<&str> {
    let (mut depth, mut start, mut found) = (0, 0, Vec::new());
    for (at, letter) in text.char_indices() {
        match letter {
            '(' => depth += 1,
            ')' => depth -= 1,
            ',' if depth == 0 => {
                found.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    found.push(&text[start..]);
    found.retain(|term| !term.trim().is_empty());
    found
}

fn read_label(term: &str) -> Result<Requirement, String> {
    let one = |value: &str| BTreeSet::from([value.trim().to_owned()]);
    if let Some((key, value)) = term.split_once("!=") {
        return Ok(Requirement::NotIn(key.trim().to_owned(), one(value)));
    }
    if let Some((key, value)) = term.split_once("==").or_else(|| term.split_once('=')) {
        return Ok(Requirement::In(key.trim().to_owned(), one(value)));
    }
    if let Some((head, values)) = term.strip_suffix(')').and_then(|term| term.split_once('(')) {
        let values = values.split(',').map(|value| value.trim().to_owned()).collect();
        return match head.split_whitespace().collect::<Vec<_>>()[..] {
            [key, "in"] => Ok(Requirement::In(key.to_owned(), values)),
            [key, "notin"] => Ok(Requirement::NotIn(key.to_owned(), values)),
            [_, found] => Err(format!("unable to parse requirement: found '{found}', expected: {OPERATORS}")),
            _ => Err(format!("unable to parse requirement: found '{head}', expected: identifier")),
        };
    }
    let (key, missing) = term.strip_prefix('!').map_or((term, false), |key| (key.trim(), true));
    if let Some(found) = key.split_whitespace().nth(1) {
        return Err(format!("unable to parse requirement: found '{found}', expected: {OPERATORS}"));
    }
    if key.is_empty() || key.contains(['(', ')']) {
        return Err(format!("unable to parse requirement: found '{term}', expected: identifier"));
    }
    Ok(if missing { Requirement::Missing(key.to_owned()) } else { Requirement::Exists(key.to_owned()) })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::kinds::{POD, SECRET};

    #[test]
    fn labels_are_selected_in_every_notation() {
        let object = json!({ "metadata": { "labels": { "a": "1", "b/c": "x" } } });
        let wants = |text: &str| Selector::of(&POD, text, "").expect("a selector").wants(&object);
        for text in ["", "a=1", "a==1", "a", "!z", "a!=2", "z!=1", "a in (1, 2)", "a notin (3),b/c=x", "z notin (1)"] {
            assert!(wants(text), "{text}");
        }
        for text in ["a=2", "!a", "z", "a in (2,3)", "a notin (1)", "a!=1", "a=1,b/c=y"] {
            assert!(!wants(text), "{text}");
        }
        for text in ["a b", "a near (1)", "(x)"] {
            assert!(Selector::of(&POD, text, "").is_err(), "{text}");
        }
    }

    #[test]
    fn fields_are_those_of_the_kind() {
        let secret = json!({ "metadata": { "name": "s", "namespace": "n" }, "type": "Opaque" });
        let wants = |text: &str| Selector::of(&SECRET, "", text).map(|selector| selector.wants(&secret));
        assert!(wants("type=Opaque,metadata.name=s").expect("a selector"));
        assert!(!wants("type!=Opaque").expect("a selector"));
        let failure = wants("spec.x=1").expect_err("no such field");
        assert_eq!(failure.code(), 400);
        assert!(failure.message().ends_with("field label not supported: spec.x"), "{failure}");
    }
}
