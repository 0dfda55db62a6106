//! Admission: what the cluster does not want although the writer may and the object is sound. The real server's plugins
//! NamespaceLifecycle, NodeRestriction and CertificateApproval, as far as a bootstrap meets them.

use serde_json::Value;

use super::Request;
use crate::kinds::NAMESPACE;
use crate::rbac::{Attributes, decide};
use crate::status::{Cause, Failure};
use crate::store::{Store, Transaction, text};

/// The namespace must be there, and not on its way out.
pub(super) fn namespace(request: &Request<'_>, transaction: &Transaction<'_>, name: &str) -> Result<(), Failure> {
    let Some(namespace) = request.namespace.filter(|_| request.kind.namespaced) else { return Ok(()) };
    let found =
        transaction.get(&NAMESPACE, None, namespace).ok_or_else(|| Failure::not_found(&NAMESPACE, namespace))?;
    if found["metadata"].get("deletionTimestamp").is_none() {
        return Ok(());
    }
    let why = format!("unable to create new content in namespace {namespace} because it is being terminated");
    let cause = Cause {
        reason: "NamespaceTerminating".to_owned(),
        message: format!("namespace {namespace} is being terminated"),
        field: "metadata.namespace".to_owned(),
    };
    Err(Failure::forbidden(request.kind.group, request.kind.plural, name, &why).because([cause]))
}

/// Who makes an object by a PUT must be allowed to create one.
pub(super) fn may_create(request: &Request<'_>, store: &Store) -> Result<(), Failure> {
    let attributes = Attributes {
        verb: "create".to_owned(),
        group: request.kind.group.to_owned(),
        resource: request.kind.plural.to_owned(),
        namespace: request.namespace.unwrap_or_default().to_owned(),
        name: request.name.to_owned(),
        ..Attributes::default()
    };
    if decide(store, request.user, &attributes).allowed {
        return Ok(());
    }
    let why = attributes.refusal(request.user);
    Err(Failure::forbidden(request.kind.group, request.kind.plural, request.name, &why))
}

/// Before an object is created.
pub(super) fn create(request: &Request<'_>, object: &Value) -> Result<(), Failure> {
    let Some(node) = request.user.node() else { return Ok(()) };
    let name = text(object["metadata"].get("name"));
    let refuse = |why: String| Err(Failure::forbidden(request.kind.group, request.kind.plural, name, &why));
    match (request.kind.group, request.kind.plural) {
        ("", "nodes") if name != node => refuse(format!("node {node:?} is not allowed to create node {name:?}")),
        ("", "nodes") => labels(request, node, None, object),
        ("coordination.k8s.io", _) if name != node => {
            refuse("can only access node lease with the same name as the requesting node".to_owned())
        }
        ("", "pods") => {
            let mirror = object["metadata"]["annotations"].get("kubernetes.io/config.mirror").is_some();
            if !mirror {
                return refuse(format!(
                    "pod does not have \"kubernetes.io/config.mirror\" annotation, node {node:?} can only create mirror pods"
                ));
            }
            if text(object["spec"].get("nodeName")) != node {
                return refuse(format!("node {node:?} can only create pods with spec.nodeName set to itself"));
            }
            Ok(())
        }
        _ => Ok(()),
    }
}

/// Before the new state of an object is stored.
pub(super) fn update(
    request: &Request<'_>,
    transaction: &Transaction<'_>,
    old: &Value,
    object: &Value,
) -> Result<(), Failure> {
    let _ = transaction;
    let Some(node) = request.user.node() else { return Ok(()) };
    if request.kind.group.is_empty() && request.kind.plural == "nodes" {
        let refuse = |why: String| Err(Failure::forbidden("", "nodes", request.name, &why));
        if request.name != node {
            return refuse(format!("node {node:?} is not allowed to modify node {:?}", request.name));
        }
        if old["spec"].get("taints") != object["spec"].get("taints") {
            return refuse(format!("node {node:?} is not allowed to modify taints"));
        }
        return labels(request, node, Some(old), object);
    }
    Ok(())
}

/// Labels of Kubernetes that a kubelet may set on its own node.
const OWN_LABELS: &[&str] = &[
    "kubernetes.io/arch",
    "kubernetes.io/hostname",
    "kubernetes.io/os",
    "beta.kubernetes.io/arch",
    "beta.kubernetes.io/instance-type",
    "beta.kubernetes.io/os",
    "failure-domain.beta.kubernetes.io/region",
    "failure-domain.beta.kubernetes.io/zone",
    "node.kubernetes.io/instance-type",
    "topology.kubernetes.io/region",
    "topology.kubernetes.io/zone",
];

fn labels(request: &Request<'_>, node: &str, old: Option<&Value>, object: &Value) -> Result<(), Failure> {
    let label = |of: Option<&Value>, key: &str| of.and_then(|of| of["metadata"]["labels"].get(key)).cloned();
    let mut forbidden: Vec<&str> = Vec::new();
    let keys = |of: &'_ Value| -> Vec<String> {
        of["metadata"]["labels"].as_object().into_iter().flatten().map(|(key, _)| key.clone()).collect()
    };
    let all: std::collections::BTreeSet<String> =
        keys(object).into_iter().chain(old.map(keys).unwrap_or_default()).collect();
    for key in &all {
        if label(old, key) != label(Some(object), key) && !may_label(key) {
            forbidden.push(key);
        }
    }
    if forbidden.is_empty() {
        return Ok(());
    }
    let verb = if old.is_some() { "modify" } else { "set the following" };
    let why = format!("is not allowed to {verb} labels: {}", forbidden.join(", "));
    Err(Failure::forbidden("", "nodes", request.name, &format!("node {node:?} {why}")))
}

fn may_label(key: &str) -> bool {
    let domain = key.split_once('/').map_or("", |(domain, _)| domain);
    let under = |parent: &str| domain == parent || domain.ends_with(&format!(".{parent}"));
    if !under("kubernetes.io") && !under("k8s.io") {
        return true;
    }
    OWN_LABELS.contains(&key) || under("kubelet.kubernetes.io") || under("node.kubernetes.io")
}

/// Who approves or signs a request for a certificate must be allowed to do so for its signer.
pub(crate) fn may_decide(request: &Request<'_>, store: &Store) -> Result<(), Failure> {
    let verb = match (request.kind.group, request.subresource) {
        ("certificates.k8s.io", "approval") => "approve",
        ("certificates.k8s.io", "status") => "sign",
        _ => return Ok(()),
    };
    let Some(found) = store.get(request.kind, None, request.name) else { return Ok(()) };
    let signer = text(found["spec"].get("signerName"));
    let domain = signer.split('/').next().unwrap_or_default();
    let allowed = [signer.to_owned(), format!("{domain}/*")].into_iter().any(|name| {
        let attributes = Attributes {
            verb: verb.to_owned(),
            group: request.kind.group.to_owned(),
            resource: "signers".to_owned(),
            name,
            ..Attributes::default()
        };
        decide(store, request.user, &attributes).allowed
    });
    if allowed {
        return Ok(());
    }
    let why = format!("user not permitted to {verb} requests with signerName {signer:?}");
    Err(Failure::forbidden(request.kind.group, request.kind.plural, request.name, &why))
}
