//! Phase `mark-control-plane`: this node's labels and taints.

use kubephase_engine::{Level, Phase};
use kubephase_model::object::{NODE, ObjectRef};
use kubephase_node::kube::Api;
use kubephase_render::objects::node;
use serde_json::Value;

use super::Init;
use crate::error::PhaseError;

/// The kubelet sets it when it registers: the sign that the Node is not somebody's draft.
const HOSTNAME_LABEL: &str = "/metadata/labels/kubernetes.io~1hostname";

/// The phase.
pub fn phase() -> Phase<Init> {
    Phase::run("mark-control-plane", "Mark this node as a control plane by labels and taints", |cx: &mut Init| {
        Box::pin(run(cx))
    })
}

async fn run(cx: &mut Init) -> Result<(), PhaseError> {
    let api = cx.api().await?;
    let marks = node::marks(&cx.cluster);
    let name = ObjectRef::new(&NODE, None, cx.cluster.node_name_for_kubelet());
    registered(cx, &api).await?;
    let marked = api.mutate(&name, &|found: &mut Value| node::mark(found, &marks)).await?;
    if marked.is_none() && cx.node.is_dry_run() {
        let taints: Vec<&str> = marks.taints.iter().filter_map(|taint| taint["key"].as_str()).collect();
        let (labels, taints) = (marks.labels.join(", "), taints.join(", "));
        cx.notice(Level::Info, format!("would mark {name} with the labels {labels} and the taints {taints}"));
    }
    Ok(())
}

/// Waits until the kubelet has registered this node.
pub(super) async fn registered(cx: &Init, api: &Api) -> Result<(), PhaseError> {
    let name = ObjectRef::new(&NODE, None, cx.cluster.node_name_for_kubelet());
    let what = format!("the kubelet has not registered {name}");
    let is_there = |node: Option<&Value>| node.is_some_and(|node| node.pointer(HOSTNAME_LABEL).is_some());
    let limit = cx.cluster.deadlines().kubernetes_api;
    if !cx.node.is_dry_run() && !is_there(api.get(&name).await?.as_ref()) {
        let message = format!("waiting for the kubelet to register it, at most {} s", limit.as_secs());
        cx.progress(&name.to_string(), message);
    }
    api.wait(&name, &what, limit, is_there).await?;
    Ok(())
}
