//! Running a selection, one leaf after the other, and saying what happens. Stops at the first failure; there is no
//! rollback, because what is done is found again by the next run.

use std::error::Error;
use std::task::Poll;
use std::time::Instant;

use crate::event::Event;
use crate::phase::{Action, Context, Workflow};
use crate::select::{SelectError, Selection};

/// What a finished run did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// Phases that ran.
    pub ran: usize,
    /// Phases that were left out.
    pub skipped: usize,
}

/// Why a run did not finish.
#[derive(Debug, thiserror::Error)]
pub enum RunError<E: Error + 'static> {
    /// The selection names unknown phases.
    #[error(transparent)]
    Select(#[from] SelectError),
    /// A phase failed.
    #[error("phase `{path}` failed")]
    Phase {
        /// Its path.
        path: String,
        /// Why.
        source: E,
    },
}

impl<C: Context> Workflow<C> {
    /// Runs the selected phases.
    pub async fn run(&self, cx: &mut C, selection: &Selection) -> Result<Summary, RunError<C::Error>> {
        let begun = Instant::now();
        let leaves = self.select(selection)?;
        let sink = cx.sink();
        let chosen: Vec<String> = leaves.iter().filter(|s| s.left_out.is_none()).map(|s| s.path.clone()).collect();
        let total = chosen.len();
        sink(Event::Began { workflow: self.name.to_owned(), phases: chosen });
        let mut summary = Summary { ran: 0, skipped: 0 };
        let mut index = 0;
        let mut unsettled: Option<String> = None;
        for leaf in &leaves {
            let path = leaf.path.clone();
            if let Some(done) = unsettled.take_if(|done| top(done) != top(&path)) {
                settle(cx, done)?;
            }
            index += usize::from(leaf.left_out.is_none());
            let why = leaf.left_out.clone().or_else(|| leaf.phase.unless.as_ref().and_then(|unless| unless(cx)));
            if let Some(why) = why {
                summary.skipped += 1;
                sink(Event::Skipped { path, why });
                continue;
            }
            let Action::Run(run) = &leaf.phase.action else { continue };
            pause().await;
            cx.enter(&path);
            sink(Event::Started { path: path.clone(), about: leaf.phase.about.to_string(), index, total });
            let started = Instant::now();
            let mut result = run(cx).await;
            let changes = cx.take_changes();
            if result.is_ok() {
                result = cx.leave(&path, &changes);
            }
            if result.is_err() {
                // The first failure is the one to tell.
                result = result.and(cx.settle());
            }
            let millis = millis(started);
            match result {
                Ok(()) => {
                    summary.ran += 1;
                    unsettled = Some(path.clone());
                    sink(Event::Finished { path, millis, changes });
                }
                Err(source) => return Err(failed(cx, path, millis, source, changes)),
            }
        }
        cx.end();
        if let Some(path) = unsettled {
            settle(cx, path)?;
        }
        sink(Event::Ended { millis: millis(begun), ran: summary.ran, skipped: summary.skipped });
        Ok(summary)
    }
}

/// Gives way once: whoever runs this can end it here, though the phases themselves may never wait for anything.
async fn pause() {
    let mut paused = false;
    std::future::poll_fn(|cx| {
        if std::mem::replace(&mut paused, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// Makes the work of a top-level phase durable, of which `path` was the last.
fn settle<C: Context>(cx: &mut C, path: String) -> Result<(), RunError<C::Error>> {
    let started = Instant::now();
    cx.settle().map_err(|source| failed(cx, path, millis(started), source, Vec::new()))
}

/// Tells a failure: whoever reads events needs no other word of it.
fn failed<C: Context>(
    cx: &C,
    path: String,
    millis: u64,
    source: C::Error,
    changes: Vec<C::Change>,
) -> RunError<C::Error> {
    let mut causes = Vec::new();
    let mut cause = source.source();
    while let Some(error) = cause {
        causes.push(error.to_string());
        cause = error.source();
    }
    let (error, hint) = (source.to_string(), C::hint(&source));
    cx.sink()(Event::Failed { path: path.clone(), millis, error, causes, hint, changes });
    RunError::Phase { path, source }
}

fn top(path: &str) -> &str {
    path.split('/').next().unwrap_or(path)
}

fn millis(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;
    use crate::event::Sink;
    use crate::phase::{Phase, PhaseFuture};

    struct Cx {
        done: Vec<String>,
        now: String,
        events: Arc<Mutex<Vec<String>>>,
    }

    #[derive(Debug, thiserror::Error)]
    #[error("it broke")]
    struct Broken(#[source] std::fmt::Error);

    impl Context for Cx {
        type Error = Broken;
        type Change = String;
        fn enter(&mut self, path: &str) {
            self.now = path.to_owned();
        }
        fn take_changes(&mut self) -> Vec<String> {
            vec![format!("did {}", self.now)]
        }
        fn leave(&mut self, path: &str, _: &[String]) -> Result<(), Broken> {
            self.done.push(path.to_owned());
            Ok(())
        }
        fn settle(&mut self) -> Result<(), Broken> {
            self.events.lock().unwrap().push("settled".to_owned());
            Ok(())
        }
        fn hint(_: &Broken) -> Option<String> {
            None
        }
        fn sink(&self) -> Sink<String> {
            let events = self.events.clone();
            Arc::new(move |event| {
                let json = serde_json::to_value(&event).unwrap();
                let field = |name: &str| json[name].as_str().unwrap_or("").to_owned();
                events.lock().unwrap().push(format!("{} {}", field("event"), field("path")).trim().to_owned());
            })
        }
    }

    fn ok(_: &mut Cx) -> PhaseFuture<'_, Cx> {
        Box::pin(async { Ok(()) })
    }

    fn workflow() -> Workflow<Cx> {
        Workflow {
            name: "init",
            phases: vec![
                Phase::run("preflight", "looks", ok),
                Phase::group(
                    "certs",
                    "certificates",
                    vec![
                        Phase::run("ca", "the authority", ok),
                        Phase::run("apiserver", "the server", ok).unless(|cx: &Cx| {
                            cx.done.contains(&"preflight".to_owned()).then(|| "preflight ran".to_owned())
                        }),
                    ],
                ),
                Phase::run("certs-extra", "not a child of certs", ok),
                Phase::run("broken", "fails", |_| Box::pin(async { Err(Broken(std::fmt::Error)) })),
                Phase::run("after", "never runs", ok),
            ],
        }
    }

    async fn run(only: Option<&str>, skip: &[&str]) -> (Result<Summary, RunError<Broken>>, Vec<String>) {
        let mut cx = Cx { done: Vec::new(), now: String::new(), events: Arc::default() };
        let selection =
            Selection { only: only.map(str::to_owned), skip: skip.iter().map(|&name| name.to_owned()).collect() };
        let result = workflow().run(&mut cx, &selection).await;
        let events = cx.events.lock().unwrap().clone();
        (result, events)
    }

    #[tokio::test]
    async fn runs_in_order_skips_and_stops_at_the_first_failure() {
        let (result, events) = run(None, &["certs-extra"]).await;
        assert!(matches!(result, Err(RunError::Phase { path, .. }) if path == "broken"));
        assert_eq!(
            events,
            [
                "began",
                "started preflight",
                "finished preflight",
                "settled",
                "started certs/ca",
                "finished certs/ca",
                "skipped certs/apiserver",
                "settled",
                "skipped certs-extra",
                "started broken",
                "settled",
                "failed broken",
            ]
        );
    }

    #[tokio::test]
    async fn one_phase_or_one_group_runs_by_path() {
        let (result, events) = run(Some("certs"), &["certs/ca"]).await;
        assert_eq!(result.unwrap(), Summary { ran: 1, skipped: 1 });
        assert_eq!(
            events,
            ["began", "skipped certs/ca", "started certs/apiserver", "finished certs/apiserver", "settled", "ended"]
        );
    }

    #[tokio::test]
    async fn unknown_phases_are_refused_together_with_a_guess() {
        let (result, events) = run(None, &["cert/ca", "Certs", "zzzzzzzz"]).await;
        let Err(RunError::Select(error)) = result else { panic!("accepted") };
        assert_eq!(error.unknown, ["cert/ca", "Certs", "zzzzzzzz"]);
        assert!(
            error.hint().starts_with("did you mean `certs/ca`? did you mean `certs`? known phases: "),
            "{}",
            error.hint()
        );
        assert!(events.is_empty());
    }

    #[test]
    fn the_outline_is_made_from_the_tree() {
        let outline = workflow().outline();
        assert!(
            outline.starts_with("preflight     looks\ncerts         certificates\n  /ca         the authority\n"),
            "{outline}"
        );
    }
}
