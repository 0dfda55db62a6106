//! PCI devices, as sysfs tells them (Documentation/ABI/testing/sysfs-bus-pci of the kernel).

use kubephase_model::plugin::facts::{Attributes, PciDevice};

use super::{file_name, link_name, names, number, text};
use crate::Node;

const DEVICES: &str = "/sys/bus/pci/devices";

pub(super) fn pci(node: &Node) -> Vec<PciDevice> {
    names(node, DEVICES).into_iter().filter_map(|address| device(node, address)).collect()
}

/// `None` if it is going away.
fn device(node: &Node, address: String) -> Option<PciDevice> {
    let at = |what: &str| format!("{DEVICES}/{address}/{what}");
    let hex = |what: &str| u32::from_str_radix(text(node, &at(what)).trim_start_matches("0x"), 16).ok();
    let mut attributes = Attributes::new();
    if let Some(function) = link_name(node, &at("physfn")) {
        attributes.insert("physical-function".into(), function);
    }
    if let Some(interface) = names(node, &at("net")).into_iter().next() {
        attributes.insert("network".into(), interface);
    }
    Some(PciDevice {
        vendor: u16::try_from(hex("vendor")?).ok()?,
        device: u16::try_from(hex("device")?).ok()?,
        class: hex("class")?,
        driver: link_name(node, &at("driver")),
        // -1 says that there is none.
        numa_node: number(node, &at("numa_node")),
        iommu_group: link_name(node, &at("iommu_group")).and_then(|group| group.parse().ok()),
        virtual_functions_total: number(node, &at("sriov_totalvfs")).unwrap_or_default(),
        virtual_functions: number(node, &at("sriov_numvfs")).unwrap_or_default(),
        attributes,
        address,
    })
}

/// The address of the innermost PCI device on a path of sysfs.
pub(super) fn address_on(path: &std::path::Path) -> Option<String> {
    let is_address = |name: &str| {
        let digits = |text: &str, count| text.len() == count && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let Some((domain, rest)) = name.split_once(':') else { return false };
        let Some((bus, rest)) = rest.split_once(':') else { return false };
        let Some((device, function)) = rest.split_once('.') else { return false };
        domain.len() >= 4 && digits(domain, domain.len()) && digits(bus, 2) && digits(device, 2) && digits(function, 1)
    };
    path.ancestors().map(file_name).find(|name| is_address(name)).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_innermost_address_counts() {
        let on = |path: &str| address_on(std::path::Path::new(path));
        assert_eq!(on("/sys/devices/pci0000:00/0000:00:02.0/0000:01:00.1/net/eth0").as_deref(), Some("0000:01:00.1"));
        assert_eq!(on("/sys/devices/pci0000:00/0000:00:02.0/virtio1/block/vda").as_deref(), Some("0000:00:02.0"));
        assert_eq!(on("/sys/devices/virtual/net/lo"), None);
    }
}
