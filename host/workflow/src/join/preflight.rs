//! Phase `preflight` of `join`: may this node join?

use kubephase_engine::{Context, Event, Level, Phase, Sink, Workflow};
use kubephase_model::config::v1beta4::JoinConfiguration;
use kubephase_model::{Cluster, Facts};
use kubephase_node::{Change, Node};
use kubephase_preflight::{Ignore, lists};

use crate::checks;
use crate::error::PhaseError;

/// What the phases of `join` work on.
pub struct Join {
    /// What was asked for.
    pub config: JoinConfiguration,
    /// What a control-plane node will run; none on a worker.
    pub control_plane: Option<Cluster>,
    /// The machine.
    pub node: Node,
    /// What was seen of it.
    pub facts: Facts,
    /// Checks whose errors are only warnings.
    pub ignore: Ignore,
    /// Where events go.
    pub sink: Sink<Change>,
}

/// The phases of `join`.
pub fn workflow() -> Workflow<Join> {
    let preflight = Phase::run("preflight", "Run join pre-flight checks", |cx: &mut Join| Box::pin(run(cx)) as _);
    Workflow { name: "join", phases: vec![preflight] }
}

const PATH: &str = "preflight";

async fn run(cx: &mut Join) -> Result<(), PhaseError> {
    let options = lists::Options {
        dry_run: cx.node.is_dry_run(),
        pull_progress: checks::pull_progress(cx.sink.clone(), PATH.to_owned()),
        ..lists::Options::default()
    };
    let release = cx.control_plane.as_ref().map(|cluster| cluster.release);
    let mut list = lists::join(&cx.config, release, &cx.facts.proxy_env, &options);
    if let Some(cluster) = &cx.control_plane {
        // The cluster itself is asked by later phases of join; until they exist this is what the user is told.
        let message = "the cluster's own configuration is not read yet: checking against kubeadm's defaults for it";
        (cx.sink)(Event::Notice { path: PATH.to_owned(), level: Level::Info, message: message.to_owned() });
        let download = cx.config.control_plane.as_ref().is_some_and(|control| !control.certificate_key.is_empty());
        list.batches.extend(lists::join_control_plane(cluster, download, &options).batches);
    }
    checks::run(&list, &cx.node, &cx.ignore, &cx.sink, PATH).await
}

impl Context for Join {
    type Error = PhaseError;
    type Change = Change;

    fn enter(&mut self, _: &str) {}

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
        self.sink.clone()
    }
}
