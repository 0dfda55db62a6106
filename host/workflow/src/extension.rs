//! What plugs into workflows, as they see it: it is asked, and answers with what it proposes. How it is made is none of
//! their business, and nothing in here knows WebAssembly. What comes back has been checked against the operator's
//! grants; making it so is ours.

use std::fmt;
use std::future::Future;
use std::pin::Pin;

use kubephase_model::plugin::{Finding, Plugin, Proposal};
use kubephase_node::kube::Api;
use serde_json::Value;

/// What a call comes to.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, ExtensionError>> + Send + 'a>>;

/// All plugins of a run. Calls of different plugins may run at the same time.
pub trait Extension: fmt::Debug + Send + Sync {
    /// Those that run here, in the operator's order.
    fn plugins(&self) -> &[Plugin];
    /// The cluster can be asked from now on.
    fn connected(&self, api: &Api);
    /// `preflight.check`. Findings are in the plugin's order.
    fn check<'a>(&'a self, plugin: &'a str) -> Answer<'a, Vec<Finding>>;
    /// `mutator.mutate`. Asked for targets that are granted only.
    fn mutate<'a>(&'a self, plugin: &'a str, target: &'a str, document: &'a Value) -> Answer<'a, Mutation>;
    /// `addon.render`.
    fn render<'a>(&'a self, plugin: &'a str) -> Answer<'a, Proposal>;
    /// `addon.images`.
    fn images<'a>(&'a self, plugin: &'a str) -> Answer<'a, Vec<String>>;
    /// `addon.uninstall`.
    fn uninstall<'a>(&'a self, plugin: &'a str) -> Answer<'a, Proposal>;
    /// `phase.run`.
    fn run<'a>(&'a self, plugin: &'a str) -> Answer<'a, Proposal>;
}

/// What a mutator makes of a document.
#[derive(Clone, Debug, PartialEq)]
pub struct Mutation {
    /// The document after its patches: valid, and within the grants.
    pub document: Value,
    /// Why, one line per patch.
    pub reasons: Vec<String>,
    /// What else it proposes: files and findings. Its patches have been applied and are not in here.
    pub proposal: Proposal,
}

/// A plugin that could not be asked, did not answer, or answered what must not be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("plugin `{plugin}`: {call}: {message}")]
pub struct ExtensionError {
    /// Its name.
    pub plugin: String,
    /// What was called: `preflight.check`.
    pub call: String,
    /// What kind of failure.
    pub kind: ExtensionFailure,
    /// If it says so itself: its own word for the kind of failure, such as `unavailable`.
    pub code: Option<String>,
    /// What went wrong: one line.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
    /// Where it was in its own code, innermost first, demangled; empty if that is not known.
    pub backtrace: Vec<String>,
    /// The last lines that it logged.
    pub log: Vec<String>,
}

/// How a call fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExtensionFailure {
    /// It says so itself.
    Failed,
    /// What it proposes is not granted.
    Refused,
    /// What it proposes makes no sense.
    Invalid,
    /// It stopped with a trap.
    Trap,
    /// It took too long.
    Timeout,
    /// It wanted more memory than it may have.
    Memory,
    /// It handed over more than it may.
    TooLarge,
    /// It used up its fuel.
    Fuel,
    /// Our own fault.
    Host,
}

impl ExtensionFailure {
    /// Whether the plugin itself is broken: exit code 3.
    pub fn is_fault(self) -> bool {
        !matches!(self, Self::Failed | Self::Refused)
    }
}
