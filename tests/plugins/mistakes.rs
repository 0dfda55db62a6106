//! What is wrong with a configuration of plugins: told with its place and with what to do, all of it at once, before
//! anything is changed.

use serde_json::json;

use crate::components::{configuration, entry};
use crate::desk::Desk;
use crate::shown;

#[test]
fn settings_that_do_not_fit_the_plugins_schema() {
    let desk = Desk::new();
    desk.take("hello", "hello.wasm");
    desk.take("etcd-disk", "etcd-disk.wasm");
    desk.configure(
        "plugins:
- name: hello
  source: hello.wasm
  settings:
    nodeNamePrefx: cp-
  grants: {facts: [cluster]}
- name: disk
  source: etcd-disk.wasm
  settings: {maxP99: 10}
  grants: {facts: [cluster, mounts, block-devices], probe: ['fdatasync:/var/lib/etcd']}
- name: ungranted
  source: hello.wasm
- name: missing
  source: nowhere.wasm
",
    );
    let outcome = desk.run_cached("rehearse init --config cluster.yaml");
    shown!(desk, "settings", outcome);
    let check = desk.run_cached("plugin check --config cluster.yaml");
    check.expect_code(2);
    let errors =
        |text: String| text.lines().filter(|line| line.starts_with("error")).map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(errors(check.err()), errors(outcome.err()));
}

#[test]
fn fields_that_do_not_exist() {
    let desk = Desk::new();
    desk.configure(
        "plugins:
- name: Hello_World
  source: hello.wasm
  onFailure: ignore
  enabled: sometimes
  timeout: soon
  grants: {fact: [cluster]}
",
    );
    shown!(desk, "fields", desk.run_cached("rehearse init --config cluster.yaml"));
}

#[test]
fn orders_that_cannot_be() {
    let desk = Desk::new();
    let with = |name: &str, field: &str, other: &str| {
        let mut entry = entry(name);
        entry[field] = json!([other]);
        entry
    };
    let cycle = [with("metrics-server", "after", "flannel"), with("flannel", "after", "metrics-server")];
    desk.write("cluster.yaml", &configuration(&cycle));
    let outcome = desk.run_cached("rehearse init --config cluster.yaml");
    outcome.expect_code(2);
    assert!(outcome.err().contains("metrics-server → flannel → metrics-server"), "{outcome}");
    shown!(desk, "cycle", outcome);
    desk.run_cached("plugin check --config cluster.yaml").expect_code(2);

    desk.write("cluster.yaml", &configuration(&[with("time-sync", "before", "nothing-of-that-name")]));
    shown!(desk, "unknown-neighbour", desk.run_cached("rehearse init --config cluster.yaml"));
}

#[test]
fn addons_stand_where_they_are_ordered() {
    let desk = Desk::new();
    let order = |entries: &[serde_json::Value]| -> Vec<String> {
        desk.write("cluster.yaml", &configuration(entries));
        let outcome = desk.run_cached("rehearse init --config cluster.yaml -o json");
        assert_eq!(outcome.code, Some(0), "{outcome}");
        let events = outcome.out();
        let events = events.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).expect("an event"));
        let finished = events.filter(|event| event["event"] == "finished");
        let paths = finished.filter_map(|event| Some(event["path"].as_str()?.to_owned()));
        paths.filter(|path| path.starts_with("addon/")).collect()
    };
    let (metrics, flannel) = (entry("metrics-server"), entry("flannel"));
    let native = ["addon/coredns", "addon/kube-proxy"].map(str::to_owned);
    let with = |rest: [&str; 2]| native.iter().cloned().chain(rest.map(str::to_owned)).collect::<Vec<_>>();
    assert_eq!(order(&[flannel.clone(), metrics.clone()]), with(["addon/flannel", "addon/metrics-server"]));
    let mut before = metrics;
    before["before"] = json!(["flannel"]);
    assert_eq!(order(&[flannel.clone(), before]), with(["addon/metrics-server", "addon/flannel"]));
}

#[test]
fn where_and_whether_they_run() {
    let desk = Desk::new();
    let mut elsewhere = entry("hello");
    elsewhere["settings"] = json!({ "nodeNamePrefix": "nobody-is-called-so-" });
    // It is not looked at here, but others must know which it is.
    elsewhere["enabled"] = json!("worker");
    desk.write("cluster.yaml", &configuration(&[elsewhere.clone()]));
    let unlocked = desk.run_cached("rehearse init --config cluster.yaml");
    unlocked.expect_code(2);
    assert!(
        unlocked.err().contains("plugins[0].digest: a plugin that runs on workers alone needs a digest"),
        "{unlocked}"
    );
    for (enabled, code) in [("worker", 0), ("never", 0), ("control-plane", 1), ("always", 1)] {
        elsewhere["enabled"] = json!(enabled);
        if enabled == "worker" {
            let facts = desk.json(&format!("plugin inspect {}", elsewhere["source"].as_str().expect("a path")));
            elsewhere["digest"] = facts["digest"].clone();
        } else {
            elsewhere["digest"] = json!("");
        }
        desk.write("cluster.yaml", &configuration(&[elsewhere.clone()]));
        let outcome = desk.run_cached("rehearse init --config cluster.yaml");
        assert_eq!(outcome.code, Some(code), "{enabled}: {outcome}");
        assert_eq!(outcome.err().contains("hello/NodeName"), code == 1, "{outcome}");
    }
    // A finding that is ignored is a warning.
    let outcome = desk.run_cached("rehearse init --config cluster.yaml --ignore-preflight-errors hello/NodeName");
    outcome.expect_code(0);
}

#[test]
fn a_failure_stops_the_run_or_is_told() {
    let desk = Desk::new();
    // Granted to ask, but nothing of what it asks for.
    let mut broken = entry("encryption-at-rest");
    broken["grants"]["writes"] = json!([]);
    desk.write("cluster.yaml", &configuration(&[broken.clone()]));
    let outcome = desk.run_cached("rehearse init --config cluster.yaml");
    shown!(desk, "refused-proposal", outcome);
    outcome.expect_code(1);
    broken["onFailure"] = json!("warn");
    desk.write("cluster.yaml", &configuration(&[broken]));
    let outcome = desk.run_cached("rehearse init --config cluster.yaml --keep machine");
    outcome.expect_code(0);
    assert!(outcome.err().contains("going on without it (onFailure: warn)"), "{outcome}");
    // Nothing of that call was made so.
    let manifest = desk.read("machine/etc/kubernetes/manifests/kube-apiserver.yaml");
    assert!(!manifest.contains("encryption-provider-config"), "{manifest}");
}
