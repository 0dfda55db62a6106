//! `rehearse`: workflows as they are, on machines and against a cluster that are pretended.

mod init;
mod join;
mod repeat;
mod shown;

use std::time::Duration;

use clap::ArgMatches;
use kubephase_model::{Problem, Report};
use kubephase_rehearsal::RehearsalError;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::args::Global;
use crate::failure::{Failure, Outcome};

/// How long the phases wait for what is pretended, and for real programs.
const LONGEST_WAIT: [Duration; 2] = [Duration::from_secs(8), Duration::from_secs(60)];

pub fn run(matches: &ArgMatches, global: &Global) -> Outcome {
    match matches.subcommand() {
        Some(("init", matches)) => init::run(matches, global),
        Some(("join", matches)) => join::run(matches, global),
        _ => Err(Failure::Bug("a command of the grammar has no implementation".into())),
    }
}

/// Signals that end a rehearsal: Ctrl-C, those of `kill`, and a terminal that is closed. One that comes while nobody
/// waits for it is not lost.
struct Ends([Signal; 3]);

impl Ends {
    fn listen(runtime: &tokio::runtime::Runtime) -> Result<Self, Failure> {
        let _entered = runtime.enter();
        let listen = |kind| signal(kind).map_err(|error| Failure::machine(error, None));
        Ok(Self([listen(SignalKind::interrupt())?, listen(SignalKind::terminate())?, listen(SignalKind::hangup())?]))
    }

    async fn wait(&mut self) {
        let [interrupted, terminated, hung_up] = &mut self.0;
        tokio::select! {
            _ = interrupted.recv() => {}
            _ = terminated.recv() => {}
            _ = hung_up.recv() => {}
        }
    }
}

fn interrupted() -> Failure {
    again(Failure::Machine { error: "interrupted".into(), hint: None, told: false })
}

/// There is nothing to go on with: the machine goes with the rehearsal.
fn again(failure: Failure) -> Failure {
    match failure {
        Failure::Machine { error, told, .. } if error.to_string() == "interrupted" => {
            Failure::Machine { error, hint: Some("nothing is left of the rehearsal; run it again".into()), told }
        }
        other => other,
    }
}

fn failure(error: RehearsalError) -> Failure {
    let hint = error.hint().map(str::to_owned);
    Failure::machine(error, hint)
}

/// Refuses flags of a workflow that make no sense where nothing is real, as far as they are given.
fn refuse(workflow: &str, flags: &[(&str, bool)]) -> Outcome {
    let mut problems = Report::default();
    for (flag, _) in flags.iter().filter(|(_, given)| *given) {
        let problem = Problem::error(*flag, "a rehearsal changes nothing of this machine anyway");
        problems.push(problem.hint(format!("leave {flag} out, or run `kubephase {workflow} {flag}`")));
    }
    if problems.has_errors() { Err(problems.into()) } else { Ok(()) }
}
