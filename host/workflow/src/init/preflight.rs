//! Phase `preflight`: may we start?

use kubephase_engine::{Level, Phase};
use kubephase_node::{Node, probe};
use kubephase_preflight::{Checklist, lists};
use kubephase_render::static_pod::{self, Component, ETCD, manifest_path};

use super::Init;
use crate::checks;
use crate::error::PhaseError;

/// The phase.
pub fn phase() -> Phase<Init> {
    Phase::run("preflight", "Run pre-flight checks and pull images", |cx: &mut Init| Box::pin(run(cx)))
        .unless(|cx| cx.options.plan.then(|| "a plan checks nothing".into()))
}

async fn run(cx: &mut Init) -> Result<(), PhaseError> {
    // Checks and pulls mostly wait for others.
    cx.begin_keys();
    let sink = cx.options.sink.clone();
    let options = lists::Options {
        dry_run: cx.node.is_dry_run(),
        pull_progress: checks::pull_progress(sink.clone(), cx.path().to_owned()),
    };
    let mut list = lists::init(&cx.cluster, &options);
    if cx.resumed.is_some() {
        leave_out_our_own_work(&mut list, cx);
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
fn leave_out_our_own_work(list: &mut Checklist, cx: &Init) {
    let ours = |component: &Component| cx.is_ours(&manifest_path(component.name));
    let name = |component: &Component| format!("FileAvailable-{}", manifest_path(component.name).replace('/', "-"));
    let files: Vec<String> = static_pod::COMPONENTS.into_iter().filter(|component| ours(component)).map(name).collect();
    let is_own_port = |port: &str| port.parse().is_ok_and(|port| is_own_listener(&cx.node, port));
    for batch in &mut list.batches {
        batch.checks.retain(|check| {
            let name = check.name();
            let own = files.contains(&name)
                || (name.starts_with("DirAvailable-") && ours(&ETCD))
                || name.strip_prefix("Port-").is_some_and(is_own_port);
            !own
        });
    }
}

/// Names of our components as the kernel cuts them, at 15 bytes.
const COMPONENTS: [&str; 5] = ["kubelet", "kube-apiserver", "kube-controller", "kube-scheduler", "etcd"];

fn is_own_listener(node: &Node, port: u16) -> bool {
    probe::listener(node, port).is_some_and(|listener| COMPONENTS.contains(&listener.name.as_str()))
}
