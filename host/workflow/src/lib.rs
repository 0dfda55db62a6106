//! Workflows: where pure values meet the node. A phase asks `pki` and `render` for what should be and the node to make
//! it so; it never asks whether this is a dry run, and it never prints.

pub mod certs;
mod checks;
pub mod cluster;
mod control_plane;
pub mod diagnose;
mod error;
pub mod etcd_members;
pub mod extension;
pub mod images;
pub mod init;
pub mod join;
pub mod join_command;
mod journal;
mod kubelet;
pub mod node_remove;
pub mod plugins;
pub mod reset;
mod rootless;
pub mod serving;
pub mod status;
pub mod token;
pub mod undo;
mod wait;
mod work;

pub use error::PhaseError;
pub use journal::{Journal, fingerprint};
