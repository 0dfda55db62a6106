//! What a cluster has stored of itself, and what becomes of it on a node that joins (kubeadm's
//! `FetchInitConfigurationFromCluster`): the ClusterConfiguration, the kubelets' configuration and the plugins, with this
//! node's part from its JoinConfiguration.

use kubephase_model::config::flags::InitFlags;
use kubephase_model::config::load::Documents;
use kubephase_model::config::resolve::resolve_init;
use kubephase_model::config::v1beta4::{InitConfiguration, JoinConfiguration};
use kubephase_model::object::{CONFIG_MAP, ObjectRef};
use kubephase_model::plugin::PluginConfiguration;
use kubephase_model::release::REFERENCE;
use kubephase_model::{Cluster, Facts, Report};
use kubephase_node::Node;
use kubephase_node::kube::{Api, ApiError};
use kubephase_render::objects::{KUBE_SYSTEM, kubelet_config, kubephase_config};
use serde_json::Value;

use crate::cluster::stored::{self, StoredError};

/// Its name from 1.24 on; before, the minor was part of it.
const KUBELET_CONFIG: &str = "kubelet-config";

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
    /// Without a common endpoint there is no second control-plane node.
    #[error(
        "joining as a control-plane node: the cluster has no controlPlaneEndpoint under which all of them are known"
    )]
    NoEndpoint,
    /// The API server cannot be asked, or said no.
    #[error(transparent)]
    Api(#[from] ApiError),
}

impl ClusterConfigError {
    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Stored(error) => error.hint(),
            Self::Api(error) => error.hint().map(Into::into),
            Self::NoKubeletConfig { .. } => Some(
                "upload it anew with `kubephase init phase upload-config kubelet` on a control-plane node".into(),
            ),
            Self::Plugins { .. } => Some(
                "upload it anew with `kubephase init phase upload-config plugins --config <file>` on a control-plane node"
                    .into(),
            ),
            Self::Invalid { .. } => None,
            Self::NoEndpoint => Some(
                "give the cluster a stable address: set controlPlaneEndpoint in the ConfigMap kubeadm-config to a load \
                 balancer or a name, and renew the API servers' certificates with it"
                    .into(),
            ),
        }
    }
}

/// Reads what is stored and makes this node's [`Cluster`] of it. Nothing is written. `api` may be that of a bootstrap
/// token.
pub async fn read(
    api: &Api,
    config: &JoinConfiguration,
    node: &Node,
    facts: &Facts,
) -> Result<Cluster, ClusterConfigError> {
    let (of_cluster, of_kubelets, of_plugins) =
        tokio::join!(map(api, stored::NAME), map(api, KUBELET_CONFIG), map(api, kubephase_config::NAME),);
    let of_cluster = of_cluster?.ok_or(StoredError::Missing)?;
    let text = of_cluster["data"][stored::KEY].as_str().ok_or(StoredError::NoKey)?;
    let plugins = of_plugins?.as_ref().map_or(Ok(None), kubephase_config::read);
    let plugins = plugins.map_err(|problems| ClusterConfigError::Plugins { problems })?.unwrap_or_default();
    let Some(kubelets) = of_kubelets? else {
        // Only the release says what it was called in older clusters.
        let cluster = resolve(stored::read(text)?, config, node, facts, plugins.clone())?;
        let name = kubelet_config::name(&cluster);
        let found = map(api, &name).await?;
        let kubelet = found.as_ref().and_then(kubelet_text).ok_or(ClusterConfigError::NoKubeletConfig { name })?;
        return finish(text, kubelet, config, node, facts, plugins);
    };
    let none = || ClusterConfigError::NoKubeletConfig { name: KUBELET_CONFIG.to_owned() };
    finish(text, kubelet_text(&kubelets).ok_or_else(none)?, config, node, facts, plugins)
}

async fn map(api: &Api, name: &str) -> Result<Option<Value>, ApiError> {
    api.get(&ObjectRef::new(&CONFIG_MAP, Some(KUBE_SYSTEM), name)).await
}

fn kubelet_text(map: &Value) -> Option<&str> {
    map["data"][kubelet_config::KEY].as_str()
}

fn finish(
    text: &str,
    kubelet: &str,
    config: &JoinConfiguration,
    node: &Node,
    facts: &Facts,
    plugins: PluginConfiguration,
) -> Result<Cluster, ClusterConfigError> {
    let documents = stored::read(&format!("{}\n---\n{kubelet}", text.trim_end()))?;
    let cluster = resolve(documents, config, node, facts, plugins)?;
    if config.control_plane.is_some() && cluster.control_plane_endpoint().is_none() {
        return Err(ClusterConfigError::NoEndpoint);
    }
    Ok(cluster)
}

fn resolve(
    mut documents: Documents,
    config: &JoinConfiguration,
    node: &Node,
    facts: &Facts,
    plugins: PluginConfiguration,
) -> Result<Cluster, ClusterConfigError> {
    documents.init = Some(own_part(config));
    let mut facts = facts.clone();
    if config.control_plane.is_none() && facts.default_route_addresses.is_empty() {
        // A worker advertises nothing.
        facts.default_route_addresses.push(std::net::Ipv4Addr::LOCALHOST.into());
    }
    let flags = InitFlags::default();
    // What is stored is resolved: a label there is a mistake, and not worth asking the network.
    let lookup = |label: &str| Err(format!("the cluster has stored the label `{label}` instead of a version"));
    let mut problems = Report::default();
    let cluster =
        resolve_init(Some(&documents), &flags, &facts, &lookup, &mut |bytes| node.random(bytes), false, &mut problems);
    match cluster {
        // What is only odd about it was told to whoever stored it.
        Some(cluster) if !problems.has_errors() => Ok(Cluster { plugins, ..cluster }),
        _ => Err(ClusterConfigError::Invalid { problems }),
    }
}

/// This node's part, as `init` has it on the first node.
fn own_part(config: &JoinConfiguration) -> InitConfiguration {
    let mut registration = config.node_registration.clone();
    match &config.control_plane {
        // Filled in before anything was known of the cluster: its release has its own.
        Some(_) if is_default(&registration.taints.0) => registration.taints.0 = None,
        Some(_) => {}
        None => registration.taints.0 = Some(registration.taints.0.unwrap_or_default()),
    }
    let control_plane = config.control_plane.clone().unwrap_or_default();
    InitConfiguration {
        node_registration: registration,
        local_api_endpoint: control_plane.local_api_endpoint,
        certificate_key: control_plane.certificate_key,
        dry_run: config.dry_run,
        skip_phases: config.skip_phases.clone(),
        patches: config.patches.clone(),
        timeouts: config.timeouts.clone(),
        ..InitConfiguration::default()
    }
}

fn is_default(taints: &Option<Vec<kubephase_model::config::v1beta4::Taint>>) -> bool {
    let Some(taints) = taints else { return true };
    let keys: Vec<&str> = taints.iter().map(|taint| taint.key.as_str()).collect();
    let plain = taints.iter().all(|taint| taint.value.is_empty() && taint.effect.0 == "NoSchedule");
    plain && keys == REFERENCE.control_plane_taints
}
