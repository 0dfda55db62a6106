//! Data goes to stdout, talk to stderr; streams may be closed; colours only on a terminal.

use std::process::{Command, Stdio};

use crate::screen;
use crate::support::program::Program;

#[test]
fn help_is_data() {
    for args in
        [vec!["--help"], vec!["init", "--help"], vec!["init", "phase", "--help"], vec!["config", "--help"], vec![]]
    {
        let outcome = Program::kubephase().run(&args);
        outcome.expect_code(0);
        assert!(!outcome.out().is_empty() && outcome.err().is_empty(), "{outcome}");
    }
}

#[test]
fn help_of_everything() {
    screen!("help", Program::kubephase().run(["--help"]));
    screen!("help-init-phase", Program::kubephase().run(["init", "phase", "--help"]));
    screen!("help-init-phase-certs", Program::kubephase().run(["init", "phase", "certs", "--help"]));
    screen!("help-join", Program::kubephase().run(["join", "--help"]));
    screen!("help-join-phase", Program::kubephase().run(["join", "phase", "--help"]));
    screen!("help-rehearse-join", Program::kubephase().run(["rehearse", "join", "--help"]));
    screen!("help-reset", Program::kubephase().run(["reset", "--help"]));
    screen!("help-reset-phase", Program::kubephase().run(["reset", "phase", "--help"]));
    screen!("help-status", Program::kubephase().run(["status", "--help"]));
    screen!("help-node-remove", Program::kubephase().run(["node", "remove", "--help"]));
}

#[test]
fn version_on_one_line() {
    screen!("version", Program::kubephase().run(["version"]));
    let outcome = Program::kubephase().run(["version", "-o", "short"]);
    assert_eq!(outcome.out(), concat!("v", env!("CARGO_PKG_VERSION"), "\n"));
}

#[test]
fn completion_scripts() {
    for shell in ["bash", "zsh", "fish"] {
        let outcome = Program::kubephase().run(["completion", shell]);
        outcome.expect_code(0);
        for word in ["control-plane", "kubelet-start", "skip-phases", "images"] {
            assert!(outcome.out().contains(word), "{shell}: {word}");
        }
        let Ok(mut child) = Command::new(shell).arg("-n").stdin(Stdio::piped()).stderr(Stdio::piped()).spawn() else {
            crate::support::skipped("completion_scripts", &format!("no {shell} here to check the syntax"));
            continue;
        };
        use std::io::Write as _;
        child.stdin.take().expect("a pipe").write_all(&outcome.stdout).expect("the script");
        let output = child.wait_with_output().expect("the shell ends");
        assert!(output.status.success(), "{shell}: {}", String::from_utf8_lossy(&output.stderr));
    }
}

#[test]
fn no_colours_in_a_pipe() {
    for args in [vec!["config", "validate", "--config", "nowhere"], vec!["frobnicate"], vec!["--help"]] {
        let outcome = Program::kubephase().env("TERM", "xterm-256color").run(&args);
        assert!(!outcome.out().contains('\x1b') && !outcome.err().contains('\x1b'), "{outcome:?}");
    }
}

/// `kubephase … | head -1` closes the pipe early: no panic, no message.
#[test]
fn a_closed_pipe_is_no_fault() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_kubephase"))
        .args([
            "config",
            "print",
            "init-defaults",
            "--component-configs",
            "KubeletConfiguration,KubeProxyConfiguration",
        ])
        .env_clear()
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("kubephase starts");
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("it ends");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(!stderr.contains("panicked"), "{stderr}");
    assert_ne!(output.status.code(), Some(101), "{stderr}");
}
