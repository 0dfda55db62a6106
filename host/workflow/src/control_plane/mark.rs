//! This node's labels and taints as a control-plane node.

use kubephase_engine::Level;
use kubephase_model::object::{NODE, ObjectRef};
use kubephase_node::kube::Api;
use kubephase_render::objects::node;
use serde_json::Value;

use crate::error::PhaseError;
use crate::work::Work;

/// The kubelet sets it when it registers: the sign that the Node is not somebody's draft.
const HOSTNAME_LABEL: &str = "/metadata/labels/kubernetes.io~1hostname";

/// Marks it, once the kubelet has registered it.
pub async fn run(cx: &mut Work) -> Result<(), PhaseError> {
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
pub async fn registered(cx: &Work, api: &Api) -> Result<(), PhaseError> {
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
