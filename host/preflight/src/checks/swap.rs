//! `Swap`: the kubelet refuses to start with swap on, unless `failSwapOn` is false.

use kubephase_node::{Node, probe};

use crate::check::{Check, Finding, Findings, Severity, at_once, chain};

/// The check. kubeadm: `SwapCheck`; an error up to 1.22, a warning since.
pub struct Swap {
    /// How bad swap is for the target release.
    pub severity: Severity,
    /// The kubelet's `failSwapOn`, where its configuration is at hand: somebody who turned it off knows.
    pub fail_swap_on: bool,
}

const NAME: &str = "Swap";

impl Check for Swap {
    fn name(&self) -> String {
        NAME.into()
    }

    fn about(&self) -> &'static str {
        "swap is off"
    }

    fn run<'a>(&'a self, node: &'a Node) -> Findings<'a> {
        at_once(match probe::swap(node) {
            Ok(devices) => self.judge(&devices),
            Err(error) => Some(
                Finding::warning(NAME, format!("cannot tell whether swap is on: {}", chain(&error)))
                    .remedy("make /proc/swaps readable"),
            ),
        })
    }
}

impl Swap {
    fn judge(&self, devices: &[String]) -> Option<Finding> {
        if devices.is_empty() {
            return None;
        }
        let severity = if self.fail_swap_on { self.severity } else { Severity::Warning };
        let finding = Finding::new(NAME, severity, format!("swap is on ({})", devices.join(", "))).expected("swap off");
        Some(finding.remedy(if self.fail_swap_on {
            "run `swapoff -a` and take swap out of /etc/fstab, or set `failSwapOn: false` in KubeletConfiguration: the \
             kubelet will not start otherwise"
        } else {
            "the kubelet starts nevertheless, since failSwapOn is false; pods use swap only as memorySwap.swapBehavior says"
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Machine;

    const SWAPS: &str = "/proc/swaps";
    const HEADER: &str = "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n";

    fn check() -> Swap {
        Swap { severity: Severity::Error, fail_swap_on: true }
    }

    #[tokio::test]
    async fn off_or_unknown_to_the_kernel() {
        assert_eq!(Machine::new().run(&check()).await, []);
        assert_eq!(Machine::new().file(SWAPS, HEADER).run(&check()).await, []);
    }

    #[tokio::test]
    async fn on() {
        let on = format!("{HEADER}/dev/sda2                               partition\t8388604\t\t0\t\t-2\n");
        let machine = Machine::new().file(SWAPS, &on);
        let finding = machine.one(&check()).await;
        assert_eq!((finding.severity, finding.seen.as_str()), (Severity::Error, "swap is on (/dev/sda2)"));
        let finding = machine.one(&Swap { fail_swap_on: false, ..check() }).await;
        assert_eq!(finding.severity, Severity::Warning);
    }

    #[tokio::test]
    async fn cannot_tell() {
        let finding = Machine::new().dir(SWAPS).one(&check()).await;
        assert!(finding.seen.starts_with("cannot tell whether swap is on: "), "{}", finding.seen);
    }
}
