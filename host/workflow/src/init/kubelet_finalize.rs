//! Phase `kubelet-finalize`: what has to wait until the kubelet has a cluster.

use kubephase_engine::Phase;
use kubephase_model::cluster::arg_value;
use kubephase_model::{File, layout};
use kubephase_render::kubeconfig::Kubeconfig;

use super::{Init, approve_serving};
use crate::error::PhaseError;

/// The phase.
pub fn phase() -> Phase<Init> {
    let rotation = Phase::run(
        "enable-client-cert-rotation",
        "Point kubelet.conf at the client certificate that the kubelet rotates",
        |cx: &mut Init| Box::pin(enable_rotation(cx)),
    );
    Phase::group(
        "kubelet-finalize",
        "Update the kubelet's settings once there is a cluster",
        vec![rotation, approve_serving::phase()],
    )
}

/// Only if the kubelet keeps such a certificate. It is not restarted, unlike by kubeadm: it already works with the
/// rotated certificate, and reads kubelet.conf only when it starts.
async fn enable_rotation(cx: &mut Init) -> Result<(), PhaseError> {
    let named = arg_value(&cx.cluster.node().kubelet_extra_args, "cert-dir").unwrap_or(layout::KUBELET_PKI_DIR);
    let current = format!("{}/kubelet-client-current.pem", named.trim_end_matches('/'));
    if !cx.node.exists(&current) {
        return Ok(());
    }
    let path = cx.kubeconfig_path("kubelet.conf");
    let Some(bytes) = cx.read(&path)? else { return Err(PhaseError::NoKubeconfig { path }) };
    let fail = |source| PhaseError::Kubeconfig { path: path.clone(), source };
    let mut kubeconfig = Kubeconfig::parse(&bytes).map_err(fail)?;
    kubeconfig.set_client_files(&current, &current).map_err(fail)?;
    let mode = cx.node.mode(&path).unwrap_or(0o600);
    cx.node.ensure(&File { mode, ..kubeconfig.to_file(&path) })?;
    Ok(())
}
