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
