//! What kubeadm 1.36 did with the recorded command lines and configurations, kubephase does: at a cluster like the one of
//! the recordings, as dry runs. The verdict is the same, and so is what would be written.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::served::{Desk, Served};
use crate::support::case::golden;
use crate::support::program::Outcome;

/// The authority of the recorded cluster.
const PIN: &str = "sha256:9a2450d6159f1a1941cd75a63e5b16445e11b2e454b01755e4316e25e393e4f6";
/// What a refusal must say, by the name of the recording.
const REFUSED: [(&str, &[&str]); 2] = [
    ("wrong-hash", &["none of its authorities is pinned", "theirs: sha256:", "= hint: this is another cluster"]),
    (
        "cp-wrong-key",
        &["downloading certificates: ca.crt", "it is not the key that this was encrypted with", "= hint:"],
    ),
];
/// A dry run of kubeadm's asks no etcd and forgets what it would write there: a member that joins is told that its cluster
/// exists, as a real run of kubeadm's tells it.
const OF_A_MEMBER: &str = "--initial-cluster-state=existing";
/// Where the recording machine was called like the node, and this one is not.
const OWN_NAME: [&str; 2] = ["cp-dry-run", "unsafe-skip"];

fn recorded(file: &str) -> String {
    fs::read_to_string(golden().join("join").join(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

/// The recorded text for this cluster. This machine need not be fit for a node: other tests are about that.
fn here(text: &str, served: &Served) -> String {
    let ours = text.replace("CASE/j/", "").replace("kadm.test:6443", &served.address).replace(PIN, &served.pin);
    ours.replace("[SystemVerification]", "[all]")
        .replace("errors=SystemVerification,ImagePull", "errors=all")
        .replace("errors=SystemVerification", "errors=all")
}

/// Runs a recorded command, with the recorded configurations beside it.
fn run(command: &str, served: &Served) -> (Desk, Outcome) {
    let desk = Desk::new();
    for file in ["worker.yaml", "worker-v1beta3.yaml", "cp.yaml", "file.yaml"] {
        desk.put(file, &here(&recorded(file), served));
    }
    desk.put("discovery.conf", &served.discovery_file("null"));
    let mut words: Vec<String> = here(command, served).split_whitespace().skip(2).map(str::to_owned).collect();
    words.retain(|word| word != "--dry-run");
    if words.iter().any(|word| word == "--control-plane") {
        // Found on the recording machine.
        words.extend(["--apiserver-advertise-address", "10.77.0.13"].map(str::to_owned));
    }
    let outcome = desk.join(words);
    (desk, outcome)
}

/// What kubeadm would have written, by path.
fn written(out: &str) -> BTreeMap<String, String> {
    let mut files = BTreeMap::new();
    for part in out.split("[dryrun] Would write file \"").skip(1) {
        let (path, rest) = part.split_once("\" with content:\n").expect("contents");
        let lines = rest.lines().take_while(|line| !line.starts_with('[')).map(|line| format!("{line}\n"));
        files.insert(path.to_owned(), lines.collect());
    }
    files
}

/// The same in meaning. What depends on the directories and services of a machine is left out.
fn meaning(path: &str, text: &str) -> Value {
    let Ok(mut value) = serde_yaml::from_str::<Value>(text) else { panic!("{path} is no YAML:\n{text}") };
    if let Some(config) = value.as_object_mut().filter(|_| path.ends_with("/config.yaml")) {
        config.remove("resolvConf");
        config.remove("containerRuntimeEndpoint");
    }
    if let Some(spec) = value.get_mut("spec").and_then(Value::as_object_mut) {
        spec.remove("volumes");
        for container in spec["containers"].as_array_mut().into_iter().flatten() {
            container.as_object_mut().expect("a container").remove("volumeMounts");
            if let Some(words) = container["command"].as_array_mut() {
                words.retain(|word| word != OF_A_MEMBER);
            }
        }
    }
    value
}

fn compare(name: &str, theirs: &BTreeMap<String, String>, scratch: &Path) -> Vec<String> {
    let mut wrong = Vec::new();
    for (path, theirs) in theirs {
        let Ok(ours) = fs::read_to_string(scratch.join(&path[1..])) else {
            wrong.push(format!("{name}: {path} is not written"));
            continue;
        };
        if path.ends_with(".env") {
            if !OWN_NAME.contains(&name) && ours.trim() != theirs.trim() {
                wrong.push(format!("{name}: {path}: {ours:?} instead of {theirs:?}"));
            }
            continue;
        }
        let (theirs, ours) = (meaning(path, theirs), meaning(path, &ours));
        if theirs != ours {
            let text = |value: &Value| serde_yaml::to_string(value).expect("YAML");
            let diff =
                similar::TextDiff::from_lines(text(&theirs).as_str(), text(&ours).as_str()).unified_diff().to_string();
            wrong.push(format!("{name}: {path}\n{diff}"));
        }
    }
    wrong
}

#[test]
fn every_recorded_command_has_the_recorded_verdict() {
    let served = Served::start();
    let mut names: Vec<String> = fs::read_dir(golden().join("join"))
        .expect("recordings")
        .filter_map(|entry| entry.expect("an entry").file_name().to_str()?.strip_suffix(".cmd").map(str::to_owned))
        .collect();
    names.sort();
    assert!(names.len() >= 6, "{names:?}");
    let mut wrong = Vec::new();
    for name in &names {
        let (desk, outcome) = run(&recorded(&format!("{name}.cmd")), &served);
        let theirs = recorded(&format!("{name}.rc")).trim() == "0";
        let refused = REFUSED.iter().find(|(refused, _)| refused == name);
        assert_eq!(theirs, refused.is_none(), "{name}: say what its message must say");
        if theirs != (outcome.code == Some(0)) {
            wrong.push(format!("{name}: kubeadm's verdict is another one: {outcome}"));
        } else if let Some((_, words)) = refused {
            wrong.extend(
                words
                    .iter()
                    .filter(|word| !outcome.err().contains(*word))
                    .map(|word| format!("{name}: {word:?} is not said: {outcome}")),
            );
        } else {
            let files = written(&recorded(&format!("{name}.out")));
            assert!(files.len() >= 2, "{name}: {:?}", files.keys());
            wrong.extend(compare(name, &files, &desk.path().join("scratch")));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Configurations without a recorded run. kubeadm 1.36.2 takes them, and what it says of the first is recorded.
#[test]
fn the_older_api_and_a_discovery_file_do_the_same() {
    let served = Served::start();
    let files = written(&recorded("worker-dry-run.out"));
    let (desk, outcome) = run("kubeadm join --config CASE/j/worker-v1beta3.yaml", &served);
    outcome.expect_code(0);
    assert!(outcome.err().contains("`kubeadm.k8s.io/v1beta3` is deprecated"), "{outcome}");
    assert_eq!(compare("worker-v1beta3", &files, &desk.path().join("scratch")), Vec::<String>::new());

    let (desk, outcome) = run("kubeadm join --config CASE/j/file.yaml", &served);
    outcome.expect_code(0);
    let config: BTreeMap<_, _> = files.into_iter().filter(|(path, _)| path.ends_with("config.yaml")).collect();
    assert_eq!(compare("file", &config, &desk.path().join("scratch")), Vec::<String>::new());
    let bootstrap = fs::read_to_string(desk.path().join("scratch/etc/kubernetes/bootstrap-kubelet.conf"));
    assert!(bootstrap.expect("a kubeconfig").contains("token: abcdef.0123456789abcdef"));
}
