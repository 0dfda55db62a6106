use kubephase_node::{Ambient, File};

use super::*;

fn machine() -> (tempfile::TempDir, Node) {
    let root = tempfile::tempdir().expect("a root");
    let node = Node::fixed(root.path(), Ambient::default());
    (root, node)
}

#[tokio::test]
async fn facts_are_gathered_once() {
    let (_root, node) = machine();
    node.ensure(&File::public("/proc/cmdline", "first")).expect("written");
    let world = Machine::new(&node, Some(ClusterFacts { node_name: "a".into(), ..ClusterFacts::default() }), None);
    let told = async || world.fact(Fact::CommandLine).await.expect("known").command_line.clone();
    assert_eq!(told().await, Some(vec!["first".to_owned()]));
    node.ensure(&File::public("/proc/cmdline", "second")).expect("written");
    assert_eq!(told().await, Some(vec!["first".to_owned()]), "all plugins see the same");
    let cluster = world.fact(Fact::Cluster).await.expect("known").cluster.clone();
    assert_eq!(cluster.map(|cluster| cluster.node_name), Some("a".to_owned()));
    let all = world.all_facts().await;
    assert!(all.command_line.is_some() && all.pci.is_some() && all.cluster.is_some());
}

#[tokio::test]
async fn sysctls_are_told_unless_they_are_secrets() {
    let (_root, node) = machine();
    node.ensure(&File::public("/proc/sys/net/ipv4/ip_forward", "1\n")).expect("written");
    let key = File { path: "/proc/sys/net/ipv4/key".into(), mode: 0o600, contents: b"k".into(), secret: true };
    node.ensure(&key).expect("written");
    let world = Machine::new(&node, None, None);
    assert_eq!(world.sysctl("net.ipv4.ip_forward").await, Ok(Some("1".to_owned())));
    assert_eq!(world.sysctl("net/ipv4/ip_forward").await, Ok(Some("1".to_owned())));
    assert_eq!(world.sysctl("net.ipv4.none").await, Ok(None));
    assert_eq!(world.sysctl("net.ipv4").await, Ok(None), "a directory is none");
    assert_eq!(world.sysctl("net.ipv4.key").await.expect_err("a secret").code, "denied");
    node.ensure(&File::public("/proc/sys/net/ipv4/ip_forward", "0\n")).expect("written");
    assert_eq!(world.sysctl("net.ipv4.ip_forward").await, Ok(Some("1".to_owned())), "all plugins see the same");
}

#[tokio::test]
async fn before_there_is_a_cluster_it_cannot_be_asked() {
    let (_root, node) = machine();
    let asked = Asked { api_version: "v1", kind: "Node", namespace: None };
    let failure = Machine::new(&node, None, None).get(asked, "a").await.expect_err("no cluster");
    assert_eq!((&*failure.code, &*failure.message), ("unavailable", "there is no cluster yet"));
}
