//! Plugins in the whole pipeline, on rehearsed machines with their cluster, and on the command line.
//!
//! In [`addons`] plugins are doubles that answer by a script: what workflows make of answers is tested. Everywhere else they
//! are the components of this repository, as `cargo xtask plugins` builds them.
#![allow(clippy::disallowed_methods, reason = "tests prepare files and start the program under test")]
#![allow(dead_code, reason = "what is shared with the tests of the workflows is not used up here")]

#[path = "../../host/workflow/tests/plugins/double.rs"]
mod double;
#[path = "../../host/workflow/tests/plugins/runs.rs"]
mod runs;

#[path = "../support/support.rs"]
mod support;

mod addons;
mod begin;
mod components;
mod desk;
mod effects;
mod hostile;
mod joining;
mod joins;
mod looking;
mod mistakes;
mod real;
mod reset;
mod same;
mod stage;
mod trust;
mod updates;
