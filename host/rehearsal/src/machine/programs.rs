//! The programs of the pretended machine: what each answers, and that `systemctl` really starts its kubelet.

use std::io;

use kubephase_node::{Command, Output};

use super::state::{Kubelet, Shared};

/// What becomes of the kubelet's service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// (Re)start it.
    Start,
    /// Stop it.
    Stop,
}

/// What a program says, and what it had done to the kubelet.
pub fn run(command: &Command, state: &Shared) -> io::Result<(Output, Option<Order>)> {
    let program = command.program.rsplit('/').next().unwrap_or_default();
    let args: Vec<&str> = command.args.iter().map(String::as_str).collect();
    Ok(match program {
        "kubelet" => (said(0, &format!("Kubernetes v{}\n", state.lock().version)), None),
        "systemctl" => systemctl(&args, state),
        "journalctl" => (said(0, &(state.lock().log.join("\n") + "\n")), None),
        // The others only change what nobody here looks at.
        _ => (said(0, ""), None),
    })
}

fn systemctl(args: &[&str], state: &Shared) -> (Output, Option<Order>) {
    let words: Vec<&str> = args.iter().copied().filter(|word| !word.starts_with('-')).collect();
    let (verb, service) = (words.first().copied().unwrap_or_default(), words.get(1).copied().unwrap_or_default());
    let kubelet = state.lock().kubelet;
    let runs = match service.trim_end_matches(".service") {
        "kubelet" => kubelet == Kubelet::Running,
        "containerd" => true,
        "" => return (said(0, ""), None),
        other => {
            let unknown = format!("Unit {other}.service could not be found.\n");
            let status = if matches!(verb, "is-active" | "status") { 3 } else { 4 };
            return (Output { status: Some(status), stdout: "inactive\n".into(), stderr: unknown }, None);
        }
    };
    match verb {
        "status" => {
            let word = if runs { "active (running)" } else { "inactive (dead)" };
            let text = format!("     Loaded: loaded (/usr/lib/systemd/system/{service})\n     Active: {word}\n");
            (said(if runs { 0 } else { 3 }, &text), None)
        }
        "is-enabled" => (said(0, "enabled\n"), None),
        "is-active" => match (runs, kubelet) {
            (true, _) => (said(0, "active\n"), None),
            (false, Kubelet::Failed) => (said(3, "failed\n"), None),
            _ => (said(3, "inactive\n"), None),
        },
        "start" | "restart" => (said(0, ""), Some(Order::Start)),
        "stop" => (said(0, ""), Some(Order::Stop)),
        _ => (said(0, ""), None),
    }
}

fn said(status: i32, stdout: &str) -> Output {
    Output { status: Some(status), stdout: stdout.to_owned(), stderr: String::new() }
}
