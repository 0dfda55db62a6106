//! The pretended machine is a healthy one, whatever release is to come onto it.

use kubephase_model::release::RELEASES;

use crate::place::{CONFIG, Place};

#[test]
fn every_check_passes_for_every_release() {
    for release in RELEASES {
        let version = format!("v{}", release.newest());
        let config = match release.minor {
            // What a configuration of its own time says.
            ..34 => format!(
                "apiVersion: kubeadm.k8s.io/v1beta3\nkind: ClusterConfiguration\nkubernetesVersion: {version}\n"
            ),
            _ => CONFIG.replace("v1.36.2", &version),
        };
        let place = Place::with(&config);
        let outcome = place.rehearse(&["-o", "json"]);
        outcome.expect_code(0);
        let findings: Vec<String> =
            outcome.out().lines().filter(|line| line.contains(r#""event":"finding""#)).map(str::to_owned).collect();
        assert_eq!(findings, Vec::<String>::new(), "{version}");
    }
}
