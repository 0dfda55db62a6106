use std::time::{Duration, UNIX_EPOCH};

use serde_json::{Value, json};

use super::*;
use crate::kinds::{CERTIFICATE_SIGNING_REQUEST, NODE, POD, PRIORITY_CLASS, ROLE_BINDING, SERVICE};

fn cells(kind: &Kind, object: Value) -> Vec<Value> {
    let table = table(kind, &object, "", UNIX_EPOCH + Duration::from_secs(90));
    let names = table["columnDefinitions"].as_array().expect("columns").len();
    let cells = table["rows"][0]["cells"].as_array().expect("cells").clone();
    assert_eq!(cells.len(), names, "a cell for each column");
    cells
}

fn with_meta(mut object: Value) -> Value {
    object["metadata"]["name"] = json!("x");
    object["metadata"]["creationTimestamp"] = json!("1970-01-01T00:00:00Z");
    object
}

#[test]
fn durations_are_short() {
    let all = [
        (0, "0s"),
        (119, "119s"),
        (120, "2m"),
        (125, "2m5s"),
        (600, "10m"),
        (10_799, "179m"),
        (10_860, "3h1m"),
        (28_800, "8h"),
        (172_800, "2d"),
        (176_400, "2d1h"),
        (691_200, "8d"),
        (63_072_000 + 86_400, "2y1d"),
        (252_288_000, "8y"),
    ];
    for (seconds, expected) in all {
        assert_eq!(duration(seconds), expected, "{seconds}");
    }
}

#[test]
fn a_node_shows_its_state_and_roles() {
    let node = with_meta(json!({
        "metadata": { "labels": { "node-role.kubernetes.io/control-plane": "", "a": "b" } },
        "spec": { "unschedulable": true },
        "status": {
            "conditions": [{ "type": "Ready", "status": "False" }],
            "nodeInfo": { "kubeletVersion": "v1.36.2", "kernelVersion": "6.1", "architecture": "amd64" },
            "addresses": [{ "type": "InternalIP", "address": "10.0.0.5" }],
        },
    }));
    let expected = json!([
        "x",
        "NotReady,SchedulingDisabled",
        "control-plane",
        "90s",
        "v1.36.2",
        "10.0.0.5",
        "<none>",
        "<unknown>",
        "6.1 (amd64)",
        "<unknown>",
    ]);
    assert_eq!(json!(cells(&NODE, node)), expected);
}

#[test]
fn a_pod_shows_what_it_waits_for() {
    let pod = |status: Value| {
        let spec = json!({ "containers": [{}, {}], "initContainers": [{}] });
        let cells = cells(&POD, with_meta(json!({ "spec": spec, "status": status })));
        json!(cells[1..4])
    };
    assert_eq!(pod(json!({ "phase": "Pending" })), json!(["0/2", "Pending", "0"]));
    let running = json!({
        "phase": "Running",
        "initContainerStatuses": [{ "state": { "terminated": { "exitCode": 0, "reason": "Completed" } } }],
        "containerStatuses": [
            { "ready": true, "restartCount": 2, "state": { "running": {} } },
            { "ready": false, "restartCount": 1, "state": { "waiting": { "reason": "CrashLoopBackOff" } } },
        ],
    });
    assert_eq!(pod(running), json!(["1/2", "CrashLoopBackOff", "3"]));
    let initializing = json!({ "phase": "Pending", "initContainerStatuses": [{ "state": { "waiting": { "reason": "PodInitializing" } } }] });
    assert_eq!(pod(initializing), json!(["0/2", "Init:0/1", "0"]));
}

#[test]
fn other_kinds_have_their_columns() {
    let service = with_meta(json!({ "spec": {
        "type": "NodePort", "clusterIP": "10.96.0.1", "selector": { "a": "b" },
        "ports": [{ "port": 80, "nodePort": 30080, "protocol": "TCP" }, { "port": 53, "protocol": "UDP" }],
    } }));
    let expected = json!(["x", "NodePort", "10.96.0.1", "<none>", "80:30080/TCP,53/UDP", "90s", "a=b"]);
    assert_eq!(json!(cells(&SERVICE, service)), expected);
    let request = with_meta(json!({
        "spec": { "signerName": "s/t", "username": "u", "expirationSeconds": 86400 },
        "status": { "certificate": "YQ==", "conditions": [{ "type": "Approved" }] },
    }));
    let expected = json!(["x", "90s", "s/t", "u", "24h", "Approved,Issued"]);
    assert_eq!(json!(cells(&CERTIFICATE_SIGNING_REQUEST, request)), expected);
    let binding = with_meta(json!({
        "roleRef": { "kind": "Role", "name": "r" },
        "subjects": [
            { "kind": "Group", "name": "g" }, { "kind": "Group", "name": "h" },
            { "kind": "ServiceAccount", "name": "s", "namespace": "n" },
        ],
    }));
    assert_eq!(json!(cells(&ROLE_BINDING, binding)), json!(["x", "Role/r", "90s", "", "g, h", "n/s"]));
    let class = with_meta(json!({ "value": 5, "preemptionPolicy": "Never" }));
    assert_eq!(json!(cells(&PRIORITY_CLASS, class)), json!(["x", 5, false, "90s", "Never"]));
}
