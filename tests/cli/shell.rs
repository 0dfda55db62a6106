//! The program among others in a shell: completion, full disks, readers that go away.

use std::process::{Command, Stdio};

use crate::support::program::Program;
use crate::support::skipped;

/// Sources the script in bash and asks it for words.
fn complete(line: &[&str]) -> Option<String> {
    const ASK: &str = r#"
        source <("$0" completion bash) || exit 9
        complete -p kubephase >/dev/null || exit 8
        COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMPREPLY=()
        _kubephase kubephase "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD-1]}"
        printf '%s ' "${COMPREPLY[@]}"
    "#;
    let output = Command::new("bash").args(["-c", ASK, env!("CARGO_BIN_EXE_kubephase")]).args(line).output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    assert!(output.status.success(), "{line:?}: {}", String::from_utf8_lossy(&output.stderr));
    Some(text)
}

#[test]
fn bash_completes_commands_phases_and_flags() {
    for (line, expected) in [
        (vec!["kubephase", "ini"], "init"),
        (vec!["kubephase", "init", "phase", "c"], "certs control-plane"),
        (vec!["kubephase", "init", "phase", "certs", "apiserver-k"], "apiserver-kubelet-client"),
        (vec!["kubephase", "init", "phase", "certs", "ca", "--conf"], "--config"),
        (vec!["kubephase", "init", "--skip-phases", "wait"], "wait-control-plane"),
        (vec!["kubephase", "init", "-o", ""], "text json"),
        (vec!["kubephase", "config", "images", "list", "-o", ""], "text json yaml"),
    ] {
        let Some(words) = complete(&line) else {
            return skipped("shell::bash_completes_commands_phases_and_flags", "no bash here");
        };
        assert_eq!(words, expected, "{line:?}");
    }
}

#[test]
fn a_full_disk_is_an_error() {
    let full = std::fs::File::options().write(true).open("/dev/full").expect("a full disk");
    let output = Command::new(env!("CARGO_BIN_EXE_kubephase"))
        .args(["config", "print", "init-defaults"])
        .stdout(full)
        .stderr(Stdio::piped())
        .output()
        .expect("it ends");
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains("cannot write to standard output"), "{text}");
}

#[test]
fn a_reader_that_goes_away_is_none() {
    let script =
        format!("{0} config print init-defaults | head -1; echo ${{PIPESTATUS[0]}}", env!("CARGO_BIN_EXE_kubephase"));
    let outcome = Program::at("/bin/bash".as_ref()).run(["-c".to_string(), script]);
    if outcome.code.is_none() {
        return skipped("shell::a_reader_that_goes_away_is_none", "no bash here");
    }
    assert_eq!(outcome.out(), "apiVersion: kubeadm.k8s.io/v1beta4\n0\n", "{outcome}");
    assert_eq!(outcome.err(), "", "{outcome}");
}
