//! Rehearsals as people and scripts hold them: an ordinary user, a clean directory, nothing left behind. What comes up
//! is asked over its own wire, by `kubectl` where there is one.
#![allow(clippy::disallowed_methods, reason = "tests prepare files and start the program under test")]

#[path = "../support/support.rs"]
mod support;

mod cases;
mod clients;
mod faults;
mod joins;
mod objects;
mod page;
mod place;
mod preflight;
mod programs;
mod real;
