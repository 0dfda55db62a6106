//! `ContainerRuntimeVersion`: the runtime answers `RuntimeConfig`, from which newer kubelets take the cgroup driver.

use kubephase_node::Node;

use super::cri::{TIMEOUT, no_answer};
use crate::check::{Check, Finding, Findings};

/// The check. kubeadm: `ContainerRuntimeVersionCheck`, since 1.35.
pub struct ContainerRuntimeVersion {
    /// `nodeRegistration.criSocket`.
    pub socket: String,
    /// The minor from which on the kubelet will not start without it.
    pub required_from: u64,
}

const NAME: &str = "ContainerRuntimeVersion";

impl Check for ContainerRuntimeVersion {
    fn name(&self) -> String {
        NAME.into()
    }

    fn about(&self) -> &'static str {
        "the container runtime is new enough to tell its cgroup driver"
    }

    fn run<'a>(&'a self, node: &'a Node) -> Findings<'a> {
        Box::pin(async move {
            let answer = match node.cri(&self.socket, TIMEOUT).await {
                Ok(cri) => cri.runtime_config().await,
                Err(error) => Err(error),
            };
            match answer {
                Ok(Some(_)) => Vec::new(),
                Ok(None) => vec![
                    Finding::warning(
                        NAME,
                        format!("the container runtime at {} does not know RuntimeConfig", self.socket),
                    )
                    .expected("containerd 2.0 or newer, or CRI-O 1.28 or newer")
                    .remedy(format!("update it before Kubernetes v1.{}, which needs it", self.required_from)),
                ],
                Err(error) => vec![no_answer(NAME, &error)],
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::Severity;
    use crate::testing::Machine;
    use crate::testing::fake_cri::{FakeCri, SOCKET};

    #[tokio::test]
    async fn new_old_absent() {
        let check = ContainerRuntimeVersion { socket: SOCKET.into(), required_from: 37 };
        let machine = Machine::new();
        let _runtime = FakeCri::start(&machine, FakeCri::default());
        assert_eq!(machine.run(&check).await, []);
        let machine = Machine::new();
        let _runtime = FakeCri::start(&machine, FakeCri { runtime_config: false, ..FakeCri::default() });
        let finding = machine.one(&check).await;
        assert_eq!(finding.severity, Severity::Warning);
        assert!(finding.remedy.expect("a remedy").contains("v1.37"));
        assert_eq!(Machine::new().one(&check).await.severity, Severity::Error);
    }
}
