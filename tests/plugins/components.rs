//! The plugins of this repository as components, and what an operator would write to have them.
//!
//! Which there are is read from the tree: one more is tested without a word here.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use kubephase_node::PrivateDir;
use kubephase_plugin::{CompiledCache, Ear, Workbench};
use serde_json::{Value, json};

use crate::runs::runtime;

/// Not for use: they attack.
const HOSTILE: [&str; 2] = ["hostile", "hostile-wasi"];

/// The workspace of plugins.
pub fn sources() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/plugins"))
}

/// Every plugin in Rust that is for use: it has a schema, cases and a page.
pub fn first_party() -> Vec<String> {
    let mut names = Vec::new();
    for entry in fs::read_dir(sources()).expect("plugins") {
        let directory = entry.expect("an entry").path();
        let name = directory.file_name().expect("a name").to_string_lossy().into_owned();
        if directory.join("settings.schema.json").exists() && !HOSTILE.contains(&name.as_str()) {
            names.push(name);
        }
    }
    names.sort();
    assert!(names.len() > 12, "{names:?}");
    names
}

/// The plugins in other languages, and their directories.
pub fn in_other_languages() -> Vec<(String, PathBuf)> {
    let directories = ["c", "go", "js", "python"].map(|language| (language, sources().join("guests").join(language)));
    directories.map(|(language, directory)| (format!("free-memory-{language}"), directory)).to_vec()
}

/// Where components lie: `KUBEPHASE_PLUGINS`, else where `cargo xtask plugins` puts them.
pub fn directory() -> PathBuf {
    let var = |name: &str| std::env::var_os(name).map(PathBuf::from);
    let cache = || var("KUBEPHASE_CACHE").unwrap_or_else(|| var("HOME").expect("a home").join(".cache/kubephase/e2e"));
    var("KUBEPHASE_PLUGINS").unwrap_or_else(|| cache().join("plugins"))
}

/// A component's file, which may not be there.
pub fn place(name: &str) -> PathBuf {
    directory().join(format!("{name}.wasm"))
}

/// A component in Rust, which must be there.
#[track_caller]
pub fn component(name: &str) -> PathBuf {
    let path = place(name);
    assert!(path.is_file(), "{} is missing: `cargo xtask plugins` builds it", path.display());
    path
}

/// Compiled code that all tests share, so that every plugin is compiled once. Compiling again is only slower.
pub fn compiled() -> CompiledCache {
    PrivateDir::open(caches().join("compiled")).map_or_else(|_| CompiledCache::none(), CompiledCache::new)
}

/// Where the program's caches are for tests.
pub fn caches() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("plugins")
}

/// What a plugin says of itself.
pub fn on_bench(name: &str) -> Workbench {
    let bytes = fs::read(component(name)).expect("readable");
    let nobody: Ear = Arc::new(|_, _| {});
    runtime().block_on(Workbench::load(bytes, &compiled(), nobody)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// All that a plugin wants, as `grants`.
pub fn grants(name: &str) -> Value {
    let mut grants = BTreeMap::<String, Vec<String>>::new();
    for want in &on_bench(name).description().wants {
        let list = grants.entry(want.capability.clone()).or_default();
        list.extend(want.scopes.iter().filter(|scope| !list.contains(scope)).cloned().collect::<Vec<_>>());
    }
    json!(grants)
}

/// Settings for those that need some, or do nothing without.
fn settings(name: &str) -> Value {
    match name {
        "kube-vip" => json!({ "address": "192.0.2.100", "interface": "eth0" }),
        "registry-mirror" => json!({
            "rewrite": [{ "from": "registry.k8s.io", "to": "mirror.example/k8s" }],
            "hosts": { "registry.k8s.io": { "mirrors": [{ "url": "https://mirror.example" }] } },
        }),
        "metrics-server" => json!({ "kubeletInsecureTLS": true }),
        _ => json!({}),
    }
}

/// A plugin's entry in a configuration, with all that it wants granted.
pub fn entry(name: &str) -> Value {
    json!({ "name": name, "source": component(name), "settings": settings(name), "grants": grants(name) })
}

/// All plugins that can be together: a cluster has one network, and here it is `network`.
pub fn team(network: &str) -> Vec<Value> {
    let networks = ["cni-bridge", "flannel"];
    let names = first_party().into_iter().filter(|name| name == network || !networks.contains(&name.as_str()));
    names.map(|name| entry(&name)).collect()
}

/// A configuration with these plugins.
pub fn configuration(entries: &[Value]) -> String {
    let plugins = json!({ "apiVersion": "kubephase.dev/v1alpha1", "kind": "PluginConfiguration", "plugins": entries });
    // One line of JSON is YAML too.
    format!(
        "apiVersion: kubeadm.k8s.io/v1beta4
kind: InitConfiguration
nodeRegistration: {{name: cp-1}}
---
apiVersion: kubeadm.k8s.io/v1beta4
kind: ClusterConfiguration
kubernetesVersion: v1.36.2
controlPlaneEndpoint: 192.0.2.100:6443
encryptionAlgorithm: ECDSA-P256
networking: {{podSubnet: 10.244.0.0/16}}
---
{plugins}
"
    )
}
