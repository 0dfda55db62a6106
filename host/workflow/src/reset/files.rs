//! Files: the journal is replayed backwards; without one what kubeadm knows to be its own goes. Directories are emptied
//! without crossing a mount.

use std::collections::BTreeSet;

use kubephase_engine::Level;
use kubephase_model::layout::{CERTIFICATES_DIR, KUBELET_DIR, KUBERNETES_DIR, MANIFESTS_DIR, STATE_DIR, TMP_DIR};
use kubephase_node::Spare;
use kubephase_pki::CERTS;

use super::Reset;
use crate::error::PhaseError;
use crate::journal::Journal;
use crate::rootless;
use crate::undo::{Step, Undo};

/// Kubeconfig files of components and of the administrator.
const KUBECONFIGS: [&str; 6] = [
    "admin.conf",
    "super-admin.conf",
    "kubelet.conf",
    "bootstrap-kubelet.conf",
    "controller-manager.conf",
    "scheduler.conf",
];
/// The one that the kubelet writes itself when it has joined, so that no journal has it.
const OF_KUBELET: &str = "kubelet.conf";

/// Whether the journal knows all that was made. One that only plugins have written in does not.
pub fn is_complete(journal: &Journal) -> bool {
    !journal.workflow.is_empty()
}

/// Removes all that was made, and puts back what was replaced. `unmounted` is what was mounted below the kubelet's
/// directory.
pub async fn remove(cx: &mut Reset, journal: Option<&Journal>, unmounted: BTreeSet<String>) -> Result<(), PhaseError> {
    empty_kubelet(cx, unmounted)?;
    if cx.config.cleanup_tmp_dir {
        empty(cx, TMP_DIR, &Spare::default())?;
    }
    let complete = journal.filter(|journal| is_complete(journal));
    match complete {
        None => as_kubeadm(cx)?,
        Some(journal) if journal.workflow == "join" => {
            cx.node.remove(&format!("{KUBERNETES_DIR}/{OF_KUBELET}"))?;
        }
        Some(_) => {}
    }
    let known = cx.known().await;
    if known.config.is_some_and(|config| config.feature_gates.get("RootlessControlPlane") == Some(&true)) {
        rootless::remove_users(&cx.node).await?;
    }
    if complete.is_some() {
        tell_foreign(cx, journal)?;
    }
    replay(cx).await
}

/// What the kubelet keeps. Not what it replaced of others, which is put back later, or is kept by its side.
fn empty_kubelet(cx: &mut Reset, unmounted: BTreeSet<String>) -> Result<(), PhaseError> {
    let real = cx.node.real_path(KUBELET_DIR);
    let undo = Undo::of(&cx.node)?;
    let steps = undo.iter().flat_map(Undo::steps);
    let paths = steps.filter_map(|step| match step {
        Step::Restore(path) | Step::Keep { path, .. } if !cx.node.is_dir(path) => Some(path),
        _ => None,
    });
    let below = paths.filter_map(|path| Some(format!("{real}{}", path.strip_prefix(KUBELET_DIR)?)));
    let spare = Spare { paths: below.collect(), unmounted };
    empty(cx, &real, &spare)
}

fn empty(cx: &mut Reset, directory: &str, spare: &Spare) -> Result<(), PhaseError> {
    for kept in cx.node.empty_dir(directory, spare)?.kept {
        cx.leave_alone(&kept.path, &kept.why);
    }
    Ok(())
}

/// kubeadm's own list. A directory of certificates that is not kubeadm's own may hold anything: there only files with
/// kubeadm's names go.
fn as_kubeadm(cx: &mut Reset) -> Result<(), PhaseError> {
    empty(cx, MANIFESTS_DIR, &Spare::default())?;
    let pki = cx.config.certificates_dir.trim_end_matches('/').to_owned();
    if pki == CERTIFICATES_DIR {
        empty(cx, &pki, &Spare::default())?;
    } else {
        let pairs = CERTS.iter().flat_map(|spec| [format!("{}.crt", spec.base), format!("{}.key", spec.base)]);
        for name in pairs.chain(["sa.key".to_owned(), "sa.pub".to_owned()]) {
            remove_file(cx, &format!("{pki}/{name}"))?;
        }
        for name in cx.node.list(&pki)? {
            let path = format!("{pki}/{name}");
            if cx.node.is_dir(&path) && cx.node.list(&path)?.is_empty() {
                cx.node.remove(&path)?;
            } else {
                cx.leave_alone(&path, "it has no name that kubeadm gives");
            }
        }
    }
    for name in KUBECONFIGS {
        remove_file(cx, &format!("{KUBERNETES_DIR}/{name}"))?;
    }
    Ok(())
}

/// A file, or a link and not what it leads to.
fn remove_file(cx: &mut Reset, path: &str) -> Result<(), PhaseError> {
    if cx.node.is_dir(path) {
        cx.leave_alone(path, "it is a directory, and not the file that kubeadm makes");
        return Ok(());
    }
    if cx.node.exists(path) || !cx.node.is_dry_run() {
        cx.node.remove(path)?;
    }
    Ok(())
}

/// What the journal does not know, and kubeadm would have removed.
fn tell_foreign(cx: &mut Reset, journal: Option<&Journal>) -> Result<(), PhaseError> {
    let pki = cx.config.certificates_dir.trim_end_matches('/').to_owned();
    let mut candidates: Vec<String> = KUBECONFIGS.iter().map(|name| format!("{KUBERNETES_DIR}/{name}")).collect();
    for directory in [MANIFESTS_DIR, &pki, &format!("{pki}/etcd")] {
        candidates.extend(cx.node.list(directory)?.into_iter().map(|name| format!("{directory}/{name}")));
    }
    for path in candidates {
        let is_known = journal.is_some_and(|journal| journal.has(&path));
        if !is_known && cx.node.exists(&path) && !cx.node.is_dir(&path) {
            cx.leave_alone(&path, "the journal does not know it to be ours");
        }
    }
    Ok(())
}

/// Takes back what the journal knows, and its own files last. The kubelet has been stopped, and is not started again: what
/// it needs is gone, and it would make things anew.
async fn replay(cx: &mut Reset) -> Result<(), PhaseError> {
    let Some(undo) = Undo::of(&cx.node)? else {
        // The lock of this very run is all that is ours.
        let lock = format!("{STATE_DIR}/lock");
        if cx.node.exists(&lock) {
            cx.node.remove(&lock)?;
        }
        if cx.node.is_dir(STATE_DIR) && cx.node.list(STATE_DIR)?.is_empty() {
            cx.node.remove(STATE_DIR)?;
        }
        return Ok(());
    };
    for step in undo.steps() {
        if let Step::Start(service) = step {
            cx.notice(Level::Info, format!("{service} ran before; it stays stopped"));
        }
    }
    let undo = undo.without(|step| matches!(step, Step::Stop(_) | Step::Start(_)));
    let (sink, path) = (cx.options.sink.clone(), cx.path().to_owned());
    let tell = move |level, message| sink(kubephase_engine::Event::Notice { path: path.clone(), level, message });
    undo.run(&cx.node, &tell).await
}
