//! Values for tests.

use kubephase_sdk::facts::{CpuFacts, HugepagePool, NumaNode, PciDevice};
use kubephase_sdk::prelude::*;

pub fn nic(address: &str, numa_node: Option<u32>) -> PciDevice {
    PciDevice {
        address: address.into(),
        vendor: 0x8086,
        device: 0x158b,
        class: 0x020000,
        driver: Some("i40e".into()),
        numa_node,
        iommu_group: Some(10),
        virtual_functions_total: 64,
        virtual_functions: 0,
        attributes: vec![],
    }
}

pub fn pool(size: u64, numa_node: Option<u32>, total: u64, free: u64) -> HugepagePool {
    HugepagePool { size, total, free, numa_node }
}

pub fn node(id: u32, cpus: impl IntoIterator<Item = u32>) -> NumaNode {
    NumaNode { id, cpus: cpus.into_iter().collect(), memory: 64 << 30, attributes: vec![] }
}

pub fn cpu(isolated: impl IntoIterator<Item = u32>) -> CpuFacts {
    CpuFacts {
        count: 16,
        model: String::new(),
        flags: vec![],
        isolated: isolated.into_iter().collect(),
        attributes: vec![],
    }
}

pub fn words(text: &str) -> Vec<String> {
    text.split_whitespace().map(String::from).collect()
}

/// What findings say, shortly: `Error Hugepages: 12 huge pages …`.
pub fn told(findings: impl IntoIterator<Item = Finding>) -> Vec<String> {
    let severity = |finding: &Finding| match finding.severity {
        Severity::Info => "info",
        Severity::Warning => "warning",
        Severity::Error => "error",
    };
    findings.into_iter().map(|finding| format!("{} {}: {}", severity(&finding), finding.id, finding.message)).collect()
}
