//! Addons: their objects as sets, what they wait for, and taking them away again.

use std::sync::Arc;
use std::time::Duration;

use kubephase_engine::Selection;
use kubephase_model::object::{CONFIG_MAP, DEPLOYMENT, NAMESPACE, ObjectRef};
use kubephase_node::{ChangeKind, Node};
use kubephase_rehearsal::Rehearsal;
use kubephase_workflow::init::Options;
use kubephase_workflow::plugins::{Pulls, Site, holdings, uninstall};
use kubephase_workflow::undo::Undo;
use serde_json::{Value, json};

use crate::double::{Double, Guest};
use crate::runs::{Ran, ignoring, run, runtime, tree};
use crate::stage::{administrator, machine};

fn go(node: &Node, double: &Arc<Double>) -> Ran {
    run(node, double, patient)
}

fn patient(options: &mut Options, _: &mut Selection) {
    options.patience = Some(Duration::from_secs(20));
    options.ignore = ignoring(&[]);
}

fn only(node: &Node, double: &Arc<Double>, phase: &str) -> Ran {
    run(node, double, |options, selection| {
        patient(options, selection);
        selection.only = Some(phase.to_owned());
    })
}

fn workload(kind: &str, namespace: &str, name: &str) -> Value {
    let labels = json!({ "app": name });
    json!({
        "apiVersion": "apps/v1", "kind": kind, "metadata": { "name": name, "namespace": namespace },
        "spec": { "selector": { "matchLabels": labels }, "template": {
            "metadata": { "labels": labels },
            "spec": {
                "containers": [{ "name": name, "image": "registry.k8s.io/pause:3.10" }],
                "tolerations": [{ "operator": "Exists" }],
            },
        } },
    })
}

fn config_map(name: &str, data: Value) -> Value {
    json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": name, "namespace": "net" }, "data": data })
}

/// Everything that an addon may bring, the last first: in an order in which it could not be applied.
fn network(objects: impl IntoIterator<Item = Value>) -> Guest {
    let mut all = vec![
        json!({
            "apiVersion": "apiregistration.k8s.io/v1", "kind": "APIService",
            "metadata": { "name": "v1beta1.metrics.example.org" },
            "spec": {
                "group": "metrics.example.org", "version": "v1beta1", "groupPriorityMinimum": 100, "versionPriority": 100,
                "insecureSkipTLSVerify": true, "service": { "name": "agent", "namespace": "net" },
            },
        }),
        workload("DaemonSet", "net", "agent"),
        workload("Deployment", "net", "operator"),
        json!({
            "apiVersion": "example.org/v1", "kind": "Pool", "metadata": { "name": "first", "namespace": "net" },
            "spec": { "cidr": "10.244.0.0/16" },
        }),
        json!({
            "apiVersion": "v1", "kind": "Service", "metadata": { "name": "agent", "namespace": "net" },
            "spec": { "selector": { "app": "agent" }, "ports": [{ "port": 443 }] },
        }),
        json!({
            "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
            "metadata": { "name": "pools.example.org" },
            "spec": {
                "group": "example.org", "scope": "Namespaced",
                "names": { "kind": "Pool", "plural": "pools", "singular": "pool", "listKind": "PoolList" },
                "versions": [{ "name": "v1", "served": true, "storage": true, "schema": { "openAPIV3Schema": {
                    "type": "object", "x-kubernetes-preserve-unknown-fields": true,
                } } }],
            },
        }),
        json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": "net" } }),
    ];
    all.extend(objects);
    let waits = json!([
        { "kind": "object", "target": "apps/v1 DaemonSet net/agent", "condition": "rolled-out", "timeoutSeconds": 60 },
        { "kind": "object", "target": "apps/v1 Deployment net/operator", "condition": "Available", "timeoutSeconds": 60 },
        { "kind": "object", "target": "apiregistration.k8s.io/v1 APIService v1beta1.metrics.example.org",
          "condition": "Available", "timeoutSeconds": 60 },
        { "kind": "object", "target": "example.org/v1 Pool net/first", "condition": "exists", "timeoutSeconds": 60 },
    ]);
    let files = json!([{ "path": "/etc/cni/net.d/10-net.conflist", "mode": 0o644, "contents": "{}\n" }]);
    Guest::new("net")
        .addon(json!({ "objects": all, "waits": waits, "files": files }))
        .images(&["registry.k8s.io/pause:3.10"])
}

fn double(guests: impl IntoIterator<Item = Guest>) -> Arc<Double> {
    Arc::new(Double::new(guests))
}

fn after_init(guests: impl IntoIterator<Item = Guest>) -> (Rehearsal, Ran) {
    let machine = machine();
    let ran = go(machine.node(), &double(guests)).ok();
    (machine, ran)
}

fn site(node: &Node) -> Site {
    Site {
        node: node.clone(),
        api: Some(administrator(node)),
        sink: Arc::new(|_| {}),
        path: "uninstall".into(),
        ignore: ignoring(&[]),
        patience: None,
        pulls: Pulls::default(),
    }
}

#[test]
fn an_addon_is_applied_in_order_waited_for_and_taken_away_again() {
    let machine = machine();
    let node = machine.node().clone();
    let before = tree(machine.root());
    let ran = go(&node, &double([network([])])).ok();
    assert_eq!(ran.order.last().map(String::as_str), Some("show-join-command"));
    let changes = ran.changes("addon/net");
    let objects: Vec<&str> = changes.iter().map(String::as_str).filter(|change| !change.contains("/etc/cni")).collect();
    assert_eq!(
        objects,
        [
            "created configmap kube-system/kubephase-plugin-net",
            "created customresourcedefinition pools.example.org",
            "created namespace net",
            "created service net/agent",
            "created pool net/first",
            "created daemonset net/agent",
            "created deployment net/operator",
            "created apiservice v1beta1.metrics.example.org",
        ]
    );
    assert!(ran.progress.iter().any(|told| told.contains("DaemonSet net/agent: done after")), "{:#?}", ran.progress);

    // Again: nothing changes.
    let again = go(&node, &double([network([])])).ok();
    assert!(again.changes("addon/net").is_empty(), "{:?}", again.changes("addon/net"));

    // What is gone from the set goes from the cluster, and the parent names both kinds meanwhile.
    only(&node, &double([network([config_map("extra", json!({ "a": "1" }))])]), "addon/net").ok();
    let pruned = only(&node, &double([network([])]), "addon/net").ok();
    assert_eq!(
        pruned.changes("addon/net"),
        ["removed configmap net/extra", "replaced configmap kube-system/kubephase-plugin-net"]
    );

    runtime().block_on(async {
        let api = administrator(&node);
        let held = holdings(&node, Some(&api), "net").await.expect("asked");
        assert_eq!(held.files, ["/etc/cni/net.d/10-net.conflist"]);
        assert_eq!(held.objects.len(), 7, "{held:?}");
        node.changes();
        let wanted = network([]).uninstall(json!({ "objects": [config_map("made-by-its-controller", json!({}))] }));
        let made = config_map("made-by-its-controller", json!({}));
        api.create(&made).await.expect("made");
        uninstall(&site(&node), Some(&*double([wanted])), "net").await.expect("uninstalled");
        for name in ["agent", "made-by-its-controller"] {
            let name = ObjectRef::new(&CONFIG_MAP, Some("net"), name);
            assert!(api.get(&name).await.expect("asked").is_none(), "{name}");
        }
        assert_eq!(api.get(&ObjectRef::new(&NAMESPACE, None, "net")).await.expect("asked"), None);
        let held = holdings(&node, Some(&api), "net").await.expect("asked");
        assert!(held.objects.is_empty() && held.files.is_empty(), "{held:?}");
        let error = uninstall(&site(&node), None, "net").await.expect_err("it is gone");
        assert!(error.to_string().contains("is not installed"), "{error}");
    });
    let removed: Vec<String> = node
        .changes()
        .into_iter()
        .filter(|change| change.kind == ChangeKind::Removed)
        .map(|change| change.path)
        .collect();
    let at =
        |path: &str| removed.iter().position(|removed| removed == path).unwrap_or_else(|| panic!("{path} {removed:?}"));
    assert!(at("APIService v1beta1.metrics.example.org") < at("Deployment net/operator"));
    assert!(at("Deployment net/operator") < at("Namespace net"));
    assert!(at("/etc/cni/net.d/10-net.conflist") < at("ConfigMap kube-system/kubephase-plugin-net"));

    // And the run as a whole.
    let undo = Undo::of(&node).expect("readable").expect("a journal");
    runtime().block_on(undo.run(&node, &|_, _| {})).expect("undone");
    let after = tree(machine.root());
    // The pretended kubelet has kept its own, and etcd its data.
    let own = ["var/lib/kubelet/pki", "var/lib/etcd", "var/log", "run/"];
    let is_kubelets = |name: &str| own.iter().any(|own| name.starts_with(own));
    let differs = |name: &&String| before.get(*name) != after.get(*name) && !is_kubelets(name);
    let odd: Vec<&String> = before.keys().chain(after.keys()).filter(differs).collect();
    assert!(odd.is_empty(), "{odd:?}");
}

#[test]
fn a_dry_run_before_there_is_a_cluster_tells_the_same() {
    let (machine, real) = after_init([network([])]);
    drop(machine);
    let (root, scratch) = (tempfile::tempdir().expect("a root"), tempfile::tempdir().expect("a scratch"));
    let node = Node::dry_run_of(root.path(), scratch.path());
    let dry = run(&node, &double([network([])]), |options, _| {
        options.plan = true;
        options.ignore = kubephase_preflight::Ignore::all();
    })
    .ok();
    assert_eq!(dry.changes("addon/net"), real.changes("addon/net"));
    dry.noticed("plugin `net`: would wait for apps/v1 DaemonSet net/agent to be `rolled-out`, at most 60 s");
}

#[test]
fn what_others_set_is_theirs() {
    let (machine, _) = after_init([network([])]);
    let node = machine.node().clone();
    runtime().block_on(async {
        let api = administrator(&node);
        api.create(&config_map("shared", json!({ "key": "theirs" }))).await.expect("made");
    });
    let wanted = |value: &str| network([config_map("shared", json!({ "key": value }))]);
    let ran = only(&node, &double([wanted("ours")]), "addon/net");
    assert_eq!(ran.failed(), "plugin `net`: cannot apply ConfigMap net/shared: .data.key is set by kubephase");
    // What is as it should be is adopted, and given up instead of deleted.
    only(&node, &double([wanted("theirs")]), "addon/net").ok();
    only(&node, &double([network([])]), "addon/net").ok();
    runtime().block_on(async {
        let api = administrator(&node);
        let left =
            api.get(&ObjectRef::new(&CONFIG_MAP, Some("net"), "shared")).await.expect("asked").expect("it is there");
        assert_eq!((&left["data"]["key"], left["metadata"].get("labels")), (&json!("theirs"), None));
    });
    // And nothing belongs to two plugins, neither in one run nor over time.
    let other = || {
        let object = json!({ "apiVersion": "apps/v1", "kind": "Deployment", "metadata": { "name": "operator", "namespace": "net" } });
        let mut object = object;
        object["spec"] = workload("Deployment", "net", "operator")["spec"].clone();
        Guest::new("other").addon(json!({ "objects": [object] }))
    };
    let taken = "plugin `other` wants the object Deployment net/operator, which belongs to plugin `net`";
    assert_eq!(only(&node, &double([other()]), "addon/other").failed(), taken);
    assert_eq!(only(&node, &double([network([]), other()]), "addon").failed(), taken);
    runtime().block_on(async {
        let api = administrator(&node);
        let name = ObjectRef::new(&DEPLOYMENT, Some("net"), "operator");
        assert!(api.get(&name).await.expect("asked").is_some());
    });
}

#[test]
fn checks_run_with_the_others_and_can_be_ignored() {
    let machine = machine();
    let check = || {
        Guest::new("gpu").check(json!([
            { "id": "Driver", "severity": "error", "message": "no driver", "remedy": "install it", "link": "https://example.org" },
            { "id": "Old", "severity": "warning", "message": "it is old" },
            { "id": "Seen", "severity": "info", "message": "one device" },
        ]))
    };
    let ran = go(machine.node(), &double([check()]));
    assert!(ran.failed().contains("gpu/Driver"), "{}", ran.failed());
    assert!(!ran.result.as_ref().expect_err("it failed").is_fault());
    ran.noticed("gpu/Seen: one device");
    for ignored in ["gpu/driver", "gpu"] {
        let ran = run(machine.node(), &double([check()]), |options, selection| {
            options.ignore = ignoring(&[ignored]);
            selection.skip = [
                "certs",
                "kubeconfig",
                "etcd",
                "control-plane",
                "kubelet-start",
                "wait-control-plane",
                "upload-config",
                "mark-control-plane",
                "bootstrap-token",
                "kubelet-finalize",
                "addon",
                "show-join-command",
            ]
            .map(str::to_owned)
            .to_vec();
        })
        .ok();
        assert!(ran.findings.contains(&"gpu/Driver warning (ignored) no driver".to_owned()), "{:?}", ran.findings);
    }
    let broken = check().failing(kubephase_workflow::extension::ExtensionFailure::Timeout);
    let ran = go(machine.node(), &double([broken]));
    assert!(ran.result.as_ref().expect_err("it failed").is_fault());
    assert!(
        ran.findings.iter().any(|finding| finding.starts_with("gpu error plugin `gpu`: preflight.check: it broke")),
        "{:?}",
        ran.findings
    );
}

#[test]
fn before_any_pod_network_nothing_waits_for_pods() {
    let (machine, _) = after_init([network([])]);
    let early = network([]).entry(|entry| entry.stage = "before-cni".into());
    let ran = only(machine.node(), &double([early]), "addon/net");
    assert_eq!(
        ran.failed(),
        "plugin `net` is applied before any pod network exists, and wants to wait for pods: apps/v1 DaemonSet net/agent"
    );
}

#[test]
fn a_wait_that_is_not_fulfilled_tells_what_was_seen() {
    let (machine, _) = after_init([network([])]);
    let mut lonely = workload("Deployment", "net", "lonely");
    lonely["spec"]["template"]["spec"]["nodeSelector"] = json!({ "nowhere": "to-be-found" });
    let wait = json!([{ "kind": "object", "target": "apps/v1 Deployment net/lonely", "condition": "rolled-out", "timeoutSeconds": 2 }]);
    let guest = Guest::new("lonely").addon(json!({ "objects": [lonely], "waits": wait }));
    let ran = only(machine.node(), &double([guest]), "addon/lonely");
    assert_eq!(
        ran.failed(),
        "plugin `lonely`: Deployment net/lonely has not been rolled out within 2 s: 0 of 1 pods are ready"
    );
}

#[test]
fn images_are_pulled_as_mutators_and_addons_have_them() {
    let machine = machine();
    let mirror = Guest::new("mirror").mutate(&["kube-scheduler"], json!({}), |_, pod| {
        pod["spec"]["containers"][0]["image"] = json!("mirror.example.org/kube-scheduler:v1.36.2");
        "from the mirror"
    });
    let addon = Guest::new("extra").addon(json!({})).images(&["registry.example.org/extra:1"]);
    let ran = run(machine.node(), &double([mirror, addon]), |options, selection| {
        patient(options, selection);
        selection.only = Some("preflight".into());
    })
    .ok();
    let pulled = |image: &str| ran.progress.iter().any(|told| told.starts_with(&format!("{image}: pulled")));
    for image in ["mirror.example.org/kube-scheduler:v1.36.2", "registry.example.org/extra:1"] {
        assert!(pulled(image), "{image}: {:#?}", ran.progress);
    }
    assert!(!pulled("registry.k8s.io/kube-scheduler:v1.36.2"));
}
