//! What plugins are told about the node: the records of `cap-facts.wit`, with their JSON as it stands in test cases and
//! as `kubephase plugin run --facts` reads it. Each field means what the WIT says; units stand there.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Names and values for which a record has no field.
pub type Attributes = BTreeMap<String, String>;

/// A question that `cap-facts.wit` answers: one function.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fact {
    /// `os`.
    Os,
    /// `kernel`.
    Kernel,
    /// `cpu`.
    Cpu,
    /// `memory`.
    Memory,
    /// `hugepages`.
    Hugepages,
    /// `numa`.
    Numa,
    /// `pci`.
    Pci,
    /// `block-devices`.
    BlockDevices,
    /// `mounts`.
    Mounts,
    /// `network`.
    Network,
    /// `modules`.
    Modules,
    /// `command-line`.
    CommandLine,
    /// `sysctl`.
    Sysctl,
    /// `cgroup`.
    Cgroup,
    /// `init-system`.
    InitSystem,
    /// `runtime`.
    Runtime,
    /// `cluster`.
    Cluster,
}

impl Fact {
    /// All of them, in the order of the WIT.
    pub const ALL: [Self; 17] = [
        Self::Os,
        Self::Kernel,
        Self::Cpu,
        Self::Memory,
        Self::Hugepages,
        Self::Numa,
        Self::Pci,
        Self::BlockDevices,
        Self::Mounts,
        Self::Network,
        Self::Modules,
        Self::CommandLine,
        Self::Sysctl,
        Self::Cgroup,
        Self::InitSystem,
        Self::Runtime,
        Self::Cluster,
    ];

    /// Name of the function, as grants have it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Os => "os",
            Self::Kernel => "kernel",
            Self::Cpu => "cpu",
            Self::Memory => "memory",
            Self::Hugepages => "hugepages",
            Self::Numa => "numa",
            Self::Pci => "pci",
            Self::BlockDevices => "block-devices",
            Self::Mounts => "mounts",
            Self::Network => "network",
            Self::Modules => "modules",
            Self::CommandLine => "command-line",
            Self::Sysctl => "sysctl",
            Self::Cgroup => "cgroup",
            Self::InitSystem => "init-system",
            Self::Runtime => "runtime",
            Self::Cluster => "cluster",
        }
    }

    /// The fact of that name.
    pub fn find(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|fact| fact.name() == name)
    }
}

macro_rules! record {
    ($(#[$about:meta])* $name:ident { $($(#[$field_about:meta])* $field:ident: $type:ty),+ $(,)? }) => {
        $(#[$about])*
        #[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(rename_all = "camelCase", default, deny_unknown_fields)]
        pub struct $name {
            $($(#[$field_about])* pub $field: $type),+
        }
    };
}

record! {
    /// All facts about a node. What is `None` is answered with the failure `unavailable`.
    NodeFacts {
        /// The operating system.
        #[serde(skip_serializing_if = "Option::is_none")]
        os: Option<OperatingSystem>,
        /// The kernel.
        #[serde(skip_serializing_if = "Option::is_none")]
        kernel: Option<KernelFacts>,
        /// The processors.
        #[serde(skip_serializing_if = "Option::is_none")]
        cpu: Option<CpuFacts>,
        /// The memory.
        #[serde(skip_serializing_if = "Option::is_none")]
        memory: Option<MemoryFacts>,
        /// Pools of huge pages, the sums first.
        #[serde(skip_serializing_if = "Option::is_none")]
        hugepages: Option<Vec<HugepagePool>>,
        /// NUMA nodes.
        #[serde(skip_serializing_if = "Option::is_none")]
        numa: Option<Vec<NumaNode>>,
        /// PCI devices.
        #[serde(skip_serializing_if = "Option::is_none")]
        pci: Option<Vec<PciDevice>>,
        /// Block devices and partitions.
        #[serde(skip_serializing_if = "Option::is_none")]
        block_devices: Option<Vec<BlockDevice>>,
        /// Mounted file systems, in the order in which they were mounted.
        #[serde(skip_serializing_if = "Option::is_none")]
        mounts: Option<Vec<Mount>>,
        /// Network interfaces.
        #[serde(skip_serializing_if = "Option::is_none")]
        network: Option<Vec<NetworkInterface>>,
        /// Loaded kernel modules.
        #[serde(skip_serializing_if = "Option::is_none")]
        modules: Option<Vec<KernelModule>>,
        /// Parameters that the kernel was started with.
        #[serde(skip_serializing_if = "Option::is_none")]
        command_line: Option<Vec<String>>,
        /// Sysctls by name. One that is not in here does not exist.
        #[serde(skip_serializing_if = "Option::is_none")]
        sysctl: Option<BTreeMap<String, String>>,
        /// Control groups.
        #[serde(skip_serializing_if = "Option::is_none")]
        cgroup: Option<CgroupFacts>,
        /// `systemd`, `openrc`, or empty.
        #[serde(skip_serializing_if = "Option::is_none")]
        init_system: Option<String>,
        /// The container runtime.
        #[serde(skip_serializing_if = "Option::is_none")]
        runtime: Option<ContainerRuntime>,
        /// What is being set up.
        #[serde(skip_serializing_if = "Option::is_none")]
        cluster: Option<ClusterFacts>,
    }
}

impl NodeFacts {
    /// Takes one of them over from others.
    pub fn take(&mut self, fact: Fact, from: &Self) {
        match fact {
            Fact::Os => self.os.clone_from(&from.os),
            Fact::Kernel => self.kernel.clone_from(&from.kernel),
            Fact::Cpu => self.cpu.clone_from(&from.cpu),
            Fact::Memory => self.memory.clone_from(&from.memory),
            Fact::Hugepages => self.hugepages.clone_from(&from.hugepages),
            Fact::Numa => self.numa.clone_from(&from.numa),
            Fact::Pci => self.pci.clone_from(&from.pci),
            Fact::BlockDevices => self.block_devices.clone_from(&from.block_devices),
            Fact::Mounts => self.mounts.clone_from(&from.mounts),
            Fact::Network => self.network.clone_from(&from.network),
            Fact::Modules => self.modules.clone_from(&from.modules),
            Fact::CommandLine => self.command_line.clone_from(&from.command_line),
            Fact::Sysctl => self.sysctl.clone_from(&from.sysctl),
            Fact::Cgroup => self.cgroup.clone_from(&from.cgroup),
            Fact::InitSystem => self.init_system.clone_from(&from.init_system),
            Fact::Runtime => self.runtime.clone_from(&from.runtime),
            Fact::Cluster => self.cluster.clone_from(&from.cluster),
        }
    }

    /// Just one of them.
    #[must_use]
    pub fn only(&self, fact: Fact) -> Self {
        let mut one = Self::default();
        one.take(fact, self);
        one
    }

    /// Whether it is among them.
    pub fn knows(&self, fact: Fact) -> bool {
        self.only(fact) != Self::default()
    }
}

record! {
    /// The operating system.
    OperatingSystem {
        /// Such as `debian`.
        id: String,
        /// Such as `12`.
        version_id: String,
        /// Such as `Debian GNU/Linux 12 (bookworm)`.
        pretty_name: String,
        /// Ids of what it is derived from.
        id_like: Vec<String>,
        /// What else is known.
        #[serde(skip_serializing_if = "Attributes::is_empty")]
        attributes: Attributes,
    }
}

record! {
    /// The kernel.
    KernelFacts {
        /// Such as `6.1.0-28-amd64`.
        release: String,
        /// In Go's words, such as `amd64`.
        architecture: String,
        /// What else is known.
        #[serde(skip_serializing_if = "Attributes::is_empty")]
        attributes: Attributes,
    }
}

record! {
    /// The processors.
    CpuFacts {
        /// How many are online.
        count: u32,
        /// Name of the first one.
        model: String,
        /// Its flags.
        flags: Vec<String>,
        /// Numbers of those that the scheduler leaves alone.
        isolated: Vec<u32>,
        /// What else is known.
        #[serde(skip_serializing_if = "Attributes::is_empty")]
        attributes: Attributes,
    }
}

record! {
    /// The memory, in bytes.
    MemoryFacts {
        /// All of it.
        total: u64,
        /// What could be had without swapping.
        available: u64,
        /// Swap space.
        swap: u64,
        /// What else is known.
        #[serde(skip_serializing_if = "Attributes::is_empty")]
        attributes: Attributes,
    }
}

record! {
    /// A pool of huge pages.
    HugepagePool {
        /// Size of one page in bytes.
        size: u64,
        /// How many there are.
        total: u64,
        /// How many of them are free.
        free: u64,
        /// NUMA node that they are on; `None` for the sum over all.
        #[serde(skip_serializing_if = "Option::is_none")]
        numa_node: Option<u32>,
    }
}

record! {
    /// A NUMA node.
    NumaNode {
        /// Its number.
        id: u32,
        /// Numbers of its processors.
        cpus: Vec<u32>,
        /// Its memory in bytes.
        memory: u64,
        /// What else is known.
        #[serde(skip_serializing_if = "Attributes::is_empty")]
        attributes: Attributes,
    }
}

record! {
    /// A PCI device.
    PciDevice {
        /// Such as `0000:01:00.0`.
        address: String,
        /// Vendor id.
        vendor: u16,
        /// Device id.
        device: u16,
        /// Class code with subclass and interface (24 bits).
        class: u32,
        /// Name of the bound driver.
        #[serde(skip_serializing_if = "Option::is_none")]
        driver: Option<String>,
        /// NUMA node that it is attached to.
        #[serde(skip_serializing_if = "Option::is_none")]
        numa_node: Option<u32>,
        /// IOMMU group.
        #[serde(skip_serializing_if = "Option::is_none")]
        iommu_group: Option<u32>,
        /// How many virtual functions it could have.
        #[serde(skip_serializing_if = "is_zero")]
        virtual_functions_total: u32,
        /// How many it has.
        #[serde(skip_serializing_if = "is_zero")]
        virtual_functions: u32,
        /// `physical-function`, `network`.
        #[serde(skip_serializing_if = "Attributes::is_empty")]
        attributes: Attributes,
    }
}

record! {
    /// A block device or a partition.
    BlockDevice {
        /// Such as `sda1`.
        name: String,
        /// Size in bytes.
        size: u64,
        /// Whether it turns.
        rotational: bool,
        /// `nvme`, `sata`, `scsi`, `virtio`, `iscsi`, `nbd`, `rbd`, `device-mapper`, `loop` or `other`.
        transport: String,
        /// Model; empty if unknown.
        model: String,
        /// The device that it is a partition of.
        #[serde(skip_serializing_if = "Option::is_none")]
        parent: Option<String>,
        /// What else is known.
        #[serde(skip_serializing_if = "Attributes::is_empty")]
        attributes: Attributes,
    }
}

record! {
    /// A mounted file system.
    Mount {
        /// Where.
        target: String,
        /// What.
        source: String,
        /// Such as `ext4`.
        fs_type: String,
        /// Options, such as `ro`.
        options: Vec<String>,
        /// Size in bytes; 0 if it cannot be asked.
        size: u64,
        /// What an ordinary user could still use, in bytes; 0 if it cannot be asked.
        available: u64,
        /// Name of the block device below it.
        #[serde(skip_serializing_if = "Option::is_none")]
        device: Option<String>,
        /// What else is known.
        #[serde(skip_serializing_if = "Attributes::is_empty")]
        attributes: Attributes,
    }
}

record! {
    /// A network interface.
    NetworkInterface {
        /// Such as `eth0`.
        name: String,
        /// Hardware address; empty if it has none.
        mac: String,
        /// Largest packet, in bytes.
        mtu: u32,
        /// `up`, `down`, `unknown`, …
        state: String,
        /// Addresses with prefix length.
        addresses: Vec<String>,
        /// In megabits per second.
        #[serde(skip_serializing_if = "Option::is_none")]
        speed: Option<u32>,
        /// Driver; empty if it has none.
        driver: String,
        /// `pci`, `kind`.
        #[serde(skip_serializing_if = "Attributes::is_empty")]
        attributes: Attributes,
    }
}

record! {
    /// A loaded kernel module.
    KernelModule {
        /// Such as `br_netfilter`.
        name: String,
        /// Its own version.
        #[serde(skip_serializing_if = "Option::is_none")]
        version: Option<String>,
        /// What else is known.
        #[serde(skip_serializing_if = "Attributes::is_empty")]
        attributes: Attributes,
    }
}

record! {
    /// Control groups.
    CgroupFacts {
        /// 1 or 2; 0 if there are none.
        version: u32,
        /// Controllers that can be used.
        controllers: Vec<String>,
        /// What else is known.
        #[serde(skip_serializing_if = "Attributes::is_empty")]
        attributes: Attributes,
    }
}

record! {
    /// The container runtime.
    ContainerRuntime {
        /// Such as `containerd`; empty if it does not answer.
        name: String,
        /// Its version.
        version: String,
        /// The CRI socket, with `unix://`.
        socket: String,
        /// Names of runtime handlers.
        handlers: Vec<String>,
        /// What else is known.
        #[serde(skip_serializing_if = "Attributes::is_empty")]
        attributes: Attributes,
    }
}

record! {
    /// What is being set up. Holds no secrets.
    ClusterFacts {
        /// `init`, `join`, `upgrade` or `reset`.
        workflow: String,
        /// `control-plane` or `worker`.
        role: String,
        /// The version to deploy, such as `v1.36.2`.
        kubernetes_version: String,
        /// The cluster's name.
        cluster_name: String,
        /// This node's name.
        node_name: String,
        /// Address that this node's API server advertises; empty on a worker.
        advertise_address: String,
        /// Its port; 0 on a worker.
        bind_port: u16,
        /// `controlPlaneEndpoint`.
        control_plane_endpoint: String,
        /// Subnets of pods.
        pod_subnets: Vec<String>,
        /// Subnets of Services.
        service_subnets: Vec<String>,
        /// Domain of the cluster's DNS.
        dns_domain: String,
        /// Where images come from.
        image_repository: String,
        /// Where certificates are.
        certificates_dir: String,
        /// Where this node's etcd keeps its data; empty if it runs none.
        etcd_data_dir: String,
        /// `admin-kubeconfig`.
        #[serde(skip_serializing_if = "Attributes::is_empty")]
        attributes: Attributes,
    }
}

fn is_zero(number: &u32) -> bool {
    *number == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_case_gives_some_facts_and_of_records_some_fields() {
        let facts: NodeFacts = serde_json::from_str(
            r#"{"pci": [{"address": "0000:01:00.0", "vendor": 4318, "class": 197120}], "sysctl": {"a.b": "1"},
                "blockDevices": [], "initSystem": "systemd"}"#,
        )
        .expect("facts");
        assert_eq!(facts.pci.as_deref().map(|devices| (devices.len(), devices[0].vendor)), Some((1, 0x10de)));
        assert_eq!((facts.init_system.as_deref(), facts.block_devices.as_deref()), (Some("systemd"), Some(&[][..])));
        assert_eq!(facts.os, None, "not given, so unavailable");
        let text = serde_json::to_string(&facts).expect("plain data");
        assert_eq!(serde_json::from_str::<NodeFacts>(&text).expect("our own"), facts);
    }

    #[test]
    fn misspelt_names_are_refused() {
        for text in [r#"{"block-devices": []}"#, r#"{"pci": [{"adress": ""}]}"#] {
            assert!(serde_json::from_str::<NodeFacts>(text).is_err(), "{text}");
        }
    }

    #[test]
    fn every_fact_is_a_field_under_the_name_of_its_function() {
        let everything = NodeFacts {
            os: Some(OperatingSystem::default()),
            kernel: Some(KernelFacts::default()),
            cpu: Some(CpuFacts::default()),
            memory: Some(MemoryFacts::default()),
            hugepages: Some(vec![]),
            numa: Some(vec![]),
            pci: Some(vec![]),
            block_devices: Some(vec![]),
            mounts: Some(vec![]),
            network: Some(vec![]),
            modules: Some(vec![]),
            command_line: Some(vec![]),
            sysctl: Some(BTreeMap::new()),
            cgroup: Some(CgroupFacts::default()),
            init_system: Some(String::new()),
            runtime: Some(ContainerRuntime::default()),
            cluster: Some(ClusterFacts::default()),
        };
        let json = serde_json::to_value(everything).expect("plain data");
        let mut names: Vec<String> = json.as_object().expect("an object").keys().cloned().collect();
        names.sort();
        let camel = |name: &str| {
            let mut parts = name.split('-');
            let first = parts.next().unwrap_or_default().to_owned();
            parts.fold(first, |all, part| all + &part[..1].to_uppercase() + &part[1..])
        };
        let mut expected: Vec<String> = Fact::ALL.iter().map(|fact| camel(fact.name())).collect();
        expected.sort();
        assert_eq!(names, expected);
        assert!(Fact::ALL.iter().all(|fact| Fact::find(fact.name()) == Some(*fact)));
    }
}
