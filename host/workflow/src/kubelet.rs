//! The kubelet's files, and its (re)start. kubeadm stops the kubelet first; here it keeps running
//! until its files are in place, each of them atomically, and is restarted only if one of them changed or it is not
//! running.

use kubephase_engine::Level;
use kubephase_model::{File, component, layout};
use kubephase_node::{ChangeKind, Node, ServiceError};
use kubephase_pki::Cert;
use kubephase_render::kubeconfig::{Kubeconfig, Material};
use kubephase_render::kubelet::{self, KubeletConfig, Role};
use kubephase_render::patch::KUBELET_CONFIGURATION;
use serde_json::Value;

use crate::error::PhaseError;
use crate::plugins::Mutated;
use crate::work::Work;

/// Whether a Node's kubelet has lately said that all is well.
pub(crate) fn is_ready(node: &Value) -> bool {
    let conditions = node.pointer("/status/conditions").and_then(Value::as_array);
    conditions.into_iter().flatten().any(|condition| condition["type"] == "Ready" && condition["status"] == "True")
}

/// What the cluster calls this node: its kubelet's certificate says so.
pub(crate) fn own_name(node: &Node) -> Option<String> {
    let path = format!("{}/{}", layout::KUBERNETES_DIR, kubephase_pki::KUBELET.file);
    let file = Kubeconfig::parse(&node.read(&path).ok()??).ok()?;
    let pem = match file.client_certificate().ok()?? {
        Material::Inline(pem) => pem,
        Material::Path(file) => node.read(&file).ok()??,
    };
    let cert = Cert::from_pem(&path, &pem).ok()?;
    cert.common_name.strip_prefix("system:node:").map(str::to_owned)
}

/// The kubelet's service.
pub const SERVICE: &str = "kubelet";

/// Writes its files, and has it read them. `also_changed` says that something else did that it reads when it starts.
pub async fn start(cx: &mut Work, role: Role, also_changed: bool) -> Result<(), PhaseError> {
    let prepared = prepare(cx, role).await?;
    cx.tell_and_settle(TARGET, &prepared.mutated).await?;
    let config = prepared.config;
    for origin in &config.applied {
        cx.notice(Level::Info, format!("applied {origin} to the kubelet's configuration"));
    }
    for problem in config.problems.into_iter().map(component::problem) {
        cx.notice(Level::Warning, format!("KubeletConfiguration after patches: {problem}"));
    }
    let changes = cx.node.ensure_all(&prepared.files)?;
    let changed = also_changed || changes.iter().any(|change| change.kind != ChangeKind::Unchanged);
    announce(cx, changed).await;
    // The kubelet reads them as soon as it starts.
    cx.put_in_place()?;
    restart(cx, changed).await;
    Ok(())
}

/// What mutators and patches call the document.
const TARGET: &str = KUBELET_CONFIGURATION.name;

/// What the kubelet reads, and how it came about.
pub struct Prepared {
    /// Its files, in the order of writing.
    pub files: Vec<File>,
    /// What mutators want beside them.
    pub mutated: Mutated,
    config: KubeletConfig,
}

/// Puts together what the kubelet reads. Writes nothing.
pub async fn prepare(cx: &mut Work, role: Role) -> Result<Prepared, PhaseError> {
    let mutated = cx.guests.mutated(TARGET, kubelet::with_resolv_conf(&cx.cluster)).await?;
    let config = kubelet::finished(&cx.cluster, &cx.patches, mutated.document.clone())?;
    let mut files = vec![kubelet::flags_env(&cx.cluster, role)];
    files.extend(kubelet::instance_config(&cx.cluster));
    files.push(config.file.clone());
    Ok(Prepared { files, mutated, config })
}

/// Has the journal know that the kubelet is about to be started, if it is. To be called before the journal is written
/// for the last time before that: who goes on after a kill must know that what the kubelet has made meanwhile is ours.
pub async fn announce(cx: &mut Work, changed: bool) {
    let service = cx.node.service(SERVICE);
    if cx.node.is_dry_run() || service.init_system().is_none() {
        return;
    }
    let is_active = service.active().await.unwrap_or(false);
    if changed || !is_active {
        cx.remember_service(SERVICE, is_active);
    }
}

/// Restarts the kubelet, unless nothing has changed and it runs.
pub async fn restart_if(cx: &mut Work, changed: bool) -> Result<(), ServiceError> {
    let service = cx.node.service(SERVICE);
    if cx.node.is_dry_run() || service.init_system().is_none() {
        return service.restart().await;
    }
    let is_active = service.active().await.unwrap_or(false);
    if !changed && is_active {
        return Ok(());
    }
    cx.remember_service(SERVICE, is_active);
    service.restart().await
}

/// A kubelet that cannot be started is only told here, as by kubeadm: `wait-control-plane` finds out why.
async fn restart(cx: &mut Work, changed: bool) {
    let service = cx.node.service(SERVICE);
    if service.init_system().is_none() && !cx.node.is_dry_run() {
        cx.notice(Level::Warning, "no supported init system (systemd, OpenRC): start the kubelet yourself");
        return;
    }
    if let Err(error) = restart_if(cx, changed).await {
        let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}")).unwrap_or_default();
        cx.notice(Level::Warning, format!("{error}{cause}; {}", error.hint()));
    }
}
