//! What `init` says when the control plane cannot come up: on a real node something is broken, and the first line of
//! the error must name it. The programs that fail are real ones, so their logs are what the known causes must fit.

use anyhow::{Context, Result, bail};

use super::bootstrapper::Kind;
use super::command::tail;
use super::kubernetes::Kubernetes;
use super::lab::{Lab, collect_logs};
use super::node::Node;
use super::steps::Steps;

/// Where the configuration lies in the node.
const CONFIG: &str = "/root/broken.yaml";

/// Enough for real programs to fail; the cause is looked for when this has passed. Quick keys, to spend time on that
/// alone.
const TIMEOUTS: &str = "timeouts: {kubeletHealthCheck: 15s, controlPlaneComponentHealthCheck: 15s}\n";
const QUICK_KEYS: &str = "encryptionAlgorithm: ECDSA-P256\n";

/// Ends what an earlier `init` started and removes what it wrote.
const RESET: &str = r#"
systemctl stop kubelet
# A container may end by itself between being listed and being killed: what counts is that none is left.
for try in $(seq 100); do
    ctr -n k8s.io tasks ls -q | xargs -r -n1 ctr -n k8s.io tasks kill -s KILL 2>/dev/null || true
    ctr -n k8s.io tasks ls -q | xargs -r -n1 ctr -n k8s.io tasks rm -f >/dev/null 2>&1 || true
    ctr -n k8s.io containers ls -q | xargs -r -n1 ctr -n k8s.io containers rm 2>/dev/null || true
    [ -z "$(ctr -n k8s.io containers ls -q)" ] && break
    sleep 0.1
done
test -z "$(ctr -n k8s.io containers ls -q)"
awk '$2 ~ "^/var/lib/kubelet/" {print $2}' /proc/mounts | xargs -r umount
rm -rf /etc/kubernetes /var/lib/kubelet /var/lib/etcd /var/lib/kubephase /var/log/pods /var/log/containers
systemctl restart containerd
"#;

/// Something that is wrong with a node or a configuration.
struct Fault {
    /// What.
    name: &'static str,
    /// Lines to add to the configuration, each after the line it belongs below.
    config: &'static [(&'static str, &'static str)],
    /// Breaks the node.
    breaks: &'static str,
    /// Mends it.
    mends: &'static str,
    /// What the first line of the error must say.
    says: &'static str,
    /// The event is asked for instead of the text.
    json: bool,
    /// The first minor that does not have it.
    until: u32,
}

const NODE: &str = "nodeRegistration:\n";
const CLUSTER: &str = "kind: ClusterConfiguration\n";

static FAULTS: &[Fault] = &[
    Fault {
        name: "unknown kubelet flag",
        config: &[(NODE, "  kubeletExtraArgs: [{name: bogus-flag, value: x}]\n")],
        breaks: "",
        mends: "",
        says: "the kubelet does not know the flag `--bogus-flag` and ends",
        json: false,
        until: u32::MAX,
    },
    Fault {
        name: "unknown API server flag",
        config: &[(CLUSTER, "apiServer: {extraArgs: [{name: enable-admission-plugin, value: X}]}\n")],
        breaks: "",
        mends: "",
        says: "kube-apiserver does not know the flag `--enable-admission-plugin` and ends",
        json: true,
        until: u32::MAX,
    },
    Fault {
        name: "port of the API server taken",
        config: &[],
        breaks: "systemd-run --quiet --unit=squatter socat TCP-LISTEN:6443,fork,reuseaddr PIPE",
        mends: "systemctl stop squatter",
        says: "another process uses that port",
        json: false,
        until: u32::MAX,
    },
    Fault {
        name: "images out of reach",
        config: &[(CLUSTER, "imageRepository: registry.invalid/k8s\n")],
        breaks: "",
        mends: "",
        says: "cannot be pulled because its registry's name does not resolve",
        json: true,
        until: u32::MAX,
    },
    Fault {
        name: "containerd with another cgroup driver",
        config: &[],
        breaks: "cp /etc/containerd/config.toml /root && cat >> /etc/containerd/config.toml <<EOF\n\
                 [plugins.\"io.containerd.grpc.v1.cri\".containerd.runtimes.runc]\n  \
                 runtime_type = \"io.containerd.runc.v2\"\n\
                 [plugins.\"io.containerd.grpc.v1.cri\".containerd.runtimes.runc.options]\n  SystemdCgroup = true\n\
                 EOF\nsystemctl restart containerd",
        mends: "cp /root/config.toml /etc/containerd/ && systemctl restart containerd",
        says: "wrong cgroup driver: the container runtime uses `systemd`, the kubelet `cgroupfs`",
        json: true,
        // Newer kubelets do as containerd 2 tells them.
        until: 26,
    },
];

/// One after the other on one node, each on a clean slate.
pub fn told(lab: &mut Lab, steps: &mut Steps) -> Result<()> {
    if lab.kit.bootstrapper.kind != Kind::Kubephase {
        return Ok(());
    }
    let node = lab.boot(steps, "broken1")?;
    let minor = lab.kit.kubernetes.minor;
    for fault in FAULTS.iter().filter(|fault| minor < fault.until) {
        let told = steps.run(&format!("told: {}", fault.name), || tell(lab, &node, fault));
        if told.is_err() {
            collect_logs(&node);
        }
        told?;
    }
    // Its control plane would compete with whatever comes next.
    steps.run("reset broken1", || sh(&node, RESET))
}

fn tell(lab: &Lab, node: &Node, fault: &Fault) -> Result<()> {
    sh(node, RESET)?;
    sh(node, fault.breaks)?;
    let said = init(lab, node, fault)?;
    sh(node, fault.mends)?;
    let first = if fault.json { failed_event(&said) } else { error_line(&said) };
    let first = first.with_context(|| format!("init told no error:\n{}", tail(&said, 20)))?;
    if !first.contains(fault.says) {
        bail!("the first line should say {:?}, but it is:\n{first}\n\n{}", fault.says, tail(&said, 20));
    }
    Ok(())
}

/// `init`, which must fail as one whose machine said no.
fn init(lab: &Lab, node: &Node, fault: &Fault) -> Result<String> {
    node.write(CONFIG, &config(lab, &lab.kit.kubernetes, node, fault)?)?;
    // Some of the faults would be found before anything is done.
    let mut words = vec![lab.kit.bootstrapper.name(), "init", "--config", CONFIG, "--skip-phases", "preflight"];
    if fault.json {
        words.extend(["-o", "json"]);
    }
    let out = node.exec(words).log(node.logs.join("init.txt")).output()?;
    if out.status.code() != Some(1) {
        bail!("init should end with 1, not {}:\n{}", out.status, tail(&out.stdout, 20));
    }
    Ok(out.stdout)
}

fn config(lab: &Lab, kubernetes: &Kubernetes, node: &Node, fault: &Fault) -> Result<String> {
    let mut text = lab.kit.bootstrapper.config(kubernetes, &node.address);
    let always = [("kind: InitConfiguration\n", TIMEOUTS), (CLUSTER, QUICK_KEYS)];
    for (below, line) in always.iter().chain(fault.config) {
        let (before, after) = text.split_once(below).with_context(|| format!("no {below:?} in {text}"))?;
        text = format!("{before}{below}{line}{after}");
    }
    Ok(text)
}

/// What the event of the failed phase says.
fn failed_event(said: &str) -> Option<String> {
    let mut events = said.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    let event = events.find(|event| event["event"] == "failed" && event["path"] == "wait-control-plane")?;
    event["error"].as_str().map(str::to_owned)
}

/// The first line of an error that is told as text.
fn error_line(said: &str) -> Option<String> {
    said.lines().find_map(|line| line.strip_prefix("error: ")).map(str::to_owned)
}

fn sh(node: &Node, script: &str) -> Result<()> {
    node.exec(["sh", "-e"]).stdin(script).run().map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_told_is_found_in_either_form() {
        let json = "{\"event\":\"failed\",\"path\":\"certs/ca\",\"error\":\"x\"}\nnot JSON\n\
                    {\"event\":\"failed\",\"path\":\"wait-control-plane\",\"error\":\"a \\\"b\\\"\"}\n[exit status: 1]\n";
        assert_eq!(failed_event(json).as_deref(), Some("a \"b\""));
        assert_eq!(failed_event("error: x"), None);
        // Only the first line counts, not the causes below it.
        let text = "\u{2717} wait-control-plane\nerror: the cause\n |\n = caused by: another\n";
        assert_eq!(error_line(text).as_deref(), Some("the cause"));
    }
}
