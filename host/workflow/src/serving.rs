//! Serving certificates of kubelets. With `serverTLSBootstrap` a kubelet asks the cluster for its certificate, and
//! nothing in a cluster approves such a request: the built-in approver does so for client certificates only, because
//! whether the names in the request are the node's own is not for it to know. Here it is judged, and only what passes
//! every rule is approved.
//!
//! Certain is a Node's name: the API server lets a kubelet write only to the Node that it is. A Node's addresses are not:
//! `status.addresses` is written by the node's own kubelet (NodeRestriction allows it) or by a cloud's controller. So
//! whatever belongs to the cluster is refused before it is asked what the Node says: the API server's names and
//! addresses, names within the cluster, addresses of Services and Pods. An API server's own address is left to the
//! control-plane node that has it. If what belongs to the cluster cannot be read, nothing is approved.
//!
//! What this leaves to who controls a node's kubelet:
//! - An address or a DNS name that no other Node has and the cluster does not know of: of a machine outside, of a load
//!   balancer before a Service, the short name of a Service (`web`, `web.shop`). Clients are to trust the cluster's
//!   authority for the cluster's own names only.
//! - On a control-plane node, the address of another API server whose Node does not exist or names another address.
//! - Claiming another Node's address, so that neither gets a certificate for it. A Node's name cannot be blocked so.

mod approve;
mod judge;
mod plain;
mod reserved;

pub use approve::{Approvals, Asked, Outcome, Patience, approve};
pub use judge::{SIGNER, Verdict, judge, judge_among, node_of};
pub use plain::plain;
pub use reserved::Reserved;
