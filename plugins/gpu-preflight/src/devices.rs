//! Which GPUs there are, by PCI vendor and class.

use kubephase_sdk::facts::PciDevice;
use kubephase_sdk::prelude::*;

const LINK: &str = "https://docs.nvidia.com/datacenter/cloud-native/gpu-operator/latest/platform-support.html";

/// Who makes a GPU.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Vendor {
    /// NVIDIA.
    Nvidia,
    /// AMD.
    Amd,
}

impl Vendor {
    /// Name of the check of its driver.
    pub fn driver_check(self) -> &'static str {
        match self {
            Self::Nvidia => "NvidiaDriver",
            Self::Amd => "AmdDriver",
        }
    }

    /// Whose GPU a device is. Class 0x03 are display controllers, those without a display included; 0x12 are processing
    /// accelerators, as AMD's larger Instincts call themselves. NVIDIA's sound, USB and switch functions are neither.
    fn of(device: &PciDevice) -> Option<Self> {
        match (device.vendor, device.class >> 16) {
            (0x10de, 0x03) => Some(Self::Nvidia),
            (0x1002, 0x03 | 0x12) => Some(Self::Amd),
            _ => None,
        }
    }
}

/// The GPUs of the machine that we look at.
pub struct Gpus<'a>(Vec<(Vendor, &'a PciDevice)>);

impl<'a> Gpus<'a> {
    /// Finds them. Virtual functions belong to their card.
    pub fn find(devices: &'a [PciDevice], vendors: &[Vendor]) -> Self {
        let whole =
            devices.iter().filter(|device| !device.attributes.iter().any(|(name, _)| name == "physical-function"));
        let gpus = whole.filter_map(|device| Some((Vendor::of(device)?, device)));
        Self(gpus.filter(|(vendor, _)| vendors.contains(vendor)).collect())
    }

    /// Whether there are enough.
    pub fn judge(&self, at_least: usize) -> Vec<Finding> {
        let count = self.0.len();
        if count >= at_least {
            return Vec::new();
        }
        let seen = match count {
            0 => "no GPU was found".to_owned(),
            1 => "one GPU was found".to_owned(),
            _ => format!("{count} GPUs were found"),
        };
        let finding = Finding::error("Devices", seen).expected(format!("at least {at_least}")).link(LINK);
        vec![finding.remedy("see `lspci -nn`, the firmware's settings (above 4G decoding) and the cards' power")]
    }

    /// Those of one vendor that containers are to have. A card that was given to vfio-pci is for virtual machines.
    pub fn for_containers(&self, wanted: Vendor) -> Vec<&'a PciDevice> {
        let of_vendor = self.0.iter().filter(|(vendor, _)| *vendor == wanted).map(|(_, device)| *device);
        of_vendor.filter(|device| device.driver.as_deref() != Some("vfio-pci")).collect()
    }

    /// Those that were given to vfio-pci.
    pub fn for_machines(&self) -> Vec<&'a PciDevice> {
        self.all().filter(|device| device.driver.as_deref() == Some("vfio-pci")).collect()
    }

    /// All.
    pub fn all(&self) -> impl Iterator<Item = &'a PciDevice> {
        self.0.iter().map(|(_, device)| *device)
    }
}

/// Says which ones: `GPU 0000:01:00.0`, `GPUs 0000:01:00.0, 0000:02:00.0`, at most four by name.
pub fn named(devices: &[&PciDevice]) -> String {
    let plural = if devices.len() == 1 { "GPU" } else { "GPUs" };
    let mut names: Vec<&str> = devices.iter().take(4).map(|device| device.address.as_str()).collect();
    if devices.len() > 4 {
        names.push("…");
    }
    format!("{plural} {}", names.join(", "))
}

/// A GPU that its vendor's driver does not drive, though it is loaded.
pub fn not_driven(vendor: Vendor, driver: &str, devices: &[&PciDevice]) -> Vec<Finding> {
    let other = devices.iter().filter(|device| device.driver.as_deref() != Some(driver));
    let finding = |device: &&PciDevice| {
        let seen = match &device.driver {
            Some(other) => format!("GPU {} is driven by {other}", device.address),
            None => format!("GPU {} has no driver, though the module {driver} is loaded", device.address),
        };
        let remedy = match vendor {
            Vendor::Nvidia => {
                "see `dmesg | grep NVRM`: older GPUs need an older branch of the driver, some newer ones the open module"
            }
            Vendor::Amd => "see `dmesg | grep amdgpu`, and whether AMD's driver supports the card",
        };
        Finding::error("DeviceDriver", seen).expected(format!("the driver {driver}")).remedy(remedy)
    };
    other.map(finding).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{device, with_driver};

    #[test]
    fn gpus_are_found_by_vendor_and_class() {
        let mut function = device("0000:41:00.4", 0x10de, 0x030200);
        function.attributes.push(("physical-function".into(), "0000:41:00.0".into()));
        let devices = [
            device("0000:00:02.0", 0x8086, 0x030000),
            device("0000:41:00.0", 0x10de, 0x030200),
            device("0000:41:00.1", 0x10de, 0x040300),
            function,
            device("0000:85:00.0", 0x1002, 0x120000),
            with_driver(device("0000:86:00.0", 0x1002, 0x038000), "vfio-pci"),
            device("0000:90:00.0", 0x10de, 0x068000),
        ];
        let gpus = Gpus::find(&devices, &[Vendor::Nvidia, Vendor::Amd]);
        let addresses: Vec<_> = gpus.all().map(|device| device.address.as_str()).collect();
        assert_eq!(addresses, ["0000:41:00.0", "0000:85:00.0", "0000:86:00.0"]);
        assert_eq!(named(&gpus.for_containers(Vendor::Amd)), "GPU 0000:85:00.0");
        assert_eq!(named(&gpus.for_machines()), "GPU 0000:86:00.0");
        assert_eq!(Gpus::find(&devices, &[Vendor::Amd]).all().count(), 2);
        assert_eq!(gpus.judge(3), []);
        assert_eq!(gpus.judge(4)[0].message, "3 GPUs were found");
        let many: Vec<_> = std::iter::repeat_n(&devices[0], 5).collect();
        assert!(named(&many).ends_with(", …"));
    }
}
