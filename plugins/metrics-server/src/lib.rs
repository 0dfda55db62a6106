//! Installs metrics-server: what `kubectl top` and the horizontal autoscaler ask.

mod kubelets;
mod objects;
mod settings;
mod versions;

use kubephase_sdk::prelude::*;

use crate::settings::Settings;

/// The plugin.
#[derive(Debug)]
pub struct MetricsServer;

impl Plugin for MetricsServer {
    type Settings = Settings;

    fn describe() -> Description {
        Description::new("metrics-server", env!("CARGO_PKG_VERSION"), "Installs metrics-server")
            .settings_schema(include_str!("../settings.schema.json"))
            .documentation("https://github.com/kubernetes-sigs/metrics-server")
            .wants("facts", ["cluster"], "choose the version that supports the cluster's")
            .wants(
                "kube",
                ["v1/ConfigMap/kube-system/kubelet-config"],
                "see whether kubelets have certificates that metrics-server can check",
            )
            .wants(
                "objects",
                [
                    "v1/ServiceAccount/kube-system/metrics-server",
                    "v1/Service/kube-system/metrics-server",
                    "apps/v1/Deployment/kube-system/metrics-server",
                    "policy/v1/PodDisruptionBudget/kube-system/metrics-server",
                    "rbac.authorization.k8s.io/v1/RoleBinding/kube-system/metrics-server-auth-reader",
                    "rbac.authorization.k8s.io/v1/ClusterRole//metrics-server:aggregated-metrics-reader",
                    "rbac.authorization.k8s.io/v1/ClusterRole//metrics-server",
                    "rbac.authorization.k8s.io/v1/ClusterRoleBinding//metrics-server:system:auth-delegator",
                    "rbac.authorization.k8s.io/v1/ClusterRoleBinding//metrics-server",
                    "apiregistration.k8s.io/v1/APIService//v1beta1.metrics.k8s.io",
                ],
                "run metrics-server, let it read nodes and pods, and let the API server pass metrics.k8s.io on to it",
            )
    }
}

impl Addon for MetricsServer {
    fn render(settings: Settings) -> Result<Proposal, Failure> {
        let image = image(&settings)?;
        let mut proposal =
            Proposal::new().objects(objects::all(&settings, &image)).findings(kubelets::check(&settings));
        if settings.wait_seconds > 0 {
            proposal = proposal.wait(objects::wait(&settings)).wait(Wait::condition(
                "apiregistration.k8s.io/v1 APIService v1beta1.metrics.k8s.io",
                "Available",
                settings.wait_seconds,
            ));
        }
        Ok(proposal)
    }

    fn images(settings: Settings) -> Result<Vec<String>, Failure> {
        Ok(vec![image(&settings)?])
    }
}

/// The image to run. The cluster's version is asked for only if it matters.
fn image(settings: &Settings) -> Result<String, Failure> {
    if let Some(image) = &settings.image {
        return Ok(image.clone());
    }
    let version = match &settings.version {
        Some(version) => version.clone(),
        None => versions::for_kubernetes(&facts::cluster()?.kubernetes_version)?.to_owned(),
    };
    Ok(format!("{}/metrics-server:{version}", settings.registry))
}

kubephase_sdk::export!(MetricsServer: addon);
