//! The kubelet's files: its configuration, the part of it that belongs to this node alone, and its flags.

use kubephase_model::cluster::Cluster;
use kubephase_model::component::kubelet_fields::KUBELET;
use kubephase_model::component::schema::{self, Issue};
use kubephase_model::config::v1beta4::Taint;
use kubephase_model::release::{ImageKind, PodInfraFlag, ResolvConf};
use kubephase_model::{File, images, layout};
use serde_json::{Value, json};

use crate::patch::{KUBELET_CONFIGURATION, Origin, PatchError, PatchSet, Patched, strategic_merge};
use crate::static_pod::flags;

/// The name server configuration of systemd-resolved that leads past its stub.
const RESOLVED_CONF: &str = "/run/systemd/resolve/resolv.conf";
const DOCKERSHIM_SOCKET: &str = "/var/run/dockershim.sock";

/// What this node is going to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The kubelet of a control-plane node: its taints are set through the API.
    ControlPlane,
    /// That of a worker: it registers its own taints.
    Worker,
}

/// `config.yaml` and how it came about.
#[derive(Clone, Debug, PartialEq)]
pub struct KubeletConfig {
    /// The file.
    pub file: File,
    /// The user's patches that have been applied.
    pub applied: Vec<Origin>,
    /// What the kubelet, which reads strictly, will refuse: each with its path.
    pub problems: Vec<(String, Issue)>,
}

/// `/var/lib/kubelet/config.yaml`: the cluster's KubeletConfiguration as Go encodes it, what depends on this node, the
/// user's patches, then the CRI endpoint, which patches cannot change (`WriteConfigToDisk` in kubeadm).
pub fn config(cluster: &Cluster, patches: &PatchSet) -> Result<KubeletConfig, PatchError> {
    finished(cluster, patches, with_resolv_conf(cluster))
}

/// [`config`] made of `value`, which is what [`with_resolv_conf`] gave, or what has become of it since.
pub fn finished(cluster: &Cluster, patches: &PatchSet, mut value: Value) -> Result<KubeletConfig, PatchError> {
    let minor = u32::try_from(cluster.release.minor).unwrap_or(u32::MAX);
    schema::fill_zeros(KUBELET, minor, &mut value);
    let Patched { mut value, applied, .. } = patches.apply(&KUBELET_CONFIGURATION, value)?;
    if cluster.instance_config() {
        let instance = json!({ "containerRuntimeEndpoint": cluster.node().cri_socket });
        // A patch without directives fits everything.
        value = strategic_merge(&KUBELET_CONFIGURATION, value, instance).unwrap_or_default();
    }
    Ok(KubeletConfig {
        problems: schema::problems(KUBELET, minor, &value),
        file: File::public(layout::KUBELET_CONFIG, crate::yaml(&value)),
        applied,
    })
}

/// The cluster's KubeletConfiguration with what depends on this node's name servers.
pub fn with_resolv_conf(cluster: &Cluster) -> Value {
    let mut value = cluster.kubelet.clone();
    if cluster.facts.systemd_resolved
        && cluster.release.resolv_conf != ResolvConf::Flag
        && value.get("resolvConf").is_none_or(Value::is_null)
    {
        value["resolvConf"] = RESOLVED_CONF.into();
    }
    value
}

/// `/var/lib/kubelet/instance-config.yaml`, where the release has it. It is written before `config.yaml`.
pub fn instance_config(cluster: &Cluster) -> Option<File> {
    let line = format!("containerRuntimeEndpoint: {}\n", quote(&cluster.node().cri_socket));
    cluster.instance_config().then(|| File::public(layout::KUBELET_INSTANCE_CONFIG, line))
}

/// `/var/lib/kubelet/kubeadm-flags.env`: one line, `KUBELET_KUBEADM_ARGS="--a=b --c=d"`.
pub fn flags_env(cluster: &Cluster, role: Role) -> File {
    let node = cluster.node();
    let args = flags(arguments(cluster, role), &node.kubelet_extra_args, cluster.release.arg_order);
    File::public(layout::KUBELET_FLAGS_ENV, format!("KUBELET_KUBEADM_ARGS={}\n", quote(&args.join(" "))))
}

fn arguments(cluster: &Cluster, role: Role) -> Vec<(&'static str, String)> {
    let (node, release) = (cluster.node(), cluster.release);
    let mut args = Vec::new();
    let dockershim = release.dockershim && node.cri_socket.trim_start_matches("unix://") == DOCKERSHIM_SOCKET;
    if dockershim {
        args.push(("network-plugin", "cni".to_owned()));
    } else {
        if release.container_runtime_flag {
            args.push(("container-runtime", "remote".into()));
        }
        if !cluster.instance_config() {
            args.push(("container-runtime-endpoint", node.cri_socket.clone()));
        }
    }
    if release.pod_infra_flag == PodInfraFlag::Always || (release.pod_infra_flag == PodInfraFlag::Docker && dockershim)
    {
        args.push(("pod-infra-container-image", images::reference(cluster, ImageKind::Pause)));
    }
    if release.resolv_conf == ResolvConf::Flag && cluster.facts.systemd_resolved {
        args.push(("resolv-conf", RESOLVED_CONF.into()));
    }
    let taints = node.taints.0.as_deref().unwrap_or_default();
    if role == Role::Worker && !taints.is_empty() {
        args.push(("register-with-taints", taints.iter().map(taint).collect::<Vec<_>>().join(",")));
    }
    let name = cluster.node_name_for_kubelet();
    if name != cluster.facts.hostname.trim().to_lowercase() {
        args.push(("hostname-override", name.to_owned()));
    }
    args
}

/// `key=value:effect`, without what is empty.
fn taint(taint: &Taint) -> String {
    let (key, value, effect) = (&taint.key, &taint.value, &taint.effect.0);
    match (value.is_empty(), effect.is_empty()) {
        (true, true) => key.clone(),
        (true, false) => format!("{key}:{effect}"),
        (false, _) => format!("{key}={value}:{effect}"),
    }
}

/// A string in double quotes as Go's `%q` writes it.
fn quote(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            '\u{7}' => quoted.push_str("\\a"),
            '\u{8}' => quoted.push_str("\\b"),
            '\u{b}' => quoted.push_str("\\v"),
            '\u{c}' => quoted.push_str("\\f"),
            '\0'..='\u{1f}' | '\u{7f}' => quoted.push_str(&format!("\\x{:02x}", u32::from(c))),
            _ => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests;
