//! `reset`: takes this node out of its cluster, and takes back what was made on it. What the journal knows is replayed
//! backwards; a node without one is cleaned as kubeadm would. Nothing is deleted through a mount, and what is somebody
//! else's stays and is told. This file is the table of contents; its order is the order of execution.

mod cleanup;
mod cni;
mod context;
mod etcd;
mod files;
mod firewall;
mod ipvs;
mod kubelet;
mod leftovers;
mod mounts;
mod network;
mod preflight;
mod sandboxes;

pub use context::{Known, Options, Reset};

use kubephase_engine::{Phase, Workflow};

/// The phases of `reset`.
pub fn workflow() -> Workflow<Reset> {
    Workflow {
        name: "reset",
        phases: vec![
            aliased(preflight::phase(), &["pre-flight"]),
            etcd::phase(),
            aliased(cleanup::phase(), &["cleanupnode"]),
        ],
    }
}

/// Whether a phase talks to the container runtime, whose socket is then looked for.
pub fn uses_cri_socket(only: Option<&str>) -> bool {
    only.is_none_or(|path| path == cleanup::NAME)
}

/// Whether a phase asks before it goes on. kubeadm's `remove-etcd-member` and `cleanup-node` alone do not.
pub fn asks(only: Option<&str>) -> bool {
    only.is_none_or(|path| path == preflight::NAME)
}

fn aliased(phase: Phase<Reset>, aliases: &'static [&'static str]) -> Phase<Reset> {
    Phase { aliases, ..phase }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tree_is_kubeadms() {
        assert_eq!(workflow().paths(), ["preflight", "remove-etcd-member", "cleanup-node"]);
        let aliases: Vec<_> = workflow().phases.iter().flat_map(|phase| phase.aliases.to_vec()).collect();
        assert_eq!(aliases, ["pre-flight", "cleanupnode"]);
        assert!(asks(None) && asks(Some("preflight")) && !asks(Some("cleanup-node")));
    }
}
