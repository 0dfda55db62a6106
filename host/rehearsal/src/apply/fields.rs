//! Sets of fields, and how `managedFields` spells them (`FieldsV1`): `f:` before a field's name, `k:` before the keys
//! of a list's item, `v:` before the value of one, `.` for the field itself where fields below it are in the set too.
//! Nothing but sets.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

/// One step of a path, as FieldsV1 spells it: `f:spec`, `k:{"name":"web"}`, `v:"a"`.
pub(super) type Step = String;

/// A set of fields.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Fields {
    pub(super) members: BTreeSet<Step>,
    pub(super) children: BTreeMap<Step, Fields>,
}

/// The step to a field.
pub(super) fn named(field: &str) -> Step {
    format!("f:{field}")
}

/// The step to an item of a list, given by its keys.
pub(super) fn keyed(keys: Map<String, Value>) -> Step {
    format!("k:{}", Value::Object(keys))
}

/// The step to an item of a set.
pub(super) fn valued(value: &Value) -> Step {
    format!("v:{value}")
}

impl Fields {
    pub(super) fn is_empty(&self) -> bool {
        self.members.is_empty() && self.children.values().all(Self::is_empty)
    }

    pub(super) fn insert(&mut self, path: &[Step]) {
        let Some((last, way)) = path.split_last() else { return };
        let mut at = self;
        for step in way {
            at = at.children.entry(step.clone()).or_default();
        }
        at.members.insert(last.clone());
    }

    /// The set of these paths.
    pub(super) fn of(paths: &[&str]) -> Self {
        let mut fields = Self::default();
        for path in paths {
            fields.insert(&path.split('.').map(named).collect::<Vec<_>>());
        }
        fields
    }

    pub(super) fn union(&self, other: &Self) -> Self {
        let mut union = self.clone();
        union.members.extend(other.members.iter().cloned());
        for (step, fields) in &other.children {
            let merged = union.children.get(step).map_or_else(|| fields.clone(), |mine| mine.union(fields));
            union.children.insert(step.clone(), merged);
        }
        union
    }

    fn with_children(members: BTreeSet<Step>, children: impl Iterator<Item = (Step, Self)>) -> Self {
        Self { members, children: children.filter(|(_, fields)| !fields.is_empty()).collect() }
    }

    /// Without the fields of `other`; what is below those stays.
    pub(super) fn difference(&self, other: &Self) -> Self {
        let children = self.children.iter().map(|(step, fields)| {
            let rest = other.children.get(step).map_or_else(|| fields.clone(), |theirs| fields.difference(theirs));
            (step.clone(), rest)
        });
        Self::with_children(self.members.difference(&other.members).cloned().collect(), children)
    }

    /// Without the fields of `other` and everything below them.
    pub(super) fn difference_below(&self, other: &Self) -> Self {
        let children = self.children.iter().filter(|(step, _)| !other.members.contains(*step)).map(|(step, fields)| {
            let rest =
                other.children.get(step).map_or_else(|| fields.clone(), |theirs| fields.difference_below(theirs));
            (step.clone(), rest)
        });
        Self::with_children(self.members.difference(&other.members).cloned().collect(), children)
    }

    pub(super) fn intersection(&self, other: &Self) -> Self {
        let children = self.children.iter().filter_map(|(step, fields)| {
            other.children.get(step).map(|theirs| (step.clone(), fields.intersection(theirs)))
        });
        Self::with_children(self.members.intersection(&other.members).cloned().collect(), children)
    }

    /// Every field, with those of an object before those below it, as a path such as `.spec.ports[name="web"].port`.
    pub(super) fn paths(&self) -> Vec<String> {
        let mut paths = Vec::new();
        self.collect("", &mut paths);
        paths
    }

    fn collect(&self, path: &str, paths: &mut Vec<String>) {
        paths.extend(self.members.iter().map(|step| format!("{path}{}", shown(step))));
        for (step, fields) in &self.children {
            fields.collect(&format!("{path}{}", shown(step)), paths);
        }
    }

    /// As `fieldsV1` holds it.
    pub(super) fn to_json(&self) -> Value {
        let mut json = Map::new();
        for step in &self.members {
            json.insert(step.clone(), json!({}));
        }
        for (step, fields) in &self.children {
            let mut inner = fields.to_json();
            if let (true, Value::Object(map)) = (self.members.contains(step), &mut inner) {
                map.insert(".".to_owned(), json!({}));
            }
            json.insert(step.clone(), inner);
        }
        Value::Object(json)
    }

    /// The other way round.
    pub(super) fn from_json(json: &Value) -> Self {
        let mut fields = Self::default();
        for (step, below) in json.as_object().into_iter().flatten().filter(|(step, _)| *step != ".") {
            let Some(map) = below.as_object() else { continue };
            if map.is_empty() || map.contains_key(".") {
                fields.members.insert(step.clone());
            }
            let inner = Self::from_json(below);
            if !inner.is_empty() {
                fields.children.insert(step.clone(), inner);
            }
        }
        fields
    }
}

/// A step as conflicts show it: `.spec`, `[name="web"]`, `[="a"]`.
fn shown(step: &str) -> String {
    if let Some(keys) = step.strip_prefix("k:") {
        let keys: Map<String, Value> = serde_json::from_str(keys).unwrap_or_default();
        let keys: Vec<String> = keys.iter().map(|(name, value)| format!("{name}={value}")).collect();
        return format!("[{}]", keys.join(","));
    }
    match step.strip_prefix("v:") {
        Some(value) => format!("[={value}]"),
        None => format!(".{}", step.strip_prefix("f:").unwrap_or(step)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_are_spelled_and_read_again() {
        let json = json!({
            "f:metadata": { "f:labels": { ".": {}, "f:a": {} } },
            "f:spec": { "f:ports": { "k:{\"port\":80,\"protocol\":\"TCP\"}": { ".": {}, "f:port": {} } }, "f:x": {} },
            "f:finalizers": { "v:\"a\"": {} },
        });
        let fields = Fields::from_json(&json);
        assert_eq!(fields.to_json(), json);
        assert_eq!(
            fields.paths(),
            [
                ".finalizers[=\"a\"]",
                ".metadata.labels",
                ".metadata.labels.a",
                ".spec.x",
                ".spec.ports[port=80,protocol=\"TCP\"]",
                ".spec.ports[port=80,protocol=\"TCP\"].port",
            ]
        );
    }

    #[test]
    fn differences_leave_what_is_below_unless_asked() {
        let fields = Fields::from_json(&json!({ "f:a": { ".": {}, "f:b": {} }, "f:c": {} }));
        let parent = Fields::of(&["a"]);
        assert_eq!(fields.difference(&parent).paths(), [".c", ".a.b"]);
        assert_eq!(fields.difference_below(&parent).paths(), [".c"]);
        assert_eq!(fields.intersection(&parent).paths(), [".a"]);
        assert_eq!(fields.difference(&parent).union(&parent), fields);
    }
}
