//! Block devices and partitions, from `/sys/class/block`.

use std::path::Path;

use kubephase_model::plugin::facts::BlockDevice;

use super::{file_name, names, number, real, text};
use crate::Node;

pub(super) const BLOCK: &str = "/sys/class/block";

/// Sizes are told in sectors of this many bytes, whatever the device's own are.
const SECTOR: u64 = 512;

/// All but loop devices that nothing is attached to.
pub(super) fn devices(node: &Node) -> Vec<BlockDevice> {
    let all = names(node, BLOCK).into_iter().filter_map(|name| device(node, name));
    all.filter(|device| device.transport != "loop" || device.size > 0).collect()
}

fn device(node: &Node, name: String) -> Option<BlockDevice> {
    let place = real(node, &format!("{BLOCK}/{name}"))?;
    let is_partition = place.join("partition").exists();
    let parent = is_partition.then(|| place.parent().map(file_name).unwrap_or_default().to_owned());
    // A partition has neither a queue nor a model of its own.
    let whole = parent.as_deref().unwrap_or(&name);
    let model = text(node, &format!("{BLOCK}/{whole}/device/model"));
    Some(BlockDevice {
        size: number::<u64>(node, &format!("{BLOCK}/{name}/size"))?.saturating_mul(SECTOR),
        rotational: text(node, &format!("{BLOCK}/{whole}/queue/rotational")) == "1",
        transport: transport(whole, &place).to_owned(),
        model: model.split_ascii_whitespace().collect::<Vec<_>>().join(" "),
        parent,
        name,
        ..BlockDevice::default()
    })
}

/// How it is attached, by its name and by what it hangs on.
fn transport(name: &str, place: &Path) -> &'static str {
    let above = |prefix: &str| {
        let parts = place.components().filter_map(|part| part.as_os_str().to_str());
        // A name with a number: `ata1`, `session3`, `virtio0`.
        parts.filter_map(|part| part.strip_prefix(prefix)).any(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
    };
    match name {
        _ if name.starts_with("nvme") => "nvme",
        _ if name.starts_with("nbd") => "nbd",
        _ if name.starts_with("rbd") => "rbd",
        _ if name.starts_with("dm-") => "device-mapper",
        _ if name.starts_with("loop") => "loop",
        _ if above("session") => "iscsi",
        _ if above("ata") => "sata",
        // SCSI disks behind virtio hang on both.
        _ if above("virtio") => "virtio",
        _ if above("host") => "scsi",
        _ => "other",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_it_hangs_on_says_how_it_is_attached() {
        let of = |name: &str, place: &str| transport(name, Path::new(place));
        assert_eq!(of("sda", "/sys/devices/pci0000:00/0000:00:1f.2/ata1/host0/target0:0:0/0:0:0:0/block/sda"), "sata");
        assert_eq!(of("sdb", "/sys/devices/platform/host3/session1/target3:0:0/3:0:0:1/block/sdb"), "iscsi");
        assert_eq!(of("sdc", "/sys/devices/pci0000:00/0000:02:00.0/host1/target1:0:0/1:0:0:0/block/sdc"), "scsi");
        assert_eq!(of("vda", "/sys/devices/pci0000:00/0000:00:02.0/virtio1/block/vda"), "virtio");
        assert_eq!(of("nvme0n1", "/sys/devices/pci0000:00/0000:01:00.0/nvme/nvme0/nvme0n1"), "nvme");
        assert_eq!((of("dm-0", "/sys/devices/virtual/block/dm-0"), of("zram0", "/sys/x")), ("device-mapper", "other"));
    }
}
