use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::Instant;

use kubephase_model::File;

use super::*;
use crate::{Ambient, Interface};

fn block_on<F: Future>(future: F) -> F::Output {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(future)
}

fn machine(files: &[(&str, &str)], links: &[(&str, &str)]) -> (tempfile::TempDir, Node) {
    let root = tempfile::tempdir().expect("a root");
    let ambient = Ambient {
        kernel_release: "6.12.0".into(),
        cpus: 2,
        memory: 1 << 30,
        interfaces: vec![Interface { name: "eth0".into(), up: true, address: [10, 0, 0, 5].into() }],
        ..Ambient::default()
    };
    let node = Node::fixed(root.path(), ambient);
    for (path, text) in files {
        node.ensure(&File::public(*path, *text)).expect("written");
    }
    for (path, target) in links {
        let place = root.path().join(path.trim_start_matches('/'));
        std::fs::create_dir_all(place.parent().expect("a parent")).expect("a directory");
        symlink(target, place).expect("a link");
    }
    (root, node)
}

fn one(node: &Node, fact: Fact) -> NodeFacts {
    let facts = block_on(node.survey(fact, None));
    assert_eq!(facts, facts.only(fact), "nothing else is told");
    facts
}

#[test]
fn the_system_and_its_kernel() {
    let (_root, node) = machine(
        &[
            (
                "/etc/os-release",
                "PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nVERSION_ID=\"12\"\nID=debian\nID_LIKE='a b'\n",
            ),
            ("/proc/modules", "overlay 192512 9 - Live 0x0\nnvidia 1 0 - Live 0x0 (POE)\n"),
            ("/sys/module/nvidia/version", "550.54.15\n"),
            ("/proc/cmdline", "quiet isolcpus=2-3 dyndbg=\"file a +p\"\n"),
        ],
        &[],
    );
    let os = one(&node, Fact::Os).os.expect("told");
    assert_eq!((&*os.id, &*os.version_id, &*os.pretty_name), ("debian", "12", "Debian GNU/Linux 12 (bookworm)"));
    assert_eq!(os.id_like, ["a", "b"]);
    assert_eq!(one(&node, Fact::Kernel).kernel.expect("told").release, "6.12.0");
    let modules = one(&node, Fact::Modules).modules.expect("told");
    let modules: Vec<_> = modules.iter().map(|module| (&*module.name, module.version.as_deref())).collect();
    assert_eq!(modules, [("nvidia", Some("550.54.15")), ("overlay", None)]);
    assert_eq!(
        one(&node, Fact::CommandLine).command_line.expect("told"),
        ["quiet", "isolcpus=2-3", "dyndbg=\"file a +p\""]
    );
}

#[test]
fn processors_and_memory() {
    let pool = "/sys/kernel/mm/hugepages/hugepages-2048kB";
    let (_root, node) = machine(
        &[
            ("/proc/cpuinfo", "processor\t: 0\nmodel name\t: A CPU\nflags\t\t: vmx aes\n\nprocessor\t: 1\n"),
            ("/sys/devices/system/cpu/online", "0-3,8\n"),
            ("/sys/devices/system/cpu/isolated", "2-3\n"),
            ("/proc/meminfo", "MemTotal:       16384 kB\nMemAvailable:    8192 kB\nSwapTotal:   0 kB\n"),
            (&format!("{pool}/nr_hugepages"), "8\n"),
            (&format!("{pool}/free_hugepages"), "6\n"),
            ("/sys/devices/system/node/node0/cpulist", "0-3\n"),
            ("/sys/devices/system/node/node0/meminfo", "Node 0 MemTotal:       16384 kB\n"),
            ("/sys/devices/system/node/node0/hugepages/hugepages-2048kB/nr_hugepages", "8\n"),
        ],
        &[],
    );
    let cpu = one(&node, Fact::Cpu).cpu.expect("told");
    assert_eq!(
        (cpu.count, &*cpu.model, cpu.flags, cpu.isolated),
        (5, "A CPU", vec!["aes".into(), "vmx".into()], vec![2, 3])
    );
    let memory = one(&node, Fact::Memory).memory.expect("told");
    assert_eq!((memory.total, memory.available, memory.swap), (16 << 20, 8 << 20, 0));
    let pools = one(&node, Fact::Hugepages).hugepages.expect("told");
    let pools: Vec<_> = pools.iter().map(|pool| (pool.size, pool.total, pool.free, pool.numa_node)).collect();
    assert_eq!(pools, [(2 << 20, 8, 6, None), (2 << 20, 8, 0, Some(0))]);
    let numa = one(&node, Fact::Numa).numa.expect("told");
    assert_eq!((numa[0].id, &*numa[0].cpus, numa[0].memory), (0, &[0, 1, 2, 3][..], 16 << 20));
}

#[test]
fn devices() {
    let gpu = "/sys/devices/pci0000:00/0000:01:00.0";
    let disk = "/sys/devices/pci0000:00/0000:00:02.0/virtio1/block/vda";
    let (_root, node) = machine(
        &[
            (&format!("{gpu}/vendor"), "0x10de\n"),
            (&format!("{gpu}/device"), "0x1db6\n"),
            (&format!("{gpu}/class"), "0x030200\n"),
            (&format!("{gpu}/numa_node"), "-1\n"),
            (&format!("{gpu}/sriov_totalvfs"), "16\n"),
            (&format!("{disk}/size"), "2048\n"),
            (&format!("{disk}/queue/rotational"), "1\n"),
            (&format!("{disk}/device/model"), "A  disk   \n"),
            (&format!("{disk}/vda1/size"), "1024\n"),
            (&format!("{disk}/vda1/partition"), "1\n"),
            ("/sys/devices/virtual/block/loop0/size", "0\n"),
            ("/proc/self/mountinfo", "1 1 254:1 / / rw,relatime - ext4 /dev/vda1 rw\n2 1 0:5 / /n rw - nfs4 s:/x rw\n"),
        ],
        &[
            ("/sys/bus/pci/devices/0000:01:00.0", "../../../devices/pci0000:00/0000:01:00.0"),
            (&format!("{gpu}/driver"), "../../../bus/pci/drivers/nvidia"),
            (&format!("{gpu}/iommu_group"), "../../../kernel/iommu_groups/7"),
            ("/sys/class/block/vda", &format!("../../..{disk}")),
            ("/sys/class/block/vda1", &format!("../../..{disk}/vda1")),
            ("/sys/class/block/loop0", "../../devices/virtual/block/loop0"),
            ("/sys/dev/block/254:1", &format!("../../..{disk}/vda1")),
        ],
    );
    let pci = one(&node, Fact::Pci).pci.expect("told");
    assert_eq!(pci.len(), 1);
    assert_eq!((pci[0].vendor, pci[0].device, pci[0].class), (0x10de, 0x1db6, 0x03_0200));
    assert_eq!((pci[0].driver.as_deref(), pci[0].iommu_group, pci[0].numa_node), (Some("nvidia"), Some(7), None));
    assert_eq!((pci[0].virtual_functions_total, pci[0].virtual_functions), (16, 0));
    let block = one(&node, Fact::BlockDevices).block_devices.expect("told");
    let told: Vec<_> =
        block.iter().map(|b| (&*b.name, b.size, b.rotational, &*b.transport, b.parent.as_deref())).collect();
    assert_eq!(told, [("vda", 1 << 20, true, "virtio", None), ("vda1", 1 << 19, true, "virtio", Some("vda"))]);
    assert_eq!(block[1].model, "A disk");
    let mounts = one(&node, Fact::Mounts).mounts.expect("told");
    let told: Vec<_> = mounts.iter().map(|m| (&*m.target, &*m.fs_type, m.device.as_deref(), m.size)).collect();
    assert_eq!(told, [("/", "ext4", Some("vda1"), 0), ("/n", "nfs4", None, 0)]);
}

#[test]
fn interfaces() {
    let (_root, node) = machine(
        &[
            ("/sys/devices/pci0000:00/0000:00:03.0/net/eth0/address", "52:54:00:00:00:01\n"),
            ("/sys/devices/pci0000:00/0000:00:03.0/net/eth0/mtu", "9000\n"),
            ("/sys/devices/pci0000:00/0000:00:03.0/net/eth0/operstate", "up\n"),
            ("/sys/devices/pci0000:00/0000:00:03.0/net/eth0/speed", "25000\n"),
            ("/sys/class/net/br0/uevent", "DEVTYPE=bridge\nINTERFACE=br0\n"),
            ("/sys/class/net/br0/address", "00:00:00:00:00:00\n"),
            ("/sys/class/net/br0/speed", "-1\n"),
            ("/sys/class/net/bonding_masters", "\n"),
        ],
        &[
            ("/sys/class/net/eth0", "../../devices/pci0000:00/0000:00:03.0/net/eth0"),
            ("/sys/devices/pci0000:00/0000:00:03.0/net/eth0/device", "../../../0000:00:03.0"),
            ("/sys/devices/pci0000:00/0000:00:03.0/driver", "../../../bus/pci/drivers/mlx5_core"),
        ],
    );
    let all = one(&node, Fact::Network).network.expect("told");
    let names: Vec<_> = all.iter().map(|interface| &*interface.name).collect();
    assert_eq!(names, ["br0", "eth0"]);
    assert_eq!((&*all[0].mac, all[0].speed, all[0].attributes["kind"].as_str()), ("", None, "bridge"));
    let eth0 = &all[1];
    assert_eq!((eth0.mtu, &*eth0.state, eth0.speed, &*eth0.driver), (9000, "up", Some(25000), "mlx5_core"));
    assert_eq!((eth0.attributes["pci"].as_str(), &*eth0.addresses), ("0000:00:03.0", &["10.0.0.5/32".to_owned()][..]));
}

#[test]
fn a_runtime_that_does_not_answer_is_known_by_its_files() {
    let (_root, node) = machine(
        &[
            ("/etc/containerd/config.toml", "[plugins.\"io.containerd.grpc.v1.cri\".containerd.runtimes.runc]\n"),
            ("/etc/containerd/conf.d/n.toml", "[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.nvidia]\n"),
        ],
        &[],
    );
    let runtime = one(&node, Fact::Runtime).runtime.expect("told");
    assert_eq!((&*runtime.name, &*runtime.socket), ("", "unix:///var/run/containerd/containerd.sock"));
    assert_eq!(runtime.handlers, ["nvidia", "runc"]);
}

#[test]
fn what_is_given_comes_first() {
    let root = tempfile::tempdir().expect("a root");
    let facts = NodeFacts { init_system: Some("openrc".into()), ..NodeFacts::default() };
    let node = Node::fixed(root.path(), Ambient { facts: facts.clone(), ..Ambient::default() });
    assert_eq!(one(&node, Fact::InitSystem), facts);
}

#[test]
fn lists_of_numbers() {
    assert_eq!(numbers("0-3,8\n"), [0, 1, 2, 3, 8]);
    assert_eq!((numbers(""), numbers("x"), numbers("3-1")), (vec![], vec![], vec![]));
    assert!(numbers("0-4294967295").len() < 1 << 17, "no machine has so many");
}

#[test]
fn this_machine_answers_quickly() {
    let node = Node::real();
    for fact in Fact::ALL.into_iter().filter(|fact| !matches!(fact, Fact::Sysctl | Fact::Cluster | Fact::Runtime)) {
        let begun = Instant::now();
        let facts = one(&node, fact);
        assert!(facts.knows(fact), "{fact:?}");
        // Ten times what a usual machine needs: tests share theirs with others.
        assert!(begun.elapsed() < Duration::from_millis(200), "{fact:?} took {:?}", begun.elapsed());
    }
    assert!(Path::new("/proc").exists());
}
