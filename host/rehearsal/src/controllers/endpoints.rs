//! What Services lead to: an EndpointSlice for each Service with a selector.

use serde_json::{Value, json};

use super::snapshot::{is_going, text};
use super::workloads::behind;
use super::{View, Wish};
use crate::kinds::{ENDPOINT_SLICE, SERVICE};

const MANAGED: &str = "endpointslice-controller.k8s.io";

/// See the module.
pub fn wish(view: &View<'_>) -> Vec<Wish> {
    let services = view.objects.of(&SERVICE);
    services
        .filter(|service| service["spec"]["selector"].is_object() && !is_going(service))
        .filter_map(|service| one(view, service))
        .collect()
}

fn one(view: &View<'_>, service: &Value) -> Option<Wish> {
    let (namespace, name) = (text(service, "/metadata/namespace"), text(service, "/metadata/name"));
    let pods = behind(view, service);
    let mut endpoints: Vec<Value> = pods.iter().map(|pod| endpoint(pod)).collect();
    endpoints.sort_by_key(|endpoint| endpoint["addresses"].to_string());
    let ports = service["spec"]["ports"].as_array().into_iter().flatten().filter_map(|port| {
        let number = target(port, pods.first().copied()?)?;
        Some(json!({ "name": text(port, "/name"), "port": number, "protocol": port["protocol"] }))
    });
    let ports: Vec<Value> = ports.collect();
    // The real one has a random suffix; one slice is enough here, and its name may be known.
    let slice = format!("{name}-{MANAGED_SUFFIX}");
    let known = view.objects.get(&ENDPOINT_SLICE, namespace, &slice);
    let mut wanted = known.cloned().unwrap_or_else(|| {
        json!({
            "apiVersion": "discovery.k8s.io/v1",
            "kind": "EndpointSlice",
            "metadata": {
                "name": slice,
                "namespace": namespace,
                "labels": { "kubernetes.io/service-name": name, "endpointslice.kubernetes.io/managed-by": MANAGED },
                "ownerReferences": [{
                    "apiVersion": "v1", "kind": "Service", "name": name, "uid": service["metadata"]["uid"],
                    "controller": true, "blockOwnerDeletion": true,
                }],
            },
            "addressType": service["spec"]["ipFamilies"].get(0).cloned().unwrap_or(json!("IPv4")),
        })
    });
    wanted["endpoints"] = json!(endpoints);
    wanted["ports"] = json!(ports);
    match known {
        None => Some(Wish::Create(wanted)),
        Some(known) => (wanted != *known).then_some(Wish::Update(wanted)),
    }
}

const MANAGED_SUFFIX: &str = "slice";

fn endpoint(pod: &Value) -> Value {
    json!({
        "addresses": [pod["status"]["podIP"]],
        "conditions": { "ready": true, "serving": true, "terminating": false },
        "nodeName": pod["spec"]["nodeName"],
        "targetRef": {
            "kind": "Pod",
            "name": pod["metadata"]["name"],
            "namespace": pod["metadata"]["namespace"],
            "uid": pod["metadata"]["uid"],
        },
    })
}

/// The number of a Service's port in its pods.
fn target(port: &Value, pod: &Value) -> Option<i64> {
    match &port["targetPort"] {
        Value::Number(number) => number.as_i64(),
        Value::String(name) => {
            let containers = pod["spec"]["containers"].as_array()?.iter();
            let mut ports = containers.flat_map(|container| container["ports"].as_array().into_iter().flatten());
            ports.find(|port| text(port, "/name") == name)?["containerPort"].as_i64()
        }
        _ => port["port"].as_i64(),
    }
}
