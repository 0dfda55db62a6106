//! From the document of a file to the configuration that counts: checked, its paths seen from where the file is.

use super::source::{OCI, beside};
use super::{KIND, PluginConfiguration, check, secrets};
use crate::config::load::Documents;
use crate::report::{Problem, Report};

/// Whether sources in registries need a digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Digests {
    /// Wherever plugins run.
    Required,
    /// For commands that look them up.
    Optional,
}

/// The configuration of a file's plugins; empty if the file has none. Paths in it are relative to what the file's own path
/// is relative to. Problems are told with their place; what comes back after an error is not to be used.
pub fn resolve(documents: Option<&Documents>, digests: Digests, report: &mut Report) -> PluginConfiguration {
    let Some((documents, config)) = documents.and_then(|documents| Some((documents, documents.plugins.as_ref()?)))
    else {
        return PluginConfiguration::default();
    };
    let place = |path: &str| documents.place(KIND, path);
    for mut problem in check::problems(config, digests) {
        problem.place = place(&problem.path);
        report.push(problem);
    }
    for (i, plugin) in config.plugins.iter().enumerate() {
        for path in secrets::find(&plugin.settings, &format!("plugins[{i}].settings")) {
            // Told in words: who is shown a place is shown its line, and the secret with it.
            let line = place(&path).map_or_else(String::new, |place| format!(" on line {}", place.line));
            let hint =
                "settings are stored in the cluster and shown in plans: name a file or a Secret that has it instead";
            report.push(Problem::warning(path, format!("this looks like a secret{line}")).hint(hint));
        }
    }
    seen_from_here(documents, config)
}

/// The configuration with its paths as they are seen from where the file's own path is.
pub(super) fn seen_from_here(documents: &Documents, config: &PluginConfiguration) -> PluginConfiguration {
    let mut config = config.clone();
    if let Some(place) = documents.place(KIND, "") {
        let file = &place.source.name;
        for plugin in config.plugins.iter_mut().filter(|plugin| !plugin.source.contains("://")) {
            plugin.source = beside(file, &plugin.source);
        }
        for rule in &mut config.trust {
            if !rule.source.starts_with(OCI) {
                rule.source = beside(file, &rule.source);
            }
            for key in &mut rule.keys {
                key.public_key_file = beside(file, &key.public_key_file);
            }
        }
        for registry in &mut config.registries {
            registry.ca_file = beside(file, &registry.ca_file);
        }
    }
    config
}
