//! A real etcd, API server and controller manager in a machine's namespaces, and nothing else of Kubernetes: no kubelet,
//! no containers, no other node. They get the flags that static pods would give them.

use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::super::api::Client;
use super::super::command::{tail, wait_until};
use super::super::etcd;
use super::super::lab::Lab;
use super::super::node::Node;

/// In the order they start.
const PROGRAMS: &[&str] = &["etcd", "kube-apiserver", "kube-controller-manager"];

/// Stands in for the kubelet's unit and its health endpoint: the phases restart it and ask how it is.
const KUBELET: &str = "[Service]\n\
    ExecStart=/usr/bin/socat TCP-LISTEN:10248,bind=127.0.0.1,fork,reuseaddr \
    SYSTEM:'echo HTTP/1.0 200 OK; echo; echo -n ok'\n";

/// A machine with the programs on it.
pub struct Plane {
    /// The machine.
    pub node: Node,
}

impl Plane {
    /// Lays the programs out. Nothing runs yet.
    pub fn lay_out(lab: &Lab, node: Node) -> Result<Self> {
        let kubernetes = &lab.kit.kubernetes;
        etcd::install(&lab.kit.runtime, &node.path("/usr/local/bin"))?;
        for program in &PROGRAMS[1..] {
            node.install(&kubernetes.bin_dir.join(program), &format!("/usr/local/bin/{program}"))?;
        }
        node.write("/etc/systemd/system/kubelet.service", KUBELET)?;
        node.exec(["systemctl", "daemon-reload"]).run()?;
        Ok(Self { node })
    }

    /// Starts all of them by the manifests that lie in the node, with an empty etcd, and waits until they serve.
    pub fn start(&self) -> Result<()> {
        self.sh("rm -rf /var/lib/etcd && mkdir -m 700 /var/lib/etcd && systemctl start kubelet")?;
        for program in PROGRAMS {
            if *program == "kube-controller-manager" {
                // It looks once, and then again only seconds later.
                self.wait()?;
            }
            let manifest = format!("/etc/kubernetes/manifests/{program}.yaml");
            let words = command(&std::fs::read_to_string(self.node.path(&manifest)).context(manifest)?)?;
            let unit = format!("--unit={program}");
            let log = format!("--property=StandardError=append:/var/log/{program}.txt");
            // Who kills the server in a test is not to start it again as well.
            let again = ["--property=Restart=always", "--property=RestartSec=300ms"];
            let run = ["systemd-run", "--quiet", "--collect", &unit, &log, "--property=StartLimitIntervalSec=0"];
            self.node.exec(run.iter().chain(&again).map(|w| (*w).to_owned()).chain(words)).run()?;
        }
        Ok(())
    }

    /// Waits until the API server is ready.
    pub fn wait(&self) -> Result<()> {
        let client = Client::admin(&self.node)?;
        wait_until("the API server", Duration::from_secs(60), || {
            let said = self.node.exec(client.line(&["/readyz"])).run()?;
            if said.trim() == "ok" { Ok(()) } else { bail!("it says {}", tail(&said, 20)) }
        })
    }

    /// Registers the node as its kubelet would, with the kubelet's own credentials.
    pub fn register(&self, name: &str) -> Result<()> {
        let kubelet = Client::read(&self.node, "/etc/kubernetes/kubelet.conf")?;
        let labels = serde_json::json!({ "kubernetes.io/hostname": name, "kubernetes.io/os": "linux" });
        let node =
            serde_json::json!({ "apiVersion": "v1", "kind": "Node", "metadata": { "name": name, "labels": labels } });
        // The authorizer learns of its own rules a moment after it is ready.
        wait_until("the node's registration", Duration::from_secs(20), || {
            kubelet.send("POST", "/api/v1/nodes", &node)
        })?;
        // What the kubelet would have got for its certificate's request.
        self.sh("mkdir -p /var/lib/kubelet/pki && cd /root && \
             cat kubelet.conf.crt kubelet.conf.key > /var/lib/kubelet/pki/kubelet-client-current.pem")
    }

    /// Ends all of them.
    pub fn stop(&self) -> Result<()> {
        for program in PROGRAMS.iter().rev() {
            self.sh(&format!("systemctl kill -s KILL {program}; systemctl stop {program}; true"))?;
        }
        self.sh("systemctl stop kubelet")
    }

    /// Runs a script in the node.
    pub fn sh(&self, script: &str) -> Result<()> {
        self.node.exec(["sh", "-e"]).stdin(script).run().map(drop)
    }
}

/// Controllers that look after nodes: one begins with a break of ten seconds, the other would find after a minute that
/// nobody looks after this node.
const NOT_OF_NODES: &str = ",-nodeipam,-nodelifecycle";

/// The command of a static pod's only container.
fn command(manifest: &str) -> Result<Vec<String>> {
    let pod: serde_json::Value = serde_yaml::from_str(manifest).context("could not read a manifest")?;
    let words = pod["spec"]["containers"][0]["command"].as_array().context("a manifest has no command")?;
    let words = words.iter().map(|word| word.as_str().unwrap_or_default().to_owned());
    // systemd would take these for its own.
    let words = words.map(|word| word.replace('%', "%%").replace('$', "$$"));
    Ok(words.map(|word| if word.starts_with("--controllers=") { word + NOT_OF_NODES } else { word }).collect())
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_command_is_found() {
        let manifest = "spec:\n  containers:\n  - command:\n    - etcd\n    - --a=b\n";
        assert_eq!(super::command(manifest).ok(), Some(vec!["etcd".to_owned(), "--a=b".to_owned()]));
    }
}
