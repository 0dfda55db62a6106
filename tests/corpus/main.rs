//! Broken and odd configuration files: one clear report each, no panic, nothing written, exit code 2.
#![allow(clippy::disallowed_methods, reason = "tests prepare files and start the program under test")]

#[path = "../support/support.rs"]
mod support;

#[path = "../fuzz/config_loader.rs"]
mod config_loader;

mod files;
mod generated;
mod mutations;
