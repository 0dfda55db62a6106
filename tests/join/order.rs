//! What is there before what.

use std::time::{Duration, Instant};

use kubephase_model::File;
use kubephase_model::config::flags::JoinFlags;
use kubephase_model::object::{CERTIFICATE_SIGNING_REQUEST, SECRET};
use kubephase_node::kube::Endpoint;
use kubephase_workflow::cluster;

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
