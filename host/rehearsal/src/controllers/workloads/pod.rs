//! Pods: made from templates, put on nodes, and said to run.

use serde_json::{Value, json};

use super::super::nodes::pod_address;
use super::super::snapshot::text;
use crate::machine::digest;

/// A reference to what made an object.
pub fn owner(object: &Value) -> Value {
    json!({
        "apiVersion": object["apiVersion"],
        "kind": object["kind"],
        "name": object["metadata"]["name"],
        "uid": object["metadata"]["uid"],
        "controller": true,
        "blockOwnerDeletion": true,
    })
}

/// A pod of a ReplicaSet or, on `node`, of a DaemonSet.
pub fn of_template(set: &Value, node: Option<&str>) -> Value {
    let template = &set["spec"]["template"];
    let mut pod = json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "generateName": format!("{}-", text(set, "/metadata/name")),
            "namespace": set["metadata"]["namespace"],
            "labels": template["metadata"]["labels"],
            "ownerReferences": [owner(set)],
        },
        "spec": template["spec"],
    });
    if let Some(annotations) = template["metadata"].get("annotations").filter(|annotations| annotations.is_object()) {
        pod["metadata"]["annotations"] = annotations.clone();
    }
    if let Some(node) = node {
        pod["spec"]["nodeName"] = json!(node);
    }
    pod
}

/// Whether a pod may be on a node: by its node selector, and by the node's taints.
pub fn fits(spec: &Value, node: &Value) -> bool {
    let labels = &node["metadata"]["labels"];
    let selector = spec["nodeSelector"].as_object();
    let selected = selector.into_iter().flatten().all(|(key, value)| labels.get(key) == Some(value));
    let taints = node["spec"]["taints"].as_array().into_iter().flatten();
    selected && taints.filter(|taint| taint["effect"] != "PreferNoSchedule").all(|taint| is_tolerated(spec, taint))
}

fn is_tolerated(spec: &Value, taint: &Value) -> bool {
    spec["tolerations"].as_array().into_iter().flatten().any(|toleration| {
        let (key, effect) = (text(toleration, "/key"), text(toleration, "/effect"));
        let exists = toleration["operator"] == "Exists";
        (effect.is_empty() || taint["effect"] == effect)
            && (key.is_empty() && exists || taint["key"] == key)
            && (exists || text(toleration, "/value") == text(taint, "/value"))
    })
}

/// True if it says so.
pub fn is_ready(pod: &Value) -> bool {
    let conditions = pod["status"]["conditions"].as_array().into_iter().flatten();
    conditions.into_iter().any(|condition| condition["type"] == "Ready" && condition["status"] == "True")
}

/// Puts it on the node and has it run; `index` decides its address.
pub fn run(pod: &mut Value, node: &Value, index: usize, now: &str) {
    pod["spec"]["nodeName"] = node["metadata"]["name"].clone();
    let host = node["status"]["addresses"].as_array().into_iter().flatten();
    let host =
        host.into_iter().find(|address| address["type"] == "InternalIP").map(|address| text(address, "/address"));
    let host = host.unwrap_or("127.0.0.1").to_owned();
    let own = if pod["spec"]["hostNetwork"] == true { Some(host.clone()) } else { pod_address(node, index) };
    let own = own.unwrap_or_else(|| host.clone());
    let uid = text(pod, "/metadata/uid").to_owned();
    let containers = pod["spec"]["containers"].as_array().into_iter().flatten().map(|container| {
        let (name, image) = (text(container, "/name"), text(container, "/image"));
        json!({
            "name": name,
            "image": image,
            "imageID": format!("sha256:{}", digest(image)),
            "containerID": format!("containerd://{}", digest(&format!("{uid}/{name}"))),
            "ready": true,
            "started": true,
            "restartCount": 0,
            "lastState": {},
            "state": { "running": { "startedAt": now } },
        })
    });
    let containers: Vec<Value> = containers.collect();
    let conditions = ["PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled"]
        .map(|kind| json!({ "type": kind, "status": "True", "lastProbeTime": null, "lastTransitionTime": now }));
    let qos = pod["status"].get("qosClass").cloned();
    pod["status"] = json!({
        "phase": "Running",
        "conditions": conditions,
        "containerStatuses": containers,
        "hostIP": host,
        "hostIPs": [{ "ip": host }],
        "podIP": own,
        "podIPs": [{ "ip": own }],
        "startTime": now,
    });
    if let Some(qos) = qos {
        pod["status"]["qosClass"] = qos;
    }
}

/// Says why it waits, as the scheduler does.
pub fn cannot_be_placed(pod: &mut Value, nodes: usize, now: &str) {
    let known = pod["status"]["conditions"].as_array().is_some_and(|conditions| !conditions.is_empty());
    if known {
        return;
    }
    let message = match nodes {
        0 => "no nodes available to schedule pods".to_owned(),
        nodes => format!("0/{nodes} nodes are available: none fits the pod's node selector and tolerations."),
    };
    pod["status"]["phase"] = json!("Pending");
    pod["status"]["conditions"] = json!([{
        "type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": message,
        "lastProbeTime": null, "lastTransitionTime": now,
    }]);
}
