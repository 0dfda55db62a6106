//! Known reasons for a control plane that does not come up.

use kubephase_workflow::diagnose::CAUSES;

use super::markdown::{code, head, table};

/// The page.
pub fn page() -> String {
    let about = "What `wait-control-plane` recognises while it waits and when a deadline passes, in this order: the first \
                 that the evidence shows is told, with the fix and where the evidence is. Fallbacks say what failed, \
                 not why, and are told only when a deadline has passed.";
    let rows = CAUSES.iter().map(|cause| {
        let fallback = if cause.fallback { "yes" } else { "" };
        [code(cause.id), cause.about.to_owned(), fallback.to_owned()]
    });
    head("Causes", about) + &table(["cause", "what happened", "fallback"], rows)
}
