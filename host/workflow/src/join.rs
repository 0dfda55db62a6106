//! `join`: so far the checks before it.

pub mod cluster_config;
pub mod discovery;
mod preflight;

pub use preflight::{Join, workflow};
