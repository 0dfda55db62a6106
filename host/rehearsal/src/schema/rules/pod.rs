//! Rules of a Pod's spec, alone or in a template.

use serde_json::{Value, json};

use super::service::number;
use super::{Problems, items, meta, names, probe, text, volume};

pub(super) fn check(spec: &Value, path: &str, problems: &mut Problems) {
    let volumes = volume::check(spec, path, problems);
    if spec["containers"].as_array().is_none_or(Vec::is_empty) {
        problems.required(format!("{path}.containers"), "");
    }
    let mut seen = Vec::new();
    for list in ["containers", "initContainers"] {
        let mut host_ports = Vec::new();
        for (path, container) in items(spec, list, path) {
            let name = text(container, "name");
            if name.is_empty() {
                problems.required(format!("{path}.name"), "");
            } else {
                problems.complaints(&format!("{path}.name"), &container["name"], names::label(name));
                if seen.contains(&name) {
                    problems.duplicate(format!("{path}.name"), &container["name"]);
                }
                seen.push(name);
            }
            self::container(container, &path, spec, &volumes, problems);
            check_host_ports(container, &path, &mut host_ports, problems);
        }
    }
    problems.one_of(format!("{path}.restartPolicy"), spec.get("restartPolicy"), &["Always", "OnFailure", "Never"]);
    let policies = ["ClusterFirstWithHostNet", "ClusterFirst", "Default", "None"];
    problems.one_of(format!("{path}.dnsPolicy"), spec.get("dnsPolicy"), &policies);
    meta::labels(spec.get("nodeSelector"), &format!("{path}.nodeSelector"), problems);
    for field in ["serviceAccountName", "nodeName", "priorityClassName"] {
        let name = text(spec, field);
        if !name.is_empty() {
            problems.complaints(&format!("{path}.{field}"), &spec[field], names::subdomain(name));
        }
    }
    tolerations(spec, path, problems);
}

fn container(container: &Value, path: &str, spec: &Value, volumes: &[&str], problems: &mut Problems) {
    let image = text(container, "image");
    if image.is_empty() {
        problems.required(format!("{path}.image"), "");
    }
    let policies = ["Always", "IfNotPresent", "Never"];
    ports(container, path, spec["hostNetwork"] == true, problems);
    variables(container, path, problems);
    volume::check_mounts(container, path, volumes, problems);
    problems.one_of(format!("{path}.imagePullPolicy"), container.get("imagePullPolicy"), &policies);
    resources(&container["resources"], path, problems);
    probe::check(container, path, problems);
    let security = &container["securityContext"];
    for field in ["runAsUser", "runAsGroup"] {
        if let Some(id) =
            security.get(field).filter(|id| id.as_i64().is_some_and(|id| !(0..=0x7fff_ffff).contains(&id)))
        {
            let rule = "must be between 0 and 2147483647, inclusive";
            problems.invalid(format!("{path}.securityContext.{field}"), id, rule);
        }
    }
}

fn ports(container: &Value, path: &str, host_network: bool, problems: &mut Problems) {
    let mut seen = Vec::new();
    for (path, port) in items(container, "ports", path) {
        let name = text(port, "name");
        if !name.is_empty() {
            problems.complaints(&format!("{path}.name"), &port["name"], names::port_name(name));
            if seen.contains(&name) {
                problems.duplicate(format!("{path}.name"), &port["name"]);
            }
            seen.push(name);
        }
        if port["containerPort"] == json!(0) {
            problems.required(format!("{path}.containerPort"), "");
        } else {
            number(&format!("{path}.containerPort"), &port["containerPort"], problems);
        }
        if let Some(host) = port.get("hostPort") {
            number(&format!("{path}.hostPort"), host, problems);
            if host_network && host != &port["containerPort"] {
                let rule = "must match `containerPort` when `hostNetwork` is true";
                problems.invalid(format!("{path}.hostPort"), host, rule);
            }
        }
        problems.one_of(format!("{path}.protocol"), port.get("protocol"), &["SCTP", "TCP", "UDP"]);
    }
}

fn check_host_ports(container: &Value, path: &str, seen: &mut Vec<String>, problems: &mut Problems) {
    for (path, port) in items(container, "ports", path) {
        let Some(number) = port["hostPort"].as_i64().filter(|number| *number != 0) else { continue };
        let identity = format!("{}/{}/{number}", text(port, "protocol"), text(port, "hostIP"));
        if seen.contains(&identity) {
            problems.duplicate(format!("{path}.hostPort"), &json!(identity));
        }
        seen.push(identity);
    }
}

fn variables(container: &Value, path: &str, problems: &mut Problems) {
    const SOURCES: [&str; 5] = ["fieldRef", "resourceFieldRef", "configMapKeyRef", "secretKeyRef", "fileKeyRef"];
    for (path, variable) in items(container, "env", path) {
        match text(variable, "name") {
            "" => problems.required(format!("{path}.name"), ""),
            name => problems.complaints(&format!("{path}.name"), &variable["name"], names::variable(name)),
        }
        let Some(from) = variable.get("valueFrom").filter(|from| from.is_object()) else { continue };
        let path = format!("{path}.valueFrom");
        let sources = SOURCES.iter().filter(|source| from.get(**source).is_some()).count();
        if sources == 0 {
            let rule = "must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or \
                        `fileKeyRef`";
            problems.invalid(&path, &json!(""), rule);
        } else if !text(variable, "value").is_empty() {
            problems.invalid(&path, &json!(""), "may not be specified when `value` is not empty");
        } else if sources > 1 {
            problems.invalid(&path, &json!(""), "may not have more than one field specified at a time");
        }
        for source in ["configMapKeyRef", "secretKeyRef"] {
            if from.get(source).is_some_and(|source| text(source, "key").is_empty()) {
                problems.required(format!("{path}.{source}.key"), "");
            }
        }
    }
}

fn resources(resources: &Value, path: &str, problems: &mut Problems) {
    const STANDARD: [&str; 3] = ["cpu", "memory", "ephemeral-storage"];
    for list in ["limits", "requests"] {
        for (name, amount) in resources.get(list).and_then(Value::as_object).into_iter().flatten() {
            let path = format!("{path}.resources.{list}[{name}]");
            let known = STANDARD.contains(&name.as_str()) || name.starts_with("hugepages-") || name.contains('/');
            if !known {
                problems.invalid(&path, &json!(name), "must be a standard resource type or fully qualified");
                problems.invalid(&path, &json!(name), "must be a standard resource for containers");
            }
            if amount.as_str().is_some_and(|amount| amount.starts_with('-')) {
                problems.invalid(&path, amount, "must be greater than or equal to 0");
            }
        }
    }
}

fn tolerations(spec: &Value, path: &str, problems: &mut Problems) {
    for (path, toleration) in items(spec, "tolerations", path) {
        let (key, operator) = (text(toleration, "key"), text(toleration, "operator"));
        if !key.is_empty() {
            problems.complaints(&format!("{path}.key"), &toleration["key"], names::qualified(key));
        } else if operator != "Exists" {
            let rule = "operator must be Exists when `key` is empty, which means \"match all values and all keys\"";
            problems.invalid(format!("{path}.operator"), &json!(operator), rule);
        }
        match operator {
            "Exists" if !text(toleration, "value").is_empty() => {
                let rule = "value must be empty when `operator` is 'Exists'";
                problems.invalid(format!("{path}.operator"), &toleration["value"], rule);
            }
            "" | "Exists" | "Equal" => {}
            _ => problems.unsupported(format!("{path}.operator"), &toleration["operator"], &["Equal", "Exists"]),
        }
        let effects = ["NoSchedule", "PreferNoSchedule", "NoExecute"];
        problems.one_of(format!("{path}.effect"), toleration.get("effect"), &effects);
    }
}
