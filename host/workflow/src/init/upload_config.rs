//! Phase `upload-config`: the cluster's and the kubelets' configuration, for nodes that join and for upgrades.

use kubephase_engine::{Action, Phase};
use kubephase_model::object::{NODE, ObjectRef};
use kubephase_render::objects::{kubeadm_config, kubelet_config, kubephase_config, node};
use serde_json::Value;

use super::Init;
use crate::control_plane::mark;
use crate::error::PhaseError;
use crate::work::guests;

/// The phase.
pub fn phase() -> Phase<Init> {
    let children = vec![
        Phase::run("kubeadm", "Upload the ClusterConfiguration to the ConfigMap kubeadm-config", |cx: &mut Init| {
            Box::pin(kubeadm(cx))
        }),
        Phase::run("kubelet", "Upload the KubeletConfiguration to a ConfigMap", |cx: &mut Init| Box::pin(kubelet(cx))),
    ];
    let mut phase =
        Phase::group("upload-config", "Upload the configuration of the cluster and of its kubelets", children);
    phase.aliases = &["uploadconfig"];
    phase
}

/// Adds the phase that stores which plugins there are, where there are any.
pub fn with_plugins(phases: &mut [Phase<Init>]) {
    let upload = phases.iter_mut().find(|phase| phase.name == "upload-config");
    if let Some(Action::Group(children)) = upload.map(|phase| &mut phase.action) {
        let about = "Upload which plugins run, for nodes that join, to the ConfigMap kubephase-config";
        let phase = Phase::run("plugins", about, |cx: &mut Init| Box::pin(plugins(cx)));
        children.push(phase.unless(|cx| cx.cluster.plugins.is_empty().then(|| "no plugins are configured".into())));
    }
}

async fn kubeadm(cx: &mut Init) -> Result<(), PhaseError> {
    let api = cx.api().await?;
    // What others keep in the same ConfigMap is theirs.
    let update = |found: &mut Value| kubeadm_config::update(found, &cx.cluster);
    api.create_or_mutate(&kubeadm_config::config_map(&cx.cluster), &update).await?;
    api.create_or_update_all(&kubeadm_config::access()).await?;
    Ok(())
}

async fn kubelet(cx: &mut Init) -> Result<(), PhaseError> {
    let api = cx.api().await?;
    let written = cx.options.only.is_none();
    let mut objects = vec![kubelet_config::config_map(&cx.cluster, written)];
    objects.extend(kubelet_config::access(&cx.cluster));
    api.create_or_update_all(&objects).await?;
    // Old releases look there for the container runtime of a node.
    if let Some(socket) = node::cri_socket(&cx.cluster) {
        mark::registered(cx, &api).await?;
        let name = ObjectRef::new(&NODE, None, cx.cluster.node_name_for_kubelet());
        let annotate = |found: &mut Value| found["metadata"]["annotations"][node::CRI_SOCKET] = socket.into();
        api.mutate(&name, &annotate).await?;
    }
    Ok(())
}

/// Every node is to run the very same plugins, so each has its digest there.
async fn plugins(cx: &mut Init) -> Result<(), PhaseError> {
    let config = guests::pinned(&cx.cluster, cx.options.extension.as_deref())?;
    let api = cx.api().await?;
    // What others keep in the same ConfigMap is theirs.
    let update = |found: &mut Value| kubephase_config::update(found, &config);
    api.create_or_mutate(&kubephase_config::config_map(&config), &update).await?;
    api.create_or_update_all(&kubephase_config::access()).await?;
    Ok(())
}
