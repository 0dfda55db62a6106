//! What belongs together is together: devices have isolated processors and huge pages on their own NUMA node. Otherwise the
//! kubelet's topology manager turns pods away, or they run slowly across the machine.

use kubephase_sdk::facts::{CpuFacts, HugepagePool, NumaNode, PciDevice};
use kubephase_sdk::prelude::*;

use crate::devices::meant;
use crate::set::Set;
use crate::settings::{PageSize, Settings};

const ID: &str = "NumaAlignment";
const LINK: &str = "https://kubernetes.io/docs/tasks/administer-cluster/topology-manager/";

/// Judges. What is not set is not looked for. That devices cannot be told is said where they are counted.
pub fn judge(
    settings: &Settings,
    devices: Result<Vec<PciDevice>, Failure>,
    nodes: Result<Vec<NumaNode>, Failure>,
    cpu: impl FnOnce() -> Result<CpuFacts, Failure>,
    hugepages: impl FnOnce() -> Result<Vec<HugepagePool>, Failure>,
) -> Vec<Finding> {
    let Ok(devices) = devices else { return Vec::new() };
    let nodes = match nodes {
        Ok(nodes) => nodes,
        Err(failure) => return vec![Finding::cannot_tell(ID, "which NUMA nodes there are", &failure)],
    };
    if nodes.len() < 2 {
        // Everything is near to everything.
        return Vec::new();
    }
    let (by_node, mut findings) = places(settings, &devices);
    if !settings.isolated_cpus.is_empty()
        && let Ok(cpu) = cpu()
    {
        let isolated: Set = cpu.isolated.iter().copied().collect();
        let usable = isolated.and(&settings.isolated_cpus);
        findings.extend(by_node.iter().filter_map(|(id, devices)| without_cpus(*id, devices, &nodes, &usable)));
    }
    if !settings.hugepages.is_empty()
        && let Ok(pools) = hugepages()
    {
        let mut sizes: Vec<PageSize> = settings.hugepages.iter().map(|one| one.size).collect();
        sizes.sort_unstable();
        sizes.dedup();
        for (id, devices) in &by_node {
            findings.extend(sizes.iter().filter_map(|size| without_pages(*id, devices, &pools, *size)));
        }
    }
    findings
}

/// The devices that are meant, by their node, and findings about those of which nobody knows it.
fn places(settings: &Settings, devices: &[PciDevice]) -> (Vec<(u32, String)>, Vec<Finding>) {
    let (mut by_node, mut findings) = (Vec::<(u32, String)>::new(), Vec::new());
    for wanted in &settings.devices {
        for device in meant(wanted, devices) {
            let it = format!("{} ({})", device.address, wanted.name);
            match device.numa_node {
                Some(node) => match by_node.iter_mut().find(|(known, _)| *known == node) {
                    Some((_, names)) => *names = format!("{names}, {it}"),
                    None => by_node.push((node, it)),
                },
                // A node that was asked for has been missed already.
                None if wanted.numa_node.is_some() => {}
                None => {
                    let seen = format!("the firmware does not say on which NUMA node {it} is");
                    let finding = Finding::warning(ID, seen).expected("a NUMA node");
                    findings.push(finding.remedy("update the firmware, or see the mainboard's manual").link(LINK));
                }
            }
        }
    }
    by_node.sort_unstable();
    (by_node, findings)
}

fn without_cpus(id: u32, devices: &str, nodes: &[NumaNode], usable: &Set) -> Option<Finding> {
    let of_node: Set = nodes.iter().filter(|node| node.id == id).flat_map(|node| node.cpus.iter().copied()).collect();
    if !of_node.and(usable).is_empty() {
        return None;
    }
    let seen = format!("NUMA node {id} has no isolated processors for {devices}");
    let finding =
        Finding::error(ID, seen).expected(format!("some of its processors ({of_node}) among the isolated ones"));
    Some(finding.remedy("isolate processors of that node, or move the card to a slot of another").link(LINK))
}

fn without_pages(id: u32, devices: &str, pools: &[HugepagePool], size: PageSize) -> Option<Finding> {
    if pools.iter().any(|pool| pool.size == size.0 && pool.numa_node == Some(id) && pool.total > 0) {
        return None;
    }
    let seen = format!("NUMA node {id} has no huge pages of {size} for {devices}");
    let finding = Finding::error(ID, seen).expected(format!("huge pages of {size} there"));
    let remedy = format!("reserve some on that node, such as with the kernel's parameter hugepages={id}:<number>");
    Some(finding.remedy(remedy).link(LINK))
}

#[cfg(test)]
mod tests {
    use kubephase_sdk::serde_json;

    use super::*;
    use crate::testing::{cpu, nic, node, pool, told};

    fn judged(device: PciDevice, isolated: &[u32], pools: Vec<HugepagePool>, nodes: Vec<NumaNode>) -> Vec<String> {
        let settings: Settings = serde_json::from_value(json!({
            "devices": [{"name": "n6", "vendor": "8086"}],
            "isolatedCpus": "2-15",
            "hugepages": [{"size": "1Gi", "pages": 8}],
        }))
        .expect("settings");
        let cpu = cpu(isolated.iter().copied());
        told(judge(&settings, Ok(vec![device]), Ok(nodes), || Ok(cpu), || Ok(pools)))
    }

    #[test]
    fn devices_want_processors_and_memory_near_to_them() {
        let nodes = || vec![node(0, 0..8), node(1, 8..16)];
        let pools = || vec![pool(1 << 30, None, 8, 8), pool(1 << 30, Some(0), 8, 8), pool(1 << 30, Some(1), 0, 0)];
        assert_eq!(judged(nic("0000:3b:00.0", Some(0)), &[2, 3], pools(), nodes()), [""; 0]);
        assert_eq!(
            judged(nic("0000:af:00.0", Some(1)), &[2, 3], pools(), nodes()),
            [
                "error NumaAlignment: NUMA node 1 has no isolated processors for 0000:af:00.0 (n6)",
                "error NumaAlignment: NUMA node 1 has no huge pages of 1 GiB for 0000:af:00.0 (n6)",
            ]
        );
        assert_eq!(
            judged(nic("0000:af:00.0", None), &[2, 3], pools(), nodes()),
            ["warning NumaAlignment: the firmware does not say on which NUMA node 0000:af:00.0 (n6) is"]
        );
        let one = vec![node(0, 0..16)];
        assert_eq!(judged(nic("0000:af:00.0", None), &[], vec![], one), [""; 0], "with one node all are near");
    }
}
