//! What the operator can set.

use kubephase_sdk::prelude::*;

/// See `settings.schema.json`.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub struct Settings {
    /// Version of metrics-server; by the cluster's if none.
    pub version: Option<String>,
    /// Where the image is.
    pub registry: String,
    /// The image, whole.
    pub image: Option<String>,
    /// How many pods.
    pub replicas: u32,
    /// Whether whoever answers at a kubelet's address is believed.
    #[serde(rename = "kubeletInsecureTLS")]
    pub kubelet_insecure_tls: bool,
    /// Which of a node's addresses are tried, best first.
    pub address_types: Vec<String>,
    /// How often kubelets are asked, in seconds.
    pub resolution_seconds: u32,
    /// Whether it may run on control-plane nodes.
    pub tolerate_control_plane: bool,
    /// Processor time that is requested.
    pub cpu: String,
    /// Memory that is requested.
    pub memory: String,
    /// How long is waited for it, in seconds.
    pub wait_seconds: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            version: None,
            registry: "registry.k8s.io/metrics-server".into(),
            image: None,
            replicas: 1,
            kubelet_insecure_tls: false,
            address_types: ["InternalIP", "ExternalIP", "Hostname"].map(str::to_owned).to_vec(),
            resolution_seconds: 15,
            tolerate_control_plane: true,
            cpu: "100m".into(),
            memory: "200Mi".into(),
            wait_seconds: 300,
        }
    }
}
