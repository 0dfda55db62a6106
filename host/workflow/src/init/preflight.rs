//! Phase `preflight`: may we start?

use kubephase_engine::{Level, Phase};
use kubephase_node::{Node, probe};
use kubephase_preflight::{Checklist, lists};

use super::Init;
use crate::checks;
use crate::error::PhaseError;

/// The phase.
pub fn phase() -> Phase<Init> {
    Phase::run("preflight", "Run pre-flight checks and pull images", |cx: &mut Init| Box::pin(run(cx)))
        .unless(|cx| cx.options.plan.then(|| "a plan checks nothing".into()))
}

async fn run(cx: &mut Init) -> Result<(), PhaseError> {
    let sink = cx.options.sink.clone();
    let options = lists::Options {
        dry_run: cx.node.is_dry_run(),
        pull_progress: checks::pull_progress(sink.clone(), cx.path().to_owned()),
    };
    let mut list = lists::init(&cx.cluster, &options);
    if cx.resumed {
        leave_out_our_own_work(&mut list, &cx.node);
        cx.notice(Level::Info, "an earlier run with the same input was here: going on where it ended");
    }
    match checks::run(&list, &cx.node, &cx.options.ignore, &sink, cx.path()).await {
        Err(PhaseError::Preflight(outcome)) if cx.node.is_dry_run() => {
            cx.notice(Level::Warning, "a real run would stop here; showing what it would do after that");
            cx.stopped = Some(PhaseError::WouldStop(outcome));
            Ok(())
        }
        result => result,
    }
}

/// What an earlier run of ours with the same input left is no obstacle: its manifests, its etcd data, and ports that
/// its components listen on.
fn leave_out_our_own_work(list: &mut Checklist, node: &Node) {
    for batch in &mut list.batches {
        batch.checks.retain(|check| {
            let name = check.name();
            let ours = name.starts_with("FileAvailable--etc-kubernetes-manifests-")
                || name.starts_with("DirAvailable-")
                || name
                    .strip_prefix("Port-")
                    .and_then(|port| port.parse().ok())
                    .is_some_and(|port| is_ours(node, port));
            !ours
        });
    }
}

/// Names of our components as the kernel cuts them, at 15 bytes.
const COMPONENTS: [&str; 5] = ["kubelet", "kube-apiserver", "kube-controller", "kube-scheduler", "etcd"];

fn is_ours(node: &Node, port: u16) -> bool {
    probe::listener(node, port).is_some_and(|listener| COMPONENTS.contains(&listener.name.as_str()))
}
