//! What marks this node's Node object. The object itself is the kubelet's.

use kubephase_model::Cluster;
use kubephase_model::config::record::Field;
use serde_json::Value;

/// Annotation with the CRI socket.
pub const CRI_SOCKET: &str = "kubeadm.alpha.kubernetes.io/cri-socket";

/// What a control-plane node gets.
#[derive(Clone, Debug, PartialEq)]
pub struct Marks {
    /// Labels, their values empty.
    pub labels: Vec<&'static str>,
    /// Taints (core/v1).
    pub taints: Vec<Value>,
}

/// The marks of this control-plane node.
pub fn marks(cluster: &Cluster) -> Marks {
    let taints = cluster.node().taints.0.as_deref().unwrap_or_default();
    Marks {
        labels: cluster.release.control_plane_labels.to_vec(),
        taints: taints.iter().map(Field::write_always).collect(),
    }
}

/// The taints of a node that has some: `wanted` first, then those it has for other keys and effects. kubeadm also
/// keeps one of the same key and effect with another value, which the API server refuses.
pub fn marked_taints(existing: &[Value], wanted: &[Value]) -> Vec<Value> {
    let is_same = |a: &Value, b: &Value| a["key"] == b["key"] && a["effect"] == b["effect"];
    let others = existing.iter().filter(|taint| !wanted.iter().any(|wanted| is_same(taint, wanted)));
    wanted.iter().chain(others).cloned().collect()
}

/// Puts the marks on a Node.
pub fn mark(node: &mut Value, marks: &Marks) {
    for label in &marks.labels {
        node["metadata"]["labels"][*label] = "".into();
    }
    let existing = node["spec"]["taints"].as_array().cloned().unwrap_or_default();
    let taints = marked_taints(&existing, &marks.taints);
    if taints != existing {
        node["spec"]["taints"] = taints.into();
    }
}

/// The value of the annotation [`CRI_SOCKET`], unless the socket is kept on the node itself.
pub fn cri_socket(cluster: &Cluster) -> Option<&str> {
    (!cluster.instance_config()).then(|| cluster.node().cri_socket.as_str())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::recorded::{cluster, of_version};

    #[test]
    fn other_taints_stay_behind_ours() {
        let ours = json!({ "key": "a", "effect": "NoSchedule" });
        let same = json!({ "key": "a", "effect": "NoSchedule", "value": "old" });
        let other = json!({ "key": "a", "effect": "NoExecute" });
        let marked = marked_taints(&[other.clone(), same], std::slice::from_ref(&ours));
        assert_eq!(marked, [ours, other.clone()]);
        assert_eq!(marked_taints(std::slice::from_ref(&other), &[]), [other]);
    }

    #[test]
    fn a_node_is_marked_once() {
        let marks = marks(&cluster("02-image-repo"));
        let mut node =
            json!({ "metadata": { "name": "cp3", "labels": { "kubernetes.io/hostname": "cp3" } }, "spec": {} });
        mark(&mut node, &marks);
        assert_eq!(
            node,
            json!({
                "metadata": { "name": "cp3", "labels": {
                    "kubernetes.io/hostname": "cp3",
                    "node-role.kubernetes.io/control-plane": "",
                    "node.kubernetes.io/exclude-from-external-load-balancers": "",
                } },
                "spec": { "taints": [{ "key": "node-role.kubernetes.io/control-plane", "effect": "NoSchedule" }] },
            })
        );
        let marked = node.clone();
        mark(&mut node, &marks);
        assert_eq!(node, marked);
    }

    #[test]
    fn an_old_release_annotates_the_socket() {
        assert_eq!(cri_socket(&cluster("02-image-repo")), None);
        let old = of_version("02-image-repo", "1.20.2");
        assert_eq!(cri_socket(&old), Some("unix:///var/run/containerd/containerd.sock"));
        assert_eq!(marks(&old).labels[0], "node-role.kubernetes.io/master");
    }
}
