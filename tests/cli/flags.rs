//! Every flag that kubeadm's commands have is understood, so that scripts written for it go on working.

use std::fs;

use crate::support::case::golden;
use crate::support::program::Program;

/// Flags that are not there yet, with the reason.
const NOT_YET: &[(&str, &str)] = &[];

/// `COMMAND --flag TYPE` by line.
fn recorded() -> Vec<(String, String, String)> {
    let text = fs::read_to_string(golden().join("print/flags.txt")).expect("the flags of kubeadm");
    let split = |line: &str| {
        let (command, flag) = line.split_once(" --").expect("a flag");
        let (flag, kind) = flag.split_once(' ').unwrap_or((flag, "bool"));
        (command.to_string(), flag.to_string(), kind.to_string())
    };
    text.lines().filter(|line| !line.starts_with('#')).map(split).collect()
}

#[test]
fn kubeadms_flags_are_understood() {
    let mut unknown = Vec::new();
    for (command, flag, kind) in recorded() {
        let given = match kind.as_str() {
            "bool" => format!("--{flag}"),
            "int32" | "Level" => format!("--{flag}=1"),
            _ if flag == "output" => format!("--{flag}=json"),
            _ => format!("--{flag}=x"),
        };
        // The help is shown if all that stands before it is understood.
        let args = command.split(' ').chain([given.as_str(), "--help"]);
        let outcome = Program::kubephase().run(args);
        let excused = NOT_YET.iter().any(|(what, _)| {
            let (prefix, name) = what.split_once(" --").expect("a flag");
            command.starts_with(prefix) && flag == name
        });
        if (outcome.code == Some(0)) == excused {
            unknown.push(format!("{command} --{flag} ({kind}){}", if excused { ": understood by now" } else { "" }));
        }
    }
    assert!(unknown.is_empty(), "{}", unknown.join("\n"));
}

#[test]
fn switches_take_their_value_as_kubeadms_do() {
    for (command, flag) in [
        ("init", "upload-certs"),
        ("init", "skip-token-print"),
        ("init", "skip-certificate-key-print"),
        ("init phase addon coredns", "print-manifest"),
        ("join", "control-plane"),
        ("join", "discovery-token-unsafe-skip-ca-verification"),
        ("join phase control-plane-prepare certs", "control-plane"),
        ("reset", "force"),
        ("reset", "cleanup-tmp-dir"),
        ("config validate", "allow-deprecated-api"),
        ("config migrate", "allow-experimental-api"),
        ("token create", "print-join-command"),
    ] {
        for given in ["", "=true", "=false"] {
            let flag = format!("--{flag}{given}");
            let outcome = Program::kubephase().run(command.split(' ').chain([flag.as_str(), "--help"]));
            assert_eq!(outcome.code, Some(0), "{command} {flag}: {outcome}");
        }
    }
    // What is said is done: a worker has no API server whose port could be wrong. Nobody is asked with such a token.
    let join = "join 192.0.2.1:6443 --token wrong --discovery-token-unsafe-skip-ca-verification=true \
                --apiserver-bind-port 70000 --dry-run --control-plane";
    let ports = |value: &str| {
        let outcome = Program::kubephase().run(format!("{join}={value}").split_whitespace());
        outcome.err().contains("70000")
    };
    assert_eq!((ports("true"), ports("false")), (true, false));
    // Letters of one word stay what they are.
    for args in [&["reset", "-f", "--help"][..], &["reset", "-fh"], &["reset", "-f=false", "--help"]] {
        assert_eq!(Program::kubephase().run(args).code, Some(0), "{args:?}");
    }
}
