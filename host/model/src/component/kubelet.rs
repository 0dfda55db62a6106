//! What kubeadm sets in the kubelet's configuration.

use serde_json::{Value, json};

use super::{Filler, NotRecommended};
use crate::Facts;
use crate::config::v1beta4::ClusterConfiguration;
use crate::layout::{MANIFESTS_DIR, RESOLVED_RESOLV_CONF};
use crate::names::Cidr;
use crate::release::{Release, ResolvConf};

/// Port of the kubelet's health check.
pub const HEALTHZ_PORT: u16 = 10248;

/// Fills in what the cluster implies and notes what differs from it.
pub fn set_defaults(
    value: &mut Value,
    config: &ClusterConfiguration,
    release: &Release,
    facts: &Facts,
) -> Vec<NotRecommended> {
    let mut filler = Filler { value, notes: Vec::new() };
    if let Some(on) = config.feature_gates.get("IPv6DualStack").filter(|_| release.dual_stack_component_gate) {
        filler.force("featureGates.IPv6DualStack", *on);
    }
    filler.recommend("staticPodPath", MANIFESTS_DIR);
    let subnets = Cidr::list(&config.networking.service_subnet).unwrap_or_default();
    if let Some(dns) = subnets.first().and_then(|subnet| subnet.nth(10)) {
        filler.recommend("clusterDNS", json!([dns.to_string()]));
    }
    if !config.networking.dns_domain.is_empty() {
        filler.recommend("clusterDomain", config.networking.dns_domain.as_str());
    }
    filler.recommend("authentication.x509.clientCAFile", format!("{}/ca.crt", config.certificates_dir));
    filler.recommend("authentication.anonymous.enabled", false);
    filler.recommend("authorization.mode", "Webhook");
    filler.recommend("authentication.webhook.enabled", true);
    filler.recommend("healthzBindAddress", "127.0.0.1");
    filler.recommend("healthzPort", HEALTHZ_PORT);
    filler.note("readOnlyPort", json!(0));
    // Go cannot tell false from unset here, so kubeadm sets it without a word, and so must we.
    filler.force("rotateCertificates", true);
    if let Some(driver) = release.cgroup_driver {
        filler.fill("cgroupDriver", driver);
    }
    if release.resolv_conf == ResolvConf::Shared && facts.systemd_resolved {
        filler.recommend("resolvConf", RESOLVED_RESOLV_CONF);
    }
    filler.notes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::component::Component;
    use crate::config::v1beta4::Networking;
    use crate::release::{REFERENCE, RELEASES};

    fn config() -> ClusterConfiguration {
        ClusterConfiguration {
            networking: Networking {
                service_subnet: "10.96.0.0/12".into(),
                dns_domain: "cluster.local".into(),
                ..Networking::default()
            },
            certificates_dir: "/etc/kubernetes/pki".into(),
            ..ClusterConfiguration::default()
        }
    }

    #[test]
    fn fills_what_is_unset_and_keeps_what_is_set() {
        let mut value = Component::Kubelet.empty();
        assert_eq!(set_defaults(&mut value, &config(), REFERENCE, &Facts::default()), []);
        assert_eq!(value["clusterDNS"], json!(["10.96.0.10"]));
        assert_eq!(value["cgroupDriver"], "systemd");

        let mut value = json!({
            "cgroupDriver": "cgroupfs",
            "clusterDNS": ["1.2.3.4"],
            "staticPodPath": "/x",
            "rotateCertificates": false,
            "readOnlyPort": 10255,
            "healthzBindAddress": "",
            "authentication": null,
        });
        let notes = set_defaults(&mut value, &config(), REFERENCE, &Facts::default());
        let paths: Vec<&str> = notes.iter().map(|note| note.path.as_str()).collect();
        assert_eq!(paths, ["staticPodPath", "clusterDNS", "readOnlyPort"]);
        assert_eq!(value["cgroupDriver"], "cgroupfs");
        assert_eq!(value["clusterDNS"], json!(["1.2.3.4"]));
        assert_eq!(value["rotateCertificates"], true);
        assert_eq!(value["healthzBindAddress"], "127.0.0.1");
        assert_eq!(value["authentication"]["anonymous"]["enabled"], false);
    }

    #[test]
    fn an_old_release_shares_resolv_conf_and_names_no_cgroup_driver() {
        let facts = Facts { systemd_resolved: true, ..Facts::default() };
        let mut value = Component::Kubelet.empty();
        set_defaults(&mut value, &config(), RELEASES[0], &facts);
        assert_eq!(value["resolvConf"], RESOLVED_RESOLV_CONF);
        assert_eq!(value.get("cgroupDriver"), None);
    }

    #[test]
    fn what_is_no_object_is_left_alone() {
        let mut value = json!({ "authentication": "none" });
        set_defaults(&mut value, &config(), REFERENCE, &Facts::default());
        assert_eq!(value["authentication"], "none");
    }
}
