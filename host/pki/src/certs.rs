//! The certificates of a cluster: one constant each, and [`CERTS`], which everything that goes through all of them
//! reads (phases, plans, renewal, expiry). To add one: a static here and a line in the table.

use std::time::SystemTime;

use kubephase_model::Cluster;

use crate::cert::Cert;
use crate::issue::{IssueError, Request, Serial, Usage, Validity};
use crate::names::{self, AltNames};

/// One certificate below `certificatesDir`.
pub struct CertSpec {
    /// Name of its phase: `etcd-server`.
    pub name: &'static str,
    /// Its files below `certificatesDir`, without `.crt` and `.key`: `etcd/server`.
    pub base: &'static str,
    /// What it is, as a noun phrase (kubeadm's LongName).
    pub about: &'static str,
    /// Which authority signs it; none for an authority.
    pub issuer: Option<&'static CertSpec>,
    /// CN.
    pub common_name: fn(&Cluster) -> String,
    /// Os.
    pub organizations: fn(&Cluster) -> Vec<String>,
    /// Extended key usages.
    pub usages: &'static [Usage],
    /// Subject alternative names.
    pub names: fn(&Cluster) -> AltNames,
    /// Static pods that read it when they start: what is to be restarted after it was renewed.
    pub readers: &'static [&'static str],
}

/// Every certificate, in the order of the phases: an authority stands before what it signs.
pub static CERTS: &[&CertSpec] = &[
    &CA,
    &APISERVER,
    &APISERVER_KUBELET_CLIENT,
    &FRONT_PROXY_CA,
    &FRONT_PROXY_CLIENT,
    &ETCD_CA,
    &ETCD_SERVER,
    &ETCD_PEER,
    &ETCD_HEALTHCHECK_CLIENT,
    &APISERVER_ETCD_CLIENT,
];

/// The cluster's authority.
pub static CA: CertSpec =
    authority("ca", "ca", "self-signed Kubernetes CA to provision identities for other Kubernetes components", |_| {
        "kubernetes".to_owned()
    });

/// The API server as a server.
pub static APISERVER: CertSpec = CertSpec {
    name: "apiserver",
    base: "apiserver",
    about: "certificate for serving the Kubernetes API",
    issuer: Some(&CA),
    common_name: |_| "kube-apiserver".to_owned(),
    organizations: |_| Vec::new(),
    usages: &[Usage::ServerAuth],
    names: names::api_server,
    readers: &["kube-apiserver"],
};

/// The API server as a client of kubelets.
pub static APISERVER_KUBELET_CLIENT: CertSpec = client(
    "apiserver-kubelet-client",
    "apiserver-kubelet-client",
    "certificate for the API server to connect to kubelet",
    &CA,
    |_| "kube-apiserver-kubelet-client".to_owned(),
    |cluster| owned(cluster.release.kubelet_client_organizations(cluster.version.patch)),
    &["kube-apiserver"],
);

/// The authority of aggregated API servers' clients.
pub static FRONT_PROXY_CA: CertSpec =
    authority("front-proxy-ca", "front-proxy-ca", "self-signed CA to provision identities for front proxy", |_| {
        "front-proxy-ca".to_owned()
    });

/// The API server as a client of aggregated API servers.
pub static FRONT_PROXY_CLIENT: CertSpec = client(
    "front-proxy-client",
    "front-proxy-client",
    "certificate for the front proxy client",
    &FRONT_PROXY_CA,
    |_| "front-proxy-client".to_owned(),
    |_| Vec::new(),
    &["kube-apiserver"],
);

/// etcd's authority.
pub static ETCD_CA: CertSpec =
    authority("etcd-ca", "etcd/ca", "self-signed CA to provision identities for etcd", |_| "etcd-ca".to_owned());

/// etcd as a server.
pub static ETCD_SERVER: CertSpec = CertSpec {
    name: "etcd-server",
    base: "etcd/server",
    about: "certificate for serving etcd",
    issuer: Some(&ETCD_CA),
    common_name: |cluster| cluster.node_name().to_owned(),
    organizations: |_| Vec::new(),
    usages: &[Usage::ServerAuth, Usage::ClientAuth],
    names: names::etcd_server,
    readers: &["etcd"],
};

/// etcd among its peers.
pub static ETCD_PEER: CertSpec = CertSpec {
    name: "etcd-peer",
    base: "etcd/peer",
    about: "certificate for etcd nodes to communicate with each other",
    names: names::etcd_peer,
    ..ETCD_SERVER
};

/// Probes of etcd, and who looks after it by hand.
pub static ETCD_HEALTHCHECK_CLIENT: CertSpec = client(
    "etcd-healthcheck-client",
    "etcd/healthcheck-client",
    "certificate for liveness probes to healthcheck etcd",
    &ETCD_CA,
    |_| "kube-etcd-healthcheck-client".to_owned(),
    |cluster| owned(cluster.release.etcd_client_organizations),
    &[],
);

/// The API server as a client of etcd.
pub static APISERVER_ETCD_CLIENT: CertSpec = client(
    "apiserver-etcd-client",
    "apiserver-etcd-client",
    "certificate the apiserver uses to access etcd",
    &ETCD_CA,
    |_| "kube-apiserver-etcd-client".to_owned(),
    |cluster| owned(cluster.release.etcd_client_organizations),
    &["kube-apiserver"],
);

const fn authority(
    name: &'static str,
    base: &'static str,
    about: &'static str,
    common_name: fn(&Cluster) -> String,
) -> CertSpec {
    CertSpec {
        name,
        base,
        about,
        issuer: None,
        common_name,
        organizations: |_| Vec::new(),
        usages: &[],
        names: |_| AltNames::default(),
        readers: &[],
    }
}

const fn client(
    name: &'static str,
    base: &'static str,
    about: &'static str,
    issuer: &'static CertSpec,
    common_name: fn(&Cluster) -> String,
    organizations: fn(&Cluster) -> Vec<String>,
    readers: &'static [&'static str],
) -> CertSpec {
    CertSpec {
        name,
        base,
        about,
        issuer: Some(issuer),
        common_name,
        organizations,
        usages: &[Usage::ClientAuth],
        names: |_| AltNames::default(),
        readers,
    }
}

impl CertSpec {
    /// True for an authority.
    pub fn is_ca(&self) -> bool {
        self.issuer.is_none()
    }

    /// What an authority signs, in the order of the phases.
    pub fn leaves(&self) -> impl Iterator<Item = &'static CertSpec> {
        let name = self.name;
        CERTS.iter().copied().filter(move |spec| spec.issuer.is_some_and(|issuer| issuer.name == name))
    }

    /// False for etcd's certificates if etcd is somebody else's.
    pub fn is_needed(&self, cluster: &Cluster) -> bool {
        cluster.external_etcd().is_none() || self.issuer.unwrap_or(self).name != ETCD_CA.name
    }

    /// Its path below `certificatesDir`, without `.crt` and `.key`.
    pub fn path(&self, cluster: &Cluster) -> String {
        format!("{}/{}", cluster.pki().trim_end_matches('/'), self.base)
    }

    /// Its certificate's path.
    pub fn crt_path(&self, cluster: &Cluster) -> String {
        self.path(cluster) + ".crt"
    }

    /// Its key's path.
    pub fn key_path(&self, cluster: &Cluster) -> String {
        self.path(cluster) + ".key"
    }

    /// The certificate to be made in a run that began at `start`, numbered from eight random bytes. `ca` is the
    /// certificate of its issuer, none for an authority.
    pub fn request(
        &self,
        cluster: &Cluster,
        ca: Option<&Cert>,
        start: SystemTime,
        random: [u8; 8],
    ) -> Result<Request, IssueError> {
        let period = if self.is_ca() { cluster.ca_certificate_validity() } else { cluster.certificate_validity() };
        let common_name = (self.common_name)(cluster);
        let validity = match ca {
            _ if cluster.release.backdated => Validity::backdated(start, period),
            None => Validity::from_start(start, period),
            Some(ca) => Validity::from_ca(ca, start, period),
        };
        Ok(Request {
            validity: validity.ok_or_else(|| IssueError::endless(&common_name))?,
            common_name,
            organizations: (self.organizations)(cluster),
            usages: self.usages.to_vec(),
            names: (self.names)(cluster),
            serial: Serial::from_random(random),
            marked: if self.is_ca() { cluster.release.ca_dns_name } else { cluster.release.leaf_constraints },
        })
    }
}

pub(crate) fn owned(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

/// The spec of a phase name.
pub fn cert(name: &str) -> Option<&'static CertSpec> {
    CERTS.iter().copied().find(|spec| spec.name == name)
}

impl std::fmt::Debug for CertSpec {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CertSpec").field("name", &self.name).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::KUBECONFIGS;

    #[test]
    fn names_and_files_are_unique() {
        let unique = |values: Vec<&str>| values.iter().collect::<BTreeSet<_>>().len() == values.len();
        assert!(unique(CERTS.iter().map(|spec| spec.name).chain(KUBECONFIGS.iter().map(|spec| spec.name)).collect()));
        assert!(unique(CERTS.iter().map(|spec| spec.base).collect()));
        assert!(unique(CERTS.iter().map(|spec| spec.about).collect()));
        assert!(KUBECONFIGS.iter().all(|spec| spec.file.strip_suffix(".conf") == Some(spec.name)));
    }

    #[test]
    fn authorities_stand_before_what_they_sign() {
        for (position, spec) in CERTS.iter().enumerate() {
            if let Some(issuer) = spec.issuer {
                assert!(CERTS[..position].iter().any(|before| before.name == issuer.name), "{}", spec.name);
                assert!(issuer.is_ca(), "{}", spec.name);
            }
            assert_eq!(spec.usages.is_empty(), spec.is_ca(), "{}", spec.name);
            assert_eq!(cert(spec.name).map(|found| found.base), Some(spec.base));
        }
        let signed: Vec<&str> = CA.leaves().map(|leaf| leaf.name).collect();
        assert_eq!(signed, ["apiserver", "apiserver-kubelet-client"]);
        assert_eq!(
            CERTS.iter().filter(|spec| spec.is_ca()).map(|ca| ca.leaves().count() + 1).sum::<usize>(),
            CERTS.len()
        );
    }
}
