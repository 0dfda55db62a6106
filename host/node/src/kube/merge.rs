//! Comparing an object that is there with one that is wanted. Pure.

use kubephase_model::object::{self, ObjectRef};
use serde_json::{Map, Value};

use crate::change::{Change, ChangeKind, ObjectId, diff_texts};

/// What the server keeps about an object, which nobody wants to see in a difference.
const SERVERS: &[&str] =
    &["creationTimestamp", "generation", "managedFields", "resourceVersion", "selfLink", "uid", "ownerReferences"];

/// `wanted` in place of `found`, with what others put beside it: labels, annotations, owners, finalizers, and whole
/// fields that we say nothing about, such as a ServiceAccount's secrets.
pub(super) fn keep_others(found: &Value, wanted: &Value) -> Value {
    let (Value::Object(found), Value::Object(wanted)) = (found, wanted) else { return wanted.clone() };
    let mut merged = found.clone();
    for (key, value) in wanted {
        let value = match (key.as_str(), found.get(key)) {
            ("metadata", Some(Value::Object(before))) => metadata(before, value),
            _ => value.clone(),
        };
        merged.insert(key.clone(), value);
    }
    Value::Object(merged)
}

fn metadata(found: &Map<String, Value>, wanted: &Value) -> Value {
    let mut merged = found.clone();
    for (key, value) in wanted.as_object().into_iter().flatten() {
        match (key.as_str(), merged.get_mut(key), value) {
            ("labels" | "annotations", Some(Value::Object(before)), Value::Object(ours)) => {
                before.extend(ours.clone());
            }
            // The version that is replaced is the one that was read.
            ("resourceVersion", ..) => {}
            _ => {
                merged.insert(key.clone(), value.clone());
            }
        }
    }
    Value::Object(merged)
}

/// What became of an object, for events. Contents of Secrets are not told.
pub(super) fn change(name: &ObjectRef, before: Option<&Value>, after: Option<&Value>) -> Change {
    let kind = match (before, after) {
        (None, Some(_)) => ChangeKind::Created,
        (Some(_), None) => ChangeKind::Removed,
        (Some(before), Some(after)) if shown(before) == shown(after) => ChangeKind::Unchanged,
        _ => ChangeKind::Replaced,
    };
    let secret = name.kind == &object::SECRET;
    let text = |value: Option<&Value>| value.map(shown).unwrap_or_default();
    let changed = matches!(kind, ChangeKind::Created | ChangeKind::Replaced);
    let path = name.to_string();
    let diff = (changed && !secret).then(|| diff_texts(&text(before), &text(after), before.is_none(), &path)).flatten();
    let id = ObjectId {
        api_version: name.kind.api_version.to_owned(),
        kind: name.kind.kind.to_owned(),
        namespace: name.namespace.clone(),
        name: name.name.clone(),
    };
    Change { diff, secret, object: Some(id), ..Change::new(&path, kind) }
}

/// As YAML, without what is the server's.
fn shown(object: &Value) -> String {
    let mut object = object.clone();
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.retain(|key, _| !SERVERS.contains(&key.as_str()));
    }
    if let Some(object) = object.as_object_mut() {
        object.remove("status");
    }
    serde_yaml::to_string(&object).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use kubephase_model::object::{CONFIG_MAP, SECRET};
    use serde_json::json;

    use super::*;

    #[test]
    fn what_others_wrote_stays() {
        let found = json!({
            "metadata": {
                "name": "a", "resourceVersion": "7", "uid": "u",
                "labels": { "theirs": "1", "ours": "old" }, "annotations": { "revision": "3" },
            },
            "data": { "old": "" },
            "secrets": [{ "name": "t" }],
        });
        let wanted = json!({
            "metadata": { "name": "a", "resourceVersion": "0", "labels": { "ours": "new" } },
            "data": { "new": "" },
        });
        assert_eq!(
            keep_others(&found, &wanted),
            json!({
                "metadata": {
                    "name": "a", "resourceVersion": "7", "uid": "u",
                    "labels": { "theirs": "1", "ours": "new" }, "annotations": { "revision": "3" },
                },
                "data": { "new": "" },
                "secrets": [{ "name": "t" }],
            })
        );
    }

    #[test]
    fn a_difference_shows_what_matters_and_no_secrets() {
        let name = ObjectRef::new(&CONFIG_MAP, Some("kube-system"), "a");
        let before = json!({ "metadata": { "name": "a", "resourceVersion": "1" }, "data": { "k": "v" } });
        let after = json!({ "metadata": { "name": "a", "resourceVersion": "2" }, "data": { "k": "w" } });
        let told = change(&name, Some(&before), Some(&after));
        assert_eq!((told.path.as_str(), told.kind), ("ConfigMap kube-system/a", ChangeKind::Replaced));
        let diff = told.diff.expect("it differs");
        assert!(diff.contains("-  k: v\n+  k: w\n") && !diff.contains("resourceVersion"), "{diff}");
        assert_eq!(change(&name, Some(&before), None).kind, ChangeKind::Removed);

        let secret = change(&ObjectRef::new(&SECRET, Some("x"), "a"), None, Some(&after));
        assert_eq!((secret.diff, secret.secret, secret.kind), (None, true, ChangeKind::Created));
    }
}
