//! Roles and bindings (rbac.authorization.k8s.io/v1), as kubeadm writes them.

use kubephase_model::config::defaults::TOKEN_GROUP;
use serde_json::{Value, json};

use super::KUBE_SYSTEM;

const API_VERSION: &str = "rbac.authorization.k8s.io/v1";
const API_GROUP: &str = "rbac.authorization.k8s.io";

/// Who may.
#[derive(Clone, Copy)]
pub(super) enum Subject<'a> {
    /// Everybody with that group.
    Group(&'a str),
    /// A user.
    User(&'a str),
    /// A ServiceAccount of `kube-system`.
    ServiceAccount(&'a str),
}

/// Nodes that join, by the group that kubeadm's bootstrap tokens have.
pub(super) const JOINING_NODES: Subject<'_> = Subject::Group(TOKEN_GROUP);
/// Nodes that have joined.
pub(super) const NODES: Subject<'_> = Subject::Group("system:nodes");

impl Subject<'_> {
    fn value(self) -> Value {
        match self {
            Self::Group(name) => json!({ "kind": "Group", "name": name }),
            Self::User(name) => json!({ "kind": "User", "name": name }),
            Self::ServiceAccount(name) => json!({ "kind": "ServiceAccount", "name": name, "namespace": KUBE_SYSTEM }),
        }
    }
}

/// May do `verbs` with all objects of these resources.
pub(super) fn rule(api_group: &str, resources: &[&str], verbs: &[&str]) -> Value {
    json!({ "apiGroups": [api_group], "resources": resources, "verbs": verbs })
}

pub(super) fn cluster_role(name: &str, rules: Vec<Value>) -> Value {
    json!({ "apiVersion": API_VERSION, "kind": "ClusterRole", "metadata": { "name": name }, "rules": rules })
}

pub(super) fn cluster_role_binding(name: &str, role: &str, subject: Subject<'_>) -> Value {
    json!({
        "apiVersion": API_VERSION,
        "kind": "ClusterRoleBinding",
        "metadata": { "name": name },
        "roleRef": { "apiGroup": API_GROUP, "kind": "ClusterRole", "name": role },
        "subjects": [subject.value()],
    })
}

/// A Role that may get one object, and the RoleBinding of the same name that gives it to `subjects`.
pub(super) fn reader(
    namespace: &str,
    role: &str,
    resource: &str,
    object: &str,
    subjects: &[Subject<'_>],
) -> [Value; 2] {
    let metadata = json!({ "name": role, "namespace": namespace });
    let subjects: Vec<Value> = subjects.iter().map(|subject| subject.value()).collect();
    [
        json!({
            "apiVersion": API_VERSION,
            "kind": "Role",
            "metadata": metadata,
            "rules": [{ "apiGroups": [""], "resourceNames": [object], "resources": [resource], "verbs": ["get"] }],
        }),
        json!({
            "apiVersion": API_VERSION,
            "kind": "RoleBinding",
            "metadata": metadata,
            "roleRef": { "apiGroup": API_GROUP, "kind": "Role", "name": role },
            "subjects": subjects,
        }),
    ]
}
