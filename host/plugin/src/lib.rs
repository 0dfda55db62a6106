//! Plugins as WebAssembly components: loading, grants, sandbox. The only crate that knows wasmtime.
//!
//! A component is looked at before anything of it runs ([`component`]), compiled once and kept ([`compiled`]), linked with
//! what it may use ([`caps`]), called on a fresh store with limits ([`sandbox`]), and what it proposes is judged before
//! anybody else sees it. It never changes anything.

mod bindings;
mod caps;
pub mod case;
mod compiled;
mod component;
mod convert;
mod describe;
mod engine;
mod error;
mod guest;
pub mod judge;
mod limits;
#[cfg(feature = "measure")]
pub mod measure;
mod mutate;
mod plugins;
mod sandbox;
pub mod settings;
mod told;
mod workbench;
mod world;

pub use compiled::CompiledCache;
pub use component::Shape;
pub use error::{LoadError, NotGranted};
pub use guest::{Export, Guest, Reply};
pub use limits::Limits;
pub use plugins::{Plugins, Refused, Wanted, digest_of};
pub use told::{Ear, Told, Volume};
pub use workbench::{Outcome, Question, Workbench};
pub use world::{Given, Machine, World, cluster_facts};
