//! Rehearsed machines whose plugins are the real ones, all of them.

use std::fs;
use std::sync::Arc;

use kubephase_engine::Selection;
use kubephase_model::Cluster;
use kubephase_model::object::ObjectRef;
use kubephase_node::Node;
use kubephase_plugin::{Ear, Machine, Plugins, Wanted, cluster_facts};
use kubephase_rehearsal::{Options as Rehearsed, Rehearsal};
use kubephase_workflow::init::Options;
use serde_json::Value;

use crate::components::{compiled, configuration};
use crate::runs::{Ran, cluster_of, ignoring, run_with, runtime};
use crate::stage;

/// A machine, and the plugins of its configuration.
pub struct Stage {
    pub machine: Rehearsal,
    pub entries: Vec<Value>,
    /// Where its cluster's clients live.
    runtime: tokio::runtime::Runtime,
}

impl Stage {
    /// One on which nothing has happened.
    pub fn new(entries: Vec<Value>) -> Self {
        let machine = Rehearsal::begin(&Rehearsed::default()).expect("a rehearsal");
        let stage = Self { machine, entries, runtime: runtime() };
        stage.machine.fit(&stage.cluster()).expect("a machine");
        stage
    }

    pub fn node(&self) -> &Node {
        self.machine.node()
    }

    pub fn cluster(&self) -> Cluster {
        cluster_of(&configuration(&self.entries), &self.node().facts())
    }

    /// The plugins, as commands load them; `node` is what they see.
    pub fn plugins(&self, node: &Node) -> Arc<Plugins> {
        self.plugins_of("init", node, &self.cluster())
    }

    /// The same for another workflow, on a node that may run fewer of them.
    pub fn plugins_of(&self, workflow: &str, node: &Node, cluster: &Cluster) -> Arc<Plugins> {
        let wanted = cluster.plugins.plugins.iter().map(|entry| {
            let bytes = fs::read(&entry.source).unwrap_or_else(|error| panic!("{}: {error}", entry.source));
            Wanted { entry: entry.clone(), bytes: bytes.into(), signer: None }
        });
        let facts = Some(cluster_facts(cluster, workflow, false));
        let world = Arc::new(Machine::new(node, facts, Some(&cluster.node().cri_socket)));
        let nobody: Ear = Arc::new(|_, _| {});
        let plugins = runtime().block_on(Plugins::load(wanted.collect(), world, nobody, &compiled()));
        Arc::new(plugins.unwrap_or_else(|refused| panic!("{refused:?}")))
    }

    /// Runs `init` on a node, which is this machine or a dry run of it.
    pub fn run(&self, node: &Node, change: impl FnOnce(&mut Options, &mut Selection)) -> Ran {
        run_with(node, self.cluster(), self.plugins(node), |options, selection| {
            options.patience = Some(std::time::Duration::from_secs(20));
            options.ignore = ignoring(&[]);
            change(options, selection);
        })
    }

    /// One phase for real.
    #[track_caller]
    pub fn phase(&self, name: &str) -> Ran {
        self.run(self.node(), |_, selection| selection.only = Some(name.to_owned())).ok()
    }

    /// `init` for real.
    #[track_caller]
    pub fn init(&self) -> Ran {
        self.run(self.node(), |_, _| {}).ok()
    }

    /// The cluster, as its administrator sees it.
    pub fn api(&self) -> kubephase_node::kube::Api {
        let _entered = self.runtime.enter();
        stage::administrator(self.node())
    }

    /// Waits for something that its cluster is asked.
    pub fn wait<T>(&self, asked: impl Future<Output = T>) -> T {
        self.runtime.block_on(asked)
    }

    /// One object of its cluster.
    pub fn get(&self, object: &ObjectRef) -> Option<Value> {
        self.wait(self.api().get(object)).expect("asked")
    }
}
