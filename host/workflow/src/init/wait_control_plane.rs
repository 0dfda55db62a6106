//! Phase `wait-control-plane`: the kubelet, then the API server, the controller manager and the scheduler.

use kubephase_engine::Phase;

use super::Init;
use crate::control_plane::healthy;

/// The phase.
pub fn phase() -> Phase<Init> {
    Phase::run("wait-control-plane", "Wait for the kubelet and the control plane to become healthy", |cx: &mut Init| {
        Box::pin(healthy::run(cx))
    })
    .unless(|cx| cx.options.plan.then(|| "a plan waits for nothing".into()))
}
