//! The columns of each kind.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{Column, Row, duration, or_none, pod};
use crate::kinds::Kind;

const fn column(name: &'static str, cell: fn(&Row<'_>) -> Value) -> Column {
    Column { name, ty: "string", wide: false, cell }
}

const fn number(name: &'static str, cell: fn(&Row<'_>) -> Value) -> Column {
    Column { name, ty: "integer", wide: false, cell }
}

const fn wide(name: &'static str, cell: fn(&Row<'_>) -> Value) -> Column {
    Column { name, ty: "string", wide: true, cell }
}

const NAME: Column = column("Name", |row| row.at("metadata.name").clone());
const AGE: Column = column("Age", |row| json!(row.since("metadata.creationTimestamp")));
const CREATED: Column =
    Column { name: "Created At", ty: "date", wide: false, cell: |row| row.at("metadata.creationTimestamp").clone() };
const CONTAINERS: Column = wide("Containers", |row| json!(containers(row, "name")));
const IMAGES: Column = wide("Images", |row| json!(containers(row, "image")));
const SELECTOR: Column = wide("Selector", |row| json!(or_none(selector(row.at("spec.selector")))));

/// Those of a kind, in order.
pub(super) fn of(kind: &Kind) -> &'static [Column] {
    match (kind.group, kind.plural) {
        ("", "pods") => PODS,
        ("", "nodes") => NODES,
        ("", "services") => SERVICES,
        ("", "configmaps") => CONFIG_MAPS,
        ("", "secrets") => SECRETS,
        ("", "namespaces") => NAMESPACES,
        ("", "endpoints") => ENDPOINTS,
        ("", "events") => EVENTS,
        ("apps", "deployments") => DEPLOYMENTS,
        ("apps", "daemonsets") => DAEMON_SETS,
        ("apps", "replicasets") => REPLICA_SETS,
        ("apps", "statefulsets") => STATEFUL_SETS,
        ("certificates.k8s.io", _) => SIGNING_REQUESTS,
        ("coordination.k8s.io", "leases") => LEASES,
        ("discovery.k8s.io", "endpointslices") => ENDPOINT_SLICES,
        ("rbac.authorization.k8s.io", "roles" | "clusterroles") => ROLES,
        ("rbac.authorization.k8s.io", _) => BINDINGS,
        ("scheduling.k8s.io", "priorityclasses") => PRIORITY_CLASSES,
        _ => OTHERS,
    }
}

const OTHERS: &[Column] = &[NAME, AGE];

/// What comes before the columns of a definition.
pub(super) const NAME_ALONE: &[Column] = &[NAME];

const PODS: &[Column] = &[
    NAME,
    column("Ready", |row| json!(pod::ready(row))),
    column("Status", |row| json!(pod::status(row))),
    column("Restarts", |row| json!(pod::restarts(row))),
    AGE,
    wide("IP", |row| json!(or_none(row.text("status.podIP")))),
    wide("Node", |row| json!(or_none(row.text("spec.nodeName")))),
    wide("Nominated Node", |row| json!(or_none(row.text("status.nominatedNodeName")))),
    wide("Readiness Gates", |_| json!("<none>")),
];

const NODES: &[Column] = &[
    NAME,
    column("Status", |row| {
        let ready = row.condition("Ready").map(|condition| condition["status"] == "True");
        let mut status = match ready {
            Some(true) => "Ready",
            Some(false) => "NotReady",
            None => "Unknown",
        }
        .to_owned();
        if row.at("spec.unschedulable") == &json!(true) {
            status.push_str(",SchedulingDisabled");
        }
        json!(status)
    }),
    column("Roles", |row| {
        let labels = row.at("metadata.labels").as_object().into_iter().flatten();
        let roles: BTreeSet<&str> = labels
            .filter_map(|(key, value)| match key.strip_prefix("node-role.kubernetes.io/") {
                Some(role) => Some(role),
                None => value.as_str().filter(|_| key == "kubernetes.io/role"),
            })
            .filter(|role| !role.is_empty())
            .collect();
        json!(or_none(roles.into_iter().collect::<Vec<_>>().join(",")))
    }),
    AGE,
    column("Version", |row| json!(row.text("status.nodeInfo.kubeletVersion"))),
    wide("Internal-IP", |row| json!(address(row, "InternalIP"))),
    wide("External-IP", |row| json!(address(row, "ExternalIP"))),
    wide("OS-Image", |row| json!(or_unknown(row.text("status.nodeInfo.osImage")))),
    wide("Kernel-Version", |row| {
        let kernel = or_unknown(row.text("status.nodeInfo.kernelVersion"));
        match row.text("status.nodeInfo.architecture") {
            "" => json!(kernel),
            architecture => json!(format!("{kernel} ({architecture})")),
        }
    }),
    wide("Container-Runtime", |row| json!(or_unknown(row.text("status.nodeInfo.containerRuntimeVersion")))),
];

const SERVICES: &[Column] = &[
    NAME,
    column("Type", |row| json!(row.text("spec.type"))),
    column("Cluster-IP", |row| json!(or_none(row.text("spec.clusterIP")))),
    column("External-IP", |row| match row.text("spec.type") {
        "ExternalName" => json!(row.text("spec.externalName")),
        "LoadBalancer" => json!("<pending>"),
        _ => json!(or_none(joined(row.list("spec.externalIPs"), ","))),
    }),
    column("Port(s)", |row| {
        let ports = row.list("spec.ports").map(|port| {
            let node_port = port["nodePort"].as_u64().map_or(String::new(), |port| format!(":{port}"));
            format!("{}{node_port}/{}", port["port"], port["protocol"].as_str().unwrap_or_default())
        });
        json!(or_none(ports.collect::<Vec<_>>().join(",")))
    }),
    AGE,
    wide("Selector", |row| json!(or_none(labels(row.at("spec.selector"))))),
];

const CONFIG_MAPS: &[Column] =
    &[NAME, column("Data", |row| json!(entries(row, "data") + entries(row, "binaryData"))), AGE];

const SECRETS: &[Column] =
    &[NAME, column("Type", |row| json!(row.text("type"))), column("Data", |row| json!(entries(row, "data"))), AGE];

const NAMESPACES: &[Column] = &[NAME, column("Status", |row| json!(row.text("status.phase"))), AGE];

const ENDPOINTS: &[Column] = &[
    NAME,
    column("Endpoints", |row| {
        let mut all = Vec::new();
        for subset in row.list("subsets") {
            for port in subset["ports"].as_array().into_iter().flatten() {
                for address in subset["addresses"].as_array().into_iter().flatten() {
                    let ip = address["ip"].as_str().unwrap_or_default();
                    let host = if ip.contains(':') { format!("[{ip}]") } else { ip.to_owned() };
                    all.push(format!("{host}:{}", port["port"]));
                }
            }
        }
        json!(or_none(at_most_three(&all)))
    }),
    AGE,
];

const ENDPOINT_SLICES: &[Column] = &[
    NAME,
    column("AddressType", |row| json!(row.text("addressType"))),
    column("Ports", |row| {
        let ports: Vec<String> = row.list("ports").map(|port| port["port"].to_string()).collect();
        json!(if ports.is_empty() { "<unset>".to_owned() } else { at_most_three(&ports) })
    }),
    column("Endpoints", |row| {
        let addresses =
            row.list("endpoints").flat_map(|endpoint| endpoint["addresses"].as_array().into_iter().flatten());
        let all: Vec<String> = addresses.filter_map(Value::as_str).map(ToOwned::to_owned).collect();
        json!(if all.is_empty() { "<unset>".to_owned() } else { at_most_three(&all) })
    }),
    AGE,
];

const EVENTS: &[Column] = &[
    column("Last Seen", |row| {
        let path = ["series.lastObservedTime", "lastTimestamp", "firstTimestamp", "eventTime"];
        let path = path.into_iter().find(|path| !row.text(path).is_empty()).unwrap_or("eventTime");
        json!(row.since(path))
    }),
    column("Type", |row| json!(row.text("type"))),
    column("Reason", |row| json!(row.text("reason"))),
    column("Object", |row| {
        let (kind, name) = (row.text("involvedObject.kind").to_lowercase(), row.text("involvedObject.name"));
        json!(if name.is_empty() { kind } else { format!("{kind}/{name}") })
    }),
    wide("Subobject", |row| json!(row.text("involvedObject.fieldPath"))),
    wide("Source", |row| {
        let first = |a: &'static str, b: &'static str| match row.text(a) {
            "" => row.text(b).to_owned(),
            text => text.to_owned(),
        };
        let (component, host) =
            (first("source.component", "reportingComponent"), first("source.host", "reportingInstance"));
        json!(if host.is_empty() { component } else { format!("{component}, {host}") })
    }),
    column("Message", |row| json!(row.text("message").trim())),
    wide("First Seen", |row| {
        let path = if row.text("firstTimestamp").is_empty() { "eventTime" } else { "firstTimestamp" };
        json!(row.since(path))
    }),
    wide("Count", |row| json!(row.number("series.count").max(row.number("count")).max(1))),
    Column { wide: true, ..NAME },
];

const DEPLOYMENTS: &[Column] = &[
    NAME,
    column("Ready", |row| json!(format!("{}/{}", row.number("status.readyReplicas"), row.number("spec.replicas")))),
    column("Up-to-date", |row| json!(row.number("status.updatedReplicas"))),
    column("Available", |row| json!(row.number("status.availableReplicas"))),
    AGE,
    CONTAINERS,
    IMAGES,
    SELECTOR,
];

const DAEMON_SETS: &[Column] = &[
    NAME,
    number("Desired", |row| json!(row.number("status.desiredNumberScheduled"))),
    number("Current", |row| json!(row.number("status.currentNumberScheduled"))),
    number("Ready", |row| json!(row.number("status.numberReady"))),
    number("Up-to-date", |row| json!(row.number("status.updatedNumberScheduled"))),
    number("Available", |row| json!(row.number("status.numberAvailable"))),
    column("Node Selector", |row| json!(or_none(labels(row.at("spec.template.spec.nodeSelector"))))),
    AGE,
    CONTAINERS,
    IMAGES,
    SELECTOR,
];

const REPLICA_SETS: &[Column] = &[
    NAME,
    number("Desired", |row| json!(row.number("spec.replicas"))),
    number("Current", |row| json!(row.number("status.replicas"))),
    number("Ready", |row| json!(row.number("status.readyReplicas"))),
    AGE,
    CONTAINERS,
    IMAGES,
    SELECTOR,
];

const STATEFUL_SETS: &[Column] = &[
    NAME,
    column("Ready", |row| json!(format!("{}/{}", row.number("status.readyReplicas"), row.number("spec.replicas")))),
    AGE,
    CONTAINERS,
    IMAGES,
];

const SIGNING_REQUESTS: &[Column] = &[
    NAME,
    AGE,
    column("SignerName", |row| json!(or_none(row.text("spec.signerName")))),
    column("Requestor", |row| json!(row.text("spec.username"))),
    column("RequestedDuration", |row| match row.at("spec.expirationSeconds").as_u64() {
        Some(seconds) => json!(duration(seconds)),
        None => json!("<none>"),
    }),
    column("Condition", |row| {
        let mut status = if row.condition("Denied").is_some() {
            "Denied"
        } else if row.condition("Approved").is_some() {
            "Approved"
        } else {
            "Pending"
        }
        .to_owned();
        if row.condition("Failed").is_some() {
            status.push_str(",Failed");
        }
        if !row.text("status.certificate").is_empty() {
            status.push_str(",Issued");
        }
        json!(status)
    }),
];

const LEASES: &[Column] = &[NAME, column("Holder", |row| json!(row.text("spec.holderIdentity"))), AGE];

const ROLES: &[Column] = &[NAME, CREATED];

const BINDINGS: &[Column] = &[
    NAME,
    column("Role", |row| json!(format!("{}/{}", row.text("roleRef.kind"), row.text("roleRef.name")))),
    AGE,
    wide("Users", |row| json!(subjects(row, "User"))),
    wide("Groups", |row| json!(subjects(row, "Group"))),
    wide("ServiceAccounts", |row| json!(subjects(row, "ServiceAccount"))),
];

const PRIORITY_CLASSES: &[Column] = &[
    NAME,
    number("Value", |row| json!(row.number("value"))),
    Column {
        name: "Global-Default",
        ty: "boolean",
        wide: false,
        cell: |row| json!(row.at("globalDefault") == &json!(true)),
    },
    AGE,
    column("PreemptionPolicy", |row| json!(row.text("preemptionPolicy"))),
];

fn or_unknown(text: &str) -> &str {
    if text.is_empty() { "<unknown>" } else { text }
}

fn address(row: &Row<'_>, ty: &str) -> String {
    let found = row.list("status.addresses").find(|address| address["type"] == ty);
    or_none(found.and_then(|address| address["address"].as_str()).unwrap_or_default())
}

fn joined<'a>(values: impl Iterator<Item = &'a Value>, separator: &str) -> String {
    values.filter_map(Value::as_str).collect::<Vec<_>>().join(separator)
}

fn containers(row: &Row<'_>, field: &str) -> String {
    joined(row.list("spec.template.spec.containers").map(|container| &container[field]), ",")
}

fn entries(row: &Row<'_>, field: &str) -> usize {
    row.at(field).as_object().map_or(0, serde_json::Map::len)
}

fn labels(value: &Value) -> String {
    let pairs = value.as_object().into_iter().flatten();
    pairs.map(|(key, value)| format!("{key}={}", value.as_str().unwrap_or_default())).collect::<Vec<_>>().join(",")
}

/// `a=b,c in (d,e)`.
fn selector(value: &Value) -> String {
    let mut terms: Vec<String> =
        Some(labels(&value["matchLabels"])).filter(|text| !text.is_empty()).into_iter().collect();
    for expression in value["matchExpressions"].as_array().into_iter().flatten() {
        let key = expression["key"].as_str().unwrap_or_default();
        let values = joined(expression["values"].as_array().into_iter().flatten(), ",");
        terms.push(match expression["operator"].as_str() {
            Some("In") => format!("{key} in ({values})"),
            Some("NotIn") => format!("{key} notin ({values})"),
            Some("DoesNotExist") => format!("!{key}"),
            _ => key.to_owned(),
        });
    }
    terms.join(",")
}

fn subjects(row: &Row<'_>, kind: &str) -> String {
    let found = row.list("subjects").filter(|subject| subject["kind"] == kind).map(|subject| {
        let name = subject["name"].as_str().unwrap_or_default();
        match subject["namespace"].as_str() {
            Some(namespace) if kind == "ServiceAccount" => format!("{namespace}/{name}"),
            _ => name.to_owned(),
        }
    });
    found.collect::<Vec<_>>().join(", ")
}

fn at_most_three(all: &[String]) -> String {
    let shown = all[..all.len().min(3)].join(",");
    if all.len() > 3 { format!("{shown} + {} more...", all.len() - 3) } else { shown }
}
