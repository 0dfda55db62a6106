//! A real API server on loopback, without nodes: what the phases inside the cluster make of it, beside what the kubeadm
//! of the same release makes of a second, equally empty one.
//!
//! etcd, API server and controller manager run in the namespaces of one machine (see `node`), so every address and port
//! is their own. Certificates, kubeconfigs and manifests come from the program under test, once per configuration: both
//! runs begin with the same, and what depends on them can be compared to the letter.

mod cases;
pub mod faults;
mod plane;
mod tokens;

use std::fs;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::api::Client;
use super::bootstrapper::Kind;
use super::command::wait_until;
use super::lab::{Kit, Lab};
use super::objects::{self, Objects};
use super::steps::Steps;
use cases::{CASES, Case, ENDPOINT, NODE, TOKENS};
use plane::Plane;

/// Phases before there is an API server.
const BEFORE: &[&str] = &["certs all", "kubeconfig all", "control-plane all", "etcd local"];

/// Phases inside the cluster, in their order.
const INSIDE: &[&str] = &[
    "upload-config all",
    "upload-certs --upload-certs",
    "mark-control-plane",
    "bootstrap-token",
    "kubelet-finalize all",
    "addon all",
];

/// Phases inside the cluster whose second run has nothing to do. Not among them: `upload-certs`, each of whose uploads
/// is new and lives two hours.
const SETTLED: &[&str] =
    &["upload-config all", "mark-control-plane", "bootstrap-token", "kubelet-finalize all", "addon all"];

/// What `init` leaves out. It writes the static pods again: a kubeadm of 1.20 stores what that changes in its memory.
const NOT_HERE: &str = "--skip-phases=preflight,certs,kubeconfig,kubelet-start,wait-control-plane";

/// Where configurations lie in the node.
const CONFIG: &str = "/root/config";

/// Compares the objects of every configuration.
pub fn compare(lab: &mut Lab, steps: &mut Steps) -> Result<()> {
    let kubeadm = lab.kit.kubernetes.bin_dir.join("kubeadm");
    if !kubeadm.exists() {
        steps.skip("objects equal kubeadm's", &format!("there is no {}", kubeadm.display()));
        return Ok(());
    }
    let plane = open(lab, steps, "loopback")?;
    // The program under test may be kubeadm itself: then this tests the comparison.
    plane.node.install(&kubeadm, "/usr/local/bin/kubeadm")?;
    steps.run("tokens equal kubeadm's", || {
        lay_out(&lab.kit, &plane, &CASES[0])?;
        plane.start()?;
        plane.wait()?;
        let compared = tokens::compare(&plane, lab.kit.bootstrapper.name());
        compared.and(plane.stop())
    })?;
    for case in CASES {
        steps.run(&format!("objects equal kubeadm's: {}", case.name), || one(&lab.kit, &plane, case))?;
    }
    Ok(())
}

/// A machine with the programs and the bootstrapper on it.
fn open(lab: &mut Lab, steps: &mut Steps, name: &str) -> Result<Plane> {
    let node = lab.boot_bare(steps, name)?;
    let bootstrapper = &lab.kit.bootstrapper;
    node.install(&bootstrapper.program, &format!("/usr/local/bin/{}", bootstrapper.name()))?;
    fs::OpenOptions::new()
        .append(true)
        .open(node.path("/etc/hosts"))
        .and_then(|mut hosts| {
            std::io::Write::write_all(&mut hosts, format!("{} {ENDPOINT}\n", node.address).as_bytes())
        })
        .context("could not add to the node's hosts")?;
    Plane::lay_out(lab, node)
}

/// Lays out what `init` has written by the time the API server starts.
fn lay_out(kit: &Kit, plane: &Plane, case: &Case) -> Result<()> {
    plane.sh("rm -rf /etc/kubernetes /var/lib/kubelet /var/lib/kubephase && mkdir -p /var/lib/kubelet")?;
    write_config(kit, plane, case, kit.bootstrapper.kind)?;
    phases(plane, kit.bootstrapper.name(), BEFORE)?;
    plane.sh("rm -rf /root/kubernetes && cp -a /etc/kubernetes /root/kubernetes")
}

fn write_config(kit: &Kit, plane: &Plane, case: &Case, kind: Kind) -> Result<()> {
    let kubernetes = &kit.kubernetes;
    let text = case.config(kind, &kubernetes.version, kubernetes.minor, &plane.node.address);
    plane.node.write(&format!("{CONFIG}-{}.yaml", kind.name()), &text)
}

fn one(kit: &Kit, plane: &Plane, case: &Case) -> Result<()> {
    lay_out(kit, plane, case)?;
    let wanted = made_by(kit, plane, case, Kind::Kubeadm)?;
    let found = made_by(kit, plane, case, kit.bootstrapper.kind)?;
    let differences = objects::differences(&wanted, &found);
    if !differences.is_empty() {
        bail!("{} differences to kubeadm's objects:\n{}", differences.len(), differences.join("\n"));
    }
    // Nothing compared is nothing proven.
    let name = |object: &str| found.keys().any(|key| key.contains(object));
    if !name("ConfigMap kube-system/kubeadm-config") || !name("ConfigMap kube-public/cluster-info") {
        bail!("the cluster lacks what every cluster has:\n{}", found.keys().cloned().collect::<Vec<_>>().join("\n"));
    }
    Ok(())
}

/// All objects of a fresh API server on which `kind`'s program ran the phases, and the kubelet's kubeconfig.
fn made_by(kit: &Kit, plane: &Plane, case: &Case, kind: Kind) -> Result<Objects> {
    write_config(kit, plane, case, kind)?;
    plane.sh("rm -rf /etc/kubernetes && cp -a /root/kubernetes /etc/kubernetes")?;
    plane.start()?;
    plane.register(NODE)?;
    inside(plane, kind.name())?;
    let client = Client::admin(&plane.node)?;
    let found = settled(&client, kind.name()).and_then(|found| {
        if kind == Kind::Kubephase {
            again(plane, &client)?;
        }
        Ok(found)
    });
    let kubelet = fs::read_to_string(plane.node.path("/etc/kubernetes/kubelet.conf"))?;
    plane.stop()?;
    let mut found = found?;
    found.insert("file kubelet.conf".into(), serde_yaml::from_str(&kubelet)?);
    // For people: what was compared.
    let file = plane.node.logs.join(format!("{}-{}.json", case.name.replace(' ', "-"), kind.name()));
    fs::write(&file, serde_json::to_vec_pretty(&found)?)?;
    Ok(found)
}

/// The same once more, phase by phase: no object of the bootstrapper's may be written again.
fn again(plane: &Plane, client: &Client<'_>) -> Result<()> {
    let before = objects::versions(&objects::read(client)?);
    phases(plane, Kind::Kubephase.name(), SETTLED)?;
    let after = objects::versions(&objects::read(client)?);
    let changed: Vec<&String> =
        before.iter().filter(|(name, version)| after.get(*name) != Some(version)).map(|(name, _)| name).collect();
    let new: Vec<&String> = after.keys().filter(|name| !before.contains_key(*name)).collect();
    if !changed.is_empty() || !new.is_empty() {
        bail!("the second time changed {changed:?} and made {new:?}");
    }
    Ok(())
}

/// All phases inside the cluster, by one process.
fn inside(plane: &Plane, program: &str) -> Result<String> {
    let words = [program, "init", "--upload-certs", NOT_HERE, "--config", &format!("{CONFIG}-{program}.yaml")];
    plane.node.exec(words).log(plane.node.logs.join("init.txt")).run()
}

/// One process for each phase, as a person would type them.
fn phases(plane: &Plane, program: &str, phases: &[&str]) -> Result<()> {
    for phase in phases {
        let config = format!("{CONFIG}-{program}.yaml");
        let words = [program, "init", "phase"].into_iter().chain(phase.split(' ')).chain(["--config", &config]);
        plane.node.exec(words).log(plane.node.logs.join("phases.txt")).run()?;
    }
    Ok(())
}

/// The objects, once the controllers have made what follows from them and nothing changes any more.
fn settled(client: &Client<'_>, program: &str) -> Result<Objects> {
    let mut last = Objects::new();
    let mut same = 0;
    wait_until("the controllers to settle", Duration::from_secs(90), || {
        let all = objects::read(client)?;
        if let Some(missing) = unfinished(&all) {
            bail!("{missing}");
        }
        let now = objects::normalise(all, program, TOKENS);
        same = if now == last { same + 1 } else { 0 };
        last = now;
        if same < 3 {
            std::thread::sleep(Duration::from_millis(300));
            bail!("objects still change");
        }
        Ok(std::mem::take(&mut last))
    })
}

/// What a controller has yet to do.
fn unfinished(all: &[Value]) -> Option<String> {
    let of = |kind: &'static str| all.iter().filter(move |object| object["kind"] == kind);
    let pods = |prefix: &str| {
        of("Pod").filter(|pod| pod["metadata"]["name"].as_str().is_some_and(|name| name.starts_with(prefix))).count()
    };
    for set in of("Deployment").chain(of("DaemonSet")) {
        let name = set["metadata"]["name"].as_str().unwrap_or_default();
        let wanted = set["spec"]["replicas"].as_u64().unwrap_or(1);
        if (pods(name) as u64) < wanted || set["status"]["observedGeneration"].is_null() {
            return Some(format!("{name} has no pods yet"));
        }
    }
    let info = of("ConfigMap").find(|map| map["metadata"]["name"] == "cluster-info")?;
    let signed = info["data"].as_object().is_some_and(|data| data.keys().any(|key| key.starts_with("jws-kubeconfig-")));
    (!signed).then(|| "cluster-info is not signed".into())
}
