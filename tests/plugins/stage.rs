//! A rehearsed machine, and its cluster as its administrator sees it.

use kubephase_node::Node;
use kubephase_node::kube::Api;
use kubephase_rehearsal::{Options, Rehearsal};

use crate::runs::cluster;

/// A machine that looks healthy, with all that `init` needs.
pub fn machine() -> Rehearsal {
    let rehearsal = Rehearsal::begin(&Options::default()).expect("a rehearsal");
    rehearsal.fit(&cluster(&rehearsal.node().facts())).expect("a machine");
    rehearsal
}

/// Its cluster.
pub fn administrator(node: &Node) -> Api {
    kubephase_workflow::cluster::connect(node, "/etc/kubernetes/admin.conf").expect("a kubeconfig")
}
