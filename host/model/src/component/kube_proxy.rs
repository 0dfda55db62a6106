//! What kubeadm sets in kube-proxy's configuration.

use serde_json::Value;

use super::{Filler, NotRecommended};
use crate::config::v1beta4::ClusterConfiguration;
use crate::release::Release;

/// Where kube-proxy finds its kubeconfig, inside its pod.
pub const KUBECONFIG: &str = "/var/lib/kube-proxy/kubeconfig.conf";

/// Fills in what the cluster implies and notes what differs from it. `ipv6` says whether this node advertises an
/// IPv6 address.
pub fn set_defaults(
    value: &mut Value,
    config: &ClusterConfiguration,
    release: &Release,
    ipv6: bool,
) -> Vec<NotRecommended> {
    let mut filler = Filler { value, notes: Vec::new() };
    if let Some(on) = config.feature_gates.get("IPv6DualStack").filter(|_| release.dual_stack_component_gate) {
        filler.force("featureGates.IPv6DualStack", *on);
    }
    filler.recommend("bindAddress", if ipv6 { "::" } else { "0.0.0.0" });
    if !config.networking.pod_subnet.is_empty() {
        filler.recommend("clusterCIDR", config.networking.pod_subnet.as_str());
    }
    filler.recommend("clientConnection.kubeconfig", KUBECONFIG);
    if release.explicit_proxy_mode {
        filler.fill("mode", "iptables");
    }
    filler.notes
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::component::Component;
    use crate::release::{NEWEST, REFERENCE};

    #[test]
    fn follows_the_cluster() {
        let mut config = ClusterConfiguration::default();
        let mut value = Component::KubeProxy.empty();
        assert_eq!(set_defaults(&mut value, &config, REFERENCE, false), []);
        assert_eq!(value["bindAddress"], "0.0.0.0");
        assert_eq!((value.get("clusterCIDR"), value.get("mode")), (None, None));

        config.networking.pod_subnet = "10.244.0.0/16".into();
        let mut value = json!({ "clusterCIDR": "10.0.0.0/8", "mode": "" });
        let notes = set_defaults(&mut value, &config, NEWEST, true);
        assert_eq!(notes.len(), 1);
        assert_eq!(notes[0].path, "clusterCIDR");
        assert_eq!(value["bindAddress"], "::");
        assert_eq!(value["mode"], "iptables");
    }
}
