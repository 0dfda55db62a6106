//! The command line as people and scripts meet it: exit codes, what goes to which stream, wording.
#![allow(clippy::disallowed_methods, reason = "tests prepare files and start the program under test")]

#[path = "../support/support.rs"]
mod support;

mod certs;
mod configuration;
mod flags;
mod images;
mod mistakes;
mod results;
mod runs;
mod screen;
mod shell;
mod status;
mod tokens;
