//! Lets images come from mirrors, in either of two ways.
//!
//! - `rewrite`: the references in everything that kubephase writes are changed, as a mutator.
//! - `hosts`: containerd is told where the images of a registry are, by `hosts.toml` files that a phase of its own
//!   writes before `preflight` pulls the first image. Names of images stay what they are.

mod containerd;
mod images;
mod reference;
mod toml;

use std::collections::BTreeMap;

use kubephase_sdk::prelude::*;

/// What the operator may say; see `settings.schema.json`.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
struct Settings {
    rewrite: Vec<Rule>,
    hosts: BTreeMap<String, Registry>,
    directory: String,
}

impl Default for Settings {
    fn default() -> Self {
        Self { rewrite: Vec::new(), hosts: BTreeMap::new(), directory: "/etc/containerd/certs.d".into() }
    }
}

/// One rule of rewriting.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Rule {
    from: String,
    to: String,
}

/// Where the images of one registry are.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Registry {
    mirrors: Vec<Mirror>,
    #[serde(default = "yes")]
    upstream: bool,
    server: Option<String>,
}

/// One of its mirrors.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Mirror {
    url: String,
    #[serde(default = "pull_and_resolve")]
    capabilities: Vec<String>,
    ca: Option<String>,
    ca_file: Option<String>,
    #[serde(default)]
    skip_verify: bool,
    #[serde(default)]
    override_path: bool,
    dial_timeout: Option<String>,
}

fn yes() -> bool {
    true
}

fn pull_and_resolve() -> Vec<String> {
    vec!["pull".into(), "resolve".into()]
}

/// The plugin.
struct RegistryMirror;

impl Plugin for RegistryMirror {
    type Settings = Settings;

    fn describe() -> Description {
        let targets = [
            "etcd",
            "kube-apiserver",
            "kube-controller-manager",
            "kube-scheduler",
            "corednsdeployment",
            "kubeproxydaemonset",
        ];
        Description::new("registry-mirror", env!("CARGO_PKG_VERSION"), "Lets images come from mirrors")
            .settings_schema(include_str!("../settings.schema.json"))
            .wants("patches", targets, "rewrite references of images; add plugin:<name> for those of other plugins")
            .wants("privileges", ["image"], "change the images of others")
            .wants("writes", ["/etc/containerd/certs.d/**"], "tell containerd its mirrors, and whom to believe")
            .wants("facts", ["runtime"], "say so if the runtime is not containerd")
            .wants("files", ["/etc/containerd/config.toml"], "say so if containerd does not read the directory")
            .before("preflight")
    }
}

impl Mutator for RegistryMirror {
    fn mutate(settings: Settings, target: &str, document: Value) -> Result<Proposal, Failure> {
        Ok(images::rewrite(&settings.rewrite, target, &document))
    }
}

impl Phase for RegistryMirror {
    fn run(settings: Settings) -> Result<Proposal, Failure> {
        containerd::propose(&settings)
    }
}

kubephase_sdk::export!(RegistryMirror: mutator, phase);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_readme_has_every_grant_and_setting() {
        let readme = include_str!("../README.md");
        for scope in RegistryMirror::describe().wants.iter().flat_map(|want| &want.scopes) {
            assert!(readme.contains(&**scope), "{scope}");
        }
        let schema: Value = serde_json::from_str(include_str!("../settings.schema.json")).expect("it is JSON");
        for setting in schema["properties"].as_object().into_iter().flat_map(|settings| settings.keys()) {
            assert!(readme.contains(&format!("`{setting}")), "{setting}");
        }
    }
}
