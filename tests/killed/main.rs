//! kill -9 of `init` and of `join` at every boundary of a phase, at calls that change files and at requests that change
//! the cluster, each counted: what is left is whole, and running the same again ends in the same cluster with the same
//! authority. The process is a real one; its machine and its cluster are rehearsed and outlive it.
//!
//! What it does not prove: that a real etcd takes it as well. The rehearsal's is pretended: it has members, learners among
//! them, and no data. Real nodes are killed for that.
#![allow(clippy::disallowed_methods, reason = "tests start, kill and look")]

#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod child;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod ground;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
#[allow(dead_code, reason = "made for joining without being killed")]
#[path = "../join/stage.rs"]
mod stage;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod state;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod table;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod trace;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
#[path = "../repeat/whole.rs"]
mod whole;

/// Calls are told apart by registers, which every architecture has others of.
#[cfg(not(all(target_os = "linux", target_arch = "x86_64")))]
#[test]
fn every_kill_is_recovered_from() {
    use std::io::Write as _;

    let _ = writeln!(std::io::stderr(), "SKIPPED every_kill_is_recovered_from: needs Linux on x86-64");
}
