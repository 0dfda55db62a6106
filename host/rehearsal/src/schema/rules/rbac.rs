//! Rules of roles and bindings.

use serde_json::{Value, json};

use super::{Problems, items, names, text};
use crate::kinds::Kind;

const GROUP: &str = "rbac.authorization.k8s.io";

pub(super) fn check(kind: &Kind, object: &Value, problems: &mut Problems) {
    if kind.kind.ends_with("Binding") {
        binding(kind, object, problems);
        return;
    }
    for (path, rule) in items(object, "rules", "") {
        let list = |field: &str| rule.get(field).and_then(Value::as_array).map_or(0, Vec::len);
        if list("verbs") == 0 {
            problems.required(format!("{path}.verbs"), "verbs must contain at least one value");
        }
        if list("nonResourceURLs") > 0 {
            let at = format!("{path}.nonResourceURLs");
            let urls = &rule["nonResourceURLs"];
            if kind.namespaced {
                problems.invalid(at, urls, "namespaced rules cannot apply to non-resource URLs");
            } else if list("apiGroups") + list("resources") + list("resourceNames") > 0 {
                problems.invalid(at, urls, "rules cannot apply to both regular resources and non-resource URLs");
            }
            continue;
        }
        if list("apiGroups") == 0 {
            problems.required(format!("{path}.apiGroups"), "resource rules must supply at least one api group");
        }
        if list("resources") == 0 {
            problems.required(format!("{path}.resources"), "resource rules must supply at least one resource");
        }
    }
}

fn binding(kind: &Kind, object: &Value, problems: &mut Problems) {
    let role = &object["roleRef"];
    if text(role, "apiGroup") != GROUP {
        problems.unsupported("roleRef.apiGroup", &role["apiGroup"], &[GROUP]);
    }
    let kinds: &[&str] = if kind.namespaced { &["Role", "ClusterRole"] } else { &["ClusterRole"] };
    if !kinds.contains(&text(role, "kind")) {
        problems.unsupported("roleRef.kind", &role["kind"], kinds);
    }
    match text(role, "name") {
        "" => problems.required("roleRef.name", ""),
        name => problems.complaints("roleRef.name", &json!(name), names::path_segment(name)),
    }
    for (path, subject) in items(object, "subjects", "") {
        let name = text(subject, "name");
        if name.is_empty() {
            problems.required(format!("{path}.name"), "");
        }
        let group = match text(subject, "kind") {
            "ServiceAccount" => {
                if !name.is_empty() {
                    problems.complaints(&format!("{path}.name"), &subject["name"], names::subdomain(name));
                }
                ""
            }
            "User" | "Group" => GROUP,
            _ => {
                let kinds = ["ServiceAccount", "User", "Group"];
                problems.unsupported(format!("{path}.kind"), &subject["kind"], &kinds);
                continue;
            }
        };
        if text(subject, "apiGroup") != group {
            problems.unsupported(format!("{path}.apiGroup"), &subject["apiGroup"], &[group]);
        }
        if group.is_empty() && !kind.namespaced && text(subject, "namespace").is_empty() {
            problems.required(format!("{path}.namespace"), "");
        }
    }
}
