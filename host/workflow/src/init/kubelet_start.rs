//! Phase `kubelet-start`: the kubelet's files, and its (re)start.

use kubephase_engine::Phase;
use kubephase_render::kubelet::Role;

use super::Init;
use crate::kubelet;

/// The phase.
pub fn phase() -> Phase<Init> {
    Phase::run("kubelet-start", "Write the kubelet's configuration and (re)start the kubelet", |cx: &mut Init| {
        Box::pin(kubelet::start(cx, Role::ControlPlane, false))
    })
}
