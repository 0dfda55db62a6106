//! Phase `preflight`: may this node join?

use kubephase_engine::{Event, Phase};
use kubephase_preflight::lists;

use super::{Join, readiness};
use crate::error::PhaseError;
use crate::work::checks;

/// The phase.
pub fn phase() -> Phase<Join> {
    Phase::run("preflight", "Run join pre-flight checks", |cx: &mut Join| Box::pin(run(cx)))
        .unless(|cx| cx.options.plan.then(|| "a plan checks nothing".into()))
}

async fn run(cx: &mut Join) -> Result<(), PhaseError> {
    let release = cx.cluster.release;
    let is_control_plane = cx.is_control_plane();
    if is_control_plane {
        // They are made while checks wait for answers.
        cx.begin_keys();
    }
    let images = if is_control_plane { Some(checks::images(cx).await?) } else { None };
    let options = checks::options(cx, images);
    let mut list = lists::join(&cx.config, Some(release), &cx.cluster.facts.proxy_env, &options);
    if let Some(control_plane) = &cx.config.control_plane {
        let download = !control_plane.certificate_key.is_empty();
        let (sink, path) = (cx.options.sink.clone(), cx.path().to_owned());
        let tell = move |level, message| sink(Event::Notice { path: path.clone(), level, message });
        readiness::ready_for_control_plane(&cx.cluster, download, &cx.node, &tell)?;
        list.batches.extend(lists::join_control_plane(&cx.cluster, download, &options).batches);
    }
    checks::run(cx, list).await
}
