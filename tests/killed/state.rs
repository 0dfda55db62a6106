//! What a finished run leaves, so that two can be compared: on the machine, in its journal, in the cluster. Names,
//! addresses and what is random by nature are taken out.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

use base64::Engine as _;
use kubephase_model::object::{KINDS, ObjectRef};
use kubephase_workflow::{Journal, etcd_members};
use serde_json::{Value, json};

use crate::ground::Ground;
use crate::stage::{TOKEN, runtime};

/// Where everything is that a run writes.
const BELOW: [&str; 4] = ["etc/kubernetes", "var/lib/kubelet", "var/lib/kubephase", "var/lib/etcd"];
/// Kept of an object; the rest is the server's, or differs from node to node.
const KEPT: [&str; 7] = ["data", "spec", "rules", "roleRef", "subjects", "automountServiceAccountToken", "type"];

/// Everybody answers at once, or never.
const PATIENCE: Duration = Duration::from_secs(10);

/// Names of things, with what they are.
pub type State = BTreeMap<String, String>;

/// What is there now; panics if the journal names what is not there.
pub fn of(ground: &Ground) -> State {
    let mut state = State::new();
    let root = ground.machine().root();
    for below in BELOW {
        files(ground, root, &root.join(below), &mut state);
    }
    let node = ground.machine().node();
    let journal = Journal::read(node).expect("readable").expect("a journal");
    for path in journal.files.keys() {
        assert!(node.exists(path), "the journal names {path}, which is not there");
    }
    for phase in &journal.phases {
        state.insert(format!("phase {phase}"), "in the journal".into());
    }
    for service in journal.services.keys() {
        state.insert(format!("service {service}"), "in the journal".into());
    }
    let own = format!("Node {}", ground.name[0]);
    let objects: Vec<&String> = journal.objects.keys().chain([&own]).collect();
    runtime().block_on(asked(ground, &objects, &mut state));
    state
}

/// What the cluster says.
async fn asked(ground: &Ground, objects: &[&String], state: &mut State) {
    let node = ground.first().node();
    let api = kubephase_workflow::cluster::connect(node, "/etc/kubernetes/admin.conf").expect("an API");
    for name in objects {
        let Some((kind, path)) = name.split_once(' ') else { panic!("{name} names no object") };
        let (namespace, name) = path.split_once('/').map_or((None, path), |(namespace, name)| (Some(namespace), name));
        let known = KINDS.iter().find(|known| known.kind == kind).unwrap_or_else(|| panic!("there is no kind {kind}"));
        let at = ObjectRef::new(known, namespace, name);
        let mut object = api.get(&at).await.expect("an answer");
        // A kubelet that has just got its certificate registers its node in a moment.
        let begun = Instant::now();
        while kind == "Node" && object.is_none() && begun.elapsed() < PATIENCE {
            tokio::time::sleep(Duration::from_millis(20)).await;
            object = api.get(&at).await.expect("an answer");
        }
        let object = object.map_or_else(|| "not there".to_owned(), |object| meaning(&object).to_string());
        // Some tokens are made up by each run.
        let is_random = path.contains("/bootstrap-token-") && !TOKEN.starts_with(&path[path.len() - 6..]);
        let path = if is_random { "bootstrap-token-RANDOM" } else { path };
        state.insert(ground.common(&format!("object {kind} {path}")), ground.common(&object));
    }
    if !ground.first().node().exists("/etc/kubernetes/manifests/etcd.yaml") {
        return;
    }
    let etcd = etcd_members::connect(node, &api, "/etc/kubernetes/pki", PATIENCE, &|_, _| {}).await.expect("an etcd");
    for member in etcd.members().await.expect("members") {
        let vote = if member.is_learner { "a learner" } else { "a voter" };
        state.insert(
            ground.common(&format!("member {}", member.name)),
            ground.common(&format!("{vote} at {:?}", member.peer_urls)),
        );
    }
}

/// What has changed from one to the other, a line each.
pub fn differences(wanted: &State, found: &State) -> Vec<String> {
    let names = wanted.keys().chain(found.keys().filter(|name| !wanted.contains_key(*name)));
    let different = names.filter(|name| wanted.get(*name) != found.get(*name));
    different.map(|name| format!("{name}: {:?} instead of {:?}", found.get(name), wanted.get(name))).collect()
}

/// What a run has written, whole or not, for looking at it between two.
pub fn bytes(root: &Path) -> BTreeMap<String, (u32, Vec<u8>)> {
    let mut found = BTreeMap::new();
    for below in BELOW {
        walk(root, &root.join(below), &mut |path, mode, contents| {
            found.insert(path.to_owned(), (mode, contents));
        });
    }
    found
}

/// A temporary file of a run that did not end well.
pub fn is_leftover(path: &str) -> bool {
    path.rsplit('/').next().is_some_and(|name| name.starts_with(".kubephase-tmp."))
}

impl Ground {
    /// A text without what only this machine and this cluster have.
    fn common(&self, text: &str) -> String {
        let [name, address] = &self.name;
        let text = text.replace(name, "NAME").replace(address, "ADDRESS");
        let authority =
            self.first().node().read("/etc/kubernetes/pki/ca.crt").expect("readable").expect("an authority");
        text.replace(&base64::engine::general_purpose::STANDARD.encode(authority), "AUTHORITY")
    }
}

fn files(ground: &Ground, root: &Path, directory: &Path, state: &mut State) {
    walk(root, directory, &mut |path, mode, contents| {
        // The kubelet's own, and the lock.
        if path.starts_with("var/lib/kubelet/pki/") || path == "var/lib/kubephase/lock" {
            return;
        }
        let plain = [".yaml", ".env"].iter().any(|end| path.ends_with(end));
        let text = if plain { ground.common(&String::from_utf8_lossy(&contents)) } else { String::new() };
        state.insert(format!("file {path}"), format!("{mode:o} {text}"));
    });
}

fn walk(root: &Path, directory: &Path, found: &mut dyn FnMut(&str, u32, Vec<u8>)) {
    for entry in std::fs::read_dir(directory).into_iter().flatten().flatten() {
        let path = entry.path();
        let metadata = std::fs::symlink_metadata(&path).expect("there");
        if metadata.is_dir() {
            walk(root, &path, found);
        } else if metadata.is_file() {
            let name = path.strip_prefix(root).expect("below").to_str().expect("UTF-8");
            found(name, metadata.permissions().mode() & 0o7777, std::fs::read(&path).expect("readable"));
        }
    }
}

/// What an object is about.
fn meaning(object: &Value) -> Value {
    let mut kept = json!({ "labels": object["metadata"]["labels"] });
    for field in KEPT {
        kept[field] = object[field].clone();
    }
    match object["kind"].as_str() {
        Some("Node") => {
            // Not what controllers say of nodes as they come and go.
            let mut taints = object["spec"]["taints"].clone();
            for taint in taints.as_array_mut().into_iter() {
                taint.retain(|one| !one["key"].as_str().is_some_and(|key| key.starts_with("node.kubernetes.io/")));
            }
            let socket = &object["metadata"]["annotations"]["kubeadm.alpha.kubernetes.io/cri-socket"];
            kept["spec"] =
                json!({ "taints": taints, "unschedulable": object["spec"]["unschedulable"], "socket": socket });
        }
        // Random, or encrypted with something random.
        Some("Secret") => {
            let names: Vec<&String> = object["data"].as_object().into_iter().flatten().map(|(name, _)| name).collect();
            kept["data"] = json!(names);
        }
        Some("ConfigMap") => {
            // Signatures of a text with the authority in it.
            for (_, value) in
                kept["data"].as_object_mut().into_iter().flatten().filter(|(name, _)| name.starts_with("jws-"))
            {
                *value = Value::Null;
            }
        }
        _ => {}
    }
    kept
}
