//! What the operator can set.

use std::collections::BTreeMap;

use serde::Deserialize;

/// See `settings.schema.json`.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub struct Settings {
    /// Subnets of this node's pods.
    pub subnets: Vec<String>,
    /// Instead of that, by node.
    pub nodes: BTreeMap<String, Node>,
    /// Name of the bridge.
    pub bridge: String,
    /// Largest packet, in bytes.
    pub mtu: Option<u32>,
    /// Whether packets to elsewhere get the node's address.
    pub masquerade: bool,
    /// Whether a pod reaches itself by its Service.
    pub hairpin: bool,
    /// Whether pods may have host ports.
    pub portmap: bool,
    /// Whether the loopback interface is configured as well.
    pub loopback: bool,
    /// Where CNI configurations are.
    pub configuration_directory: String,
    /// Where CNI programs are.
    pub program_directory: String,
}

/// One of several nodes.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub struct Node {
    /// Subnets of its pods.
    pub subnets: Vec<String>,
    /// Address by which others reach it.
    pub address: Option<String>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            subnets: Vec::new(),
            nodes: BTreeMap::new(),
            bridge: "cni0".into(),
            mtu: None,
            masquerade: true,
            hairpin: true,
            portmap: true,
            loopback: false,
            configuration_directory: "/etc/cni/net.d".into(),
            program_directory: "/opt/cni/bin".into(),
        }
    }
}
