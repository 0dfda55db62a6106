//! The tests themselves: by cargo-nextest, which runs each in a process of its own and with a deadline
//! (`.config/nextest.toml`).
#![expect(clippy::disallowed_methods, reason = "a task reads and clears the test runner's record")]

use std::fmt;
use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};

use super::junit::{self, Record};
use crate::e2e::cache::Cache;
use crate::e2e::kubectl;
use crate::shell::{self, say};
use crate::workspace::Workspace;
use crate::{plugins, tools};

/// How the tests went.
pub enum Summary {
    /// As nextest recorded it.
    Counted(Record),
    /// Run by plain cargo, which shows its own counts.
    Uncounted,
}

impl Summary {
    /// Whether a test failed.
    pub fn failed(&self) -> bool {
        matches!(self, Self::Counted(record) if record.failed > 0)
    }
}

/// In the words of nextest, but tests that say they could not test anything count as skipped, not as passed.
impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::Counted(record) = self else { return write!(f, "test result: ok, counts are above") };
        let (failed, skipped) = (record.failed, record.skipped.len());
        let passed = record.tests.saturating_sub(failed + skipped);
        write!(f, "     Summary [{:8.3}s] {} tests run: {passed} passed", record.seconds, passed + failed)?;
        if failed > 0 {
            write!(f, ", {failed} failed")?;
        }
        write!(f, ", {skipped} skipped")
    }
}

/// Runs them. An error means that they could not be run, or, by plain cargo, that one failed.
pub fn run(workspace: &Workspace, fast: bool) -> Result<Summary> {
    let mut nextest = match tools::cargo_tool(workspace, "nextest") {
        Ok(nextest) => nextest,
        Err(error) => {
            say(&format!("{error:#}\nrunning the tests by plain cargo instead"));
            return plain(workspace, fast);
        }
    };
    // Its record, outside the repository, where nextest would put it by itself.
    let directory = workspace.target.join("nextest");
    let (path, settings) = (directory.join("junit.xml"), directory.join("record.toml"));
    fs::create_dir_all(&directory)?;
    // That of an earlier run, if any.
    let _ = fs::remove_file(&path);
    let junit = format!("path = {:?}\nstore-success-output = true\n", path.display().to_string());
    fs::write(&settings, format!("[profile.default.junit]\n{junit}"))?;

    nextest.current_dir(&workspace.root).args(["run", "--workspace", "--no-fail-fast"]);
    if !fast {
        nextest.envs(kubectl()).envs(components(workspace)?);
    }
    nextest.arg(format!("--tool-config-file=xtask:{}", settings.display()));
    if fast {
        nextest.args(["--lib", "--bins"]);
    }
    let result = shell::run(&mut nextest);
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        // It did not get as far as running tests.
        Err(error) => {
            return Err(result.err().unwrap_or_else(|| error.into())).context("there is no record of the tests");
        }
    };
    let record = junit::read(&text);
    tell_skipped(&record);
    if result.is_err() && record.failed == 0 {
        bail!("nextest failed, though no test did");
    }
    Ok(Summary::Counted(record))
}

/// The variable by which tests find the kubectl that they drive, unless somebody has named one already.
fn kubectl() -> Option<(&'static str, PathBuf)> {
    const VARIABLE: &str = "KUBECTL";
    if std::env::var_os(VARIABLE).is_some() {
        return None;
    }
    match Cache::open().and_then(|cache| kubectl::newest(&cache)) {
        Ok(program) => Some((VARIABLE, program)),
        Err(error) => {
            say(&format!("tests that need kubectl will skip: {error:#}"));
            None
        }
    }
}

/// The variable by which tests find components, built now, unless somebody has named a directory already. A plugin that
/// does not build is no reason to skip: it fails.
fn components(workspace: &Workspace) -> Result<Option<(&'static str, PathBuf)>> {
    const VARIABLE: &str = "KUBEPHASE_PLUGINS";
    if std::env::var_os(VARIABLE).is_some() {
        return Ok(None);
    }
    let built = plugins::build(workspace, &[], false)?;
    Ok(Some((VARIABLE, built.directory)))
}

fn tell_skipped(record: &Record) {
    if record.skipped.is_empty() {
        return;
    }
    say("\nskipped, wholly or in part:");
    for (why, tests) in record.skipped_by_reason() {
        let first = &tests[0];
        match tests.len() - 1 {
            0 => say(&format!("  {why}\n      {first}")),
            more => say(&format!("  {why}\n      {first} and {more} more")),
        }
    }
}

fn plain(workspace: &Workspace, fast: bool) -> Result<Summary> {
    let mut test = shell::cargo();
    test.current_dir(&workspace.root).args(["test", "--workspace", "--no-fail-fast"]);
    test.args(if fast { ["--lib", "--bins"].as_slice() } else { &["--all-targets"] });
    if !fast {
        test.envs(kubectl()).envs(components(workspace)?);
    }
    shell::run(&mut test)?;
    Ok(Summary::Uncounted)
}
