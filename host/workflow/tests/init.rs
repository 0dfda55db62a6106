//! The phases of `init` on a directory that stands for a node: what they write, what they keep, what they refuse.

#![expect(clippy::disallowed_methods, reason = "tests look at what was written")]

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
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
use kubephase_workflow::init::{Init, Options, workflow};

const CONFIG: &str = "
apiVersion: kubeadm.k8s.io/v1beta4
kind: InitConfiguration
localAPIEndpoint: {advertiseAddress: 192.0.2.10}
nodeRegistration: {name: node-1, criSocket: 'unix:///var/run/containerd/containerd.sock'}
---
apiVersion: kubeadm.k8s.io/v1beta4
kind: ClusterConfiguration
kubernetesVersion: v1.36.2
encryptionAlgorithm: ECDSA-P256
";

/// There is no cluster to work in, and this machine is none for one.
const SKIPPED: [&str; 6] =
    ["preflight", "wait-control-plane", "upload-config", "mark-control-plane", "bootstrap-token", "addon"];

fn cluster(config: &str) -> Cluster {
    let mut report = Report::default();
    let source = load::source("c.yaml", config.as_bytes().to_vec(), &mut report).expect("UTF-8");
    let documents = load::load(&source, Command::Init, &mut report);
    let facts = Facts { hostname: "node-1".into(), ..Facts::default() };
    let no_network = |_: &str| Err("no network".to_owned());
    let mut count = 0_u8;
    let mut entropy = |bytes: &mut [u8]| {
        for byte in bytes {
            count = count.wrapping_add(1);
            *byte = count;
        }
    };
    let flags = InitFlags::default();
    resolve_init(Some(&documents), &flags, &facts, &no_network, &mut entropy, false, &mut report)
        .unwrap_or_else(|| panic!("{report}"))
}

struct Ran {
    result: Result<(), PhaseError>,
    changes: Vec<Change>,
    /// The same, by phase.
    did: BTreeMap<String, Vec<Change>>,
    skipped: BTreeMap<String, String>,
    notices: Vec<String>,
}

impl Ran {
    fn kinds(&self) -> Vec<ChangeKind> {
        let mut kinds: Vec<_> = self.changes.iter().map(|change| change.kind).collect();
        kinds.dedup();
        kinds
    }
}

/// Runs `only`, or everything but the phases that look at the real machine.
fn run(config: &str, node: Node, only: Option<&str>, patches: Option<&Path>) -> Ran {
    let events = Arc::new(Mutex::new(Vec::new()));
    let sink: Sink<Change> = {
        let events = events.clone();
        Arc::new(move |event| events.lock().expect("not poisoned").push(event))
    };
    let options = Options {
        only: only.map(str::to_owned),
        patches: patches.map(|path| path.to_string_lossy().into_owned()),
        ignore: Ignore::all(),
        ..Options::new(sink)
    };
    let skip: &[&str] = if only.is_some() { &[] } else { &SKIPPED };
    let skip = skip.iter().map(ToString::to_string).collect();
    let selection = Selection { only: only.map(str::to_owned), skip };
    let result = Init::new(cluster(config), node, options).and_then(|mut cx| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        match runtime.block_on(workflow().run(&mut cx, &selection)) {
            Ok(_) => Ok(()),
            Err(RunError::Phase { source, .. }) => Err(source),
            Err(RunError::Select(error)) => panic!("{error}"),
        }
    });
    let mut ran =
        Ran { result, changes: Vec::new(), did: BTreeMap::new(), skipped: BTreeMap::new(), notices: Vec::new() };
    for event in std::mem::take(&mut *events.lock().expect("not poisoned")) {
        match event {
            Event::Finished { path, changes, .. } | Event::Failed { path, changes, .. } => {
                ran.did.insert(path, changes.clone());
                ran.changes.extend(changes);
            }
            Event::Skipped { path, why } => drop(ran.skipped.insert(path, why)),
            Event::Notice { message, .. } => ran.notices.push(message),
            _ => {}
        }
    }
    ran
}

fn ok(ran: Ran) -> Ran {
    if let Err(error) = &ran.result {
        panic!("{error}: {:?}", std::error::Error::source(error));
    }
    ran
}

/// Every file below `root` with its mode and contents.
fn tree(root: &Path) -> BTreeMap<String, (u32, Vec<u8>)> {
    fn walk(root: &Path, at: &Path, tree: &mut BTreeMap<String, (u32, Vec<u8>)>) {
        for entry in std::fs::read_dir(at).expect("a directory") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                walk(root, &path, tree);
            } else {
                let mode = path.metadata().expect("there").permissions().mode() & 0o7777;
                let name = path.strip_prefix(root).expect("below").to_string_lossy().into_owned();
                tree.insert(name, (mode, std::fs::read(&path).expect("readable")));
            }
        }
    }
    let mut files = BTreeMap::new();
    walk(root, root, &mut files);
    files
}

#[test]
fn a_second_run_finds_its_own_work_and_changes_nothing() {
    let root = tempfile::tempdir().expect("a directory");
    let first = ok(run(CONFIG, Node::at(root.path()), None, None));
    assert!(first.changes.iter().all(|change| change.kind != ChangeKind::Replaced));
    let before = tree(root.path());
    for (name, (mode, _)) in &before {
        let secret = name.ends_with(".key") || name.ends_with(".conf") || name.contains("manifests/");
        assert!(!secret || *mode == 0o600, "{name} has mode {mode:o}");
    }
    let second = ok(run(CONFIG, Node::at(root.path()), None, None));
    assert_eq!(second.kinds(), [ChangeKind::Unchanged]);
    assert_eq!(before, tree(root.path()));
}

#[test]
fn a_dry_run_writes_what_the_real_run_writes() {
    let (root, scratch) = (tempfile::tempdir().expect("a directory"), tempfile::tempdir().expect("a directory"));
    ok(run(CONFIG, Node::dry_run_of(root.path(), scratch.path()), None, None));
    assert!(tree(root.path()).is_empty(), "a dry run wrote outside its scratch directory");
    ok(run(CONFIG, Node::at(root.path()), None, None));
    let strip = |path: &Path| {
        let mut files = tree(path);
        files.retain(|name, _| !name.starts_with("var/lib/kubephase/"));
        for (name, (_, contents)) in &mut files {
            // Keys and what is signed with them differ from run to run.
            if name.contains("/pki/") || name.ends_with(".conf") {
                contents.clear();
            }
        }
        files
    };
    assert_eq!(strip(scratch.path()), strip(root.path()));
}

#[test]
fn no_secret_is_in_any_change_or_notice() {
    let root = tempfile::tempdir().expect("a directory");
    let ran = ok(run(CONFIG, Node::at(root.path()), None, None));
    let told = serde_json::to_string(&ran.changes).expect("JSON") + &ran.notices.join("\n");
    assert!(!told.contains("PRIVATE KEY") && !told.contains("client-key-data"));
    let journal = std::fs::read_to_string(root.path().join("var/lib/kubephase/journal.json")).expect("a journal");
    assert!(journal.contains("/etc/kubernetes/pki/ca.key") && !journal.contains("PRIVATE KEY"));
}

#[test]
fn with_an_external_authority_nothing_is_signed() {
    let root = tempfile::tempdir().expect("a directory");
    ok(run(CONFIG, Node::at(root.path()), None, None));
    let at = |path: &str| root.path().join(path);
    std::fs::remove_file(at("etc/kubernetes/pki/ca.key")).expect("there");
    std::fs::remove_dir_all(at("etc/kubernetes/manifests")).expect("there");
    std::fs::remove_dir_all(at("var/lib/kubephase")).expect("there");
    let ran = ok(run(CONFIG, Node::at(root.path()), None, None));
    assert!(ran.skipped["certs/sa"].contains("external"), "{:?}", ran.skipped);
    let manager =
        std::fs::read_to_string(at("etc/kubernetes/manifests/kube-controller-manager.yaml")).expect("written");
    assert!(manager.contains("- --cluster-signing-cert-file=\n"), "{manager}");
    assert!(manager.contains("- --cluster-signing-key-file=\n"), "{manager}");

    std::fs::remove_file(at("etc/kubernetes/scheduler.conf")).expect("there");
    let ran = run(CONFIG, Node::at(root.path()), Some("certs/ca"), None);
    assert!(matches!(&ran.result, Err(PhaseError::MissingKubeconfig { path }) if path.ends_with("scheduler.conf")));

    std::fs::remove_file(at("etc/kubernetes/pki/apiserver.crt")).expect("there");
    let ran = run(CONFIG, Node::at(root.path()), Some("certs/ca"), None);
    let Err(PhaseError::ExternalCa(error)) = ran.result else { panic!("accepted") };
    assert!(error.to_string().contains("apiserver.crt"), "{error}");
}

#[test]
fn half_a_pair_is_refused_unless_a_run_of_ours_was_cut_off() {
    let root = tempfile::tempdir().expect("a directory");
    ok(run(CONFIG, Node::at(root.path()), None, None));
    let pki = root.path().join("etc/kubernetes/pki");
    let key = std::fs::read(pki.join("apiserver.key")).expect("there");
    std::fs::remove_file(pki.join("apiserver.crt")).expect("there");
    ok(run(CONFIG, Node::at(root.path()), None, None));
    assert_eq!(std::fs::read(pki.join("apiserver.key")).expect("there"), key);
    assert!(pki.join("apiserver.crt").exists());

    std::fs::remove_dir_all(root.path().join("var/lib/kubephase")).expect("there");
    std::fs::remove_file(pki.join("apiserver.crt")).expect("there");
    let ran = run(CONFIG, Node::at(root.path()), Some("certs/apiserver"), None);
    let Err(error) = ran.result else { panic!("accepted") };
    assert!(error.to_string().contains("apiserver.key"), "{error}");
    assert!(error.hint().is_some());
}

#[test]
fn a_foreign_authority_makes_existing_kubeconfigs_unusable() {
    let root = tempfile::tempdir().expect("a directory");
    ok(run(CONFIG, Node::at(root.path()), None, None));
    std::fs::remove_dir_all(root.path().join("etc/kubernetes/pki")).expect("there");
    ok(run(CONFIG, Node::at(root.path()), Some("certs"), None));
    let ran = run(CONFIG, Node::at(root.path()), Some("kubeconfig/admin"), None);
    assert!(matches!(ran.result, Err(PhaseError::Kubeconfig { path, .. }) if path == "/etc/kubernetes/admin.conf"));
}

#[test]
fn external_etcd_needs_none_of_our_etcd() {
    let root = tempfile::tempdir().expect("a directory");
    let config = format!("{CONFIG}etcd: {{external: {{endpoints: ['http://192.0.2.99:2379']}}}}\n");
    let ran = ok(run(&config, Node::at(root.path()), None, None));
    assert_eq!(ran.skipped["etcd/local"], "etcd is external");
    assert_eq!(ran.skipped["certs/etcd-ca"], "etcd is external");
    assert!(tree(root.path()).keys().all(|name| !name.contains("etcd")));
}

#[test]
fn patches_change_what_is_written_and_wrong_ones_stop_before_anything() {
    let root = tempfile::tempdir().expect("a directory");
    let patches = root.path().join("patches");
    std::fs::create_dir(&patches).expect("made");
    let patch = "spec: {containers: [{name: kube-scheduler, resources: {requests: {cpu: 7m}}}]}\n";
    std::fs::write(patches.join("kube-scheduler0+strategic.yaml"), patch).expect("written");
    std::fs::write(patches.join("README.md"), "not a patch").expect("written");
    let ran = ok(run(CONFIG, Node::at(root.path()), None, Some(Path::new("/patches"))));
    let pod =
        std::fs::read_to_string(root.path().join("etc/kubernetes/manifests/kube-scheduler.yaml")).expect("written");
    assert!(pod.contains("cpu: 7m") && pod.contains("livenessProbe"), "{pod}");
    assert!(ran.notices.iter().any(|notice| notice.contains("README.md")), "{:?}", ran.notices);

    std::fs::write(patches.join("etcd+sideways.yaml"), "{}").expect("written");
    let ran = run(CONFIG, Node::at(root.path()), None, Some(Path::new("/patches")));
    assert!(matches!(ran.result, Err(PhaseError::Patches { .. })));
    assert!(ran.changes.is_empty());
    let ran = run(CONFIG, Node::at(root.path()), None, Some(Path::new("/nowhere")));
    assert!(matches!(ran.result, Err(PhaseError::PatchDirectory(path)) if path == "/nowhere"));
}

#[test]
fn a_refused_run_claims_nothing_for_the_next_one() {
    let root = tempfile::tempdir().expect("a directory");
    let strangers = root.path().join("etc/kubernetes/pki/apiserver.key");
    std::fs::create_dir_all(strangers.parent().expect("a directory")).expect("made");
    std::fs::write(&strangers, "somebody else's").expect("written");
    for _ in 0..2 {
        let ran = run(CONFIG, Node::at(root.path()), None, None);
        assert!(matches!(ran.result, Err(PhaseError::Existing(_))), "{:?}", ran.result);
    }
    // What the refused runs did make is theirs.
    std::fs::remove_file(&strangers).expect("removed");
    // The kubelet's file trusts the certificate that goes.
    for made in ["pki/ca.crt", "kubelet.conf"] {
        std::fs::remove_file(root.path().join("etc/kubernetes").join(made)).expect("removed");
    }
    ok(run(CONFIG, Node::at(root.path()), None, None));
}

/// Runs everything with no check ignored: an empty root directory has no kubelet, so that preflight stops it. Names of
/// the failed checks.
fn stopped_by_preflight(root: &Path) -> Vec<String> {
    let options = Options::new(Arc::new(|_| {}));
    let mut cx = Init::new(cluster(CONFIG), Node::at(root), options).expect("a context");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    match runtime.block_on(workflow().run(&mut cx, &Selection::default())) {
        Err(RunError::Phase { source: PhaseError::Preflight(outcome), .. }) => {
            outcome.to_ignore().into_iter().map(str::to_owned).collect()
        }
        result => panic!("{result:?}"),
    }
}

#[test]
fn a_run_that_preflight_stops_leaves_no_journal() {
    let root = tempfile::tempdir().expect("a directory");
    stopped_by_preflight(root.path());
    assert!(tree(root.path()).is_empty(), "{:?}", tree(root.path()).keys());
}

#[test]
fn only_what_is_ours_passes_preflight() {
    const MANIFEST: &str = "FileAvailable--etc-kubernetes-manifests-kube-scheduler.yaml";
    let manifests = |root: &Path| {
        let failed = stopped_by_preflight(root);
        failed.into_iter().filter(|name| name.contains("Available-")).collect::<Vec<_>>()
    };
    let root = tempfile::tempdir().expect("a directory");
    let strangers = root.path().join("etc/kubernetes/manifests/kube-scheduler.yaml");
    std::fs::create_dir_all(strangers.parent().expect("a directory")).expect("made");
    std::fs::write(&strangers, "somebody else's").expect("written");
    assert_eq!(manifests(root.path()), [MANIFEST]);
    assert_eq!(manifests(root.path()), [MANIFEST], "the first run claimed nothing");
    std::fs::remove_file(&strangers).expect("removed");
    ok(run(CONFIG, Node::at(root.path()), None, None));
    std::fs::create_dir_all(root.path().join("var/lib/etcd/member")).expect("etcd has run");
    assert!(manifests(root.path()).is_empty(), "all of it is ours");
    // Killed when the manifest of an old etcd had gone, and its data had not.
    std::fs::remove_file(root.path().join("etc/kubernetes/manifests/etcd.yaml")).expect("removed");
    let without = |path: &str| {
        let at = root.path().join("var/lib/kubephase/journal.json");
        let mut journal: serde_json::Value = serde_json::from_slice(&std::fs::read(&at).expect("read")).expect("JSON");
        assert!(journal["files"].as_object_mut().expect("files").remove(path).is_some(), "{path}");
        std::fs::write(&at, journal.to_string()).expect("written");
    };
    without("/etc/kubernetes/manifests/etcd.yaml");
    assert!(manifests(root.path()).is_empty(), "the directory is ours");
    without("/var/lib/etcd");
    assert_eq!(manifests(root.path()), ["DirAvailable--var-lib-etcd"]);
}

#[test]
fn another_configuration_is_told_and_keeps_what_is_ours() {
    let root = tempfile::tempdir().expect("a directory");
    ok(run(CONFIG, Node::at(root.path()), None, None));
    let other = CONFIG.replace("v1.36.2", "v1.36.1");
    let second = ok(run(&other, Node::at(root.path()), None, None));
    assert!(second.notices.iter().any(|notice| notice.contains("another configuration")), "{:?}", second.notices);
    let replaced: Vec<_> = second.changes.iter().filter(|change| change.kind != ChangeKind::Unchanged).collect();
    assert!(!replaced.is_empty() && replaced.iter().all(|change| change.kind == ChangeKind::Replaced), "{replaced:?}");
    let journal = String::from_utf8(tree(root.path())["var/lib/kubephase/journal.json"].1.clone()).expect("text");
    assert!(journal.contains("\"/etc/kubernetes/pki/ca.key\": \"created\""), "{journal}");
}

#[test]
fn a_serving_certificate_is_looked_after_where_the_kubelet_asks_for_one() {
    let only = "kubelet-finalize/approve-serving-certificate";
    let (root, scratch) = (tempfile::tempdir().expect("a directory"), tempfile::tempdir().expect("another directory"));
    let ran = ok(run(CONFIG, Node::at(root.path()), Some(only), None));
    assert_eq!(ran.skipped[only], "the kubelet signs its own: serverTLSBootstrap is not set");

    let asks = "apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\nserverTLSBootstrap: true\n";
    let asks = format!("{CONFIG}---\n{asks}");
    let ran = ok(run(&asks, Node::dry_run_of(root.path(), scratch.path()), Some(only), None));
    assert!(ran.skipped.is_empty() && ran.changes.is_empty(), "{:?}", ran.skipped);
    assert!(ran.notices.iter().any(|notice| notice.contains("would approve")), "{:?}", ran.notices);
    // There is no cluster to ask.
    let ran = run(&asks, Node::at(root.path()), Some(only), None);
    assert!(matches!(ran.result, Err(PhaseError::NoKubeconfig { .. })), "{:?}", ran.result);
}

#[test]
fn the_kubelet_has_a_head_start_and_each_phase_tells_its_own() {
    let root = tempfile::tempdir().expect("a root");
    let at = |path: &str| root.path().join(path);
    std::fs::create_dir_all(at("usr/bin")).expect("a directory");
    let log = at("log");
    // What is there when the kubelet is started.
    let script = format!(
        "#!/bin/sh\necho \"$*\" >> {log}\ncase \"$1\" in\nrestart) cd {root} && ls etc/kubernetes etc/kubernetes/pki \
         etc/kubernetes/manifests var/lib/kubelet >> {log} && touch running;;\nis-active) test -e {root}/running && echo \
         active;;\nesac\n",
        log = log.display(),
        root = root.path().display()
    );
    std::fs::write(at("usr/bin/systemctl"), script).expect("written");
    std::fs::set_permissions(at("usr/bin/systemctl"), PermissionsExt::from_mode(0o755)).expect("a program");

    let ran = ok(run(CONFIG, Node::at(root.path()), None, None));
    let log = std::fs::read_to_string(&log).expect("the kubelet was started");
    assert_eq!(log.matches("restart kubelet").count(), 1, "{log}");
    for there in ["kubelet.conf", "ca.crt", "config.yaml", "kubeadm-flags.env", "instance-config.yaml"] {
        assert!(log.contains(&format!("{there}\n")), "{there} is missing:\n{log}");
    }
    assert!(!log.contains("apiserver.crt") && !log.contains("etcd.yaml"), "that is late:\n{log}");

    let told = |phase: &str| -> Vec<(ChangeKind, &str)> {
        ran.did[phase].iter().map(|change| (change.kind, change.path.as_str())).collect()
    };
    assert!(told("certs/ca").iter().all(|(_, path)| !path.contains("kubelet") && !path.contains("manifests")));
    assert_eq!(told("kubeconfig/kubelet"), [(ChangeKind::Created, "/etc/kubernetes/kubelet.conf")]);
    assert!(told("etcd/local").contains(&(ChangeKind::Created, "/etc/kubernetes/manifests")));
    let kubelet = told("kubelet-start");
    assert!(kubelet.contains(&(ChangeKind::Created, "/var/lib/kubelet/config.yaml")), "{kubelet:?}");
    assert!(kubelet.iter().all(|(kind, _)| *kind != ChangeKind::Unchanged), "{kubelet:?}");
    assert_eq!(kubelet.last(), Some(&(ChangeKind::Ran, "restart kubelet")));

    // Again: nothing to hurry, nothing to start.
    let again = ok(run(CONFIG, Node::at(root.path()), None, None));
    assert_eq!(again.kinds(), [ChangeKind::Unchanged]);
    assert_eq!(std::fs::read_to_string(at("log")).expect("it").matches("restart kubelet").count(), 1);
}

#[test]
fn a_kubelet_that_will_not_be_started_gets_no_head_start() {
    let root = tempfile::tempdir().expect("a root");
    let config = CONFIG.replace("kind: InitConfiguration", "kind: InitConfiguration\nskipPhases: [kubelet-start]");
    let ran = run(&config, Node::at(root.path()), None, None);
    assert!(ran.did["kubeconfig/kubelet"].iter().any(|change| change.kind == ChangeKind::Created));
    assert!(!root.path().join("var/lib/kubelet/pki").exists());
    let ca: Vec<&str> = ran.did["certs/ca"].iter().map(|change| change.path.as_str()).collect();
    assert!(ca.iter().all(|path| path.starts_with("/etc")), "{ca:?}");
}
