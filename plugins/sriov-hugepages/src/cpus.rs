//! Isolated processors: those that the kernel's scheduler leaves alone.

use kubephase_sdk::facts::CpuFacts;
use kubephase_sdk::prelude::*;

use crate::set::Set;

const LINK: &str = "https://docs.kernel.org/admin-guide/kernel-parameters.html";

/// Judges.
pub fn judge(wanted: &Set, cpu: &Result<CpuFacts, Failure>) -> Vec<Finding> {
    let isolated: Set = match cpu {
        Ok(cpu) => cpu.isolated.iter().copied().collect(),
        Err(failure) => return vec![Finding::cannot_tell("IsolatedCpus", "which processors are isolated", failure)],
    };
    let (missing, others) = (wanted.without(&isolated), isolated.without(wanted));
    let mut findings = Vec::new();
    if !missing.is_empty() {
        let seen = if isolated.is_empty() {
            "no processors are isolated".to_owned()
        } else {
            format!("the processors {missing} are not isolated")
        };
        let finding = Finding::error("IsolatedCpus", seen).expected(format!("isolated processors {wanted}"));
        let remedy = format!("start the kernel with isolcpus=managed_irq,domain,{wanted}; `lscpu` shows which exist");
        findings.push(finding.remedy(remedy).link(LINK));
    }
    if !others.is_empty() {
        let seen = format!("the processors {others} are isolated too, so nothing runs on them by itself");
        let finding = Finding::warning("IsolatedCpus", seen).expected(format!("isolated processors {wanted}"));
        findings.push(finding.remedy("correct the kernel's parameter isolcpus, or `isolatedCpus` here").link(LINK));
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{cpu, told};

    #[test]
    fn too_few_and_too_many() {
        let wanted = Set::parse("2-7").expect("a set");
        let judged = |isolated: &[u32]| told(judge(&wanted, &Ok(cpu(isolated.iter().copied()))));
        assert_eq!(judged(&[2, 3, 4, 5, 6, 7]), [""; 0]);
        assert_eq!(judged(&[]), ["error IsolatedCpus: no processors are isolated"]);
        let both = judged(&[4, 5, 6, 7, 8]);
        assert_eq!(both[0], "error IsolatedCpus: the processors 2-3 are not isolated");
        assert!(both[1].starts_with("warning IsolatedCpus: the processors 8 are isolated too"));
    }
}
