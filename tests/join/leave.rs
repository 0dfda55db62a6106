//! `node remove` and `status` on machines that have joined.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use kubephase_engine::Level;
use kubephase_model::config::flags::JoinFlags;
use kubephase_model::object::{CERTIFICATE_SIGNING_REQUEST, CONFIG_MAP, LEASE, NODE, ObjectRef, POD};
use kubephase_node::kube::{Api, Select};
use kubephase_node::{ChangeKind, Node};
use kubephase_rehearsal::Rehearsal;
use kubephase_workflow::node_remove::{self, Options, RemoveError};
use kubephase_workflow::status::{MadeBy, Status};
use kubephase_workflow::{Journal, cluster, etcd_members};
use serde_json::{Value, json};

use crate::stage::{Stage, runtime};

/// Everybody answers at once, or never.
const PATIENCE: Duration = Duration::from_secs(10);
const EXTERNAL_ETCD: &str = "etcd: {external: {endpoints: ['http://192.0.2.99:2379']}}\n";

fn options(name: &str) -> Options {
    let pki = "/etc/kubernetes/pki".into();
    Options { name: name.into(), drain: Duration::from_secs(3), force: false, pki }
}

fn api(node: &Node) -> Api {
    cluster::connect(node, "/etc/kubernetes/admin.conf").expect("a kubeconfig")
}

/// Removes a node from the first machine, or from a dry run of it, and says what was told.
fn remove(node: &Node, options: &Options) -> (Result<(), RemoveError>, String) {
    let told = Mutex::new(String::new());
    let tell = |level: Level, text: String| told.lock().expect("not poisoned").push_str(&format!("{level:?} {text}\n"));
    let result = runtime().block_on(async { node_remove::remove(node, &api(node), options, &tell).await });
    (result, told.into_inner().expect("not poisoned"))
}

fn get(machine: &Rehearsal, object: &ObjectRef) -> Option<Value> {
    runtime().block_on(async { api(machine.node()).get(object).await }).expect("an answer")
}

fn requests(machine: &Rehearsal) -> usize {
    let list = async { api(machine.node()).list(&CERTIFICATE_SIGNING_REQUEST, None, Select::default()).await };
    runtime().block_on(list).expect("a list").len()
}

/// Puts a Pod on a node, as the scheduler would. One that is held does not go before somebody lets it.
fn pod(machine: &Rehearsal, node: &str, name: &str, is_held: bool) -> ObjectRef {
    let finalizers: &[&str] = if is_held { &["example.com/held"] } else { &[] };
    let pod = json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": { "name": name, "namespace": "default", "finalizers": finalizers },
        "spec": { "nodeName": node, "containers": [{ "name": "c", "image": "example.com/c:1" }] },
    });
    runtime().block_on(async { api(machine.node()).create(&pod).await }).expect("created");
    ObjectRef::new(&POD, Some("default"), name)
}

#[test]
fn a_worker_that_answers_is_drained_and_everything_of_it_goes() {
    let stage = Stage::new("");
    let first = stage.first();
    let before = requests(first);
    let [worker, other] = [("w-1", "192.0.2.11"), ("w-2", "192.0.2.12")].map(|(name, at)| stage.machine(name, at));
    for (machine, name) in [(&worker, "w-1"), (&other, "w-2")] {
        stage.join(machine, &stage.flags()).expect_done();
        assert!(stage.wait_for_ready(name));
    }
    let lease = |name: &str| ObjectRef::new(&LEASE, Some("kube-node-lease"), name);
    let node = |name: &str| ObjectRef::new(&NODE, None, name);
    assert!(get(first, &lease("w-1")).is_some() && requests(first) == before + 2, "what joining leaves");
    let pods = [pod(first, "w-1", "leaves", false), pod(first, "w-2", "elsewhere", false)];

    // A dry run asks, and changes nothing.
    let scratch = tempfile::tempdir().expect("a directory");
    let (result, told) = remove(&first.node().dry_run_here(scratch.path()), &options("w-1"));
    result.unwrap_or_else(|error| panic!("{error}\n{told}"));
    assert!(get(first, &node("w-1")).is_some_and(|node| node["spec"].get("unschedulable").is_none()));
    assert!(get(first, &pods[0]).is_some() && get(first, &lease("w-1")).is_some() && requests(first) == before + 2);

    let (result, told) = remove(first.node(), &options("w-1"));
    result.unwrap_or_else(|error| panic!("{error}\n{told}"));
    assert!(told.contains("Warning w-1 answers: it comes back if it is not reset as well"), "{told}");
    assert!(!told.contains("etcd"), "a worker has none: {told}");
    assert_eq!(get(first, &pods[0]), None, "evicted");
    assert!(get(first, &pods[1]).is_some(), "what is elsewhere stays");
    assert_eq!((get(first, &node("w-1")), get(first, &lease("w-1"))), (None, None));
    assert!(get(first, &node("w-2")).is_some() && get(first, &lease("w-2")).is_some(), "the other one stays");
    assert_eq!(requests(first), before + 1, "as does the request by which it has joined");
}

#[test]
fn a_pod_that_does_not_leave_stops_it_before_the_node_is_gone() {
    let stage = Stage::new("");
    let first = stage.first();
    let worker = stage.machine("w-1", "192.0.2.11");
    stage.join(&worker, &stage.flags()).expect_done();
    assert!(stage.wait_for_ready("w-1"));
    pod(first, "w-1", "held", true);
    let (result, told) = remove(first.node(), &options("w-1"));
    let error = result.expect_err("it stays");
    assert_eq!(
        error.to_string(),
        "draining the node w-1: 1 Pods are still there after 3 s: default/held (is ending)",
        "{told}"
    );
    assert!(error.hint().is_some_and(|hint| hint.contains("--force")));
    let node = get(first, &ObjectRef::new(&NODE, None, "w-1")).expect("still there");
    assert_eq!(node["spec"]["unschedulable"], true, "nothing new comes meanwhile");

    let (result, told) = remove(first.node(), &Options { force: true, ..options("w-1") });
    result.unwrap_or_else(|error| panic!("{error}\n{told}"));
    assert!(told.contains("going on by request"), "{told}");
    assert_eq!(get(first, &ObjectRef::new(&NODE, None, "w-1")), None);
}

#[test]
fn a_node_that_goes_while_it_is_drained_is_not_waited_for() {
    let stage = Stage::new("");
    let first = stage.first();
    let worker = stage.machine("w-1", "192.0.2.11");
    stage.join(&worker, &stage.flags()).expect_done();
    assert!(stage.wait_for_ready("w-1"));
    pod(first, "w-1", "held", true);
    let begun = Instant::now();
    let (result, told) = std::thread::scope(|scope| {
        scope.spawn(|| {
            std::thread::sleep(Duration::from_millis(1500));
            // As whoever looks after machines does, when it finds out that this one is gone.
            let name = ObjectRef::new(&NODE, None, "w-1");
            runtime().block_on(async { api(first.node()).delete(&name).await }).expect("gone");
        });
        remove(first.node(), &Options { drain: Duration::from_secs(60), ..options("w-1") })
    });
    result.unwrap_or_else(|error| panic!("{error}\n{told}"));
    assert!(told.contains("w-1 does not answer any more: 1 Pods are not waited for"), "{told}");
    assert!(begun.elapsed() < Duration::from_secs(40), "{:?}", begun.elapsed());
    assert_eq!(get(first, &ObjectRef::new(&NODE, None, "w-1")), None);
}

#[test]
fn a_node_does_not_remove_itself() {
    let stage = Stage::new(EXTERNAL_ETCD);
    let first = stage.first();
    let (result, told) = remove(first.node(), &Options { force: true, ..options("cp-1") });
    let error = result.expect_err("it is this one");
    assert!(matches!(&error, RemoveError::Itself(name) if name == "cp-1"), "{error} {told}");
    assert!(error.hint().is_some_and(|hint| hint.contains("`kubephase reset` here")));
    assert!(get(first, &ObjectRef::new(&NODE, None, "cp-1")).is_some(), "nothing has changed");
}

#[test]
fn a_control_plane_node_goes_with_its_endpoint_and_leaves_an_external_etcd_alone() {
    let stage = Stage::new(EXTERNAL_ETCD);
    let first = stage.first();
    let second = stage.machine("cp-2", "192.0.2.12");
    let flags = JoinFlags { control_plane: true, certificate_key: Some(stage.key.clone()), ..stage.flags() };
    stage.join(&second, &flags).expect_done();
    assert!(stage.wait_for_ready("cp-2"));
    // As an old cluster has it.
    let config = ObjectRef::new(&CONFIG_MAP, Some("kube-system"), "kubeadm-config");
    let old = |object: &mut Value| {
        object["data"]["ClusterStatus"] = "apiVersion: kubeadm.k8s.io/v1beta2\nkind: ClusterStatus\napiEndpoints:\n  \
                                           cp-1: {advertiseAddress: 192.0.2.1}\n  cp-2: {advertiseAddress: 192.0.2.12}\n"
            .into();
    };
    runtime().block_on(async { api(first.node()).mutate(&config, &old).await }).expect("changed");

    let (result, told) = remove(first.node(), &options("cp-2"));
    result.unwrap_or_else(|error| panic!("{error}\n{told}"));
    assert!(told.contains("Info the cluster uses an external etcd, which is left alone"), "{told}");
    assert_eq!(get(first, &ObjectRef::new(&NODE, None, "cp-2")), None);
    let status = get(first, &config).expect("there")["data"]["ClusterStatus"].as_str().map(str::to_owned);
    assert!(status.is_some_and(|text| text.contains("cp-1") && !text.contains("cp-2")));

    // Once more there is nothing, and a name that was never there is no success.
    for name in ["cp-2", "nobody"] {
        let (result, told) = remove(first.node(), &options(name));
        assert!(matches!(&result, Err(RemoveError::Unknown(said)) if said == name), "{result:?} {told}");
    }
}

#[test]
fn a_cluster_that_was_built_anew_is_another_one() {
    let joined = |stage: &Stage, name: &str| {
        let worker = stage.machine(name, "192.0.2.11");
        stage.join(&worker, &stage.flags()).expect_done();
        Journal::read(worker.node()).expect("readable").expect("a journal")
    };
    let first = Stage::new("");
    let journal = joined(&first, "w-1");
    let again = joined(&Stage::new(""), "w-1");
    assert!(journal.is_of("join", &journal.fingerprint));
    assert!(!again.is_of("join", &journal.fingerprint), "only its authority is another");
}

#[test]
fn status_says_how_far_a_worker_has_come() {
    let stage = Stage::new("");
    let worker = stage.machine("w-1", "192.0.2.11");
    let status = || Status::of(worker.node()).expect("looked");
    assert_eq!(status().made_by, MadeBy::Nobody);

    stage.join_until(&worker, &stage.flags(), "kubelet-start");
    let cut = status();
    assert_eq!((cut.workflow.as_deref(), cut.complete), (Some("join"), false), "{cut:?}");
    assert_eq!(cut.remaining, ["kubelet-wait-bootstrap"], "{cut:?}");
    assert!(cut.next.contains("goes on with `kubelet-wait-bootstrap`"), "{}", cut.next);

    stage.join(&worker, &stage.flags()).expect_done();
    let whole = status();
    assert_eq!((whole.made_by, whole.role, whole.complete), (MadeBy::Kubephase, Some("worker"), true), "{whole:?}");
    assert_eq!(whole.drift, [], "the kubelet has changed nothing that we wrote");
    assert!(whole.files > 0 && whole.next.contains("would change nothing"), "{whole:?}");
}

#[test]
fn a_member_that_was_never_started_goes_with_its_node() {
    let stage = Stage::new("");
    let first = stage.first();
    // Cut off before etcd ran, and before the node was marked as a control plane.
    let peer = ["https://192.0.2.12:2380".to_owned()];
    let node = json!({
        "apiVersion": "v1", "kind": "Node", "metadata": { "name": "cp-2" },
        "status": { "addresses": [{ "type": "InternalIP", "address": "192.0.2.12" }] },
    });
    let etcd = || async {
        let quiet = |_: Level, _: String| {};
        let found = etcd_members::connect(first.node(), &api(first.node()), &options("").pki, PATIENCE, &quiet).await;
        found.expect("etcd")
    };
    let members = || runtime().block_on(async { etcd().await.members().await }).expect("an answer").len();
    let begin = || drop(runtime().block_on(async { etcd().await.add_learner(&peer).await }).expect("a learner"));
    runtime().block_on(async { api(first.node()).create(&node).await }).expect("created");
    begin();
    assert_eq!(members(), 2);
    let (result, told) = remove(first.node(), &options("cp-2"));
    result.unwrap_or_else(|error| panic!("{error}\n{told}"));
    assert!(told.contains("etcd member") && told.contains("is removed"), "{told}");
    assert_eq!((members(), get(first, &ObjectRef::new(&NODE, None, "cp-2"))), (1, None));

    // Where nothing says whose it is, it stays and is told.
    begin();
    let (result, told) = remove(first.node(), &options("cp-3"));
    assert!(matches!(&result, Err(RemoveError::Unknown(name)) if name == "cp-3"), "{result:?} {told}");
    assert!(told.contains("https://192.0.2.12:2380 was never started: whether it is cp-3's is not known"), "{told}");
    assert_eq!(members(), 2);
}

#[test]
fn a_member_that_was_taken_out_meanwhile_begins_anew_without_its_old_data() {
    let stage = Stage::new("");
    let first = stage.first();
    let second = stage.machine("cp-2", "192.0.2.12");
    let flags = JoinFlags { control_plane: true, certificate_key: Some(stage.key.clone()), ..stage.flags() };
    stage.join(&second, &flags).expect_done();
    let ids = |count: usize| {
        let all = runtime().block_on(async {
            let quiet = |_: Level, _: String| {};
            let etcd =
                etcd_members::connect(first.node(), &api(first.node()), &options("").pki, PATIENCE, &quiet).await;
            let etcd = etcd.expect("etcd");
            let members = etcd.members().await.expect("an answer");
            for gone in members.iter().filter(|member| count == 1 && member.name == "cp-2") {
                etcd.remove(gone.id).await.expect("removed");
            }
            etcd.members().await.expect("an answer")
        });
        assert_eq!(all.len(), count);
        all.into_iter().map(|member| member.id).collect::<Vec<_>>()
    };
    let before = ids(2);
    ids(1);
    // Its manifest is still there, and so is what it kept.
    let old = second.root().join("var/lib/etcd/member/wal/of-the-old-member");
    std::fs::create_dir_all(old.parent().expect("a directory")).expect("a directory");
    std::fs::write(&old, "old").expect("a file");

    let ran = stage.join(&second, &flags).expect_done();
    assert!(ran.told.contains("holds data of a member that is no more: they are removed"), "{}", ran.told);
    assert!(!old.exists(), "{}", ran.told);
    let manifest: Vec<_> =
        ran.changes.iter().filter(|change| change.path.ends_with("/etcd.yaml")).map(|change| change.kind).collect();
    assert_eq!(manifest, [ChangeKind::Removed, ChangeKind::Created], "its end comes before its data's");
    let after = ids(2);
    assert!(after.iter().any(|id| !before.contains(id)), "{before:?} {after:?}");
}
