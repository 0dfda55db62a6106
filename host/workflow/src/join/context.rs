//! What the phases of `join` work on, beside what those of every workflow do.

use std::ops::{Deref, DerefMut};

use kubephase_engine::{Context, Event, Level, Sink};
use kubephase_model::config::record::Field;
use kubephase_model::config::v1beta4::JoinConfiguration;
use kubephase_model::names::is_bootstrap_token;
use kubephase_model::{Cluster, Facts};
use kubephase_node::kube::Api;
use kubephase_node::{Change, Node};
use kubephase_render::kubelet::Role;
use kubephase_render::static_pod::Component;
use serde_json::Value;

use super::discovery::{Discovered, discover};
use super::{JoinError, cluster_config};
use crate::error::PhaseError;
use crate::journal::{digest_of, fingerprint};
use crate::work::{Options, Run, Work, guests};

/// The cluster to join, once it has been found and asked about itself.
pub struct Met {
    /// How it was found, and the credentials for that.
    pub discovered: Discovered,
    /// Its API with those credentials.
    pub api: Api,
    /// Its configuration, with this node's part.
    pub cluster: Cluster,
}

/// Finds the cluster and reads its configuration. Nothing is changed. It comes before the phases, because which of them
/// there are is the cluster's plugins' to say.
pub async fn meet(
    node: &Node,
    config: &JoinConfiguration,
    facts: &Facts,
    sink: &Sink<Change>,
) -> Result<Met, PhaseError> {
    let told = sink.clone();
    let tell = move |level: Level, message: String| told(Event::Notice { path: String::new(), level, message });
    let mut discovered = discover(node, config, &tell).await.map_err(JoinError::from)?;
    let limit = config.timeouts.clone().unwrap_or_default().deadlines().kubernetes_api;
    let api = discovered.api(node)?.within(limit);
    let cluster = cluster_config::read(&api, config, node, facts).await;
    let cluster = cluster.map_err(|error| match discovered.endpoint.token.as_deref().and_then(token_id) {
        Some(token_id) if error.is_unauthorized() => {
            JoinError::TokenRefused { server: discovered.server.clone(), token_id: token_id.to_owned() }
        }
        _ => error.into(),
    })?;
    let name = cluster.config.cluster_name.clone();
    let unnamed = |source| PhaseError::Kubeconfig { path: "of the discovery".to_owned(), source };
    discovered.rename(&name).map_err(unnamed)?;
    Ok(Met { discovered, api, cluster })
}

/// The public half of a bootstrap token. Another one has none, and is not shown.
fn token_id(token: &str) -> Option<&str> {
    is_bootstrap_token(token).then(|| token.split('.').next()).flatten()
}

/// The state of one run.
pub struct Join {
    /// What every workflow has.
    pub work: Work,
    /// What was asked for.
    pub config: JoinConfiguration,
    /// How the cluster was found.
    pub discovered: Discovered,
    /// The cluster with the bootstrap's rights.
    pub(super) bootstrap: Api,
    /// Static pods that wait for etcd to have joined.
    pub(super) waiting: Vec<&'static Component>,
}

impl Join {
    /// Looks at what is there: patches, an earlier run. Changes nothing.
    pub fn new(met: Met, config: JoinConfiguration, node: Node, options: Options) -> Result<Self, PhaseError> {
        let Met { discovered, api, cluster } = met;
        let plugins = options.extension.clone();
        let workflow = super::workflow_with(plugins.as_ref().map(|all| all.plugins()).unwrap_or_default())?;
        let guests = guests::invite(plugins, &workflow.paths())?;
        let run = Run { workflow: "join", fingerprint: of_join(&config, &cluster, &discovered.ca_pem), founds: false };
        let mut work = Work::begin(run, cluster, node, options, guests)?;
        work.server = Some(discovered.server.clone());
        Ok(Self { work, config, discovered, bootstrap: api, waiting: Vec::new() })
    }

    /// Whether this becomes a control-plane node.
    pub fn is_control_plane(&self) -> bool {
        self.config.control_plane.is_some()
    }

    /// What its kubelet is for.
    pub(super) fn role(&self) -> Role {
        if self.is_control_plane() { Role::ControlPlane } else { Role::Worker }
    }
}

/// A digest of what decides what is made. Left out: how the cluster is found, which tokens decide that are over by the
/// next run, and what only steers the run. Which cluster it is its authority says: one that was built anew may have the
/// very same configuration.
fn of_join(config: &JoinConfiguration, cluster: &Cluster, ca_pem: &[u8]) -> String {
    let mut value = config.write_always();
    if let Value::Object(fields) = &mut value {
        for field in ["discovery", "dryRun", "skipPhases", "timeouts", "nodeRegistration"] {
            fields.remove(field);
        }
        if let Some(Value::Object(control_plane)) = fields.get_mut("controlPlane") {
            control_plane.remove("certificateKey");
        }
    }
    // This node's registration is in the cluster's, too.
    digest_of(format!("{value}{}{}", fingerprint(cluster), digest_of(ca_pem.trim_ascii())).as_bytes())
}

impl Deref for Join {
    type Target = Work;

    fn deref(&self) -> &Work {
        &self.work
    }
}

impl DerefMut for Join {
    fn deref_mut(&mut self) -> &mut Work {
        &mut self.work
    }
}

impl AsMut<Work> for Join {
    fn as_mut(&mut self) -> &mut Work {
        &mut self.work
    }
}

impl Context for Join {
    type Error = PhaseError;
    type Change = Change;

    fn enter(&mut self, path: &str) {
        self.work.enter(path);
    }

    fn take_changes(&mut self) -> Vec<Change> {
        let changes = self.node.changes();
        self.remember(&changes);
        changes
    }

    fn leave(&mut self, path: &str, _: &[Change]) -> Result<(), PhaseError> {
        self.work.leave(path);
        Ok(())
    }

    fn settle(&mut self) -> Result<(), PhaseError> {
        self.work.settle()
    }

    fn end(&mut self) {
        self.work.end();
    }

    fn hint(error: &PhaseError) -> Option<String> {
        error.hint().map(Into::into)
    }

    fn sink(&self) -> Sink<Change> {
        self.options.sink.clone()
    }
}
