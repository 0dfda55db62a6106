//! Where answers to plugins' questions come from. Two things implement [`World`]: the machine and the cluster that are
//! being set up ([`Machine`]), and values that somebody has written down ([`Given`]). Only what is granted gets this far:
//! nothing in here knows grants.

mod given;
mod machine;
mod spot;

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use kubephase_model::plugin::facts::{Fact, NodeFacts};
use kubephase_model::plugin::measured::{Clock, Latency};
use kubephase_model::plugin::proposal::Failure;
use kubephase_node::kube::Api;
use serde_json::Value;

pub use given::Given;
pub use machine::{Machine, cluster_facts};
pub use spot::{Contents, Spot};

/// What becomes of a question.
pub type Told<'a, T> = Pin<Box<dyn Future<Output = Result<T, Failure>> + Send + 'a>>;

/// One machine and one cluster, real or given. The same question gets the same answer during one run where the WIT says
/// so. Every call may be dropped at any moment.
pub trait World: fmt::Debug + Send + Sync {
    /// The cluster can be asked from now on.
    fn connected(&self, _api: &Api) {}

    /// Facts of which at least this one is filled in, if it is known.
    fn fact(&self, fact: Fact) -> Told<'_, Arc<NodeFacts>>;

    /// The value of a sysctl; `None` if there is no such one.
    fn sysctl<'a>(&'a self, name: &'a str) -> Told<'a, Option<String>>;

    /// What is at a normal path, links followed; `None` if nothing is.
    fn find<'a>(&'a self, path: &'a str) -> Told<'a, Option<Spot>>;

    /// One object; `None` if it does not exist.
    fn get<'a>(&'a self, object: Asked<'a>, name: &'a str) -> Told<'a, Option<Value>>;

    /// Objects of a kind, in any order: at most `limit`, otherwise `too-large`.
    fn list<'a>(&'a self, objects: Asked<'a>, labels: &'a str, limit: usize) -> Told<'a, Vec<Value>>;

    /// Asks a server once.
    fn send(&self, request: Request) -> Told<'_, Response>;

    /// Writes to a directory's file system, for at most `within`.
    fn fdatasync<'a>(&'a self, directory: &'a str, count: u32, size: u32, within: Duration) -> Told<'a, Latency>;

    /// Connects, and tells how long it took in microseconds.
    fn tcp_connect<'a>(&'a self, host: &'a str, port: u16, timeout: Duration) -> Told<'a, u64>;

    /// Addresses of a name.
    fn dns_lookup<'a>(&'a self, name: &'a str) -> Told<'a, Vec<String>>;

    /// The largest packet that reaches an address.
    fn path_mtu<'a>(&'a self, address: &'a str) -> Told<'a, u32>;

    /// How far the clock is ahead of a server's, in microseconds.
    fn clock_offset<'a>(&'a self, server: &'a str) -> Told<'a, i64>;

    /// What keeps the clock right.
    fn clock_state(&self) -> Told<'_, Clock>;
}

/// A kind of objects, and where.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// Such as `apps/v1`.
    pub api_version: &'a str,
    /// Such as `Deployment`.
    pub kind: &'a str,
    /// `None` for all, or for a kind without.
    pub namespace: Option<&'a str>,
}

/// A question to a server. Method, URL and headers have been looked at.
#[derive(Clone, Debug)]
pub struct Request {
    /// In capitals.
    pub method: &'static str,
    /// Without a fragment.
    pub url: String,
    /// Names and values.
    pub headers: Vec<(String, String)>,
    /// Empty for none.
    pub body: Vec<u8>,
    /// For all of it.
    pub timeout: Duration,
    /// How long the answer's body may be, in bytes.
    pub limit: usize,
}

/// What a server answers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Response {
    /// HTTP status.
    pub status: u16,
    /// Names, in lower case, and values.
    pub headers: Vec<(String, String)>,
    /// The whole body.
    pub body: Vec<u8>,
}

/// A failure with one of the codes of `types.wit`.
pub(crate) fn failure(code: &str, message: impl Into<String>) -> Failure {
    Failure { code: code.to_owned(), message: message.into(), remedy: None }
}

/// Where nothing can be asked.
pub(crate) fn nowhere() -> Given {
    Given::default()
}
