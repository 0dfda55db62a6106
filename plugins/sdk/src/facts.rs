//! What the node is. Granted one by one, as `facts`, by the functions' names in WIT: `pci`, `block-devices`, … One that is
//! not granted fails with `denied`. Every plugin of a run sees the same; lists are sorted.

pub use crate::bindings::base::kubephase::plugin::facts::{
    BlockDevice, CgroupFacts, ClusterFacts, ContainerRuntime, CpuFacts, HugepagePool, KernelFacts, KernelModule,
    MemoryFacts, Mount, NetworkInterface, NumaNode, OperatingSystem, PciDevice,
};

use crate::Failure;
use crate::bindings::base::kubephase::plugin::facts as imported;
use crate::host::ask;

/// The functions of `cap-facts.wit` that take nothing.
macro_rules! facts {
    ($($(#[$about:meta])* $name:ident: $type:ty,)+) => {
        $(
            $(#[$about])*
            ///
            /// # Errors
            /// If it is not granted (`denied`) or cannot be found out.
            pub fn $name() -> Result<$type, Failure> {
                ask!(imported::$name())
            }
        )+
    };
}

facts! {
    /// The operating system.
    os: OperatingSystem,
    /// The kernel.
    kernel: KernelFacts,
    /// The processors.
    cpu: CpuFacts,
    /// The memory, in bytes.
    memory: MemoryFacts,
    /// Pools of huge pages, by size and NUMA node; the sums come first.
    hugepages: Vec<HugepagePool>,
    /// NUMA nodes.
    numa: Vec<NumaNode>,
    /// PCI devices.
    pci: Vec<PciDevice>,
    /// Block devices and partitions.
    block_devices: Vec<BlockDevice>,
    /// Mounted file systems, in the order in which they were mounted.
    mounts: Vec<Mount>,
    /// Network interfaces, the loopback included.
    network: Vec<NetworkInterface>,
    /// Loaded kernel modules.
    modules: Vec<KernelModule>,
    /// Parameters that the kernel was started with, as they stand in `/proc/cmdline`, in their order.
    command_line: Vec<String>,
    /// Control groups.
    cgroup: CgroupFacts,
    /// `systemd`, `openrc`, or empty if it is neither.
    init_system: String,
    /// The container runtime.
    runtime: ContainerRuntime,
    /// What is being set up. Holds no secrets.
    cluster: ClusterFacts,
}

/// The value of a sysctl such as `net.ipv4.ip_forward`; nothing if there is no such one.
///
/// # Errors
/// If it is not granted (`denied`) or cannot be read.
pub fn sysctl(name: &str) -> Result<Option<String>, Failure> {
    ask!(imported::sysctl(name))
}

/// The value of an attribute, as several facts have them.
pub fn attribute<'a>(attributes: &'a [(String, String)], name: &str) -> Option<&'a str> {
    attributes.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
}
