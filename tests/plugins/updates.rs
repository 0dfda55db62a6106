//! Settings that change on a node that is there, by single phases: a whole `init` with another configuration would be another
//! cluster's. Objects that a plugin does not propose any more go; files stay, and stay its own.

use kubephase_model::object::{CONFIG_MAP, DAEMON_SET, DEPLOYMENT, ObjectRef};
use kubephase_workflow::plugins::holdings;
use serde_json::{Value, json};

use crate::components::entry;
use crate::real::Stage;

/// The same machine with other settings of its only plugin.
fn set(stage: &mut Stage, settings: Value) {
    stage.entries[0]["settings"] = settings;
}

#[test]
fn objects_that_are_not_wanted_any_more_are_pruned() {
    let mut metrics = entry("metrics-server");
    metrics["settings"] = json!({ "kubeletInsecureTLS": true, "replicas": 2 });
    let mut stage = Stage::new(vec![metrics]);
    stage.init();
    let name = |kind, name: &str| ObjectRef::new(kind, Some("kube-system"), name);
    let deployment = name(&DEPLOYMENT, "metrics-server");
    let before = stage.get(&deployment).expect("applied");
    assert_eq!(before["spec"]["replicas"], 2);
    let budgets =
        kubephase_model::object::Kind::learn("policy/v1", "PodDisruptionBudget", "poddisruptionbudgets", true);
    let budget = name(budgets, "metrics-server");
    assert!(stage.get(&budget).is_some(), "two of them can spare one");

    set(&mut stage, json!({ "kubeletInsecureTLS": true, "replicas": 1 }));
    let ran = stage.phase("addon/metrics-server");
    let changes = ran.changes("addon/metrics-server");
    assert!(changes.contains(&"removed poddisruptionbudget kube-system/metrics-server".to_owned()), "{changes:?}");
    assert!(stage.get(&budget).is_none());
    assert_eq!(stage.get(&deployment).expect("kept")["spec"]["replicas"], 1);
    let parent = stage.get(&name(&CONFIG_MAP, "kubephase-plugin-metrics-server")).expect("its set");
    let kinds = parent["metadata"]["annotations"]["applyset.kubernetes.io/contains-group-kinds"].as_str();
    assert!(kinds.is_some_and(|kinds| kinds.contains("Deployment.apps") && !kinds.contains("PodDisruptionBudget")));
}

#[test]
fn files_that_are_not_wanted_any_more_stay_until_the_plugin_goes() {
    let mut stage = Stage::new(vec![entry("registry-mirror")]);
    stage.init();
    let hosts = |registry: &str| format!("/etc/containerd/certs.d/{registry}/hosts.toml");
    assert!(stage.node().exists(&hosts("registry.k8s.io")));
    let image = |stage: &Stage| {
        let proxy = stage.get(&ObjectRef::new(&DAEMON_SET, Some("kube-system"), "kube-proxy")).expect("applied");
        proxy["spec"]["template"]["spec"]["containers"][0]["image"].as_str().expect("an image").to_owned()
    };
    assert_eq!(image(&stage), "mirror.example/k8s/kube-proxy:v1.36.2");

    set(&mut stage, json!({ "hosts": { "docker.io": { "mirrors": [{ "url": "https://mirror.example" }] } } }));
    for phase in ["registry-mirror", "control-plane", "addon"] {
        stage.phase(phase);
    }
    assert!(stage.node().exists(&hosts("docker.io")));
    assert!(stage.node().exists(&hosts("registry.k8s.io")));
    let owned = stage.wait(holdings(stage.node(), None, "registry-mirror")).expect("a journal").files;
    assert!(owned.contains(&hosts("registry.k8s.io")) && owned.contains(&hosts("docker.io")), "{owned:?}");
    assert_eq!(image(&stage), "registry.k8s.io/kube-proxy:v1.36.2");
    let manifest =
        stage.node().read_text("/etc/kubernetes/manifests/kube-scheduler.yaml").expect("readable").expect("there");
    assert!(manifest.contains("image: registry.k8s.io/kube-scheduler:v1.36.2"), "{manifest}");
}

#[test]
fn a_plugin_that_is_gone_from_the_configuration_changes_no_document() {
    let mut stage = Stage::new(vec![entry("audit-policy")]);
    stage.init();
    let flag = |stage: &Stage| {
        let path = "/etc/kubernetes/manifests/kube-apiserver.yaml";
        stage.node().read_text(path).expect("readable").expect("there").contains("--audit-policy-file")
    };
    assert!(flag(&stage));
    stage.entries.clear();
    stage.phase("control-plane");
    assert!(!flag(&stage));
}
