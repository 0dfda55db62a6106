//! What stands in for the programs and the network of a machine that is only pretended.

use std::fmt::Debug;
use std::future::Future;
use std::io;
use std::pin::Pin;

use crate::exec::{Command, Output};

/// An answer of a pretended program.
pub type Answer<'a> = Pin<Box<dyn Future<Output = io::Result<Output>> + Send + 'a>>;

/// The programs and the network of a pretended machine. Two things implement it: rehearsals, and tests of them.
pub trait Stage: Debug + Send + Sync {
    /// What comes of running a program. Whether it is there at all is looked up below the machine's root before.
    fn run<'a>(&'a self, command: &'a Command) -> Answer<'a>;

    /// URL of the HTTP proxy through which all that this machine asks goes, such as `http://127.0.0.1:4711`.
    fn proxy(&self) -> String;
}
