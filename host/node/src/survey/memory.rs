//! Memory: all of it, in huge pages, and by NUMA node.

use kubephase_model::plugin::facts::{HugepagePool, MemoryFacts, NumaNode};

use super::{names, number, numbers, text};
use crate::Node;

const NODES: &str = "/sys/devices/system/node";

/// From `/proc/meminfo`.
pub(super) fn memory(node: &Node) -> MemoryFacts {
    let table = text(node, "/proc/meminfo");
    let total = amount(&table, "MemTotal:").unwrap_or_else(|| node.machine().memory());
    MemoryFacts {
        total,
        available: amount(&table, "MemAvailable:").unwrap_or_default(),
        swap: amount(&table, "SwapTotal:").unwrap_or_default(),
        ..MemoryFacts::default()
    }
}

/// The number after a name; the kernel writes `kB` and means KiB.
fn amount(table: &str, name: &str) -> Option<u64> {
    let rest = table.lines().find_map(|line| line.split_once(name))?.1;
    rest.split_ascii_whitespace().next()?.parse::<u64>().ok()?.checked_mul(1024)
}

/// The sums first, by size.
pub(super) fn hugepages(node: &Node) -> Vec<HugepagePool> {
    let mut all = pools(node, "/sys/kernel/mm/hugepages", None);
    for id in ids(node) {
        all.extend(pools(node, &format!("{NODES}/node{id}/hugepages"), Some(id)));
    }
    all
}

fn pools(node: &Node, directory: &str, numa_node: Option<u32>) -> Vec<HugepagePool> {
    let pool = |name: String| {
        let size = name.strip_prefix("hugepages-")?.strip_suffix("kB")?.parse::<u64>().ok()?.checked_mul(1024)?;
        let count = |what: &str| number(node, &format!("{directory}/{name}/{what}")).unwrap_or_default();
        Some(HugepagePool { size, total: count("nr_hugepages"), free: count("free_hugepages"), numa_node })
    };
    let mut pools: Vec<HugepagePool> = names(node, directory).into_iter().filter_map(pool).collect();
    pools.sort_by_key(|pool| pool.size);
    pools
}

pub(super) fn numa(node: &Node) -> Vec<NumaNode> {
    let one = |id| NumaNode {
        id,
        cpus: numbers(&text(node, &format!("{NODES}/node{id}/cpulist"))),
        memory: amount(&text(node, &format!("{NODES}/node{id}/meminfo")), "MemTotal:").unwrap_or_default(),
        ..NumaNode::default()
    };
    ids(node).into_iter().map(one).collect()
}

fn ids(node: &Node) -> Vec<u32> {
    let mut ids: Vec<u32> =
        names(node, NODES).iter().filter_map(|name| name.strip_prefix("node")?.parse().ok()).collect();
    ids.sort_unstable();
    ids
}
