//! Defaults of what runs Pods: Deployments, DaemonSets, StatefulSets, ReplicaSets, Jobs and CronJobs.

use serde_json::{Value, json};

use super::{Object, child, empty, is_empty, text, unset};

const MAX_INT: i64 = i32::MAX as i64;

pub(super) fn set(ty: &str, object: &mut Object) {
    match ty {
        "DeploymentSpec" => {
            unset(
                object,
                [("replicas", 1.into()), ("revisionHistoryLimit", 10.into()), ("progressDeadlineSeconds", 600.into())],
            );
            rolling(object, "strategy", &[("maxUnavailable", json!("25%")), ("maxSurge", json!("25%"))]);
        }
        // The version of the template was a field once and is an annotation now.
        "DaemonSet" => {
            if let Some(annotations) = child(object, "metadata").and_then(|metadata| child(metadata, "annotations")) {
                unset(annotations, [("deprecated.daemonset.template.generation", "1".into())]);
            }
        }
        "DaemonSetSpec" => {
            unset(object, [("revisionHistoryLimit", 10.into())]);
            rolling(object, "updateStrategy", &[("maxUnavailable", json!(1)), ("maxSurge", json!(0))]);
        }
        "StatefulSetSpec" => stateful_set(object),
        "ReplicaSetSpec" => unset(object, [("replicas", 1.into())]),
        "Job" => {
            let labels = object.get("spec").and_then(|spec| spec.pointer("/template/metadata/labels")).cloned();
            if let (Some(labels), Some(metadata)) = (labels, child(object, "metadata")) {
                empty(metadata, [("labels", labels)]);
            }
            if let Some(spec) = child(object, "spec") {
                job(spec);
            }
        }
        "CronJobSpec" => {
            empty(object, [("concurrencyPolicy", "Allow".into())]);
            unset(
                object,
                [
                    ("suspend", false.into()),
                    ("successfulJobsHistoryLimit", 3.into()),
                    ("failedJobsHistoryLimit", 1.into()),
                ],
            );
        }
        "PodFailurePolicyOnPodConditionsPattern" => empty(object, [("status", "True".into())]),
        _ => {}
    }
}

/// A strategy that rolls unless it says otherwise.
fn rolling(spec: &mut Object, field: &str, parameters: &[(&str, Value)]) {
    let Some(strategy) = child(spec, field) else { return };
    empty(strategy, [("type", "RollingUpdate".into())]);
    if text(strategy, "type") == "RollingUpdate"
        && let Some(rolling) = child(strategy, "rollingUpdate")
    {
        for (name, value) in parameters {
            rolling.entry(*name).or_insert_with(|| value.clone());
        }
    }
}

fn stateful_set(spec: &mut Object) {
    empty(spec, [("podManagementPolicy", "OrderedReady".into())]);
    unset(spec, [("replicas", 1.into()), ("revisionHistoryLimit", 10.into())]);
    if let Some(strategy) = child(spec, "updateStrategy") {
        if is_empty(strategy.get("type")) {
            strategy.insert("type".to_owned(), "RollingUpdate".into());
            unset(strategy, [("rollingUpdate", json!({}))]);
        }
        if text(strategy, "type") == "RollingUpdate"
            && let Some(Value::Object(rolling)) = strategy.get_mut("rollingUpdate")
        {
            unset(rolling, [("partition", 0.into())]);
        }
    }
    if let Some(retention) = child(spec, "persistentVolumeClaimRetentionPolicy") {
        empty(retention, [("whenDeleted", "Retain".into()), ("whenScaled", "Retain".into())]);
    }
    let claims = spec.get_mut("volumeClaimTemplates").and_then(Value::as_array_mut);
    for claim in claims.into_iter().flatten().filter_map(Value::as_object_mut) {
        empty(claim, [("apiVersion", "v1".into()), ("kind", "PersistentVolumeClaim".into())]);
    }
}

fn job(spec: &mut Object) {
    if !spec.contains_key("parallelism") {
        unset(spec, [("completions", 1.into())]);
    }
    let limit = if spec.contains_key("backoffLimitPerIndex") { MAX_INT } else { 6 };
    let replacement = if spec.contains_key("podFailurePolicy") { "Failed" } else { "TerminatingOrFailed" };
    unset(
        spec,
        [
            ("parallelism", 1.into()),
            ("backoffLimit", limit.into()),
            ("completionMode", "NonIndexed".into()),
            ("suspend", false.into()),
            ("podReplacementPolicy", replacement.into()),
            ("manualSelector", false.into()),
        ],
    );
}
