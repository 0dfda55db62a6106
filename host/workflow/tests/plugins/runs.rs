//! Runs of `init` with plugins, in this process, and what they did.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};

use kubephase_engine::{Event, RunError, Selection, Sink};
use kubephase_model::config::flags::InitFlags;
use kubephase_model::config::load::{self, Command};
use kubephase_model::config::resolve::resolve_init;
use kubephase_model::{Cluster, Facts, Report};
use kubephase_node::{Change, ChangeKind, Node};
use kubephase_preflight::Ignore;
use kubephase_workflow::PhaseError;
use kubephase_workflow::extension::Extension;
use kubephase_workflow::init::{Init, Options, workflow_with};

use crate::double::Double;

pub const CONFIG: &str = "
apiVersion: kubeadm.k8s.io/v1beta4
kind: InitConfiguration
localAPIEndpoint: {advertiseAddress: 192.0.2.10}
nodeRegistration: {name: node-1, criSocket: 'unix:///var/run/containerd/containerd.sock'}
---
apiVersion: kubeadm.k8s.io/v1beta4
kind: ClusterConfiguration
kubernetesVersion: v1.36.2
encryptionAlgorithm: ECDSA-P256
networking: {podSubnet: 10.244.0.0/16}
";

/// Where there is no cluster to work in, and no machine fit for one.
pub const WITHOUT_CLUSTER: [&str; 6] =
    ["preflight", "wait-control-plane", "upload-config", "mark-control-plane", "bootstrap-token", "addon"];

pub fn cluster(facts: &Facts) -> Cluster {
    cluster_of(CONFIG, facts)
}

/// What a configuration says on a machine.
pub fn cluster_of(config: &str, facts: &Facts) -> Cluster {
    let mut report = Report::default();
    let source = load::source("c.yaml", config.as_bytes().to_vec(), &mut report).expect("UTF-8");
    let documents = load::load(&source, Command::Init, &mut report);
    let no_network = |_: &str| Err("no network".to_owned());
    let mut entropy = |bytes: &mut [u8]| bytes.fill(7);
    let flags = InitFlags::default();
    resolve_init(Some(&documents), &flags, facts, &no_network, &mut entropy, false, &mut report)
        .unwrap_or_else(|| panic!("{report}"))
}

/// What a run did and said.
pub struct Ran {
    pub result: Result<(), PhaseError>,
    /// By phase.
    pub did: BTreeMap<String, Vec<Change>>,
    /// Phases in the order in which they ran.
    pub order: Vec<String>,
    pub notices: Vec<String>,
    /// `check severity seen`.
    pub findings: Vec<String>,
    pub progress: Vec<String>,
}

impl Ran {
    #[track_caller]
    pub fn ok(self) -> Self {
        if let Err(error) = &self.result {
            panic!("{error}: {:?}\n{:#?}", std::error::Error::source(error), self.notices);
        }
        self
    }

    /// What it failed with.
    #[track_caller]
    pub fn failed(&self) -> String {
        self.result.as_ref().expect_err("a failure").to_string()
    }

    /// What a phase did, as `created /path`, without what it found to be so.
    #[track_caller]
    pub fn changes(&self, phase: &str) -> Vec<String> {
        let changes = self.did.get(phase).unwrap_or_else(|| panic!("{phase} is not in {:?}", self.order));
        let changed = changes.iter().filter(|change| change.kind != ChangeKind::Unchanged);
        changed.map(|change| format!("{:?} {}", change.kind, change.path).to_lowercase()).collect()
    }

    #[track_caller]
    pub fn noticed(&self, text: &str) {
        assert!(self.notices.iter().any(|notice| notice.contains(text)), "{text}: {:#?}", self.notices);
    }
}

/// Runs the phases of `init` with plugins.
pub fn run(node: &Node, double: &Arc<Double>, change: impl FnOnce(&mut Options, &mut Selection)) -> Ran {
    run_with(node, cluster(&node.facts()), double.clone(), change)
}

/// The same with any cluster, and with plugins of any kind.
pub fn run_with(
    node: &Node,
    mut cluster: Cluster,
    extension: Arc<dyn Extension>,
    change: impl FnOnce(&mut Options, &mut Selection),
) -> Ran {
    let events = Arc::new(Mutex::new(Vec::new()));
    let sink: Sink<Change> = {
        let events = events.clone();
        Arc::new(move |event| events.lock().expect("not poisoned").push(event))
    };
    let workflow = workflow_with(extension.plugins()).expect("an order");
    let mut options = Options { extension: Some(extension), ..Options::new(sink) };
    let mut selection = Selection::default();
    change(&mut options, &mut selection);
    options.only.clone_from(&selection.only);
    cluster.init.skip_phases.clone_from(&selection.skip);
    let result = Init::new(cluster, node.clone(), options).and_then(|mut cx| {
        match runtime().block_on(workflow.run(&mut cx, &selection)) {
            Ok(_) => Ok(()),
            Err(RunError::Phase { source, .. }) => Err(source),
            Err(RunError::Select(error)) => panic!("{error}"),
        }
    });
    let mut ran = Ran {
        result,
        did: BTreeMap::new(),
        order: Vec::new(),
        notices: Vec::new(),
        findings: Vec::new(),
        progress: Vec::new(),
    };
    for event in std::mem::take(&mut *events.lock().expect("not poisoned")) {
        match event {
            Event::Finished { path, changes, .. } | Event::Failed { path, changes, .. } => {
                ran.order.push(path.clone());
                ran.did.insert(path, changes);
            }
            Event::Notice { message, .. } => ran.notices.push(message),
            Event::Progress { item, message, .. } => ran.progress.push(format!("{item}: {message}")),
            Event::Finding { check, severity, ignored, seen, .. } => {
                ran.findings.push(format!("{check} {severity}{} {seen}", if ignored { " (ignored)" } else { "" }));
            }
            _ => {}
        }
    }
    ran
}

pub fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime")
}

/// Every file and directory below `root`, with contents and mode.
pub fn tree(root: &Path) -> BTreeMap<String, (u32, Option<Vec<u8>>)> {
    use std::os::unix::fs::PermissionsExt as _;

    let mut all = BTreeMap::new();
    let mut todo = vec![root.to_path_buf()];
    while let Some(directory) = todo.pop() {
        for entry in std::fs::read_dir(directory).expect("a directory") {
            let path = entry.expect("an entry").path();
            let Ok(metadata) = path.symlink_metadata() else { continue };
            let name = path.strip_prefix(root).expect("below").to_string_lossy().into_owned();
            let contents = if metadata.is_file() { std::fs::read(&path).ok() } else { None };
            if metadata.is_dir() {
                todo.push(path);
            }
            all.insert(name, (metadata.permissions().mode() & 0o7777, contents));
        }
    }
    all
}

/// Only what checks do not stop.
pub fn ignoring(names: &[&str]) -> Ignore {
    Ignore::new(names).expect("names")
}
