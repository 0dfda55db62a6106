//! The IOMMU, without which vfio-pci hands no device to a program or a virtual machine.

use kubephase_sdk::facts::PciDevice;
use kubephase_sdk::prelude::*;

use crate::settings::{Iommu, Settings};

const LINK: &str = "https://docs.kernel.org/driver-api/vfio.html";

/// What is asked for, and why.
#[derive(Debug, PartialEq, Eq)]
pub struct Wish {
    passthrough: bool,
    why: String,
}

/// What the settings ask for, if anything: by themselves, or because devices are to go to vfio-pci.
pub fn wish(settings: &Settings) -> Option<Wish> {
    let goes_to_vfio = |driver: &Option<String>| driver.as_deref() == Some("vfio-pci");
    let for_vfio =
        settings.devices.iter().find(|one| goes_to_vfio(&one.driver) || goes_to_vfio(&one.virtual_function_driver));
    let why = for_vfio.map(|device| format!(", as vfio-pci is to have {}", device.name)).unwrap_or_default();
    match settings.iommu {
        Iommu::Any if for_vfio.is_none() => None,
        Iommu::Any | Iommu::Enabled => Some(Wish { passthrough: false, why }),
        Iommu::Passthrough => Some(Wish { passthrough: true, why }),
    }
}

/// Judges: it works if devices are in groups.
pub fn judge(
    wish: &Wish,
    devices: &Result<Vec<PciDevice>, Failure>,
    parameters: impl FnOnce() -> Result<Vec<String>, Failure>,
) -> Option<Finding> {
    let is_on = match devices {
        Ok(devices) => devices.iter().any(|device| device.iommu_group.is_some()),
        Err(failure) => return Some(Finding::cannot_tell("Iommu", "whether the IOMMU is on", failure)),
    };
    if is_on && !wish.passthrough {
        return None;
    }
    let parameters = match parameters() {
        Ok(parameters) => parameters,
        // That it is off is known.
        Err(_) if !is_on => Vec::new(),
        Err(failure) => {
            return Some(Finding::cannot_tell("Iommu", "whether the IOMMU is in passthrough mode", &failure));
        }
    };
    let says = |known: &[&str]| parameters.iter().any(|parameter| known.contains(&&**parameter));
    let (seen, remedy) = if is_on {
        if says(&["iommu=pt", "iommu.passthrough=1"]) {
            return None;
        }
        ("the IOMMU translates for the host's own drivers too", "start the kernel with iommu=pt")
    } else if says(&["intel_iommu=on", "amd_iommu=on", "iommu=pt", "iommu=force"]) {
        let remedy = "switch VT-d, AMD-Vi or SMMU on in the firmware; in a virtual machine, ask its host for one";
        ("the IOMMU is off, though the kernel was asked to use it", remedy)
    } else {
        let remedy = "switch VT-d, AMD-Vi or SMMU on in the firmware, and start the kernel with iommu=pt and, on Intel, \
                      intel_iommu=on";
        ("the IOMMU is off: no PCI device is in a group", remedy)
    };
    let mode = if wish.passthrough { "in passthrough mode" } else { "on" };
    let finding = Finding::error("Iommu", seen).expected(format!("the IOMMU, {mode}{}", wish.why));
    Some(finding.remedy(remedy).link(LINK))
}

#[cfg(test)]
mod tests {
    use kubephase_sdk::serde_json;

    use super::*;
    use crate::testing::{nic, told, words};

    #[test]
    fn vfio_asks_for_it() {
        let settings: Settings =
            serde_json::from_value(json!({"devices": [{"name": "n6", "vendor": "8086", "driver": "vfio-pci"}]}))
                .expect("settings");
        assert_eq!(wish(&settings).expect("a wish").why, ", as vfio-pci is to have n6");
        assert_eq!(wish(&Settings::default()), None);
    }

    #[test]
    fn groups_say_whether_it_works() {
        let on = || Ok(vec![nic("0000:3b:00.0", None)]);
        let off = || Ok(vec![PciDevice { iommu_group: None, ..nic("0000:3b:00.0", None) }]);
        let judged = |passthrough, devices: &Result<Vec<PciDevice>, Failure>, line: &str| {
            told(judge(&Wish { passthrough, why: String::new() }, devices, || Ok(words(line)))).join("")
        };
        assert_eq!(judged(false, &on(), ""), "");
        assert_eq!(judged(true, &on(), "iommu=pt"), "");
        assert_eq!(judged(true, &on(), ""), "error Iommu: the IOMMU translates for the host's own drivers too");
        assert!(judged(false, &off(), "").contains("no PCI device is in a group"));
        assert!(judged(true, &off(), "intel_iommu=on").contains("though the kernel was asked"));
        let denied = || Err(Failure::new("denied", "no"));
        let wish = Wish { passthrough: false, why: String::new() };
        assert!(judge(&wish, &off(), denied).expect("a finding").message.starts_with("the IOMMU is off"));
    }
}
