//! Answers that are as large as they may be, made of what is small as text and much work for whoever looks at it. No call
//! is on any more when they are judged, so no deadline helps: it is quick, and takes little, or is refused.

use std::time::{Duration, Instant};

use kubephase_model::plugin::{Description, Kind, Patch, Plugin, PluginEntry, Proposal, ProposedFile, Random};
use kubephase_plugin::{Export, judge};
use serde_json::{Map, Value, json};

use super::bench::{Bench, Memory, granted, grants};

/// Without optimization everything takes ten times as long.
const TIME: Duration = Duration::from_secs(10);
const GROWTH: usize = 200 << 20;

fn plugin() -> Plugin {
    let entry = PluginEntry { name: "hostile".into(), grants: granted(&grants()), ..PluginEntry::default() };
    let description = Description { name: "hostile".into(), version: "0.1.0".into(), ..Description::default() };
    Plugin { entry, description, kinds: vec![Kind::Phase], digest: String::new(), signer: None }
}

fn daemon_set(spec: Value) -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": { "name": "x", "namespace": "hostile" },
        "spec": { "template": { "spec": spec } },
    })
}

fn file(path: String, contents: Vec<u8>, fill: Vec<Random>) -> ProposedFile {
    ProposedFile { path, mode: 0o600, contents, fill, secret: false }
}

fn random(placeholder: String) -> Random {
    Random { placeholder, length: 1024, encoding: "hex".into() }
}

fn patch(body: Value) -> Patch {
    Patch { target: "kube-apiserver".into(), language: "strategic".into(), body, reason: "to help".into() }
}

fn many<T>(count: usize, one: impl FnMut(usize) -> T) -> Vec<T> {
    (0..count).map(one).collect()
}

/// What is proposed, and what the judge says of it.
fn proposals() -> Vec<(&'static str, Export, Proposal, &'static str)> {
    let objects = |objects: Vec<Value>| Proposal { objects, ..Proposal::default() };
    let files = |files: Vec<ProposedFile>| Proposal { files, ..Proposal::default() };
    let patches = |patches: Vec<Patch>| Proposal { patches, ..Proposal::default() };
    // A name of half a megabyte above twenty thousand pods: a path to each would have ten gigabytes.
    let pods = Value::from(many(20_000, |_| json!({ "spec": { "containers": [] } })));
    let below = Value::Object(Map::from_iter([("n".repeat(500_000), pods)]));
    let custom = json!({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "x", "namespace": "hostile" }, "data": below,
    });
    let rules = many(20_000, |_| json!({ "resources": ["*"], "verbs": ["*"] }));
    let volumes = many(30_000, |i| json!({ "name": format!("v{i}") }));
    vec![
        (
            "many containers",
            Export::Render,
            objects(vec![daemon_set(json!({ "containers": many(30_000, |i| json!({ "name": format!("c{i}") })) }))]),
            "more",
        ),
        ("pods below a long name", Export::Render, objects(vec![custom]), "20000 specs of pods in it; 100 are allowed"),
        (
            "many rules",
            Export::Render,
            objects(vec![json!({
                "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": { "name": "x" },
                "rules": rules,
            })]),
            "more",
        ),
        (
            "many objects that are not granted",
            Export::Render,
            objects(many(
                1000,
                |i| json!({ "apiVersion": "v1", "kind": "Secret", "metadata": { "name": format!("s{i}"), "namespace": "x" } }),
            )),
            "and 950 more",
        ),
        (
            "many values filled into a file",
            Export::Run,
            files(vec![file(
                "/etc/hostile/x".into(),
                vec![b'a'; 2 << 20],
                many(50_000, |i| random(format!("{i:08}"))),
            )]),
            "50000 values are filled in; 20 are allowed",
        ),
        (
            "many files that are filled",
            Export::Run,
            files(many(250, |i| {
                let contents = "aaaaaaaa".repeat(2000).into_bytes();
                file(format!("/etc/hostile/{i}"), contents, vec![random("aaaaaaaa".into())])
            })),
            "bytes together; 16777216 are allowed",
        ),
        (
            "a manifest of small mappings",
            Export::Run,
            files(vec![file(
                "/etc/kubernetes/manifests/x.yaml".into(),
                format!("[{}0]", "{},".repeat(1_000_000)).into_bytes(),
                Vec::new(),
            )]),
            "a manifest of 3000003 bytes is not read",
        ),
        (
            "a manifest that is nested deep",
            Export::Run,
            files(vec![file("/etc/kubernetes/manifests/x.yaml".into(), vec![b'['; 250_000], Vec::new())]),
            "files[0] /etc/kubernetes/manifests/x.yaml",
        ),
        (
            "a manifest of references to references",
            Export::Run,
            files(vec![file("/etc/kubernetes/manifests/x.yaml".into(), laughs().into_bytes(), Vec::new())]),
            "files[0] /etc/kubernetes/manifests/x.yaml",
        ),
        (
            "a patch of many volumes",
            Export::Mutate,
            patches(vec![patch(json!({ "spec": { "volumes": volumes } }))]),
            "60003 values together; 10000 are allowed",
        ),
    ]
}

/// Nine lists, each of nine references to the one before.
fn laughs() -> String {
    let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned();
    for i in 1..10 {
        let references = vec![format!("*a{}", i - 1); 9].join(", ");
        text.push_str(&format!("a{i}: &a{i} [{references}]\n"));
    }
    text
}

#[test]
fn what_is_proposed_is_judged_soon() {
    let Some(bench) = Bench::new() else { return };
    let _alone = bench.alone.blocking_lock();
    let plugin = plugin();
    for (what, export, proposal, says) in proposals() {
        let (before, start) = (Memory::now(), Instant::now());
        let refusals = judge::proposal(&proposal, &plugin, export);
        let (took, grown) = (start.elapsed(), before.grown());
        assert!(took < TIME, "{what}: {took:?}");
        assert!(grown < GROWTH, "{what}: {} MiB", grown >> 20);
        assert!(refusals.len() <= 51, "{what}: {} refusals", refusals.len());
        assert!(refusals.iter().any(|refusal| refusal.what.contains(says)), "{what}: {refusals:#?}");
        assert!(refusals.iter().all(|refusal| refusal.what.chars().count() <= 1001), "{what}");
    }
}

/// Fields that are taken for one another are found without comparing each with each.
#[test]
fn a_document_of_many_fields_is_judged_soon() {
    let Some(bench) = Bench::new() else { return };
    let _alone = bench.alone.blocking_lock();
    let before =
        json!({ "apiVersion": "kubelet.config.k8s.io/v1beta1", "kind": "KubeletConfiguration", "readOnlyPort": 0 });
    let mut after = before.clone();
    for i in 0..300_000 {
        after[format!("f{i}")] = Value::Null;
    }
    after["READONLYPORT"] = 1.into();
    let granted = granted(&json!({ "patches": ["kubeletconfiguration"] }));
    let (memory, start) = (Memory::now(), Instant::now());
    let refusals = judge::document_change(&before, &after, "kubeletconfiguration", &granted);
    let (took, grown) = (start.elapsed(), memory.grown());
    assert!(took < TIME && grown < GROWTH, "{took:?}, {} MiB", grown >> 20);
    let twice = refusals.iter().filter(|refusal| refusal.what.contains("the same field stands there twice")).count();
    assert_eq!(twice, 2, "{refusals:?}");
}
