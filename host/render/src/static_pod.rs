//! The static pods of the control plane. What all of them share is here, what is particular about each is in a file
//! of its own; what differs between Kubernetes versions is asked of [`kubephase_model::Release`].

mod args;
mod env;
mod etcd;
mod host_path;
mod kube_apiserver;
mod kube_controller_manager;
mod kube_scheduler;
mod probe;
mod rootless;

use kubephase_model::cluster::Cluster;
use kubephase_model::release::ProbePaths;
use kubephase_model::{File, layout};
use serde_json::{Map, Value, json};

pub(crate) use args::flags;
pub use etcd::etcd;
use host_path::Mount;
pub use kube_apiserver::kube_apiserver;
pub use kube_controller_manager::kube_controller_manager;
pub use kube_scheduler::kube_scheduler;
use probe::Endpoint;
pub use rootless::{Owner, Rootless, User, owners};

use crate::patch::{self, Target};

/// Priority of the class `system-node-critical`.
const NODE_CRITICAL: i64 = 2_000_001_000;
const PROBE_PORT: &str = "probe-port";

/// What a static pod depends on besides the configuration.
#[derive(Clone, Debug, Default)]
pub struct PodContext {
    /// The key of the cluster's CA is not on this node: the controller manager cannot sign.
    pub external_ca: bool,
    /// When etcd joins a cluster: name and peer URL of every member, this one included. Empty for the first one.
    pub etcd_members: Vec<(String, String)>,
    /// Users to run as, if the gate `RootlessControlPlane` is on.
    pub rootless: Option<Rootless>,
}

/// A component that runs as a static pod.
#[derive(Debug)]
pub struct Component {
    /// Its name: of the pod, its container, its binary, its manifest.
    pub name: &'static str,
    /// Last part of the path of the phase that writes it.
    pub phase: &'static str,
    /// What patches for it are called.
    pub target: &'static Target,
    /// Makes the pod (core/v1 Pod).
    pub render: fn(&Cluster, &PodContext) -> Value,
}

/// kube-apiserver.
pub static KUBE_APISERVER: Component =
    Component { name: "kube-apiserver", phase: "apiserver", target: &patch::KUBE_APISERVER, render: kube_apiserver };
/// kube-controller-manager.
pub static KUBE_CONTROLLER_MANAGER: Component = Component {
    name: "kube-controller-manager",
    phase: "controller-manager",
    target: &patch::KUBE_CONTROLLER_MANAGER,
    render: kube_controller_manager,
};
/// kube-scheduler.
pub static KUBE_SCHEDULER: Component =
    Component { name: "kube-scheduler", phase: "scheduler", target: &patch::KUBE_SCHEDULER, render: kube_scheduler };
/// etcd, where we run it.
pub static ETCD: Component = Component { name: "etcd", phase: "local", target: &patch::ETCD, render: etcd };

/// Every component, those of the phase `control-plane` first and in its order.
pub static COMPONENTS: [&Component; 4] = [&KUBE_APISERVER, &KUBE_CONTROLLER_MANAGER, &KUBE_SCHEDULER, &ETCD];

/// The file that the kubelet starts the pod from.
pub fn manifest(pod: &Value, component: &str) -> File {
    File::private(manifest_path(component), crate::yaml(pod))
}

/// Its path.
pub fn manifest_path(component: &str) -> String {
    format!("{}/{component}.yaml", layout::MANIFESTS_DIR)
}

/// What distinguishes one component's pod from another's.
struct Spec<'a> {
    component: &'static str,
    image: String,
    command: Vec<String>,
    annotation: Option<(&'static str, String)>,
    env: Vec<Value>,
    probes: &'a ProbePaths,
    endpoint: Endpoint,
    mounts: Vec<Mount>,
    requests: &'a [(&'a str, &'a str)],
    rootless: Option<rootless::Context>,
}

/// Builds the pod (`ComponentPod` and its callers in kubeadm).
fn pod(cluster: &Cluster, spec: Spec<'_>) -> Value {
    let release = cluster.release;
    let mut container = json!({
        "name": spec.component,
        "image": spec.image,
        "imagePullPolicy": "IfNotPresent",
        "command": spec.command,
        "resources": { "requests": object(spec.requests) },
    });
    if release.probe_port_name {
        container["ports"] = json!([{ "name": PROBE_PORT, "containerPort": spec.endpoint.port, "protocol": "TCP" }]);
    }
    if !spec.env.is_empty() {
        container["env"] = Value::Array(spec.env);
    }
    for (name, value) in probe::probes(cluster, spec.probes, &spec.endpoint) {
        container[name] = value;
    }
    if !spec.mounts.is_empty() {
        container["volumeMounts"] = spec.mounts.iter().map(Mount::volume_mount).collect();
    }

    let mut metadata = json!({
        "name": spec.component,
        "namespace": "kube-system",
        "labels": { "component": spec.component, "tier": "control-plane" },
    });
    if let Some((name, value)) = spec.annotation {
        metadata["annotations"] = json!({ name: value });
    }
    if release.null_creation_timestamp {
        metadata["creationTimestamp"] = Value::Null;
    }

    let mut security = Map::new();
    if release.seccomp {
        security.insert("seccompProfile".into(), json!({ "type": "RuntimeDefault" }));
    }
    if let Some(rootless) = spec.rootless {
        security.extend(rootless.pod());
        container["securityContext"] = rootless.container();
    }

    let mut body = json!({
        "containers": [container],
        "hostNetwork": true,
        "priorityClassName": release.priority_class,
    });
    if release.pod_priority {
        body["priority"] = NODE_CRITICAL.into();
    }
    if !security.is_empty() {
        body["securityContext"] = Value::Object(security);
    }
    let mut volumes = spec.mounts;
    volumes.sort_by(|a, b| a.name.cmp(&b.name));
    if !volumes.is_empty() {
        body["volumes"] = volumes.iter().map(Mount::volume).collect();
    }
    json!({ "apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": body, "status": {} })
}

/// The host's proxy variables, as containers get them.
pub(crate) fn proxy_variables(cluster: &Cluster) -> Vec<Value> {
    env::variables(&cluster.facts.proxy_env, &[])
}

fn object(entries: &[(&str, &str)]) -> Map<String, Value> {
    entries.iter().map(|(name, value)| ((*name).to_owned(), Value::from(*value))).collect()
}

/// The loopback address of the advertised address's family.
fn localhost(cluster: &Cluster) -> &'static str {
    if cluster.advertise_address().is_ipv6() { "::1" } else { "127.0.0.1" }
}

/// A file below `certificatesDir`.
fn pki(cluster: &Cluster, file: &str) -> String {
    host_path::clean(&format!("{}/{file}", cluster.pki()))
}

#[cfg(test)]
mod tests;
