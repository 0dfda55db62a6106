//! Command lines that are wrong: exit code 2, the reason and what is right on stderr, nothing on stdout, nothing done.

use crate::screen;
use crate::support::program::{Outcome, Program};

/// Runs in an empty directory and sees that it stays empty.
#[track_caller]
fn mistaken(args: &str) -> Outcome {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let outcome = Program::kubephase().within(folder.path()).run(args.split_whitespace());
    outcome.expect_code(2);
    assert_eq!(outcome.out(), "", "{outcome}");
    assert!(!outcome.err().is_empty(), "{outcome}");
    assert_eq!(std::fs::read_dir(folder.path()).expect("the directory").count(), 0, "{outcome}");
    outcome
}

#[test]
fn unknown_command() {
    screen!("unknown-command", mistaken("frobnicate"));
    screen!("misspelled-command", mistaken("ini"));
}

#[test]
fn unknown_flag() {
    screen!("unknown-flag", mistaken("init --apiserver-adress 192.0.2.10"));
}

#[test]
fn unknown_phase() {
    let outcome = mistaken("init phase nope");
    assert!(outcome.err().contains("nope"), "{outcome}");
    let outcome = mistaken("init phase cert all");
    assert!(outcome.err().contains("certs"), "no suggestion: {outcome}");
    let outcome = mistaken("init phase certs apiservr");
    assert!(outcome.err().contains("apiserver"), "no suggestion: {outcome}");
}

/// kubeadm calls this an error too; ours shows the phases.
#[test]
fn phase_without_a_name() {
    let outcome = mistaken("init phase");
    for phase in ["certs", "kubeconfig", "etcd", "control-plane", "kubelet-start", "wait-control-plane", "preflight"] {
        assert!(outcome.err().contains(phase), "{phase}: {outcome}");
    }
}

#[test]
fn unknown_phase_to_skip() {
    let args = "init --kubernetes-version v1.36.2 --dry-run --dry-run-dir scratch --skip-phases";
    let outcome = mistaken(&format!("{args} certs/apiservr"));
    assert!(outcome.err().contains("certs/apiserver"), "no suggestion: {outcome}");
    screen!("unknown-phase-to-skip", mistaken(&format!("{args} nope")));
}

#[test]
fn nodes_that_cannot_be() {
    screen!("node-remove-mistakes", mistaken("node remove CP_2 --drain-timeout soon"));
    screen!("reset-unknown-phase-to-skip", mistaken("reset --dry-run --skip-phases nope"));
}

#[test]
fn unknown_feature_gate() {
    let outcome =
        mistaken("init --kubernetes-version v1.36.2 --dry-run --dry-run-dir scratch --feature-gates Nope=true");
    assert!(outcome.err().contains("Nope") && outcome.err().contains("NodeLocalCRISocket"), "{outcome}");
    screen!("unknown-feature-gate", outcome);
}

#[test]
fn feature_gate_without_value() {
    let outcome = mistaken("init --kubernetes-version v1.36.2 --feature-gates NodeLocalCRISocket");
    assert!(outcome.err().contains("NodeLocalCRISocket"), "{outcome}");
}

#[test]
fn all_checks_ignored_and_more() {
    let outcome = mistaken(
        "init --kubernetes-version v1.36.2 --dry-run --dry-run-dir scratch --ignore-preflight-errors all,Swap",
    );
    assert!(outcome.err().contains("all"), "{outcome}");
    screen!("ignore-all-and-more", outcome);
}

#[test]
fn config_is_missing() {
    screen!("config-is-missing", mistaken("config validate"));
    screen!("old-config-is-missing", mistaken("config migrate"));
}

#[test]
fn config_does_not_exist() {
    screen!("config-does-not-exist", mistaken("config validate --config nowhere.yaml"));
    let outcome = mistaken("init --config nowhere.yaml");
    assert!(outcome.err().contains("nowhere.yaml"), "{outcome}");
}

#[test]
fn bad_values() {
    for (args, names) in [
        ("init --apiserver-bind-port many", "--apiserver-bind-port"),
        ("init --kubernetes-version v1.36.2 --apiserver-bind-port 70000", "70000"),
        ("init --kubernetes-version v1.36.2 --apiserver-advertise-address nowhere", "nowhere"),
        ("init --kubernetes-version v1.36.2 --token abc", "--token"),
        ("init --kubernetes-version v1.36.2 --token-ttl 1d", "1d"),
        ("init --kubernetes-version v1.36.2 --pod-network-cidr 10.0.0.0", "10.0.0.0"),
        ("init --kubernetes-version v1.36.2 --service-cidr 10.96.0.0/30", "10.96.0.0/30"),
        ("init --kubernetes-version v1.36.2 --service-dns-domain A_B", "A_B"),
        ("init --kubernetes-version v1.36.2 --node-name a_b", "a_b"),
        ("init --kubernetes-version v1.36.2 --cert-dir pki", "pki"),
        ("init --kubernetes-version v1.36.2 --control-plane-endpoint x:99999", "99999"),
        ("init --kubernetes-version v1.36.2 --certificate-key zz", "certificate"),
        ("init --kubernetes-version one", "one"),
        ("config images list --kubernetes-version v1.36.2 -o xml", "xml"),
        ("config print init-defaults --component-configs Foo", "Foo"),
        ("version -o xml", "xml"),
        ("completion tcsh", "tcsh"),
    ] {
        let outcome = mistaken(args);
        assert!(outcome.err().contains(names), "{args}: does not name {names}: {outcome}");
    }
}

/// A secret on the command line is not repeated.
#[test]
fn a_bad_token_is_not_shown() {
    let outcome = mistaken("init --kubernetes-version v1.36.2 --token abcdef.0123456789abcdeF");
    assert!(!outcome.err().contains("0123456789abcdeF"), "{outcome}");
}

/// Events do not hold secrets, so a key that was drawn would be known to nobody.
#[test]
fn a_random_certificate_key_needs_text_as_output() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let base = "--kubernetes-version v1.36.2 --apiserver-advertise-address 192.0.2.10 --upload-certs -o json";
    let run = |line: &str| Program::kubephase().within(folder.path()).run(line.split_whitespace());
    for command in ["init", "init phase upload-certs"] {
        let outcome = run(&format!("{command} {base}"));
        outcome.expect_code(2);
        for words in ["--upload-certs", "kubephase certs certificate-key"] {
            assert!(format!("{}{}", outcome.out(), outcome.err()).contains(words), "{outcome}");
        }
    }
    // Where nothing is uploaded, or the key is known, nothing is to be told.
    let key = "ab".repeat(32);
    for line in [
        format!("init {base} --skip-phases upload-certs --plan"),
        format!("init {base} --certificate-key {key} --plan"),
    ] {
        let outcome = run(&line);
        assert_ne!(outcome.code, Some(2), "{outcome}");
    }
}
