//! Certificates that are renewed under a running cluster: every component is started again, one after the other, and the
//! cluster works with the new ones.

use std::time::Duration;

use anyhow::{Result, bail};

use super::cluster::kubectl;
use super::command::wait_until;
use super::node::Node;
use super::steps::Steps;

const PKI: &str = "/etc/kubernetes/pki";

/// Renews everything with `--restart`.
pub fn renewed(node: &Node, steps: &mut Steps) -> Result<()> {
    steps.run("certificates are renewed, components restarted", || {
        let before = served(node)?;
        let containers = running(node)?;
        node.exec(["kubephase", "certs", "renew", "all", "--restart"]).log(node.logs.join("renew.txt")).run()?;
        let after = served(node)?;
        if before == after {
            bail!("the API server still shows the old certificate:\n{before}");
        }
        let now = running(node)?;
        let kept: Vec<&str> = containers.lines().filter(|id| now.contains(id)).collect();
        if !kept.is_empty() {
            bail!("containers that were not restarted: {}", kept.join(", "));
        }
        Ok(())
    })?;
    steps.run("kubectl works with the renewed admin.conf", || {
        let ready = || kubectl(node, &["get", "--raw", "/readyz"]).run();
        wait_until("the API server", Duration::from_secs(30), ready)?;
        kubectl(node, &["get", "nodes"]).run().map(drop)
    })
}

/// The certificate that the API server shows.
fn served(node: &Node) -> Result<String> {
    let url = format!("https://{}:6443/livez", node.address);
    let curl = ["curl", "-sS", "-o", "/dev/null", "-w", "%{certs}", "--cacert", &format!("{PKI}/ca.crt"), &url];
    node.exec(curl).run()
}

/// Ids of the running containers of static pods.
fn running(node: &Node) -> Result<String> {
    let list = "for n in etcd kube-apiserver kube-controller-manager kube-scheduler; do ctr -n k8s.io containers ls -q \
                \"labels.io.kubernetes.container.name==$n\" | while read id; do ctr -n k8s.io tasks ls | grep -q \"^$id.*RUNNING\" \
                && echo $id; done; done; true";
    node.exec(["sh", "-c", list]).run()
}
