//! What the operator can set.

use kubephase_sdk::facts::ClusterFacts;
use kubephase_sdk::prelude::*;
use pod_network::Subnet;

/// See `settings.schema.json`.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub struct Settings {
    /// Version of flannel.
    pub version: String,
    /// Version of its CNI program.
    pub plugin_version: String,
    /// Where the images are.
    pub registry: String,
    /// flannel's image, whole.
    pub image: Option<String>,
    /// The CNI program's, whole.
    pub plugin_image: Option<String>,
    /// Subnets of pods.
    pub pod_subnets: Vec<String>,
    /// How packets get from node to node.
    pub backend: Backend,
    /// UDP port.
    pub port: Option<u16>,
    /// Number of the VXLAN network.
    pub vni: u32,
    /// Whether vxlan goes by routes where it can.
    pub direct_routing: bool,
    /// Largest packet between the nodes, in bytes.
    pub mtu: Option<u32>,
    /// Interface that leads to the other nodes.
    pub interface: Option<String>,
    /// Whether nftables are used.
    pub nftables: bool,
    /// Where CNI configurations are.
    pub configuration_directory: String,
    /// Where CNI programs are.
    pub program_directory: String,
}

/// How packets get from node to node.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum Backend {
    /// In UDP, by the kernel's VXLAN.
    Vxlan,
    /// By routes.
    HostGw,
    /// Encrypted, in UDP, by the kernel's WireGuard.
    Wireguard,
}

impl Backend {
    /// As flannel calls it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Vxlan => "vxlan",
            Self::HostGw => "host-gw",
            Self::Wireguard => "wireguard",
        }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            version: "v0.28.9".into(),
            plugin_version: "v1.9.1-flannel3".into(),
            registry: "ghcr.io/flannel-io".into(),
            image: None,
            plugin_image: None,
            pod_subnets: Vec::new(),
            backend: Backend::Vxlan,
            port: None,
            vni: 1,
            direct_routing: false,
            mtu: None,
            interface: None,
            nftables: false,
            configuration_directory: "/etc/cni/net.d".into(),
            program_directory: "/opt/cni/bin".into(),
        }
    }
}

/// The first version that has all that the DaemonSet uses: `install-conf`, and readiness on `--healthz-port`.
const OLDEST: (u32, u32, u32) = (0, 28, 9);

impl Settings {
    /// flannel's image.
    ///
    /// # Errors
    ///
    /// If the version is too old.
    pub fn image(&self) -> Result<String, Failure> {
        if let Some(image) = &self.image {
            return Ok(image.clone());
        }
        if numbers(&self.version).is_none_or(|version| version < OLDEST) {
            let message = format!("flannel {} is older than what this plugin installs", self.version);
            return Err(Failure::invalid(message).remedy("set version v0.28.9 or later"));
        }
        Ok(format!("{}/flannel:{}", self.registry, self.version))
    }

    /// The image of its CNI program.
    pub fn plugin_image(&self) -> String {
        let default = || format!("{}/flannel-cni-plugin:{}", self.registry, self.plugin_version);
        self.plugin_image.clone().unwrap_or_else(default)
    }

    /// UDP port that nodes send to each other.
    pub fn port(&self) -> Option<u16> {
        match self.backend {
            Backend::Vxlan => Some(self.port.unwrap_or(8472)),
            Backend::Wireguard => Some(self.port.unwrap_or(51820)),
            Backend::HostGw => None,
        }
    }

    /// Names of the network links that flannel makes.
    pub fn links(&self) -> Vec<String> {
        match self.backend {
            Backend::Vxlan => vec![format!("flannel.{}", self.vni), format!("flannel-v6.{}", self.vni)],
            Backend::Wireguard => vec!["flannel-wg".into(), "flannel-wg-v6".into()],
            Backend::HostGw => Vec::new(),
        }
    }

    /// Subnets of pods: these, otherwise the cluster's. Nodes are given theirs out of the cluster's by the controller
    /// manager, so both must agree.
    ///
    /// # Errors
    ///
    /// If there are none, if they are wrong, or if they are not the cluster's.
    pub fn subnets(&self, cluster: &ClusterFacts) -> Result<Vec<Subnet>, Failure> {
        let texts = if self.pod_subnets.is_empty() { &cluster.pod_subnets } else { &self.pod_subnets };
        if texts.is_empty() || cluster.pod_subnets.is_empty() {
            let message = "the cluster has no pod subnet, so nodes are given none to share with flannel";
            return Err(Failure::invalid(message).remedy("set networking.podSubnet, such as 10.244.0.0/16"));
        }
        let parse = |text: &String| Subnet::parse(text).map_err(|error| Failure::invalid(error.to_string()));
        let subnets = texts.iter().map(parse).collect::<Result<Vec<_>, _>>()?;
        for text in &cluster.pod_subnets {
            let all = parse(text)?;
            if !subnets.iter().any(|subnet| subnet.contains(&all)) {
                let message =
                    format!("nodes are given subnets of {all}, which flannel's {} do not contain", texts.join(", "));
                return Err(Failure::invalid(message).remedy("leave podSubnets out, or set it to networking.podSubnet"));
            }
        }
        if let [first, second] = subnets.as_slice()
            && first.is_ipv6() == second.is_ipv6()
        {
            let message = format!("flannel has one subnet of each IP family, not {first} and {second}");
            return Err(Failure::invalid(message).remedy("set one subnet, or one for IPv4 and one for IPv6"));
        }
        Ok(subnets)
    }
}

/// `v0.28.9` as numbers.
fn numbers(version: &str) -> Option<(u32, u32, u32)> {
    let mut parts = version.strip_prefix('v')?.splitn(3, '.').map(|part| part.parse().ok());
    Some((parts.next()??, parts.next()??, parts.next()??))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_come_from_the_registry_or_are_whole() {
        let settings = Settings { registry: "registry.example/flannel".into(), ..Settings::default() };
        assert_eq!(settings.image(), Ok("registry.example/flannel/flannel:v0.28.9".into()));
        assert_eq!(settings.plugin_image(), "registry.example/flannel/flannel-cni-plugin:v1.9.1-flannel3");
        let settings = Settings { image: Some("a@sha256:b".into()), version: "v0.1.0".into(), ..settings };
        assert_eq!(settings.image(), Ok("a@sha256:b".into()));
        for (version, taken) in
            [("v0.28.9", true), ("v0.28.10", true), ("v1.0.0", true), ("v0.28.8", false), ("x", false)]
        {
            let settings = Settings { version: version.into(), ..Settings::default() };
            assert_eq!(settings.image().is_ok(), taken, "{version}");
        }
    }
}
