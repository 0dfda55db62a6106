//! What cannot change once an object is there.

use serde_json::{Value, json};

use super::Problems;
use crate::kinds::Kind;

const IMMUTABLE: &str = "field is immutable";

pub(super) fn check(kind: &Kind, old: &Value, new: &Value, problems: &mut Problems) {
    let at = |object: &Value, path: &str| {
        let pointer = format!("/{}", path.replace('.', "/"));
        object.pointer(&pointer).cloned().unwrap_or_default()
    };
    let mut fixed = |path: &str| {
        let (was, is) = (at(old, path), at(new, path));
        if was != is {
            problems.invalid(path, &is, IMMUTABLE);
        }
    };
    for path in ["metadata.name", "metadata.namespace", "metadata.uid", "metadata.deletionTimestamp"] {
        fixed(path);
    }
    match (kind.group, kind.kind) {
        ("apps", "Deployment" | "DaemonSet" | "ReplicaSet") => fixed("spec.selector"),
        ("apps", "ControllerRevision") => fixed("data"),
        ("batch", "Job") => ["spec.completions", "spec.selector", "spec.template"].into_iter().for_each(fixed),
        ("apps", "StatefulSet") => stateful_set(old, new, problems),
        ("", "ConfigMap") => frozen(old, new, &["immutable", "data", "binaryData"], problems),
        ("", "Secret") => {
            fixed("type");
            frozen(old, new, &["immutable", "data"], problems);
        }
        ("", "Service") => service(old, new, problems),
        ("", "Node") => node(old, new, problems),
        ("rbac.authorization.k8s.io", "RoleBinding" | "ClusterRoleBinding") => {
            let role = &new["roleRef"];
            if *role != old["roleRef"] {
                // Go shows the fields by their names in Go.
                let shown = format!(
                    "{{\"APIGroup\":{},\"Kind\":{},\"Name\":{}}}",
                    role["apiGroup"], role["kind"], role["name"]
                );
                let message = format!("Invalid value: {shown}: cannot change roleRef");
                problems.add("roleRef", crate::schema::Reason::Invalid, message);
            }
        }
        ("storage.k8s.io", "StorageClass") => {
            ["parameters", "provisioner", "reclaimPolicy", "volumeBindingMode"].into_iter().for_each(fixed);
        }
        ("scheduling.k8s.io", "PriorityClass") => {
            for field in ["value", "preemptionPolicy"] {
                if old.get(field) != new.get(field) {
                    problems.forbidden(field, "may not be changed in an update.");
                }
            }
        }
        _ => {}
    }
}

/// Fields of an object that has said that it is immutable.
fn frozen(old: &Value, new: &Value, fields: &[&str], problems: &mut Problems) {
    if old["immutable"] != true {
        return;
    }
    for field in fields {
        if old.get(*field) != new.get(*field) {
            problems.forbidden(*field, "field is immutable when `immutable` is set");
        }
    }
}

fn stateful_set(old: &Value, new: &Value, problems: &mut Problems) {
    const FREE: [&str; 7] = [
        "replicas",
        "ordinals",
        "template",
        "updateStrategy",
        "revisionHistoryLimit",
        "persistentVolumeClaimRetentionPolicy",
        "minReadySeconds",
    ];
    let rest = |object: &Value| {
        let mut spec = object["spec"].clone();
        if let Value::Object(spec) = &mut spec {
            spec.retain(|field, _| !FREE.contains(&field.as_str()));
        }
        spec
    };
    if rest(old) != rest(new) {
        problems.forbidden(
            "spec",
            "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', \
             'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden",
        );
    }
}

/// A Service keeps its first address, unless it becomes a name for something outside.
fn service(old: &Value, new: &Value, problems: &mut Problems) {
    let (was, is) = (&old["spec"]["clusterIP"], &new["spec"]["clusterIP"]);
    let external = |object: &Value| object["spec"]["type"] == "ExternalName";
    if is.is_string() && was.is_string() && was != "" && was != is && !external(old) && !external(new) {
        problems.invalid("spec.clusterIPs[0]", &json!([is]), "may not change once set");
    }
}

fn node(old: &Value, new: &Value, problems: &mut Problems) {
    for (field, shown) in [("podCIDRs", "podCIDR"), ("providerID", "providerID")] {
        let (was, is) = (&old["spec"][field], &new["spec"][field]);
        if !was.is_null() && was != is {
            let rule = format!("node updates may not change {shown} except from \"\" to valid");
            problems.forbidden(format!("spec.{field}"), &rule);
        }
    }
}
