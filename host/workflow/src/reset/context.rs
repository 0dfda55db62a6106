//! What the phases of `reset` work on.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use kubephase_engine::{Context, Event, Level, Sink};
use kubephase_model::config::duration::GoDuration;
use kubephase_model::config::v1beta4::{ClusterConfiguration, ResetConfiguration};
use kubephase_node::kube::Api;
use kubephase_node::{Change, Node};
use kubephase_preflight::Ignore;

use crate::cluster::{self, stored};
use crate::error::PhaseError;
use crate::extension::Extension;

/// How long the cluster is asked for its configuration. It may well be gone.
const ANSWER: Duration = Duration::from_secs(5);

/// What steers a run, beside the configuration.
pub struct Options {
    /// Path of the one phase to run; all if none.
    pub only: Option<String>,
    /// Checks whose errors are only warnings.
    pub ignore: Ignore,
    /// Kubeconfig file to ask the cluster with, if it is there.
    pub kubeconfig: String,
    /// Plugins, which are asked what else should go.
    pub extension: Option<Arc<dyn Extension>>,
    /// Where events go.
    pub sink: Sink<Change>,
}

/// What the cluster says of itself.
#[derive(Clone, Debug, Default)]
pub struct Known {
    /// Its configuration, if it could be had.
    pub config: Option<ClusterConfiguration>,
}

/// The state of one run.
pub struct Reset {
    /// What was asked for.
    pub config: ResetConfiguration,
    /// The machine.
    pub node: Node,
    /// What steers the run.
    pub options: Options,
    /// What the cluster said, once it was asked. A run after a dry one need not ask again.
    pub known: Option<Known>,
    /// Where this node's etcd keeps its data, which is to go when etcd has stopped.
    pub(super) etcd_data: Option<String>,
    told: BTreeSet<String>,
    path: String,
}

impl Reset {
    /// Nothing is looked at yet.
    pub fn new(config: ResetConfiguration, node: Node, options: Options) -> Self {
        Self { config, node, options, known: None, etcd_data: None, told: BTreeSet::new(), path: String::new() }
    }

    /// Tells something.
    pub(super) fn notice(&self, level: Level, message: impl Into<String>) {
        (self.options.sink)(Event::Notice { path: self.path.clone(), level, message: message.into() });
    }

    /// The path of the current phase.
    pub(super) fn path(&self) -> &str {
        &self.path
    }

    /// Tells, once, that something stays and why.
    pub(super) fn leave_alone(&mut self, what: &str, why: &str) {
        if self.told.insert(what.to_owned()) {
            self.notice(Level::Warning, format!("{what} stays: {why}"));
        }
    }

    /// Whether this is one of several phases.
    pub(super) fn is_whole(&self) -> bool {
        self.options.only.is_none()
    }

    /// The cluster's API; `None` without a kubeconfig file that serves.
    pub(super) fn api(&self) -> Option<Api> {
        if !self.node.exists(&self.options.kubeconfig) {
            return None;
        }
        cluster::connect(&self.node, &self.options.kubeconfig).ok()
    }

    /// Whether the cluster has answered: it goes on, then, whatever becomes of this node.
    pub(super) fn lives(&self) -> bool {
        self.known.as_ref().is_some_and(|known| known.config.is_some())
    }

    fn answer(&self) -> Duration {
        let given = self.config.timeouts.as_ref().and_then(|timeouts| timeouts.kubernetes_api_call);
        given.map_or(ANSWER, GoDuration::as_std).min(ANSWER)
    }

    /// What the cluster says of itself. One that does not answer is told, and no failure: it may be the reason for all
    /// this.
    pub(super) async fn known(&mut self) -> Known {
        if let Some(known) = &self.known {
            return known.clone();
        }
        let mut known = Known::default();
        match self.api() {
            None => self.notice(
                Level::Info,
                format!("no cluster is asked: {} is not there or does not serve", self.options.kubeconfig),
            ),
            Some(api) => match stored::documents(&api.within(self.answer()).credulous()).await {
                Ok(documents) => known.config = documents.cluster,
                Err(error) => {
                    let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}")).unwrap_or_default();
                    self.notice(Level::Warning, format!("the cluster's configuration is not known: {error}{cause}"));
                }
            },
        }
        self.known.insert(known).clone()
    }
}

impl Context for Reset {
    type Error = PhaseError;
    type Change = Change;

    fn enter(&mut self, path: &str) {
        path.clone_into(&mut self.path);
    }

    fn take_changes(&mut self) -> Vec<Change> {
        self.node.changes()
    }

    fn leave(&mut self, _: &str, _: &[Change]) -> Result<(), PhaseError> {
        Ok(())
    }

    fn settle(&mut self) -> Result<(), PhaseError> {
        Ok(self.node.settle()?)
    }

    fn hint(error: &PhaseError) -> Option<String> {
        error.hint().map(Into::into)
    }

    fn sink(&self) -> Sink<Change> {
        self.options.sink.clone()
    }
}
