//! Phase `cleanup-node`: what ran stops, what was mounted is unmounted, and what was made goes. The order is what makes
//! it safe to be cut off at any point: what says what is ours goes last.

use kubephase_engine::{Level, Phase};
use kubephase_model::layout::KUBELET_DIR;

use super::{Reset, cni, etcd, files, kubelet, leftovers, mounts, network, sandboxes};
use crate::error::PhaseError;
use crate::journal::Journal;

pub const NAME: &str = "cleanup-node";

/// The phase.
pub fn phase() -> Phase<Reset> {
    Phase::run(NAME, "Stop what runs on this node, and remove what was made on it", |cx: &mut Reset| Box::pin(run(cx)))
}

async fn run(cx: &mut Reset) -> Result<(), PhaseError> {
    let journal = Journal::read(&cx.node)?;
    match &journal {
        Some(journal) if files::is_complete(journal) => {
            cx.notice(Level::Info, format!("the journal of `{}` says what was made here", journal.workflow));
        }
        Some(_) => cx.notice(Level::Info, "the journal knows plugins only: the rest is cleaned as kubeadm would"),
        None if cx.node.exists(crate::journal::PATH) => {
            cx.notice(Level::Warning, "the journal cannot be read: this node is cleaned as kubeadm would");
        }
        None => cx.notice(Level::Info, "there is no journal: this node is cleaned as kubeadm would"),
    }
    // Before anything is gone that says it.
    let wanted = leftovers::wanted(cx, journal.as_ref()).await;
    let traces = cni::traces(cx, journal.as_ref(), &wanted)?;
    kubelet::stop(cx).await;
    sandboxes::remove(cx).await;
    let unmounted = mounts::unmount_below(cx, KUBELET_DIR).await?;
    network::clean(cx, &traces).await;
    leftovers::remove(cx, &wanted)?;
    if let Some(data) = cx.etcd_data.take() {
        etcd::remove_data(cx, &data)?;
    }
    files::remove(cx, journal.as_ref(), unmounted).await?;
    cni::tell_foreign(cx)
}
