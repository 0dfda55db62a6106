//! The runner: every check of a batch runs, all at the same time; the report is in the order of the list.

use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::future::join_all;
use kubephase_node::Node;
use serde::Serialize;

use crate::check::{Finding, Severity};
use crate::ignore::Ignore;
use crate::lists::Checklist;

/// What happens meanwhile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress<'a> {
    /// A batch begins.
    Started {
        /// How many checks it has.
        checks: usize,
    },
    /// A check is done.
    Finished {
        /// Its name.
        check: &'a str,
        /// What came of it.
        verdict: Verdict,
        /// How many of the batch are done.
        done: usize,
        /// How many checks the batch has.
        checks: usize,
    },
}

/// What came of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Nothing found.
    Passed,
    /// Warnings only.
    Warned,
    /// At least one error.
    Failed,
    /// Not run, because an earlier batch failed.
    Skipped,
}

/// A check of the list and what came of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Checked {
    /// Its name.
    pub check: String,
    /// What it is about.
    pub about: &'static str,
    /// What came of it.
    pub verdict: Verdict,
}

/// What came of all checks.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Outcome {
    /// Everything found, in the order of the list.
    pub findings: Vec<Finding>,
    /// Every check, in the order of the list.
    pub checks: Vec<Checked>,
    /// True if an error stops the run.
    pub failed: bool,
}

impl Outcome {
    /// Findings that stop the run.
    pub fn errors(&self) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(|finding| finding.severity == Severity::Error)
    }

    /// Whether nothing stops the run but checks that are broken themselves.
    pub fn is_fault(&self) -> bool {
        self.failed && self.errors().all(|finding| finding.is_fault)
    }

    /// The value for `--ignore-preflight-errors` that would let this run go on.
    pub fn to_ignore(&self) -> Vec<&str> {
        let mut names: Vec<&str> = Vec::new();
        for finding in self.errors() {
            if !names.contains(&finding.check.as_str()) {
                names.push(&finding.check);
            }
        }
        names
    }
}

/// Runs the list batch by batch and stops after a batch with an error. Mirrors kubeadm's `RunChecks`, except that
/// names to ignore that no check has are reported, and that checks of a batch do not wait for each other.
pub async fn run(list: &Checklist, node: &Node, ignore: &Ignore, progress: &(dyn Fn(Progress<'_>) + Sync)) -> Outcome {
    let mut outcome = Outcome { findings: ignore.unknown(list), ..Outcome::default() };
    for batch in &list.batches {
        if outcome.failed {
            outcome.checks.extend(batch.checks.iter().map(|check| Checked {
                check: check.name(),
                about: check.about(),
                verdict: Verdict::Skipped,
            }));
            continue;
        }
        let checks = batch.checks.len();
        progress(Progress::Started { checks });
        let done = AtomicUsize::new(0);
        let results = join_all(batch.checks.iter().map(|check| async {
            let name = check.name();
            let mut findings = check.run(node).await;
            for finding in findings.iter_mut().filter(|finding| finding.severity == Severity::Error) {
                if ignore.covers(&name) || ignore.covers(&finding.check) {
                    finding.severity = Severity::Warning;
                    finding.ignored = true;
                }
            }
            let verdict = match findings.iter().map(|finding| finding.severity).max() {
                None => Verdict::Passed,
                Some(Severity::Warning) => Verdict::Warned,
                Some(Severity::Error) => Verdict::Failed,
            };
            let done = done.fetch_add(1, Ordering::Relaxed) + 1;
            progress(Progress::Finished { check: &name, verdict, done, checks });
            (Checked { check: name, about: check.about(), verdict }, findings)
        }))
        .await;
        for (checked, findings) in results {
            outcome.failed |= checked.verdict == Verdict::Failed;
            outcome.checks.push(checked);
            outcome.findings.extend(findings);
        }
    }
    outcome
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::Mutex;
    use std::time::Duration;

    use kubephase_node::Ambient;
    use tokio::sync::Barrier;

    use super::*;
    use crate::check::{Check, Findings};
    use crate::lists::Batch;

    struct Fake {
        name: &'static str,
        severity: Option<Severity>,
        meet: Option<Arc<Barrier>>,
        delay: Duration,
    }

    impl Fake {
        fn boxed(name: &'static str, severity: Option<Severity>) -> Box<dyn Check> {
            Box::new(Self { name, severity, meet: None, delay: Duration::ZERO })
        }
    }

    impl Check for Fake {
        fn name(&self) -> String {
            self.name.into()
        }
        fn about(&self) -> &'static str {
            "a fake"
        }
        fn run<'a>(&'a self, _node: &'a Node) -> Findings<'a> {
            Box::pin(async move {
                if let Some(barrier) = &self.meet {
                    barrier.wait().await;
                }
                tokio::time::sleep(self.delay).await;
                self.severity.map(|severity| Finding::new(self.name, severity, "seen")).into_iter().collect()
            })
        }
    }

    fn list(batches: Vec<Vec<Box<dyn Check>>>) -> Checklist {
        Checklist { batches: batches.into_iter().map(|checks| Batch { checks }).collect() }
    }

    fn node() -> Node {
        Node::fixed("/nonexistent", Ambient::default())
    }

    fn quiet(_: Progress<'_>) {}

    #[tokio::test]
    async fn checks_of_a_batch_run_at_the_same_time() {
        // Each waits for the other: one after the other would never end.
        let meet = Arc::new(Barrier::new(2));
        let fake = |name| {
            Box::new(Fake { name, severity: None, meet: Some(meet.clone()), delay: Duration::ZERO }) as Box<dyn Check>
        };
        let list = list(vec![vec![fake("A"), fake("B")]]);
        let node = node();
        let ignore = Ignore::default();
        let outcome = tokio::time::timeout(Duration::from_secs(10), run(&list, &node, &ignore, &quiet)).await;
        assert!(!outcome.expect("both ran at once").failed);
    }

    #[tokio::test]
    async fn the_report_is_in_the_order_of_the_list() {
        let slow = Box::new(Fake {
            name: "Slow",
            severity: Some(Severity::Warning),
            meet: None,
            delay: Duration::from_millis(30),
        });
        let list = list(vec![vec![slow, Fake::boxed("Fast", Some(Severity::Warning))]]);
        let order = Mutex::new(Vec::new());
        let outcome = run(&list, &node(), &Ignore::default(), &|event| {
            if let Progress::Finished { check, done, checks, .. } = event {
                order.lock().expect("not poisoned").push((check.to_owned(), done, checks));
            }
        })
        .await;
        let names: Vec<_> = outcome.findings.iter().map(|finding| finding.check.as_str()).collect();
        assert_eq!(names, ["Slow", "Fast"]);
        assert_eq!(*order.lock().expect("not poisoned"), [("Fast".to_owned(), 1, 2), ("Slow".to_owned(), 2, 2)]);
    }

    #[tokio::test]
    async fn a_failed_batch_stops_the_next_but_not_itself() {
        let list = list(vec![
            vec![Fake::boxed("Root", Some(Severity::Error)), Fake::boxed("Beside", Some(Severity::Error))],
            vec![Fake::boxed("Later", Some(Severity::Error))],
        ]);
        let outcome = run(&list, &node(), &Ignore::default(), &quiet).await;
        assert!(outcome.failed);
        assert_eq!(outcome.to_ignore(), ["Root", "Beside"]);
        assert_eq!(outcome.checks.last().expect("three").verdict, Verdict::Skipped);
    }

    #[tokio::test]
    async fn ignored_errors_are_warnings_and_say_so() {
        let list = list(vec![vec![Fake::boxed("Swap", Some(Severity::Error))], vec![Fake::boxed("Later", None)]]);
        let outcome = run(&list, &node(), &Ignore::new(["sWAP"]).expect("valid"), &quiet).await;
        assert!(!outcome.failed);
        assert_eq!(outcome.findings[0].severity, Severity::Warning);
        assert!(outcome.findings[0].ignored);
        assert_eq!(outcome.checks.last().expect("two").verdict, Verdict::Passed);
        let outcome = run(&list, &node(), &Ignore::all(), &quiet).await;
        assert!(!outcome.failed);
    }

    /// A check that looks at many things.
    struct Many;

    impl Check for Many {
        fn name(&self) -> String {
            "many".into()
        }
        fn about(&self) -> &'static str {
            "a fake"
        }
        fn run<'a>(&'a self, _node: &'a Node) -> Findings<'a> {
            Box::pin(async { ["many/One", "many/Two"].map(|name| Finding::error(name, "seen")).into() })
        }
    }

    #[tokio::test]
    async fn what_a_check_finds_can_be_ignored_one_by_one() {
        let list = list(vec![vec![Box::new(Many)]]);
        let run = async |names: &[&str]| {
            let ignore = Ignore::new(names).expect("valid");
            let outcome = run(&list, &node(), &ignore, &quiet).await;
            assert!(outcome.findings.iter().all(|finding| finding.check != "IgnorePreflightErrors"), "{names:?}");
            outcome.to_ignore().into_iter().map(str::to_owned).collect::<Vec<_>>()
        };
        assert_eq!(run(&[]).await, ["many/One", "many/Two"]);
        assert_eq!(run(&["Many/one"]).await, ["many/Two"]);
        assert!(run(&["many"]).await.is_empty());
    }

    #[tokio::test]
    async fn unknown_names_are_reported_with_a_guess() {
        let list = list(vec![vec![Fake::boxed("KubeletVersion", None)]]);
        let outcome = run(&list, &node(), &Ignore::new(["KubletVersion", "xyz"]).expect("valid"), &quiet).await;
        let texts: Vec<_> = outcome.findings.iter().map(|f| (f.seen.as_str(), f.remedy.as_deref())).collect();
        assert_eq!(
            texts,
            [
                ("no check is called `kubletversion`", Some("did you mean `KubeletVersion`?")),
                ("no check is called `xyz`", Some("it has no effect: remove it from --ignore-preflight-errors")),
            ]
        );
        assert!(!outcome.failed);
    }

    #[test]
    fn findings_as_json() {
        let finding = Finding::error("Swap", "swap is on").expected("swap off").remedy("swapoff -a");
        assert_eq!(
            serde_json::to_string(&finding).expect("JSON"),
            r#"{"check":"Swap","severity":"error","ignored":false,"seen":"swap is on","expected":"swap off","remedy":"swapoff -a"}"#
        );
    }
}
