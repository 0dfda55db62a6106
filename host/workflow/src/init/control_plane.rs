//! Phase `control-plane`: the static pods of the API server, the controller manager and the scheduler.

use kubephase_engine::Phase;
use kubephase_render::static_pod::{KUBE_APISERVER, KUBE_CONTROLLER_MANAGER, KUBE_SCHEDULER};

use super::Init;
use super::manifests::component;

/// The phase.
pub fn phase() -> Phase<Init> {
    Phase::group(
        "control-plane",
        "Generate all static Pod manifests of the control plane",
        vec![
            component(&KUBE_APISERVER, "Generate the static Pod manifest of kube-apiserver"),
            component(&KUBE_CONTROLLER_MANAGER, "Generate the static Pod manifest of kube-controller-manager"),
            component(&KUBE_SCHEDULER, "Generate the static Pod manifest of kube-scheduler"),
        ],
    )
}
