//! From flags and files to documents, and what resolving needs of the machine: facts, randomness, version labels.

use std::io::BufRead as _;
use std::time::Duration;

use kubephase_model::config::load::{self, Command, Documents};
use kubephase_model::{Problem, Report, yaml};
use kubephase_node::{Node, http};
use tokio::runtime::Runtime;
use tokio::sync::oneshot;

use crate::failure::Failure;

/// kubeadm gives the lookup of a version label as long.
const LOOKUP_TIMEOUT: Duration = Duration::from_secs(10);

/// Reads a configuration file.
pub fn documents(node: &Node, path: &str, command: Command, report: &mut Report) -> Documents {
    let bytes = match node.read(path) {
        Ok(Some(bytes)) => bytes,
        Ok(None) => {
            report.push(Problem::error("", format!("the configuration file `{path}` does not exist")));
            return Documents::default();
        }
        Err(error) => {
            let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}")).unwrap_or_default();
            report.push(Problem::error("", format!("{error}{cause}")));
            return Documents::default();
        }
    };
    if bytes.len() > yaml::MAX_BYTES {
        // Not worth decoding; the reader would say the same.
        report.push(
            Problem::error("", format!("`{path}` has {} MiB, the limit is 3 MiB", bytes.len() / (1024 * 1024)))
                .hint("is this really a configuration file?"),
        );
        return Documents::default();
    }
    let Some(source) = load::source(path, bytes, report) else { return Documents::default() };
    load::load(&source, command, report)
}

/// Looks a version label up: `stable-1.36`, `ci/latest`. Tries the network for some seconds.
pub fn lookup_version(label: &str) -> Result<String, String> {
    let url = match label.strip_prefix("ci/") {
        Some(label) => format!("https://storage.googleapis.com/k8s-release-dev/ci/{label}.txt"),
        None => format!("https://dl.k8s.io/release/{}.txt", label.trim_start_matches("release/")),
    };
    let runtime = runtime().map_err(|error| error.to_string())?;
    let options = http::Options { proxies: true, ..http::Options::default() };
    let answer = runtime.block_on(http::get(&url, &options, LOOKUP_TIMEOUT)).map_err(|error| error.reason())?;
    if answer.status == 200 { Ok(answer.text()) } else { Err(format!("{url} answered {}", answer.status)) }
}

/// Runs what talks to a cluster to its end, or until Ctrl-C.
pub fn until_interrupted<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = runtime().map_err(|error| Failure::machine(error, None))?;
    unless_interrupted(&runtime, Some("what was told before is done"), work)
}

/// The same on a runtime that lives on. Once Ctrl-C has been listened for, nothing else ends the program: whatever may
/// take time afterwards has to listen, too.
pub fn unless_interrupted<T>(
    runtime: &Runtime,
    hint: Option<&str>,
    work: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    runtime.block_on(async {
        tokio::select! {
            biased;
            done = work => done,
            _ = tokio::signal::ctrl_c() => Err(Failure::Machine {
                error: "interrupted".into(),
                hint: hint.map(str::to_owned),
                told: false,
            }),
        }
    })
}

/// A line that somebody types; empty at the end of the input. Ctrl-C ends it: the thread that reads is left behind, and
/// goes with the program.
pub fn line(hint: &str) -> Result<String, Failure> {
    let runtime = runtime().map_err(|error| Failure::machine(error, None))?;
    let (answer, answered) = oneshot::channel();
    std::thread::spawn(move || {
        let mut line = String::new();
        // What cannot be read is no answer.
        let _ = std::io::stdin().lock().read_line(&mut line);
        answer.send(line)
    });
    unless_interrupted(&runtime, Some(hint), async { Ok(answered.await.unwrap_or_default()) })
}

/// What runs effects. One thread: what takes time waits for something, except key generation, which has its own.
pub fn runtime() -> std::io::Result<Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()
}
