//! `Mem`: a control plane needs 1700 MiB.

use kubephase_node::{Node, probe};

use crate::check::{Check, Finding, Findings, at_once};

/// The check. kubeadm: `MemCheck`.
pub struct Mem;

const NAME: &str = "Mem";
const NEEDED_MIB: u64 = 1700;

impl Check for Mem {
    fn name(&self) -> String {
        NAME.into()
    }

    fn about(&self) -> &'static str {
        "at least 1700 MiB of memory"
    }

    fn run<'a>(&'a self, node: &'a Node) -> Findings<'a> {
        let mib = probe::memory_mib(node);
        at_once((mib < NEEDED_MIB).then(|| {
            Finding::error(NAME, format!("the machine has {mib} MiB of memory"))
                .expected(format!("at least {NEEDED_MIB} MiB for a control plane"))
                .remedy("give the machine more memory")
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Machine;

    #[tokio::test]
    async fn the_limit_is_inclusive() {
        assert_eq!(Machine::new().ambient(|a| a.memory = 1700 << 20).run(&Mem).await, []);
        let finding = Machine::new().ambient(|a| a.memory = (1700 << 20) - 1).one(&Mem).await;
        assert_eq!(finding.seen, "the machine has 1699 MiB of memory");
    }
}
