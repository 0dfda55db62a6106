//! Rules of Services. Which addresses a Service can have is for the cluster to say.

use serde_json::{Value, json};

use super::{Problems, items, meta, names, text};
use crate::schema::Reason;

const PROTOCOLS: [&str; 3] = ["SCTP", "TCP", "UDP"];

pub(super) fn check(object: &Value, problems: &mut Problems) {
    let spec = &object["spec"];
    let kind = text(spec, "type");
    let headless = text(spec, "clusterIP") == "None";
    if spec["ports"].as_array().is_none_or(Vec::is_empty) && !headless && kind != "ExternalName" {
        problems.required("spec.ports", "");
    }
    match kind {
        "NodePort" | "LoadBalancer" if headless => {
            let rule = format!("may not be set to 'None' for {kind} services");
            problems.invalid("spec.clusterIPs[0]", &json!("None"), &rule);
        }
        "ExternalName" if text(spec, "externalName").is_empty() => problems.required("spec.externalName", ""),
        "ExternalName" => {
            let name = text(spec, "externalName").trim_end_matches('.');
            problems.complaints("spec.externalName", &json!(name), names::subdomain(name));
        }
        _ => {}
    }
    ports(spec, kind, problems);
    meta::labels(spec.get("selector"), "spec.selector", problems);
    problems.one_of("spec.sessionAffinity", spec.get("sessionAffinity"), &["ClientIP", "None"]);
    addresses(spec, problems);
    problems.one_of("spec.type", spec.get("type"), &["ClusterIP", "ExternalName", "LoadBalancer", "NodePort"]);
    problems.one_of("spec.internalTrafficPolicy", spec.get("internalTrafficPolicy"), &["Cluster", "Local"]);
    if let Some(policy) = spec.get("externalTrafficPolicy").filter(|policy| !policy.is_null()) {
        let external = kind == "NodePort" || kind == "LoadBalancer" || spec["externalIPs"].is_array();
        if external {
            problems.one_of("spec.externalTrafficPolicy", Some(policy), &["Cluster", "Local"]);
        } else {
            let rule = "may only be set for externally-accessible services";
            problems.invalid("spec.externalTrafficPolicy", policy, rule);
        }
    }
    let policies = ["PreferDualStack", "RequireDualStack", "SingleStack"];
    problems.one_of("spec.ipFamilyPolicy", spec.get("ipFamilyPolicy"), &policies);
}

fn ports(spec: &Value, kind: &str, problems: &mut Problems) {
    let several = spec["ports"].as_array().is_some_and(|ports| ports.len() > 1);
    let (mut seen_names, mut seen) = (Vec::new(), Vec::new());
    for (path, port) in items(spec, "ports", "spec") {
        let name = text(port, "name");
        if name.is_empty() {
            if several {
                problems.required(format!("{path}.name"), "");
            }
        } else {
            problems.complaints(&format!("{path}.name"), &port["name"], names::label(name));
            if seen_names.contains(&name) {
                problems.duplicate(format!("{path}.name"), &port["name"]);
            }
            seen_names.push(name);
        }
        number(&format!("{path}.port"), &port["port"], problems);
        problems.one_of(format!("{path}.protocol"), port.get("protocol"), &PROTOCOLS);
        port_reference(&format!("{path}.targetPort"), &port["targetPort"], problems);
        if port.get("nodePort").is_some() && !matches!(kind, "NodePort" | "LoadBalancer") {
            problems.forbidden(format!("{path}.nodePort"), &format!("may not be used when `type` is '{kind}'"));
        }
        let identity = (text(port, "protocol"), &port["port"]);
        if seen.contains(&identity) {
            let shown = format!(
                "Duplicate value: {{\"Name\":\"\",\"Protocol\":{},\"AppProtocol\":null,\"Port\":{},\"TargetPort\":0,\
                 \"NodePort\":0}}",
                json!(identity.0),
                identity.1
            );
            problems.add(path, Reason::Duplicate, shown);
        }
        seen.push(identity);
    }
}

/// A port by its number.
pub(super) fn number(path: &str, port: &Value, problems: &mut Problems) {
    if !port.as_i64().is_some_and(|port| (1..=65535).contains(&port)) {
        problems.invalid(path, port, names::PORT);
    }
}

/// A port by its number or name.
pub(super) fn port_reference(path: &str, port: &Value, problems: &mut Problems) {
    match port {
        Value::String(name) => problems.complaints(path, port, names::port_name(name)),
        _ => number(path, port, problems),
    }
}

fn addresses(spec: &Value, problems: &mut Problems) {
    for (path, address) in items(spec, "clusterIPs", "spec") {
        let text = address.as_str().unwrap_or_default();
        if text != "None" && !names::is_ip(text) {
            problems.invalid(path, address, names::IP);
        }
    }
    let (first, single) = (&spec["clusterIPs"][0], &spec["clusterIP"]);
    if first.is_string() && first != single {
        problems.invalid("spec.clusterIPs", &spec["clusterIPs"], "first value must match `clusterIP`");
    }
    for (path, address) in items(spec, "externalIPs", "spec") {
        if !names::is_ip(address.as_str().unwrap_or_default()) {
            problems.invalid(path, address, names::IP);
        }
    }
}
