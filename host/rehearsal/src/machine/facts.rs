//! What the pretended machine is made of, as plugins are told: a small server with one disk and one network interface.
//! The same in every rehearsal.

use std::net::IpAddr;

use kubephase_model::plugin::facts::{
    BlockDevice, CpuFacts, KernelFacts, KernelModule, MemoryFacts, Mount, NetworkInterface, NodeFacts, NumaNode,
    PciDevice,
};

use super::{Spec, tree};

const GIB: u64 = 1 << 30;

/// The rest is found as on any machine: in its tree of files, and by asking its container runtime.
pub(super) fn facts(spec: &Spec) -> NodeFacts {
    NodeFacts {
        kernel: Some(KernelFacts {
            release: tree::KERNEL.into(),
            architecture: "amd64".into(),
            ..KernelFacts::default()
        }),
        cpu: Some(CpuFacts {
            count: 4,
            model: "Pretended CPU".into(),
            flags: ["aes", "sse4_2", "vmx"].map(String::from).into(),
            ..CpuFacts::default()
        }),
        memory: Some(MemoryFacts { total: 8 * GIB, available: 7 * GIB, ..MemoryFacts::default() }),
        hugepages: Some(Vec::new()),
        numa: Some(vec![NumaNode { id: 0, cpus: (0..4).collect(), memory: 8 * GIB, ..NumaNode::default() }]),
        pci: Some(vec![device("0000:00:01.0", 0x1042, 0x01_8000), device("0000:00:02.0", 0x1041, 0x02_0000)]),
        block_devices: Some(vec![disk("vda", None), disk("vda1", Some("vda"))]),
        mounts: Some(vec![Mount {
            target: "/".into(),
            source: "/dev/vda1".into(),
            fs_type: "ext4".into(),
            options: ["rw", "relatime"].map(String::from).into(),
            size: 64 * GIB,
            available: 48 * GIB,
            device: Some("vda1".into()),
            ..Mount::default()
        }]),
        network: Some(network(spec)),
        modules: Some(["br_netfilter", "nf_conntrack", "overlay"].map(module).into()),
        command_line: Some(["root=/dev/vda1", "ro", "quiet"].map(String::from).into()),
        ..NodeFacts::default()
    }
}

/// Of virtio, as most machines of clouds have them.
fn device(address: &str, device: u16, class: u32) -> PciDevice {
    PciDevice {
        address: address.into(),
        vendor: 0x1af4,
        device,
        class,
        driver: Some("virtio-pci".into()),
        numa_node: Some(0),
        ..PciDevice::default()
    }
}

fn disk(name: &str, parent: Option<&str>) -> BlockDevice {
    BlockDevice {
        name: name.into(),
        size: 64 * GIB,
        transport: "virtio".into(),
        parent: parent.map(str::to_owned),
        ..BlockDevice::default()
    }
}

fn module(name: &str) -> KernelModule {
    KernelModule { name: name.into(), ..KernelModule::default() }
}

fn network(spec: &Spec) -> Vec<NetworkInterface> {
    let own = spec.addresses.iter().map(|address| match address {
        IpAddr::V4(v4) => format!("{v4}/24"),
        IpAddr::V6(v6) => format!("{v6}/64"),
    });
    let eth0 = NetworkInterface {
        name: "eth0".into(),
        mac: "52:54:00:12:34:56".into(),
        mtu: 1500,
        state: "up".into(),
        addresses: own.collect(),
        driver: "virtio_net".into(),
        attributes: [("pci".into(), "0000:00:02.0".into())].into(),
        ..NetworkInterface::default()
    };
    let lo = NetworkInterface {
        name: "lo".into(),
        mtu: 65536,
        state: "unknown".into(),
        addresses: vec!["127.0.0.1/8".into()],
        ..NetworkInterface::default()
    };
    vec![eth0, lo]
}
