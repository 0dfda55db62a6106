//! `Service-<name>`: the kubelet's service exists and starts with the machine.

use kubephase_node::Node;

use crate::check::{Check, Finding, Findings, chain};

/// The check. kubeadm: `ServiceCheck`. Never an error: the kubelet may be run by something else.
pub struct Service {
    /// The service, without `.service`.
    pub name: &'static str,
}

impl Check for Service {
    fn name(&self) -> String {
        format!("Service-{}", self.name)
    }

    fn about(&self) -> &'static str {
        "the kubelet's service is installed and enabled"
    }

    fn run<'a>(&'a self, node: &'a Node) -> Findings<'a> {
        Box::pin(async move { self.look(node).await.into_iter().collect() })
    }
}

impl Service {
    async fn look(&self, node: &Node) -> Option<Finding> {
        let name = self.name;
        let warn = |seen: String| Finding::warning(Check::name(self), seen);
        let service = node.service(name);
        if service.init_system().is_none() {
            return Some(
                warn(format!(
                    "cannot tell whether the service {name} is enabled: no init system found (systemd, OpenRC)"
                ))
                .remedy(format!("see to it yourself that {name} runs and is started with the machine")),
            );
        }
        match service.exists().await {
            Err(error) => {
                return Some(
                    warn(format!("cannot tell whether the service {name} exists: {}", chain(&error)))
                        .remedy(format!("see that {name} runs and is started with the machine")),
                );
            }
            Ok(false) => {
                return Some(
                    warn(format!("the service {name} does not exist"))
                        .expected("a service that runs it")
                        .remedy(format!("install the package with {name}")),
                );
            }
            Ok(true) => {}
        }
        match service.enabled().await {
            Ok(true) => None,
            Ok(false) => Some(
                warn(format!("the service {name} is not enabled: it will not start with the machine"))
                    .expected("enabled")
                    .remedy(match service.enable_command() {
                        Some(command) => format!("run `{command}`"),
                        None => format!("enable {name}"),
                    }),
            ),
            Err(error) => Some(
                warn(format!("cannot tell whether the service {name} is enabled: {}", chain(&error)))
                    .remedy(format!("see that {name} is started with the machine")),
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Machine;

    const KUBELET: Service = Service { name: "kubelet" };

    fn systemd(answers: &str) -> Machine {
        Machine::new().script("systemctl", answers)
    }

    #[tokio::test]
    async fn enabled_disabled_missing_no_init_system() {
        assert_eq!(systemd("exit 0").run(&KUBELET).await, []);
        let finding = systemd("[ \"$1\" = is-enabled ] && exit 1; exit 0").one(&KUBELET).await;
        assert_eq!(finding.remedy.as_deref(), Some("run `systemctl enable kubelet.service`"));
        let finding = systemd("echo 'Unit kubelet.service could not be found.' >&2; exit 4").one(&KUBELET).await;
        assert_eq!(finding.seen, "the service kubelet does not exist");
        let finding = Machine::new().one(&KUBELET).await;
        assert!(finding.seen.contains("no init system found"), "{}", finding.seen);
        assert_eq!(finding.severity, crate::Severity::Warning);
    }
}
