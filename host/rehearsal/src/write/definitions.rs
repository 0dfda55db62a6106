//! CustomResourceDefinitions: what the server fills in, what it asks of them, and what the real one's controllers say of
//! them in the status. They are served from the moment they are there.

use serde_json::{Value, json};

use crate::kinds::{CUSTOM_RESOURCE_DEFINITION, Kind};
use crate::schema::{FieldProblem, Reason};
use crate::status::Failure;
use crate::store::{Preconditions, Propagation, Transaction, text};

/// Fills in names and status. `old` is the definition as it was, `now` the time.
pub(super) fn complete(kind: &Kind, subresource: &str, old: Option<&Value>, object: &mut Value, now: &str) {
    if *kind != CUSTOM_RESOURCE_DEFINITION || !subresource.is_empty() {
        return;
    }
    let spec = &mut object["spec"];
    let named = text(spec["names"].get("kind")).to_owned();
    for (field, value) in [("singular", named.to_lowercase()), ("listKind", format!("{named}List"))] {
        if text(spec["names"].get(field)).is_empty() && spec["names"].is_object() {
            spec["names"][field] = json!(value);
        }
    }
    if spec.get("conversion").is_none_or(Value::is_null) && spec.is_object() {
        spec["conversion"] = json!({ "strategy": "None" });
    }
    let before = old.map(|old| old["status"].clone()).unwrap_or_default();
    let mut stored = before["storedVersions"].as_array().cloned().unwrap_or_default();
    let storage = versions(object).find(|version| version["storage"] == true).map(|version| version["name"].clone());
    if let Some(storage) = storage.filter(|storage| !stored.contains(storage)) {
        stored.push(storage);
    }
    let condition = |ty: &str, reason: &str, message: &str| json!({ "type": ty, "status": "True", "lastTransitionTime": now, "reason": reason, "message": message });
    let conditions = match &before["conditions"] {
        Value::Array(conditions) if !conditions.is_empty() => json!(conditions),
        _ => json!([
            condition("NamesAccepted", "NoConflicts", "no conflicts found"),
            condition("Established", "InitialNamesAccepted", "the initial names have been accepted"),
        ]),
    };
    object["status"] =
        json!({ "acceptedNames": object["spec"]["names"], "conditions": conditions, "storedVersions": stored });
}

fn versions(object: &Value) -> impl Iterator<Item = &Value> {
    object["spec"]["versions"].as_array().into_iter().flatten()
}

/// What is wrong with a definition.
pub(super) fn check(kind: &Kind, object: &Value) -> Vec<FieldProblem> {
    if *kind != CUSTOM_RESOURCE_DEFINITION {
        return Vec::new();
    }
    let mut problems = Vec::new();
    let mut add = |path: String, reason: Reason, message: String| {
        problems.push(FieldProblem { path, reason, message });
    };
    let spec = &object["spec"];
    for (pointer, path) in
        [("/group", "spec.group"), ("/names/plural", "spec.names.plural"), ("/names/kind", "spec.names.kind")]
    {
        if text(spec.pointer(pointer)).is_empty() {
            add(path.to_owned(), Reason::Required, "Required value".to_owned());
        }
    }
    let scope = text(spec.get("scope"));
    if !matches!(scope, "Cluster" | "Namespaced") {
        let message = format!("Unsupported value: {scope:?}: supported values: \"Cluster\", \"Namespaced\"");
        add("spec.scope".to_owned(), Reason::NotSupported, message);
    }
    let name = text(object["metadata"].get("name"));
    if name != format!("{}.{}", text(spec["names"].get("plural")), text(spec.get("group"))) {
        let message = format!("Invalid value: {name:?}: must be spec.names.plural+\".\"+spec.group");
        add("metadata.name".to_owned(), Reason::Invalid, message);
    }
    for (index, version) in versions(object).enumerate() {
        if version["schema"].get("openAPIV3Schema").is_none_or(Value::is_null) {
            let path = format!("spec.versions[{index}].schema.openAPIV3Schema");
            add(path, Reason::Required, "Required value: schemas are required".to_owned());
        }
    }
    if versions(object).filter(|version| version["storage"] == true).count() != 1 {
        let message = "Invalid value: must have exactly one version marked as storage version".to_owned();
        add("spec.versions".to_owned(), Reason::Invalid, message);
    }
    problems
}

/// Deletes the objects of a definition that is about to be deleted.
pub(super) fn empty(kind: &Kind, name: &str, transaction: &mut Transaction<'_>) -> Result<(), Failure> {
    if *kind != CUSTOM_RESOURCE_DEFINITION {
        return Ok(());
    }
    let definition = transaction.get(&CUSTOM_RESOURCE_DEFINITION, None, name);
    let declared = definition.and_then(|definition| Kind::declared(&definition).into_iter().next());
    let Some(kind) = declared.filter(|kind| kind.is_custom()) else { return Ok(()) };
    for object in transaction.all(kind, None) {
        let meta = &object["metadata"];
        let (namespace, name) = (meta["namespace"].as_str(), text(meta.get("name")));
        // One may go along with another.
        if transaction.get(kind, namespace, name).is_some() {
            transaction.delete(kind, namespace, name, &Preconditions::default(), Propagation::Background)?;
        }
    }
    Ok(())
}
