//! `KubeletVersion`: the installed kubelet fits the Kubernetes version.

use std::time::Duration;

use kubephase_node::{Command, Node};
use semver::Version;

use crate::check::{Check, Finding, Findings, chain};

/// The check. kubeadm: `KubeletVersionCheck`.
pub struct KubeletVersion {
    /// The oldest kubelet that fits.
    pub oldest: Version,
    /// The control plane's version where it is known: no kubelet may be newer.
    pub target: Option<Version>,
}

const NAME: &str = "KubeletVersion";

impl Check for KubeletVersion {
    fn name(&self) -> String {
        NAME.into()
    }

    fn about(&self) -> &'static str {
        "the installed kubelet fits the Kubernetes version"
    }

    fn run<'a>(&'a self, node: &'a Node) -> Findings<'a> {
        Box::pin(async move {
            match installed_kubelet(node).await {
                Ok(version) => self.judge(&version).into_iter().collect(),
                Err(why) => vec![
                    Finding::error(NAME, format!("cannot tell the kubelet's version: {why}"))
                        .expected(self.wanted())
                        .remedy("install the kubelet and see that it is in PATH"),
                ],
            }
        })
    }
}

impl KubeletVersion {
    fn wanted(&self) -> String {
        let Version { major, minor, .. } = self.oldest;
        match &self.target {
            Some(target) => format!("v{major}.{minor} to v{}.{}", target.major, target.minor),
            None => format!("v{major}.{minor} or newer"),
        }
    }

    fn judge(&self, kubelet: &Version) -> Option<Finding> {
        // Pre-releases of the oldest minor are older than its `.0`, as in semver.
        let too_old = *kubelet < self.oldest;
        let too_new = self.target.as_ref().is_some_and(|t| (kubelet.major, kubelet.minor) > (t.major, t.minor));
        let finding = |remedy: &str| {
            Finding::error(NAME, format!("the kubelet is v{kubelet}")).expected(self.wanted()).remedy(remedy)
        };
        if too_old {
            Some(finding("install a newer kubelet, or set an older kubernetesVersion"))
        } else if too_new {
            Some(finding(
                "a kubelet must not be newer than the control plane: install an older one, or set a newer kubernetesVersion",
            ))
        } else {
            None
        }
    }
}

/// The version that `kubelet --version` tells, or why there is none.
pub async fn installed_kubelet(node: &Node) -> Result<Version, String> {
    let command = Command::look("kubelet", ["--version"]).timeout(Duration::from_secs(10));
    let output = node.run_ok(&command).await.map_err(|error| chain(&error))?;
    parse(&output.stdout).ok_or_else(|| {
        format!("`kubelet --version` says `{}`", output.stdout.trim().lines().next().unwrap_or_default())
    })
}

/// `Kubernetes v1.36.2`, possibly with a build suffix.
fn parse(output: &str) -> Option<Version> {
    output.lines().find_map(|line| line.trim().strip_prefix("Kubernetes v")?.split_whitespace().next()?.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Machine;

    fn check() -> KubeletVersion {
        KubeletVersion { oldest: Version::new(1, 33, 0), target: Some(Version::new(1, 36, 2)) }
    }

    async fn with(version: &str) -> Vec<Finding> {
        Machine::new().script("kubelet", &format!("echo {version}")).run(&check()).await
    }

    #[tokio::test]
    async fn the_skew() {
        for good in ["Kubernetes v1.36.2", "Kubernetes v1.33.0", "Kubernetes v1.36.9", "Kubernetes v1.36.0-rc.1+abc"] {
            assert_eq!(with(good).await, [], "{good}");
        }
        assert_eq!(with("Kubernetes v1.32.9").await[0].to_string(), "the kubelet is v1.32.9; expected: v1.33 to v1.36");
        assert_eq!(with("Kubernetes v1.37.0").await[0].seen, "the kubelet is v1.37.0");
        let open = KubeletVersion { target: None, ..check() };
        assert_eq!(Machine::new().script("kubelet", "echo Kubernetes v1.99.0").run(&open).await, []);
    }

    #[tokio::test]
    async fn missing_or_odd() {
        let finding = Machine::new().one(&check()).await;
        assert_eq!(finding.seen, "cannot tell the kubelet's version: cannot find the program kubelet");
        assert_eq!(with("hello").await[0].seen, "cannot tell the kubelet's version: `kubelet --version` says `hello`");
    }
}
