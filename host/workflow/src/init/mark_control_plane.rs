//! Phase `mark-control-plane`: this node's labels and taints.

use kubephase_engine::Phase;

use super::Init;
use crate::control_plane::mark;

/// The phase.
pub fn phase() -> Phase<Init> {
    Phase::run("mark-control-plane", "Mark this node as a control plane by labels and taints", |cx: &mut Init| {
        Box::pin(mark::run(cx))
    })
}
