//! The objects as they were at one moment, and the questions that controllers ask of them.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::Value;

use crate::kinds::Kind;

/// Everything that is there. Objects carry their `apiVersion` and `kind`.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    kinds: HashMap<(&'static str, &'static str), Vec<Arc<Value>>>,
}

impl Snapshot {
    /// Adds objects of a kind.
    pub fn add(&mut self, kind: &'static Kind, objects: impl IntoIterator<Item = Arc<Value>>) {
        self.kinds.entry((kind.group, kind.plural)).or_default().extend(objects);
    }

    /// Objects of a kind.
    pub fn of(&self, kind: &Kind) -> impl Iterator<Item = &Value> {
        self.kinds.get(&(kind.group, kind.plural)).into_iter().flatten().map(|object| &**object)
    }

    /// Objects of a kind in a namespace.
    pub fn inside(&self, kind: &Kind, namespace: &str) -> impl Iterator<Item = &Value> {
        self.of(kind).filter(move |object| text(object, "/metadata/namespace") == namespace)
    }

    /// One object. `namespace` is empty for kinds that have none.
    pub fn get(&self, kind: &Kind, namespace: &str, name: &str) -> Option<&Value> {
        self.inside(kind, namespace).find(|object| text(object, "/metadata/name") == name)
    }

    /// Every object.
    pub fn all(&self) -> impl Iterator<Item = &Value> {
        self.kinds.values().flatten().map(|object| &**object)
    }

    /// Objects of a kind that have this one for controller.
    pub fn owned(&self, kind: &Kind, owner: &Value) -> impl Iterator<Item = &Value> {
        let uid = text(owner, "/metadata/uid").to_owned();
        self.of(kind).filter(move |object| {
            let owners = object.pointer("/metadata/ownerReferences").and_then(Value::as_array);
            owners.into_iter().flatten().any(|owner| owner["controller"] == true && owner["uid"] == uid.as_str())
        })
    }
}

/// Text at a place; empty if there is none.
pub fn text<'a>(object: &'a Value, pointer: &str) -> &'a str {
    object.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// A number at a place.
pub fn number(object: &Value, pointer: &str) -> Option<i64> {
    object.pointer(pointer).and_then(Value::as_i64)
}

/// True if it is being deleted.
pub fn is_going(object: &Value) -> bool {
    object.pointer("/metadata/deletionTimestamp").is_some_and(|time| !time.is_null())
}

/// True if labels match all of `matchLabels` and `matchExpressions`.
pub fn selects(selector: &Value, labels: &Value) -> bool {
    let label = |key: &str| labels.get(key).and_then(Value::as_str);
    let equal = selector.get("matchLabels").and_then(Value::as_object).into_iter().flatten();
    let expressions = selector.get("matchExpressions").and_then(Value::as_array).into_iter().flatten();
    equal.into_iter().all(|(key, value)| label(key) == value.as_str())
        && expressions.into_iter().all(|expression| {
            let key = label(text(expression, "/key"));
            let values = || expression["values"].as_array().into_iter().flatten().filter_map(Value::as_str);
            match text(expression, "/operator") {
                "In" => key.is_some_and(|key| values().any(|value| value == key)),
                "NotIn" => key.is_none_or(|key| !values().any(|value| value == key)),
                "Exists" => key.is_some(),
                "DoesNotExist" => key.is_none(),
                _ => false,
            }
        })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn selectors() {
        let labels = json!({ "app": "dns", "tier": "x" });
        for (selector, wanted) in [
            (json!({}), true),
            (json!({ "matchLabels": { "app": "dns" } }), true),
            (json!({ "matchLabels": { "app": "dns", "tier": "y" } }), false),
            (json!({ "matchExpressions": [{ "key": "app", "operator": "In", "values": ["a", "dns"] }] }), true),
            (json!({ "matchExpressions": [{ "key": "no", "operator": "NotIn", "values": ["a"] }] }), true),
            (json!({ "matchExpressions": [{ "key": "no", "operator": "Exists" }] }), false),
            (json!({ "matchExpressions": [{ "key": "no", "operator": "DoesNotExist" }] }), true),
        ] {
            assert_eq!(selects(&selector, &labels), wanted, "{selector}");
        }
    }
}
