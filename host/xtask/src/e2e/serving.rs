//! Serving certificates of kubelets: with `serverTLSBootstrap` a real kubelet asks, `init` approves what is the node's own,
//! and a client that trusts the cluster's authority alone reaches the kubelet.

use std::time::Duration;

use anyhow::{Result, bail};

use super::cluster::kubectl;
use super::command::wait_until;
use super::node::Node;
use super::steps::Steps;

/// Where the kubelet keeps what was signed.
const SERVING: &str = "/var/lib/kubelet/pki/kubelet-server-current.pem";
const PKI: &str = "/etc/kubernetes/pki";

/// A configuration by which kubelets ask for their serving certificates.
pub fn asked_for(config: &str) -> String {
    let kubelet = "kind: KubeletConfiguration\n";
    config.replace(kubelet, &format!("{kubelet}serverTLSBootstrap: true\n"))
}

/// After an `init` with [`asked_for`]; kubectl is in the node.
pub fn approved(node: &Node, steps: &mut Steps) -> Result<()> {
    steps.run("the kubelet's serving certificate is there", || {
        // It is signed a moment after it was approved, and fetched another moment later.
        let there = || node.exec(["test", "-s", SERVING]).run();
        wait_until("the kubelet's serving certificate", Duration::from_secs(60), there).map(drop)
    })?;
    steps.run("the kubelet is believed by the cluster's authority", || {
        // By the address and by the name, as the API server is configured to.
        for host in [&node.address, &node.name] {
            let (url, resolve) =
                (format!("https://{host}:10250/healthz"), format!("{}:10250:{}", node.name, node.address));
            let file = |name: &str| format!("{PKI}/{name}");
            let said = node
                .exec(["curl", "-sS", "--fail", "--noproxy", "*", "--resolve", &resolve, "--cacert", &file("ca.crt")])
                .args(["--cert", &file("apiserver-kubelet-client.crt"), "--key", &file("apiserver-kubelet-client.key")])
                .arg(&url)
                .run()?;
            if said.trim() != "ok" {
                bail!("{url} said: {said}");
            }
        }
        Ok(())
    })?;
    steps.run("kubectl logs", || {
        // Not of a static pod: an old kubelet shows those to the API server a minute later.
        let logs = kubectl(node, &["-n", "kube-system", "logs", "daemonset/kube-proxy", "--tail=5"]).run()?;
        if logs.trim().is_empty() {
            bail!("kube-proxy has no logs");
        }
        Ok(())
    })
}
