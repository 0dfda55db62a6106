//! What plugins cost whole commands: many small ones, the compiler, the memory of all of them together.
#![expect(clippy::disallowed_methods, reason = "a task writes what it measures")]

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::{Map, Value, json};

use super::turns::{Pair, Run};
use crate::shell;
use crate::workspace::Workspace;

/// So many plugins look at a node.
const MANY: usize = 100;
/// How much longer that may take than without them, in milliseconds.
const MANY_MORE: f64 = 100.0;

/// Settings without which a plugin does nothing.
fn settings(plugin: &str) -> Option<Value> {
    (plugin == "kube-vip").then(|| json!({ "address": "192.0.2.100" }))
}

/// A cluster whose keys are quick to make and which asks nobody.
pub const CLUSTER: &str = "apiVersion: kubeadm.k8s.io/v1beta4
kind: InitConfiguration
nodeRegistration:
  name: node-1
  criSocket: unix:///run/containerd/containerd.sock
localAPIEndpoint: { advertiseAddress: 192.0.2.10 }
---
apiVersion: kubeadm.k8s.io/v1beta4
kind: ClusterConfiguration
kubernetesVersion: v1.36.2
encryptionAlgorithm: ECDSA-P256
networking:
  podSubnet: 10.244.0.0/16
";

/// The commands to compare. What they need is written below `directory`.
pub fn pairs(workspace: &Workspace, program: &Path, components: &Path, directory: &Path) -> Result<Vec<Pair>> {
    let (warm, cold) = (directory.join("warm"), directory.join("cold"));
    let without = directory.join("without.yaml");
    fs::write(&without, CLUSTER)?;
    let many = locked(program, &directory.join("many.yaml"), &warm, many(components, directory)?)?;
    let all = first_party(workspace, program, components, &warm)?;
    let count = all.len();
    let all = locked(program, &directory.join("all.yaml"), &warm, all)?;
    let rehearse = |config: &Path| {
        let run = Run::new(program, &["rehearse", "init", "--ignore-preflight-errors", "all"]);
        run.path("--config", config).path("--cache-dir", &warm)
    };
    let check =
        |cache: &Path| Run::new(program, &["plugin", "check"]).path("--config", &all).path("--cache-dir", cache);
    let compiling = Run { emptied: Some(cold.clone()), ..check(&cold) };
    Ok(vec![
        Pair {
            name: format!("rehearse init: {MANY} checks, none"),
            first: rehearse(&many),
            second: rehearse(&without),
            more: Some(MANY_MORE),
            memory: true,
        },
        Pair {
            name: format!("plugin check of {count}: cold, warm"),
            first: compiling,
            second: check(&warm),
            more: None,
            memory: true,
        },
        Pair {
            name: format!("rehearse init: all {count}, none"),
            first: rehearse(&all),
            second: rehearse(&without),
            more: None,
            memory: true,
        },
    ])
}

/// The smallest plugin, so many times that are different to everyone who looks.
fn many(components: &Path, directory: &Path) -> Result<Vec<Value>> {
    let hello = components.join("hello.wasm");
    let hello = fs::read(&hello).with_context(|| format!("could not read {}", hello.display()))?;
    let one = |number: usize| {
        let path = directory.join(format!("hello-{number}.wasm"));
        fs::write(&path, [&hello[..], &custom_section("number", &number.to_le_bytes())].concat())?;
        Ok(json!({ "name": format!("hello-{number}"), "source": path, "grants": { "facts": ["cluster"] } }))
    };
    (0..MANY).map(one).collect()
}

/// A section that means nothing to a component. Everything in it is short, so that a length is one byte.
fn custom_section(name: &str, contents: &[u8]) -> Vec<u8> {
    let length = |length: usize| u8::try_from(length).ok().filter(|length| *length < 0x80).unwrap_or_default();
    let body = [&[length(name.len())], name.as_bytes(), contents].concat();
    [&[0, length(body.len())], &body[..]].concat()
}

/// All plugins that are meant to be used, granted what they want.
fn first_party(workspace: &Workspace, program: &Path, components: &Path, cache: &Path) -> Result<Vec<Value>> {
    let sources = workspace.root.join("plugins");
    let mut names: Vec<String> = fs::read_dir(&sources)?
        .filter_map(|entry| Some(entry.ok()?.file_name().to_string_lossy().into_owned()))
        .filter(|name| sources.join(name).join("settings.schema.json").exists() && !name.starts_with("hostile"))
        .collect();
    names.sort();
    let entry = |name: String| {
        let source = components.join(format!("{name}.wasm"));
        let mut inspect = shell::program(program);
        inspect.args(["plugin", "inspect", "-o", "json", "--cache-dir"]).args([cache, &source]);
        let told: Value = serde_json::from_str(&shell::capture(&mut inspect)?)?;
        let mut entry = json!({ "name": name, "source": source, "grants": grants(&told["wants"]) });
        if let Some(settings) = settings(&name) {
            entry["settings"] = settings;
        }
        Ok(entry)
    };
    names.into_iter().map(entry).collect()
}

/// All of what is wanted, as a configuration grants it.
fn grants(wants: &Value) -> Value {
    let mut grants = Map::new();
    for want in wants.as_array().into_iter().flatten() {
        let list = grants.entry(want["capability"].as_str().unwrap_or_default()).or_insert_with(|| json!([]));
        let Some(list) = list.as_array_mut() else { continue };
        for scope in want["scopes"].as_array().into_iter().flatten().filter(|scope| !scope.is_null()) {
            if !list.contains(scope) {
                list.push(scope.clone());
            }
        }
    }
    grants.into()
}

/// Writes a configuration with plugins, and their digests into it.
fn locked(program: &Path, path: &Path, cache: &Path, plugins: Vec<Value>) -> Result<PathBuf> {
    let document = json!({ "apiVersion": "kubephase.dev/v1alpha1", "kind": "PluginConfiguration", "plugins": plugins });
    fs::write(path, format!("{CLUSTER}---\n{}", serde_yaml::to_string(&document)?))?;
    let mut lock = shell::program(program);
    lock.args(["plugin", "lock", "--cache-dir"]).arg(cache).arg("--config").arg(path);
    shell::capture(&mut lock)?;
    Ok(path.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_custom_section_has_its_lengths() {
        assert_eq!(custom_section("ab", &[7]), [0, 4, 2, b'a', b'b', 7]);
    }

    #[test]
    fn what_is_wanted_twice_is_granted_once() {
        let wants = json!([
            { "capability": "files", "scopes": ["/a", "/b"] },
            { "capability": "facts", "scopes": ["pci"] },
            { "capability": "files", "scopes": ["/a"] },
        ]);
        assert_eq!(grants(&wants), json!({ "files": ["/a", "/b"], "facts": ["pci"] }));
    }
}
