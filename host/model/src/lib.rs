//! What was asked for: configuration files of every supported API version, defaults, validation, and the
//! one immutable [`Cluster`] that everything else reads. Pure: no files, processes, sockets, clock or randomness.

pub mod cluster;
pub mod component;
pub mod config;
pub mod facts;
pub mod file;
pub mod gate;
pub mod images;
pub mod key_algorithm;
pub mod layout;
pub mod names;
pub mod object;
pub mod plugin;
pub mod release;
pub mod report;
pub mod time;
pub mod yaml;

pub use cluster::Cluster;
pub use facts::Facts;
pub use file::File;
pub use key_algorithm::KeyAlgorithm;
pub use release::Release;
pub use report::{Problem, Report, Severity};
