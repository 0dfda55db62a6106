//! Reaching a cluster by a kubeconfig file.

pub mod stored;

use kubephase_model::layout;
use kubephase_node::Node;
use kubephase_node::kube::{Api, Endpoint};
use kubephase_render::kubeconfig::{Kubeconfig, Material};

use crate::error::PhaseError;

/// The API server of the file's current context, as its user. Nothing is asked yet.
pub fn connect(node: &Node, path: &str) -> Result<Api, PhaseError> {
    connect_to(node, path, None)
}

/// The same at another URL: this node's own API server instead of the load balancer.
pub fn connect_to(node: &Node, path: &str, server: Option<&str>) -> Result<Api, PhaseError> {
    let bytes = node.read(path)?.ok_or_else(|| PhaseError::NoKubeconfig { path: path.to_owned() })?;
    let fail = |source| PhaseError::Kubeconfig { path: path.to_owned(), source };
    let kubeconfig = Kubeconfig::parse(&bytes).map_err(fail)?;
    let load = |material: Option<Material>| -> Result<Option<Vec<u8>>, PhaseError> {
        match material {
            Some(Material::Inline(bytes)) => Ok(Some(bytes)),
            Some(Material::Path(file)) => match node.read(&file)? {
                Some(bytes) => Ok(Some(bytes)),
                None => Err(PhaseError::KubeconfigNames { path: path.to_owned(), file }),
            },
            None => Ok(None),
        }
    };
    let certificate = load(kubeconfig.client_certificate().map_err(fail)?)?;
    let key = load(kubeconfig.client_key().map_err(fail)?)?;
    let endpoint = Endpoint {
        server: server
            .map_or_else(|| kubeconfig.server().map(str::to_owned), |server| Ok(server.to_owned()))
            .map_err(fail)?,
        ca: load(kubeconfig.ca().map_err(fail)?)?,
        identity: certificate.zip(key),
        token: kubeconfig.token().map_err(fail)?.map(str::to_owned),
        ..Endpoint::default()
    };
    let api = node.api(&endpoint)?;
    // What a dry run has just made up belongs to a cluster that does not exist.
    if node.made_by_dry_run(path) {
        api.nobody_there();
    }
    Ok(api)
}

/// Which kubeconfig file commands use that work on a cluster (kubeadm's `GetKubeConfigPath`): the one that is named, the
/// first that exists of those that kubectl would use, or the administrator's.
pub fn find_kubeconfig(node: &Node, named: Option<&str>) -> String {
    if let Some(named) = named.filter(|named| !named.is_empty()) {
        return named.to_owned();
    }
    let kubectls = node.env("KUBECONFIG").or_else(|| node.env("HOME").map(|home| format!("{home}/.kube/config")));
    let mut candidates = kubectls.iter().flat_map(|list| list.split(':')).filter(|path| !path.is_empty());
    candidates.find(|path| node.exists(path)).map_or_else(|| layout::ADMIN_CONF.to_owned(), str::to_owned)
}
