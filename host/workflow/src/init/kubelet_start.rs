//! Phase `kubelet-start`: the kubelet's files, and its (re)start. kubeadm stops the kubelet first; here it keeps running
//! until its files are in place, each of them atomically, and is restarted only if one of them changed or it is not
//! running.

use kubephase_engine::{Level, Phase};
use kubephase_model::{File, component};
use kubephase_node::{ChangeKind, ServiceError};
use kubephase_render::kubelet::{self, Role};

use super::Init;
use crate::error::PhaseError;

/// The phase.
pub fn phase() -> Phase<Init> {
    Phase::run("kubelet-start", "Write the kubelet's configuration and (re)start the kubelet", |cx: &mut Init| {
        Box::pin(run(cx))
    })
}

async fn run(cx: &mut Init) -> Result<(), PhaseError> {
    let config = kubelet::config(&cx.cluster, &cx.patches)?;
    for origin in &config.applied {
        cx.notice(Level::Info, format!("applied {origin} to the kubelet's configuration"));
    }
    for problem in config.problems.into_iter().map(component::problem) {
        cx.notice(Level::Warning, format!("KubeletConfiguration after patches: {problem}"));
    }
    let changes = cx.node.ensure_all(&files(cx)?)?;
    let changed = changes.iter().any(|change| change.kind != ChangeKind::Unchanged);
    // The kubelet reads them as soon as it starts.
    cx.node.settle()?;
    restart(cx, changed).await;
    Ok(())
}

/// What the kubelet reads.
pub fn files(cx: &Init) -> Result<Vec<File>, PhaseError> {
    let mut files = vec![kubelet::flags_env(&cx.cluster, Role::ControlPlane)];
    files.extend(kubelet::instance_config(&cx.cluster));
    files.push(kubelet::config(&cx.cluster, &cx.patches)?.file);
    Ok(files)
}

/// Restarts the kubelet, unless nothing has changed and it runs.
pub async fn restart_if(cx: &Init, changed: bool) -> Result<(), ServiceError> {
    let service = cx.node.service("kubelet");
    if !changed && !cx.node.is_dry_run() && service.active().await.unwrap_or(false) {
        return Ok(());
    }
    service.restart().await
}

/// A kubelet that cannot be started is only told here, as by kubeadm: `wait-control-plane` finds out why.
async fn restart(cx: &Init, changed: bool) {
    let service = cx.node.service("kubelet");
    if service.init_system().is_none() && !cx.node.is_dry_run() {
        cx.notice(Level::Warning, "no supported init system (systemd, OpenRC): start the kubelet yourself");
        return;
    }
    if let Err(error) = restart_if(cx, changed).await {
        let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}")).unwrap_or_default();
        cx.notice(Level::Warning, format!("{error}{cause}; {}", error.hint()));
    }
}
