//! What people do with a cluster: once pods have a network, its node is ready, its addons run, names of Services are
//! resolved in pods and kubectl works. kubectl asks, as the administrator; it is Debian's.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use super::api::Client;
use super::command::{Cmd, tail, wait_until};
use super::lab::Lab;
use super::node::Node;
use super::steps::Steps;

/// Where the administrator's credentials lie.
const ADMIN: &str = "/etc/kubernetes/admin.conf";

/// kubectl in the node, as the administrator.
pub fn kubectl(node: &Node, words: &[&str]) -> Cmd {
    node.exec(["kubectl", "--kubeconfig", ADMIN].iter().chain(words))
}

/// Every step.
pub fn works(lab: &Lab, node: &Node, steps: &mut Steps) -> Result<()> {
    node.install(&lab.kit.kubectl, "/usr/local/bin/kubectl")?;
    steps.run("kubectl works with admin.conf", || {
        let may = kubectl(node, &["auth", "can-i", "*", "*"]).run()?;
        let nodes = kubectl(node, &["get", "nodes", "-o", "name"]).run()?;
        if may.trim() != "yes" || nodes.trim() != format!("node/{}", node.name) {
            bail!("may everything: {may}nodes: {nodes}");
        }
        Ok(())
    })?;
    steps.run("node is Ready once pods have a network", || {
        connect_pods(node, node)?;
        ready(node, &node.name)
    })?;
    steps.run("CoreDNS and kube-proxy run", || {
        rolled_out(node, "daemonset/kube-proxy")?;
        rolled_out(node, "deployment/coredns")
    })?;
    steps.run("a Service's name is resolved in a pod", || resolve(lab, node))
}

/// Writes the configuration of a bridge for the pods of `node`, with the addresses that the cluster gave it. `first` has
/// the administrator's credentials.
pub fn connect_pods(first: &Node, node: &Node) -> Result<()> {
    let client = Client::admin(first)?;
    let subnet = wait_until("addresses for the node's pods", Duration::from_secs(30), || {
        let object = client.get(&format!("/api/v1/nodes/{}", node.name))?;
        object["spec"]["podCIDR"].as_str().map(str::to_owned).context("the node has no podCIDR")
    })?;
    let bridge = json!({
        "cniVersion": "0.4.0",
        "name": "bridge",
        "plugins": [{
            "type": "bridge",
            "bridge": "cni0",
            "isGateway": true,
            "ipMasq": true,
            "hairpinMode": true,
            "ipam": { "type": "host-local", "ranges": [[{ "subnet": subnet }]], "routes": [{ "dst": "0.0.0.0/0" }] },
        }],
    });
    node.write("/etc/cni/net.d/10-bridge.conflist", &format!("{bridge:#}\n"))
}

/// Waits for a node of the cluster; `node` is where kubectl runs.
pub fn ready(node: &Node, name: &str) -> Result<()> {
    // A node that has just registered is not known to kubectl's first look.
    wait_until("the node's object", Duration::from_secs(60), || kubectl(node, &["get", "node", name]).run())?;
    kubectl(node, &["wait", "--for=condition=Ready", &format!("node/{name}"), "--timeout=90s"]).run().map(drop)
}

/// Waits for something of kube-system.
pub fn rolled_out(node: &Node, what: &str) -> Result<()> {
    let done = kubectl(node, &["-n", "kube-system", "rollout", "status", what, "--timeout=120s"]).run();
    done.map(drop).or_else(|error| {
        let pods = kubectl(node, &["-n", "kube-system", "describe", "pods"]).output()?;
        bail!("{error:#}\n{}", tail(&pods.stdout, 60))
    })
}

/// A pod of the ordinary kind finds the API server by name, with the address that the API tells for it.
pub fn resolve(lab: &Lab, node: &Node) -> Result<()> {
    resolve_on(lab, node, None)
}

/// The same from a pod of the node of that name, if there is one; kubectl runs in `node`.
pub fn resolve_on(lab: &Lab, node: &Node, on: Option<&str>) -> Result<()> {
    let wanted = Client::admin(node)?.get("/api/v1/namespaces/default/services/kubernetes")?;
    let address = wanted["spec"]["clusterIP"].as_str().context("the Service has no address")?.to_owned();
    let mut pod = json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": { "name": "resolver", "namespace": "default" },
        "spec": {
            "restartPolicy": "OnFailure",
            "tolerations": [{ "operator": "Exists" }],
            "containers": [{
                "name": "resolver",
                // It holds the stand-in, which is a client too.
                "image": lab.kit.image("coredns")?,
                "imagePullPolicy": "Never",
                "args": ["lookup", "kubernetes.default:443"],
            }],
        },
    });
    if let Some(name) = on {
        pod["spec"]["nodeName"] = name.into();
    }
    // The namespace's service account is made by a controller.
    wait_until("the pod's creation", Duration::from_secs(30), || {
        kubectl(node, &["create", "-f", "-"]).stdin(pod.to_string()).run()
    })?;
    wait_until("the pod's end", Duration::from_secs(90), || {
        let said = kubectl(node, &["get", "pod", "resolver", "-o", "json"]).run()?;
        let pod: Value = serde_json::from_str(&said)?;
        if pod["status"]["phase"] != "Succeeded" {
            let logs = kubectl(node, &["logs", "resolver"]).output()?;
            bail!("pod resolver: {}\n{}{}", pod["status"], logs.stdout, logs.stderr);
        }
        Ok(())
    })?;
    let said = kubectl(node, &["logs", "resolver"]).run()?;
    if !said.contains(&format!("kubernetes.default:443 is {address} and answers")) {
        bail!("kubernetes.default should be {address}, but the pod says: {said}");
    }
    Ok(())
}
