//! What the machine is made of, as the values of [`kubephase_model::plugin::facts`]: one file per subject. Everything is
//! read below the node's root; on a pretended machine what is not a file comes from [`Ambient`](crate::Ambient), whose facts
//! come before files. Nothing here judges, and nothing fails: what cannot be read is empty or missing.

mod block;
mod cpu;
mod kernel;
mod memory;
mod mounts;
mod network;
mod pci;
mod runtime;

use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Duration;

use kubephase_model::plugin::facts::{CgroupFacts, Fact, NodeFacts};

use crate::machine::Machine;
use crate::service::InitSystem;
use crate::{Node, probe};

/// Files of `/proc` and `/sys` are read in no time, unless a driver or a file system hangs.
const DEADLINE: Duration = Duration::from_secs(5);

impl Node {
    /// One fact: only its field is filled in, or none if it cannot be had. [`Fact::Sysctl`] and [`Fact::Cluster`] never
    /// are: the one is asked by name ([`Node::open_sysctl`]), the other is not the machine's. `runtime` is the CRI
    /// socket to ask for [`Fact::Runtime`]; the first known one that answers if it is not given.
    pub async fn survey(&self, fact: Fact, runtime: Option<&str>) -> NodeFacts {
        if let Machine::Fixed(ambient) = self.machine() {
            let given = ambient.facts.only(fact);
            if given.knows(fact) {
                return given;
            }
        }
        if fact == Fact::Runtime {
            let runtime = Some(runtime::runtime(self, runtime).await);
            return NodeFacts { runtime, ..NodeFacts::default() };
        }
        let node = self.clone();
        let looked = tokio::task::spawn_blocking(move || node.look_at(fact));
        match tokio::time::timeout(DEADLINE, looked).await {
            Ok(Ok(facts)) => facts,
            Ok(Err(_)) | Err(_) => NodeFacts::default(),
        }
    }

    fn look_at(&self, fact: Fact) -> NodeFacts {
        let mut facts = NodeFacts::default();
        match fact {
            Fact::Os => facts.os = Some(kernel::os(self)),
            Fact::Kernel => facts.kernel = Some(kernel::kernel(self)),
            Fact::Cpu => facts.cpu = Some(cpu::cpu(self)),
            Fact::Memory => facts.memory = Some(memory::memory(self)),
            Fact::Hugepages => facts.hugepages = Some(memory::hugepages(self)),
            Fact::Numa => facts.numa = Some(memory::numa(self)),
            Fact::Pci => facts.pci = Some(pci::pci(self)),
            Fact::BlockDevices => facts.block_devices = Some(block::devices(self)),
            Fact::Mounts => facts.mounts = Some(mounts::mounts(self)),
            Fact::Network => facts.network = Some(network::interfaces(self)),
            Fact::Modules => facts.modules = Some(kernel::modules(self)),
            Fact::CommandLine => facts.command_line = Some(kernel::command_line(self)),
            Fact::Cgroup => facts.cgroup = Some(cgroup(self)),
            Fact::InitSystem => facts.init_system = Some(init_system(self).to_owned()),
            Fact::Sysctl | Fact::Cluster | Fact::Runtime => {}
        }
        facts
    }
}

fn cgroup(node: &Node) -> CgroupFacts {
    match probe::cgroups(node) {
        Ok(Some(found)) => CgroupFacts {
            version: if found.version == probe::CgroupVersion::V1 { 1 } else { 2 },
            controllers: found.controllers,
            ..CgroupFacts::default()
        },
        Ok(None) | Err(_) => CgroupFacts::default(),
    }
}

fn init_system(node: &Node) -> &'static str {
    match node.init_system() {
        Some(InitSystem::Systemd) => "systemd",
        Some(InitSystem::OpenRc) => "openrc",
        None => "",
    }
}

/// A small file, trimmed; empty if it cannot be read. Much of `/sys` answers a read with an error instead of a value.
fn text(node: &Node, path: &str) -> String {
    node.read_text(path).ok().flatten().map(|text| text.trim().to_owned()).unwrap_or_default()
}

/// The first `limit` bytes: what follows may be long, and costly for the kernel to make.
fn beginning(node: &Node, path: &str, limit: u64) -> String {
    let mut bytes = Vec::new();
    let read = std::fs::File::open(node.host_path(path)).and_then(|file| file.take(limit).read_to_end(&mut bytes));
    if read.is_err() {
        return String::new();
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn number<T: std::str::FromStr>(node: &Node, path: &str) -> Option<T> {
    text(node, path).parse().ok()
}

/// Sorted; empty if there is no such directory.
fn names(node: &Node, path: &str) -> Vec<String> {
    node.list(path).unwrap_or_default()
}

/// Where a directory of `/sys` really is, on the machine that this process runs on.
fn real(node: &Node, path: &str) -> Option<PathBuf> {
    std::fs::canonicalize(node.host_path(path)).ok()
}

/// The name of what a link leads to: drivers, groups and devices are told that way.
fn link_name(node: &Node, path: &str) -> Option<String> {
    let (directory, name) = path.rsplit_once('/')?;
    let target = std::fs::read_link(node.host_path(directory).join(name)).ok()?;
    Some(file_name(&target).to_owned())
}

fn file_name(path: &Path) -> &str {
    path.file_name().and_then(|name| name.to_str()).unwrap_or_default()
}

/// Numbers as the kernel writes lists of them (`0-3,8`). More than any machine has processors are not believed.
fn numbers(list: &str) -> Vec<u32> {
    const MOST: u32 = 1 << 16;

    let mut all = Vec::new();
    for part in list.trim().split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        if let (Ok(first), Ok(last)) = (first.trim().parse::<u32>(), last.trim().parse::<u32>()) {
            all.extend(first..=last.min(first.saturating_add(MOST)));
        }
    }
    all
}

#[cfg(test)]
mod tests;
