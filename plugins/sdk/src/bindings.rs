//! Generated from `wit/` by `cargo xtask plugins --bindings`: never edited. `base` is what every plugin has, and each of
//! the others one interface that a plugin may export.
#![allow(missing_docs, unsafe_code, unused_qualifications, clippy::all, reason = "generated")]

#[rustfmt::skip]
pub mod addon;
#[rustfmt::skip]
pub mod base;
#[rustfmt::skip]
pub mod mutator;
#[rustfmt::skip]
pub mod phase;
#[rustfmt::skip]
pub mod preflight;
