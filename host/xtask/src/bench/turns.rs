//! Two commands that are run in turns, and how much more the first takes than the second. On a machine that has other
//! work the fastest runs tell more than medians, so both are shown.
#![expect(clippy::disallowed_methods, reason = "a task empties directories")]

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::measure::{self, Sample};
use super::{median, row};
use crate::shell::show;

/// A command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// The program.
    pub program: PathBuf,
    /// Its arguments.
    pub args: Vec<OsString>,
    /// A directory that is emptied before each run.
    pub emptied: Option<PathBuf>,
}

impl Run {
    /// This command line.
    pub fn new(program: &Path, args: &[&str]) -> Self {
        Self { program: program.to_owned(), args: args.iter().map(OsString::from).collect(), emptied: None }
    }

    /// With a path at its end.
    pub fn path(mut self, flag: &str, path: &Path) -> Self {
        self.args.extend([flag.into(), path.into()]);
        self
    }

    fn once(&self, directory: &Path) -> Result<Sample> {
        if let Some(emptied) = self.emptied.as_ref().filter(|path| path.exists()) {
            fs::remove_dir_all(emptied).with_context(|| format!("could not empty {}", emptied.display()))?;
        }
        measure::once(&self.program, &self.args, directory)
    }
}

/// Two commands to compare.
pub struct Pair {
    /// What the table calls it: with what, beside without.
    pub name: String,
    /// The one that may take longer.
    pub first: Run,
    /// The one that it is compared with.
    pub second: Run,
    /// How much longer it may take, in milliseconds.
    pub more: Option<f64>,
    /// Whether memory is of interest.
    pub memory: bool,
}

/// The first line of the table.
pub fn head(runs: u16) {
    show(&format!("\nmedians of {runs} runs, in turns, and the fastest of them\n"));
    show(&row(["", "first", "second", "more", "target", ""]));
}

impl Pair {
    /// Measures and shows.
    pub fn compare(&self, runs: u16) -> Result<()> {
        let directory = tempfile::tempdir().context("could not make a directory for a run")?;
        let (mut first, mut second) = (Vec::new(), Vec::new());
        // The first round warms caches and is thrown away.
        for round in 0..=runs {
            let samples = (self.first.once(directory.path())?, self.second.once(directory.path())?);
            if round > 0 {
                first.push(samples.0);
                second.push(samples.1);
            }
        }
        let millis = |sample: &Sample| sample.millis;
        self.line(&format!("{}, time", self.name), "ms", median(&first, millis), median(&second, millis));
        self.line("  the fastest", "ms", least(&first, millis), least(&second, millis));
        if self.memory {
            let mib = |sample: &Sample| sample.mib;
            let (mine, other) = (median(&first, mib), median(&second, mib));
            show(&cells(&format!("{}, memory", self.name), "MiB", mine, other, None));
        }
        Ok(())
    }

    fn line(&self, name: &str, unit: &str, first: f64, second: f64) {
        show(&cells(name, unit, first, second, self.more));
    }
}

fn least(samples: &[Sample], value: fn(&Sample) -> f64) -> f64 {
    samples.iter().map(value).fold(f64::INFINITY, f64::min)
}

fn cells(name: &str, unit: &str, first: f64, second: f64, most: Option<f64>) -> String {
    let more = first - second;
    let verdict = match most {
        None => "",
        Some(most) if more <= most => "pass",
        Some(_) => "MISS",
    };
    row([
        name,
        &format!("{first:.1} {unit}"),
        &format!("{second:.1} {unit}"),
        &format!("{more:+.1} {unit}"),
        &most.map_or("-".into(), |most| format!("≤{most} {unit}")),
        verdict,
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_is_judged_by_its_target() {
        assert!(cells("x", "ms", 110.0, 10.0, Some(100.0)).ends_with("pass"));
        assert!(cells("x", "ms", 110.2, 10.0, Some(100.0)).ends_with("MISS"));
        assert!(cells("x", "MiB", 110.0, 10.0, None).ends_with('-'));
    }

    #[test]
    fn the_fastest_counts_and_not_the_first() {
        let samples = [30.0, 10.0, 20.0].map(|millis| Sample { millis, mib: 0.0 });
        assert_eq!(least(&samples, |sample| sample.millis), 10.0);
    }
}
