//! `join`: so far the checks before it.

mod preflight;

pub use preflight::{Join, workflow};
