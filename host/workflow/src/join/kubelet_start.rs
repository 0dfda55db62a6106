//! Phase `kubelet-start`: the kubelet gets what it needs to become a node of the cluster, and starts.

use kubephase_engine::Phase;
use kubephase_model::File;
use kubephase_model::object::{NODE, ObjectRef};
use kubephase_node::ChangeKind;

use super::{Join, JoinError};
use crate::error::PhaseError;
use crate::kubelet;

/// The kubelet's way into the cluster until it has a certificate.
pub const BOOTSTRAP_CONF: &str = "bootstrap-kubelet.conf";
/// Its own, which it writes itself.
pub const KUBELET_CONF: &str = "kubelet.conf";

/// The phase.
pub fn phase() -> Phase<Join> {
    Phase::run("kubelet-start", "Write the kubelet's files and (re)start the kubelet", |cx: &mut Join| {
        Box::pin(run(cx))
    })
}

async fn run(cx: &mut Join) -> Result<(), PhaseError> {
    // An earlier run came that far: the node is this one.
    let has_certificate = cx.resumed.is_some() && cx.node.exists(&cx.kubeconfig_path(KUBELET_CONF));
    if !has_certificate {
        refuse_taken_name(cx).await?;
    }
    let mut files = Vec::new();
    if !cx.node.exists(&cx.config.ca_cert_path) {
        files.push(File::public(cx.config.ca_cert_path.clone(), cx.discovered.ca_pem.clone()));
    }
    if !has_certificate {
        let mut bootstrap = cx.discovered.bootstrap.clone();
        if cx.is_control_plane() && cx.cluster.local_kubelet_kubeconfig() {
            bootstrap.set_server(&cx.cluster.local_api_url());
        }
        files.push(bootstrap.to_file(cx.kubeconfig_path(BOOTSTRAP_CONF)));
    }
    let changes = cx.node.ensure_all(&files)?;
    let changed = changes.iter().any(|change| change.kind != ChangeKind::Unchanged);
    let role = cx.role();
    kubelet::start(cx, role, changed).await
}

/// A node that works would be taken over by this one.
async fn refuse_taken_name(cx: &Join) -> Result<(), PhaseError> {
    let name = cx.cluster.node_name_for_kubelet();
    let found = cx.bootstrap.get(&ObjectRef::new(&NODE, None, name)).await?;
    if found.as_ref().is_some_and(kubelet::is_ready) {
        return Err(JoinError::NameTaken { name: name.to_owned() }.into());
    }
    Ok(())
}
