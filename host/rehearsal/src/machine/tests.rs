use std::sync::Mutex;
use std::time::Duration;

use kubephase_node::{Node, probe};

use super::*;

struct Pretended {
    node: Node,
    machine: Machine,
    orders: Arc<Mutex<Vec<Order>>>,
    _backstage: Backstage,
    _root: tempfile::TempDir,
}

fn pretended() -> Pretended {
    let root = tempfile::tempdir().expect("a directory");
    let backstage = Backstage::start().expect("a thread");
    let machine = Machine::new(root.path(), &Spec::default(), &backstage).expect("a machine");
    let orders = Arc::new(Mutex::new(Vec::new()));
    let ordered = orders.clone();
    let stage = machine.stage("http://127.0.0.1:1".into(), Arc::new(move |o| ordered.lock().expect("a lock").push(o)));
    let node = Node::rehearsed(machine.root(), machine.ambient(), stage);
    Pretended { node, machine, orders, _backstage: backstage, _root: root }
}

fn block_on<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime").block_on(future)
}

#[test]
fn facts_are_those_of_the_pretended_machine() {
    let here = pretended();
    let facts = here.node.facts();
    assert_eq!(facts.hostname, "cp-1");
    let addresses: Vec<IpAddr> = Spec::default().addresses;
    assert_eq!(facts.default_route_addresses, addresses);
    assert_eq!(facts.cri_sockets, [kubephase_model::layout::CONTAINERD_SOCKET]);
    assert_eq!(facts.proxy_env, []);
    assert!(facts.ca_dirs.contains(&"/etc/ca-certificates".to_owned()) && !facts.systemd_resolved);
    assert_eq!(probe::swap(&here.node).expect("a table"), Vec::<String>::new());
    let cgroups = probe::cgroups(&here.node).expect("readable").expect("mounted");
    assert_eq!(cgroups.version, probe::CgroupVersion::V2);
}

#[test]
fn the_runtime_pulls_and_then_has() {
    let here = pretended();
    here.machine.state().lock().sandbox_image = "registry.k8s.io/pause:3.10".into();
    block_on(async {
        let cri = here.node.cri("unix:///var/run/containerd/containerd.sock", Duration::from_secs(5)).await;
        let cri = cri.expect("it listens");
        assert_eq!(cri.version().await.expect("an answer").name, "containerd");
        let status = cri.status(true).await.expect("an answer");
        assert!(status.runtime_ready);
        assert_eq!(status.sandbox_image.as_deref(), Some("registry.k8s.io/pause:3.10"));
        assert!(cri.runtime_config().await.expect("an answer").is_some());
        assert!(!cri.image_present("example.com/a:1").await.expect("an answer"));
        cri.pull("example.com/a:1").await.expect("pulled");
        assert!(cri.image_present("example.com/a:1").await.expect("an answer"));
        assert!(cri.pull("").await.is_err());
        assert_eq!(cri.list_containers(&[]).await.expect("an answer"), []);
    });
}

#[test]
fn containers_that_ended_say_why() {
    let here = pretended();
    let container = state::Container {
        id: "c".repeat(64),
        sandbox: "5".repeat(64),
        name: "etcd".into(),
        pod: "etcd-cp-1".into(),
        namespace: "kube-system".into(),
        uid: "u".into(),
        image: "etcd:1".into(),
        started: std::time::SystemTime::now(),
        failure: Some("open /etc/kubernetes/pki/etcd/ca.crt: no such file or directory".into()),
    };
    here.machine.state().lock().containers.push(container);
    block_on(async {
        let cri = here.node.cri("/run/containerd/containerd.sock", Duration::from_secs(5)).await.expect("it listens");
        let label = [(kubephase_node::cri::CONTAINER_NAME_LABEL, "etcd")];
        let found = cri.list_containers(&label).await.expect("an answer");
        assert_eq!(found.len(), 1);
        let details = cri.container_status(&found[0].id).await.expect("an answer");
        assert!(format!("{details:?}").contains("no such file"), "{details:?}");
        assert_eq!(cri.list_containers(&[("a", "b")]).await.expect("an answer"), []);
        let sandboxes = cri.list_sandboxes(&[]).await.expect("an answer");
        cri.remove_sandbox(&sandboxes[0].id).await.expect("removed");
        assert_eq!(cri.list_containers(&[]).await.expect("an answer"), []);
    });
}

#[test]
fn services_are_answered_for_and_the_kubelet_is_ordered() {
    let here = pretended();
    block_on(async {
        let kubelet = here.node.service("kubelet");
        assert!(kubelet.exists().await.expect("an answer") && kubelet.enabled().await.expect("an answer"));
        assert!(!kubelet.active().await.expect("an answer"));
        assert!(!here.node.service("firewalld").exists().await.expect("an answer"));
        kubelet.restart().await.expect("ordered");
        kubelet.stop().await.expect("ordered");
    });
    assert_eq!(*here.orders.lock().expect("a lock"), [Order::Start, Order::Stop]);
}

#[test]
fn a_path_that_is_too_long_for_a_socket_is_told() {
    let root = tempfile::tempdir().expect("a directory");
    let deep = root.path().join("d".repeat(100));
    std::fs::create_dir(&deep).expect("a directory");
    let backstage = Backstage::start().expect("a thread");
    let error = Machine::new(&deep, &Spec::default(), &backstage).expect_err("too long");
    assert!(matches!(error, MachineError::LongPath { .. }) && error.to_string().contains("107"), "{error}");
}

#[test]
fn patches_are_brought_and_nothing_else() {
    let here = pretended();
    let real = tempfile::tempdir().expect("a directory");
    let patches = real.path().join("patches");
    let deep = (0..12).fold(patches.clone(), |path, _| path.join("d"));
    std::fs::create_dir_all(&deep).expect("directories");
    std::fs::write(patches.join("d/etcd.yaml"), "a: 1").expect("a file");
    std::fs::write(deep.join("etcd.yaml"), "too deep").expect("a file");
    here.machine.bring(&patches).expect("brought");
    let brought = here.machine.place(&patches);
    assert_eq!(std::fs::read_to_string(brought.join("d/etcd.yaml")).expect("a file"), "a: 1");
    let deepest = |levels: usize| (0..levels).fold(brought.clone(), |path, _| path.join("d"));
    assert!(deepest(8).is_dir() && !deepest(9).exists());

    let outside = real.path().join("outside");
    std::fs::create_dir(&outside).expect("a directory");
    std::fs::write(outside.join("key"), "secret").expect("a file");
    std::os::unix::fs::symlink(&outside, patches.join("link")).expect("a link");
    let error = here.machine.bring(&patches).expect_err("it leads out");
    assert!(error.to_string().contains("patches/link") && !brought.join("link/key").exists(), "{error}");
    here.machine.bring(&real.path().join("none")).expect("whoever needs it tells that it is not there");
}

#[test]
fn no_path_leads_out_of_the_tree() {
    let here = pretended();
    let root = here.machine.root();
    assert_eq!(here.machine.place("/../../etc/./x/../hosts"), root.join("etc/hosts"));
    assert_eq!(here.machine.place("etc/hosts"), root.join("etc/hosts"));
}
