//! StatefulSets and Jobs: as far as statuses must come true for those who wait.

use serde_json::{Value, json};

use super::super::snapshot::{is_going, number, text};
use super::super::{View, Wish};
use super::{counts, merged, pod, template_hash, with_status};
use crate::clock::stamp;
use crate::kinds::{JOB, POD, STATEFUL_SET};

/// Makes the pods of StatefulSets, all at once, those of older templates anew, and counts.
pub fn stateful_sets(view: &View<'_>) -> Vec<Wish> {
    const REVISION: &str = "controller-revision-hash";

    let mut wishes = Vec::new();
    for set in view.objects.of(&STATEFUL_SET).filter(|set| !is_going(set)) {
        let name = text(set, "/metadata/name");
        let revision = format!("{name}-{}", template_hash(set));
        let replicas = number(set, "/spec/replicas").unwrap_or(1);
        let pods: Vec<&Value> = view.objects.owned(&POD, set).filter(|pod| !is_going(pod)).collect();
        let named = |wanted: &str| pods.iter().copied().find(|pod| text(pod, "/metadata/name") == wanted);
        let wanted: Vec<String> = (0..replicas).map(|number| format!("{name}-{number}")).collect();
        for pod_name in &wanted {
            match named(pod_name) {
                None => {
                    let mut pod = pod::of_template(set, None);
                    if let Some(metadata) = pod["metadata"].as_object_mut() {
                        metadata.remove("generateName");
                        metadata.insert("name".into(), json!(pod_name));
                    }
                    pod["metadata"]["labels"][REVISION] = json!(revision);
                    pod["metadata"]["labels"]["statefulset.kubernetes.io/pod-name"] = json!(pod_name);
                    wishes.push(Wish::Create(pod));
                }
                Some(pod) if pod["metadata"]["labels"][REVISION] != revision.as_str() => {
                    wishes.push(Wish::Delete(pod.clone()));
                }
                Some(_) => {}
            }
        }
        let extra = pods.iter().filter(|pod| !wanted.iter().any(|name| text(pod, "/metadata/name") == name));
        wishes.extend(extra.map(|pod| Wish::Delete((*pod).clone())));
        let count = |is: &dyn Fn(&Value) -> bool| {
            i64::try_from(wanted.iter().filter_map(|name| named(name)).filter(|pod| is(pod)).count()).unwrap_or(0)
        };
        let is_new = |pod: &Value| pod["metadata"]["labels"][REVISION] == revision.as_str();
        let ready = count(&|pod| pod::is_ready(pod));
        let mut status = json!({
            "observedGeneration": set["metadata"]["generation"],
            "replicas": count(&|_| true),
            "availableReplicas": ready,
            "collisionCount": 0,
            "currentRevision": revision,
            "updateRevision": revision,
        });
        let updated = count(&is_new);
        counts(&mut status, &[("readyReplicas", ready), ("updatedReplicas", updated), ("currentReplicas", updated)]);
        wishes.extend(with_status(set, status));
    }
    wishes
}

/// Has Jobs be done as soon as they are there: nothing runs in pods, so nothing is made for them.
pub fn jobs(view: &View<'_>) -> Vec<Wish> {
    let jobs = view.objects.of(&JOB).filter(|job| !is_going(job) && job["spec"]["suspend"] != true);
    let done = |job: &Value| {
        job["status"]["conditions"]
            .as_array()
            .into_iter()
            .flatten()
            .any(|condition| condition["type"] == "Complete" && condition["status"] == "True")
    };
    jobs.filter(|job| !done(job))
        .map(|job| {
            let now = stamp(view.now);
            let said = "Reached expected number of succeeded pods";
            let condition = |kind: &'static str| (kind, true, "CompletionsReached".to_owned(), said.to_owned());
            let mut conditions = merged(view, job, &[condition("SuccessCriteriaMet"), condition("Complete")]);
            for condition in conditions.as_array_mut().into_iter().flatten() {
                if let Some(condition) = condition.as_object_mut() {
                    condition.remove("lastUpdateTime");
                    condition.insert("lastProbeTime".into(), json!(now));
                }
            }
            let mut job = job.clone();
            job["status"] = json!({
                "conditions": conditions,
                "startTime": now,
                "completionTime": now,
                "succeeded": number(&job, "/spec/completions").unwrap_or(1),
                "ready": 0,
                "terminating": 0,
                "uncountedTerminatedPods": {},
            });
            Wish::Update(job)
        })
        .collect()
}
