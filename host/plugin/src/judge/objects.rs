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

/// The most pods that one object may stand for.
const PODS: usize = 100;

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
        let id = Identity::of(object);
        if rights::can_be_own(object, &id) {
            bench.own.insert(format!("{} {}/{}", id.kind, id.namespace.unwrap_or_default(), id.name));
        }
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

/// Whether it can be the name of an object: a part of a path that means itself.
pub(super) fn is_name(name: &str) -> bool {
    !matches!(name, "" | "." | "..")
        && name.len() <= 253
        && name.bytes().all(|b| b.is_ascii_graphic() && !matches!(b, b'/' | b'%' | b'?' | b'#'))
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
    // Of an object that is there, the server takes what is proposed for a part: one that only adds to a pod would not be
    // known for one below.
    if let Some(at) = template(id)
        && items(object.pointer(&format!("{at}/spec")), "containers").is_empty()
    {
        bench.never(&format!("{at}/spec/containers"), "a pod needs a container");
    }
    let place = Place { namespace, changed: before.is_some(), program: "", host_network: false };
    // Custom kinds have pods in them as well.
    let found = pods(before, object);
    if found.len() > PODS {
        bench.never("", format!("it has {} specs of pods in it; {PODS} are allowed", found.len()));
        return;
    }
    for Found { pointer, was, is } in found {
        pod::judge(was, is, &Place { changed: was.is_some(), ..place }, &pointer, bench);
    }
    let fields = |name: &str| {
        field(field(Some(object), "spec"), name)
            .filter(|now| before.and_then(|before| field(field(Some(before), "spec"), name)) != Some(now))
    };
    match id.kind {
        "PersistentVolume" => volumes::persistent(before, object, bench),
        "EndpointSlice" | "Endpoints" => endpoints(before, object, id, bench),
        "Service" if fields("externalIPs").is_some() => {
            bench.needs("hostNetwork", "/spec/externalIPs", "it would take what is sent to these addresses");
        }
        _ => {}
    }
}

/// Judges to which Service addresses are given: one that the plugin may apply itself.
fn endpoints(before: Option<&Value>, object: &Value, id: &Identity<'_>, bench: &mut Bench<'_>) {
    let service = |object: Option<&'_ Value>| match id.kind {
        "Endpoints" => id.name.to_owned(),
        _ => text(field(field(object, "metadata"), "labels"), "kubernetes.io/service-name").to_owned(),
    };
    let name = service(Some(object));
    let known = before.is_some() && service(before) == name;
    if !name.is_empty() && !known && !bench.grants.allows_object("v1", "Service", id.namespace, &name) {
        let why = format!("it would take what is sent to the Service {}", shown(&name));
        bench.needs("hostNetwork", "/metadata", why);
    }
}

/// Where the pod is in an object of Kubernetes' own kinds; `None` if it has none.
fn template(id: &Identity<'_>) -> Option<&'static str> {
    Some(match id.kind {
        _ if !id.is_native() => return None,
        "Pod" => "",
        "PodTemplate" => "/template",
        "DaemonSet" | "Deployment" | "Job" | "ReplicaSet" | "ReplicationController" | "StatefulSet" => "/spec/template",
        "CronJob" => "/spec/jobTemplate/spec/template",
        _ => return None,
    })
}

/// Something that has a pod's spec in it.
struct Found<'v> {
    /// Where: `""` for a Pod, `/spec/template` for a Deployment. Only its beginning if it is very long.
    pointer: String,
    /// What stood there before.
    was: Option<&'v Value>,
    is: &'v Value,
}

/// Everything that has a pod's spec in it. Names may be as long as the object: no path is made for what is only passed.
fn pods<'v>(before: Option<&'v Value>, object: &'v Value) -> Vec<Found<'v>> {
    fn walk<'v>(was: Option<&'v Value>, is: &'v Value, pointer: &mut String, found: &mut Vec<Found<'v>>) {
        let here = pointer.len();
        match is {
            Value::Object(fields) => {
                let spec = fields.get("spec");
                let has = |list: &str| spec.and_then(|spec| spec.get(list)).is_some_and(Value::is_array);
                if has("containers") || has("initContainers") || has("ephemeralContainers") {
                    found.push(Found { pointer: pointer.chars().take(200).collect(), was, is });
                }
                for (name, value) in fields {
                    pointer.push('/');
                    pointer.push_str(&token(name));
                    walk(was.and_then(|was| was.get(name)), value, pointer, found);
                    pointer.truncate(here);
                }
            }
            Value::Array(items) => {
                for (i, item) in items.iter().enumerate() {
                    pointer.push_str(&format!("/{i}"));
                    walk(was.and_then(|was| was.get(i)), item, pointer, found);
                    pointer.truncate(here);
                }
            }
            _ => {}
        }
    }
    let mut found = Vec::new();
    walk(before, object, &mut String::new(), &mut found);
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
