//! `reset` of a control plane that has joined: its member of etcd leaves, or what is here stays.

use kubephase_engine::{RunError, Selection};
use kubephase_model::config::flags::JoinFlags;
use kubephase_model::config::v1beta4::ResetConfiguration;
use kubephase_model::layout::ADMIN_CONF;
use kubephase_node::Node;
use kubephase_preflight::Ignore;
use kubephase_rehearsal::Rehearsal;
use kubephase_workflow::reset::{self, Options, Reset};
use kubephase_workflow::{PhaseError, cluster, etcd_members};

use crate::stage::{Stage, runtime};

const PHASE: &str = "remove-etcd-member";
const DATA: &str = "/var/lib/etcd/member/snap";
const PKI: &str = "/etc/kubernetes/certs";

/// A cluster whose certificates are not where everybody looks first, and its second control-plane node.
fn joined() -> (Stage, Rehearsal) {
    let stage = Stage::new(&format!("certificatesDir: {PKI}\n"));
    let second = stage.machine("cp-2", "192.0.2.12");
    let flags = JoinFlags { control_plane: true, certificate_key: Some(stage.key.clone()), ..stage.flags() };
    stage.join(&second, &flags).expect_done();
    second.node().ensure_dir(DATA, 0o700).expect("made");
    (stage, second)
}

fn members(stage: &Stage) -> Vec<String> {
    let node = stage.first().node();
    runtime().block_on(async {
        let api = cluster::connect(node, ADMIN_CONF).expect("a kubeconfig");
        let deadline = std::time::Duration::from_secs(10);
        let etcd = etcd_members::connect(node, &api, PKI, deadline, &|_, _| {}).await.expect("etcd");
        etcd.members().await.expect("members").into_iter().map(|member| member.name).collect()
    })
}

fn leave(node: &Node, ignored: &[&str]) -> Result<(), PhaseError> {
    let ignored: Vec<String> = ignored.iter().map(|name| (*name).to_owned()).collect();
    let options = Options {
        only: Some(PHASE.into()),
        ignore: Ignore::new(&ignored).expect("names"),
        kubeconfig: ADMIN_CONF.into(),
        extension: None,
        sink: std::sync::Arc::new(|_| {}),
    };
    let config = ResetConfiguration { certificates_dir: "/etc/kubernetes/pki".into(), ..ResetConfiguration::default() };
    let mut cx = Reset::new(config, node.clone(), options);
    let selection = Selection { only: Some(PHASE.into()), skip: Vec::new() };
    match runtime().block_on(reset::workflow().run(&mut cx, &selection)) {
        Ok(_) => Ok(()),
        Err(RunError::Phase { source, .. }) => Err(source),
        Err(RunError::Select(error)) => panic!("{error}"),
    }
}

#[test]
fn its_member_leaves_by_the_certificates_that_the_cluster_says() {
    let (stage, second) = joined();
    assert_eq!(members(&stage), ["cp-1", "cp-2"]);
    leave(second.node(), &[]).expect("done");
    assert_eq!(members(&stage), ["cp-1"]);
    assert!(!second.node().exists(DATA), "its data go when it has left");
}

#[test]
fn a_living_cluster_keeps_no_dead_member_unless_that_is_wanted() {
    let (stage, second) = joined();
    let key = format!("{PKI}/etcd/healthcheck-client.key");
    second.node().remove(&key).expect("removed");
    let error = leave(second.node(), &[]).expect_err("nobody can be asked");
    assert!(matches!(error, PhaseError::EtcdQuorum { .. }), "{error}");
    assert!(error.hint().is_some_and(|hint| hint.contains("--ignore-preflight-errors=EtcdQuorum")));
    assert!(second.node().exists(DATA) && members(&stage).len() == 2, "all is as it was");
    leave(second.node(), &["EtcdQuorum"]).expect("wanted");
    assert!(!second.node().exists(DATA) && members(&stage).len() == 2);
}

#[test]
fn a_member_of_another_name_at_this_address_is_not_taken_out() {
    let (stage, second) = joined();
    let path = "/etc/kubernetes/manifests/etcd.yaml";
    let text =
        second.node().read_text(path).expect("readable").expect("a manifest").replace("--name=cp-2", "--name=cp-9");
    second.node().ensure(&kubephase_model::File::private(path, text)).expect("written");
    let error = leave(second.node(), &[]).expect_err("who is it?");
    let why = std::error::Error::source(&error).expect("a cause").to_string();
    assert_eq!(
        why,
        "the etcd member cp-2 at https://192.0.2.12:2380 is not surely this node's, which calls itself cp-9 at \
         https://192.0.2.12:2380"
    );
    assert!(second.node().exists(DATA) && members(&stage).len() == 2);
}
