//! An old configuration, written in the newest version with all defaults filled in (`config migrate`).

use serde_json::Value;

use super::flags::{InitFlags, JoinFlags};
use super::load::Documents;
use super::print::document;
use super::resolve::{Entropy, Lookup, resolve_init, resolve_join, resolve_reset, resolve_upgrade};
use super::v1beta4::{ResetConfiguration, UpgradeConfiguration};
use crate::Facts;
use crate::component::Component;
use crate::plugin::config::{self as plugins, Digests};
use crate::report::{Problem, Report};

/// The documents of a file in the newest version: InitConfiguration and ClusterConfiguration, JoinConfiguration,
/// ResetConfiguration, UpgradeConfiguration, as far as the file has them. As with kubeadm, defaults that come from
/// the machine are written too (node name, address, CRI socket, a random token), and component configurations are
/// not. PluginConfiguration has one version and comes back as it is. Empty after an error.
pub fn migrate(
    documents: &Documents,
    facts: &Facts,
    lookup: Lookup<'_>,
    entropy: Entropy<'_>,
    report: &mut Report,
) -> Vec<Value> {
    let mut migrated = Vec::new();
    if documents.init.is_some() || documents.cluster.is_some() {
        let flags = InitFlags::default();
        if let Some(cluster) = resolve_init(Some(documents), &flags, facts, lookup, entropy, true, report) {
            migrated.push(document("InitConfiguration", &cluster.init));
            migrated.push(document("ClusterConfiguration", &cluster.config));
        }
    }
    if documents.join.is_some()
        && let Some(join) = resolve_join(Some(documents), &JoinFlags::default(), facts, true, report)
    {
        migrated.push(document("JoinConfiguration", &join));
    }
    if documents.reset.is_some()
        && let Some(reset) = resolve_reset(Some(documents), ResetConfiguration::default(), facts, true, report)
    {
        migrated.push(document("ResetConfiguration", &reset));
    }
    if documents.upgrade.is_some()
        && let Some(upgrade) = resolve_upgrade(Some(documents), UpgradeConfiguration::default(), report)
    {
        migrated.push(document("UpgradeConfiguration", &upgrade));
    }
    if let Some(plugins) = &documents.plugins {
        if documents.init.is_none() && documents.cluster.is_none() {
            plugins::resolve(Some(documents), Digests::Required, report);
        }
        migrated.push(plugins.document());
    }
    for component in Component::ALL.into_iter().filter(|component| documents.component(*component).is_some()) {
        report.push(
            Problem::warning("", format!("{} is not part of the output", component.kind()))
                .at(documents.place(component.kind(), ""))
                .hint("it needs no migration: append it to the new file as it is"),
        );
    }
    if report.has_errors() {
        migrated.clear();
    }
    migrated
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use super::*;
    use crate::config::load::{Command, load};
    use crate::report::Source;

    #[test]
    fn plugins_come_back_as_they_are() {
        let text = "apiVersion: kubephase.dev/v1alpha1\nkind: PluginConfiguration\nplugins:\n- name: a\n  source: ./a.wasm\n  settings: {x: [1, null]}\n  timeout: 5s\n";
        let mut report = Report::default();
        let source = Arc::new(Source { name: "d/f.yaml".into(), text: text.into() });
        let documents = load(&source, Command::Migrate, &mut report);
        let lookup = |_: &str| Err(String::new());
        let migrated = migrate(&documents, &Facts::default(), &lookup, &mut |_| {}, &mut report);
        assert!(report.problems.is_empty(), "{report}");
        let plugin = json!({ "name": "a", "source": "./a.wasm", "settings": { "x": [1, null] }, "timeout": "5s", "grants": {}, "limits": {} });
        assert_eq!(
            migrated,
            [json!({ "apiVersion": "kubephase.dev/v1alpha1", "kind": "PluginConfiguration", "plugins": [plugin] })]
        );
    }
}
