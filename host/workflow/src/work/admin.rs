//! The administrator's client. From 1.29 on, admin.conf belongs to a group that has no rights until a binding gives it
//! some, which only super-admin.conf may make (kubeadm's `EnsureAdminClusterRoleBinding`).

use std::sync::Arc;

use kubephase_engine::{Event, Level};
use kubephase_node::kube::{Api, ApiError};
use kubephase_render::objects::cluster_admins;
use serde_json::Value;

use super::Work;
use crate::cluster;
use crate::error::PhaseError;

pub async fn connect(cx: &Work) -> Result<Api, PhaseError> {
    let deadline = cx.cluster.deadlines().kubernetes_api;
    let own = cx.kubeconfig_path("admin.conf");
    if let Some(named) = cx.options.kubeconfig.as_deref().filter(|named| *named != own) {
        return Ok(patient(cx, &cluster::connect(&cx.node, named)?.within(deadline)));
    }
    // This node's own API server, or the one by which it joins: the common endpoint may lead to one that is not there yet.
    let local = cx.cluster.local_api_url();
    let server = cx.server.as_deref().unwrap_or(&local);
    let api = patient(cx, &cluster::connect_to(&cx.node, &own, Some(server))?.within(deadline));
    if let (Some(binding), false) = (cluster_admins::binding(&cx.cluster).filter(|_| cx.founds), cx.node.is_dry_run()) {
        grant(cx, &api, &local, &binding).await?;
    }
    Ok(api)
}

/// Tells what it waits for; in a dry run there may be no cluster yet.
fn patient(cx: &Work, api: &Api) -> Api {
    let sink = cx.options.sink.clone();
    let told = move |error: &ApiError| {
        let message = format!("asking again: {error}");
        sink(Event::Notice { path: String::new(), level: Level::Info, message });
    };
    api.maybe_absent().on_wait(Arc::new(told))
}

async fn grant(cx: &Work, admin: &Api, local: &str, binding: &Value) -> Result<(), PhaseError> {
    let path = cx.kubeconfig_path("super-admin.conf");
    let has_super_admin = cx.node.exists(&path);
    // Without that file a refusal can only be hoped to pass: a server that has just started knows no rights yet.
    let admin = if has_super_admin { admin.credulous() } else { admin.clone() };
    match admin.create_or_retain(binding).await {
        Ok(_) => return Ok(()),
        Err(error) if !error.is_forbidden() => return Err(error.into()),
        Err(source) if !has_super_admin => return Err(PhaseError::NoSuperAdmin { path, source }),
        Err(_) => {}
    }
    let all_powerful = cluster::connect_to(&cx.node, &path, Some(local))?.within(cx.cluster.deadlines().kubernetes_api);
    all_powerful.create_or_retain(binding).await?;
    Ok(())
}
