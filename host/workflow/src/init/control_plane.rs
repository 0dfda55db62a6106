//! Phase `control-plane`: the static pods of the API server, the controller manager and the scheduler.

use kubephase_engine::Phase;
use kubephase_render::static_pod::{Component, KUBE_APISERVER, KUBE_CONTROLLER_MANAGER, KUBE_SCHEDULER, PodContext};

use super::Init;
use crate::control_plane::manifests;

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

fn component(component: &'static Component, about: &'static str) -> Phase<Init> {
    Phase::run(component.phase, about, move |cx: &mut Init| {
        Box::pin(manifests::write(cx, component, PodContext::default()))
    })
}
