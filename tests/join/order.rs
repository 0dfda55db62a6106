//! What is there before what.

use kubephase_model::config::flags::JoinFlags;

use crate::stage::Stage;

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
    let skipped =
        ["preflight", "control-plane-prepare", "kubelet-start", "kubelet-wait-bootstrap", "wait-control-plane"];
    let flags = JoinFlags { skip_phases: Some(skipped.map(str::to_owned).into()), ..flags };
    let ran = stage.join(&second, &flags).expect_done();
    assert_eq!(ran.finished, ["control-plane-join/mark-control-plane"]);
}
