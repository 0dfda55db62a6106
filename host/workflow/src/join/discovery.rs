//! Finding the cluster that a node joins, and making sure that it is the right one: by a token, by a kubeconfig file or
//! by one that is behind an URL (kubeadm's `discovery.For`). Nothing on the node is changed, and no credential is sent to
//! a server that has not proven who it is.

mod cluster_info;
mod error;
mod exec;
mod file;
mod token;

use std::fmt;

use kubephase_engine::Level;
use kubephase_model::config::v1beta4::{Discovery, JoinConfiguration};
use kubephase_model::layout::ADMIN_CONF;
use kubephase_node::Node;
use kubephase_node::kube::{Api, ApiError, Endpoint};
use kubephase_pki::Cert;
use kubephase_render::kubeconfig::{Kubeconfig, KubeconfigError, Material};
use tokio::time::{Duration, Instant};

pub use self::error::DiscoveryError;
pub use self::exec::ExecCredentialError;
use crate::join_command::ca_hash;

/// What a cluster is called until it has said its name.
const CLUSTER: &str = "kubernetes";
/// Who the kubelet is until it has a certificate (kubeadm's `TokenUser`).
const TOKEN_USER: &str = "tls-bootstrap-token-user";

/// Hears why the cluster is being waited for, and what is odd about it.
pub type Tell<'a> = &'a (dyn Fn(Level, String) + Sync);

/// A cluster that is believed.
#[derive(Clone, PartialEq)]
pub struct Discovered {
    /// What the cluster is called: `kubernetes`, until [`Discovered::rename`].
    pub cluster_name: String,
    /// URL of its API server, as the cluster itself says: `https://10.0.0.1:6443`. Not what was asked for.
    pub server: String,
    /// Its authorities, PEM, all of a bundle.
    pub ca_pem: Vec<u8>,
    /// For the kubelet's TLS bootstrap: one cluster, one user with credentials, no other files. A secret.
    pub bootstrap: Kubeconfig,
    /// The same for this program, with what an exec plugin gave. A secret.
    pub endpoint: Endpoint,
}

/// Credentials are not shown.
impl fmt::Debug for Discovered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Discovered")
            .field("cluster_name", &self.cluster_name)
            .field("server", &self.server)
            .finish_non_exhaustive()
    }
}

impl Discovered {
    /// The cluster's API with the credentials of the bootstrap. Must be called within a runtime; nothing is sent yet.
    pub fn api(&self, node: &Node) -> Result<Api, ApiError> {
        node.api(&self.endpoint)
    }

    /// Gives the cluster its own name, once its configuration has been read, as kubeadm does.
    pub fn rename(&mut self, cluster_name: &str) -> Result<(), KubeconfigError> {
        self.bootstrap.rename_cluster(cluster_name)?;
        cluster_name.clone_into(&mut self.cluster_name);
        Ok(())
    }
}

/// What there is still time for.
#[derive(Clone, Copy, Debug)]
struct Deadline {
    begun: Instant,
    limit: Duration,
}

impl Deadline {
    fn new(limit: Duration) -> Self {
        Self { begun: Instant::now(), limit }
    }

    fn waited(&self) -> Duration {
        self.begun.elapsed()
    }

    fn left(&self) -> Duration {
        self.limit.saturating_sub(self.waited())
    }
}

/// Finds the cluster that `config`, which is valid, tells of. It is tried for `timeouts.discovery`; `tell` hears after two
/// seconds what it waits for.
///
/// On a control-plane node that has the administrator's kubeconfig file already, because an earlier run came that far, the
/// cluster is the one that the file leads to, as it is for kubeadm; but only if it is the one whose authority is pinned.
pub async fn discover(node: &Node, config: &JoinConfiguration, tell: Tell<'_>) -> Result<Discovered, DiscoveryError> {
    let timeouts = config.timeouts.clone().unwrap_or_default();
    let deadline = Deadline::new(timeouts.deadlines().discovery);
    if config.control_plane.is_some()
        && let Some(found) = administrators(node, &config.discovery, tell).await?
    {
        return Ok(found);
    }
    let Discovery { bootstrap_token, file, tls_bootstrap_token } = &config.discovery;
    match (bootstrap_token, file) {
        (Some(given), _) => {
            let (server, ca_pem) = token::discover(node, given, deadline, tell).await?;
            let token = if tls_bootstrap_token.is_empty() { &given.token.0 } else { tls_bootstrap_token };
            with_token(server, ca_pem, token)
        }
        (None, Some(given)) => {
            let what = &given.kube_config_path.0;
            let found = file::discover(node, what, tls_bootstrap_token.is_empty(), deadline, tell).await?;
            match tls_bootstrap_token.is_empty() {
                true => Ok(found),
                // kubeadm writes nothing but server and authorities for the kubelet then.
                false => found.with_token(tls_bootstrap_token),
            }
        }
        (None, None) => Err(DiscoveryError::NoWay),
    }
}

/// What the kubelet and we need, if a token is what there is.
fn with_token(server: String, ca_pem: Vec<u8>, token: &str) -> Result<Discovered, DiscoveryError> {
    let bootstrap = Kubeconfig::for_token(&server, &ca_pem, CLUSTER, TOKEN_USER, token);
    let endpoint = Endpoint {
        server: server.clone(),
        ca: Some(ca_pem.clone()),
        token: Some(token.to_owned()),
        ..Endpoint::default()
    };
    Ok(Discovered { cluster_name: CLUSTER.to_owned(), server, ca_pem, bootstrap, endpoint })
}

impl Discovered {
    /// The same with a token instead of the file's credentials.
    fn with_token(self, token: &str) -> Result<Self, DiscoveryError> {
        let mut found = with_token(self.server, self.ca_pem, token)?;
        found.endpoint.tls_server_name = self.endpoint.tls_server_name;
        found.endpoint.proxy = self.endpoint.proxy;
        Ok(found)
    }
}

/// The cluster of the administrator's file, if there is one and it is of a pinned cluster.
async fn administrators(
    node: &Node,
    discovery: &Discovery,
    tell: Tell<'_>,
) -> Result<Option<Discovered>, DiscoveryError> {
    if !node.exists(ADMIN_CONF) {
        return Ok(None);
    }
    let found = file::local(node, ADMIN_CONF).await?;
    let pins = discovery.bootstrap_token.as_ref().map(|token| &*token.ca_cert_hashes).unwrap_or_default();
    if !pins.is_empty() && pinned(ADMIN_CONF, &found.ca_pem, pins).is_err() {
        let message = format!("{ADMIN_CONF} is of another cluster than the one to join: it is not used");
        tell(Level::Warning, message);
        return Ok(None);
    }
    tell(Level::Info, format!("{ADMIN_CONF} is there already: the cluster that it leads to is joined"));
    Ok(Some(found))
}

/// Those authorities of a bundle that are pinned, PEM. At least one has to be.
fn pinned(what: &str, ca_pem: &[u8], pins: &[String]) -> Result<Vec<u8>, DiscoveryError> {
    let authorities = Cert::all_from_pem(what, ca_pem).map_err(DiscoveryError::BadCa)?;
    let is_pinned = |cert: &&Cert| pins.iter().any(|pin| pin.eq_ignore_ascii_case(&ca_hash(cert)));
    let chosen: Result<Vec<String>, _> = authorities.iter().filter(is_pinned).map(Cert::pem).collect();
    match chosen {
        Ok(chosen) if !chosen.is_empty() => Ok(chosen.concat().into_bytes()),
        _ => Err(DiscoveryError::NotPinned { found: authorities.iter().map(ca_hash).collect() }),
    }
}

/// The authorities that a file has in it; `None` if it has none.
fn authorities(file: &Kubeconfig, what: &str) -> Result<Option<Vec<u8>>, DiscoveryError> {
    let fail = |source| DiscoveryError::Kubeconfig { what: what.to_owned(), source };
    let Some(Material::Inline(pem)) = file.ca().map_err(fail)? else { return Ok(None) };
    Cert::all_from_pem(what, &pem).map_err(DiscoveryError::BadCa)?;
    Ok(Some(pem))
}

/// The server of a file, which must be spoken to by TLS.
fn server(file: &Kubeconfig, what: &str) -> Result<String, DiscoveryError> {
    let fail = |source| DiscoveryError::Kubeconfig { what: what.to_owned(), source };
    let server = file.server().map_err(fail)?.to_owned();
    let is_https = server.get(..8).is_some_and(|scheme| scheme.eq_ignore_ascii_case("https://"));
    if is_https && server.len() > 8 {
        Ok(server)
    } else {
        Err(DiscoveryError::NotHttps { what: what.to_owned(), server })
    }
}

#[cfg(test)]
mod tests;
