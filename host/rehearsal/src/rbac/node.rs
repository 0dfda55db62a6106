//! What a kubelet may: the part of the real Node authorizer that does not need to know which pod uses what. It reads
//! more than the real one lets it, since no pod runs here.

use super::Attributes;
use crate::auth::User;

/// Group, resource, subresource, verbs.
type Rule = (&'static str, &'static str, &'static str, &'static [&'static str]);

const READ: &[&str] = &["get", "list", "watch"];

/// What every kubelet may, whatever its name.
const RULES: &[Rule] = &[
    ("", "nodes", "", &["create", "get", "list", "watch", "update", "patch"]),
    ("", "nodes", "status", &["update", "patch"]),
    ("", "pods", "", &["get", "list", "watch", "create", "delete"]),
    ("", "pods", "status", &["update", "patch"]),
    ("", "pods", "eviction", &["create"]),
    ("", "services", "", READ),
    ("", "configmaps", "", READ),
    ("", "secrets", "", READ),
    ("", "serviceaccounts", "", &["get"]),
    ("", "serviceaccounts", "token", &["create"]),
    ("", "persistentvolumeclaims", "", &["get"]),
    ("", "persistentvolumes", "", &["get"]),
    ("", "events", "", &["create", "update", "patch"]),
    ("authentication.k8s.io", "tokenreviews", "", &["create"]),
    ("authorization.k8s.io", "subjectaccessreviews", "", &["create"]),
    ("authorization.k8s.io", "localsubjectaccessreviews", "", &["create"]),
    ("certificates.k8s.io", "certificatesigningrequests", "", &["create", "get", "list", "watch"]),
    ("coordination.k8s.io", "leases", "", &["get", "create", "update", "patch", "delete"]),
    ("node.k8s.io", "runtimeclasses", "", READ),
    ("storage.k8s.io", "csidrivers", "", READ),
    ("storage.k8s.io", "csinodes", "", &["get", "create", "update", "patch", "delete"]),
];

/// Whether `user` is a kubelet that may do this.
pub(super) fn allows(user: &User, wanted: &Attributes) -> bool {
    let Some(node) = user.node() else { return false };
    let allowed = RULES.iter().any(|(group, resource, subresource, verbs)| {
        *group == wanted.group
            && *resource == wanted.resource
            && *subresource == wanted.subresource
            && verbs.contains(&wanted.verb.as_str())
    });
    // Its own Node, Lease and CSINode, and no other's. What is created has its name in the body: admission looks.
    let is_own = match wanted.resource.as_str() {
        "nodes" => READ.contains(&wanted.verb.as_str()) && wanted.verb != "get" || is_self(wanted, node),
        "leases" => wanted.namespace == "kube-node-lease" && is_self(wanted, node),
        "csinodes" => is_self(wanted, node),
        _ => true,
    };
    allowed && is_own
}

fn is_self(wanted: &Attributes, node: &str) -> bool {
    wanted.name == node || wanted.verb == "create" && wanted.name.is_empty()
}
