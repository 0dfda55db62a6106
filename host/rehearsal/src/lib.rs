//! A cluster to rehearse with, in this process and in memory: an API server that speaks the real wire protocol, the
//! controllers that a bootstrap relies on, and a pretended machine with a kubelet and a container runtime. It binds
//! loopback only, and no production path reaches it.

#![expect(clippy::disallowed_methods, reason = "a rehearsal makes and serves the machine that it pretends")]

pub mod apply;
pub mod auth;
pub mod clock;
pub mod controllers;
pub mod etcd;
pub mod front;
pub mod kinds;
pub mod machine;
pub mod openapi;
pub mod patch;
pub mod rbac;
mod rehearsal;
pub mod report;
pub mod schema;
pub mod selector;
pub mod server;
pub mod status;
pub mod store;
pub mod tables;
pub mod write;

pub use machine::Spec;
pub use machine::kubelet::Programs;
pub use rehearsal::{Hopeless, Lent, Options, Rehearsal, RehearsalError};
