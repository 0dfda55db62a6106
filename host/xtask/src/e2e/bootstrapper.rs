//! The program under test, kubephase, and kubeadm, which can stand in for it: a failure that both show is
//! the node's or the test's fault, not kubephase's.

use std::env;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::ValueEnum;

use super::command::cmd;
use super::kubernetes::Kubernetes;
use super::runtime::CRI_SOCKET;

/// Which program bootstraps the cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    /// This project's.
    Kubephase,
    /// The release's own, as the control experiment.
    Kubeadm,
}

impl Kind {
    /// The program's name, on this machine and in a node.
    pub fn name(self) -> &'static str {
        match self {
            Self::Kubephase => "kubephase",
            Self::Kubeadm => "kubeadm",
        }
    }
}

/// Options for `init` or `join` that leave out what this kind of node cannot pass: it has no kernel configuration to
/// read, and its network namespace may lack bridge settings.
pub fn left_out(kind: Kind, kubernetes: &Kubernetes) -> Vec<String> {
    let checks = "SystemVerification,FileContent--proc-sys-net-bridge-bridge-nf-call-iptables";
    let mut words = vec![format!("--ignore-preflight-errors={checks}")];
    if kind == Kind::Kubeadm && kubernetes.minor < 30 {
        // It cannot do this phase without crictl, which is in no Debian suite.
        words.push("--skip-phases=preflight".into());
    }
    words
}

/// The program, found or built.
pub struct Bootstrapper {
    /// Which one.
    pub kind: Kind,
    /// Where it is on this machine.
    pub program: PathBuf,
}

impl Bootstrapper {
    /// Builds kubephase (unless a built one is given), or finds the release's kubeadm.
    pub fn find(kind: Kind, given: Option<&Path>, kubernetes: &Kubernetes) -> Result<Self> {
        let program = match (kind, given) {
            (_, Some(path)) => path.canonicalize().with_context(|| format!("no program {}", path.display()))?,
            (Kind::Kubephase, None) => build()?,
            (Kind::Kubeadm, None) => kubernetes.bin_dir.join("kubeadm"),
        };
        if !program.exists() {
            bail!("no program {}", program.display());
        }
        Ok(Self { kind, program })
    }

    /// The program's name, on this machine and in the node.
    pub fn name(&self) -> &'static str {
        self.kind.name()
    }

    /// The first `init` on a node. More control planes may join.
    pub fn init(&self, kubernetes: &Kubernetes, config: &str) -> Vec<String> {
        let mut words = [self.name(), "init", "--config", config, "--upload-certs"].map(str::to_owned).to_vec();
        words.extend(left_out(self.kind, kubernetes));
        words
    }

    /// `init` on a node that has been through it.
    pub fn init_again(&self, config: &str) -> Vec<String> {
        [self.name(), "init", "--config", config, "--ignore-preflight-errors=all"].map(str::to_owned).into()
    }

    /// The images that it will make the node run, as it prints them.
    pub fn images(&self, kubernetes: &Kubernetes) -> Result<Vec<String>> {
        let words = ["config", "images", "list", "--kubernetes-version", &kubernetes.version];
        let printed = cmd(&self.program).args(words).run()?;
        Ok(printed.lines().map(|l| l.trim().to_owned()).filter(|l| !l.is_empty()).collect())
    }

    /// The configuration of a first control plane node at `address`.
    pub fn config(&self, kubernetes: &Kubernetes, address: &str) -> String {
        config(self.kind, kubernetes, address)
    }
}

/// The same, as `kind`'s program reads it.
pub fn config(kind: Kind, kubernetes: &Kubernetes, address: &str) -> String {
    let api = match kind {
        Kind::Kubeadm if kubernetes.minor < 22 => "v1beta2",
        Kind::Kubeadm if kubernetes.minor < 31 => "v1beta3",
        _ => "v1beta4",
    };
    // kubeadm of v1beta2's days wrote the socket as a path.
    let socket = if api == "v1beta2" { CRI_SOCKET.trim_start_matches("unix://") } else { CRI_SOCKET };
    // The field is new, and an old kubelet refuses what it does not know.
    let v1 = if kubernetes.minor >= 31 { "failCgroupV1: false\n" } else { "" };
    format!(
        "apiVersion: kubeadm.k8s.io/{api}\nkind: InitConfiguration\n\
             # Given, because another one would be drawn by each run.\n\
             bootstrapTokens:\n- token: abcdef.0123456789abcdef\n\
             localAPIEndpoint:\n  advertiseAddress: {address}\nnodeRegistration:\n  criSocket: {socket}\n---\n\
             apiVersion: kubeadm.k8s.io/{api}\nkind: ClusterConfiguration\nkubernetesVersion: {}\n\
             # More control planes join only where there is such an address.\n\
             controlPlaneEndpoint: {address}:6443\n\
             networking:\n  podSubnet: 10.244.0.0/16\n---\n\
             apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\n\
             cgroupDriver: cgroupfs\nfailSwapOn: false\n{v1}\
             # How full the disk of this machine is must not matter to the node.\n\
             imageGCHighThresholdPercent: 100\n\
             evictionHard: {{nodefs.available: 0%, nodefs.inodesFree: 0%, imagefs.available: 0%}}\n---\n\
             apiVersion: kubeproxy.config.k8s.io/v1alpha1\nkind: KubeProxyConfiguration\n\
             # A network namespace may not set these.\n\
             conntrack:\n  maxPerCore: 0\n  min: 0\n  tcpCloseWaitTimeout: 0s\n  tcpEstablishedTimeout: 0s\n",
        kubernetes.version
    )
}

/// Builds kubephase as it is released, and answers where cargo put it.
fn build() -> Result<PathBuf> {
    let cargo = env::var("CARGO").unwrap_or("cargo".into());
    let words = ["build", "--release", "--bin", "kubephase", "--message-format", "json"];
    let messages = cmd(cargo).args(words).dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../..")).run()?;
    let mut paths = messages.lines().filter_map(|line| {
        let message: serde_json::Value = serde_json::from_str(line).ok()?;
        let binary = message["target"]["name"] == "kubephase";
        message["executable"].as_str().filter(|_| binary).map(PathBuf::from)
    });
    paths.next_back().context("cargo names no executable kubephase")
}
