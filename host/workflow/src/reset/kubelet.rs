//! The kubelet stops first: it would start again what is stopped.

use kubephase_engine::Level;

use super::Reset;

const SERVICE: &str = "kubelet";

/// Stops the service. What does not work is told and no failure, as with kubeadm.
pub async fn stop(cx: &Reset) {
    let service = cx.node.service(SERVICE);
    if service.init_system().is_none() && !cx.node.is_dry_run() {
        let message = "neither systemd nor OpenRC is here: stop the kubelet yourself, if it runs, and run this again";
        return cx.notice(Level::Warning, message);
    }
    // Without the package there is nothing to stop.
    if !cx.node.is_dry_run() && !service.exists().await.unwrap_or(true) {
        return;
    }
    if let Err(error) = service.stop().await {
        let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}")).unwrap_or_default();
        cx.notice(Level::Warning, format!("{error}{cause}; make sure that it does not run"));
    }
}
