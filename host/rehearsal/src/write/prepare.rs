//! What a write may not say: parts of an object that belong to a subresource, or to the server. They are put right
//! without a word, as the real server's strategies do (`PrepareForCreate`, `PrepareForUpdate`).

use serde_json::{Value, json};

use super::Request;
use crate::kinds::Kind;
use crate::store::{metadata, text};

/// Before an object is created.
pub(super) fn create(request: &Request<'_>, object: &mut Value) {
    match (request.kind.group, request.kind.plural) {
        ("", "namespaces") => {
            object["status"] = json!({ "phase": "Active" });
            object["spec"]["finalizers"] = json!(["kubernetes"]);
            let name = object["metadata"]["name"].clone();
            object["metadata"]["labels"]["kubernetes.io/metadata.name"] = name;
        }
        ("", "pods") => object["status"] = json!({ "phase": "Pending" }),
        // The kubelet registers with its status.
        ("", "nodes") => {}
        ("certificates.k8s.io", _) => {
            object["status"] = json!({});
            let spec = &mut object["spec"];
            spec["username"] = json!(request.user.name);
            spec["groups"] = json!(request.user.groups);
            let optional = spec.as_object_mut().map(|spec| {
                spec.remove("uid");
                spec.remove("extra");
            });
            if optional.is_some() && !request.user.uid.is_empty() {
                spec["uid"] = json!(request.user.uid);
            }
            if optional.is_some() && !request.user.extra.is_empty() {
                spec["extra"] = json!(request.user.extra);
            }
        }
        _ if request.kind.status => {
            object.as_object_mut().map(|object| object.remove("status"));
        }
        _ => {}
    }
}

/// Before the new state of an object is stored.
pub(super) fn update(request: &Request<'_>, old: &Value, object: &mut Value) {
    // Who leaves out which object it is means the one that is there, and a deletion is never taken back.
    let meta = metadata(object);
    if text(meta.get("uid")).is_empty() {
        meta.insert("uid".to_owned(), old["metadata"]["uid"].clone());
    }
    for field in ["deletionTimestamp", "deletionGracePeriodSeconds"] {
        if let Some(value) = old["metadata"].get(field) {
            meta.insert(field.to_owned(), value.clone());
        }
    }
    match request.subresource {
        "" if request.kind.status => restore(object, old, "status"),
        "" => {}
        "approval" => {
            let decided = conditions(object, true).chain(conditions(old, false)).collect::<Vec<_>>();
            keep_all_but(object, old, "status");
            object["status"] = old["status"].clone();
            set_conditions(object, decided);
        }
        "status" if request.kind.group == "certificates.k8s.io" => {
            let decided = conditions(old, true).chain(conditions(object, false)).collect::<Vec<_>>();
            keep_all_but(object, old, "status");
            set_conditions(object, decided);
        }
        "finalize" => keep_all_but(object, old, "spec"),
        _ => keep_all_but(object, old, "status"),
    }
    if request.kind.group == "certificates.k8s.io" {
        restore(object, old, "spec");
    }
}

/// Everything but one field is as it was. Kubelets change labels and annotations along with the status.
fn keep_all_but(object: &mut Value, old: &Value, field: &str) {
    let fields: Vec<String> = old.as_object().into_iter().flatten().map(|(key, _)| key.clone()).collect();
    for kept in fields.iter().filter(|key| *key != field && *key != "metadata") {
        restore(object, old, kept);
    }
    let (is_kubelets, old_meta) = (matches!(old["kind"].as_str(), Some("Node" | "Pod")), &old["metadata"]);
    let meta = metadata(object);
    let unchanged: &[&str] = if is_kubelets {
        &["ownerReferences", "finalizers"]
    } else {
        &["labels", "annotations", "ownerReferences", "finalizers"]
    };
    for field in unchanged {
        match old_meta.get(field) {
            Some(value) => meta.insert((*field).to_owned(), value.clone()),
            None => meta.remove(*field),
        };
    }
}

fn restore(object: &mut Value, old: &Value, field: &str) {
    let Some(fields) = object.as_object_mut() else { return };
    match old.get(field) {
        Some(value) => fields.insert(field.to_owned(), value.clone()),
        None => fields.remove(field),
    };
}

/// Conditions of a certificate signing request that say how it was decided, or the others.
fn conditions(object: &Value, decided: bool) -> impl Iterator<Item = Value> {
    let all = object["status"]["conditions"].as_array().cloned().unwrap_or_default();
    all.into_iter()
        .filter(move |condition| matches!(condition["type"].as_str(), Some("Approved" | "Denied")) == decided)
}

fn set_conditions(object: &mut Value, conditions: Vec<Value>) {
    if !object["status"].is_object() {
        object["status"] = json!({});
    }
    let now = object["status"]["conditions"].as_array().map_or(0, Vec::len);
    if !conditions.is_empty() || now > 0 {
        object["status"]["conditions"] = json!(conditions);
    }
}

/// Kinds that may be scaled.
pub(crate) fn has_scale(kind: &Kind) -> bool {
    kind.group == "apps" && matches!(kind.plural, "deployments" | "replicasets" | "statefulsets")
}
