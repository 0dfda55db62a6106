//! `join`: a machine becomes a node of a cluster that exists. This file is the table of contents; its order is the order
//! of execution.

pub mod cluster_config;
mod context;
mod control_plane;
pub mod discovery;
mod error;
mod etcd;
mod kubelet_start;
mod preflight;
mod prepare;
pub mod readiness;
mod wait_bootstrap;

pub use context::{Join, Met, meet};
pub use error::JoinError;

pub use crate::work::Options;

use kubephase_engine::Workflow;
use kubephase_model::plugin::order::{Cycle, order};
use kubephase_model::plugin::{Kind, Plugin};

use crate::work::guests;

/// The phases of `join`.
pub fn workflow() -> Workflow<Join> {
    Workflow {
        name: "join",
        phases: vec![
            preflight::phase(),
            prepare::phase(),
            etcd::check_phase(),
            kubelet_start::phase(),
            etcd::join_phase(),
            wait_bootstrap::phase(),
            control_plane::join_phase(),
            control_plane::wait_phase(),
        ],
    }
}

/// The phases of `join` with plugins among them that are phases. What addons bring is the cluster's, and there already;
/// a neighbour in the order that only `init` has counts for nothing.
pub fn workflow_with(plugins: &[Plugin]) -> Result<Workflow<Join>, Cycle> {
    let mut workflow = workflow();
    let phases: Vec<Plugin> = plugins.iter().filter(|plugin| plugin.is(Kind::Phase)).cloned().collect();
    let order = order(&phases, &workflow.paths())?;
    guests::place(&mut workflow.phases, &phases, &order.steps);
    Ok(workflow)
}

/// Phases that ask no plugin.
const OURS_ALONE: [&str; 8] = [
    "control-plane-prepare/download-certs",
    "control-plane-prepare/certs",
    "control-plane-prepare/kubeconfig",
    "check-etcd",
    "kubelet-wait-bootstrap",
    "control-plane-join",
    "control-plane-join/mark-control-plane",
    "wait-control-plane",
];

/// Whether a phase asks plugins.
pub fn has_plugins(path: &str) -> bool {
    !OURS_ALONE.contains(&path)
}

/// Why a phase is nothing for this node, if it is a worker.
fn only_control_plane(cx: &Join) -> Option<String> {
    (!cx.is_control_plane()).then(|| "this node becomes a worker".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phases_that_ask_no_plugin_are_there() {
        let paths = workflow().paths();
        assert!(OURS_ALONE.iter().all(|path| paths.iter().any(|known| known == path)));
        assert!(
            ["preflight", "control-plane-prepare", "kubelet-start", etcd::JOIN, "hello"].into_iter().all(has_plugins)
        );
    }

    #[test]
    fn the_tree_is_kubeadms() {
        assert_eq!(
            workflow().paths(),
            [
                "preflight",
                "control-plane-prepare",
                "control-plane-prepare/download-certs",
                "control-plane-prepare/certs",
                "control-plane-prepare/kubeconfig",
                "control-plane-prepare/control-plane",
                "check-etcd",
                "kubelet-start",
                "etcd-join",
                "kubelet-wait-bootstrap",
                "control-plane-join",
                "control-plane-join/mark-control-plane",
                "wait-control-plane",
            ]
        );
    }
}
