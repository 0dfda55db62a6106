//! Defaults of all other kinds.

use serde_json::{Value, json};

use super::{Object, child, empty, is_empty, text, unset};

const RBAC: &str = "rbac.authorization.k8s.io";

pub(super) fn set(ty: &str, object: &mut Object) {
    match ty {
        "Namespace" => {
            let name = object.get("metadata").map(|metadata| metadata["name"].clone()).unwrap_or_default();
            if !is_empty(Some(&name))
                && let Some(labels) = child(object, "metadata").and_then(|metadata| child(metadata, "labels"))
            {
                labels.insert("kubernetes.io/metadata.name".to_owned(), name);
            }
            if let Some(spec) = child(object, "spec") {
                let finalizers = spec.entry("finalizers").or_insert_with(|| json!([]));
                if let Some(list) = finalizers.as_array_mut().filter(|list| list.is_empty()) {
                    list.push("kubernetes".into());
                }
            }
        }
        "NamespaceStatus" => empty(object, [("phase", "Active".into())]),
        "NodeStatus" => {
            if let Some(capacity) = object.get("capacity").cloned() {
                unset(object, [("allocatable", capacity)]);
            }
        }
        "Secret" => secret(object),
        "RoleRef" => empty(object, [("apiGroup", RBAC.into())]),
        "Subject" => {
            if matches!(text(object, "kind"), "User" | "Group") {
                empty(object, [("apiGroup", RBAC.into())]);
            }
        }
        "PriorityClass" => unset(object, [("preemptionPolicy", "PreemptLowerPriority".into())]),
        "StorageClass" => {
            unset(object, [("reclaimPolicy", "Delete".into()), ("volumeBindingMode", "Immediate".into())]);
        }
        "CSIDriverSpec" => {
            unset(
                object,
                [
                    ("attachRequired", true.into()),
                    ("podInfoOnMount", false.into()),
                    ("storageCapacity", false.into()),
                    ("fsGroupPolicy", "ReadWriteOnceWithFSType".into()),
                    ("requiresRepublish", false.into()),
                    ("seLinuxMount", false.into()),
                ],
            );
            empty(object, [("volumeLifecycleModes", json!(["Persistent"]))]);
        }
        "PersistentVolume" => {
            if let Some(status) = child(object, "status") {
                empty(status, [("phase", "Pending".into())]);
            }
        }
        "PersistentVolumeSpec" => {
            empty(object, [("persistentVolumeReclaimPolicy", "Retain".into())]);
            unset(object, [("volumeMode", "Filesystem".into())]);
        }
        "PersistentVolumeClaim" => {
            if let Some(status) = child(object, "status") {
                empty(status, [("phase", "Pending".into())]);
            }
        }
        "PersistentVolumeClaimSpec" => unset(object, [("volumeMode", "Filesystem".into())]),
        "LimitRangeItem" => limit_range(object),
        "HorizontalPodAutoscalerSpec" => autoscaler(object),
        "ValidatingWebhook" | "MutatingWebhook" => {
            unset(
                object,
                [
                    ("failurePolicy", "Fail".into()),
                    ("matchPolicy", "Equivalent".into()),
                    ("namespaceSelector", json!({})),
                    ("objectSelector", json!({})),
                    ("timeoutSeconds", 10.into()),
                ],
            );
            if ty == "MutatingWebhook" {
                unset(object, [("reinvocationPolicy", "Never".into())]);
            }
        }
        "RuleWithOperations" => unset(object, [("scope", "*".into())]),
        "ServiceReference" | "admissionregistration.ServiceReference" | "apiextensions.ServiceReference" => {
            unset(object, [("port", 443.into())]);
        }
        "CustomResourceDefinition" => definition(object),
        _ => {}
    }
}

/// `stringData` is only another way of writing `data`.
fn secret(object: &mut Object) {
    use base64::Engine as _;
    if let Some(Value::Object(texts)) = object.remove("stringData")
        && let Some(data) = child(object, "data")
    {
        for (key, text) in texts {
            let encoded = base64::engine::general_purpose::STANDARD.encode(text.as_str().unwrap_or_default());
            data.insert(key, encoded.into());
        }
    }
    empty(object, [("type", "Opaque".into())]);
}

fn limit_range(item: &mut Object) {
    if text(item, "type") != "Container" {
        return;
    }
    for (from, to) in [("max", "default"), ("default", "defaultRequest"), ("min", "defaultRequest")] {
        if let Some(Value::Object(amounts)) = item.get(from).cloned()
            && let Some(target) = child(item, to)
        {
            for (name, amount) in amounts {
                target.entry(name).or_insert(amount);
            }
        }
    }
}

fn autoscaler(spec: &mut Object) {
    unset(spec, [("minReplicas", 1.into())]);
    let target = json!({ "type": "Utilization", "averageUtilization": 80 });
    empty(spec, [("metrics", json!([{ "type": "Resource", "resource": { "name": "cpu", "target": target } }]))]);
    if let Some(Value::Object(behavior)) = spec.get_mut("behavior") {
        let percent = json!({ "type": "Percent", "value": 100, "periodSeconds": 15 });
        let pods = json!({ "type": "Pods", "value": 4, "periodSeconds": 15 });
        let directions = [("scaleUp", json!([pods, percent.clone()]), Some(0)), ("scaleDown", json!([percent]), None)];
        for (direction, policies, window) in directions {
            if let Some(rules) = child(behavior, direction) {
                unset(rules, [("selectPolicy", "Max".into()), ("policies", policies)]);
                if let Some(window) = window {
                    unset(rules, [("stabilizationWindowSeconds", window.into())]);
                }
            }
        }
    }
}

fn definition(object: &mut Object) {
    let Some(spec) = child(object, "spec") else { return };
    unset(spec, [("conversion", json!({ "strategy": "None" }))]);
    if let Some(names) = child(spec, "names") {
        let kind = text(names, "kind").to_owned();
        empty(names, [("singular", kind.to_lowercase().into())]);
        if !kind.is_empty() {
            empty(names, [("listKind", format!("{kind}List").into())]);
        }
    }
    let versions = spec.get("versions").and_then(Value::as_array).cloned().unwrap_or_default();
    let stored = versions.iter().find(|version| version["storage"] == true).map(|version| version["name"].clone());
    if let (Some(name), Some(status)) = (stored, child(object, "status")) {
        empty(status, [("storedVersions", json!([name]))]);
    }
}
