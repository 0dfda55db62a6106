//! Pods leave a node that answers: nothing new is put there, and what runs is evicted as its PodDisruptionBudgets allow.

use std::time::Duration;

use kubephase_engine::Level;
use kubephase_model::object::{NODE, ObjectRef, POD};
use kubephase_node::kube::{Api, Select};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::{Options, RemoveError};
use crate::kubelet::is_ready;

const INTERVAL: Duration = Duration::from_secs(1);
/// A budget that does not allow an eviction now is asked again by us: the call itself is not repeated for long.
const CALL: Duration = Duration::from_secs(3);

/// Drains it, as long as it answers: one that dies may say for a while that all is well. With `force`, what stays is told
/// and no failure.
pub async fn drain(api: &Api, options: &Options, tell: &(dyn Fn(Level, String) + Sync)) -> Result<(), RemoveError> {
    let name = options.name.as_str();
    let cordon = |node: &mut Value| node["spec"]["unschedulable"] = true.into();
    let object = ObjectRef::new(&NODE, None, name);
    api.mutate(&object, &cordon).await?;
    let eviction = eviction_api(&api.version().await?);
    let begun = Instant::now();
    let mut told = 0;
    loop {
        let mut stay = Vec::new();
        for pod in pods(api, name).await? {
            if let Some(why) = evict(api, &pod, eviction).await? {
                stay.push(why);
            }
        }
        if stay.is_empty() {
            return Ok(());
        }
        if !api.get(&object).await?.as_ref().is_some_and(is_ready) {
            let message = format!("{name} does not answer any more: {} Pods are not waited for", stay.len());
            tell(Level::Info, message);
            return Ok(());
        }
        if begun.elapsed() >= options.drain {
            let error = RemoveError::Stays { node: name.to_owned(), pods: stay, waited: options.drain };
            if !options.force {
                return Err(error);
            }
            tell(Level::Warning, format!("{error}; going on by request"));
            return Ok(());
        }
        if stay.len() != told {
            told = stay.len();
            tell(Level::Info, format!("waiting for {told} Pods to leave {name}"));
        }
        tokio::time::sleep(INTERVAL).await;
    }
}

/// Pods that are to leave: not those of DaemonSets, which would come again, nor static ones, nor those that have ended.
async fn pods(api: &Api, node: &str) -> Result<Vec<Value>, RemoveError> {
    let fields = format!("spec.nodeName={node}");
    let all = api.list(&POD, None, Select { labels: "", fields: &fields }).await?;
    Ok(all.into_iter().filter(|pod| leaves(pod, node)).collect())
}

fn leaves(pod: &Value, node: &str) -> bool {
    let of_daemon_set = pod
        .pointer("/metadata/ownerReferences")
        .and_then(Value::as_array)
        .is_some_and(|owners| owners.iter().any(|owner| owner["kind"] == "DaemonSet"));
    let is_static = pod.pointer("/metadata/annotations/kubernetes.io~1config.mirror").is_some();
    let phase = pod.pointer("/status/phase").and_then(Value::as_str).unwrap_or_default();
    // Not every server knows that field.
    let is_there = pod.pointer("/spec/nodeName").is_some_and(|name| name == node);
    is_there && !of_daemon_set && !is_static && !matches!(phase, "Succeeded" | "Failed")
}

/// Which version of an Eviction a server takes, by what it says of itself: v1 is there since v1.22, and servers before
/// refuse it.
fn eviction_api(version: &Value) -> &'static str {
    // Some distributions write `20+`.
    let minor = version["minor"].as_str().and_then(|minor| minor.trim_end_matches('+').parse::<u32>().ok());
    if version["major"] == "1" && minor.is_some_and(|minor| minor < 22) { "policy/v1beta1" } else { "policy/v1" }
}

/// Why it is still there; `None` for a dry run, which takes it for gone.
async fn evict(api: &Api, pod: &Value, version: &str) -> Result<Option<String>, RemoveError> {
    let text = |pointer: &str| pod.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
    let (namespace, name) = (text("/metadata/namespace"), text("/metadata/name"));
    if pod.pointer("/metadata/deletionTimestamp").is_some() {
        return Ok(Some(format!("{namespace}/{name} (is ending)")));
    }
    let object = ObjectRef::new(&POD, Some(&namespace), &name);
    let eviction = json!({
        "apiVersion": version, "kind": "Eviction", "metadata": { "name": name, "namespace": namespace }
    });
    match api.within(CALL).create_subresource(&object, "eviction", &eviction).await {
        Ok(()) if api.is_dry_run() => Ok(None),
        Ok(()) => Ok(Some(format!("{namespace}/{name} (is ending)"))),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Ok(Some(format!("{namespace}/{name} ({error})"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_would_not_come_back_by_itself_leaves() {
        let pod = |more: Value| {
            let mut pod = json!({"metadata": {"name": "a"}, "spec": {"nodeName": "n"}, "status": {"phase": "Running"}});
            json_patch(&mut pod, more);
            leaves(&pod, "n")
        };
        assert!(pod(json!({})));
        assert!(!pod(json!({"spec": {"nodeName": "another"}})));
        assert!(!pod(json!({"metadata": {"ownerReferences": [{"kind": "DaemonSet"}]}})));
        assert!(pod(json!({"metadata": {"ownerReferences": [{"kind": "ReplicaSet"}]}})));
        assert!(!pod(json!({"metadata": {"annotations": {"kubernetes.io/config.mirror": "x"}}})));
        assert!(!pod(json!({"status": {"phase": "Succeeded"}})));
    }

    #[test]
    fn old_servers_know_only_the_old_eviction() {
        for (minor, wanted) in
            [("20", "policy/v1beta1"), ("21+", "policy/v1beta1"), ("22", "policy/v1"), ("36", "policy/v1")]
        {
            assert_eq!(eviction_api(&json!({"major": "1", "minor": minor})), wanted, "{minor}");
        }
        assert_eq!(eviction_api(&json!({})), "policy/v1");
    }

    fn json_patch(into: &mut Value, more: Value) {
        match more {
            Value::Object(more) => more.into_iter().for_each(|(name, value)| json_patch(&mut into[name], value)),
            other => *into = other,
        }
    }
}
