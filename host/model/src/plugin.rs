//! Plugins as values: what the operator says of them ([`config`], [`grants`]), what they say of themselves
//! ([`description`]), what they are told ([`facts`], [`measured`]) and what they propose ([`proposal`]). No WebAssembly is known here,
//! and nothing is touched.

pub mod config;
pub mod description;
pub mod facts;
pub mod grants;
pub mod measured;
pub mod order;
pub mod private;
pub mod proposal;

pub use config::{PluginConfiguration, PluginEntry};
pub use description::{Description, Kind, Plugin, Want};
pub use grants::Grants;
pub use private::is_private;
pub use proposal::{Finding, Patch, Proposal, ProposedFile, Random, Severity, Wait};
