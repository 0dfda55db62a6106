//! Deployments, ReplicaSets, DaemonSets, StatefulSets, Jobs and the pods that they make: as far as statuses must come true for those who
//! wait. Pods run as soon as they are made; nothing runs in them.

mod others;
mod pod;

pub use others::{jobs, stateful_sets};
use serde_json::{Value, json};

use super::snapshot::{is_going, number, selects, text};
use super::{View, Wish};
use crate::clock::stamp;
use crate::kinds::{DAEMON_SET, DEPLOYMENT, NODE, POD, REPLICA_SET};
use crate::machine::digest;

/// Makes a ReplicaSet of each Deployment's template, takes those of older templates down, and counts.
pub fn deployments(view: &View<'_>) -> Vec<Wish> {
    let mut wishes = Vec::new();
    for deployment in view.objects.of(&DEPLOYMENT).filter(|deployment| !is_going(deployment)) {
        let hash = template_hash(deployment);
        let replicas = number(deployment, "/spec/replicas").unwrap_or(1);
        let mut sets: Vec<&Value> = view.objects.owned(&REPLICA_SET, deployment).collect();
        sets.sort_by_key(|set| revision(set));
        let current = sets.iter().find(|set| set["metadata"]["labels"]["pod-template-hash"] == hash.as_str());
        let newest = sets.last().map_or(0, |set| revision(set));
        let at = match current {
            None => {
                wishes.push(Wish::Create(replica_set(deployment, &hash, replicas, newest + 1)));
                newest + 1
            }
            Some(set) => {
                if number(set, "/spec/replicas") != Some(replicas) {
                    wishes.push(scaled(set, replicas));
                }
                revision(set)
            }
        };
        let done = |set: &Value| number(set, "/status/availableReplicas").unwrap_or(0) >= replicas;
        let old = sets
            .iter()
            .filter(|set| current.is_none_or(|current| current["metadata"]["uid"] != set["metadata"]["uid"]));
        if current.is_some_and(|set| done(set)) {
            wishes.extend(old.clone().filter(|set| number(set, "/spec/replicas") != Some(0)).map(|set| scaled(set, 0)));
        }
        let count = |field: &str, sets: &mut dyn Iterator<Item = &Value>| -> i64 {
            sets.map(|set| number(set, &format!("/status/{field}")).unwrap_or(0)).sum()
        };
        let available = count("availableReplicas", &mut sets.iter().copied());
        let total = count("replicas", &mut sets.iter().copied());
        let updated = current.and_then(|set| number(set, "/status/replicas")).unwrap_or(0);
        let mut wanted = deployment.clone();
        wanted["metadata"]["annotations"]["deployment.kubernetes.io/revision"] = json!(at.to_string());
        let complete = updated == replicas && total == replicas && available == replicas;
        let conditions = [
            (
                "Available",
                available >= replicas,
                "MinimumReplicasAvailable",
                "MinimumReplicasUnavailable",
                "Deployment has minimum availability.",
                "Deployment does not have minimum availability.",
            ),
            (
                "Progressing",
                true,
                if complete { "NewReplicaSetAvailable" } else { "ReplicaSetUpdated" },
                "",
                if complete {
                    "The new ReplicaSet has successfully progressed."
                } else {
                    "The ReplicaSet is progressing."
                },
                "",
            ),
        ];
        let conditions = conditions.map(|(kind, is, yes, no, good, bad)| {
            (kind, is, if is { yes } else { no }.to_owned(), if is { good } else { bad }.to_owned())
        });
        let mut status = json!({
            "observedGeneration": deployment["metadata"]["generation"],
            "conditions": merged(view, deployment, &conditions),
        });
        counts(
            &mut status,
            &[
                ("replicas", total),
                ("updatedReplicas", updated),
                ("readyReplicas", available),
                ("availableReplicas", available),
                ("unavailableReplicas", (replicas - available).max(0)),
            ],
        );
        wanted["status"] = status;
        if wanted != *deployment {
            wishes.push(Wish::Update(wanted));
        }
    }
    wishes
}

/// Makes as many pods as are wanted, removes the others, and counts.
pub fn replica_sets(view: &View<'_>) -> Vec<Wish> {
    let mut wishes = Vec::new();
    for set in view.objects.of(&REPLICA_SET).filter(|set| !is_going(set)) {
        let wanted = usize::try_from(number(set, "/spec/replicas").unwrap_or(1)).unwrap_or(0);
        let pods: Vec<&Value> = view.objects.owned(&POD, set).filter(|pod| !is_going(pod)).collect();
        wishes.extend((pods.len()..wanted).map(|_| Wish::Create(pod::of_template(set, None))));
        wishes.extend(pods.iter().skip(wanted).map(|pod| Wish::Delete((*pod).clone())));
        let ready = i64::try_from(pods.iter().filter(|pod| pod::is_ready(pod)).count()).unwrap_or(0);
        let mut status = json!({ "observedGeneration": set["metadata"]["generation"], "replicas": pods.len() });
        let all = i64::try_from(pods.len()).unwrap_or(0);
        counts(&mut status, &[("fullyLabeledReplicas", all), ("readyReplicas", ready), ("availableReplicas", ready)]);
        wishes.extend(with_status(set, status));
    }
    wishes
}

/// One pod on every node that the template's tolerations and node selector allow.
pub fn daemon_sets(view: &View<'_>) -> Vec<Wish> {
    let mut wishes = Vec::new();
    for set in view.objects.of(&DAEMON_SET).filter(|set| !is_going(set)) {
        let hash = template_hash(set);
        let template = &set["spec"]["template"]["spec"];
        let nodes: Vec<&Value> = view.objects.of(&NODE).filter(|node| pod::fits(template, node)).collect();
        let pods: Vec<&Value> = view.objects.owned(&POD, set).filter(|pod| !is_going(pod)).collect();
        let on = |node: &Value| {
            let name = text(node, "/metadata/name").to_owned();
            pods.iter().copied().find(move |pod| text(pod, "/spec/nodeName") == name)
        };
        for node in &nodes {
            match on(node) {
                None => {
                    let mut pod = pod::of_template(set, Some(text(node, "/metadata/name")));
                    pod["metadata"]["labels"]["controller-revision-hash"] = json!(hash);
                    pod["metadata"]["labels"]["pod-template-generation"] =
                        json!(number(set, "/metadata/generation").unwrap_or(1).to_string());
                    wishes.push(Wish::Create(pod));
                }
                Some(pod) if pod["metadata"]["labels"]["controller-revision-hash"] != hash.as_str() => {
                    wishes.push(Wish::Delete(pod.clone()));
                }
                Some(_) => {}
            }
        }
        let count = |wanted: &dyn Fn(&Value) -> bool| {
            nodes.iter().filter_map(|node| on(node)).filter(|pod| wanted(pod)).count()
        };
        let current = count(&|_| true);
        let ready = count(&|pod| pod::is_ready(pod));
        let updated = count(&|pod| pod["metadata"]["labels"]["controller-revision-hash"] == hash.as_str());
        let mut status = json!({
            "observedGeneration": set["metadata"]["generation"],
            "currentNumberScheduled": current,
            "desiredNumberScheduled": nodes.len(),
            "numberMisscheduled": 0,
            "numberReady": ready,
        });
        let number = |count: usize| i64::try_from(count).unwrap_or(0);
        counts(
            &mut status,
            &[
                ("numberAvailable", number(ready)),
                ("updatedNumberScheduled", number(updated)),
                ("numberUnavailable", number(nodes.len().saturating_sub(ready))),
            ],
        );
        wishes.extend(with_status(set, status));
    }
    wishes
}

/// Puts pods on nodes, as the scheduler would, and has them run, as the kubelet would.
pub fn pods(view: &View<'_>) -> Vec<Wish> {
    let nodes: Vec<&Value> = view.objects.of(&NODE).collect();
    let mut wishes = Vec::new();
    for (index, pod) in view.objects.of(&POD).enumerate().filter(|(_, pod)| !is_going(pod)) {
        if pod["status"]["phase"] == "Running"
            || pod["metadata"]["annotations"].get("kubernetes.io/config.mirror").is_some()
        {
            continue;
        }
        let name = text(pod, "/spec/nodeName");
        let node = nodes.iter().find(|node| match name {
            "" => pod::fits(&pod["spec"], node),
            name => text(node, "/metadata/name") == name,
        });
        let mut wanted = pod.clone();
        match node {
            Some(node) => pod::run(&mut wanted, node, index, &stamp(view.now)),
            None => pod::cannot_be_placed(&mut wanted, nodes.len(), &stamp(view.now)),
        }
        if wanted != *pod {
            wishes.push(Wish::Update(wanted));
        }
    }
    wishes
}

/// The label that tells templates apart: the real one is another hash, of the same shape.
fn template_hash(owner: &Value) -> String {
    digest(&owner["spec"]["template"].to_string()).chars().take(10).collect()
}

fn revision(set: &Value) -> i64 {
    text(set, "/metadata/annotations/deployment.kubernetes.io~1revision").parse().unwrap_or(0)
}

fn replica_set(deployment: &Value, hash: &str, replicas: i64, revision: i64) -> Value {
    let mut template = deployment["spec"]["template"].clone();
    template["metadata"]["labels"]["pod-template-hash"] = json!(hash);
    let mut selector = deployment["spec"]["selector"].clone();
    selector["matchLabels"]["pod-template-hash"] = json!(hash);
    let name = text(deployment, "/metadata/name");
    json!({
        "apiVersion": "apps/v1",
        "kind": "ReplicaSet",
        "metadata": {
            "name": format!("{name}-{hash}"),
            "namespace": deployment["metadata"]["namespace"],
            "labels": template["metadata"]["labels"],
            "annotations": {
                "deployment.kubernetes.io/desired-replicas": replicas.to_string(),
                "deployment.kubernetes.io/max-replicas": (replicas + (replicas + 3) / 4).to_string(),
                "deployment.kubernetes.io/revision": revision.to_string(),
            },
            "ownerReferences": [pod::owner(deployment)],
        },
        "spec": { "replicas": replicas, "selector": selector, "template": template },
    })
}

fn scaled(set: &Value, replicas: i64) -> Wish {
    let mut set = set.clone();
    set["spec"]["replicas"] = json!(replicas);
    Wish::Update(set)
}

/// Counters that are zero are not written.
fn counts(status: &mut Value, counters: &[(&str, i64)]) {
    for (name, count) in counters.iter().filter(|(_, count)| *count != 0) {
        status[*name] = json!(count);
    }
}

fn with_status(object: &Value, status: Value) -> Option<Wish> {
    (object["status"] != status).then(|| {
        let mut object = object.clone();
        object["status"] = status;
        Wish::Update(object)
    })
}

/// Conditions keep their times as long as they stay what they are.
fn merged(view: &View<'_>, object: &Value, conditions: &[(&str, bool, String, String)]) -> Value {
    let now = stamp(view.now);
    let old = object["status"]["conditions"].as_array();
    conditions
        .iter()
        .map(|(kind, is, reason, message)| {
            let status = if *is { "True" } else { "False" };
            let known = old.into_iter().flatten().find(|condition| condition["type"] == *kind);
            if let Some(known) = known.filter(|known| known["status"] == status && known["reason"] == reason.as_str()) {
                return known.clone();
            }
            let since = known
                .filter(|known| known["status"] == status)
                .map_or(json!(now), |known| known["lastTransitionTime"].clone());
            json!({
                "type": kind, "status": status, "reason": reason, "message": message,
                "lastUpdateTime": now, "lastTransitionTime": since,
            })
        })
        .collect()
}

/// Pods that a Service leads to.
pub fn behind<'a>(view: &View<'a>, service: &Value) -> Vec<&'a Value> {
    let selector = json!({ "matchLabels": service["spec"]["selector"] });
    let pods = view.objects.inside(&POD, text(service, "/metadata/namespace"));
    pods.filter(|pod| selects(&selector, &pod["metadata"]["labels"]) && !text(pod, "/status/podIP").is_empty())
        .collect()
}
