//! The controllers that a bootstrap relies on: kube-controller-manager's, the scheduler's and the kubelet's part in what
//! one sees at the API server. Each is a pure function from what is there to what it wishes; the loop that looks and
//! fulfils wishes is in `run`. A controller is a function and a line of [`CONTROLLERS`]. Collecting what has no owner
//! any more, and emptying namespaces, is part of the store's own writes.

mod api_services;
pub mod bootstrap;
mod endpoints;
mod namespaces;
mod nodes;
mod requests;
mod run;
mod snapshot;
mod tokens;
mod workloads;

#[cfg(test)]
mod tests;

use std::net::IpAddr;
use std::time::SystemTime;

use kubephase_pki::Ca;
use serde_json::Value;

pub use run::{Running, create, settle, start};
pub use snapshot::Snapshot;

/// What controllers were told at their start.
pub struct Setup {
    /// Signs certificates of nodes and clients; `None` if its key is elsewhere.
    pub signer: Option<Ca>,
    /// The authority that pods should believe: PEM.
    pub root_ca: String,
    /// Networks for pods, of which each node gets a part.
    pub pod_cidrs: Vec<String>,
}

/// What a controller sees.
pub struct View<'a> {
    /// The objects.
    pub objects: &'a Snapshot,
    /// What it was told.
    pub setup: &'a Setup,
    /// The time.
    pub now: SystemTime,
    /// Whether a user in these groups may `create` this subresource of requests: asked as by a SubjectAccessReview.
    pub may_request: &'a dyn Fn(&str, &[String], &str) -> bool,
}

/// What a controller wants done.
#[derive(Clone, Debug, PartialEq)]
pub enum Wish {
    /// Make this object, unless it exists.
    Create(Value),
    /// Replace the object that has this one's resource version, its status included.
    Update(Value),
    /// Delete this object; another one of the same name is left alone.
    Delete(Value),
}

/// What a controller does.
pub type Controller = fn(&View<'_>) -> Vec<Wish>;

/// All of them, by name.
pub const CONTROLLERS: &[(&str, Controller)] = &[
    ("namespaces", namespaces::wish),
    ("nodes", nodes::wish),
    ("token cleaner", tokens::clean),
    ("bootstrap signer", tokens::sign),
    ("request approver", requests::approve),
    ("request signer", requests::sign),
    ("deployments", workloads::deployments),
    ("replica sets", workloads::replica_sets),
    ("daemon sets", workloads::daemon_sets),
    ("stateful sets", workloads::stateful_sets),
    ("jobs", workloads::jobs),
    ("pods", workloads::pods),
    ("endpoints", endpoints::wish),
    ("api services", api_services::wish),
];

/// An address as it stands in URLs and pairs with ports.
pub fn bracketed(address: IpAddr) -> String {
    match address {
        IpAddr::V4(v4) => v4.to_string(),
        IpAddr::V6(v6) => format!("[{v6}]"),
    }
}
