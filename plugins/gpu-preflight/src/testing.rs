//! Values for tests.

use kubephase_sdk::facts::PciDevice;
use kubephase_sdk::prelude::*;

pub fn device(address: &str, vendor: u16, class: u32) -> PciDevice {
    PciDevice {
        address: address.into(),
        vendor,
        device: 0x2330,
        class,
        driver: None,
        numa_node: None,
        iommu_group: None,
        virtual_functions_total: 0,
        virtual_functions: 0,
        attributes: vec![],
    }
}

pub fn with_driver(device: PciDevice, driver: &str) -> PciDevice {
    PciDevice { driver: Some(driver.into()), ..device }
}

pub fn failure(code: &str) -> Failure {
    Failure { code: code.into(), message: "no answer".into(), remedy: None, attributes: vec![] }
}

/// What findings say, shortly: `error NvidiaDriver`.
pub fn ids(findings: &[Finding]) -> Vec<String> {
    let severity = |finding: &Finding| match finding.severity {
        Severity::Info => "info",
        Severity::Warning => "warning",
        Severity::Error => "error",
    };
    findings.iter().map(|finding| format!("{} {}", severity(finding), finding.id)).collect()
}
