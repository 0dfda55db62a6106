//! Nodes come and go: kubephase joins a worker and two control planes at once, takes out one that has died, resets nodes
//! to what they were and joins one again. Then programs are exchanged: kubeadm joins such a cluster, and kubephase joins
//! one of kubeadm's.
//!
//! What it does not prove: more than one address for the API servers. All nodes reach the first one's, so that one must
//! stay.

mod footprint;
mod interchange;
mod members;
pub mod rounds;

use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use serde_json::{Value, json};

use super::bootstrapper::{Kind, left_out};
use super::cluster::{connect_pods, kubectl, ready, resolve_on, rolled_out};
use super::command::{tail, wait_until};
use super::interop::{self, Role};
use super::lab::{Lab, collect_logs};
use super::node::Node;
use super::steps::Steps;
use footprint::Footprint;

/// Where the configuration lies in the first node.
const CONFIG: &str = "/root/config.yaml";

/// A control plane may be slow to come up on a machine that runs three.
const PATIENCE: Duration = Duration::from_secs(120);

/// Every step.
pub fn come_and_go(lab: &mut Lab, steps: &mut Steps) -> Result<()> {
    if lab.kit.bootstrapper.kind != Kind::Kubephase {
        steps.skip("nodes that come and go", "they are joined and reset by kubephase");
        return Ok(());
    }
    let mut nodes = Vec::new();
    for name in ["n-cp1", "n-w1", "n-cp2", "n-cp3"] {
        nodes.push(lab.boot(steps, name)?);
    }
    let told = tell(lab, &nodes, steps).inspect_err(|_| nodes.iter().for_each(collect_logs))?;
    let exchanged = interchange::into_ours(lab, &nodes[0], &told, steps);
    if exchanged.is_err() {
        nodes[..3].iter().for_each(collect_logs);
    }
    exchanged?;
    steps.run("switch these nodes off", || nodes[..3].iter().try_for_each(Node::stop))?;
    interchange::into_theirs(lab, steps)
}

/// Sets a cluster up on its first node; answers what was said.
fn init(lab: &Lab, first: &Node, steps: &mut Steps) -> Result<String> {
    let bootstrapper = &lab.kit.bootstrapper;
    first.write(CONFIG, &bootstrapper.config(&lab.kit.kubernetes, &first.address))?;
    steps.run(&format!("init on {}", first.name), || {
        let told = first.exec(bootstrapper.init(&lab.kit.kubernetes, CONFIG)).log(first.logs.join("init.txt")).run()?;
        first.install(&lab.kit.kubectl, "/usr/local/bin/kubectl")?;
        connect_pods(first, first)?;
        ready(first, &first.name)?;
        Ok(told)
    })
}

/// The story of a cluster; answers what its `init` said.
fn tell(lab: &Lab, nodes: &[Node], steps: &mut Steps) -> Result<String> {
    let [first, worker, second, third] = nodes else { bail!("four nodes play in this") };
    let told = init(lab, first, steps)?;

    let (untouched, untouched_second) = (Footprint::of(worker)?, Footprint::of(second)?);
    steps.run(&format!("join {}", worker.name), || join(lab, worker, &told, Role::Worker))?;
    steps.run(&format!("{} is Ready", worker.name), || settle(first, worker))?;
    steps.run(&format!("join {} and {} at the same time", second.name, third.name), || {
        at_once(&[second, third], |node| join(lab, node, &told, Role::ControlPlane))
    })?;
    steps.run(&format!("{} and {} are Ready", second.name, third.name), || {
        [second, third].iter().try_for_each(|node| settle(first, node))
    })?;
    steps.run("three control planes serve, with three voters in etcd", || {
        let all = [first, second, third];
        all.iter().try_for_each(|node| interop::serves(first, node))?;
        members::are(first, &all)?;
        are_control_planes(first, &all)
    })?;
    steps.run("a pod of one node reaches Services whose pods run on others", || {
        connect_nodes(first, &nodes.iter().collect::<Vec<_>>())?;
        rolled_out(first, "deployment/coredns")?;
        elsewhere(first, worker)?;
        resolve_on(lab, first, Some(&worker.name))
    })?;

    steps.run(&format!("{} dies", third.name), || die(third))?;
    steps.run(&format!("node remove {}", third.name), || remove(first, third))?;
    steps.run("what is left is a whole cluster", || {
        let left = [first, second];
        members::are(first, &left)?;
        are_control_planes(first, &left)?;
        left.iter().try_for_each(|node| interop::serves(first, node))
    })?;

    steps.run(&format!("node remove {}, which still runs", worker.name), || {
        sleeper(lab, first, worker)?;
        remove(first, worker)?;
        let left = kubectl(first, &["get", "pod", "sleeper", "--ignore-not-found", "-o", "name"]).run()?;
        if left.trim().is_empty() { Ok(()) } else { bail!("it was not drained: {left}") }
    })?;
    reset(worker, &untouched, steps)?;
    steps.run(&format!("join {} again", worker.name), || join(lab, worker, &told, Role::Worker))?;
    steps.run(&format!("{} is Ready again", worker.name), || settle(first, worker))?;
    reset(second, &untouched_second, steps)?;
    steps.run(&format!("{} has left etcd by its reset", second.name), || {
        members::are(first, &[first])?;
        interop::serves(first, first)
    })?;
    Ok(told)
}

/// Nothing of being a node is left on its machine, and what somebody else has put there stays.
fn reset(node: &Node, untouched: &Footprint, steps: &mut Steps) -> Result<()> {
    let used = Footprint::of(node)?;
    used.exceeds(untouched)?;
    let foreign = node.exec(["sh", "-c", "sha256sum /etc/cni/net.d/*"]).run()?;
    steps.run(&format!("reset {}", node.name), || {
        let reset = ["kubephase", "reset", "--force"];
        node.exec(reset).log(node.logs.join("reset.txt")).run().map(drop)
    })?;
    let after = Footprint::of(node)?;
    eprintln!("{} at first: {untouched}; as a node: {used}; after reset: {after}", node.name);
    steps.run(&format!("{} is what it was", node.name), || {
        after.equals(untouched)?;
        let now = node.exec(["sh", "-c", "sha256sum /etc/cni/net.d/*"]).run()?;
        if now == foreign {
            Ok(())
        } else {
            bail!("a CNI configuration that is not ours has changed:\n{foreign}\n{now}")
        }
    })
}

/// Runs on `node` the command that `init` showed, as it was shown.
fn join(lab: &Lab, node: &Node, told: &str, role: Role) -> Result<()> {
    let mut words =
        interop::command(told, role).with_context(|| format!("init showed no command to join with:\n{told}"))?;
    words.extend(left_out(Kind::Kubephase, &lab.kit.kubernetes));
    node.exec(words).log(node.logs.join("join.txt")).run().map(drop)
}

/// Waits for a node that has joined.
fn settle(first: &Node, node: &Node) -> Result<()> {
    connect_pods(first, node)?;
    ready(first, &node.name)
}

/// Does the same on several nodes, and fails with the words of each that failed.
fn at_once(nodes: &[&Node], task: impl Fn(&Node) -> Result<()> + Sync) -> Result<()> {
    let failed: Vec<String> = thread::scope(|scope| {
        let task = &task;
        let running: Vec<_> = nodes.iter().map(|node| (node, scope.spawn(move || task(node)))).collect();
        let ended = running.into_iter().map(|(node, run)| {
            let ended = run.join().unwrap_or_else(|_| Err(anyhow!("it panicked")));
            ended.err().map(|error| format!("{}: {error:#}", node.name))
        });
        ended.flatten().collect()
    });
    if failed.is_empty() { Ok(()) } else { bail!("{}", failed.join("\n")) }
}

/// The cluster takes these nodes, and no other, for control planes.
fn are_control_planes(first: &Node, nodes: &[&Node]) -> Result<()> {
    let label = "node-role.kubernetes.io/control-plane";
    let said = kubectl(first, &["get", "nodes", "-o", "name", "-l", label]).run()?;
    let mut wanted: Vec<String> = nodes.iter().map(|node| format!("node/{}", node.name)).collect();
    let mut found: Vec<String> = said.lines().map(str::to_owned).collect();
    wanted.sort();
    found.sort();
    if wanted == found { Ok(()) } else { bail!("control planes are {found:?} instead of {wanted:?}") }
}

/// Nodes on one switch send pods' packets to each other directly.
fn connect_nodes(first: &Node, nodes: &[&Node]) -> Result<()> {
    for node in nodes {
        let subnet = kubectl(first, &["get", "node", &node.name, "-o", "jsonpath={.spec.podCIDR}"]).run()?;
        for other in nodes.iter().filter(|other| other.name != node.name) {
            other.exec(["ip", "route", "replace", subnet.trim(), "via", &node.address]).run()?;
        }
    }
    Ok(())
}

/// CoreDNS runs on other nodes than this one: else no packet would leave it.
fn elsewhere(first: &Node, node: &Node) -> Result<()> {
    let words = ["-n", "kube-system", "get", "pods", "-l", "k8s-app=kube-dns", "-o", "json"];
    let pods: Value = serde_json::from_str(&kubectl(first, &words).run()?)?;
    let nodes: Vec<&str> =
        pods["items"].as_array().into_iter().flatten().filter_map(|p| p["spec"]["nodeName"].as_str()).collect();
    if nodes.is_empty() || nodes.contains(&node.name.as_str()) {
        bail!("CoreDNS runs on {nodes:?}");
    }
    Ok(())
}

/// A machine that is gone at once, for its neighbours, too.
fn die(node: &Node) -> Result<()> {
    node.exec(["ip", "link", "set", "eth0", "down"]).run()?;
    node.stop()
}

/// `first` takes `node` out of the cluster.
fn remove(first: &Node, node: &Node) -> Result<()> {
    let words = ["kubephase", "node", "remove", &node.name, "--kubeconfig", "/etc/kubernetes/admin.conf"];
    first.exec(words).log(first.logs.join("node-remove.txt")).run()?;
    let left = kubectl(first, &["get", "node", &node.name, "--ignore-not-found", "-o", "name"]).run()?;
    if left.trim().is_empty() { Ok(()) } else { bail!("the object is still there: {left}") }
}

/// A pod that runs on `node` until somebody ends it.
fn sleeper(lab: &Lab, first: &Node, node: &Node) -> Result<()> {
    let pod = json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": { "name": "sleeper", "namespace": "default" },
        "spec": {
            "nodeName": node.name,
            "terminationGracePeriodSeconds": 1,
            "containers": [{ "name": "sleeper", "image": lab.kit.image("pause")?, "imagePullPolicy": "Never" }],
        },
    });
    kubectl(first, &["create", "-f", "-"]).stdin(pod.to_string()).run()?;
    wait_until("a pod to run", PATIENCE, || {
        let phase = kubectl(first, &["get", "pod", "sleeper", "-o", "jsonpath={.status.phase}"]).run()?;
        if phase == "Running" { Ok(()) } else { bail!("it is {}", tail(&phase, 1)) }
    })
}
