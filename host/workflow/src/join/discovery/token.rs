//! Discovery by a token (kubeadm's `token.RetrieveValidatedConfigInfo`): `cluster-info` is got from a server that nobody
//! has proven anything of yet, believed because it is signed with the token, and, if authorities are pinned, got again
//! from a server that has a certificate of one of them.

use kubephase_model::config::v1beta4::BootstrapTokenDiscovery;
use kubephase_node::Node;
use kubephase_node::http::{Options, Tls};
use kubephase_render::kubeconfig::{Kubeconfig, KubeconfigError};

use super::cluster_info::{self, Token};
use super::{CLUSTER, Deadline, DiscoveryError, Tell, authorities, pinned, server};

const WHAT: &str = "cluster-info";

/// The cluster's server and authorities.
pub(super) async fn discover(
    node: &Node,
    given: &BootstrapTokenDiscovery,
    deadline: Deadline,
    tell: Tell<'_>,
) -> Result<(String, Vec<u8>), DiscoveryError> {
    let (id, secret) = given.token.0.split_once('.').ok_or(DiscoveryError::NoWay)?;
    let token = Token { id, secret };
    let address = &given.api_server_endpoint;
    let client = |tls| {
        let options = Options { tls, stay: true, ..Options::default() };
        node.http(&options).map_err(DiscoveryError::Setup)
    };
    let first = cluster_info::get(&client(Tls::Insecure)?, address, token, deadline, tell).await?;
    first.verify(token)?;
    let fail = |source| DiscoveryError::Kubeconfig { what: WHAT.to_owned(), source };
    let kubeconfig = Kubeconfig::parse(first.kubeconfig.as_bytes()).map_err(fail)?;
    match kubeconfig.clusters() {
        1 => {}
        count => return Err(DiscoveryError::SeveralClusters { count }),
    }
    let kubeconfig = kubeconfig.for_discovery(CLUSTER).map_err(fail)?;
    let server = server(&kubeconfig, WHAT)?;
    // A file's path would be one of the node where it was written.
    let ca_pem = authorities(&kubeconfig, WHAT)?.ok_or_else(|| fail(KubeconfigError::NoCa(String::new())))?;
    if given.ca_cert_hashes.is_empty() {
        return Ok((server, ca_pem));
    }
    // Whoever has a token, as every node that joins has, can sign a bundle with an authority of its own beside the
    // cluster's. So only those that are pinned are believed here; kubeadm believes the whole bundle.
    let believed = pinned(WHAT, &ca_pem, &given.ca_cert_hashes)?;
    let second = cluster_info::get(&client(Tls::Roots(believed))?, address, token, deadline, tell).await?;
    if second.kubeconfig != first.kubeconfig {
        return Err(DiscoveryError::Changed { url: format!("https://{address}") });
    }
    second.verify(token)?;
    Ok((server, ca_pem))
}
