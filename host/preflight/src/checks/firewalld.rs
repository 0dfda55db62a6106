//! `Firewalld`: an active firewalld may keep nodes from talking to each other.

use kubephase_node::Node;

use crate::check::{Check, Finding, Findings, chain};

/// The check. kubeadm: `FirewalldCheck`.
pub struct Firewalld {
    /// Ports that others must reach.
    pub ports: Vec<u16>,
}

const NAME: &str = "Firewalld";

impl Check for Firewalld {
    fn name(&self) -> String {
        NAME.into()
    }

    fn about(&self) -> &'static str {
        "firewalld does not block the cluster's ports"
    }

    fn run<'a>(&'a self, node: &'a Node) -> Findings<'a> {
        Box::pin(async move { self.look(node).await.into_iter().collect() })
    }
}

impl Firewalld {
    async fn look(&self, node: &Node) -> Option<Finding> {
        let ports: Vec<String> = self.ports.iter().map(u16::to_string).collect();
        let service = node.service("firewalld");
        if service.init_system().is_none() {
            return Some(
                Finding::warning(NAME, "cannot tell whether firewalld runs: no init system found (systemd, OpenRC)")
                    .remedy(format!("see that no firewall blocks the ports {}", ports.join(", "))),
            );
        }
        let active = match service.exists().await {
            Ok(true) => service.active().await,
            other => other,
        };
        match active {
            Ok(false) => None,
            Ok(true) => Some(
                Finding::warning(NAME, "firewalld is active")
                    .expected(format!("the ports {} open, or no firewall", ports.join(", ")))
                    .remedy(format!(
                        "run `firewall-cmd --permanent {}` and `firewall-cmd --reload`",
                        ports.iter().map(|port| format!("--add-port={port}/tcp")).collect::<Vec<_>>().join(" ")
                    )),
            ),
            Err(error) => Some(
                Finding::warning(NAME, format!("cannot tell whether firewalld runs: {}", chain(&error)))
                    .remedy(format!("see that no firewall blocks the ports {}", ports.join(", "))),
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Machine;

    fn check() -> Firewalld {
        Firewalld { ports: vec![6443, 10250] }
    }

    #[tokio::test]
    async fn absent_active_inactive_and_unknown() {
        let missing = Machine::new().script("systemctl", "echo 'Unit firewalld.service could not be found.'; exit 4");
        assert_eq!(missing.run(&check()).await, []);
        let inactive = Machine::new().script("systemctl", "[ \"$1\" = is-active ] && echo inactive; exit 3");
        assert_eq!(inactive.run(&check()).await, []);
        let active = Machine::new().script("systemctl", "[ \"$1\" = is-active ] && echo active; exit 0");
        let finding = active.one(&check()).await;
        assert_eq!(finding.to_string(), "firewalld is active; expected: the ports 6443, 10250 open, or no firewall");
        assert!(finding.remedy.expect("a remedy").contains("--add-port=6443/tcp --add-port=10250/tcp"));
        assert!(Machine::new().one(&check()).await.seen.starts_with("cannot tell whether firewalld runs"));
    }
}
