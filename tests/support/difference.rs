//! Differences in meaning between two trees, each with its place.

use std::collections::BTreeSet;
use std::fmt;

use serde_json::Value;

use super::meaning::Meaning;

/// One difference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Path of the file.
    pub file: String,
    /// Where in it: `.mode`, `.contents.spec.containers[0].command[3]`.
    pub at: String,
    /// What was recorded; None if nothing was.
    pub expected: Option<Value>,
    /// What is there.
    pub actual: Option<Value>,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let show = |v: &Option<Value>| v.as_ref().map_or("nothing".to_string(), Value::to_string);
        write!(f, "/{}{}: expected {}, got {}", self.file, self.at, show(&self.expected), show(&self.actual))
    }
}

/// Everything that differs.
pub fn between(expected: &Meaning, actual: &Meaning) -> Vec<Difference> {
    let mut found = Vec::new();
    let files: BTreeSet<_> = expected.keys().chain(actual.keys()).collect();
    for file in files {
        compare(file, String::new(), expected.get(file), actual.get(file), &mut found);
    }
    found
}

/// One per line, with a count.
pub fn report(differences: &[Difference]) -> String {
    let lines: Vec<_> = differences.iter().map(|d| format!("  {d}")).collect();
    format!("{} difference(s)\n{}", differences.len(), lines.join("\n"))
}

fn compare(file: &str, at: String, expected: Option<&Value>, actual: Option<&Value>, found: &mut Vec<Difference>) {
    match (expected, actual) {
        (Some(Value::Object(a)), Some(Value::Object(b))) => {
            for key in a.keys().chain(b.keys()).collect::<BTreeSet<_>>() {
                compare(file, format!("{at}.{key}"), a.get(key), b.get(key), found);
            }
        }
        // Lists that differ in length are told whole: item by item would only show the shift.
        (Some(Value::Array(a)), Some(Value::Array(b))) if a.len() == b.len() => {
            for (i, (a, b)) in a.iter().zip(b).enumerate() {
                compare(file, format!("{at}[{i}]"), Some(a), Some(b), found);
            }
        }
        // Owners are unknown in an ordinary user's dry run.
        (Some(_), Some(Value::Null)) if at == ".owner" => {}
        (a, b) if a == b => {}
        (a, b) => found.push(Difference { file: file.to_string(), at, expected: a.cloned(), actual: b.cloned() }),
    }
}
