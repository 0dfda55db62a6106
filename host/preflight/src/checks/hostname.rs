//! `Hostname`: the node's name is well-formed and resolves.

use std::time::Duration;

use kubephase_model::names::is_dns1123_subdomain;
use kubephase_node::{Node, probe};

use crate::check::{Check, Finding, Findings, chain};

/// The check. kubeadm: `HostnameCheck`. An unresolvable name is only inconvenient: components use addresses.
pub struct Hostname {
    /// The node's name.
    pub name: String,
}

const NAME: &str = "Hostname";
const TIMEOUT: Duration = Duration::from_secs(5);

impl Check for Hostname {
    fn name(&self) -> String {
        NAME.into()
    }

    fn about(&self) -> &'static str {
        "the node's name is valid and resolves"
    }

    fn run<'a>(&'a self, node: &'a Node) -> Findings<'a> {
        Box::pin(async move {
            let mut findings = Vec::new();
            let name = &self.name;
            if !is_dns1123_subdomain(name) {
                findings.push(
                    Finding::warning(NAME, format!("`{name}` is not a valid node name"))
                        .expected("lower-case letters, digits, `-` and `.`")
                        .remedy("set nodeRegistration.name (--node-name), or change the host name with hostnamectl"),
                );
            }
            let why = match probe::lookup(node, name, TIMEOUT).await {
                Ok(addresses) if !addresses.is_empty() => None,
                Ok(_) => Some("no address".to_owned()),
                Err(error) => Some(chain(&error)),
            };
            if let Some(why) = why {
                findings.push(
                    Finding::warning(NAME, format!("the node's name `{name}` does not resolve: {why}"))
                        .expected("a name that leads to this machine")
                        .remedy(format!("add a line `<address> {name}` to /etc/hosts, or add it to DNS")),
                );
            }
            findings
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Machine;

    #[tokio::test]
    async fn good_unresolvable_and_malformed() {
        assert_eq!(Machine::new().run(&Hostname { name: "localhost".into() }).await, []);
        // RFC 6761: no server may know a name below `invalid`.
        let finding = Machine::new().one(&Hostname { name: "node-1.invalid".into() }).await;
        assert!(finding.seen.starts_with("the node's name `node-1.invalid` does not resolve: "), "{}", finding.seen);
        assert_eq!(finding.severity, crate::Severity::Warning);
        let findings = Machine::new().run(&Hostname { name: "Node_1.invalid".into() }).await;
        assert_eq!(findings[0].seen, "`Node_1.invalid` is not a valid node name");
        assert_eq!(findings.len(), 2);
    }
}
