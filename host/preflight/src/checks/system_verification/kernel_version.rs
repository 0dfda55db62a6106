//! The kernel's release number.

use kubephase_model::release::KernelVersions;

use super::NAME;
use crate::check::Finding;

pub fn judge(kernel: &str, rule: &KernelVersions) -> Option<Finding> {
    (!rule.accepts(kernel)).then(|| {
        Finding::new(NAME, rule.severity, format!("the kernel is {kernel}"))
            .expected(rule.wanted)
            .remedy("boot a kernel that this Kubernetes release is tested with: a long-term one")
    })
}
