//! What a cluster says about itself: the ClusterConfiguration that `init` stored in the ConfigMap `kubeadm-config`.

use kubephase_model::Report;
use kubephase_model::config::load::{self, Command, Documents};
use kubephase_model::object::{CONFIG_MAP, ObjectRef};
use kubephase_node::kube::{Api, ApiError};

/// Where it is.
pub const NAME: &str = "kubeadm-config";
/// Where it is.
pub const NAMESPACE: &str = "kube-system";
/// Its key there.
pub const KEY: &str = "ClusterConfiguration";

/// What is stored cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum StoredError {
    /// The API server cannot be asked, or said no.
    #[error(transparent)]
    Api(#[from] ApiError),
    /// There is no such ConfigMap.
    #[error("reading the ConfigMap {NAMESPACE}/{NAME}: it does not exist")]
    Missing,
    /// It has no such key.
    #[error("reading the ConfigMap {NAMESPACE}/{NAME}: it has no key {KEY}")]
    NoKey,
    /// What is there cannot be read as a configuration.
    #[error("reading {KEY} in the ConfigMap {NAMESPACE}/{NAME}: {problems}")]
    Unreadable {
        /// What is wrong with it.
        problems: Report,
    },
}

impl StoredError {
    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Api(error) => error.hint().map(Into::into),
            Self::Missing | Self::NoKey | Self::Unreadable { .. } => Some(
                "upload it anew with `kubephase init phase upload-config kubeadm --config <file>`, or give the file with \
                 `--config`"
                    .into(),
            ),
        }
    }
}

/// The stored ClusterConfiguration as documents, to be resolved with this node's part. What is unknown in it was
/// accepted when it was stored: only what cannot be read is told.
pub async fn documents(api: &Api) -> Result<Documents, StoredError> {
    let object = ObjectRef::new(&CONFIG_MAP, Some(NAMESPACE), NAME);
    let stored = api.get(&object).await?.ok_or(StoredError::Missing)?;
    let text = stored["data"][KEY].as_str().ok_or(StoredError::NoKey)?;
    read(text)
}

/// Reads the text of that key.
pub fn read(text: &str) -> Result<Documents, StoredError> {
    // Clusters of v1.20 store v1beta2. Of ClusterConfiguration v1beta3 only took fields away (`dns.type`,
    // `useHyperKubeImage`) that say nothing any more.
    let text = text.replace("kubeadm.k8s.io/v1beta2", "kubeadm.k8s.io/v1beta3");
    let mut report = Report::default();
    let source = load::source(format!("{NAMESPACE}/{NAME}"), text.into_bytes(), &mut report);
    let documents = source.map(|source| load::load(&source, Command::Init, &mut report));
    match documents {
        Some(documents) if !report.has_errors() => Ok(documents),
        _ => Err(StoredError::Unreadable { problems: report }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_version_that_clusters_store_is_read() {
        for version in ["v1beta2", "v1beta3", "v1beta4"] {
            let text = format!(
                "apiVersion: kubeadm.k8s.io/{version}\nkind: ClusterConfiguration\ncertificatesDir: /pki\n\
                 dns:\n  type: CoreDNS\nkubernetesVersion: v1.20.2\n"
            );
            let documents = read(&text).unwrap_or_else(|error| panic!("{version}: {error}"));
            let cluster = documents.cluster.expect("a ClusterConfiguration");
            assert_eq!((&*cluster.certificates_dir, &*cluster.kubernetes_version), ("/pki", "v1.20.2"), "{version}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_told() {
        for text in ["", "a: [", "apiVersion: kubeadm.k8s.io/v1beta9\nkind: ClusterConfiguration\n", "kind: Pod\n"] {
            let error = read(text).expect_err(text);
            assert!(matches!(error, StoredError::Unreadable { .. }), "{text}: {error}");
            assert!(error.hint().is_some_and(|hint| hint.contains("upload-config")));
        }
    }
}
