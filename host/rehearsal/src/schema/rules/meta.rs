//! Rules of metadata, which hold for every kind.

use serde_json::{Value, json};

use super::{Problems, items, names, text};
use crate::kinds::Kind;

/// Annotations together may not be longer.
const ANNOTATIONS: usize = 256 * 1024;

pub(super) fn check(kind: &Kind, object: &Value, problems: &mut Problems) {
    let meta = &object["metadata"];
    let rule = name_rule(kind);
    let prefix = text(meta, "generateName");
    if !prefix.is_empty() {
        // A prefix may end in what a name may not end in, for more follows.
        let whole = format!("{}a", prefix.strip_suffix(['-', '.']).unwrap_or(prefix));
        problems.complaints("metadata.generateName", &json!(prefix), rule(&whole));
    }
    let name = text(meta, "name");
    if name.is_empty() {
        problems.required("metadata.name", "name or generateName is required");
    } else {
        problems.complaints("metadata.name", &json!(name), rule(name));
    }
    labels(meta.get("labels"), "metadata.labels", problems);
    let annotations = meta.get("annotations").and_then(Value::as_object);
    let mut size = 0;
    for (key, value) in annotations.into_iter().flatten() {
        let lower = key.to_lowercase();
        problems.complaints("metadata.annotations", &json!(key), names::qualified(&lower));
        size += key.len() + value.as_str().unwrap_or_default().len();
    }
    if size > ANNOTATIONS {
        too_long("metadata.annotations", ANNOTATIONS, problems);
    }
    owners(meta, problems);
    for (path, finalizer) in items(meta, "finalizers", "metadata") {
        let name = finalizer.as_str().unwrap_or_default();
        let complaints = names::qualified(name);
        let fits = complaints.is_empty();
        problems.complaints("metadata.finalizers", finalizer, complaints);
        if fits && !name.contains('/') && !["kubernetes", "orphan", "foregroundDeletion"].contains(&name) {
            problems.invalid(path, finalizer, "name is neither a standard finalizer name nor is it fully qualified");
        }
    }
}

fn owners(meta: &Value, problems: &mut Problems) {
    let mut controllers = 0;
    for (_, owner) in items(meta, "ownerReferences", "metadata") {
        for (field, rule) in [
            ("apiVersion", "version must not be empty"),
            ("kind", "must not be empty"),
            ("name", "must not be empty"),
            ("uid", "must not be empty"),
        ] {
            if text(owner, field).is_empty() {
                problems.invalid(format!("metadata.ownerReferences.{field}"), &json!(""), rule);
            }
        }
        controllers += usize::from(owner["controller"] == true);
    }
    if controllers > 1 {
        let rule = "Only one reference can have Controller set to true";
        problems.invalid("metadata.ownerReferences", &meta["ownerReferences"], rule);
    }
}

/// Labels of an object, and selectors that are written like labels.
pub(super) fn labels(labels: Option<&Value>, path: &str, problems: &mut Problems) {
    for (key, value) in labels.and_then(Value::as_object).into_iter().flatten() {
        problems.complaints(path, &json!(key), names::qualified(key));
        problems.complaints(path, value, names::label_value(value.as_str().unwrap_or_default()));
    }
}

pub(super) fn too_long(path: &str, limit: usize, problems: &mut Problems) {
    let message = format!("Too long: may not be more than {limit} bytes");
    problems.add(path, crate::schema::Reason::TooLong, message);
}

/// What names of objects of a kind look like.
fn name_rule(kind: &Kind) -> fn(&str) -> Vec<String> {
    match (kind.group, kind.kind) {
        ("", "Namespace" | "Service") => names::label,
        ("rbac.authorization.k8s.io" | "certificates.k8s.io", _) => names::path_segment,
        _ => names::subdomain,
    }
}
