//! Rules of Nodes, and of the Leases by which they say that they live.

use serde_json::{Value, json};

use super::{Problems, items, names, text};

const EFFECTS: [&str; 3] = ["NoSchedule", "PreferNoSchedule", "NoExecute"];

pub(super) fn check(object: &Value, problems: &mut Problems) {
    let mut seen = Vec::new();
    for (path, taint) in items(&object["spec"], "taints", "metadata") {
        problems.complaints(&format!("{path}.key"), &taint["key"], names::qualified(text(taint, "key")));
        problems.complaints(&format!("{path}.value"), &taint["value"], names::label_value(text(taint, "value")));
        match text(taint, "effect") {
            "" => problems.required(format!("{path}.effect"), ""),
            _ => problems.one_of(format!("{path}.effect"), taint.get("effect"), &EFFECTS),
        }
        let identity = (text(taint, "key"), text(taint, "effect"));
        if seen.contains(&identity) {
            let shown = format!(
                "{{\"Key\":{},\"Value\":{},\"Effect\":{},\"TimeAdded\":null}}: taints must be unique by key and effect pair",
                json!(identity.0),
                json!(text(taint, "value")),
                json!(identity.1)
            );
            problems.add(path, crate::schema::Reason::Duplicate, format!("Duplicate value: {shown}"));
        }
        seen.push(identity);
    }
    for (path, network) in items(&object["spec"], "podCIDRs", "spec") {
        if !names::is_cidr(network.as_str().unwrap_or_default()) {
            problems.invalid(path, network, "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)");
        }
    }
}

pub(super) fn check_lease(object: &Value, problems: &mut Problems) {
    let spec = &object["spec"];
    if let Some(seconds) = spec.get("leaseDurationSeconds").filter(|seconds| seconds.as_i64().is_some_and(|s| s <= 0)) {
        problems.invalid("spec.leaseDurationSeconds", seconds, "must be greater than 0");
    }
    problems.not_negative("spec.leaseTransitions", spec.get("leaseTransitions"));
}
