//! What can be renewed: every certificate of the tables that is no authority, below `certificatesDir` or inside a
//! kubeconfig file. Not kubelet.conf, whose certificate the kubelet renews by itself.

use kubephase_model::{Cluster, layout};
use kubephase_node::Node;
use kubephase_pki::{CA, CERTS, Cert, CertSpec, KUBECONFIGS, KUBELET, KubeconfigSpec, Usage};
use kubephase_render::kubeconfig::{Kubeconfig, Material};

use super::CertsError;
use crate::error::PhaseError;

/// One certificate that can be renewed.
#[derive(Clone, Copy, Debug)]
pub enum Renewable {
    /// Below `certificatesDir`.
    File(&'static CertSpec),
    /// In a kubeconfig file.
    Kubeconfig(&'static KubeconfigSpec),
}

/// One that exists.
pub(super) struct Existing {
    /// The certificate.
    pub cert: Cert,
    /// The file around it, if it stands in one.
    pub kubeconfig: Option<Kubeconfig>,
}

impl Renewable {
    /// All of them, by name.
    pub fn all() -> Vec<Self> {
        let certs = CERTS.iter().copied().filter(|spec| !spec.is_ca()).map(Self::File);
        let kubeconfigs = KUBECONFIGS.iter().copied().filter(|spec| spec.name != KUBELET.name).map(Self::Kubeconfig);
        let mut all: Vec<Self> = certs.chain(kubeconfigs).collect();
        all.sort_by_key(|one| one.name());
        all
    }

    /// The one of that name.
    pub fn find(name: &str) -> Option<Self> {
        Self::all().into_iter().find(|one| one.name() == name)
    }

    /// Its name on the command line: `apiserver`, `admin.conf`.
    pub fn name(self) -> &'static str {
        match self {
            Self::File(spec) => spec.name,
            Self::Kubeconfig(spec) => spec.file,
        }
    }

    /// What it is, as a noun phrase.
    pub fn about(self) -> String {
        match self {
            Self::File(spec) => spec.about.to_owned(),
            Self::Kubeconfig(spec) => format!("certificate embedded in the {}", spec.about),
        }
    }

    /// Which authority signs it.
    pub fn issuer(self) -> &'static CertSpec {
        match self {
            Self::File(spec) => spec.issuer.unwrap_or(spec),
            Self::Kubeconfig(_) => &CA,
        }
    }

    /// Static pods that read it when they start.
    pub fn readers(self) -> &'static [&'static str] {
        match self {
            Self::File(spec) => spec.readers,
            Self::Kubeconfig(spec) => spec.readers,
        }
    }

    /// What it is for, if the old certificate does not say.
    pub fn usages(self) -> &'static [Usage] {
        match self {
            Self::File(spec) => spec.usages,
            Self::Kubeconfig(_) => &[Usage::ClientAuth],
        }
    }

    /// False if this cluster has no such certificate.
    pub fn is_needed(self, cluster: &Cluster) -> bool {
        match self {
            Self::File(spec) => spec.is_needed(cluster),
            Self::Kubeconfig(spec) => (spec.is_needed)(cluster),
        }
    }

    /// The file that holds it.
    pub fn path(self, cluster: &Cluster) -> String {
        match self {
            Self::File(spec) => spec.crt_path(cluster),
            Self::Kubeconfig(spec) => format!("{}/{}", layout::KUBERNETES_DIR, spec.file),
        }
    }

    /// What is there now; `None` if nothing is.
    pub(super) fn read(self, cluster: &Cluster, node: &Node) -> Result<Option<Existing>, CertsError> {
        let path = self.path(cluster);
        let Some(bytes) = node.read(&path).map_err(PhaseError::from)? else { return Ok(None) };
        if let Self::File(_) = self {
            let cert = Cert::from_pem(&path, &bytes).map_err(PhaseError::from)?;
            return Ok(Some(Existing { cert, kubeconfig: None }));
        }
        let fail = |source| PhaseError::Kubeconfig { path: path.clone(), source };
        let kubeconfig = Kubeconfig::parse(&bytes).map_err(fail)?;
        match kubeconfig.client_certificate().map_err(fail)? {
            Some(Material::Inline(pem)) => {
                let cert = Cert::from_pem(&path, &pem).map_err(PhaseError::from)?;
                Ok(Some(Existing { cert, kubeconfig: Some(kubeconfig) }))
            }
            Some(Material::Path(_)) | None => Err(CertsError::NotEmbedded { path }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_kubeadms_in_its_order() {
        let names: Vec<&str> = Renewable::all().into_iter().map(Renewable::name).collect();
        assert_eq!(
            names,
            [
                "admin.conf",
                "apiserver",
                "apiserver-etcd-client",
                "apiserver-kubelet-client",
                "controller-manager.conf",
                "etcd-healthcheck-client",
                "etcd-peer",
                "etcd-server",
                "front-proxy-client",
                "scheduler.conf",
                "super-admin.conf",
            ]
        );
        assert!(Renewable::find("kubelet.conf").is_none() && Renewable::find("ca").is_none());
    }
}
