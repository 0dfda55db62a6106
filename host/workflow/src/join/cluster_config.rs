//! What a cluster has stored of itself, and what becomes of it on a node that joins (kubeadm's
//! `FetchInitConfigurationFromCluster`): the ClusterConfiguration, the kubelets' configuration and the plugins, with this
//! node's part from its JoinConfiguration. Reads only.

use std::net::{IpAddr, Ipv4Addr};

use kubephase_model::config::flags::InitFlags;
use kubephase_model::config::load::{self, Documents};
use kubephase_model::config::resolve::resolve_init;
use kubephase_model::config::v1beta4::{APIEndpoint, InitConfiguration, JoinConfiguration, Taint};
use kubephase_model::names::split_host_port;
use kubephase_model::object::{CONFIG_MAP, ObjectRef};
use kubephase_model::plugin::PluginConfiguration;
use kubephase_model::release::REFERENCE;
use kubephase_model::{Cluster, Facts, Problem, Report, yaml};
use kubephase_node::Node;
use kubephase_node::kube::{Api, ApiError};
use kubephase_render::objects::{KUBE_SYSTEM, kubelet_config, kubephase_config};
use serde_json::Value;

use crate::cluster::stored::{self, StoredError};

/// A cluster that this node cannot join as it stands.
#[derive(Debug, thiserror::Error)]
pub enum ClusterConfigError {
    /// The ClusterConfiguration cannot be had.
    #[error(transparent)]
    Stored(#[from] StoredError),
    /// What every kubelet is to have is not there.
    #[error("reading the ConfigMap {KUBE_SYSTEM}/{name}: it does not exist, or has no key {}", kubelet_config::KEY)]
    NoKubeletConfig {
        /// Its name.
        name: String,
    },
    /// What every kubelet is to have cannot be read.
    #[error("reading the kubelets' configuration in the ConfigMap {KUBE_SYSTEM}/{name}: {problems}")]
    BadKubeletConfig {
        /// Its name.
        name: String,
        /// What is wrong with it.
        problems: Report,
    },
    /// Which plugins run cannot be read.
    #[error("reading which plugins run, in the ConfigMap {KUBE_SYSTEM}/{}: {problems}", kubephase_config::NAME)]
    Plugins {
        /// What is wrong with it.
        problems: Report,
    },
    /// What is stored and what this node is to be do not go together.
    #[error("joining with the cluster's configuration: {problems}")]
    Invalid {
        /// What is wrong with it.
        problems: Report,
    },
    /// The API server cannot be asked, or said no.
    #[error(transparent)]
    Api(#[from] ApiError),
}

impl ClusterConfigError {
    /// Whether the API server does not know who asks.
    pub fn is_unauthorized(&self) -> bool {
        match self {
            Self::Stored(StoredError::Api(error)) | Self::Api(error) => error.is_unauthorized(),
            _ => false,
        }
    }

    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        let upload = |what: &str| {
            Some(format!("upload it anew with `kubephase init phase upload-config {what}` on a control-plane node"))
        };
        match self {
            Self::Stored(error) => error.hint(),
            Self::Api(error) => error.hint().map(Into::into),
            Self::NoKubeletConfig { .. } | Self::BadKubeletConfig { .. } => upload("kubelet"),
            Self::Plugins { .. } => upload("plugins --config <file>"),
            Self::Invalid { .. } => None,
        }
    }
}

/// Reads what is stored and makes this node's [`Cluster`] of it; `config` is valid. Nothing is written. `api` may be that
/// of a bootstrap token.
///
/// A worker's own API endpoint means nothing. It is set to the server that was asked, where that is named by its address:
/// so that it is what a cluster without `controlPlaneEndpoint` is known by.
///
/// The cluster's plugins are in it with their digests; none if the cluster has no `kubephase-config`, or does not let us
/// read it, as clusters that kubeadm made do not.
pub async fn read(
    api: &Api,
    config: &JoinConfiguration,
    node: &Node,
    facts: &Facts,
) -> Result<Cluster, ClusterConfigError> {
    let mut documents = stored::documents(api).await?;
    documents.init = Some(own_part(config, api.server(), facts));
    // Only the release says what the next one is called, and a token may read no other.
    let name = kubelet_config::name(&resolve(&documents, node, facts)?);
    let (kubelet, plugins) = tokio::join!(map(api, &name), plugins(api));
    let kubelet = kubelet?;
    let text = kubelet.as_ref().and_then(|found| found["data"][kubelet_config::KEY].as_str());
    let text = text.ok_or_else(|| ClusterConfigError::NoKubeletConfig { name: name.clone() })?;
    documents.kubelet = Some(kubelet_document(&name, text)?);
    let cluster = resolve(&documents, node, facts)?;
    Ok(Cluster { plugins: plugins?, ..cluster })
}

async fn map(api: &Api, name: &str) -> Result<Option<Value>, ApiError> {
    api.get(&ObjectRef::new(&CONFIG_MAP, Some(KUBE_SYSTEM), name)).await
}

fn kubelet_document(name: &str, text: &str) -> Result<Value, ClusterConfigError> {
    let mut problems = Report::default();
    let source = load::source(format!("{KUBE_SYSTEM}/{name}"), text.as_bytes().to_vec(), &mut problems);
    let nodes = source.map(|source| yaml::documents(&source, &mut problems)).unwrap_or_default();
    let mut values = nodes.iter().map(yaml::Node::to_json);
    match (values.next(), values.next()) {
        (Some(value), None) if !problems.has_errors() && value["kind"] == "KubeletConfiguration" => Ok(value),
        _ => {
            if !problems.has_errors() {
                problems.push(Problem::error("", "it is not one KubeletConfiguration"));
            }
            Err(ClusterConfigError::BadKubeletConfig { name: name.to_owned(), problems })
        }
    }
}

/// Which plugins run in the cluster. Whoever asks has been let in to read the ClusterConfiguration before: a refusal is
/// meant.
async fn plugins(api: &Api) -> Result<PluginConfiguration, ClusterConfigError> {
    match map(&api.credulous(), kubephase_config::NAME).await {
        Ok(Some(found)) => {
            let read = kubephase_config::read(&found).map_err(|problems| ClusterConfigError::Plugins { problems })?;
            Ok(read.unwrap_or_default())
        }
        Ok(None) => Ok(PluginConfiguration::default()),
        Err(error) if error.is_forbidden() => Ok(PluginConfiguration::default()),
        Err(error) => Err(error.into()),
    }
}

/// This node's part, as `init` has it on the first node. Which phases are skipped is not: what `init` makes of it is not
/// for those who join.
fn own_part(config: &JoinConfiguration, server: &str, facts: &Facts) -> InitConfiguration {
    let mut registration = config.node_registration.clone();
    match &config.control_plane {
        // Filled in before anything was known of the cluster: its release has its own.
        Some(_) if is_default(registration.taints.0.as_deref()) => registration.taints.0 = None,
        Some(_) => {}
        None => registration.taints.0 = Some(registration.taints.0.unwrap_or_default()),
    }
    let (endpoint, certificate_key) = match config.control_plane.clone() {
        Some(control_plane) => (control_plane.local_api_endpoint, control_plane.certificate_key),
        None => (workers_endpoint(server, facts), String::new()),
    };
    InitConfiguration {
        node_registration: registration,
        local_api_endpoint: endpoint,
        certificate_key,
        dry_run: config.dry_run,
        patches: config.patches.clone(),
        timeouts: config.timeouts.clone(),
        ..InitConfiguration::default()
    }
}

/// The server that was asked, if it is named by its address; else anything that is one: a node without a default route
/// makes a worker all the same.
fn workers_endpoint(server: &str, facts: &Facts) -> APIEndpoint {
    let host_port = server.strip_prefix("https://").unwrap_or(server).trim_end_matches('/');
    let asked = split_host_port(host_port)
        .and_then(|(host, port)| Some((host.parse::<IpAddr>().ok()?, port.parse::<i32>().ok()?)))
        .filter(|(host, _)| !host.is_loopback() && !host.is_unspecified());
    let own = || facts.default_route_addresses.first().copied();
    // Of the addresses for documentation (RFC 5737): nobody's.
    let (host, bind_port) = asked.unwrap_or((own().unwrap_or(Ipv4Addr::new(192, 0, 2, 1).into()), 6443));
    APIEndpoint { advertise_address: host.to_string(), bind_port }
}

fn is_default(taints: Option<&[Taint]>) -> bool {
    let Some(taints) = taints else { return true };
    let plain = taints.iter().all(|taint| taint.value.is_empty() && taint.effect.0 == "NoSchedule");
    plain && taints.iter().map(|taint| &*taint.key).eq(REFERENCE.control_plane_taints.iter().copied())
}

fn resolve(documents: &Documents, node: &Node, facts: &Facts) -> Result<Cluster, ClusterConfigError> {
    let lookup = |_: &str| Err("a cluster's version is not looked up".to_owned());
    let entropy = &mut |bytes: &mut [u8]| node.random(bytes);
    let (flags, mut problems) = (InitFlags::default(), Report::default());
    let resolved = resolve_init(Some(documents), &flags, facts, &lookup, entropy, false, &mut problems);
    // What is only odd about it was told to whoever stored it.
    let Some(mut cluster) = resolved else { return Err(ClusterConfigError::Invalid { problems }) };
    // What is stored is a version. Of a label the newest one that we know would be made, which need not be the cluster's.
    let stored = documents.cluster.as_ref().map(|config| config.kubernetes_version.trim()).unwrap_or_default();
    if stored.trim_start_matches('v') != cluster.config.kubernetes_version.trim_start_matches('v') {
        problems.push(Problem::error(
            "kubernetesVersion",
            format!("the cluster has stored `{stored}`, which is no version"),
        ));
        return Err(ClusterConfigError::Invalid { problems });
    }
    // `init` makes a token if it is given none. Joining needs none.
    cluster.init.bootstrap_tokens.clear();
    Ok(cluster)
}

#[cfg(test)]
mod tests;
