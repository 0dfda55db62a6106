//! Phase `preflight`: may we start?

use kubephase_engine::Phase;
use kubephase_preflight::lists;

use super::Init;
use crate::error::PhaseError;
use crate::work::checks;

/// The phase.
pub fn phase() -> Phase<Init> {
    Phase::run("preflight", "Run pre-flight checks and pull images", |cx: &mut Init| Box::pin(run(cx)))
        .unless(|cx| cx.options.plan.then(|| "a plan checks nothing".into()))
}

async fn run(cx: &mut Init) -> Result<(), PhaseError> {
    // Checks and pulls mostly wait for others.
    cx.begin_keys();
    let images = checks::images(cx).await?;
    let list = lists::init(&cx.cluster, &checks::options(cx, Some(images)));
    checks::run(cx, list).await
}
