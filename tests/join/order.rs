//! What is there before what.

use std::time::{Duration, Instant};

use kubephase_model::File;
use kubephase_model::config::flags::JoinFlags;
use kubephase_model::object::{CERTIFICATE_SIGNING_REQUEST, SECRET};
use kubephase_node::ChangeKind;
use kubephase_node::kube::Endpoint;
use kubephase_workflow::{Journal, cluster, etcd_members};

use crate::stage::{Stage, TOKEN, runtime};

/// A kubelet that finds the directory when it starts hears of each file that comes there. Of one that comes later it looks
/// for files three times a minute.
#[test]
fn the_directory_of_static_pods_is_there_before_the_kubelet_starts() {
    let stage = Stage::new("");
    let second = stage.machine("cp-2", "192.0.2.12");
    let flags = JoinFlags { control_plane: true, certificate_key: Some(stage.key.clone()), ..stage.flags() };
    let cut = stage.join_until(&second, &flags, "control-plane-prepare/control-plane");
    assert!(cut.result.is_none(), "{}", cut.told);
    let manifests = "/etc/kubernetes/manifests";
    assert!(second.node().is_dir(manifests));
    assert_eq!(second.node().list(manifests).expect("a directory"), [""; 0], "nothing starts before etcd has joined");
}

/// Labels and taints are the cluster's to keep, and it is there: nobody waits for this node's own API server.
#[test]
fn a_node_is_marked_by_the_server_it_joins_by() {
    let stage = Stage::new("etcd: {external: {endpoints: ['http://192.0.2.99:2379']}}\n");
    let second = stage.machine("cp-2", "192.0.2.12");
    let flags = JoinFlags { control_plane: true, certificate_key: Some(stage.key.clone()), ..stage.flags() };
    let ran = stage.join_until(&second, &flags, "kubelet-wait-bootstrap");
    assert!(ran.result.is_none(), "{}", ran.told);
    // Its own does not come back.
    second.node().remove("/etc/kubernetes/manifests/kube-apiserver.yaml").expect("removed");
    let runtime = runtime();
    let entered = runtime.enter();
    let own = cluster::connect_to(second.node(), "/etc/kubernetes/admin.conf", Some("https://192.0.2.12:6443"));
    let answers = async || own.as_ref().expect("a client").within(Duration::from_secs(1)).ready().await;
    drop(entered);
    runtime.block_on(async {
        let begun = Instant::now();
        while answers().await {
            assert!(begun.elapsed() < Duration::from_secs(10), "it goes on");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    });
    let skipped =
        ["preflight", "control-plane-prepare", "kubelet-start", "kubelet-wait-bootstrap", "wait-control-plane"];
    let flags = JoinFlags { skip_phases: Some(skipped.map(str::to_owned).into()), ..flags };
    let ran = stage.join(&second, &flags).expect_done();
    assert_eq!(ran.finished, ["control-plane-join/mark-control-plane"]);
}

/// Without having seen the API server a kubelet ends no pod, and it starts none beside one of the same name: of an etcd
/// that is another than before only a new kubelet takes notice.
#[test]
fn the_kubelet_starts_anew_if_another_etcd_is_to_run() {
    let stage = Stage::new("");
    let second = stage.machine("cp-2", "192.0.2.12");
    let flags = JoinFlags { control_plane: true, certificate_key: Some(stage.key.clone()), ..stage.flags() };
    let cut = stage.join_until(&second, &flags, "kubelet-start");
    assert!(cut.result.is_none(), "{}", cut.told);
    let before = File::private("/etc/kubernetes/manifests/etcd.yaml", "of an earlier run");
    second.node().ensure(&before).expect("written");
    let flags = JoinFlags { skip_phases: Some(vec!["preflight".into()]), ..flags };
    let ran = stage.join(&second, &flags).expect_done();
    assert!(ran.told.contains("another etcd is to run than an earlier run has started"), "{}", ran.told);
    assert!(ran.changes.iter().any(|change| change.path == "restart kubelet"), "{:?}", ran.changes);
}

/// By its answer the kubelet of a control-plane node is started anew at the right moment.
#[test]
fn a_server_says_whether_it_lets_a_token_in() {
    let stage = Stage::new("");
    let node = stage.first().node();
    let ca = node.read("/etc/kubernetes/pki/ca.crt").expect("readable");
    let runtime = runtime();
    let entered = runtime.enter();
    let with = |token: &str| {
        let (server, token) = ("https://cp.example.com:6443".to_owned(), Some(token.to_owned()));
        node.api(&Endpoint { server, ca: ca.clone(), token, ..Endpoint::default() }).expect("a client")
    };
    let (known, stranger) = (with(TOKEN), with("aaaaaa.0123456789abcdef"));
    drop(entered);
    runtime.block_on(async {
        assert!(known.may_create(&CERTIFICATE_SIGNING_REQUEST).await);
        assert!(!known.may_create(&SECRET).await);
        assert!(!stranger.may_create(&CERTIFICATE_SIGNING_REQUEST).await);
    });
}

/// Data that were there before the first run may be the only copy of a cluster's.
#[test]
fn what_this_run_has_not_started_is_not_removed() {
    let stage = Stage::new("");
    let second = stage.machine("cp-2", "192.0.2.12");
    let theirs = second.root().join("var/lib/etcd/member/snap/db");
    std::fs::create_dir_all(theirs.parent().expect("a directory")).expect("made");
    std::fs::write(&theirs, "of a cluster").expect("written");
    let flags = JoinFlags { control_plane: true, certificate_key: Some(stage.key.clone()), ..stage.flags() };
    let flags = JoinFlags { skip_phases: Some(vec!["preflight".into()]), ..flags };
    // The second time the journal knows of a run, which has started no etcd either.
    for _ in 0..2 {
        let ran = stage.join(&second, &flags);
        let Some(Err(error)) = &ran.result else { panic!("{}", ran.told) };
        let said = "joining etcd: /var/lib/etcd holds data of an etcd that this program has not started here";
        assert_eq!(error.to_string(), said);
        assert!(error.hint().expect("advice").contains("only copy"));
        assert_eq!(std::fs::read_to_string(&theirs).expect("still there"), "of a cluster");
        assert!(!second.node().exists("/etc/kubernetes/manifests/etcd.yaml"));
    }
    // Moved away they are nobody's obstacle, beside which others may lie.
    let backup = second.root().join("var/lib/etcd/backup.db");
    std::fs::rename(&theirs, &backup).expect("moved");
    std::fs::remove_dir_all(second.root().join("var/lib/etcd/member")).expect("removed");
    stage.join(&second, &flags).expect_done();
    assert!(backup.exists());
}

/// Somebody removes a member by hand.
fn take_out(stage: &Stage, name: &str) {
    let node = stage.first().node();
    runtime().block_on(async {
        let api = cluster::connect(node, "/etc/kubernetes/admin.conf").expect("a kubeconfig");
        let etcd = etcd_members::connect(node, &api, "/etc/kubernetes/pki", Duration::from_secs(10), &|_, _| {}).await;
        let etcd = etcd.expect("etcd");
        for gone in etcd.members().await.expect("members").iter().filter(|member| member.name == name) {
            etcd.remove(gone.id).await.expect("removed");
        }
    });
}

/// Whatever becomes of a run while it replaces an old etcd, the same command goes on.
#[test]
fn only_the_members_data_go_and_a_run_that_was_cut_off_meanwhile_is_gone_on_with() {
    let stage = Stage::new("");
    let second = stage.machine("cp-2", "192.0.2.12");
    let flags = JoinFlags { control_plane: true, certificate_key: Some(stage.key.clone()), ..stage.flags() };
    stage.join(&second, &flags).expect_done();
    take_out(&stage, "cp-2");
    let place = |name: &str| second.root().join("var/lib/etcd").join(name);
    std::fs::create_dir_all(place("member/wal")).expect("made");
    std::fs::write(place("backup.db"), "kept").expect("written");
    // Its manifest went, and then it was killed.
    second.node().remove("/etc/kubernetes/manifests/etcd.yaml").expect("removed");
    let ran = stage.join(&second, &flags).expect_done();
    assert!(ran.told.contains("holds data of a member that is no more"), "{}", ran.told);
    assert!(!place("member/wal").exists() && place("backup.db").exists());
    let journal = Journal::read(second.node()).expect("readable").expect("a journal");
    assert!(journal.has("/etc/kubernetes/manifests/etcd.yaml") && !journal.has("/var/lib/etcd/member"));
}

/// Nobody asks etcd for a plan, so what is there may well go on.
#[test]
fn a_plan_for_a_node_that_has_joined_changes_nothing() {
    let stage = Stage::new("");
    let second = stage.machine("cp-2", "192.0.2.12");
    let flags = JoinFlags { control_plane: true, certificate_key: Some(stage.key.clone()), ..stage.flags() };
    stage.join(&second, &flags).expect_done();
    second.node().ensure_dir("/var/lib/etcd/member", 0o700).expect("made");
    let begun = Instant::now();
    let ran = stage.plan(&second, &flags).expect_done();
    assert!(ran.told.contains("would look whether cp-2 still is a member of etcd"), "{}", ran.told);
    let etcd = ran.changes.iter().filter(|change| change.kind != ChangeKind::Unchanged);
    let etcd: Vec<&str> = etcd.map(|change| change.path.as_str()).filter(|path| path.contains("etcd")).collect();
    assert_eq!(etcd, [""; 0]);
    assert!(begun.elapsed() < Duration::from_secs(10), "nothing is waited for");
}
