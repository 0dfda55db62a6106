//! Rules of what runs Pods: Deployments, DaemonSets, StatefulSets and ReplicaSets.

use serde_json::{Value, json};

use super::{Problems, items, meta, names, pod, text};
use crate::kinds::Kind;

pub(super) fn check(kind: &Kind, object: &Value, problems: &mut Problems) {
    let spec = &object["spec"];
    if kind.kind == "ControllerRevision" {
        problems.not_negative("revision", object.get("revision"));
        return;
    }
    problems.not_negative("spec.replicas", spec.get("replicas"));
    selector(kind, &spec["selector"], problems);
    let template = &spec["template"];
    let labels = &template["metadata"]["labels"];
    if is_broken(&spec["selector"]) {
        problems.invalid("spec.selector", &spec["selector"], "invalid label selector");
    } else if (spec["selector"].is_null() || !is_empty(&spec["selector"])) && !matches(&spec["selector"], labels) {
        let path = "spec.template.metadata.labels";
        problems.invalid(path, labels, "`selector` does not match template `labels`");
    }
    meta::labels(template["metadata"].get("labels"), "spec.template.labels", problems);
    pod::check(&template["spec"], "spec.template.spec", problems);
    if !matches!(text(&template["spec"], "restartPolicy"), "" | "Always") {
        let path = "spec.template.spec.restartPolicy";
        problems.unsupported(path, &template["spec"]["restartPolicy"], &["Always"]);
    }
    match kind.kind {
        "Deployment" => deployment(spec, problems),
        "DaemonSet" => daemon_set(spec, problems),
        _ => {}
    }
    problems.not_negative("spec.minReadySeconds", spec.get("minReadySeconds"));
    problems.not_negative("spec.revisionHistoryLimit", spec.get("revisionHistoryLimit"));
}

fn is_empty(selector: &Value) -> bool {
    selector.as_object().is_none_or(serde_json::Map::is_empty)
}

fn selector(kind: &Kind, selector: &Value, problems: &mut Problems) {
    if selector.is_null() {
        if kind.kind != "DaemonSet" {
            problems.required("spec.selector", "");
        }
        return;
    }
    if is_empty(selector) {
        let rule = format!("empty selector is invalid for {}", kind.kind.to_lowercase());
        problems.invalid("spec.selector", selector, &rule);
    }
    meta::labels(selector.get("matchLabels"), "spec.selector.matchLabels", problems);
    for (path, term) in items(selector, "matchExpressions", "spec.selector") {
        let values = term["values"].as_array().is_some_and(|values| !values.is_empty());
        match text(term, "operator") {
            "In" | "NotIn" if !values => {
                let rule = "must be specified when `operator` is 'In' or 'NotIn'";
                problems.required(format!("{path}.values"), rule);
            }
            "Exists" | "DoesNotExist" if values => {
                let rule = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'";
                problems.forbidden(format!("{path}.values"), rule);
            }
            "In" | "NotIn" | "Exists" | "DoesNotExist" => {}
            _ => problems.invalid(format!("{path}.operator"), &term["operator"], "not a valid selector operator"),
        }
        problems.complaints(&format!("{path}.key"), &term["key"], names::qualified(text(term, "key")));
    }
}

fn is_broken(selector: &Value) -> bool {
    selector["matchExpressions"].as_array().into_iter().flatten().any(|term| {
        let values = term["values"].as_array().is_some_and(|values| !values.is_empty());
        match text(term, "operator") {
            "In" | "NotIn" => !values,
            "Exists" | "DoesNotExist" => values,
            _ => true,
        }
    })
}

/// Whether a selector takes in objects with these labels.
fn matches(selector: &Value, labels: &Value) -> bool {
    let exact = selector["matchLabels"].as_object().into_iter().flatten();
    let mut terms = selector["matchExpressions"].as_array().into_iter().flatten();
    !is_empty(selector)
        && exact.into_iter().all(|(key, value)| labels.get(key) == Some(value))
        && terms.all(|term| {
            let value = labels.get(text(term, "key"));
            let listed = || value.is_some_and(|value| term["values"].as_array().is_some_and(|all| all.contains(value)));
            match text(term, "operator") {
                "In" => listed(),
                "NotIn" => !listed(),
                "Exists" => value.is_some(),
                _ => value.is_none(),
            }
        })
}

fn strategy(spec: &Value, field: &str, kinds: &[&str], problems: &mut Problems) {
    let strategy = &spec[field];
    let kind = text(strategy, "type");
    if !kinds.contains(&kind) {
        // Go shows the whole of it.
        let shown = format!("{{\"Type\":{},\"RollingUpdate\":null}}", json!(kind));
        let supported: Vec<String> = kinds.iter().map(|kind| format!("{kind:?}")).collect();
        let message = format!("Unsupported value: {shown}: supported values: {}", supported.join(", "));
        problems.add(format!("spec.{field}"), crate::schema::Reason::NotSupported, message);
    }
}

fn deployment(spec: &Value, problems: &mut Problems) {
    let path = "spec.strategy.rollingUpdate";
    let rolling = &spec["strategy"]["rollingUpdate"];
    strategy(spec, "strategy", &["Recreate", "RollingUpdate"], problems);
    match text(&spec["strategy"], "type") {
        "Recreate" if rolling.is_object() => {
            problems.forbidden(path, "may not be specified when strategy `type` is 'Recreate'");
        }
        "RollingUpdate" => {
            amount(&format!("{path}.maxUnavailable"), &rolling["maxUnavailable"], problems);
            amount(&format!("{path}.maxSurge"), &rolling["maxSurge"], problems);
            if is_zero(&rolling["maxUnavailable"]) && is_zero(&rolling["maxSurge"]) {
                let rule = "may not be 0 when `maxSurge` is 0";
                problems.invalid(format!("{path}.maxUnavailable"), &rolling["maxUnavailable"], rule);
            }
            if percent(&rolling["maxUnavailable"]).is_some_and(|percent| percent > 100) {
                let rule = "must not be greater than 100%";
                problems.invalid(format!("{path}.maxUnavailable"), &rolling["maxUnavailable"], rule);
            }
        }
        _ => {}
    }
    let deadline = &spec["progressDeadlineSeconds"];
    problems.not_negative("spec.progressDeadlineSeconds", Some(deadline));
    if deadline.as_i64().is_some_and(|seconds| seconds <= spec["minReadySeconds"].as_i64().unwrap_or_default()) {
        problems.invalid("spec.progressDeadlineSeconds", deadline, "must be greater than minReadySeconds");
    }
}

fn daemon_set(spec: &Value, problems: &mut Problems) {
    strategy(spec, "updateStrategy", &["RollingUpdate", "OnDelete"], problems);
    let path = "spec.updateStrategy.rollingUpdate";
    let rolling = &spec["updateStrategy"]["rollingUpdate"];
    if !rolling.is_object() || text(&spec["updateStrategy"], "type") != "RollingUpdate" {
        return;
    }
    amount(&format!("{path}.maxUnavailable"), &rolling["maxUnavailable"], problems);
    amount(&format!("{path}.maxSurge"), &rolling["maxSurge"], problems);
    match (is_zero(&rolling["maxUnavailable"]), is_zero(&rolling["maxSurge"])) {
        (true, true) => problems.required(format!("{path}.maxUnavailable"), "cannot be 0 when maxSurge is 0"),
        (false, false) => {
            let rule = "may not be set when maxUnavailable is non-zero";
            problems.invalid(format!("{path}.maxSurge"), &rolling["maxSurge"], rule);
        }
        _ => {}
    }
}

/// A count, or a share such as `25%`.
fn amount(path: &str, value: &Value, problems: &mut Problems) {
    problems.not_negative(path, Some(value));
    if value.is_string() && percent(value).is_none() {
        let rule = "a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', \
                    regex used for validation is '[0-9]+%')";
        problems.invalid(path, value, rule);
    }
}

fn percent(value: &Value) -> Option<u64> {
    value.as_str()?.strip_suffix('%')?.parse().ok()
}

fn is_zero(value: &Value) -> bool {
    *value == json!(0) || percent(value) == Some(0)
}
