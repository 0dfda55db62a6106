//! Wall time and peak memory of one run of a program.
//!
//! The kernel tells the peak of a child only together with those of all children before it, so each run is started by a
//! small process of its own, which is this program again (`cargo xtask measure`).
#![expect(clippy::disallowed_methods, reason = "a task makes directories and starts programs")]

use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use nix::sys::resource::{UsageWho, getrusage};

use super::cases::Case;
use crate::shell;

/// What one run took.
#[derive(Clone, Copy, Debug)]
pub struct Sample {
    /// Wall time.
    pub millis: f64,
    /// Peak resident memory.
    pub mib: f64,
}

/// Runs the case once, in a new directory, through a process of its own.
pub fn sample(case: &Case, program: &Path) -> Result<Sample> {
    let root = tempfile::tempdir().context("could not make a directory for a run")?;
    let config = root.path().join("config.yaml");
    fs::write(&config, case.config())?;
    let args = case.args.iter().map(|&arg| match arg {
        "ROOT" => root.path().into(),
        "CONFIG" => config.clone().into(),
        arg => OsString::from(arg),
    });
    once(program, args, root.path())
}

/// Runs a program once, through a process of its own. What a dry run writes goes into `directory`.
pub fn once(program: &Path, args: impl IntoIterator<Item = impl AsRef<OsStr>>, directory: &Path) -> Result<Sample> {
    let dry_run = directory.join("dry-run");
    fs::create_dir_all(&dry_run)?;
    // Not its path: a build meanwhile may have replaced it.
    let myself = "/proc/self/exe";
    // Where kubeadm's dry run and ours write; without it each run would leave a directory behind.
    let told = shell::capture(
        shell::program(myself).arg("measure").arg(program).args(args).env("KUBEADM_INIT_DRYRUN_DIR", &dry_run),
    )?;
    let mut numbers = told.split_whitespace().map(str::parse);
    let (Some(Ok(millis)), Some(Ok(mib))) = (numbers.next(), numbers.next()) else {
        bail!("`measure` answered {told:?}");
    };
    Ok(Sample { millis, mib })
}

/// The other side: runs a program, and shows milliseconds and mebibytes.
pub fn run_child(command: &[OsString]) -> Result<()> {
    let (program, args) = command.split_first().context("there is no program to measure")?;
    let mut child = shell::program(program);
    child.args(args).stdin(Stdio::null()).stdout(Stdio::null());
    let start = Instant::now();
    let output = child.stderr(Stdio::piped()).output().with_context(|| format!("could not start {program:?}"))?;
    let millis = start.elapsed().as_secs_f64() * 1e3;
    if !output.status.success() {
        bail!("`{}` failed ({}):\n{}", shell::line(&child), output.status, String::from_utf8_lossy(&output.stderr));
    }
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN)?;
    // Linux counts in KiB.
    shell::show(&format!("{millis} {}", usage.max_rss() as f64 / 1024.0));
    Ok(())
}
