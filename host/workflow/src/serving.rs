//! Serving certificates of kubelets. With `serverTLSBootstrap` a kubelet asks the cluster for its certificate, and
//! nothing in a cluster approves such a request: the built-in approver does so for client certificates only, because
//! whether the names in the request are the node's own is not for it to know. Here it is judged, and only what passes
//! every rule is approved.
//!
//! What the rules cannot know: a Node's addresses are written by its own kubelet (or by a cloud's controller). Who
//! controls a node's kubelet can claim an address that no other Node has. It cannot get a certificate with the name of
//! another node, with an address that another Node claims as well, or with a name that everybody's own machine has.

mod approve;
mod judge;

pub use approve::{Approvals, Asked, Outcome, approve};
pub use judge::{SIGNER, Verdict, judge, judge_among, node_of};
