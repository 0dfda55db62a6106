//! `CRI`: the container runtime answers on its socket and is ready.

use std::time::Duration;

use kubephase_node::{CriError, Node};

use crate::check::{Check, Finding, Findings, chain};

/// The check. kubeadm: `ContainerRuntimeCheck`. The network need not be ready: its plugin comes later.
pub struct CriReady {
    /// `nodeRegistration.criSocket`.
    pub socket: String,
}

const NAME: &str = "CRI";
/// kubeadm's limit for each CRI call.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(2);

impl Check for CriReady {
    fn name(&self) -> String {
        NAME.into()
    }

    fn about(&self) -> &'static str {
        "the container runtime is running"
    }

    fn run<'a>(&'a self, node: &'a Node) -> Findings<'a> {
        Box::pin(async move { self.look(node).await.into_iter().collect() })
    }
}

impl CriReady {
    async fn look(&self, node: &Node) -> Option<Finding> {
        let socket = &self.socket;
        let status = match node.cri(socket, TIMEOUT).await {
            Ok(cri) => cri.status(false).await,
            Err(error) => Err(error),
        };
        match status {
            Err(error) => Some(no_answer(NAME, &error)),
            Ok(status) if !status.runtime_ready => {
                let why = status.conditions.iter().find(|condition| condition.kind == "RuntimeReady");
                let why = why.map(|condition| format!(": {} {}", condition.reason, condition.message));
                let why = why.map(|why| why.trim_end_matches([':', ' ', '.']).to_owned()).unwrap_or_default();
                Some(
                    Finding::error(NAME, format!("the container runtime at {socket} is not ready{why}"))
                        .expected("the condition RuntimeReady")
                        .remedy("see its log, with containerd `journalctl -u containerd`"),
                )
            }
            Ok(_) => None,
        }
    }
}

/// What is said when the runtime cannot be asked, by each check that has to ask it.
pub(crate) fn no_answer(check: &str, error: &CriError) -> Finding {
    let finding = Finding::error(check, chain(error)).expected("a container runtime that serves CRI v1");
    match error.hint() {
        Some(hint) => finding.remedy(hint),
        None => finding.remedy("see the container runtime's log, with containerd `journalctl -u containerd`"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Machine;
    use crate::testing::fake_cri::{FakeCri, SOCKET};

    #[tokio::test]
    async fn ready_not_ready_absent() {
        let check = CriReady { socket: SOCKET.into() };
        let machine = Machine::new();
        let runtime = FakeCri::start(&machine, FakeCri::default());
        assert_eq!(machine.run(&check).await, []);
        drop(runtime);
        let machine = Machine::new();
        let _runtime = FakeCri::start(&machine, FakeCri { ready: false, ..FakeCri::default() });
        let finding = machine.one(&check).await;
        assert_eq!(finding.seen, format!("the container runtime at {SOCKET} is not ready: Down shim is missing"));
        let finding = Machine::new().one(&check).await;
        assert!(finding.seen.contains(SOCKET), "{}", finding.seen);
        assert!(finding.remedy.expect("a remedy").contains("criSocket"));
    }
}
