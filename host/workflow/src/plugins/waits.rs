//! What plugins wait for: an object to be as it should, a URL to answer, a socket to be listened on. Progress is told
//! whenever the state changes, and the last one is in the error.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use kubephase_engine::Level;
use kubephase_model::object::{API_SERVICE, DAEMON_SET, DEPLOYMENT, JOB, ObjectRef, POD, REPLICA_SET, STATEFUL_SET};
use kubephase_model::plugin::Wait;
use kubephase_node::http::Options;
use kubephase_node::kube::{Api, ApiError};
use serde_json::{Value, json};

use super::error::PluginError;
use super::site::Site;

/// Between two looks at what has no watch.
const INTERVAL: Duration = Duration::from_millis(500);
/// One answer must come within this.
const ANSWER: Duration = Duration::from_secs(5);

/// Waits, as `wait` says, unless nothing really happens here.
pub async fn wait(site: &Site, plugin: &str, wait: &Wait) -> Result<(), PluginError> {
    let mut limit = Duration::from_secs(wait.timeout_seconds.into());
    let condition = if wait.condition.is_empty() { String::new() } else { format!(" to be `{}`", wait.condition) };
    let told = format!("{}{condition}", wait.target);
    if site.node.is_dry_run() {
        site.notice(Level::Info, format!("plugin `{plugin}`: would wait for {told}, at most {} s", limit.as_secs()));
        return Ok(());
    }
    if !site.node.is_real() && wait.kind != "object" {
        site.notice(Level::Info, format!("plugin `{plugin}`: a rehearsal does not wait for {told}"));
        return Ok(());
    }
    if let Some(patience) = site.patience {
        limit = limit.min(patience);
    }
    site.progress(&wait.target, format!("waiting{condition}, at most {} s", limit.as_secs()));
    let begun = Instant::now();
    match wait.kind.as_str() {
        "object" => object(site, plugin, wait, limit).await?,
        "url" => url(site, plugin, &wait.target, limit).await?,
        "socket" => socket(site, plugin, &wait.target, limit).await?,
        other => return Err(PluginError::senseless(plugin, format!("a wait for `{other}`"))),
    }
    site.progress(&wait.target, format!("done after {:.1} s", begun.elapsed().as_secs_f64()));
    Ok(())
}

/// Whether pods must run before it comes true.
pub fn needs_pods(wait: &Wait) -> bool {
    if wait.kind != "object" || matches!(wait.condition.as_str(), "exists" | "gone") {
        return false;
    }
    let kind = wait.target.split(' ').nth(1).unwrap_or_default();
    wait.condition == "rolled-out"
        || [&POD, &DEPLOYMENT, &DAEMON_SET, &STATEFUL_SET, &REPLICA_SET, &JOB, &API_SERVICE]
            .iter()
            .any(|known| known.kind == kind)
}

/// Whether a condition is `True`.
pub fn condition(object: &Value, name: &str) -> bool {
    find(object, name).is_some_and(|condition| condition["status"] == "True")
}

fn find<'a>(object: &'a Value, name: &str) -> Option<&'a Value> {
    object["status"]["conditions"].as_array()?.iter().find(|condition| condition["type"] == name)
}

/// The object that a target names: `<apiVersion> <kind> [<namespace>/]<name>`.
async fn name(api: &Api, plugin: &str, target: &str) -> Result<ObjectRef, PluginError> {
    let parts: Vec<&str> = target.split(' ').collect();
    let [api_version, kind, name] = parts[..] else {
        let why = format!("a wait for `{target}`, which is not written as `<apiVersion> <kind> [<namespace>/]<name>`");
        return Err(PluginError::senseless(plugin, why));
    };
    let (namespace, name) = match name.split_once('/') {
        Some((namespace, name)) => (Some(namespace), name),
        None => (None, name),
    };
    let object = json!({
        "apiVersion": api_version, "kind": kind, "metadata": { "name": name, "namespace": namespace },
    });
    api.name(&object).await.map_err(PluginError::api(plugin))
}

/// Whether an object is as it should be; otherwise how it is.
type State = fn(&Value, &str) -> Result<(), String>;

async fn object(site: &Site, plugin: &str, wait: &Wait, limit: Duration) -> Result<(), PluginError> {
    let api = site.api(plugin)?;
    let name = name(api, plugin, &wait.target).await?;
    let (what, state_of): (String, State) = match wait.condition.as_str() {
        "exists" => (format!("{name} has not come to exist"), |_, _| Ok(())),
        "gone" => (format!("{name} is not gone"), |_, _| Err("it is still there".into())),
        "rolled-out" => (format!("{name} has not been rolled out"), |found, _| rolled_out(found)),
        "" => return Err(PluginError::senseless(plugin, format!("a wait for {name} without a condition"))),
        other => (format!("{name} has not become {other}"), |found, condition| has_condition(found, condition)),
    };
    let absent = if wait.condition == "gone" { Ok(()) } else { Err("it does not exist".to_owned()) };
    let last = Mutex::new(String::new());
    let ready =
        |found: Option<&Value>| match found.map_or_else(|| absent.clone(), |found| state_of(found, &wait.condition)) {
            Ok(()) => true,
            Err(state) => {
                let mut last = last.lock().unwrap_or_else(PoisonError::into_inner);
                if *last != state {
                    site.progress(&wait.target, state.clone());
                    *last = state;
                }
                false
            }
        };
    match api.wait(&name, &what, limit, ready).await {
        Ok(_) => Ok(()),
        Err(ApiError::Waited { what, waited, last: trouble }) => {
            let seen = last.into_inner().unwrap_or_else(PoisonError::into_inner);
            let last = match (seen.is_empty(), trouble) {
                (false, Some(trouble)) => format!("{seen}; {trouble}"),
                (false, None) => seen,
                (true, trouble) => trouble.unwrap_or_else(|| "nothing was seen of it".into()),
            };
            Err(PluginError::Waited { plugin: plugin.to_owned(), what, seconds: waited.as_secs(), last })
        }
        Err(error) => Err(PluginError::api(plugin)(error)),
    }
}

fn has_condition(found: &Value, name: &str) -> Result<(), String> {
    match find(found, name) {
        Some(condition) if condition["status"] == "True" => Ok(()),
        Some(condition) => Err(said(name, condition)),
        None => Err(format!("it has no condition `{name}` yet")),
    }
}

/// A condition in words.
fn said(name: &str, condition: &Value) -> String {
    let text = |key: &str| condition[key].as_str().unwrap_or_default();
    let why = [text("reason"), text("message")].into_iter().filter(|text| !text.is_empty()).collect::<Vec<_>>();
    let status = if text("status").is_empty() { "?" } else { text("status") };
    if why.is_empty() { format!("{name} is {status}") } else { format!("{name} is {status}: {}", why.join(": ")) }
}

/// Whether all pods of a workload are of its newest template and ready (kubectl's `rollout status`).
fn rolled_out(found: &Value) -> Result<(), String> {
    let number = |pointer: &str| found.pointer(pointer).and_then(Value::as_i64);
    let status = |field: &str| number(&format!("/status/{field}")).unwrap_or(0);
    if number("/status/observedGeneration").unwrap_or(0) < number("/metadata/generation").unwrap_or(0) {
        return Err("its controller has not looked at it yet".into());
    }
    let (wanted, updated, available) = match found["kind"].as_str().unwrap_or_default() {
        "DaemonSet" => (status("desiredNumberScheduled"), status("updatedNumberScheduled"), status("numberAvailable")),
        "StatefulSet" => (number("/spec/replicas").unwrap_or(1), status("updatedReplicas"), status("readyReplicas")),
        "Deployment" => {
            if let Some(stuck) = find(found, "Progressing").filter(|it| it["reason"] == "ProgressDeadlineExceeded") {
                return Err(said("Progressing", stuck));
            }
            let wanted = number("/spec/replicas").unwrap_or(1);
            let old = status("replicas") - status("updatedReplicas");
            if old > 0 {
                return Err(format!("{old} pods of an older template are there"));
            }
            (wanted, status("updatedReplicas"), status("availableReplicas"))
        }
        other => return Err(format!("a {other} is never rolled out: wait for a condition of it")),
    };
    if updated < wanted {
        return Err(format!("{updated} of {wanted} pods are of the newest template"));
    }
    if available < wanted {
        return Err(format!("{available} of {wanted} pods are ready"));
    }
    Ok(())
}

async fn url(site: &Site, plugin: &str, url: &str, limit: Duration) -> Result<(), PluginError> {
    // Where a redirect leads to was not granted.
    let options = Options { proxies: true, stay: true, ..Options::default() };
    let client = site.node.http(&options).map_err(|error| {
        let why = format!("a wait for {url}: {error}");
        PluginError::senseless(plugin, why)
    })?;
    let mut waiting = Waiting::new(site, url);
    loop {
        let heard = match client.get(url, ANSWER).await {
            Ok(answer) if (200..300).contains(&answer.status) => return Ok(()),
            Ok(answer) => format!("it answered {}", answer.status),
            Err(error) => error.reason().to_string(),
        };
        waiting.pause(plugin, heard, limit).await?;
    }
}

async fn socket(site: &Site, plugin: &str, path: &str, limit: Duration) -> Result<(), PluginError> {
    let mut waiting = Waiting::new(site, path);
    loop {
        let Err(error) = site.node.answers(path, ANSWER).await else { return Ok(()) };
        waiting.pause(plugin, error.to_string(), limit).await?;
    }
}

/// A wait for what has no watch.
struct Waiting<'a> {
    site: &'a Site,
    target: &'a str,
    begun: Instant,
    told: String,
}

impl<'a> Waiting<'a> {
    fn new(site: &'a Site, target: &'a str) -> Self {
        Self { site, target, begun: Instant::now(), told: String::new() }
    }

    /// Pauses before the next look. Fails if there is no time for one.
    async fn pause(&mut self, plugin: &str, last: String, limit: Duration) -> Result<(), PluginError> {
        if self.begun.elapsed() + INTERVAL >= limit {
            let what = format!("{} has not answered", self.target);
            return Err(PluginError::Waited { plugin: plugin.to_owned(), what, seconds: limit.as_secs(), last });
        }
        if last != self.told {
            self.site.progress(self.target, last.clone());
            self.told = last;
        }
        tokio::time::sleep(INTERVAL).await;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rollout_is_done_when_every_pod_is_new_and_ready() {
        let deployment = |status: Value| {
            json!({
                "kind": "Deployment", "metadata": { "generation": 2 }, "spec": { "replicas": 3 }, "status": status,
            })
        };
        let state = |object: Value| rolled_out(&object).err().unwrap_or_default();
        assert_eq!(state(deployment(json!({ "observedGeneration": 1 }))), "its controller has not looked at it yet");
        let with = |replicas: i64, updated: i64, available: i64| {
            state(deployment(json!({
                "observedGeneration": 2, "replicas": replicas, "updatedReplicas": updated, "availableReplicas": available,
            })))
        };
        assert_eq!(with(4, 3, 3), "1 pods of an older template are there");
        assert_eq!(with(2, 2, 2), "2 of 3 pods are of the newest template");
        assert_eq!(with(3, 3, 1), "1 of 3 pods are ready");
        assert_eq!(with(3, 3, 3), "");
        let stuck = json!({ "observedGeneration": 2, "conditions": [{
            "type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded", "message": "it has timed out",
        }] });
        assert_eq!(state(deployment(stuck)), "Progressing is False: ProgressDeadlineExceeded: it has timed out");
        let set = json!({ "kind": "DaemonSet", "status": {
            "desiredNumberScheduled": 2, "updatedNumberScheduled": 2, "numberAvailable": 1,
        } });
        assert_eq!(state(set), "1 of 2 pods are ready");
    }

    #[test]
    fn only_waits_for_pods_need_pods() {
        let wait = |target: &str, condition: &str| {
            let (kind, timeout_seconds) = ("object".to_owned(), 1);
            needs_pods(&Wait { kind, target: target.into(), condition: condition.into(), timeout_seconds })
        };
        assert!(wait("apps/v1 DaemonSet kube-flannel/x", "rolled-out"));
        assert!(
            wait("apps/v1 Deployment a/x", "Available") && wait("apiregistration.k8s.io/v1 APIService x", "Available")
        );
        assert!(!wait("apps/v1 DaemonSet kube-flannel/x", "exists"));
        assert!(!wait("apiextensions.k8s.io/v1 CustomResourceDefinition x", "Established"));
    }
}
