//! Objects of the cluster: that they are some, that they are granted, and what is in them that acts.

use std::collections::BTreeMap;

use kubephase_model::names::{is_dns1123_label, is_dns1123_subdomain};
use kubephase_model::plugin::grants::object_scope;
use serde_json::Value;

use super::bench::{Bench, field, items, shown, text, token};
use super::pod::{self, Place};
use super::{rights, volumes};

/// The largest object, in bytes: etcd takes no larger one.
const LARGEST: usize = 1 << 20;

/// Kinds of Kubernetes' own that have no namespace.
const CLUSTER_SCOPED: &[&str] = &[
    "APIService",
    "CSIDriver",
    "CSINode",
    "CertificateSigningRequest",
    "ClusterRole",
    "ClusterRoleBinding",
    "ClusterTrustBundle",
    "CustomResourceDefinition",
    "DeviceClass",
    "FlowSchema",
    "IngressClass",
    "MutatingAdmissionPolicy",
    "MutatingAdmissionPolicyBinding",
    "MutatingWebhookConfiguration",
    "Namespace",
    "Node",
    "PersistentVolume",
    "PriorityClass",
    "PriorityLevelConfiguration",
    "ResourceSlice",
    "RuntimeClass",
    "StorageClass",
    "ValidatingAdmissionPolicy",
    "ValidatingAdmissionPolicyBinding",
    "ValidatingWebhookConfiguration",
    "VolumeAttachment",
    "VolumeAttributesClass",
];
/// Those that have one.
const NAMESPACED: &[&str] = &[
    "ConfigMap",
    "ControllerRevision",
    "CronJob",
    "DaemonSet",
    "Deployment",
    "EndpointSlice",
    "Endpoints",
    "Event",
    "HorizontalPodAutoscaler",
    "Ingress",
    "Job",
    "Lease",
    "LimitRange",
    "NetworkPolicy",
    "PersistentVolumeClaim",
    "Pod",
    "PodDisruptionBudget",
    "PodTemplate",
    "ReplicaSet",
    "ReplicationController",
    "ResourceClaim",
    "ResourceClaimTemplate",
    "ResourceQuota",
    "Role",
    "RoleBinding",
    "Secret",
    "Service",
    "ServiceAccount",
    "StatefulSet",
];

/// An object's name in full.
pub(super) struct Identity<'v> {
    pub api_version: &'v str,
    pub kind: &'v str,
    pub namespace: Option<&'v str>,
    pub name: &'v str,
}

impl<'v> Identity<'v> {
    pub fn of(object: &'v Value) -> Self {
        let metadata = field(Some(object), "metadata");
        Self {
            api_version: text(Some(object), "apiVersion"),
            kind: text(Some(object), "kind"),
            namespace: Some(text(metadata, "namespace")).filter(|namespace| !namespace.is_empty()),
            name: text(metadata, "name"),
        }
    }

    /// Whether its kind is one of Kubernetes' own groups, whatever the version.
    pub fn is_native(&self) -> bool {
        let group = self.api_version.split_once('/').map_or("", |(group, _)| group);
        !group.contains('.') || group.ends_with(".k8s.io")
    }

    fn shown(&self) -> String {
        let namespace = self.namespace.map(|namespace| format!("{namespace}/")).unwrap_or_default();
        shown(&format!("{} {namespace}{}", self.kind, self.name))
    }
}

/// Judges objects; with `removes` they are deleted, and only their names count.
pub(super) fn judge(objects: &[Value], removes: bool, bench: &mut Bench<'_>) {
    bench.target("objects");
    for object in objects {
        let Identity { kind, namespace, name, .. } = Identity::of(object);
        bench.own.insert(format!("{kind} {}/{name}", namespace.unwrap_or_default()));
    }
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    for (i, object) in objects.iter().enumerate() {
        let id = Identity::of(object);
        bench.at(format!("objects[{i}] {}", id.shown()));
        if !is_whole(object, &id, bench) {
            continue;
        }
        if let Some(first) = seen.insert(format!("{} {}", id.api_version, id.shown()), i) {
            bench.never("", format!("it is the same object as objects[{first}]"));
        }
        if !bench.grants.allows_object(id.api_version, id.kind, id.namespace, id.name) {
            let scope = object_scope(id.api_version, id.kind, id.namespace, Some(id.name));
            let what = if removes { "deleted" } else { "applied" };
            bench.ungranted("", "objects", &scope, format!("it may not be {what}"));
        }
        if !removes {
            acts(None, object, &id, bench);
        }
    }
}

/// Whether it is an object at all.
fn is_whole(object: &Value, id: &Identity<'_>, bench: &mut Bench<'_>) -> bool {
    let mut faults: Vec<(&str, String)> = Vec::new();
    let is_version = |text: &str| {
        let (group, version) = text.split_once('/').unwrap_or(("x", text));
        is_dns1123_subdomain(group) && is_dns1123_label(version) && version.starts_with('v')
    };
    let is_kind = id.kind.starts_with(|c: char| c.is_ascii_uppercase())
        && id.kind.len() <= 63
        && id.kind.bytes().all(|b| b.is_ascii_alphanumeric());
    let is_name = |name: &str| {
        !matches!(name, "" | "." | "..")
            && name.len() <= 253
            && name.bytes().all(|b| b.is_ascii_graphic() && !matches!(b, b'/' | b'%' | b'?' | b'#'))
    };
    if !object.is_object() {
        faults.push(("", "it is no object".into()));
    } else if !is_version(id.api_version) {
        faults.push(("/apiVersion", format!("`{}` is no version of an API", shown(id.api_version))));
    } else if !is_kind {
        faults.push(("/kind", format!("`{}` is no kind", shown(id.kind))));
    } else if id.kind == "List" || id.kind.ends_with("List") && field(Some(object), "items").is_some() {
        faults.push(("/kind", "a list is no object: propose each".into()));
    }
    if object.is_object() && !is_name(id.name) {
        faults.push(("/metadata/name", format!("`{}` is no name", shown(id.name))));
    }
    if let Some(namespace) = id.namespace.filter(|namespace| !is_dns1123_label(namespace)) {
        faults.push(("/metadata/namespace", format!("`{}` is no namespace", shown(namespace))));
    }
    if id.is_native() {
        if CLUSTER_SCOPED.contains(&id.kind) && id.namespace.is_some() {
            faults.push(("/metadata/namespace", format!("a {} has no namespace", id.kind)));
        }
        if NAMESPACED.contains(&id.kind) && id.namespace.is_none() {
            faults.push(("/metadata/namespace", format!("a {} needs a namespace", id.kind)));
        }
    }
    for name in ["managedFields", "resourceVersion", "uid", "generateName", "ownerReferences", "finalizers"] {
        if field(field(Some(object), "metadata"), name).is_some() {
            faults.push(("/metadata", format!("{name} is not for plugins to say")));
        }
    }
    for part in ["labels", "annotations"] {
        let names = field(field(Some(object), "metadata"), part).and_then(Value::as_object);
        if names.into_iter().flat_map(|names| names.keys()).any(|name| name.starts_with("applyset.kubernetes.io/")) {
            faults.push(("/metadata", format!("kubephase says by {part} to which set it belongs")));
        }
    }
    let size = object.to_string().len();
    if size > LARGEST {
        faults.push(("", format!("it has {size} bytes; {LARGEST} are allowed")));
    }
    let whole = faults.is_empty();
    for (pointer, why) in faults {
        bench.never(pointer, why);
    }
    whole
}

/// Judges what an object lets happen.
fn acts(before: Option<&Value>, object: &Value, id: &Identity<'_>, bench: &mut Bench<'_>) {
    rights::judge(before, object, id, bench);
    let namespace = id.namespace.unwrap_or_default();
    let place = Place { namespace, changed: before.is_some(), program: "", host_network: false };
    // Custom kinds have pods in them as well.
    for pointer in pods(object) {
        let was = before.and_then(|before| before.pointer(&pointer));
        let is = object.pointer(&pointer).unwrap_or(&Value::Null);
        pod::judge(was, is, &Place { changed: was.is_some(), ..place }, &pointer, bench);
    }
    let fields = |name: &str| {
        field(field(Some(object), "spec"), name)
            .filter(|now| before.and_then(|before| field(field(Some(before), "spec"), name)) != Some(now))
    };
    match id.kind {
        "PersistentVolume" => {
            for source in ["hostPath", "local"] {
                if let Some(volume) = fields(source) {
                    volumes::host_path(text(Some(volume), "path"), &format!("/spec/{source}/path"), bench);
                }
            }
        }
        "Service" if fields("externalIPs").is_some() => {
            bench.needs("hostNetwork", "/spec/externalIPs", "it would take what is sent to these addresses");
        }
        _ => {}
    }
}

/// Pointers to everything that has a pod's spec in it: `""` for a Pod, `/spec/template` for a Deployment.
fn pods(object: &Value) -> Vec<String> {
    fn walk(value: &Value, pointer: &str, found: &mut Vec<String>) {
        match value {
            Value::Object(fields) => {
                for (name, value) in fields {
                    let has = |list: &str| value.get(list).is_some_and(Value::is_array);
                    if name == "spec" && (has("containers") || has("initContainers") || has("ephemeralContainers")) {
                        found.push(pointer.to_owned());
                    }
                    walk(value, &format!("{pointer}/{}", token(name)), found);
                }
            }
            Value::Array(items) => {
                items.iter().enumerate().for_each(|(i, item)| walk(item, &format!("{pointer}/{i}"), found));
            }
            _ => {}
        }
    }
    let mut found = Vec::new();
    walk(object, "", &mut found);
    found
}

/// Judges a List of another plugin's objects after patches.
pub(super) fn change(before: &Value, after: &Value, bench: &mut Bench<'_>) {
    let (was, is) = (items(Some(before), "items"), items(Some(after), "items"));
    if text(Some(after), "kind") != "List" || was.len() != is.len() {
        return bench.never("/items", "objects of another plugin cannot be added or taken away");
    }
    for (i, (was, is)) in was.iter().zip(is).enumerate().filter(|(_, (was, is))| was != is) {
        let (old, new) = (Identity::of(was), Identity::of(is));
        let target = format!("items[{i}] {}", old.shown());
        if (old.api_version, old.kind, old.namespace, old.name) != (new.api_version, new.kind, new.namespace, new.name)
        {
            bench.never(&target, "it cannot become another object");
        } else {
            // Pointers begin in the object.
            let mut inner = Bench::new(bench.grants);
            inner.follow(bench, &target);
            if is_whole(is, &new, &mut inner) {
                acts(Some(was), is, &new, &mut inner);
            }
            bench.take(inner);
        }
    }
}
