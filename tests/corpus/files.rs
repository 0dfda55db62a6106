//! The files in `tests/fixtures/broken`, each with what `index.yaml` expects of it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::time::Duration;

use serde_json::Value;

use crate::support::fixtures;
use crate::support::program::{Outcome, Program};
use crate::support::rootfs::Rootfs;

/// Refusing a file is a matter of milliseconds; this is for a busy machine and a debug build.
const PATIENCE: Duration = Duration::from_secs(20);
/// A report is for people.
const LONGEST_REPORT: usize = 20_000;

/// What kubeadm does with a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Accepted.
    Ok,
    /// Refused.
    Refused,
}

/// One entry of the index.
#[derive(Clone, Debug)]
pub struct Expected {
    /// kubeadm's verdict in `config validate`.
    pub validate: Verdict,
    /// kubeadm's verdict in a run of `init`.
    pub run: Verdict,
    /// Line to be named.
    pub line: Option<u64>,
    /// Texts to be named.
    pub names: Vec<String>,
    /// Why kubephase refuses what kubeadm accepts.
    pub stricter: Option<String>,
}

fn index() -> BTreeMap<String, Expected> {
    let text = fs::read_to_string(fixtures().join("broken/index.yaml")).expect("the index");
    let entries: BTreeMap<String, Value> = serde_yaml::from_str(&text).expect("an index in YAML");
    let verdict = |value: &Value| match value.as_str() {
        Some("ok") => Verdict::Ok,
        Some("refused") => Verdict::Refused,
        other => panic!("unknown verdict {other:?}"),
    };
    let entry = |value: Value| Expected {
        validate: verdict(&value["kubeadm"]["validate"]),
        run: verdict(&value["kubeadm"]["run"]),
        line: value.get("line").and_then(Value::as_u64),
        names: value["names"].as_array().into_iter().flatten().map(|n| n.as_str().expect("text").to_string()).collect(),
        stricter: value.get("stricter").map(|reason| reason.as_str().expect("text").to_string()),
    };
    entries.into_iter().map(|(name, value)| (name, entry(value))).collect()
}

#[test]
fn index_and_files_agree() {
    let files: BTreeSet<_> = fs::read_dir(fixtures().join("broken"))
        .expect("the files")
        .map(|e| e.expect("an entry").path().file_stem().expect("a name").to_string_lossy().into_owned())
        .filter(|name| name != "index")
        .collect();
    let listed: BTreeSet<_> = index().into_keys().collect();
    assert_eq!(files, listed);
    assert!(files.len() >= 60);
}

#[test]
fn every_file_gets_its_report() {
    let index = index();
    let entries: Vec<_> = index.iter().collect();
    let failures: Vec<_> = in_parallel(&entries, |(name, expected)| {
        let bytes = fs::read(fixtures().join(format!("broken/{name}.yaml"))).expect("the file");
        judge(name, &bytes, expected)
    });
    assert!(failures.is_empty(), "{} failure(s)\n{}", failures.len(), failures.join("\n"));
}

/// The reports themselves, so that a change of wording is seen by who makes it.
#[test]
fn reports() {
    let mut reports = String::new();
    for name in index().into_keys() {
        let bytes = fs::read(fixtures().join(format!("broken/{name}.yaml"))).expect("the file");
        let folder = tempfile::tempdir().expect("a temporary directory");
        fs::write(folder.path().join("config.yaml"), &bytes).expect("the file");
        let outcome = validate(folder.path());
        let code = outcome.code.unwrap_or(-1);
        reports += &format!("=== {name}: exit code {code}\n{}{}\n", outcome.out(), outcome.err());
    }
    insta::assert_snapshot!("reports", reports);
}

fn validate(folder: &std::path::Path) -> Outcome {
    Program::kubephase().within(folder).run(["config", "validate", "--config", "config.yaml"])
}

/// Everything that is wrong with how kubephase treats a file.
pub fn judge(name: &str, bytes: &[u8], expected: &Expected) -> Vec<String> {
    let folder = tempfile::tempdir().expect("a temporary directory");
    fs::write(folder.path().join("config.yaml"), bytes).expect("the file");
    let mut failures = Vec::new();

    let outcome = validate(folder.path());
    // kubeadm's `validate` says ok to some files that its `init` refuses. Ours may say so at once.
    let earlier = expected.run == Verdict::Refused && outcome.code == Some(2);
    let verdict = if earlier { Verdict::Refused } else { expected.validate };
    failures.extend(check(name, "validate", &outcome, verdict, expected));

    let args = ["init", "phase", "certs", "ca", "--config", "config.yaml", "--dry-run", "--dry-run-dir", "scratch"];
    let outcome = Program::kubephase().within(folder.path()).run(args);
    failures.extend(check(name, "run", &outcome, expected.run, expected));
    let left: BTreeSet<_> =
        fs::read_dir(folder.path()).expect("the folder").map(|e| e.expect("an entry").file_name()).collect();
    if outcome.code != Some(0) && left.len() != 1 {
        failures.push(format!("run {name}: refused, but there is {left:?}"));
    }
    failures
}

fn check(name: &str, what: &str, outcome: &Outcome, kubeadm: Verdict, expected: &Expected) -> Vec<String> {
    let mut failures = Vec::new();
    let code = if kubeadm == Verdict::Refused || expected.stricter.is_some() { 2 } else { 0 };
    let (out, err) = (outcome.out(), outcome.err());
    let mut fail = |why: String| {
        let cut: String = err.chars().take(1500).collect();
        failures.push(format!("{what} {name}: {why}\n{cut}"));
    };
    if outcome.code != Some(code) {
        let theirs = if kubeadm == Verdict::Ok { "accepts" } else { "refuses" };
        fail(format!("expected exit code {code}, got {:?} (kubeadm {theirs} it)", outcome.code));
        return failures;
    }
    for word in ["panicked", "RUST_BACKTRACE", "internal error", "stack overflow"] {
        if err.contains(word) {
            fail(format!("says {word:?}"));
        }
    }
    if err.chars().any(|c| c.is_control() && c != '\n') {
        fail("control characters reach the terminal".to_string());
    }
    if err.len() > LONGEST_REPORT {
        fail(format!("a report of {} bytes", err.len()));
    }
    if outcome.took > PATIENCE {
        fail(format!("took {:?}", outcome.took));
    }
    if code == 2 {
        if !out.is_empty() {
            fail(format!("refused, but on stdout there is {out:?}"));
        }
        if err.is_empty() {
            fail("refused without a word".to_string());
        }
    }
    // What only a run refuses is not asked of `validate`; all else is named by both, as error or warning.
    if what == "run" || kubeadm == Verdict::Refused || code == 2 {
        if let Some(line) = expected.line.filter(|line| !err.contains(&format!("config.yaml:{line}:"))) {
            fail(format!("does not name line {line}"));
        }
        for missing in expected.names.iter().filter(|n| !err.contains(n.as_str())) {
            fail(format!("does not name {missing:?}"));
        }
    }
    failures
}

/// Runs `work` for all items on a few threads; results in order.
fn in_parallel<T: Sync>(items: &[T], work: impl Fn(&T) -> Vec<String> + Sync) -> Vec<String> {
    let threads = std::thread::available_parallelism().map_or(2, usize::from);
    let size = items.len().div_ceil(threads).max(1);
    std::thread::scope(|scope| {
        let handles: Vec<_> =
            items.chunks(size).map(|chunk| scope.spawn(|| chunk.iter().flat_map(&work).collect::<Vec<_>>())).collect();
        handles.into_iter().flat_map(|handle| handle.join().expect("a worker")).collect()
    })
}

/// A file that is refused changes nothing on a node, in a real run either.
#[test]
fn a_real_run_writes_nothing_either() {
    if let Some(why) = Rootfs::unavailable() {
        return crate::support::skipped("corpus::files::a_real_run_writes_nothing_either", &why);
    }
    for (name, expected) in index().into_iter().filter(|(_, e)| e.run == Verdict::Refused).step_by(8) {
        let root = Rootfs::with(|root| {
            fs::copy(fixtures().join(format!("broken/{name}.yaml")), root.join("config.yaml"))
                .map(drop)
                .expect("a copy");
        });
        let args = ["init", "phase", "certs", "all", "--config", "/config.yaml"].map(str::to_string);
        let outcome = root.run(&Program::kubephase(), &args);
        assert_eq!(outcome.code, Some(2), "{name}: {outcome} {expected:?}");
        let changes: Vec<_> = root.changes().into_keys().collect();
        assert!(changes.is_empty(), "{name}: left {changes:?}");
    }
}
