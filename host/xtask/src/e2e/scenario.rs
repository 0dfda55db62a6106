//! What is tested: one function per story, told in steps.

use std::time::Duration;

use anyhow::{Result, bail};
use serde_json::Value;

use super::api::Client;
use super::bootstrapper::Kind;
use super::cluster;
use super::command::{tail, wait_until};
use super::images;
use super::images_bundle;
use super::interop;
use super::lab::{Lab, collect_logs};
use super::node::Node;
use super::objects;
use super::renewal;
use super::serving;
use super::steps::Steps;

/// The static pods of a control plane.
const CONTROL_PLANE: &[&str] = &["etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler"];

/// Where the configuration lies in the node.
const CONFIG: &str = "/root/config.yaml";

/// `init` on a fresh machine brings a control plane up under the real kubelet, and doing it again changes nothing.
pub fn init(lab: &mut Lab, steps: &mut Steps) -> Result<()> {
    let node = lab.boot(steps, "cp1")?;
    let told = tell_init(lab, &node, steps);
    if told.is_err() {
        collect_logs(&node);
    }
    told
}

fn tell_init(lab: &mut Lab, node: &Node, steps: &mut Steps) -> Result<()> {
    let name = lab.kit.bootstrapper.name();
    let config = lab.kit.bootstrapper.config(&lab.kit.kubernetes, &node.address);
    let ours = lab.kit.bootstrapper.kind == Kind::Kubephase;
    // kubeadm leaves such requests to others.
    node.write(CONFIG, &if ours { serving::asked_for(&config) } else { config })?;
    if ours {
        images_bundle::carried(lab, node, CONFIG, steps)?;
    }
    let told = steps.run(&format!("{name} init"), || {
        run_init(node, "init.txt", lab.kit.bootstrapper.init(&lab.kit.kubernetes, CONFIG))
    })?;
    steps.run("kubelet is healthy", || {
        // Not at once: init's last act on the kubelet is to restart it.
        let healthz = ["curl", "-sS", "http://127.0.0.1:10248/healthz"];
        wait_until("the kubelet", Duration::from_secs(30), || expect_ok(node, &healthz))
    })?;
    steps.run("API server is healthy and live", || {
        let client = Client::read(node, "/etc/kubernetes/admin.conf")?;
        for path in ["/healthz", "/livez"] {
            expect_ok(node, &client.line(&[path]))?;
        }
        Ok(())
    })?;
    steps.run("static pods run", || {
        wait_until("the control plane's containers", Duration::from_secs(30), || control_plane_runs(node))
    })?;
    // Not the mirror pods: an old kubelet that registers after its pods run makes those a minute later.
    steps.run("node is registered", || {
        let client = Client::admin(node)?;
        wait_until("the node's object", Duration::from_secs(30), || node_is_registered(node, &client))
    })?;
    cluster::works(lab, node, steps)?;
    if ours {
        serving::approved(node, steps)?;
        steps.run("init again changes nothing", || {
            let before = files(node)? + &tasks(node)? + &versions(node)?;
            let said = run_init(node, "init-again.txt", lab.kit.bootstrapper.init_again(CONFIG))?;
            let after = files(node)? + &tasks(node)? + &versions(node)?;
            if before != after {
                bail!("files, processes or objects differ after the second init:\n{}", difference(&before, &after));
            }
            let changes =
                |line: &&str| line.starts_with('✓') && (line.contains("created") || line.contains("replaced"));
            let changed: Vec<&str> = said.lines().filter(changes).collect();
            if !changed.is_empty() || !said.contains(" unchanged") {
                bail!("the second init does not report everything unchanged:\n{}", changed.join("\n"));
            }
            Ok(())
        })?;
        renewal::renewed(node, steps)?;
    }
    interop::joins(lab, node, &told, steps)
}

/// Runs `init`; all that it says is kept in `log`.
fn run_init(node: &Node, log: &str, words: Vec<String>) -> Result<String> {
    node.exec(words).log(node.logs.join(log)).run()
}

/// The command must succeed and print `ok`.
fn expect_ok(node: &Node, words: &[impl AsRef<std::ffi::OsStr>]) -> Result<()> {
    let said = node.exec(words).run()?;
    if said.trim() != "ok" {
        bail!("expected ok, but it said:\n{}", tail(&said, 20));
    }
    Ok(())
}

/// Every path under the directories that `init` writes to, with mode and content's checksum.
pub fn files(node: &Node) -> Result<String> {
    let list = "find /etc/kubernetes /etc/cni /var/lib/kubelet/config.yaml /var/lib/kubelet/kubeadm-flags.env -type f \
                -exec stat -c '%a %n' {} + -exec sha256sum {} + | sort";
    node.exec(["sh", "-c", list]).run()
}

/// containerd's running tasks, with their process ids.
pub fn tasks(node: &Node) -> Result<String> {
    node.exec(["sh", "-c", "ctr -n k8s.io tasks ls | sort"]).run()
}

/// kubephase itself, or one of its plugins.
fn is_ours(manager: &Value) -> bool {
    let plugin =
        |name: &str| name.strip_prefix(Kind::Kubephase.name()).is_some_and(|rest| rest.starts_with("-plugin-"));
    manager.as_str().is_some_and(|name| name == Kind::Kubephase.name() || plugin(name))
}

/// Objects that `init` wrote, with the version of each: as long as it stays, nobody has written the object. The kubelet
/// writes the node's own all the time.
pub fn versions(node: &Node) -> Result<String> {
    let mut objects = objects::read(&Client::admin(node)?)?;
    objects.retain(|object| {
        let fields = object["metadata"]["managedFields"].as_array();
        let ours = fields.is_some_and(|fields| fields.iter().any(|one| is_ours(&one["manager"])));
        ours && object["kind"] != "Node"
    });
    if objects.is_empty() {
        bail!("init wrote no object");
    }
    Ok(objects::versions(&objects).iter().map(|(name, version)| format!("{version} {name}\n")).collect())
}

pub fn difference(before: &str, after: &str) -> String {
    let only = |a: &str, b: &str, sign: &str| -> String {
        a.lines().filter(|l| !b.lines().any(|o| o == *l)).map(|l| format!("{sign} {l}\n")).collect()
    };
    only(before, after, "-") + &only(after, before, "+")
}

/// containerd's own word: each component has a running task.
fn control_plane_runs(node: &Node) -> Result<()> {
    let containers = node.exec(["ctr", "-n", "k8s.io", "containers", "ls"]).run()?;
    let tasks = tasks(node)?;
    for wanted in CONTROL_PLANE {
        let running = containers.lines().any(|line| {
            let mut words = line.split_whitespace();
            let (Some(id), Some(image)) = (words.next(), words.next()) else { return false };
            images::component(image) == *wanted && tasks.lines().any(|t| t.starts_with(id) && t.contains("RUNNING"))
        });
        if !running {
            bail!("no container of {wanted} is running");
        }
    }
    Ok(())
}

/// The kubelet has joined the cluster that it started.
fn node_is_registered(node: &Node, client: &Client<'_>) -> Result<()> {
    let object = client.get(&format!("/api/v1/nodes/{}", node.name))?;
    if object["kind"] != "Node" {
        bail!("the API server answers {object}");
    }
    Ok(())
}
