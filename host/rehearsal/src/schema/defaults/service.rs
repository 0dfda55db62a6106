//! Defaults of Services and of what leads to them.

use serde_json::{Value, json};

use super::{Object, child, empty, is_empty, text, unset};

pub(super) fn set(ty: &str, object: &mut Object) {
    match ty {
        "Service" => {
            if let Some(spec) = child(object, "spec") {
                service(spec);
            }
        }
        "ServicePort" => {
            let port = object.get("port").cloned().unwrap_or_default();
            empty(object, [("protocol", "TCP".into()), ("targetPort", port)]);
        }
        "core.EndpointPort" => empty(object, [("protocol", "TCP".into())]),
        "EndpointPort" => unset(object, [("name", "".into()), ("protocol", "TCP".into())]),
        "IngressClassParametersReference" => unset(object, [("scope", "Cluster".into())]),
        "NetworkPolicyPort" => unset(object, [("protocol", "TCP".into())]),
        "NetworkPolicySpec" => {
            let egress = !is_empty(object.get("egress"));
            let types = if egress { json!(["Ingress", "Egress"]) } else { json!(["Ingress"]) };
            empty(object, [("policyTypes", types)]);
        }
        _ => {}
    }
}

fn service(spec: &mut Object) {
    empty(spec, [("sessionAffinity", "None".into()), ("type", "ClusterIP".into())]);
    if text(spec, "sessionAffinity") == "None" {
        spec.remove("sessionAffinityConfig");
    } else if spec.get("sessionAffinityConfig").and_then(|config| config.pointer("/clientIP/timeoutSeconds")).is_none()
    {
        spec.insert("sessionAffinityConfig".to_owned(), json!({ "clientIP": { "timeoutSeconds": 10_800 } }));
    }
    let kind = text(spec, "type").to_owned();
    if kind != "ExternalName" {
        unset(spec, [("internalTrafficPolicy", "Cluster".into())]);
        addresses(spec);
    }
    let external_addresses = kind == "ClusterIP" && !is_empty(spec.get("externalIPs"));
    if matches!(kind.as_str(), "NodePort" | "LoadBalancer") || external_addresses {
        empty(spec, [("externalTrafficPolicy", "Cluster".into())]);
    }
    if kind == "LoadBalancer" {
        unset(spec, [("allocateLoadBalancerNodePorts", true.into())]);
    }
}

/// The families follow the addresses that the Service names. A cluster of one family has IPv4 unless an address says
/// otherwise; which address a Service gets that names none is for the cluster to decide.
fn addresses(spec: &mut Object) {
    let first = spec.get("clusterIPs").and_then(|list| list.get(0)).and_then(Value::as_str).unwrap_or_default();
    let single = text(spec, "clusterIP");
    let address = if single.is_empty() { first.to_owned() } else { single.to_owned() };
    if !address.is_empty() {
        let all = spec.get("clusterIPs").cloned().filter(|list| !is_empty(Some(list)));
        spec.insert("clusterIPs".to_owned(), all.unwrap_or_else(|| json!([address])));
        spec.insert("clusterIP".to_owned(), address.clone().into());
    }
    if address == "None" && is_empty(spec.get("selector")) {
        // Without a selector nothing says which families its endpoints have.
        unset(spec, [("ipFamilyPolicy", "RequireDualStack".into())]);
        empty(spec, [("ipFamilies", json!(["IPv4", "IPv6"]))]);
        return;
    }
    unset(spec, [("ipFamilyPolicy", "SingleStack".into())]);
    let family = if address.contains(':') { "IPv6" } else { "IPv4" };
    empty(spec, [("ipFamilies", json!([family]))]);
}
