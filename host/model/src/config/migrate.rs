//! An old configuration, written in the newest version with all defaults filled in (`config migrate`).

use serde_json::Value;

use super::flags::{InitFlags, JoinFlags};
use super::load::Documents;
use super::print::document;
use super::resolve::{Entropy, Lookup, resolve_init, resolve_join, resolve_reset, resolve_upgrade};
use super::v1beta4::{ResetConfiguration, UpgradeConfiguration};
use crate::Facts;
use crate::component::Component;
use crate::report::{Problem, Report};

/// The documents of a file in the newest version: InitConfiguration and ClusterConfiguration, JoinConfiguration,
/// ResetConfiguration, UpgradeConfiguration, as far as the file has them. As with kubeadm, defaults that come from
/// the machine are written too (node name, address, CRI socket, a random token), and component configurations are
/// not. Empty after an error.
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
