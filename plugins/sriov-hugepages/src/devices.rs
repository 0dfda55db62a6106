//! Devices: that they are there, near to which processors, with which driver and virtual functions.

use kubephase_sdk::facts::{self, PciDevice};
use kubephase_sdk::prelude::*;

use crate::settings::Device;

const LINK: &str = "https://docs.kernel.org/PCI/pci-iov-howto.html";

/// Judges.
pub fn judge(wanted: &[Device], devices: &Result<Vec<PciDevice>, Failure>) -> Vec<Finding> {
    match devices {
        Ok(devices) => wanted.iter().flat_map(|wanted| group(wanted, devices)).collect(),
        Err(failure) => vec![Finding::cannot_tell("Device", "which PCI devices there are", failure)],
    }
}

/// Those that are meant. Virtual functions are not, they belong to their device.
pub fn meant<'a>(wanted: &Device, devices: &'a [PciDevice]) -> Vec<&'a PciDevice> {
    let is_meant = |device: &&PciDevice| {
        physical_function(device).is_none()
            && wanted.vendor.is_none_or(|id| id.0 == device.vendor)
            && wanted.device.is_none_or(|id| id.0 == device.device)
            && wanted.address.as_ref().is_none_or(|address| *address == device.address)
            && wanted
                .interface
                .as_deref()
                .is_none_or(|name| facts::attribute(&device.attributes, "network") == Some(name))
    };
    devices.iter().filter(is_meant).collect()
}

fn physical_function(device: &PciDevice) -> Option<&str> {
    facts::attribute(&device.attributes, "physical-function")
}

fn group(wanted: &Device, devices: &[PciDevice]) -> Vec<Finding> {
    let meant = meant(wanted, devices);
    let mut findings = Vec::new();
    if meant.len() < wanted.count {
        let seen = match meant[..] {
            [] => format!("no device is there for {}", wanted.name),
            [one] => format!("one device is there for {}: {}", wanted.name, one.address),
            _ => format!("{} devices are there for {}", meant.len(), wanted.name),
        };
        let finding = Finding::error("Device", seen).expected(format!("at least {}", wanted.count));
        findings.push(finding.remedy("see `lspci -nn`, and whether a driver gives the interface its name").link(LINK));
    }
    for device in meant {
        findings.extend(one(wanted, device, devices));
    }
    findings
}

fn one(wanted: &Device, device: &PciDevice, devices: &[PciDevice]) -> Vec<Finding> {
    let it = format!("{} ({})", device.address, wanted.name);
    let mut findings = Vec::new();
    if let Some(node) = wanted.numa_node
        && device.numa_node != Some(node)
    {
        let seen = match device.numa_node {
            Some(other) => format!("{it} is on NUMA node {other}"),
            None => format!("the firmware does not say on which NUMA node {it} is"),
        };
        let finding = Finding::error("DeviceNuma", seen).expected(format!("NUMA node {node}"));
        findings.push(finding.remedy("put the card into a slot of that processor, or correct `numaNode`").link(LINK));
    }
    if let Some(driver) = &wanted.driver
        && device.driver.as_ref() != Some(driver)
    {
        let seen = match &device.driver {
            Some(other) => format!("{it} is driven by {other}"),
            None => format!("{it} has no driver"),
        };
        let remedy = format!("`modprobe {driver}`, then `driverctl set-override {} {driver}`", device.address);
        findings.push(Finding::error("DeviceDriver", seen).expected(format!("the driver {driver}")).remedy(remedy));
    }
    let total = wanted.virtual_functions_total.max(wanted.virtual_functions);
    if device.virtual_functions_total < total {
        let seen = match device.virtual_functions_total {
            0 => format!("{it} can have no virtual functions"),
            less => format!("{it} can have {less} virtual functions"),
        };
        let finding = Finding::error("SriovCapability", seen).expected(format!("at least {total}"));
        let remedy = "switch SR-IOV on in the firmware and in the card's own settings, such as `mlxconfig` or the NIC's \
                      setup at boot";
        findings.push(finding.remedy(remedy).link(LINK));
    } else if device.virtual_functions < wanted.virtual_functions {
        let seen = format!("{it} has {} virtual functions", device.virtual_functions);
        let finding =
            Finding::error("VirtualFunctions", seen).expected(format!("at least {}", wanted.virtual_functions));
        let remedy = format!(
            "write {} to /sys/bus/pci/devices/{}/sriov_numvfs at each boot; if an operator in the cluster does, set \
             `virtualFunctionsTotal` instead",
            wanted.virtual_functions, device.address
        );
        findings.push(finding.remedy(remedy).link(LINK));
    }
    findings.extend(functions(wanted, device, &it, devices));
    findings
}

/// Judges the drivers of virtual functions.
fn functions(wanted: &Device, device: &PciDevice, it: &str, devices: &[PciDevice]) -> Option<Finding> {
    let driver = wanted.virtual_function_driver.as_ref()?;
    let functions: Vec<&PciDevice> =
        devices.iter().filter(|function| physical_function(function) == Some(&device.address)).collect();
    let right = functions.iter().filter(|function| function.driver.as_ref() == Some(driver)).count();
    // Those beyond the wanted number may be for other uses.
    let needed = if wanted.virtual_functions == 0 { functions.len() } else { wanted.virtual_functions as usize };
    let needed = needed.min(functions.len());
    if right >= needed {
        return None;
    }
    let seen = format!("of {} virtual functions of {it} {right} are driven by {driver}", functions.len());
    let finding = Finding::error("VirtualFunctionDriver", seen).expected(format!("at least {needed}"));
    Some(finding.remedy(format!("`modprobe {driver}`, then bind them to it, such as by `driverctl`")).link(LINK))
}

#[cfg(test)]
mod tests {
    use kubephase_sdk::serde_json;

    use super::*;
    use crate::testing::{nic, told};

    fn judged(wanted: Value, devices: Vec<PciDevice>) -> Vec<String> {
        let wanted: Device = serde_json::from_value(wanted).expect("a device");
        told(judge(&[wanted], &Ok(devices)))
    }

    fn function(address: &str, driver: &str) -> PciDevice {
        let attributes = vec![("physical-function".into(), "0000:3b:00.0".into())];
        PciDevice { driver: Some(driver.into()), attributes, ..nic(address, Some(0)) }
    }

    #[test]
    fn devices_are_found_by_what_is_named() {
        let mut named = nic("0000:3b:00.1", Some(0));
        named.attributes.push(("network".into(), "ens1f1".into()));
        let devices = || vec![nic("0000:3b:00.0", Some(0)), named.clone(), function("0000:3b:02.0", "iavf")];
        assert_eq!(judged(json!({"name": "n6", "vendor": "8086", "device": "158b", "count": 2}), devices()), [""; 0]);
        assert_eq!(judged(json!({"name": "n6", "interface": "ens1f1"}), devices()), [""; 0]);
        assert_eq!(
            judged(json!({"name": "n6", "vendor": "15b3"}), devices()),
            ["error Device: no device is there for n6"]
        );
        assert_eq!(
            judged(json!({"name": "n6", "address": "0000:3b:00.0", "count": 2}), devices()),
            ["error Device: one device is there for n6: 0000:3b:00.0"]
        );
    }

    #[test]
    fn what_a_device_must_be_is_checked() {
        let device = || PciDevice { virtual_functions: 4, ..nic("0000:3b:00.0", Some(1)) };
        let wanted = |more: Value| {
            let mut wanted = json!({"name": "n6", "vendor": "8086"});
            wanted.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
            wanted
        };
        let judged = |more, devices| judged(wanted(more), devices).join("; ");
        assert_eq!(judged(json!({"numaNode": 1, "driver": "i40e", "virtualFunctions": 4}), vec![device()]), "");
        let numa = judged(json!({"numaNode": 0}), vec![device()]);
        assert_eq!(numa, "error DeviceNuma: 0000:3b:00.0 (n6) is on NUMA node 1");
        let driver = judged(json!({"driver": "vfio-pci"}), vec![device()]);
        assert_eq!(driver, "error DeviceDriver: 0000:3b:00.0 (n6) is driven by i40e");
        let few = judged(json!({"virtualFunctions": 8}), vec![device()]);
        assert_eq!(few, "error VirtualFunctions: 0000:3b:00.0 (n6) has 4 virtual functions");
        let none = PciDevice { virtual_functions_total: 0, ..device() };
        let none = judged(json!({"virtualFunctions": 8}), vec![none]);
        assert_eq!(
            none, "error SriovCapability: 0000:3b:00.0 (n6) can have no virtual functions",
            "one cause, one finding"
        );
    }

    #[test]
    fn virtual_functions_may_have_several_uses() {
        let devices = || {
            let device = PciDevice { virtual_functions: 3, ..nic("0000:3b:00.0", Some(0)) };
            let vfio = |address| function(address, "vfio-pci");
            vec![device, vfio("0000:3b:02.0"), vfio("0000:3b:02.1"), function("0000:3b:02.2", "iavf")]
        };
        let wanted = |count: u32| json!({"name": "n6", "address": "0000:3b:00.0", "virtualFunctions": count, "virtualFunctionDriver": "vfio-pci"});
        assert_eq!(judged(wanted(2), devices()), [""; 0]);
        let wrong = "error VirtualFunctionDriver: of 3 virtual functions of 0000:3b:00.0 (n6) 2 are driven by vfio-pci";
        assert_eq!(judged(wanted(3), devices()), [wrong]);
        assert_eq!(judged(wanted(0), devices()), [wrong], "without a number all are meant");
    }
}
