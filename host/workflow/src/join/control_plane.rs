//! Phases `control-plane-join` and `wait-control-plane`: the node shows what it is, and its control plane is well.

use kubephase_engine::Phase;

use super::{Join, only_control_plane};
use crate::control_plane::{healthy, mark};

/// The phase that marks it.
pub fn join_phase() -> Phase<Join> {
    let mark =
        Phase::run("mark-control-plane", "Mark this node as a control plane by labels and taints", |cx: &mut Join| {
            Box::pin(mark::run(cx))
        })
        .unless(only_control_plane);
    Phase::group("control-plane-join", "Join the control plane", vec![mark])
}

/// The phase that waits.
pub fn wait_phase() -> Phase<Join> {
    Phase::run("wait-control-plane", "Wait for this node's control plane to become healthy", |cx: &mut Join| {
        Box::pin(healthy::components(cx))
    })
    .unless(|cx| only_control_plane(cx).or_else(|| cx.options.plan.then(|| "a plan waits for nothing".into())))
}
