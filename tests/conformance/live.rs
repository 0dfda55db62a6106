//! The same against a real kubeadm, on this machine, now: `KUBEADM=/path/to/kubeadm cargo test --test conformance live`.
//! `SEEDS=100..200` has other configurations made up than the usual ones.
//!
//! First kubeadm must reproduce its own recordings in our root directories, or they would prove nothing. Then both
//! run the phases of init for configurations that nobody thought of.

use std::path::PathBuf;

use crate::generate;
use crate::recorded::reproduce;
use crate::support::case::{Case, PHASES};
use crate::support::difference::{between, report};
use crate::support::meaning;
use crate::support::program::{Outcome, Program};
use crate::support::rootfs::{CASE, Rootfs};
use crate::support::skipped;
use crate::support::tree::Tree;

/// Seeds of the configurations that are made up.
fn seeds() -> std::ops::Range<u64> {
    let Ok(text) = std::env::var("SEEDS") else { return 0..30 };
    let range = text.split_once("..").and_then(|(from, to)| Some(from.parse().ok()?..to.parse().ok()?));
    range.unwrap_or_else(|| panic!("SEEDS must be like 100..200, not {text:?}"))
}

/// The kubeadm to compare with; None, said aloud, if none is given or it cannot be used.
pub fn kubeadm(test: &str) -> Option<Program> {
    let Some(path) = std::env::var_os("KUBEADM").map(PathBuf::from) else {
        skipped(test, "set KUBEADM to a kubeadm 1.36 to compare with it");
        return None;
    };
    if let Some(why) = Rootfs::unavailable() {
        skipped(test, &why);
        return None;
    }
    let kubeadm = Program::at(&path);
    let version = kubeadm.run(["version", "-o", "short"]);
    version.expect_code(0);
    assert!(version.out().starts_with("v1.36."), "the recordings are of 1.36, {} is {}", path.display(), version.out());
    Some(kubeadm)
}

#[test]
fn kubeadm_reproduces_its_recordings() {
    let Some(kubeadm) = kubeadm("live::kubeadm_reproduces_its_recordings") else { return };
    for case in Case::all() {
        let differences = reproduce(&kubeadm, &case);
        assert!(differences.is_empty(), "{}: {}", case.name, report(&differences));
    }
}

#[test]
fn made_up_configurations() {
    let Some(kubeadm) = kubeadm("live::made_up_configurations") else { return };
    let (mut failures, mut accepted) = (Vec::new(), 0);
    let seeds = seeds();
    let count = seeds.end - seeds.start;
    for seed in seeds {
        let config = generate::configuration(seed);
        let (theirs, their_tree) = run(&kubeadm, &config);
        let (ours, our_tree) = run(&Program::kubephase(), &config);
        let mut fail = |what: String| failures.push(format!("seed {seed}: {what}\n{config}"));
        match (theirs.code, ours.code) {
            (Some(0), Some(0)) => {
                accepted += 1;
                let mut differences = between(&meaning::of(&their_tree), &meaning::of(&our_tree));
                // kubeadm makes the directories above etcd's data as private as the data itself; a `/srv` that only
                // root may enter would lock others out.
                differences.retain(|d| !matches!((d.file.as_str(), d.at.as_str()), ("srv" | "srv/etcd", ".mode")));
                if !differences.is_empty() {
                    fail(report(&differences));
                }
            }
            (Some(0), _) => fail(format!("{ours}")),
            // Never laxer: what kubeadm refuses is the user's mistake here too.
            (_, Some(2)) => {}
            (_, _) => fail(format!("{theirs}\n{ours}")),
        }
    }
    assert!(failures.is_empty(), "{} of {count}:\n{}", failures.len(), failures.join("\n\n"));
    assert!(accepted * 3 >= count * 2, "kubeadm accepted only {accepted} of {count} configurations");
}

/// [`phases`] in a new root with the configuration.
fn run(program: &Program, config: &str) -> (Outcome, Tree) {
    let root = Rootfs::with(|root| {
        std::fs::create_dir(root.join("case")).expect("the case's folder");
        std::fs::write(root.join("case/config.yaml"), config).expect("the configuration");
    });
    phases(program, &root)
}

/// All phases, up to the first that fails; what that one or the last one said, and what all of them left.
pub(super) fn phases(program: &Program, root: &Rootfs) -> (Outcome, Tree) {
    let mut last = None;
    for phase in PHASES {
        let which = match phase {
            "etcd" => " local",
            "kubelet-start" => "",
            _ => " all",
        };
        let line = format!("init phase {phase}{which} --config {CASE}/config.yaml");
        let args: Vec<_> = line.split(' ').map(str::to_string).collect();
        let outcome = root.run(program, &args);
        let failed = outcome.code != Some(0);
        last = Some(outcome);
        if failed {
            break;
        }
    }
    let mut changes = root.changes();
    changes.retain(|path, _| !path.starts_with("var/lib/kubephase"));
    (last.expect("phases"), changes)
}
