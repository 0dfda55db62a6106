//! CNI: configurations that are ours say which links and rules their programs have made. Those of others stay, with
//! all that is theirs.

use std::collections::BTreeSet;

use serde_json::Value;

use super::Reset;
use crate::error::PhaseError;
use crate::journal::Journal;

/// Where runtimes look for configurations.
const DIRECTORY: &str = "/etc/cni/net.d";

/// What programs have made beside files.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Traces {
    /// Network links.
    pub links: BTreeSet<String>,
    /// Prefixes of chains of iptables.
    pub chains: BTreeSet<String>,
    /// Tables of nftables, with their families.
    pub tables: BTreeSet<String>,
}

/// What a CNI program makes.
struct Makes {
    /// Its type in configurations.
    kind: &'static str,
    links: &'static [&'static str],
    chains: &'static [&'static str],
    tables: &'static [&'static str],
}

/// What CNI programs make by other names than those in their configurations. One more is one entry.
const KNOWN: [Makes; 3] = [
    Makes {
        kind: "flannel",
        links: &["flannel.1", "flannel-v6.1", "flannel-wg", "flannel-wg-v6", "flannel.ipip"],
        chains: &["FLANNEL-"],
        tables: &["ip flannel-ipv4", "ip6 flannel-ipv6"],
    },
    Makes {
        kind: "calico",
        links: &["vxlan.calico", "vxlan-v6.calico", "wireguard.cali", "wg-v6.cali"],
        chains: &["cali-"],
        tables: &[],
    },
    Makes {
        kind: "cilium-cni",
        links: &["cilium_host", "cilium_net", "cilium_vxlan", "cilium_geneve"],
        chains: &["CILIUM_"],
        tables: &[],
    },
];

/// Traces of all configurations that the journal has, or that plugins want removed, but for what another configuration
/// names too.
pub fn traces(cx: &mut Reset, journal: Option<&Journal>, wanted: &[String]) -> Result<Traces, PhaseError> {
    let (mut ours, mut theirs) = (Traces::default(), Traces::default());
    for name in cx.node.list(DIRECTORY)? {
        let path = format!("{DIRECTORY}/{name}");
        let Some(config) = cx.node.read(&path)?.and_then(|text| serde_json::from_slice::<Value>(&text).ok()) else {
            continue;
        };
        let is_ours = wanted.contains(&path)
            || journal.is_some_and(|journal| journal.files.get(&path).is_some_and(|became| became == "created"));
        add(&config, if is_ours { &mut ours } else { &mut theirs });
    }
    for link in ours.links.clone() {
        if theirs.links.contains(&link) {
            ours.links.remove(&link);
            cx.leave_alone(
                &format!("the link {link}"),
                &format!("a configuration in {DIRECTORY} that is not ours uses it"),
            );
        }
    }
    ours.chains.retain(|chain| !theirs.chains.contains(chain));
    ours.tables.retain(|table| !theirs.tables.contains(table));
    Ok(ours)
}

/// What one configuration, or one list of them, stands for.
fn add(config: &Value, traces: &mut Traces) {
    let list = config["plugins"].as_array().map_or_else(|| vec![config], |plugins| plugins.iter().collect());
    for plugin in list {
        let Some(kind) = plugin["type"].as_str() else { continue };
        let bridge = match kind {
            "bridge" => Some(&plugin["bridge"]),
            // It has a bridge made.
            "flannel" => Some(&plugin["delegate"]["bridge"]),
            _ => None,
        };
        if let Some(bridge) = bridge {
            traces.links.insert(bridge.as_str().unwrap_or("cni0").to_owned());
        }
        for makes in KNOWN.iter().filter(|makes| makes.kind == kind) {
            let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
            traces.links.extend(owned(makes.links));
            traces.chains.extend(owned(makes.chains));
            traces.tables.extend(owned(makes.tables));
        }
    }
}

/// Says what is left here, when everything of ours has gone.
pub fn tell_foreign(cx: &mut Reset) -> Result<(), PhaseError> {
    for name in cx.node.list(DIRECTORY)? {
        cx.leave_alone(&format!("{DIRECTORY}/{name}"), "it is not known to be ours; remove it if nothing else uses it");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(config: Value) -> Traces {
        let mut traces = Traces::default();
        add(&config, &mut traces);
        traces
    }

    #[test]
    fn a_configuration_names_its_bridge() {
        let list = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>();
        assert_eq!(of(json!({"type": "bridge", "bridge": "br7"})).links, list(&["br7"]));
        assert_eq!(of(json!({"plugins": [{"type": "bridge"}, {"type": "portmap"}]})).links, list(&["cni0"]));
        let flannel = of(json!({"plugins": [{"type": "flannel", "delegate": {"isDefaultGateway": true}}]}));
        assert!(flannel.links.contains("cni0") && flannel.links.contains("flannel.1"));
        assert_eq!(flannel.chains, list(&["FLANNEL-"]));
        assert_eq!(of(json!({"type": "loopback"})), Traces::default());
        assert_eq!(of(json!([])), Traces::default());
    }
}
