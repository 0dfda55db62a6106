//! `facts`: what the node is. Granted by the names of the functions.

mod records;

use kubephase_model::plugin::facts::{Fact, NodeFacts};

use super::refusal::{denied, failure, invalid};
use crate::bindings::kubephase::plugin::facts::{
    BlockDevice, CgroupFacts, ClusterFacts, ContainerRuntime, CpuFacts, Host, HugepagePool, KernelFacts, KernelModule,
    MemoryFacts, Mount, NetworkInterface, NumaNode, OperatingSystem, PciDevice,
};
use crate::bindings::kubephase::plugin::types::Failure;
use crate::sandbox::State;

/// No sysctl has a longer name.
const LONGEST_NAME: usize = 255;

type Answer<T> = wasmtime::Result<Result<T, Failure>>;

impl State {
    fn may_know(&self, fact: Fact) -> Result<(), Failure> {
        let name = fact.name();
        if self.grants.allows_fact(name) {
            return Ok(());
        }
        Err(denied("facts", name, format!("the fact `{name}` is not granted")))
    }

    /// One fact, taken out of all by `take`.
    async fn fact<T>(&mut self, fact: Fact, take: impl FnOnce(&NodeFacts) -> Option<T>) -> Answer<T> {
        if let Err(denied) = self.may_know(fact) {
            return Ok(Err(denied));
        }
        let facts = match self.world.fact(fact).await {
            Ok(facts) => facts,
            Err(failure) => return Ok(Err(failure.into())),
        };
        let unknown = || failure("unavailable", format!("the fact `{}` is not known here", fact.name()));
        Ok(take(&facts).ok_or_else(unknown))
    }
}

/// A list of records, each as the WIT has it.
fn each<A: Clone, B: From<A>>(list: Option<&Vec<A>>) -> Option<Vec<B>> {
    list.map(|list| list.iter().cloned().map(B::from).collect())
}

impl Host for State {
    async fn os(&mut self) -> Answer<OperatingSystem> {
        self.fact(Fact::Os, |facts| facts.os.clone().map(Into::into)).await
    }

    async fn kernel(&mut self) -> Answer<KernelFacts> {
        self.fact(Fact::Kernel, |facts| facts.kernel.clone().map(Into::into)).await
    }

    async fn cpu(&mut self) -> Answer<CpuFacts> {
        self.fact(Fact::Cpu, |facts| facts.cpu.clone().map(Into::into)).await
    }

    async fn memory(&mut self) -> Answer<MemoryFacts> {
        self.fact(Fact::Memory, |facts| facts.memory.clone().map(Into::into)).await
    }

    async fn hugepages(&mut self) -> Answer<Vec<HugepagePool>> {
        self.fact(Fact::Hugepages, |facts| each(facts.hugepages.as_ref())).await
    }

    async fn numa(&mut self) -> Answer<Vec<NumaNode>> {
        self.fact(Fact::Numa, |facts| each(facts.numa.as_ref())).await
    }

    async fn pci(&mut self) -> Answer<Vec<PciDevice>> {
        self.fact(Fact::Pci, |facts| each(facts.pci.as_ref())).await
    }

    async fn block_devices(&mut self) -> Answer<Vec<BlockDevice>> {
        self.fact(Fact::BlockDevices, |facts| each(facts.block_devices.as_ref())).await
    }

    async fn mounts(&mut self) -> Answer<Vec<Mount>> {
        self.fact(Fact::Mounts, |facts| each(facts.mounts.as_ref())).await
    }

    async fn network(&mut self) -> Answer<Vec<NetworkInterface>> {
        self.fact(Fact::Network, |facts| each(facts.network.as_ref())).await
    }

    async fn modules(&mut self) -> Answer<Vec<KernelModule>> {
        self.fact(Fact::Modules, |facts| each(facts.modules.as_ref())).await
    }

    async fn command_line(&mut self) -> Answer<Vec<String>> {
        self.fact(Fact::CommandLine, |facts| facts.command_line.clone()).await
    }

    async fn sysctl(&mut self, name: String) -> Answer<Option<String>> {
        if let Err(denied) = self.may_know(Fact::Sysctl) {
            return Ok(Err(denied));
        }
        // Names of interfaces are parts of names, and may hold nearly anything.
        let is_name = !name.is_empty() && name.len() <= LONGEST_NAME && !name.contains(|c: char| c.is_control());
        if !is_name || name.split(['.', '/']).any(str::is_empty) {
            return Ok(Err(invalid(format!("`{}` is no name of a sysctl", name.escape_debug()))));
        }
        Ok(self.world.sysctl(&name).await.map_err(Into::into))
    }

    async fn cgroup(&mut self) -> Answer<CgroupFacts> {
        self.fact(Fact::Cgroup, |facts| facts.cgroup.clone().map(Into::into)).await
    }

    async fn init_system(&mut self) -> Answer<String> {
        self.fact(Fact::InitSystem, |facts| facts.init_system.clone()).await
    }

    async fn runtime(&mut self) -> Answer<ContainerRuntime> {
        self.fact(Fact::Runtime, |facts| facts.runtime.clone().map(Into::into)).await
    }

    async fn cluster(&mut self) -> Answer<ClusterFacts> {
        self.fact(Fact::Cluster, |facts| facts.cluster.clone().map(Into::into)).await
    }
}

#[cfg(test)]
mod tests;
