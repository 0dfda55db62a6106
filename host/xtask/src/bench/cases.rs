//! What is measured: commands that mean the same to both programs, and how much less of kubeadm's time and memory they
//! may take.

use super::measure::Sample;
use crate::shell;

/// A unit of measure.
#[derive(Clone, Copy)]
pub enum Scale {
    /// Milliseconds of wall time.
    Millis,
    /// Mebibytes of resident memory, at their peak.
    Mib,
}

/// One command. `ROOT` stands for a directory made for the run, `CONFIG` for the configuration in it.
pub struct Case {
    /// What the table calls it.
    pub name: &'static str,
    /// The command line.
    pub args: &'static [&'static str],
    /// Line of the configuration that names this node's address.
    pub address: &'static str,
    /// `encryptionAlgorithm`.
    pub keys: &'static str,
    /// Largest share of kubeadm's wall time.
    pub time: f64,
    /// Largest share of kubeadm's memory.
    pub memory: Option<f64>,
    /// Why it cannot be run here.
    pub unavailable: fn() -> Option<&'static str>,
}

const CERTS: &[&str] = &["init", "phase", "certs", "all", "--rootfs", "ROOT", "--config", "/config.yaml"];

/// Certificates name it.
const EXAMPLE: &str = "localAPIEndpoint: { advertiseAddress: 192.0.2.10 }";

/// kubeadm's dry run asks the API server for objects. At an address of this machine it is refused at once; at another it
/// would wait for seconds, and win nothing but us a ratio.
const THIS_MACHINE: &str = "";

/// Every command.
pub const CASES: &[Case] = &[
    Case {
        name: "certs all, RSA-2048",
        args: CERTS,
        address: EXAMPLE,
        keys: "RSA-2048",
        time: 0.6,
        memory: None,
        unavailable: no_root,
    },
    Case {
        name: "certs all, ECDSA-P256",
        args: CERTS,
        address: EXAMPLE,
        keys: "ECDSA-P256",
        time: 0.25,
        memory: None,
        unavailable: no_root,
    },
    Case {
        name: "version",
        args: &["version"],
        address: EXAMPLE,
        keys: "RSA-2048",
        time: 0.2,
        memory: None,
        unavailable: never,
    },
    Case {
        name: "config validate",
        args: &["config", "validate", "--config", "CONFIG"],
        address: EXAMPLE,
        keys: "RSA-2048",
        time: 0.2,
        memory: None,
        unavailable: never,
    },
    Case {
        name: "init --dry-run",
        args: &["init", "--dry-run", "--config", "CONFIG", "--ignore-preflight-errors", "all"],
        address: THIS_MACHINE,
        keys: "RSA-2048",
        time: 0.5,
        memory: Some(0.35),
        unavailable: no_root,
    },
];

/// One row of the table: what is measured, its unit, how to read it from a sample, its target.
pub type Row = (&'static str, Scale, fn(&Sample) -> f64, f64);

impl Case {
    /// Rows of the table.
    pub fn rows(&self) -> impl Iterator<Item = Row> {
        let time: Row = ("time", Scale::Millis, |sample| sample.millis, self.time);
        let memory = self.memory.map(|target| -> Row { ("memory", Scale::Mib, |sample| sample.mib, target) });
        std::iter::once(time).chain(memory)
    }

    /// The configuration. It names all that would otherwise be looked for, so that no run waits for the network.
    pub fn config(&self) -> String {
        format!(
            "apiVersion: kubeadm.k8s.io/v1beta4
kind: InitConfiguration
nodeRegistration:
  name: node-1
  criSocket: unix:///run/containerd/containerd.sock
{}
---
apiVersion: kubeadm.k8s.io/v1beta4
kind: ClusterConfiguration
kubernetesVersion: v1.36.2
encryptionAlgorithm: {}
networking:
  podSubnet: 10.244.0.0/16
",
            self.address, self.keys
        )
    }
}

fn never() -> Option<&'static str> {
    None
}

/// kubephase's dry run needs no root, kubeadm's does; --rootfs always does.
fn no_root() -> Option<&'static str> {
    let id = shell::capture(shell::program("id").arg("-u")).unwrap_or_default();
    (id.trim() != "0").then_some("needs root, for a root directory of its own or for kubeadm")
}
