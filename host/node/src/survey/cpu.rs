//! Processors.

use kubephase_model::plugin::facts::CpuFacts;

use super::{beginning, numbers, text};
use crate::Node;

/// The first processor and its flags are within this.
const FIRST: u64 = 16 << 10;

pub(super) fn cpu(node: &Node) -> CpuFacts {
    let table = beginning(node, "/proc/cpuinfo", FIRST);
    // Which names there are differs between architectures.
    let value = |names: &[&str]| {
        let mut lines = table.lines().filter_map(|line| line.split_once(':'));
        lines.find(|(name, _)| names.contains(&name.trim())).map(|(_, value)| value.trim()).unwrap_or_default()
    };
    let online = numbers(&text(node, "/sys/devices/system/cpu/online")).len();
    let count = if online == 0 { node.machine().cpus() } else { online };
    let mut flags: Vec<String> =
        value(&["flags", "Features", "features"]).split_ascii_whitespace().map(str::to_owned).collect();
    flags.sort();
    CpuFacts {
        count: u32::try_from(count).unwrap_or(u32::MAX),
        model: value(&["model name", "Model", "cpu", "cpu model", "uarch", "Model Name"]).to_owned(),
        flags,
        isolated: numbers(&text(node, "/sys/devices/system/cpu/isolated")),
        ..CpuFacts::default()
    }
}
