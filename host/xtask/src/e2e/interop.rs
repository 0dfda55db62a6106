//! A cluster that kubephase made, in the hands of the release's own kubeadm: it joins a worker and a control plane with
//! the commands that `init` showed, and reads what it needs for tokens, certificates and upgrades.

use anyhow::{Context, Result, bail};

use super::bootstrapper::{Kind, left_out};
use super::cluster::{connect_pods, kubectl, ready};
use super::command::tail;
use super::lab::{Lab, collect_logs};
use super::node::Node;
use super::steps::Steps;

/// The nodes that join.
const JOINERS: &[(&str, Role)] = &[("w1", Role::Worker), ("cp2", Role::ControlPlane)];

/// What a node becomes by joining.
#[derive(Clone, Copy, PartialEq)]
pub enum Role {
    /// It runs pods.
    Worker,
    /// It runs the cluster, too.
    ControlPlane,
}

/// kubeadm joins nodes to the cluster of `first`, whose `init` said `told`.
pub fn joins(lab: &mut Lab, first: &Node, told: &str, steps: &mut Steps) -> Result<()> {
    let kubeadm = lab.kit.kubernetes.bin_dir.join("kubeadm");
    if !kubeadm.exists() {
        steps.skip("kubeadm joins nodes", &format!("there is no {}", kubeadm.display()));
        return Ok(());
    }
    for (name, role) in JOINERS {
        let node = lab.boot(steps, name)?;
        node.install(&kubeadm, "/usr/local/bin/kubeadm")?;
        let joined = steps.run(&format!("kubeadm joins {name}"), || join(lab, first, &node, told, *role));
        if joined.is_err() {
            collect_logs(&node);
        }
        joined?;
    }
    first.install(&kubeadm, "/usr/local/bin/kubeadm")?;
    steps.run("kubeadm reads the cluster", || read(lab, first))?;
    let upgrade = "kubeadm upgrades to the same version and finds nothing to change";
    if lab.kit.kubernetes.minor < 30 {
        steps.skip(upgrade, "an old kubeadm needs crictl for that, which is in no Debian suite");
        return Ok(());
    }
    steps.run(upgrade, || upgrade_to_same(lab, first))
}

/// kubeadm, which is in the node, joins it; then it is ready.
pub fn join(lab: &Lab, first: &Node, node: &Node, told: &str, role: Role) -> Result<()> {
    let mut words = command(told, role).with_context(|| format!("init showed no command to join with:\n{told}"))?;
    Kind::Kubeadm.name().clone_into(&mut words[0]);
    words.extend(left_out(Kind::Kubeadm, &lab.kit.kubernetes));
    node.exec(words).log(node.logs.join("join.txt")).run()?;
    connect_pods(first, node)?;
    ready(first, &node.name)?;
    if role == Role::ControlPlane { serves(first, node) } else { Ok(()) }
}

/// The API server of `node` is ready. Not its pods are looked at: an old kubelet that registers after its static pods run
/// tells of them a minute later.
pub fn serves(first: &Node, node: &Node) -> Result<()> {
    let server = format!("https://{}:6443", node.address);
    let said = kubectl(first, &["--server", &server, "get", "--raw", "/readyz"]).run()?;
    if said.trim() != "ok" {
        bail!("the API server at {server} says {said}");
    }
    Ok(())
}

/// The command to join with as `init` showed it, the program's name first.
pub fn command(told: &str, role: Role) -> Option<Vec<String>> {
    let told = told.replace("\\\n", " ");
    let mut lines = told.lines().filter(|line| line.contains(" join ") && line.contains("--token"));
    let line = lines.find(|line| line.contains("--control-plane") == (role == Role::ControlPlane))?;
    Some(line.split_whitespace().map(str::to_owned).collect())
}

/// What kubeadm says of a cluster that it did not make.
fn read(lab: &Lab, node: &Node) -> Result<()> {
    let version = &lab.kit.kubernetes.version;
    let run = |words: &[&str]| node.exec(["kubeadm"].iter().chain(words)).log(node.logs.join("kubeadm.txt")).run();
    let tokens = run(&["token", "list", "--kubeconfig", "/etc/kubernetes/admin.conf"])?;
    if !tokens.contains("abcdef.0123456789abcdef") {
        bail!("kubeadm lists other tokens:\n{}", tail(&tokens, 20));
    }
    let certificates = run(&["certs", "check-expiration"])?;
    let complete =
        ["apiserver-etcd-client", "front-proxy-client", "scheduler.conf"].iter().all(|n| certificates.contains(n));
    // It looks at the cluster first and, if it does not understand it, takes its defaults instead.
    if !complete || certificates.contains("Falling back") || certificates.contains("MISSING") {
        bail!("kubeadm does not know these certificates:\n{}", tail(&certificates, 40));
    }
    let next = next_patch(version).with_context(|| format!("{version} has no patch number"))?;
    let plan = run(&["upgrade", "plan", &next, "--ignore-preflight-errors=SystemVerification"])?;
    if !plan.contains(&format!("kubeadm upgrade apply {next}")) || plan.contains("[WARNING CreateJob") {
        bail!("kubeadm plans no upgrade:\n{}", tail(&plan, 40));
    }
    Ok(())
}

/// It renders all static pods anew and compares. Then it writes every object of the cluster once more.
fn upgrade_to_same(lab: &Lab, node: &Node) -> Result<()> {
    let words = ["kubeadm", "upgrade", "apply", &lab.kit.kubernetes.version, "--force", "--yes"];
    let ignored = "--ignore-preflight-errors=SystemVerification";
    let said = node.exec(words.iter().chain(&[ignored])).log(node.logs.join("kubeadm.txt")).run()?;
    for component in ["etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler"] {
        if !said.contains(&format!("Current and new manifests of {component} are equal, skipping upgrade")) {
            bail!("kubeadm would write another manifest of {component}:\n{}", tail(&said, 60));
        }
    }
    Ok(())
}

fn next_patch(version: &str) -> Option<String> {
    let (minor, patch) = version.rsplit_once('.')?;
    Some(format!("{minor}.{}", patch.parse::<u32>().ok()? + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_found_in_either_form() {
        let ours = "text\n  kubephase join h:6443 --token a.b --control-plane --certificate-key k\n\n  kubephase join h:6443 --token a.b\n";
        let theirs = "  kubeadm join h:6443 --token a.b \\\n\t--control-plane --certificate-key k\n\n\nkubeadm join h:6443 --token a.b \\\n\t--hash x\n";
        for (told, program, last) in [(ours, "kubephase", "a.b"), (theirs, "kubeadm", "x")] {
            for (role, last) in [(Role::ControlPlane, "k"), (Role::Worker, last)] {
                let words = command(told, role).unwrap_or_default();
                assert_eq!((&*words[0], &*words[1], words.last().map(String::as_str)), (program, "join", Some(last)));
            }
        }
        assert_eq!(command("", Role::Worker), None);
        assert_eq!(next_patch("v1.36.9").as_deref(), Some("v1.36.10"));
    }
}
