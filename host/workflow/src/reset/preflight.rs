//! Phase `preflight`: may we? Whether the user wants it has been asked before.

use kubephase_engine::Phase;
use kubephase_preflight::lists;

use super::Reset;
use crate::checks;
use crate::error::PhaseError;

pub const NAME: &str = "preflight";

/// The phase.
pub fn phase() -> Phase<Reset> {
    Phase::run(NAME, "Run reset pre-flight checks", |cx: &mut Reset| Box::pin(run(cx)))
}

async fn run(cx: &mut Reset) -> Result<(), PhaseError> {
    let options = lists::Options { dry_run: cx.node.is_dry_run(), ..lists::Options::default() };
    checks::run(&lists::root(&options), &cx.node, &cx.options.ignore, &cx.options.sink, cx.path()).await
}
