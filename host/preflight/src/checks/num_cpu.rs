//! `NumCPU`: a control plane needs two processors.

use kubephase_node::{Node, probe};

use crate::check::{Check, Finding, Findings, at_once};

/// The check. kubeadm: `NumCPUCheck`.
pub struct NumCpu;

const NAME: &str = "NumCPU";
const NEEDED: usize = 2;

impl Check for NumCpu {
    fn name(&self) -> String {
        NAME.into()
    }

    fn about(&self) -> &'static str {
        "at least 2 CPUs"
    }

    fn run<'a>(&'a self, node: &'a Node) -> Findings<'a> {
        let cpus = probe::cpus(node);
        at_once((cpus < NEEDED).then(|| {
            Finding::error(NAME, format!("{cpus} CPU is usable"))
                .expected(format!("at least {NEEDED} for a control plane"))
                .remedy("give the machine more CPUs, or widen this process's CPU affinity (taskset, cpuset)")
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Machine;

    #[tokio::test]
    async fn two_are_enough() {
        assert_eq!(Machine::new().run(&NumCpu).await, []);
        let finding = Machine::new().ambient(|a| a.cpus = 1).one(&NumCpu).await;
        assert_eq!(finding.to_string(), "1 CPU is usable; expected: at least 2 for a control plane");
    }
}
