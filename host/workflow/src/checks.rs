//! Running preflight checks as a phase of any workflow: progress and findings become events, errors fail the phase.

use std::sync::Arc;

use kubephase_engine::{Event, Sink};
use kubephase_node::{Change, Node};
use kubephase_preflight::{Checklist, Ignore, Progress, Pull, PullProgress, Severity, Verdict};

use crate::error::PhaseError;

/// Image pulls as progress of the phase `path`.
pub fn pull_progress(sink: Sink<Change>, path: String) -> PullProgress {
    Arc::new(move |event| {
        let message = match event.pull {
            Pull::Present => "present".to_owned(),
            Pull::Pulling { attempt: 1 } => "pulling".to_owned(),
            Pull::Pulling { attempt } => format!("pulling, attempt {attempt}"),
            Pull::Pulled => "pulled".to_owned(),
            Pull::Failed { why } => format!("failed: {why}"),
        };
        let message = format!("{message} ({}/{})", event.settled, event.images);
        sink(Event::Progress { path: path.clone(), item: event.image, message });
    })
}

/// Runs the list and tells everything that it finds.
pub async fn run(
    list: &Checklist,
    node: &Node,
    ignore: &Ignore,
    sink: &Sink<Change>,
    path: &str,
) -> Result<(), PhaseError> {
    let progress = |progress: Progress<'_>| {
        if let Progress::Finished { check, verdict, done, checks } = progress {
            let verdict = match verdict {
                Verdict::Passed => "passed",
                Verdict::Warned => "warned",
                Verdict::Failed => "failed",
                Verdict::Skipped => "skipped",
            };
            let message = format!("{verdict} ({done}/{checks})");
            sink(Event::Progress { path: path.to_owned(), item: check.to_owned(), message });
        }
    };
    let outcome = kubephase_preflight::run(list, node, ignore, &progress).await;
    for finding in &outcome.findings {
        sink(Event::Finding {
            path: path.to_owned(),
            check: finding.check.clone(),
            severity: if finding.severity == Severity::Error { "error" } else { "warning" }.to_owned(),
            ignored: finding.ignored,
            seen: finding.seen.clone(),
            expected: finding.expected.clone(),
            remedy: finding.remedy.clone(),
        });
    }
    if outcome.failed { Err(PhaseError::Preflight(outcome)) } else { Ok(()) }
}
