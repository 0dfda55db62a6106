//! `reset` on nodes that hold what is not ours, too: in name spaces of their own, with mounts, links and rules that are
//! counted before and after. And `status`, which says where such a node stands.
#![allow(clippy::disallowed_methods, reason = "tests start programs and look at what they leave")]

#[path = "../support/support.rs"]
mod support;

mod foreign;
mod ground;
mod refusals;
mod standing;
