//! `images …` and `config images …` where there is no container runtime: what is asked of the user, and what is said.

use serde_json::Value;

use crate::support::program::Program;

const VERSION: [&str; 2] = ["--kubernetes-version", "v1.36.2"];

/// A socket that nobody has made.
const SOCKET: [&str; 2] = ["--cri-socket", "unix:///nonexistent/containerd.sock"];

#[test]
fn flags_of_kubeadm_without_an_effect() {
    let plain = Program::kubephase().run(["config", "images", "list"].iter().chain(&VERSION));
    plain.expect_code(0);
    let more = ["--kubeconfig", "/nowhere", "--allow-missing-template-keys=false", "--show-managed-fields"];
    let outcome = Program::kubephase().run(["config", "images", "list"].iter().chain(&VERSION).chain(&more));
    outcome.expect_code(0);
    assert_eq!(outcome.out(), plain.out());
}

#[test]
fn a_runtime_that_is_not_there_is_named() {
    for command in [&["config", "images", "pull"][..], &["images", "bundle", "-o", "/nonexistent/images.tar"]] {
        let outcome = Program::kubephase().run(command.iter().chain(&VERSION).chain(&SOCKET));
        outcome.expect_code(1);
        assert_eq!(outcome.out(), "");
        for words in ["cannot find the CRI socket unix:///nonexistent/containerd.sock", "hint"] {
            assert!(outcome.err().contains(words), "{outcome}");
        }
    }
}

#[test]
fn errors_for_programs() {
    let command = ["images", "bundle", "--output", "/nonexistent/images.tar", "--format", "json"];
    let outcome = Program::kubephase().run(command.iter().chain(&VERSION).chain(&SOCKET));
    outcome.expect_code(1);
    let event: Value = serde_json::from_slice(&outcome.stdout).expect("one line of JSON");
    assert_eq!(event["event"], "error", "{outcome}");
    let outcome = Program::kubephase().run(["images", "load", "/nonexistent/images.tar", "-o", "json"]);
    outcome.expect_code(1);
    let event: Value = serde_json::from_slice(&outcome.stdout).expect("one line of JSON");
    assert_eq!(event["error"], "the bundle /nonexistent/images.tar does not exist");
    assert!(event["hint"].as_str().is_some_and(|hint| hint.contains("images bundle")), "{outcome}");
}

#[test]
fn what_must_be_said() {
    for (command, missing) in [(&["images", "bundle"][..], "--output"), (&["images", "load"], "<FILE>")] {
        let outcome = Program::kubephase().run(command);
        outcome.expect_code(2);
        assert!(outcome.err().contains(missing), "{outcome}");
    }
    // Input is judged before any runtime is asked.
    let command = ["images", "bundle", "-o", "/x", "--kubernetes-version", "nonsense"];
    Program::kubephase().run(command.iter().chain(&SOCKET)).expect_code(2);
}
