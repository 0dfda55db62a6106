//! Plugins when a node joins, on the command line: those that the cluster has stored run here too, and the node's own file
//! may only take from what they are granted.

use crate::components::grants;
use crate::desk::Desk;

/// The cluster of a desk with these plugins, pinned.
fn cluster(desk: &Desk, plugins: &str) {
    desk.configure(plugins);
    desk.run("plugin lock --config cluster.yaml").expect_code(0);
}

/// A node's own file.
fn node(desk: &Desk, plugins: &str) {
    let text = format!(
        "apiVersion: kubeadm.k8s.io/v1beta4
kind: JoinConfiguration
---
apiVersion: kubephase.dev/v1alpha1
kind: PluginConfiguration
{plugins}"
    );
    desk.write("join.yaml", &text);
}

const HELLO: &str = "plugins:
- name: hello
  source: ./hello.wasm
  settings: {nodeNamePrefix: prod-}
  grants: {facts: [cluster]}
  enabled: worker
";
const REHEARSE: &str = "rehearse join --config join.yaml --init-config cluster.yaml";

#[test]
fn a_preflight_of_the_cluster_stops_a_node_that_joins() {
    let desk = Desk::new();
    desk.take("hello", "hello.wasm");
    cluster(&desk, HELLO);
    let outcome = desk.run_cached("rehearse join --config cluster.yaml");
    outcome.expect_code(1);
    assert!(outcome.err().contains("error hello/NodeName: this node is called worker-1"), "{outcome}");
    assert!(!outcome.err().contains("✓ kubelet-start"), "nothing was begun: {outcome}");
    let named = desk.run_cached("rehearse join --config cluster.yaml --node-name prod-1");
    named.expect_code(0);
    let ignored = "rehearse join --config cluster.yaml --ignore-preflight-errors hello/NodeName";
    desk.run_cached(ignored).expect_code(0);
}

#[test]
fn a_plugin_that_breaks_is_a_fault_as_in_init() {
    let desk = Desk::new();
    desk.take("hostile", "hostile.wasm");
    let text = |role: &str| {
        format!(
            "plugins:
- name: hostile
  source: ./hostile.wasm
  settings: {{attack: panic}}
  grants: {}
  enabled: {role}
",
            grants("hostile")
        )
    };
    cluster(&desk, &text("worker"));
    let joined = desk.run_cached("rehearse join --config cluster.yaml");
    joined.expect_code(3);
    cluster(&desk, &text("always"));
    let founded = desk.run_cached("rehearse init --config cluster.yaml");
    founded.expect_code(3);
    for (outcome, call) in [(joined, "preflight.check"), (founded, "")] {
        assert!(outcome.err().contains(&format!("plugin `hostile`: {call}")), "{outcome}");
        assert!(outcome.err().contains("panicked at "), "{outcome}");
    }
}

#[test]
fn a_component_that_is_not_what_the_cluster_has_pinned_is_refused() {
    let desk = Desk::new();
    desk.take("hello", "hello.wasm");
    cluster(&desk, HELLO);
    desk.take("etcd-disk", "hello.wasm");
    let outcome = desk.run("rehearse join --config cluster.yaml --cache-dir other");
    outcome.expect_code(2);
    assert!(outcome.err().contains("hello.wasm") && outcome.err().contains("sha256:"), "{outcome}");
    assert!(!outcome.err().contains("✓ preflight"), "nothing was begun: {outcome}");
}

#[test]
fn a_nodes_own_file_may_take_away_and_turn_off() {
    let desk = Desk::new();
    desk.take("hello", "hello.wasm");
    cluster(&desk, HELLO);
    node(&desk, "plugins:\n- {name: hello, enabled: never}\n");
    let outcome = desk.run_cached(REHEARSE);
    outcome.expect_code(0);
    assert!(outcome.err().contains("`hello` is turned off on this node"), "{outcome}");
    assert!(outcome.err().contains("join.yaml:7"), "with its place: {outcome}");
    assert!(!outcome.err().contains("hello/"), "it has checked nothing: {outcome}");
    // It cannot do without.
    node(&desk, "plugins:\n- {name: hello, grants: {}}\n");
    let outcome = desk.run_cached(REHEARSE);
    outcome.expect_code(2);
    assert!(outcome.err().contains("facts") && outcome.err().contains("hello"), "{outcome}");
    // All of it is no less.
    node(&desk, "plugins:\n- {name: hello, grants: {facts: [cluster]}}\n");
    let outcome = desk.run_cached(&format!("{REHEARSE} --node-name prod-1"));
    outcome.expect_code(0);
}

#[test]
fn a_nodes_own_file_may_not_give_more() {
    let desk = Desk::new();
    desk.take("hello", "hello.wasm");
    cluster(&desk, HELLO);
    node(
        &desk,
        "plugins:
- name: hello
  settings: {nodeNamePrefix: worker-}
  grants: {facts: [cluster, os], files: [/etc/**]}
  enabled: always
- name: more
  source: ./hello.wasm
",
    );
    let outcome = desk.run_cached(REHEARSE);
    outcome.expect_code(2);
    for what in [
        "`settings` of `hello` is not what the cluster has stored",
        "`os` is more than the cluster grants `hello`: of `facts`, cluster",
        "`/etc/**` is more than the cluster grants `hello`: of `files`, nothing of that",
        "`hello` is enabled for more nodes",
        "the cluster has no plugin `more`",
        "join.yaml:8:",
        "join.yaml:9:",
        "join.yaml:11:",
    ] {
        assert!(outcome.err().contains(what), "{what}: {outcome}");
    }
    assert!(!outcome.err().contains("✓ preflight"), "nothing was begun: {outcome}");
}

#[test]
fn a_signature_and_the_network_are_asked_for_here_too() {
    let desk = Desk::new();
    desk.take("hello", "hello.wasm");
    desk.run("plugin keygen team").expect_code(0);
    desk.run("plugin sign --key team.key hello.wasm").expect_code(0);
    let trust = "trust:\n- {source: '', keys: [{name: team, publicKeyFile: team.pub}]}\n";
    cluster(&desk, &format!("{trust}{HELLO}"));
    let join = "rehearse join --config cluster.yaml --node-name prod-1";
    desk.run_cached(join).expect_code(0);
    // The cluster's rule counts, not that of the node's own file.
    node(&desk, "trust:\n- {source: '', signature: none}\nplugins: []\n");
    let outcome = desk.run_cached(REHEARSE);
    outcome.expect_code(2);
    assert!(outcome.err().contains("`trust` is not what the cluster has stored"), "{outcome}");
    std::fs::remove_file(desk.path().join("hello.wasm.sig")).expect("a signature");
    let outcome = desk.run(&format!("{join} --cache-dir other"));
    outcome.expect_code(2);
    assert!(outcome.err().contains("it is not signed"), "{outcome}");

    let digest = "0".repeat(64);
    let far = HELLO.replace("./hello.wasm", &format!("oci://registry.example/hello:1\n  digest: sha256:{digest}"));
    desk.configure(&far);
    let outcome = desk.run_cached(&format!("{join} --offline"));
    outcome.expect_code(2);
    assert!(outcome.err().contains("without a network it cannot be fetched"), "{outcome}");
}
