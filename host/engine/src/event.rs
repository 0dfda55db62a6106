//! What happens while a workflow runs. Every output, for people and for programs, is made from these.

use std::sync::Arc;

use serde::Serialize;

/// How loud a notice is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Good to know.
    Info,
    /// Probably not what was wanted.
    Warning,
}

/// One thing that happened. `Change` is what the context calls an effect on the machine.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "event", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Event<Change> {
    /// The workflow begins.
    Began {
        /// `init`.
        workflow: String,
        /// Paths of the selected leaf phases, in order.
        phases: Vec<String>,
    },
    /// A phase begins.
    Started {
        /// `certs/apiserver`.
        path: String,
        /// What it does.
        about: String,
        /// Its number among the selected phases, from 1.
        index: usize,
        /// How many are selected.
        total: usize,
    },
    /// A phase was left out.
    Skipped {
        /// `etcd/local`.
        path: String,
        /// Why.
        why: String,
    },
    /// Something inside a phase moved on: an image, a wait.
    Progress {
        /// The phase.
        path: String,
        /// What moved: `registry.k8s.io/pause:3.10`, `kube-apiserver`.
        item: String,
        /// Where it stands: `pulled`, `healthy after 3.2s`.
        message: String,
    },
    /// Something to tell.
    Notice {
        /// The phase, or empty before the first one.
        path: String,
        /// How loud.
        level: Level,
        /// One line.
        message: String,
    },
    /// A check does not like something.
    Finding {
        /// The phase.
        path: String,
        /// The check's name, which can be told to be ignored.
        check: String,
        /// `error` or `warning`.
        severity: String,
        /// True if it was an error and is a warning only because its check is ignored.
        ignored: bool,
        /// What was seen.
        seen: String,
        /// What should have been.
        expected: Option<String>,
        /// What to do about it.
        remedy: Option<String>,
    },
    /// A phase is done.
    Finished {
        /// The phase.
        path: String,
        /// How long it took, in milliseconds.
        millis: u64,
        /// What it did.
        changes: Vec<Change>,
    },
    /// A phase failed, and with it the workflow.
    Failed {
        /// The phase.
        path: String,
        /// How long it took, in milliseconds.
        millis: u64,
        /// What went wrong, without its causes.
        error: String,
        /// The causes, outermost first.
        causes: Vec<String>,
        /// What to do about it.
        hint: Option<String>,
        /// What it had done before.
        changes: Vec<Change>,
    },
    /// The workflow is done.
    Ended {
        /// How long it took, in milliseconds.
        millis: u64,
        /// Phases that ran.
        ran: usize,
        /// Phases that were left out.
        skipped: usize,
    },
}

/// Where events go. Called from wherever they happen, so it must not block for long.
pub type Sink<Change> = Arc<dyn Fn(Event<Change>) + Send + Sync>;
