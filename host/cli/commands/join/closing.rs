//! What `join` says at its end.

use kubephase_workflow::join::Join;

/// What this machine is now, and where to look.
pub fn text(cx: &Join) -> String {
    let name = cx.cluster.node_name_for_kubelet();
    let cluster = &cx.discovered.server;
    if !cx.is_control_plane() {
        return format!(
            "\n{name} has joined the cluster at {cluster}. On a control-plane node, this shows it:\n\n  \
             kubectl get nodes\n"
        );
    }
    let admin = cx.kubeconfig_path("admin.conf");
    let etcd = if cx.cluster.external_etcd().is_none() { ", with a member of etcd" } else { "" };
    format!(
        "\n{name} has joined the cluster at {cluster} as a control-plane node{etcd}.\n\n\
         To use it as an ordinary user:\n\n  \
         mkdir -p $HOME/.kube\n  \
         sudo cp -i {admin} $HOME/.kube/config\n  \
         sudo chown $(id -u):$(id -g) $HOME/.kube/config\n\n\
         This shows it:\n\n  kubectl get nodes\n"
    )
}
