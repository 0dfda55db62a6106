//! A head start for the kubelet: it needs a second until it looks at its manifests, and has it while keys and
//! certificates are made. What is done ahead is what the phases `kubeconfig/kubelet` and `kubelet-start` would do; it is
//! told by them, when they come to find it done. Whatever fails here fails there again, and is told there.

use kubephase_engine::Context;
use kubephase_model::layout;
use kubephase_node::{Change, ChangeKind};
use kubephase_pki::KUBECONFIGS;
use kubephase_render::kubelet::Role;

use super::Init;
use crate::control_plane::kubeconfig;
use crate::error::PhaseError;
use crate::kubelet;

/// Without one of these the kubelet is not started, or would find nothing.
const NEEDED: [&str; 5] = ["certs", "kubeconfig", "etcd", "control-plane", "kubelet-start"];

/// What was done ahead and has not been told yet.
#[derive(Debug, Default)]
pub struct Ahead {
    /// What the running phase did before, to be told by it.
    before: Vec<Change>,
    /// What later phases tell.
    later: Vec<Change>,
}

/// Gives it, if this run will start the kubelet. To be called when the cluster's authority is there.
pub async fn give(cx: &mut Init) {
    // What a plugin does before the kubelet starts might be for the kubelet.
    if cx.guests_before_kubelet {
        return;
    }
    let skipped = |needed: &&str| cx.cluster.init.skip_phases.iter().any(|skip| skip.split('/').next() == Some(needed));
    // Where its kubeconfig is there already, an earlier run or somebody else has been here: nothing is hurried.
    let is_new = !cx.node.exists(&cx.kubeconfig_path("kubelet.conf"));
    if cx.options.only.is_some() || !cx.node.is_real() || !is_new || NEEDED.iter().any(skipped) {
        return;
    }
    cx.ahead.before = cx.node.changes();
    // The phases do it again, and tell why it failed.
    let _ = start(cx).await;
    cx.ahead.later.extend(cx.node.changes());
}

async fn start(cx: &mut Init) -> Result<(), PhaseError> {
    let prepared = kubelet::prepare(cx, Role::ControlPlane).await?;
    if let Some(spec) = KUBECONFIGS.iter().find(|spec| spec.name == "kubelet") {
        kubeconfig::make(cx, spec).await?;
    }
    // One that does not exist would be looked for again only after a second.
    cx.node.ensure_dir(layout::MANIFESTS_DIR, 0o700)?;
    cx.settle_beside(&prepared.mutated).await?;
    let changes = cx.node.ensure_all(&prepared.files)?;
    cx.ahead.later = cx.node.changes();
    let ahead = [cx.ahead.before.clone(), cx.ahead.later.clone()].concat();
    cx.remember(&ahead);
    let changed = changes.iter().any(|change| change.kind != ChangeKind::Unchanged);
    kubelet::announce(cx, changed).await;
    cx.settle()?;
    kubelet::restart_if(cx, changed).await.ok();
    Ok(())
}

impl Ahead {
    /// What the phase at `path` tells, which has done `changes`: with what was done for it ahead.
    pub fn told_by(&mut self, path: &str, changes: Vec<Change>) -> Vec<Change> {
        let mut told = std::mem::take(&mut self.before);
        told.extend(changes);
        for change in told.iter_mut().filter(|change| change.kind == ChangeKind::Unchanged) {
            if let Some(at) = self.later.iter().position(|ahead| ahead.path == change.path) {
                *change = self.later.remove(at);
            }
        }
        if path == "kubelet-start" {
            // What is left: directories above its files, and the start.
            let rest = std::mem::take(&mut self.later);
            let (ran, made): (Vec<_>, Vec<_>) = rest.into_iter().partition(|ahead| ahead.kind == ChangeKind::Ran);
            told.splice(0..0, made);
            told.extend(ran);
        }
        told
    }
}
