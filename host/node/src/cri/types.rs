//! What the runtime says, in our own words, so that no protobuf leaves this module.

use serde_json::Value;

use super::{POD_NAME_LABEL, POD_NAMESPACE_LABEL, wire};

/// The runtime's name and versions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    /// For example `containerd`.
    pub name: String,
    /// Its own version.
    pub version: String,
    /// Of the API, `v1`.
    pub api: String,
}

/// One condition of the runtime.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    /// `RuntimeReady`, `NetworkReady`, ….
    pub kind: String,
    /// True is good.
    pub status: bool,
    /// One word.
    pub reason: String,
    /// Sentences.
    pub message: String,
}

/// How the runtime is.
#[derive(Clone, Debug, PartialEq)]
pub struct Status {
    /// The condition `RuntimeReady`; false if the runtime does not name it.
    pub runtime_ready: bool,
    /// All conditions.
    pub conditions: Vec<Condition>,
    /// Verbose only: the image that the runtime itself uses for pod sandboxes.
    pub sandbox_image: Option<String>,
    /// Names of its runtime handlers, the unnamed default left out; empty if it is too old to say (containerd before
    /// 2.0).
    pub handlers: Vec<String>,
    /// Verbose only: the runtime's own configuration; its shape differs between runtimes and their versions.
    pub config: Option<Value>,
}

impl From<wire::StatusResponse> for Status {
    fn from(response: wire::StatusResponse) -> Self {
        let conditions: Vec<Condition> = response
            .status
            .unwrap_or_default()
            .conditions
            .into_iter()
            .map(|c| Condition { kind: c.r#type, status: c.status, reason: c.reason, message: c.message })
            .collect();
        let config: Option<Value> = response.info.get("config").and_then(|text| serde_json::from_str(text).ok());
        let sandbox_image = config.as_ref().and_then(|config| config["sandboxImage"].as_str()).map(str::to_owned);
        let runtime_ready = conditions.iter().any(|c| c.kind == "RuntimeReady" && c.status);
        let handlers = response.runtime_handlers.into_iter().map(|handler| handler.name);
        let handlers = handlers.filter(|name| !name.is_empty()).collect();
        Self { runtime_ready, conditions, sandbox_image, handlers, config }
    }
}

/// Who keeps the control groups of containers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CgroupDriver {
    /// systemd does.
    Systemd,
    /// The runtime does, in the file system.
    Cgroupfs,
}

/// What the kubelet should know of the runtime.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RuntimeConfig {
    /// `None` if the runtime does not say, or says something new.
    pub cgroup_driver: Option<CgroupDriver>,
}

impl From<wire::RuntimeConfigResponse> for RuntimeConfig {
    fn from(response: wire::RuntimeConfigResponse) -> Self {
        let cgroup_driver = match response.linux.map(|linux| linux.cgroup_driver) {
            Some(0) => Some(CgroupDriver::Systemd),
            Some(1) => Some(CgroupDriver::Cgroupfs),
            _ => None,
        };
        Self { cgroup_driver }
    }
}

/// An image that the runtime has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    /// The runtime's name for it.
    pub id: String,
    /// Names with tags.
    pub tags: Vec<String>,
    /// Names with digests.
    pub digests: Vec<String>,
    /// In bytes.
    pub size: u64,
}

impl From<wire::Image> for Image {
    fn from(image: wire::Image) -> Self {
        Self { id: image.id, tags: image.repo_tags, digests: image.repo_digests, size: image.size }
    }
}

/// What a container does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContainerState {
    /// Made, not started.
    Created,
    /// Runs.
    Running,
    /// Has ended.
    Exited,
    /// The runtime does not know.
    Unknown,
}

impl From<i32> for ContainerState {
    fn from(state: i32) -> Self {
        match state {
            0 => Self::Created,
            1 => Self::Running,
            2 => Self::Exited,
            _ => Self::Unknown,
        }
    }
}

/// A container in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Container {
    /// Its id.
    pub id: String,
    /// The sandbox that it belongs to.
    pub sandbox_id: String,
    /// Its name in the pod, for example `kube-apiserver`.
    pub name: String,
    /// How many came before it.
    pub attempt: u32,
    /// Its image as asked for.
    pub image: String,
    /// What it does.
    pub state: ContainerState,
    /// Nanoseconds since 1970.
    pub created_at: i64,
    /// Name and namespace of the pod, as the kubelet labels it.
    pub pod: Option<(String, String)>,
}

impl From<wire::Container> for Container {
    fn from(mut container: wire::Container) -> Self {
        let metadata = container.metadata.unwrap_or_default();
        let mut label = |name: &str| container.labels.remove(name);
        let pod = label(POD_NAME_LABEL).zip(label(POD_NAMESPACE_LABEL));
        Self {
            id: container.id,
            sandbox_id: container.pod_sandbox_id,
            name: metadata.name,
            attempt: metadata.attempt,
            image: container.image.unwrap_or_default().image,
            state: container.state.into(),
            created_at: container.created_at,
            pod,
        }
    }
}

/// All about one container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContainerDetails {
    /// Its id.
    pub id: String,
    /// Its name in the pod.
    pub name: String,
    /// How many came before it.
    pub attempt: u32,
    /// What it does.
    pub state: ContainerState,
    /// Nanoseconds since 1970; 0 if it has not started.
    pub started_at: i64,
    /// Nanoseconds since 1970; 0 if it has not ended.
    pub finished_at: i64,
    /// Means something once it has ended.
    pub exit_code: i32,
    /// One word, `Error`, `OOMKilled`, `Completed`.
    pub reason: String,
    /// Sentences.
    pub message: String,
    /// Its log on the node; empty if it has none.
    pub log_path: String,
}

impl From<wire::ContainerStatus> for ContainerDetails {
    fn from(status: wire::ContainerStatus) -> Self {
        let metadata = status.metadata.unwrap_or_default();
        Self {
            id: status.id,
            name: metadata.name,
            attempt: metadata.attempt,
            state: status.state.into(),
            started_at: status.started_at,
            finished_at: status.finished_at,
            exit_code: status.exit_code,
            reason: status.reason,
            message: status.message,
            log_path: status.log_path,
        }
    }
}

/// A pod's sandbox in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sandbox {
    /// Its id.
    pub id: String,
    /// The pod's name.
    pub name: String,
    /// The pod's namespace.
    pub namespace: String,
    /// True if it runs.
    pub ready: bool,
    /// Nanoseconds since 1970.
    pub created_at: i64,
    /// Whether the kubelet made it, and not another user of the runtime.
    pub of_kubelet: bool,
}

impl From<wire::PodSandbox> for Sandbox {
    fn from(sandbox: wire::PodSandbox) -> Self {
        let metadata = sandbox.metadata.unwrap_or_default();
        let of_kubelet = [POD_NAME_LABEL, POD_NAMESPACE_LABEL].iter().all(|label| sandbox.labels.contains_key(*label));
        Self {
            id: sandbox.id,
            name: metadata.name,
            namespace: metadata.namespace,
            ready: sandbox.state == 0,
            created_at: sandbox.created_at,
            of_kubelet,
        }
    }
}
