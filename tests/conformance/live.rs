//! The same against a real kubeadm, on this machine, now: `KUBEADM=/path/to/kubeadm cargo test --test conformance live`.
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

/// How many configurations are made up.
const CONFIGURATIONS: u64 = 30;

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
    let failures: Vec<_> =
        Case::all().iter().filter_map(|case| Some(format!("{}: {}", case.name, reproduce(&kubeadm, case)?))).collect();
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn made_up_configurations() {
    let Some(kubeadm) = kubeadm("live::made_up_configurations") else { return };
    let mut failures = Vec::new();
    for seed in 0..CONFIGURATIONS {
        let config = generate::configuration(seed);
        let (theirs, their_tree) = run(&kubeadm, &config);
        let (ours, our_tree) = run(&Program::kubephase(), &config);
        if theirs.iter().any(|o| o.code != Some(0)) {
            // What kubeadm refuses is for the tests of errors; the generator is meant to make valid ones.
            panic!("seed {seed}: kubeadm refuses\n{config}\n{}", theirs.last().expect("a run"));
        }
        let differences = between(&meaning::of(&their_tree), &meaning::of(&our_tree));
        let refused = ours.iter().find(|o| o.code != Some(0));
        if let Some(refused) = refused {
            failures.push(format!("seed {seed}\n{config}\n{refused}"));
        } else if !differences.is_empty() {
            failures.push(format!("seed {seed}\n{config}\n{}", report(&differences)));
        }
    }
    assert!(failures.is_empty(), "{} of {CONFIGURATIONS}:\n{}", failures.len(), failures.join("\n\n"));
}

/// All phases, up to the first that fails.
fn run(program: &Program, config: &str) -> (Vec<Outcome>, Tree) {
    let root = Rootfs::with(|root| {
        std::fs::create_dir(root.join("case")).expect("the case's folder");
        std::fs::write(root.join("case/config.yaml"), config).expect("the configuration");
    });
    let mut outcomes = Vec::new();
    for phase in PHASES {
        let which = match phase {
            "etcd" => " local",
            "kubelet-start" => "",
            _ => " all",
        };
        let line = format!("init phase {phase}{which} --config {CASE}/config.yaml");
        let args: Vec<_> = line.split(' ').map(str::to_string).collect();
        outcomes.push(root.run(program, &args));
        if outcomes.last().is_some_and(|o| o.code != Some(0)) {
            break;
        }
    }
    let mut changes = root.changes();
    changes.retain(|path, _| !path.starts_with("var/lib/kubephase"));
    (outcomes, changes)
}
