//! A kubeconfig file for one more user (kubeadm's `kubeconfig user`).

use kubephase_model::Cluster;
use kubephase_model::config::duration::GoDuration;
use kubephase_node::Node;
use kubephase_pki::{
    AltNames, CA, Ca, Cert, IssueError, PrivateKey, Request, Serial, Usage, Validity, generate_key, issue,
};
use kubephase_render::kubeconfig::{Auth, Kubeconfig};

use super::CertsError;
use crate::error::PhaseError;

/// Who.
#[derive(Clone, Copy, Debug)]
pub struct NewUser<'a> {
    /// CN of the certificate, name in the file.
    pub name: &'a str,
    /// Os of the certificate: the groups.
    pub organizations: &'a [String],
    /// Bearer token in the place of a certificate.
    pub token: Option<&'a str>,
    /// How long the certificate is valid.
    pub validity: GoDuration,
}

/// The file, which points at `server`. Signed by the cluster's authority, whose key must be here; with a token only its
/// certificate is needed.
pub fn user_kubeconfig(
    node: &Node,
    cluster: &Cluster,
    server: &str,
    user: NewUser<'_>,
) -> Result<Kubeconfig, CertsError> {
    let read = |path: String| match node.read(&path) {
        Ok(Some(bytes)) => Ok((path, bytes)),
        Ok(None) => Err(PhaseError::MissingCa { path }),
        Err(error) => Err(error.into()),
    };
    let (crt_path, ca_pem) = read(CA.crt_path(cluster))?;
    let cert = Cert::from_pem(&crt_path, &ca_pem).map_err(PhaseError::from)?;
    let ca_text = String::from_utf8_lossy(&ca_pem);
    let file = |auth: Auth<'_>| {
        let file = Kubeconfig::new(server, &ca_text, &cluster.config.cluster_name, user.name, auth);
        if cluster.release.kubeconfig_preferences { file.with_preferences() } else { file }
    };
    if let Some(token) = user.token {
        return Ok(file(Auth::Token(token)));
    }
    let (key_path, key_pem) = read(CA.key_path(cluster))?;
    let key = PrivateKey::from_pem(&key_path, &key_pem).map_err(PhaseError::from)?;
    let ca = Ca::new(&CA.path(cluster), cert, key).map_err(PhaseError::from)?;
    let mut random = [0; 8];
    node.random(&mut random);
    let unencodable = || IssueError::Unencodable { common_name: user.name.to_owned(), part: "validity" };
    let request = Request {
        common_name: user.name.to_owned(),
        organizations: user.organizations.to_vec(),
        usages: vec![Usage::ClientAuth],
        names: AltNames::default(),
        validity: Validity::from_ca(ca.cert(), node.now(), user.validity).ok_or_else(unencodable)?,
        serial: Serial::from_random(random),
        marked: cluster.release.leaf_constraints,
    };
    let key = generate_key(cluster.key_algorithm()).map_err(PhaseError::from)?;
    let cert_pem = issue(&request, &key, &ca)?.pem().map_err(PhaseError::from)?;
    let key_pem = key.to_pem().map_err(PhaseError::from)?;
    Ok(file(Auth::ClientCert { cert_pem: &cert_pem, key_pem: &key_pem }))
}
