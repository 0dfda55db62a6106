//! What kubeadm refuses, kubephase refuses; what kubeadm accepts, kubephase accepts, but for a list with reasons; what
//! kubeadm warns of, kubephase warns of. And where kubeadm gives a reason, ours names the place.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::deliberate::STRICTER;
use crate::support::case::{Case, golden};
use crate::support::program::{Outcome, Program};
use crate::warnings;

/// What the message for each wrong configuration must name: the file and place, the field, the value. `validate` says
/// it about the file alone, a run says the same.
const NAMED: &[(&str, &[&str])] = &[
    ("advertise-bad", &["e.yaml:3:", "localAPIEndpoint.advertiseAddress", "not-an-ip"]),
    ("ancient-api-v1alpha1", &["e.yaml:1:", "kubeadm.k8s.io/v1alpha1", "v1.11"]),
    ("bind-port", &["e.yaml:3:", "localAPIEndpoint.bindPort", "70000"]),
    ("certdir-relative", &["e.yaml:9:", "certificatesDir", "absolute"]),
    ("dns-domain", &["e.yaml:9:", "networking.dnsDomain", "Bad_Domain"]),
    ("dual-same-family", &["e.yaml:9:", "networking.podSubnet", "10.1.0.0/16,10.2.0.0/16"]),
    ("empty-file", &["e.yaml", "InitConfiguration", "ClusterConfiguration"]),
    ("endpoint-bad-port", &["e.yaml:9:", "controlPlaneEndpoint", "99999"]),
    ("etcd-both", &["e.yaml:9:", "etcd", "local", "external"]),
    ("etcd-external-cert-nokey", &["e.yaml:9:", "etcd.external", "keyFile"]),
    ("etcd-external-noendpoints", &["e.yaml:9:", "etcd.external.endpoints"]),
    ("extraargs-list-in-v1beta3", &["e.yaml:9:", "apiServer.extraArgs"]),
    ("future-api-v1", &["e.yaml:1:", "kubeadm.k8s.io/v1", "v1beta4"]),
    ("ignore-all-plus", &["e.yaml:4:", "nodeRegistration.ignorePreflightErrors", "all"]),
    ("no-kind", &["e.yaml", "kind"]),
    ("not-yaml", &["e.yaml:1:"]),
    ("only-kubelet", &["e.yaml", "InitConfiguration", "ClusterConfiguration"]),
    ("proxy-bad", &["e.yaml:12:", "mode"]),
    ("small-service-subnet", &["e.yaml:9:", "networking.serviceSubnet", "10.96.0.0/30"]),
    ("token-format", &["e.yaml:3:", "bootstrapTokens[0].token"]),
    ("token-usage", &["e.yaml:3:", "bootstrapTokens[0].usages", "flying"]),
    ("two-init", &["e.yaml:7:", "InitConfiguration", "line 2"]),
    ("unknown-field-cc", &["e.yaml:9:", "foo"]),
    ("unknown-kind", &["e.yaml:11:", "Foo"]),
    ("validity-negative", &["e.yaml:9:", "certificateValidityPeriod", "-1h"]),
    ("volume-bad", &["e.yaml:9:", "apiServer.extraVolumes[0].name", "apiServer.extraVolumes[0].hostPath"]),
];

/// Secrets never stand in a message, not even wrong ones.
const SECRET: &[(&str, &str)] = &[("token-format", "UPPER.1")];

#[test]
fn validate() {
    judge_all("validate", |name, file| {
        let recorded = fs::read_to_string(golden().join(format!("errors/{name}.validate"))).expect("a recording");
        let (code, said) = recorded.split_once('\n').expect("exit code first");
        let code = code.strip_prefix("rc ").and_then(|c| c.parse().ok()).expect("an exit code");
        let outcome = Program::kubephase()
            .within(file.parent().expect("a folder"))
            .run(["config", "validate", "--config", "e.yaml"]);
        // kubeadm reads a file with both kinds twice, for init and for join, and each time calls the other's documents
        // ignored. Ours checks them all.
        let said = said.lines().filter(|line| !line.contains("Ignored configuration document"));
        (code, said.collect::<Vec<_>>().join("\n"), outcome)
    });
}

#[test]
fn phase() {
    judge_all("phase", |name, file| {
        let read = |ext: &str| fs::read_to_string(golden().join(format!("errors/{name}.{ext}"))).unwrap_or_default();
        let folder = file.parent().expect("a folder");
        let command = read("cmd").replace("CASE/", "");
        // Nothing is written outside the folder, and nothing at all if the file is refused.
        let args = command.split_whitespace().skip(1).chain(["--dry-run", "--dry-run-dir", "scratch"]);
        let outcome = Program::kubephase().within(folder).run(args);
        if outcome.code != Some(0) {
            let left: Vec<_> =
                fs::read_dir(folder).expect("a folder").map(|e| e.expect("an entry").file_name()).collect();
            assert_eq!(left, ["e.yaml"], "{name}: {outcome}");
        }
        (read("rc").trim().parse().expect("an exit code"), read("err"), outcome)
    });
}

/// What ours says is kept, so that a change of wording is seen by who makes it.
#[test]
fn messages() {
    let mut messages = String::new();
    for (name, config) in configurations() {
        let folder = place(&config);
        let outcome = Program::kubephase().within(folder.path()).run(["config", "validate", "--config", "e.yaml"]);
        let code = outcome.code.unwrap_or(-1);
        messages += &format!("=== {name}: exit code {code}\n{}{}\n", outcome.out(), outcome.err());
    }
    insta::assert_snapshot!("messages", messages);
}

#[test]
fn tables_are_about_what_is_recorded() {
    let recorded: BTreeSet<_> = configurations().into_iter().map(|(name, _)| name).collect();
    for name in NAMED.iter().map(|n| n.0).chain(SECRET.iter().map(|s| s.0)).chain(STRICTER.iter().map(|s| s.0)) {
        assert!(recorded.contains(name), "{name} is not recorded");
    }
}

/// Judges every configuration; tells everything that is wrong at once.
fn judge_all(what: &str, run: impl Fn(&str, &Path) -> (i32, String, Outcome)) {
    let mut failures = Vec::new();
    for (name, config) in configurations() {
        let folder = place(&config);
        let (code, said, outcome) = run(&name, &folder.path().join("e.yaml"));
        let stricter = STRICTER.iter().any(|s| s.0 == name);
        // Ours may say at once, in `validate`, what a run refuses.
        let run = fs::read_to_string(config.with_extension("rc")).expect("a recording");
        let earlier = what == "validate" && run.trim() != "0" && outcome.code == Some(2);
        let expected = if code != 0 || stricter || earlier { 2 } else { 0 };
        let mut fail = |why: String| failures.push(format!("{what} {name}: {why}\n{outcome}"));
        if outcome.code != Some(expected) {
            let why = if stricter { "listed as stricter" } else { "kubeadm's exit code" };
            fail(format!("expected exit code {expected} ({why}: {code})"));
            continue;
        }
        let ours = outcome.err();
        if expected == 2 {
            for word in NAMED.iter().filter(|n| n.0 == name).flat_map(|n| n.1).filter(|w| !ours.contains(**w)) {
                fail(format!("the message does not name {word:?}"));
            }
            for (_, secret) in SECRET.iter().filter(|s| s.0 == name && ours.contains(s.1)) {
                fail(format!("the message shows the secret {secret:?}"));
            }
        } else {
            for missing in warnings::missing(&said, &ours) {
                fail(missing);
            }
        }
    }
    assert!(failures.is_empty(), "{} failure(s)\n{}", failures.len(), failures.join("\n"));
}

#[test]
fn every_refusal_has_its_words() {
    for (name, config) in configurations() {
        let recorded = |ext: &str| fs::read_to_string(config.with_extension(ext)).unwrap_or_default();
        let refused = !recorded("validate").starts_with("rc 0") || recorded("rc").trim() != "0";
        assert!(!refused || NAMED.iter().any(|n| n.0 == name), "{name}: say what its message must name");
    }
}

/// The warnings of the recorded cases.
#[test]
fn warnings_of_the_cases() {
    let (mut failures, mut beyond) = (Vec::new(), String::new());
    for case in Case::all().into_iter().filter(|c| c.text("config.yaml").is_some()) {
        let folder = tempfile::tempdir().expect("a temporary directory");
        case.place_in(folder.path(), &folder.path().display().to_string());
        let said = case.text("validate.err").unwrap_or_default();
        let outcome = Program::kubephase().within(folder.path()).run(["config", "validate", "--config", "config.yaml"]);
        if (outcome.code, outcome.out().as_str()) != (Some(0), "ok\n") {
            failures.push(format!("{}: {outcome}", case.name));
        }
        failures.extend(warnings::missing(&said, &outcome.err()).map(|m| format!("{}: {m}\n{outcome}", case.name)));
        // What ours says beyond that is kept, so that nobody adds noise unseen.
        if !outcome.err().is_empty() {
            beyond += &format!("=== {}\n{}\n", case.name, outcome.err());
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    insta::assert_snapshot!("warnings", beyond);
}

/// Name and file of every recorded configuration.
fn configurations() -> Vec<(String, PathBuf)> {
    let mut found: Vec<_> = fs::read_dir(golden().join("errors"))
        .expect("the recordings")
        .map(|e| e.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|e| e == "yaml"))
        .map(|path| (path.file_stem().expect("a name").to_string_lossy().into_owned(), path))
        .collect();
    found.sort();
    assert!(found.len() >= 30, "only {} recordings", found.len());
    found
}

/// A folder with the configuration alone in it.
fn place(config: &Path) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a temporary directory");
    fs::copy(config, folder.path().join("e.yaml")).expect("the configuration");
    folder
}
