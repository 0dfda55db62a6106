//! The IOMMU: needed where a GPU goes to a virtual machine; in the way of transfers from GPU to GPU where it translates.

use kubephase_sdk::facts::PciDevice;
use kubephase_sdk::prelude::*;

use crate::devices::{Gpus, named};
use crate::settings::{Iommu, Settings};

/// Files that are looked at.
pub const FILES: [&str; 1] = ["/sys/kernel/iommu_groups/*/type"];

const LINK: &str = "https://docs.kernel.org/admin-guide/kernel-parameters.html";

/// What is asked for, and why.
#[derive(Debug, PartialEq, Eq)]
pub struct Wish {
    how: Iommu,
    why: String,
}

/// What was seen of it.
#[derive(Debug, PartialEq, Eq)]
pub enum Seen {
    /// No device has a group; whether the kernel was told to switch it on.
    Off {
        /// A parameter that asks for it.
        asked_for: Option<String>,
    },
    /// It translates.
    Translating,
    /// Devices of the host reach memory directly.
    Passthrough,
}

/// What the settings and the devices ask for, if anything.
pub fn wish(settings: &Settings, gpus: &Gpus<'_>) -> Option<Wish> {
    let for_machines = gpus.for_machines();
    match settings.iommu {
        _ if gpus.all().next().is_none() => None,
        Iommu::Any if for_machines.is_empty() => None,
        Iommu::Any => Some(Wish { how: Iommu::Enabled, why: format!(", as vfio-pci has {}", named(&for_machines)) }),
        how => Some(Wish { how, why: String::new() }),
    }
}

/// Asks. Groups say whether it works; their type, or else the kernel's parameters, how.
pub fn look(devices: &[PciDevice], gpus: &Gpus<'_>) -> Result<Seen, Failure> {
    if devices.iter().all(|device| device.iommu_group.is_none()) {
        let parameters = facts::command_line()?;
        return Ok(Seen::Off { asked_for: parameters.into_iter().find(|parameter| asks_for(parameter)) });
    }
    // What drives a card in a virtual machine translates always, so it says nothing about the host.
    let of_host = gpus.all().find(|gpu| gpu.driver.as_deref() != Some("vfio-pci"));
    let group = of_host.and_then(|gpu| gpu.iommu_group);
    let kind = group.and_then(|group| files::read_text(&format!("/sys/kernel/iommu_groups/{group}/type")).ok());
    let passthrough = match kind {
        Some(kind) => kind.trim() == "identity",
        None => passes_through(&facts::command_line()?),
    };
    Ok(if passthrough { Seen::Passthrough } else { Seen::Translating })
}

fn asks_for(parameter: &str) -> bool {
    ["intel_iommu=on", "amd_iommu=on", "iommu=pt", "iommu=force", "iommu.passthrough=1"]
        .iter()
        .any(|known| parameter.strip_prefix(known).is_some_and(|rest| rest.is_empty() || rest.starts_with(',')))
}

/// Whether the kernel's parameters say so; the last one counts.
fn passes_through(parameters: &[String]) -> bool {
    let mut says = parameters.iter().filter_map(|parameter| match &**parameter {
        "iommu=pt" | "iommu.passthrough=1" => Some(true),
        "iommu=nopt" | "iommu.passthrough=0" => Some(false),
        _ => None,
    });
    says.next_back().unwrap_or(false)
}

/// Judges.
pub fn judge(wish: Wish, seen: &Result<Seen, Failure>) -> Option<Finding> {
    let seen = match seen {
        Ok(seen) => seen,
        Err(failure) => return Some(Finding::cannot_tell("Iommu", "whether the IOMMU is on", failure)),
    };
    let (message, remedy) = match (wish.how, seen) {
        (Iommu::Any, _)
        | (Iommu::Enabled, Seen::Translating | Seen::Passthrough)
        | (Iommu::Passthrough, Seen::Passthrough)
        | (Iommu::Disabled, Seen::Off { .. }) => return None,
        (_, Seen::Off { asked_for: Some(parameter) }) => (
            format!("the IOMMU is off, though the kernel was started with {parameter}"),
            "switch VT-d, AMD-Vi or SMMU on in the firmware; in a virtual machine, ask its host for one",
        ),
        (_, Seen::Off { asked_for: None }) => (
            "the IOMMU is off: no PCI device is in a group".to_owned(),
            "switch VT-d, AMD-Vi or SMMU on in the firmware, and start the kernel with intel_iommu=on on Intel",
        ),
        (Iommu::Disabled, Seen::Translating | Seen::Passthrough) => (
            "the IOMMU is on".to_owned(),
            "start the kernel with intel_iommu=off or amd_iommu=off, or ask for `iommu: passthrough`",
        ),
        (Iommu::Passthrough, Seen::Translating) => (
            "the IOMMU translates what GPUs read and write, which slows transfers between them".to_owned(),
            "start the kernel with iommu=pt",
        ),
    };
    let expected = match wish.how {
        Iommu::Disabled => "the IOMMU, off".to_owned(),
        Iommu::Passthrough => "the IOMMU in passthrough mode".to_owned(),
        Iommu::Enabled | Iommu::Any => format!("the IOMMU, on{}", wish.why),
    };
    Some(Finding::error("Iommu", message).expected(expected).remedy(remedy).link(LINK))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::devices::Vendor;
    use crate::testing::{device, with_driver};

    #[test]
    fn parameters_are_understood() {
        assert!(asks_for("intel_iommu=on") && asks_for("intel_iommu=on,sm_on") && !asks_for("intel_iommu=only"));
        let parameters = |list: &[&str]| list.iter().map(|one| (*one).to_owned()).collect::<Vec<_>>();
        assert!(passes_through(&parameters(&["ro", "iommu=pt"])));
        assert!(!passes_through(&parameters(&["iommu=pt", "iommu.passthrough=0"])), "the last one counts");
        assert!(!passes_through(&parameters(&["intel_iommu=on"])));
    }

    #[test]
    fn cards_for_machines_ask_for_it_by_themselves() {
        let devices = [with_driver(device("0000:01:00.0", 0x10de, 0x030200), "vfio-pci")];
        let gpus = Gpus::find(&devices, &[Vendor::Nvidia]);
        let wish = wish(&Settings::default(), &gpus).expect("a wish");
        let finding = judge(wish, &Ok(Seen::Off { asked_for: None })).expect("a finding");
        assert_eq!(finding.expected.as_deref(), Some("the IOMMU, on, as vfio-pci has GPU 0000:01:00.0"));
        let other = [device("0000:01:00.0", 0x10de, 0x030200)];
        assert_eq!(super::wish(&Settings::default(), &Gpus::find(&other, &[Vendor::Nvidia])), None);
        let none = Settings { iommu: Iommu::Enabled, ..Settings::default() };
        assert_eq!(super::wish(&none, &Gpus::find(&[], &[Vendor::Nvidia])), None, "without GPUs nobody cares");
    }

    #[test]
    fn every_wish_meets_every_state() {
        let judged =
            |how, seen: Seen| judge(Wish { how, why: String::new() }, &Ok(seen)).map(|finding| finding.message);
        let off = || Seen::Off { asked_for: None };
        assert_eq!(judged(Iommu::Disabled, off()), None);
        assert_eq!(judged(Iommu::Enabled, Seen::Passthrough), None);
        assert_eq!(judged(Iommu::Passthrough, Seen::Passthrough), None);
        assert!(judged(Iommu::Passthrough, Seen::Translating).expect("slow").contains("translates"));
        assert_eq!(judged(Iommu::Disabled, Seen::Passthrough).as_deref(), Some("the IOMMU is on"));
        assert!(judged(Iommu::Passthrough, off()).expect("off").starts_with("the IOMMU is off"));
        let asked_for = Some("intel_iommu=on".to_owned());
        assert!(judged(Iommu::Enabled, Seen::Off { asked_for }).expect("off").ends_with("started with intel_iommu=on"));
    }
}
