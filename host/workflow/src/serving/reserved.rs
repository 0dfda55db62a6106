//! Names and addresses that belong to the cluster, and so to no node whatever its kubelet says: those of the API server
//! and of Services, and the subnets. They are read from where no kubelet can write.

use std::error::Error;
use std::net::IpAddr;

use kubephase_model::config::defaults;
use kubephase_model::config::v1beta4::ClusterConfiguration;
use kubephase_model::names::{Cidr, HostPort, Url};
use kubephase_model::object::{ENDPOINTS, ObjectRef};
use kubephase_node::kube::Api;
use serde_json::Value;

use crate::cluster::stored;

/// kubeadm's marks of a control-plane node, the second until v1.23. NodeRestriction keeps kubelets from setting them.
const MARKS: [&str; 2] = ["node-role.kubernetes.io/control-plane", "node-role.kubernetes.io/master"];

/// What no node can have for itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reserved {
    /// `networking.dnsDomain`, lower case.
    domain: String,
    /// Subnets, and the field that says so.
    subnets: Vec<(Cidr, &'static str)>,
    /// Hosts by which clients reach the API server, and where that is said.
    shared: Vec<(Host, &'static str)>,
    /// Addresses of API servers, as they themselves say.
    servers: Vec<IpAddr>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Host {
    Address(IpAddr),
    /// Lower case, perhaps with a leading `*.`, which stands for one label.
    Name(String),
}

/// What is certain about a node, beside what it says about itself.
pub(super) struct Certain<'a> {
    /// Its name: the API server lets a kubelet write to the Node of this name only.
    pub(super) name: &'a str,
    /// Whether it is marked as a control-plane node.
    pub(super) control_plane: bool,
}

impl<'a> Certain<'a> {
    pub(super) fn of(node: &'a Value) -> Self {
        let labels = &node["metadata"]["labels"];
        Self {
            name: node.pointer("/metadata/name").and_then(Value::as_str).unwrap_or("?"),
            control_plane: MARKS.iter().any(|mark| labels.get(mark).is_some()),
        }
    }
}

impl Reserved {
    /// Reads kubeadm's stored ClusterConfiguration, and the Endpoints of the Service `kubernetes`, which the API servers
    /// keep. An error is the reason not to trust any request.
    pub async fn read(api: &Api) -> Result<Self, String> {
        let config = stored::documents(api).await.map_err(|error| chain(&error))?;
        let config = config.cluster.ok_or_else(|| "no ClusterConfiguration is stored".to_owned())?;
        let endpoints = ObjectRef::new(&ENDPOINTS, Some("default"), "kubernetes");
        let endpoints = api.get(&endpoints).await.map_err(|error| chain(&error))?;
        Self::of(config, api.server(), endpoints.as_ref())
    }

    /// The same of values: the URL is that by which we reach the API server.
    pub fn of(mut config: ClusterConfiguration, server: &str, endpoints: Option<&Value>) -> Result<Self, String> {
        defaults::cluster(&mut config);
        let networking = &config.networking;
        let mut subnets = Vec::new();
        for (text, field) in [(&networking.service_subnet, "serviceSubnet"), (&networking.pod_subnet, "podSubnet")] {
            // A cluster without pod subnets leaves them to its network plugin.
            if !text.is_empty() {
                let list = Cidr::list(text).map_err(|error| format!("{field} `{text}`: {error}"))?;
                subnets.extend(list.into_iter().map(|subnet| (subnet, field)));
            }
        }
        let mut shared = Vec::new();
        let endpoint = &config.control_plane_endpoint;
        if !endpoint.is_empty() {
            let parsed: HostPort =
                endpoint.parse().map_err(|error| format!("controlPlaneEndpoint `{endpoint}`: {error}"))?;
            shared.push((Host::of(&parsed.host), "controlPlaneEndpoint"));
        }
        shared.extend(config.api_server.cert_sans.iter().map(|name| (Host::of(name), "apiServer.certSANs")));
        let server = Url::parse(server).map_err(|why| format!("the API server's URL `{server}`: {why}"))?;
        shared.push((Host::of(&server.host), "the kubeconfig file"));
        let subsets = endpoints.and_then(|endpoints| endpoints["subsets"].as_array());
        let addresses = subsets.into_iter().flatten().flat_map(|subset| {
            let lists = ["addresses", "notReadyAddresses"].map(|list| subset[list].as_array());
            lists.into_iter().flatten().flatten()
        });
        let servers = addresses.filter_map(|address| address["ip"].as_str()?.parse::<IpAddr>().ok());
        let servers = servers.map(|ip| ip.to_canonical()).collect();
        Ok(Self { domain: networking.dns_domain.to_ascii_lowercase(), subnets, shared, servers })
    }

    /// Why a node cannot have a DNS name; `None` if the cluster has nothing against it.
    pub(super) fn dns(&self, name: &str, node: &Certain<'_>) -> Option<String> {
        let lower = name.to_ascii_lowercase();
        if ["kubernetes", "kubernetes.default"].contains(&&*lower) || lower.starts_with("kubernetes.default.") {
            return Some(format!("`{name}` is the API server's name in every cluster"));
        }
        for domain in ["svc", self.domain.as_str()] {
            if lower == domain || lower.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.')) {
                return Some(format!("`{name}` is a name within the cluster: `{domain}` is for Services and Pods"));
            }
        }
        // A control-plane node may be named in certSANs, or be the endpoint of a cluster that has no other. Not so any
        // node: who may join chooses its name.
        let own = node.control_plane && name.eq_ignore_ascii_case(node.name);
        let (_, whence) = self.shared.iter().find(|(host, _)| !own && host.covers(&lower))?;
        Some(format!("the API server is reached by the DNS name `{name}` ({whence})"))
    }

    /// Why a node cannot have an address; `None` if the cluster has nothing against it.
    pub(super) fn ip(&self, ip: IpAddr, node: &Certain<'_>) -> Option<String> {
        let ip = ip.to_canonical();
        if let Some((subnet, field)) = self.subnets.iter().find(|(subnet, _)| subnet.contains(ip)) {
            return Some(format!("the address {ip} lies in the {field} {subnet}"));
        }
        if self.servers.contains(&ip) {
            // It listens on the node's own address, which then is the control-plane endpoint of a small cluster, too.
            return (!node.control_plane).then(|| {
                format!(
                    "the address {ip} is an API server's, and the Node `{}` is not marked as one of the control plane",
                    node.name
                )
            });
        }
        let (_, whence) = self.shared.iter().find(|(host, _)| *host == Host::Address(ip))?;
        Some(format!(
            "the API server is reached by the address {ip} ({whence}), which is not known to be one node's own"
        ))
    }
}

impl Host {
    fn of(text: &str) -> Self {
        match text.parse::<IpAddr>() {
            Ok(ip) => Self::Address(ip.to_canonical()),
            Err(_) => Self::Name(text.trim_end_matches('.').to_ascii_lowercase()),
        }
    }

    fn covers(&self, name: &str) -> bool {
        match self {
            Self::Address(_) => false,
            Self::Name(known) => match known.strip_prefix("*.") {
                Some(rest) => name.split_once('.').is_some_and(|(_, parent)| parent == rest),
                None => known == name,
            },
        }
    }
}

/// An error with its causes in one line.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        text.push_str(&format!(": {next}"));
        cause = next.source();
    }
    text
}

#[cfg(test)]
mod tests;
