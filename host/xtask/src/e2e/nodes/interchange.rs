//! Nodes of one program in clusters of the other: the release's kubeadm joins one of kubephase's, and kubephase joins one
//! of kubeadm's.

use anyhow::Result;

use super::{CONFIG, are_control_planes, join, members, settle};
use crate::e2e::bootstrapper::{Bootstrapper, Kind};
use crate::e2e::cluster::{connect_pods, ready};
use crate::e2e::interop::{self, Role};
use crate::e2e::lab::{Lab, collect_logs};
use crate::e2e::node::Node;
use crate::e2e::steps::Steps;

/// kubeadm joins a worker to the cluster of `first`, which several nodes have joined and left.
pub fn into_ours(lab: &mut Lab, first: &Node, told: &str, steps: &mut Steps) -> Result<()> {
    let name = "n-w2";
    let Some(kubeadm) = kubeadm(lab, &format!("kubeadm joins {name}"), steps) else { return Ok(()) };
    let node = lab.boot(steps, name)?;
    node.install(&kubeadm.program, "/usr/local/bin/kubeadm")?;
    let joined = steps.run(&format!("kubeadm joins {name}"), || interop::join(lab, first, &node, told, Role::Worker));
    joined.inspect_err(|_| collect_logs(&node))?;
    node.stop()
}

/// kubephase joins a worker and a control plane to a cluster that kubeadm has made.
pub fn into_theirs(lab: &mut Lab, steps: &mut Steps) -> Result<()> {
    let Some(kubeadm) = kubeadm(lab, "kubephase joins a cluster of kubeadm's", steps) else { return Ok(()) };
    let mut nodes = Vec::new();
    for name in ["k-cp1", "k-w1", "k-cp2"] {
        nodes.push(lab.boot(steps, name)?);
    }
    tell(lab, &kubeadm, &nodes, steps).inspect_err(|_| nodes.iter().for_each(collect_logs))?;
    steps.run("switch kubeadm's nodes off", || nodes.iter().try_for_each(Node::stop))
}

fn tell(lab: &Lab, kubeadm: &Bootstrapper, nodes: &[Node], steps: &mut Steps) -> Result<()> {
    let [first, worker, second] = nodes else { anyhow::bail!("three nodes play in this") };
    let told = steps.run("kubeadm init", || {
        first.install(&kubeadm.program, "/usr/local/bin/kubeadm")?;
        first.install(&lab.kit.kubectl, "/usr/local/bin/kubectl")?;
        first.write(CONFIG, &kubeadm.config(&lab.kit.kubernetes, &first.address))?;
        let told = first.exec(kubeadm.init(&lab.kit.kubernetes, CONFIG)).log(first.logs.join("init.txt")).run()?;
        connect_pods(first, first)?;
        ready(first, &first.name)?;
        // The words are the same; only the program is another one.
        Ok(told.replace("kubeadm join ", "kubephase join "))
    })?;
    steps.run("kubephase joins a worker to kubeadm's cluster", || {
        join(lab, worker, &told, Role::Worker)?;
        settle(first, worker)
    })?;
    steps.run("kubephase joins a control plane to kubeadm's cluster", || {
        join(lab, second, &told, Role::ControlPlane)?;
        settle(first, second)?;
        interop::serves(first, second)?;
        members::are(first, &[first, second])?;
        are_control_planes(first, &[first, second])
    })
}

/// The release's own, if it has one.
fn kubeadm(lab: &Lab, step: &str, steps: &mut Steps) -> Option<Bootstrapper> {
    let program = lab.kit.kubernetes.bin_dir.join("kubeadm");
    if program.exists() {
        return Some(Bootstrapper { kind: Kind::Kubeadm, program });
    }
    steps.skip(step, &format!("there is no {}", program.display()));
    None
}
