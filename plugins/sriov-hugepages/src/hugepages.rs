//! Huge pages: enough of each size, where they should be, and not in use by anything yet.

use kubephase_sdk::facts::HugepagePool;
use kubephase_sdk::prelude::*;

use crate::settings::{Hugepages, PageSize};

const LINK: &str = "https://kubernetes.io/docs/tasks/manage-hugepages/scheduling-hugepages/";

/// Judges.
pub fn judge(wanted: &[Hugepages], pools: &Result<Vec<HugepagePool>, Failure>, parameters: &[String]) -> Vec<Finding> {
    let pools = match pools {
        Ok(pools) => pools,
        Err(failure) => return vec![Finding::cannot_tell("Hugepages", "how many huge pages there are", failure)],
    };
    let reserved = reserved(parameters);
    wanted.iter().filter_map(|wanted| one(wanted, pools, &reserved)).collect()
}

fn one(wanted: &Hugepages, pools: &[HugepagePool], reserved: &[Reserved]) -> Option<Finding> {
    let &Hugepages { size, pages, numa_node } = wanted;
    let on = numa_node.map(|node| format!(" on NUMA node {node}")).unwrap_or_default();
    let expected = format!("at least {pages}{on}");
    let error = |seen: String| Finding::error("Hugepages", seen).expected(&*expected).link(LINK);
    let Some(pool) = pools.iter().find(|pool| pool.size == size.0 && pool.numa_node == numa_node) else {
        let seen = format!("there can be no huge pages of {size}{on}");
        let remedy = if pools.iter().any(|pool| pool.size == size.0) {
            "see `numactl --hardware` for the NUMA nodes of this machine"
        } else {
            "see `ls /sys/kernel/mm/hugepages` for sizes that the processor and the kernel know"
        };
        return Some(error(seen).remedy(remedy));
    };
    if pool.total < pages {
        let seen = format!("there are {} huge pages of {size}{on}", pool.total);
        let asked: u64 = reserved.iter().filter(|one| one.fits(wanted)).map(|one| one.pages).sum();
        if asked >= pages {
            let seen = format!("{seen}, though the kernel was started with {asked}");
            return Some(
                error(seen).remedy("see `dmesg | grep -i huge`: memory was too small, or in pieces too small"),
            );
        }
        return Some(error(seen).remedy(remedy(wanted)));
    }
    if pool.free < pages {
        let seen = format!("of {} huge pages of {size}{on} only {} are free", pool.total, pool.free);
        let finding = Finding::warning("HugepagesFree", seen).expected(&*expected);
        return Some(finding.remedy("stop what uses them, such as virtual machines or DPDK on the host").link(LINK));
    }
    None
}

fn remedy(wanted: &Hugepages) -> String {
    let &Hugepages { size: PageSize(bytes), pages, numa_node } = wanted;
    if bytes >= 1 << 30 && numa_node.is_none() {
        let size = bytes >> 30;
        return format!(
            "start the kernel with hugepagesz={size}G hugepages={pages}: later memory is in pieces too small"
        );
    }
    let folder = match numa_node {
        Some(node) => format!("/sys/devices/system/node/node{node}/hugepages"),
        None => "/sys/kernel/mm/hugepages".to_owned(),
    };
    format!("write {pages} to {folder}/hugepages-{}kB/nr_hugepages early at boot", bytes >> 10)
}

/// Huge pages that the kernel was asked for when it started.
#[derive(Debug, PartialEq, Eq)]
struct Reserved {
    size: u64,
    numa_node: Option<u32>,
    pages: u64,
}

impl Reserved {
    fn fits(&self, wanted: &Hugepages) -> bool {
        self.size == wanted.size.0 && (wanted.numa_node.is_none() || self.numa_node == wanted.numa_node)
    }
}

/// Reads `default_hugepagesz=`, `hugepagesz=` and `hugepages=` (the kernel's admin-guide/mm/hugetlbpage): a number counts
/// for the size before it; `0:8,1:8` is by NUMA node.
fn reserved(parameters: &[String]) -> Vec<Reserved> {
    let value = |name| parameters.iter().filter_map(move |parameter: &String| parameter.strip_prefix(name));
    let mut size = value("default_hugepagesz=").filter_map(bytes).next_back().unwrap_or(2 << 20);
    let mut reserved = Vec::new();
    for parameter in parameters {
        if let Some(other) = parameter.strip_prefix("hugepagesz=").and_then(bytes) {
            size = other;
        }
        let Some(pages) = parameter.strip_prefix("hugepages=") else { continue };
        for part in pages.split(',') {
            let (numa_node, pages) = match part.split_once(':') {
                Some((node, pages)) => (node.parse().ok(), pages),
                None => (None, part),
            };
            if let Ok(pages) = pages.parse() {
                reserved.push(Reserved { size, numa_node, pages });
            }
        }
    }
    reserved
}

/// `1G`, `2M`, `64K` in bytes.
fn bytes(text: &str) -> Option<u64> {
    let units = [('G', 30), ('g', 30), ('M', 20), ('m', 20), ('K', 10), ('k', 10)];
    let (number, shift) = units.into_iter().find_map(|(unit, shift)| Some((text.strip_suffix(unit)?, shift)))?;
    number.parse::<u64>().ok()?.checked_mul(1 << shift)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{pool, told, words};

    const GIB: u64 = 1 << 30;

    fn wanted(size: u64, pages: u64, numa_node: Option<u32>) -> Hugepages {
        Hugepages { size: PageSize(size), pages, numa_node }
    }

    #[test]
    fn parameters_count_for_the_size_before_them() {
        let read = |text: &str| {
            let all = reserved(&words(text)).into_iter();
            all.map(|one| (one.size, one.numa_node, one.pages)).collect::<Vec<_>>()
        };
        assert_eq!(read("hugepages=512"), [(2 << 20, None, 512)]);
        let both = "default_hugepagesz=1G hugepagesz=1G hugepages=16 hugepagesz=2M hugepages=0:8,1:4";
        assert_eq!(read(both), [(GIB, None, 16), (2 << 20, Some(0), 8), (2 << 20, Some(1), 4)]);
        assert_eq!(read("default_hugepagesz=1G hugepages=4"), [(GIB, None, 4)]);
        assert_eq!(read("hugepages=many hugepagesz=x"), []);
    }

    #[test]
    fn each_pool_is_looked_at() {
        let pools = Ok(vec![pool(GIB, None, 16, 16), pool(GIB, Some(0), 8, 8), pool(2 << 20, None, 512, 100)]);
        let judged = |wanted, line: &str| told(judge(&[wanted], &pools, &words(line))).join("");
        assert_eq!(judged(wanted(GIB, 16, None), ""), "");
        assert_eq!(
            judged(wanted(GIB, 9, Some(0)), ""),
            "error Hugepages: there are 8 huge pages of 1 GiB on NUMA node 0"
        );
        assert_eq!(
            judged(wanted(GIB, 9, Some(1)), ""),
            "error Hugepages: there can be no huge pages of 1 GiB on NUMA node 1"
        );
        assert_eq!(judged(wanted(64 << 10, 1, None), ""), "error Hugepages: there can be no huge pages of 64 KiB");
        assert_eq!(
            judged(wanted(GIB, 32, None), "hugepagesz=1G hugepages=32"),
            "error Hugepages: there are 16 huge pages of 1 GiB, though the kernel was started with 32"
        );
        assert_eq!(
            judged(wanted(2 << 20, 512, None), ""),
            "warning HugepagesFree: of 512 huge pages of 2 MiB only 100 are free"
        );
        assert!(
            told(judge(&[], &Err(Failure::new("denied", "no")), &[]))[0].starts_with("error Hugepages: cannot tell")
        );
    }

    #[test]
    fn the_remedy_fits_the_size() {
        assert!(remedy(&wanted(GIB, 4, None)).starts_with("start the kernel with hugepagesz=1G hugepages=4"));
        assert_eq!(
            remedy(&wanted(2 << 20, 512, Some(1))),
            "write 512 to /sys/devices/system/node/node1/hugepages/hugepages-2048kB/nr_hugepages early at boot"
        );
    }
}
