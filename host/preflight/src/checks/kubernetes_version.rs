//! `KubernetesVersion`: the target is no newer than what this program knows.

use kubephase_model::Release;
use kubephase_model::release::RELEASES;
use kubephase_node::Node;
use semver::Version;

use crate::check::{Check, Finding, Findings, at_once};

/// The check. kubeadm: `KubernetesVersionCheck`, which warns about a minor newer than its own.
pub struct KubernetesVersion {
    /// The version to deploy.
    pub target: Version,
}

const NAME: &str = "KubernetesVersion";

impl Check for KubernetesVersion {
    fn name(&self) -> String {
        NAME.into()
    }

    fn about(&self) -> &'static str {
        "the Kubernetes version is one that this program knows"
    }

    fn run<'a>(&'a self, _node: &'a Node) -> Findings<'a> {
        let Version { major, minor, .. } = self.target;
        at_once(Release::of(&self.target).is_none().then(|| {
            let known: Vec<String> = RELEASES.iter().map(|release| release.name()).collect();
            Finding::warning(NAME, format!("Kubernetes v{major}.{minor} is not known to this version of kubephase"))
                .expected(format!("one of {}", known.join(", ")))
                .remedy("use a kubephase that knows it, or another kubernetesVersion")
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Machine;

    #[tokio::test]
    async fn known_and_unknown() {
        assert_eq!(Machine::new().run(&KubernetesVersion { target: Version::new(1, 36, 2) }).await, []);
        let finding = Machine::new().one(&KubernetesVersion { target: Version::new(1, 99, 0) }).await;
        assert_eq!(finding.seen, "Kubernetes v1.99 is not known to this version of kubephase");
    }
}
