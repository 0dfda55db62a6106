//! The ConfigMap `kubephase-config`, from which joining nodes and upgrades learn which plugins run. It stands beside
//! `kubeadm-config` and not in it: kubeadm would write that anew without what it does not know. Every node may read it, so
//! nothing in it may be a secret.

use std::sync::Arc;

use kubephase_model::config::load::{Command, load};
use kubephase_model::plugin::Plugin;
use kubephase_model::plugin::config::{self, Digests, PluginConfiguration};
use kubephase_model::report::Source;
use kubephase_model::{Problem, Report};
use serde_json::{Value, json};

use super::KUBE_SYSTEM;
use super::rbac::{JOINING_NODES, NODES, reader};

/// Its name.
pub const NAME: &str = "kubephase-config";
/// Key of the PluginConfiguration.
pub const PLUGIN_CONFIGURATION: &str = config::KIND;

/// The configuration with the digests of the plugins that have been loaded, so that every node runs the very same. Otherwise
/// the names of those whose digest nobody knows: they are files, and do not run here. One that runs nowhere is left out then.
pub fn pinned(config: &PluginConfiguration, loaded: &[Plugin]) -> Result<PluginConfiguration, Vec<String>> {
    let mut config = config.clone();
    for entry in config.plugins.iter_mut().filter(|entry| entry.digest.is_empty()) {
        if let Some(plugin) = loaded.iter().find(|plugin| plugin.name() == entry.name) {
            entry.digest.clone_from(&plugin.digest);
        }
    }
    config.plugins.retain(|entry| !entry.digest.is_empty() || entry.runs_on(true) || entry.runs_on(false));
    let unknown: Vec<String> =
        config.plugins.iter().filter(|entry| entry.digest.is_empty()).map(|entry| entry.name.clone()).collect();
    if unknown.is_empty() { Ok(config) } else { Err(unknown) }
}

/// The ConfigMap of a new cluster.
pub fn config_map(config: &PluginConfiguration) -> Value {
    let mut config_map = super::config_map(KUBE_SYSTEM, NAME, []);
    update(&mut config_map, config);
    config_map
}

/// Changes a ConfigMap that exists already: only our key.
pub fn update(config_map: &mut Value, config: &PluginConfiguration) {
    if !config_map["data"].is_object() {
        config_map["data"] = json!({});
    }
    config_map["data"][PLUGIN_CONFIGURATION] = crate::yaml(&config.document()).into();
}

/// Reads it back. `None` if it has no such key; otherwise it is checked as a file is, and every plugin must have a digest.
pub fn read(config_map: &Value) -> Result<Option<PluginConfiguration>, Report> {
    let Some(text) = config_map["data"][PLUGIN_CONFIGURATION].as_str() else { return Ok(None) };
    let mut report = Report::default();
    // No slash in the name: paths in there are seen from nowhere else.
    let source = Arc::new(Source { name: NAME.into(), text: text.into() });
    let documents = load(&source, Command::Plugins, &mut report);
    let config = config::resolve(Some(&documents), Digests::Required, &mut report);
    for (i, entry) in config.plugins.iter().enumerate().filter(|(_, entry)| entry.digest.is_empty()) {
        let path = format!("plugins[{i}].digest");
        let known = report.problems.iter().any(|problem| problem.path == path);
        if !known {
            let place = documents.place(config::KIND, &path);
            let message = format!("the plugin `{}` has no digest", entry.name);
            report.push(Problem::error(path, message).at(place).hint("upload the configuration anew"));
        }
    }
    if report.has_errors() { Err(report) } else { Ok(Some(config)) }
}

/// Role and RoleBinding with which nodes, joining or joined, read it.
pub fn access() -> [Value; 2] {
    reader(KUBE_SYSTEM, "kubephase:nodes-kubephase-config", "configmaps", NAME, &[JOINING_NODES, NODES])
}

#[cfg(test)]
mod tests {
    use kubephase_model::plugin::{Description, PluginEntry};

    use super::*;

    fn configuration() -> PluginConfiguration {
        let entry = |name: &str, source: &str| PluginEntry {
            name: name.into(),
            source: source.into(),
            settings: json!({ "minDriver": "550", "list": [1, null, "yes"] }),
            ..PluginEntry::default()
        };
        PluginConfiguration { plugins: vec![entry("a", "/opt/a.wasm"), entry("b", "b.wasm")], ..Default::default() }
    }

    fn loaded(config: &PluginConfiguration, index: usize) -> Plugin {
        Plugin {
            entry: config.plugins[index].clone(),
            description: Description::default(),
            kinds: Vec::new(),
            digest: format!("sha256:{}", "a".repeat(64)),
            signer: None,
        }
    }

    #[test]
    fn what_is_stored_is_read_back() {
        let config = configuration();
        assert_eq!(pinned(&config, &[loaded(&config, 0)]), Err(vec!["b".to_owned()]));
        let mut unused = config.clone();
        unused.plugins[1].enabled = "never".to_owned();
        assert_eq!(pinned(&unused, &[loaded(&config, 0)]).map(|pinned| pinned.plugins.len()), Ok(1));
        let pinned = pinned(&config, &[loaded(&config, 0), loaded(&config, 1)]).expect("all are known");
        let stored = config_map(&pinned);
        assert_eq!(
            (&stored["metadata"]["namespace"], &stored["metadata"]["name"]),
            (&json!("kube-system"), &json!(NAME))
        );
        assert_eq!(read(&stored), Ok(Some(pinned.clone())));
        // What others keep there stays.
        let mut others = json!({ "data": { "theirs": "x" } });
        assert_eq!(read(&others), Ok(None));
        update(&mut others, &pinned);
        assert_eq!(others["data"]["theirs"], "x");
        assert_eq!(read(&others), Ok(Some(pinned)));
    }

    #[test]
    fn what_cannot_be_run_safely_is_refused() {
        let report = read(&config_map(&configuration())).expect_err("no digests");
        assert_eq!(report.problems.len(), 2, "{report}");
        assert!(report.problems.iter().all(|problem| problem.place.is_some()), "{report}");
        let odd = json!({ "data": { PLUGIN_CONFIGURATION: "apiVersion: kubephase.dev/v1alpha1\nkind: PluginConfiguration\nx: 1\n" } });
        assert!(read(&odd).expect_err("an unknown field").to_string().contains("unknown field `x`"));
        let other = json!({ "data": { PLUGIN_CONFIGURATION: "apiVersion: v1\nkind: Pod\n" } });
        assert!(read(&other).is_err());
    }

    #[test]
    fn nodes_may_read_it_and_nothing_else() {
        let [role, binding] = access();
        assert_eq!(
            role["rules"],
            json!([{ "apiGroups": [""], "resourceNames": [NAME], "resources": ["configmaps"], "verbs": ["get"] }])
        );
        let names: Vec<&str> =
            binding["subjects"].as_array().unwrap().iter().filter_map(|s| s["name"].as_str()).collect();
        assert_eq!(names, ["system:bootstrappers:kubeadm:default-node-token", "system:nodes"]);
    }
}
