//! `IsPrivilegedUser`: root, since nearly everything that follows is root's.

use kubephase_node::{Node, probe};

use crate::check::{Check, Finding, Findings, at_once};

/// The check. kubeadm: `IsPrivilegedUserCheck`.
pub struct PrivilegedUser;

const NAME: &str = "IsPrivilegedUser";

impl Check for PrivilegedUser {
    fn name(&self) -> String {
        NAME.into()
    }

    fn about(&self) -> &'static str {
        "runs as root"
    }

    fn run<'a>(&'a self, node: &'a Node) -> Findings<'a> {
        let uid = probe::uid(node);
        at_once((uid != 0).then(|| {
            Finding::error(NAME, format!("running as user id {uid}"))
                .expected("root (user id 0)")
                .remedy("run it with sudo; to only look, --dry-run and --plan need no root")
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Machine;

    #[tokio::test]
    async fn root_and_others() {
        assert_eq!(Machine::new().run(&PrivilegedUser).await, []);
        let finding = Machine::new().ambient(|a| a.uid = 1000).one(&PrivilegedUser).await;
        assert_eq!(finding.to_string(), "running as user id 1000; expected: root (user id 0)");
    }
}
