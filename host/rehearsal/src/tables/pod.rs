//! What a pod's status comes to in one word, and how many of its containers are ready.

use serde_json::Value;

use super::Row;

fn statuses<'a>(row: &'a Row<'_>, field: &str) -> Vec<&'a Value> {
    row.at("status")[field].as_array().into_iter().flatten().collect()
}

fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value[field].as_str().unwrap_or_default()
}

fn is_set(value: &Value) -> bool {
    !value.is_null()
}

/// `1/2`.
pub(super) fn ready(row: &Row<'_>) -> String {
    let all = row.list("spec.containers").count();
    let ready = statuses(row, "containerStatuses")
        .into_iter()
        .filter(|container| container["ready"] == true && is_set(&container["state"]["running"]))
        .count();
    format!("{ready}/{all}")
}

pub(super) fn restarts(row: &Row<'_>) -> String {
    let restarts = |status: &Value| status["restartCount"].as_u64().unwrap_or(0);
    statuses(row, "containerStatuses").into_iter().map(restarts).sum::<u64>().to_string()
}

/// What it waits for, why it ended, or its phase.
pub(super) fn status(row: &Row<'_>) -> String {
    let phase = row.text("status.phase");
    if is_set(row.at("metadata.deletionTimestamp")) && !matches!(phase, "Succeeded" | "Failed") {
        return "Terminating".to_owned();
    }
    let mut told = match row.text("status.reason") {
        "" => phase.to_owned(),
        reason => reason.to_owned(),
    };
    let initial = row.list("spec.initContainers").count();
    for (at, container) in statuses(row, "initContainerStatuses").into_iter().enumerate() {
        let state = &container["state"];
        let (ended, waiting) = (&state["terminated"], text(&state["waiting"], "reason"));
        if is_set(ended) && ended["exitCode"] == 0 {
            continue;
        }
        return match (text(ended, "reason"), waiting) {
            ("", "" | "PodInitializing") if is_set(ended) => format!("Init:ExitCode:{}", ended["exitCode"]),
            ("", "" | "PodInitializing") => format!("Init:{at}/{initial}"),
            ("", waiting) => format!("Init:{waiting}"),
            (reason, _) => format!("Init:{reason}"),
        };
    }
    for container in statuses(row, "containerStatuses").into_iter().rev() {
        let state = &container["state"];
        let (ended, waiting) = (&state["terminated"], text(&state["waiting"], "reason"));
        if !waiting.is_empty() {
            told = waiting.to_owned();
        } else if is_set(ended) {
            told = match text(ended, "reason") {
                "" => format!("ExitCode:{}", ended["exitCode"]),
                reason => reason.to_owned(),
            };
        }
    }
    told
}
