//! Whether metrics-server will believe the cluster's kubelets.

use kubephase_sdk::prelude::*;

/// The name of the check.
const ID: &str = "KubeletCertificates";

/// What there is to say about the kubelets' certificates and the settings. The cluster is asked if there is one; when
/// images are collected or a plan is made there may be none, and nothing is said.
pub fn check(settings: &crate::settings::Settings) -> Option<Finding> {
    if settings.kubelet_insecure_tls {
        let finding = Finding::warning(ID, "metrics-server does not check kubelets' certificates (kubeletInsecureTLS)")
            .expected("kubelets with certificates of the cluster's authority")
            .remedy("set serverTLSBootstrap: true in the KubeletConfiguration, and kubeletInsecureTLS: false here");
        return Some(finding);
    }
    match kube::get("v1", "ConfigMap", Some("kube-system"), "kubelet-config") {
        Ok(Some(document)) => judge(document["data"]["kubelet"].as_str().unwrap_or_default()),
        Ok(None) => None,
        Err(failure) => {
            log::debug(format!(
                "whether kubelets have certificates of the cluster cannot be seen: {}",
                failure.message
            ));
            None
        }
    }
}

/// What the cluster's KubeletConfiguration comes to. It is YAML as kubeadm and kubephase write it: one field per line,
/// those of the document itself at its beginning.
fn judge(kubelet: &str) -> Option<Finding> {
    let is_set = kubelet.lines().any(|line| line.trim_end() == "serverTLSBootstrap: true");
    let names_certificate = kubelet.lines().any(|line| line.starts_with("tlsCertFile:"));
    (!is_set && !names_certificate).then(|| {
        Finding::error(
            ID,
            "kubelets have certificates that they signed themselves: metrics-server will not believe them",
        )
        .expected("serverTLSBootstrap: true in the KubeletConfiguration")
        .remedy(
            "set it, and approve the kubelets' certificate signing requests; or, for a cluster to try things out, set \
                 kubeletInsecureTLS: true in the plugin's settings",
        )
        .link("https://kubernetes.io/docs/tasks/administer-cluster/kubeadm/kubeadm-certs/#kubelet-serving-certs")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Settings;

    #[test]
    fn only_certificates_of_the_cluster_are_believed() {
        let kind = "apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\n";
        for (fields, fine) in [
            ("serverTLSBootstrap: true\n", true),
            ("tlsCertFile: /etc/kubelet.crt\n", true),
            ("", false),
            ("serverTLSBootstrap: false\n", false),
            // A field of something else.
            ("other:\n  serverTLSBootstrap: true\n", false),
        ] {
            assert_eq!(judge(&format!("{kind}{fields}")).is_none(), fine, "{fields}");
        }
    }

    #[test]
    fn not_to_look_is_told() {
        let settings = Settings { kubelet_insecure_tls: true, ..Settings::default() };
        assert_eq!(check(&settings).map(|finding| finding.severity), Some(Severity::Warning));
        // Natively there is no cluster.
        assert_eq!(check(&Settings::default()), None);
    }
}
