//! Plugins in the pipeline, on a directory that stands for a node: what workflows make of their answers. The plugins are
//! doubles; everything else is real.
#![allow(clippy::disallowed_methods, reason = "tests prepare files and look at what was written")]
#![allow(dead_code, reason = "what is shared with the tests on rehearsed machines is not used up here")]

mod double;
mod files;
mod runs;
