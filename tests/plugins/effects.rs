//! What all plugins of this repository do together to a machine and its cluster: foretold, done, done again, taken back.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use kubephase_model::object::{KINDS, ObjectRef};
use kubephase_node::kube::{Api, Select};
use kubephase_node::{Change, ChangeKind, Node};
use kubephase_workflow::extension::Extension as _;
use kubephase_workflow::plugins::{Pulls, Site, all_holdings, holdings, images, uninstall};
use kubephase_workflow::undo::Undo;
use serde_json::{Value, json};

use crate::components::team;
use crate::real::Stage;
use crate::runs::{Ran, ignoring, runtime};
use crate::support::tree::{self, Tree};

/// Pod networks of this repository; a cluster has one.
const NETWORKS: [&str; 2] = ["flannel", "cni-bridge"];
/// The one file in which a plugin has something drawn at random.
const DRAWN: &str = "etc/kubernetes/encryption/config.yaml";

/// What did the pretended kubelet, etcd and the machine, and not the phases: no plan can know of it, and nothing takes it back.
fn is_kubelets(path: &str) -> bool {
    ["var/lib/kubelet/pki", "var/lib/etcd", "var/log", "run"]
        .iter()
        .any(|own| path == *own || path.starts_with(&format!("{own}/")))
}

/// Every object of the cluster.
fn objects(stage: &Stage) -> BTreeMap<String, Value> {
    let api = stage.api();
    stage.wait(async {
        let mut all = BTreeMap::new();
        for kind in KINDS {
            // What the server does not know, nobody has made.
            for object in api.list(kind, None, Select::default()).await.unwrap_or_default() {
                let mut object = object;
                object["apiVersion"] = json!(kind.api_version);
                object["kind"] = json!(kind.kind);
                let name = ObjectRef::of(&object).expect("a name");
                all.insert(format!("{} {name}", kind.api_version), object);
            }
        }
        all
    })
}

fn labels(object: &Value) -> impl Iterator<Item = &str> {
    object["metadata"]["labels"].as_object().into_iter().flatten().map(|(name, _)| name.as_str())
}

/// What a run did, without what it found to be so and what was not a file or an object.
fn effects(ran: &Ran) -> BTreeMap<String, Vec<(ChangeKind, String)>> {
    let changed = |change: &&Change| ![ChangeKind::Unchanged, ChangeKind::Ran].contains(&change.kind);
    let told = |changes: &Vec<Change>| {
        changes.iter().filter(changed).map(|change| (change.kind, change.path.clone())).collect::<Vec<_>>()
    };
    ran.did.iter().map(|(phase, changes)| (phase.clone(), told(changes))).filter(|(_, did)| !did.is_empty()).collect()
}

/// What plugins made of documents, and why: one line per patch.
fn reasons(ran: &Ran) -> Vec<&String> {
    ran.notices.iter().filter(|notice| notice.contains(" has changed ")).collect()
}

fn site(node: &Node, api: Api) -> Site {
    Site {
        node: node.clone(),
        api: Some(api),
        sink: Arc::new(|_| {}),
        path: "uninstall".into(),
        ignore: ignoring(&[]),
        patience: None,
        pulls: Pulls::default(),
    }
}

/// Files that plugins own, relative to the root, and those of ours whose documents they change.
fn theirs(stage: &Stage) -> BTreeSet<String> {
    let api = stage.api();
    let held = stage.wait(all_holdings(stage.node(), Some(&api))).expect("asked");
    let own = held.into_iter().flat_map(|held| held.files);
    let manifests = ["etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler"];
    let changed = manifests.map(|name| format!("/etc/kubernetes/manifests/{name}.yaml"));
    let all = own.chain(changed).chain(["/var/lib/kubelet/config.yaml".to_owned()]);
    all.map(|path| path.trim_start_matches('/').to_owned()).collect()
}

#[test]
fn plan_dry_run_and_run_do_the_same() {
    for network in NETWORKS {
        let stage = Stage::new(team(network));
        let scratch = tempfile::tempdir().expect("a scratch");
        let dry_node = stage.node().dry_run_here(scratch.path());
        let before = tree::read(stage.machine.root());
        let dry = stage.run(&dry_node, |_, _| {}).ok();
        let planned = tempfile::tempdir().expect("a scratch");
        let plan = stage.run(&stage.node().dry_run_here(planned.path()), |options, _| options.plan = true).ok();
        assert_eq!(before, tree::read(stage.machine.root()), "{network}: a dry run changed the machine");
        let real = stage.init();

        // Phases that have to do with plugins, and documents that these change.
        let is_theirs = |phase: &str| {
            ["addon/", "etcd/", "control-plane/", "kubelet-start", "upload-config/plugins"]
                .iter()
                .any(|part| phase.starts_with(part))
                || !phase.contains('/') && stage.entries.iter().any(|entry| entry["name"] == phase)
        };
        let of = |ran: &Ran| {
            let mut all = effects(ran);
            all.retain(|phase, _| is_theirs(phase));
            all
        };
        let (real_did, dry_did, plan_did) = (of(&real), of(&dry), of(&plan));
        assert!(real_did.values().map(Vec::len).sum::<usize>() > 40, "{real_did:#?}");
        assert_eq!(real_did, dry_did, "{network}: dry run");
        assert_eq!(real_did, plan_did, "{network}: plan");
        assert_eq!(reasons(&real), reasons(&dry), "{network}: dry run");
        assert_eq!(reasons(&real), reasons(&plan), "{network}: plan");
        assert!(reasons(&real).len() > 8, "{:#?}", reasons(&real));

        // Every byte.
        let after = tree::read(stage.machine.root());
        let theirs = theirs(&stage);
        for told in [&scratch, &planned] {
            let foretold = tree::read(told.path());
            for path in &theirs {
                let (wanted, made) = (&after[path], foretold.get(path));
                let made = made.unwrap_or_else(|| panic!("{network}: {path} was not foretold"));
                assert_eq!(wanted.mode, made.mode, "{path}");
                if path != DRAWN {
                    assert_eq!(wanted.body, made.body, "{network}: {path}");
                }
            }
        }
        assert!(theirs.len() > 8 && theirs.contains(DRAWN), "{theirs:?}");

        // What is asked of the cluster, by its difference, and the images.
        for dry in [&dry, &plan] {
            for (phase, changes) in &real.did {
                let asked = |changes: &[Change]| -> Vec<Change> {
                    let is_object = |change: &&Change| change.object.is_some();
                    changes.iter().filter(is_object).cloned().collect()
                };
                if phase.starts_with("addon/") {
                    for (real, dry) in asked(changes).iter().zip(asked(&dry.did[phase])) {
                        assert_eq!((&real.path, real.kind, real.secret), (&dry.path, dry.kind, dry.secret));
                    }
                }
            }
        }
        let brought = |node: &Node| stage.wait(images(&*stage.plugins(node))).expect("asked");
        assert_eq!(brought(stage.node()), brought(&dry_node));
        let pulled = |ran: &Ran| -> BTreeSet<String> {
            let told = ran.progress.iter().filter_map(|told| told.split_once(": pulled"));
            told.map(|(image, _)| image.to_owned()).collect()
        };
        let pulled = pulled(&real);
        for image in brought(stage.node()).into_iter().flat_map(|plugin| plugin.images) {
            assert!(pulled.contains(&image), "{image}: {pulled:?}");
        }

        // With a cluster that answers, a dry run finds nothing to do.
        let scratch = tempfile::tempdir().expect("a scratch");
        let again = stage.run(&stage.node().dry_run_here(scratch.path()), |_, _| {}).ok();
        assert_eq!(of(&again), BTreeMap::new(), "{network}");
    }
}

#[test]
fn a_second_run_changes_nothing() {
    for network in NETWORKS {
        let stage = Stage::new(team(network));
        stage.init();
        let (files, before) = (tree::read(stage.machine.root()), objects(&stage));
        let again = stage.init();
        let mut did = effects(&again);
        // A token that is shown once cannot be shown again: init makes another.
        did.remove("bootstrap-token");
        assert_eq!(did, BTreeMap::new(), "{network}");
        let now = objects(&stage);
        for (name, object) in &before {
            // The kubelet tells how they are.
            let is_alive = ["Node ", "Pod ", "Lease ", "Event "].iter().any(|kind| name.contains(kind));
            if !is_alive {
                assert_eq!(Some(object), now.get(name), "{network}: {name}");
            }
        }
        let changed = |(path, _): &(String, tree::Entry)| !is_kubelets(path) && !path.starts_with("var/lib/kubephase");
        let changed: Vec<_> =
            tree::changes(&files, &tree::read(stage.machine.root())).into_iter().filter(changed).collect();
        assert!(changed.is_empty(), "{network}: {changed:?}");
    }
}

#[test]
fn undoing_leaves_the_tree_as_it_was() {
    for network in NETWORKS {
        let stage = Stage::new(team(network));
        let before = tree::read(stage.machine.root());
        stage.init();
        let theirs = theirs(&stage);
        undo(stage.node());
        let after = tree::read(stage.machine.root());
        for path in theirs {
            assert!(!after.contains_key(&path) || before.get(&path) == after.get(&path), "{network}: {path} is left");
        }
        as_before(&before, &after, network);
    }
}

fn undo(node: &Node) {
    let undo = Undo::of(node).expect("readable").expect("a journal");
    // etcd's data are no file of ours, and who undoes is not who resets.
    let tell = |_, told: String| assert!(told.starts_with("/var/lib/etcd stays: "), "{told}");
    runtime().block_on(undo.run(node, &tell)).expect("undone");
}

#[track_caller]
fn as_before(before: &Tree, after: &Tree, about: &str) {
    let mut odd: Vec<String> = Vec::new();
    for path in before.keys().chain(after.keys()).filter(|path| !is_kubelets(path)) {
        match (before.get(path), after.get(path)) {
            (was, is) if was == is => {}
            (Some(_), None) => odd.push(format!("{path} is gone")),
            (None, Some(_)) => odd.push(format!("{path} is left")),
            _ => odd.push(format!("{path} differs")),
        }
    }
    odd.dedup();
    assert!(odd.is_empty(), "{about}: {odd:#?}");
}

#[test]
fn plugins_are_uninstalled_one_by_one_in_any_order() {
    let names: Vec<String> =
        team("flannel").iter().map(|entry| entry["name"].as_str().expect("a name").into()).collect();
    let mut backwards = names.clone();
    backwards.reverse();
    // And one order that is neither.
    let mut shuffled = names.clone();
    fastrand::Rng::with_seed(4).shuffle(&mut shuffled);
    for order in [names, backwards, shuffled] {
        let stage = Stage::new(team("flannel"));
        stage.init();
        let plugins = stage.plugins(stage.node());
        plugins.connected(&stage.api());
        for name in &order {
            let api = stage.api();
            let own = stage.wait(holdings(stage.node(), Some(&api), name)).expect("asked");
            let before = objects(&stage);
            let site = site(stage.node(), api);
            stage.wait(uninstall(&site, Some(&*plugins), name)).unwrap_or_else(|error| panic!("{name}: {error}"));
            let after = objects(&stage);
            let parent = format!("v1 ConfigMap kube-system/kubephase-plugin-{name}");
            for (object, was) in &before {
                if own.objects.contains(object) || *object == parent {
                    assert!(!after.contains_key(object), "{name}: {object} is left");
                } else if !is_moving(object, was) {
                    assert_eq!(Some(was), after.get(object), "{name}: {object}");
                }
            }
            for path in &own.files {
                assert!(!stage.node().exists(path), "{name}: {path} is left");
            }
        }
        let left = objects(&stage);
        for (name, object) in &left {
            let labels: Vec<&str> =
                labels(object).filter(|label| label.starts_with("applyset.kubernetes.io/")).collect();
            assert!(labels.is_empty(), "{name}: {labels:?}");
        }
        let held = stage.wait(all_holdings(stage.node(), Some(&stage.api()))).expect("asked");
        assert!(held.is_empty(), "{held:?}");
    }
}

/// What changes by itself, or because what it is about has gone: pods and what counts them.
fn is_moving(name: &str, object: &Value) -> bool {
    let kinds =
        ["Node ", "Lease ", "Event ", "Pod ", "ReplicaSet ", "Endpoints ", "EndpointSlice ", "ControllerRevision "];
    kinds.iter().any(|kind| name.contains(kind))
        || name.ends_with("kube-system/kubephase-config")
        // Every namespace has them, until it goes.
        || name.ends_with("/kube-root-ca.crt")
        || name.starts_with("v1 ServiceAccount ") && name.ends_with("/default")
        || object["metadata"]["ownerReferences"].is_array()
}
