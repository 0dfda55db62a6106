//! What was seen on the node, as a plain value: made by [`super::gather`], or by a test from real log text.

use serde::Serialize;

use super::Match;
use super::lines::{shorten, unescape};

/// Components of the control plane, in the order in which they depend on each other: when etcd is down, the API
/// server's complaints are only an echo.
pub const COMPONENTS: [&str; 4] = ["etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler"];

/// A look at the node. Text is without secrets ([`super::redact`]) and bounded.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Evidence {
    /// The end of the kubelet's log.
    pub kubelet_log: String,
    /// Where that log can be read: a command or a path.
    pub kubelet_log_at: String,
    /// What the kubelet's `/healthz` answered: its body, or why there was no answer; `None` if nobody asked.
    pub kubelet_healthz: Option<String>,
    /// The CRI endpoint.
    pub cri_socket: String,
    /// Why the runtime could not be asked.
    pub cri_error: Option<String>,
    /// The newest container of each component that has one, in the order of [`COMPONENTS`].
    pub containers: Vec<ContainerEvidence>,
    /// Sandboxes of the components' pods.
    pub sandboxes: Vec<SandboxEvidence>,
    /// Room on the file systems that matter.
    pub disks: Vec<Disk>,
    /// What could not be looked at, and why.
    pub missing: Vec<String>,
}

/// A container of a component, as the runtime tells it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ContainerEvidence {
    /// `etcd`, `kube-apiserver`, …
    pub component: String,
    /// The runtime's id.
    pub id: String,
    /// `created`, `running`, `exited` or `unknown`.
    pub state: String,
    /// How often it was started before this one.
    pub restarts: u32,
    /// Exit code of an exited one.
    pub exit_code: Option<i32>,
    /// The runtime's reason: `Completed`, `Error`, `OOMKilled`, `StartError`, …
    pub reason: String,
    /// The runtime's message.
    pub message: String,
    /// The end of its log.
    pub log_tail: String,
    /// Where that log is on the node.
    pub log_path: String,
}

impl ContainerEvidence {
    /// True if it does not run.
    pub fn is_down(&self) -> bool {
        self.state == "exited" || self.state == "unknown"
    }
}

/// A pod's sandbox.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct SandboxEvidence {
    /// `etcd`, `kube-apiserver`, …
    pub component: String,
    /// `ready` or `notready`.
    pub state: String,
}

/// Room on a file system.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Disk {
    /// A path on it.
    pub path: String,
    /// Bytes that ordinary users may still write.
    pub free: u64,
}

/// A line of evidence and where it was.
pub(super) struct Hit<'a> {
    /// The line, without escaped quotes.
    pub line: String,
    /// The component whose log has it; `None` for the kubelet's.
    pub container: Option<&'a ContainerEvidence>,
    at: &'a str,
}

impl Hit<'_> {
    /// A match that quotes this line.
    pub fn because(self, first_line: impl Into<String>, fix: impl Into<String>) -> Option<Match> {
        Some(Match {
            first_line: first_line.into(),
            fix: fix.into(),
            evidence_at: self.at.to_owned(),
            quote: Some(shorten(&self.line)),
        })
    }

    /// Whose line it is.
    pub fn who(&self) -> &str {
        self.container.map_or("kubelet", |container| &container.component)
    }
}

impl Evidence {
    /// True if the kubelet said so. What it logged while failing earlier then no longer counts.
    pub fn kubelet_is_healthy(&self) -> bool {
        self.kubelet_healthz.as_deref().is_some_and(|body| body.trim() == "ok")
    }

    /// The container of a component.
    pub fn container(&self, component: &str) -> Option<&ContainerEvidence> {
        self.containers.iter().find(|container| container.component == component)
    }

    /// The newest line of the kubelet's log that fits.
    pub(super) fn kubelet(&self, fits: impl Fn(&str) -> bool) -> Option<Hit<'_>> {
        newest(&self.kubelet_log, fits).map(|line| Hit { line, container: None, at: &self.kubelet_log_at })
    }

    /// The same, for what only a kubelet that ends says.
    pub(super) fn kubelet_fatal(&self, fits: impl Fn(&str) -> bool) -> Option<Hit<'_>> {
        if self.kubelet_is_healthy() { None } else { self.kubelet(fits) }
    }

    /// The newest line that fits in the log of a component, in the order of [`COMPONENTS`].
    pub(super) fn component(&self, fits: impl Fn(&str) -> bool) -> Option<Hit<'_>> {
        self.containers.iter().find_map(|container| {
            let line = newest(&container.log_tail, &fits).or_else(|| newest(&container.message, &fits))?;
            Some(Hit { line, container: Some(container), at: &container.log_path })
        })
    }

    /// The same, for what only a component that ends says.
    pub(super) fn component_fatal(&self, fits: impl Fn(&str) -> bool) -> Option<Hit<'_>> {
        self.component(fits).filter(|hit| hit.container.is_some_and(|c| c.is_down() || c.restarts > 0))
    }
}

/// The last line that fits, unescaped.
fn newest(log: &str, fits: impl Fn(&str) -> bool) -> Option<String> {
    log.lines().rev().map(unescape).find(|line| fits(line))
}

#[cfg(test)]
impl Evidence {
    /// A node where all is well.
    pub(super) fn healthy() -> Self {
        Self {
            kubelet_log_at: "journalctl -u kubelet".into(),
            kubelet_healthz: Some("ok".into()),
            cri_socket: "unix:///run/containerd/containerd.sock".into(),
            containers: COMPONENTS.map(|name| ContainerEvidence::running(name, "")).into(),
            ..Self::default()
        }
    }

    /// A kubelet that does not answer and logged this.
    pub(super) fn dead_kubelet(log: &str) -> Self {
        Self {
            kubelet_log: log.into(),
            kubelet_healthz: Some("connection refused".into()),
            containers: Vec::new(),
            ..Self::healthy()
        }
    }

    /// A healthy kubelet that started nothing and logged this.
    pub(super) fn busy_kubelet(log: &str) -> Self {
        Self { kubelet_log: log.into(), containers: Vec::new(), ..Self::healthy() }
    }

    /// One component that ended with this log.
    pub(super) fn crashed(component: &str, log: &str) -> Self {
        Self {
            containers: vec![ContainerEvidence {
                state: "exited".into(),
                restarts: 3,
                exit_code: Some(1),
                reason: "Error".into(),
                ..ContainerEvidence::running(component, log)
            }],
            ..Self::healthy()
        }
    }

    /// One component that runs and logged this.
    pub(super) fn running(component: &str, log: &str) -> Self {
        Self { containers: vec![ContainerEvidence::running(component, log)], ..Self::healthy() }
    }
}

#[cfg(test)]
impl ContainerEvidence {
    pub(super) fn running(component: &str, log: &str) -> Self {
        Self {
            component: component.into(),
            id: format!("{component}-id"),
            state: "running".into(),
            log_tail: log.into(),
            log_path: format!("/var/log/pods/kube-system_{component}-cp1_0123/{component}/3.log"),
            ..Self::default()
        }
    }
}
