//! The API server over the real wire: TLS, HTTP, a client that is not ours (kube), and kubectl where it is installed.
#![expect(clippy::disallowed_methods, reason = "tests prepare files and start kubectl")]

mod access;
mod cluster;
mod custom;
mod deletion;
mod discovery;
mod kubectl;
mod objects;
mod watches;
