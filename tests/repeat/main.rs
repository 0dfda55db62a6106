//! Runs of `init` that are repeated, killed and interrupted: every file is whole at every moment, and the same command
//! completes what an earlier one began.
#![allow(clippy::disallowed_methods, reason = "tests start, kill and look")]

#[path = "../support/support.rs"]
mod support;

mod again;
mod cut_off;
mod interrupted;
mod killed;
mod renewed;
mod sandbox;
mod whole;
