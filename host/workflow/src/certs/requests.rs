//! Keys and signing requests for an authority whose key is elsewhere (kubeadm's `certs generate-csr`): everything that
//! it must sign before `init` can go on with its certificates.

use kubephase_model::{Cluster, File};
use kubephase_node::Node;
use kubephase_pki::{
    AltNames, CERTS, CertSpec, KUBECONFIGS, KUBELET, KeyPool, KubeconfigSpec, PrivateKey, signing_request,
};
use kubephase_render::kubeconfig::Kubeconfig;

use super::CertsError;
use crate::error::PhaseError;

/// What was made: names of files without directory and ending, as they are told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Asked {
    /// `etcd/server`, …: a key and a request each.
    pub certificates: Vec<&'static str>,
    /// `admin.conf`, …: a kubeconfig file without certificates and a request each.
    pub kubeconfigs: Vec<&'static str>,
}

/// Makes them below these two directories. What exists is not replaced: it may have been sent out already.
pub fn generate_requests(
    node: &Node,
    cluster: &Cluster,
    cert_dir: &str,
    kubeconfig_dir: &str,
) -> Result<Asked, CertsError> {
    let certs: Vec<&CertSpec> = CERTS.iter().copied().filter(|spec| !spec.is_ca() && spec.is_needed(cluster)).collect();
    let kubeconfigs: Vec<&KubeconfigSpec> =
        KUBECONFIGS.iter().copied().filter(|spec| (spec.is_needed)(cluster)).collect();
    let of_cert = |spec: &CertSpec, ending: &str| format!("{}/{}.{ending}", trimmed(cert_dir), spec.base);
    let of_kubeconfig = |spec: &KubeconfigSpec| format!("{}/{}", trimmed(kubeconfig_dir), spec.file);
    let paths = certs.iter().flat_map(|spec| [of_cert(spec, "key"), of_cert(spec, "csr")]);
    let paths = paths.chain(kubeconfigs.iter().flat_map(|spec| {
        let path = of_kubeconfig(spec);
        [format!("{path}.csr"), path]
    }));
    let existing: Vec<String> = paths.filter(|path| node.exists(path)).collect();
    if !existing.is_empty() {
        return Err(CertsError::Exists(existing));
    }

    let keys = KeyPool::start(certs.len() + kubeconfigs.len(), cluster.key_algorithm());
    let mut files = Vec::new();
    for spec in &certs {
        let key = keys.take().map_err(PhaseError::from)?;
        let names = (spec.names)(cluster);
        let request = signing_request(&(spec.common_name)(cluster), &(spec.organizations)(cluster), &names, &key)?;
        files.push(File::secret(of_cert(spec, "key"), key.to_pem().map_err(PhaseError::from)?));
        files.push(File::private(of_cert(spec, "csr"), request));
    }
    for spec in &kubeconfigs {
        let key = keys.take().map_err(PhaseError::from)?;
        let user = (spec.user)(cluster);
        let request = signing_request(&user, &(spec.organizations)(cluster), &AltNames::default(), &key)?;
        let path = of_kubeconfig(spec);
        files.push(awaiting(cluster, spec, &user, &key)?.to_file(path.clone()));
        files.push(File::private(format!("{path}.csr"), request));
    }
    node.ensure_all(&files).map_err(PhaseError::from)?;
    Ok(Asked {
        certificates: certs.iter().map(|spec| spec.base).collect(),
        kubeconfigs: kubeconfigs.iter().map(|spec| spec.file).collect(),
    })
}

fn awaiting(cluster: &Cluster, spec: &KubeconfigSpec, user: &str, key: &PrivateKey) -> Result<Kubeconfig, PhaseError> {
    // Unlike the file that `init` makes: in kubeadm's external mode the kubelet's leads to the common endpoint, too.
    let kubelet = spec.name == KUBELET.name;
    let server = if kubelet { cluster.api_endpoint_url() } else { (spec.endpoint)(cluster).url(cluster) };
    let file = Kubeconfig::awaiting(&server, &cluster.config.cluster_name, user, &key.to_pem()?);
    Ok(if cluster.release.kubeconfig_preferences { file.with_preferences() } else { file })
}

fn trimmed(directory: &str) -> &str {
    directory.trim_end_matches('/')
}
