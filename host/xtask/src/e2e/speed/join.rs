//! `join` of a worker, then of a control plane, to a cluster of one node that the same program has made and that has just
//! become ready.

use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::{CONFIG, Race, judge, rival, timed, turns};
use crate::e2e::bootstrapper::{Bootstrapper, Kind, left_out};
use crate::e2e::cluster::{connect_pods, kubectl, ready};
use crate::e2e::command::wait_until;
use crate::e2e::interop::{self, Role};
use crate::e2e::lab::{Lab, collect_logs};
use crate::e2e::node::Node;
use crate::e2e::steps::Steps;

/// The largest shares of kubeadm's time.
const WORKER: f64 = 0.8;
const CONTROL_PLANE: f64 = 0.4;

/// Measures, and shows medians.
pub fn measured(lab: &mut Lab, rounds: u16, steps: &mut Steps) -> Result<()> {
    let Some(kubeadm) = rival(lab, "join beside kubeadm", steps) else { return Ok(()) };
    let mut races = [Race::new("join of a worker", WORKER), Race::new("join of a control plane", CONTROL_PLANE)];
    for round in 1..=rounds {
        for kind in turns(round) {
            let program = match kind {
                Kind::Kubephase => lab.kit.bootstrapper.program.clone(),
                Kind::Kubeadm => kubeadm.clone(),
            };
            let rider = Bootstrapper { kind, program };
            let mut nodes = Vec::new();
            for node in ["first", "worker", "second"] {
                let node = lab.boot(steps, &format!("{}{round}-{node}", kind.name()))?;
                node.install(&kubeadm, "/usr/local/bin/kubeadm")?;
                nodes.push(node);
            }
            let ridden = ride(lab, &rider, &nodes, &mut races, steps);
            nodes.iter().for_each(collect_logs);
            ridden?;
            nodes.iter().try_for_each(Node::stop)?;
        }
    }
    judge(&races)
}

/// One program's turn.
fn ride(lab: &Lab, rider: &Bootstrapper, nodes: &[Node], races: &mut [Race; 2], steps: &mut Steps) -> Result<()> {
    let [first, worker, second] = nodes else { bail!("three nodes play in this") };
    let told = steps.run(&format!("{} init on {}", rider.name(), first.name), || {
        first.install(&lab.kit.kubectl, "/usr/local/bin/kubectl")?;
        first.write(CONFIG, &rider.config(&lab.kit.kubernetes, &first.address))?;
        let told = first.exec(rider.init(&lab.kit.kubernetes, CONFIG)).log(first.logs.join("init.txt")).run()?;
        connect_pods(first, first)?;
        ready(first, &first.name)?;
        signed(first)?;
        Ok(told)
    })?;
    for (race, (node, role)) in races.iter_mut().zip([(worker, Role::Worker), (second, Role::ControlPlane)]) {
        let mut words =
            interop::command(&told, role).with_context(|| format!("init showed no command to join with:\n{told}"))?;
        // Whichever program it names.
        rider.name().clone_into(&mut words[0]);
        // Both leave out what kubeadm cannot do.
        words.extend(left_out(Kind::Kubeadm, &lab.kit.kubernetes));
        if rider.kind == Kind::Kubephase {
            words.extend(["-o", "json"].map(str::to_owned));
        }
        let (said, took) =
            steps.run(&format!("{} joins {}", rider.name(), node.name), || timed(node, &words, "join.txt"))?;
        race.note(rider.kind, &said, took);
        steps.run(&format!("{} is Ready", node.name), || {
            connect_pods(first, node)?;
            ready(first, &node.name)?;
            if role == Role::Worker {
                return Ok(());
            }
            // An old kubeadm does not wait for that.
            wait_until("its API server", Duration::from_secs(60), || interop::serves(first, node))
        })?;
    }
    Ok(())
}

/// Waits until the cluster proves who it is: how soon its controllers begin with that is nobody's merit.
fn signed(first: &Node) -> Result<()> {
    wait_until("the cluster to sign cluster-info", Duration::from_secs(60), || {
        let said = kubectl(first, &["-n", "kube-public", "get", "configmap", "cluster-info", "-o", "yaml"]).run()?;
        if said.contains("jws-kubeconfig-") { Ok(()) } else { bail!("it is not signed") }
    })
}
