//! Is what kubephase writes the same in meaning as what kubeadm writes?
//!
//! The comparison first proves itself on recordings alone ([`proof`]); then every recorded case is run.
#![allow(clippy::disallowed_methods, reason = "tests prepare files and start the program under test")]

#[path = "../support/support.rs"]
mod support;

mod certs;
mod commands;
mod deliberate;
mod errors;
mod generate;
mod live;
mod live_v1_20;
mod openssl;
mod proof;
mod recorded;
mod warnings;
