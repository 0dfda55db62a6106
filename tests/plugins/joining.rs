//! What plugins do to nodes that join: the same as to the first one, foretold, and taken back with the rest.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use kubephase_engine::{Event, RunError, Selection, Sink};
use kubephase_model::Report;
use kubephase_model::config::flags::JoinFlags;
use kubephase_model::config::resolve::resolve_join;
use kubephase_node::{Change, ChangeKind, Node};
use kubephase_pki::Cert;
use kubephase_plugin::Plugins;
use kubephase_rehearsal::Rehearsal;
use kubephase_workflow::Journal;
use kubephase_workflow::extension::Extension;
use kubephase_workflow::join::{self, Join, Options};
use kubephase_workflow::join_command::ca_hash;

use crate::components::entry;
use crate::real::Stage;
use crate::reset::{of_others, reset_on};
use crate::runs::{ignoring, runtime};
use crate::support::tree;

/// What control-plane nodes share, which somebody has brought.
const SHARED: [&str; 8] =
    ["ca.crt", "ca.key", "sa.key", "sa.pub", "front-proxy-ca.crt", "front-proxy-ca.key", "etcd/ca.crt", "etcd/ca.key"];

/// What a join did: `Created /path` of files and objects by phase, and its plugins.
struct Joined {
    did: BTreeMap<String, Vec<String>>,
    plugins: Arc<Plugins>,
}

/// Joins the cluster of `stage` on a node: the machine, or a dry run of it.
#[track_caller]
fn join(stage: &Stage, machine: &Rehearsal, node: &Node, control_plane: bool, plan: bool) -> Joined {
    let ca = stage.node().read("/etc/kubernetes/pki/ca.crt").expect("readable").expect("an authority");
    let flags = JoinFlags {
        api_server_endpoint: Some("192.0.2.100:6443".into()),
        token: Some(stage.cluster().init.bootstrap_tokens[0].token.clone()),
        discovery_token_ca_cert_hash: vec![ca_hash(&Cert::from_pem("ca.crt", &ca).expect("a certificate"))],
        control_plane,
        ..JoinFlags::default()
    };
    let (facts, mut report) = (node.facts(), Report::default());
    let config = resolve_join(None, &flags, &facts, false, &mut report).unwrap_or_else(|| panic!("{report}"));
    let heard: Arc<Mutex<Vec<Event<Change>>>> = Arc::default();
    let ear = heard.clone();
    let sink: Sink<Change> = Arc::new(move |event| ear.lock().expect("not poisoned").push(event));
    let runtime = runtime();
    let met = runtime.block_on(join::meet(node, &config, &facts, &sink)).unwrap_or_else(|error| panic!("{error}"));
    machine.fit(&met.cluster).expect("a machine for it");
    assert!(met.cluster.plugins.plugins.iter().all(|plugin| !plugin.digest.is_empty()), "they are pinned");
    let plugins = stage.plugins_of("join", node, &met.cluster);
    let workflow = join::workflow_with(plugins.plugins()).expect("an order");
    let options = Options {
        plan,
        ignore: ignoring(&[]),
        patience: Some(Duration::from_secs(20)),
        extension: Some(plugins.clone() as Arc<dyn Extension>),
        ..Options::new(sink)
    };
    let mut cx = Join::new(met, config, node.clone(), options).unwrap_or_else(|error| panic!("{error}"));
    let result = runtime.block_on(workflow.run(&mut cx, &Selection::default()));
    let events = std::mem::take(&mut *heard.lock().expect("not poisoned"));
    match result {
        Ok(_) => {}
        Err(RunError::Phase { source, .. }) => {
            panic!("{source}: {:?}\n{events:#?}", std::error::Error::source(&source))
        }
        Err(RunError::Select(error)) => panic!("{error}"),
    }
    let mut did = BTreeMap::new();
    for event in events {
        if let Event::Finished { path, changes, .. } = event {
            let changed =
                changes.iter().filter(|change| ![ChangeKind::Unchanged, ChangeKind::Ran].contains(&change.kind));
            did.insert(path, changed.map(|change| format!("{:?} {}", change.kind, change.path)).collect());
        }
    }
    Joined { did, plugins }
}

/// Brings what control-plane nodes share, as who has no key for the uploaded certificates.
fn bring(stage: &Stage, machine: &Rehearsal) {
    for file in SHARED {
        let place = |machine: &Rehearsal| machine.root().join("etc/kubernetes/pki").join(file);
        let target = place(machine);
        std::fs::create_dir_all(target.parent().expect("a directory")).expect("a directory");
        std::fs::copy(place(&stage.machine), target).expect("a copy");
    }
}

fn manifest(machine: &Rehearsal, component: &str) -> String {
    let path = format!("/etc/kubernetes/manifests/{component}.yaml");
    let bytes = machine.node().read(&path).expect("readable").unwrap_or_else(|| panic!("{path}"));
    String::from_utf8(bytes).expect("UTF-8")
}

#[test]
fn a_control_plane_that_joins_is_changed_as_the_first_one() {
    let stage = Stage::new(["hardening", "audit-policy"].map(entry).to_vec());
    stage.init();
    let second = stage.machine.neighbour("cp-2", "192.0.2.12".parse().expect("an address")).expect("a machine");
    bring(&stage, &second);

    // What is foretold is what is done, as far as plugins have to do with it.
    let [scratch, planned] = [(); 2].map(|()| tempfile::tempdir().expect("a scratch"));
    let dry = join(&stage, &second, &second.node().dry_run_here(scratch.path()), true, false);
    let plan = join(&stage, &second, &second.node().dry_run_here(planned.path()), true, true);
    assert!(!second.node().exists("/etc/kubernetes/manifests/kube-apiserver.yaml"), "nothing was done");
    let real = join(&stage, &second, second.node(), true, false);
    fn theirs(joined: &Joined) -> Vec<&String> {
        let is_theirs =
            |line: &&String| line.contains(" /etc/kubernetes/") && !line.contains("/pki/") && !line.ends_with(".conf");
        let mut all: Vec<&String> = joined.did.values().flatten().filter(is_theirs).collect();
        all.sort();
        all.dedup();
        all
    }
    assert!(theirs(&real).iter().any(|line| line.contains("audit")), "{:#?}", real.did);
    assert_eq!(theirs(&real), theirs(&dry), "dry run");
    assert_eq!(theirs(&real), theirs(&plan), "plan");

    for component in ["kube-apiserver", "kube-controller-manager", "kube-scheduler"] {
        let ours = manifest(&second, component).replace("192.0.2.12", "192.0.2.10");
        assert_eq!(ours, manifest(&stage.machine, component), "{component}");
    }
    assert!(manifest(&second, "kube-apiserver").contains("--audit-policy-file="));
    let journal = Journal::read(second.node()).expect("readable").expect("a journal");
    for path in journal.plugins.values().flat_map(|owned| owned.files.keys()) {
        let [first, own] = [stage.node(), second.node()].map(|node| node.read(path).expect("readable"));
        assert!(own.is_some() && first == own, "{path}");
    }

    // A second time there is nothing to do.
    let again = join(&stage, &second, second.node(), true, false);
    assert_eq!(again.did.values().map(Vec::len).sum::<usize>(), 0, "{:#?}", again.did);
}

#[test]
fn what_plugins_had_made_on_a_worker_goes_with_its_reset() {
    let stage = Stage::new(vec![entry("registry-mirror"), entry("audit-policy")]);
    stage.init();
    let worker = stage.machine.neighbour("worker-1", "192.0.2.21".parse().expect("an address")).expect("a machine");
    let before = tree::read(worker.root());
    let joined = join(&stage, &worker, worker.node(), false, false);
    let journal = Journal::read(worker.node()).expect("readable").expect("a journal");
    let owned: Vec<String> = journal.plugins.values().flat_map(|owned| owned.files.keys().cloned()).collect();
    assert!(owned.iter().any(|path| path.ends_with("/registry.k8s.io/hosts.toml")), "{owned:?}");
    assert!(!owned.iter().any(|path| path.contains("audit")), "a worker has no API server: {owned:?}");
    let told = reset_on(worker.node(), joined.plugins);
    for path in &owned {
        assert!(!worker.node().exists(path), "{path} is left\n{told}");
    }
    assert_eq!(of_others(&before), of_others(&tree::read(worker.root())), "{told}");
}
