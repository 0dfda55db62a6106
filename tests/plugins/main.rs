//! Plugins in the whole pipeline, on rehearsed machines with their cluster: what workflows make of their answers. The
//! plugins are doubles; phases, node, API server and controllers are those of a rehearsal.
#![allow(clippy::disallowed_methods, reason = "tests prepare files and look at what was written")]
#![allow(dead_code, reason = "what is shared with the tests of the workflows is not used up here")]

#[path = "../../host/workflow/tests/plugins/double.rs"]
mod double;
#[path = "../../host/workflow/tests/plugins/runs.rs"]
mod runs;

mod addons;
mod stage;
