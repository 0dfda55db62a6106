//! `cargo xtask bench`: how long kubephase takes and how much memory, and beside a kubeadm the ratios. Both run in
//! turns on the same machine, so that only their ratio matters; medians are compared.
#![expect(clippy::disallowed_methods, reason = "a task looks at the size of programs")]

mod cases;
mod measure;
mod plugins;
mod turns;

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::shell::{say, show};
use crate::workspace::Workspace;

pub use measure::run_child;

use cases::{CASES, Case, Scale};
use measure::Sample;
use turns::{Pair, Run};

/// A stripped release build with everything in it must be no larger, in MB. Half of it is for plugins: the sandbox with its
/// compiler, registries, schemas.
const LARGEST_BINARY: f64 = 52.0;
/// How much longer starting may take than with an older program, in milliseconds.
const LATER_START: f64 = 1.0;

/// Options of `cargo xtask bench`.
#[derive(clap::Args)]
pub struct Args {
    /// The kubeadm to compare with, of v1.36
    #[arg(long, value_name = "FILE")]
    kubeadm: Option<PathBuf>,
    /// How often each command is run
    #[arg(long, value_name = "N", default_value_t = 11, value_parser = clap::value_parser!(u16).range(1..))]
    runs: u16,
    /// Measure this program instead of a release build made now
    #[arg(long, value_name = "FILE")]
    program: Option<PathBuf>,
    /// An older program: how much longer this one takes to start
    #[arg(long, value_name = "FILE")]
    before: Option<PathBuf>,
    /// Take components from here instead of building plugins now
    #[arg(long, value_name = "DIR")]
    plugins: Option<PathBuf>,
}

/// Measures and shows.
pub fn run(workspace: &Workspace, args: &Args) -> Result<()> {
    let ours = match &args.program {
        Some(path) => path.clone(),
        None => workspace.program(true)?,
    };
    let found = |path: &Path| path.canonicalize().with_context(|| format!("could not find {}", path.display()));
    let ours = found(&ours)?;
    let kubeadm = args.kubeadm.as_deref().map(found).transpose()?;
    let before = args.before.as_deref().map(found).transpose()?;
    let components = match &args.plugins {
        Some(directory) => found(directory)?,
        None => crate::plugins::build(workspace, &[], false)?.directory,
    };
    if kubeadm.is_none() {
        say("no --kubeadm was given: kubephase is measured alone, and there is nothing to compare with");
    }
    show(&format!("medians of {} runs, in turns; ratio = kubephase / kubeadm\n", args.runs));
    show(&row(["", "kubephase", "kubeadm", "ratio", "target", ""]));
    for case in CASES {
        if let Some(why) = (case.unavailable)() {
            show(&format!("{:42} SKIPPED: {why}", case.name));
            continue;
        }
        let (mine, theirs) = sample(case, &ours, kubeadm.as_deref(), args.runs)?;
        for (what, unit, value, target) in case.rows() {
            let (mine, theirs) = (median(&mine, value), theirs.as_ref().map(|samples| median(samples, value)));
            show(&compared(&format!("{}, {what}", case.name), unit, mine, theirs, target));
        }
    }
    let size = |path: &Path| fs::metadata(path).map(|metadata| metadata.len() as f64 / 1e6);
    let theirs = kubeadm.as_deref().map(size).transpose()?.map_or("-".into(), |mb| format!("{mb:.1} MB"));
    let mine = size(&ours)?;
    let verdict = if mine <= LARGEST_BINARY { "pass" } else { "MISS" };
    let target = format!("≤{LARGEST_BINARY} MB");
    show(&row(["size of the program", &format!("{mine:.1} MB"), &theirs, "", &target, verdict]));
    if kubeadm.is_some() {
        show("\nkubeadm's dry run includes the phases inside the cluster, which kubephase does not have yet.");
    }
    let directory = tempfile::tempdir().context("could not make a directory for what is measured")?;
    let mut pairs = Vec::new();
    if let Some(before) = &before {
        pairs.extend(starts(&ours, before, directory.path())?);
    }
    pairs.extend(plugins::pairs(workspace, &ours, &components, directory.path())?);
    turns::head(args.runs);
    pairs.iter().try_for_each(|pair| pair.compare(args.runs))
}

/// Commands that take hardly longer than starting the program does, beside those of an older one.
fn starts(ours: &Path, before: &Path, directory: &Path) -> Result<[Pair; 2]> {
    let config = directory.join("start.yaml");
    fs::write(&config, plugins::CLUSTER)?;
    let pair = |name: &str, run: &dyn Fn(&Path) -> Run| Pair {
        name: format!("{name}: now, before"),
        first: run(ours),
        second: run(before),
        more: Some(LATER_START),
        memory: true,
    };
    Ok([
        pair("version", &|program| Run::new(program, &["version"])),
        pair("config validate", &|program| Run::new(program, &["config", "validate"]).path("--config", &config)),
    ])
}

fn sample(case: &Case, ours: &Path, kubeadm: Option<&Path>, runs: u16) -> Result<(Vec<Sample>, Option<Vec<Sample>>)> {
    let (mut mine, mut theirs) = (Vec::new(), Vec::new());
    // The first round warms caches and is thrown away.
    for round in 0..=runs {
        let sample = measure::sample(case, ours)?;
        let other = kubeadm.map(|kubeadm| measure::sample(case, kubeadm)).transpose()?;
        if round > 0 {
            mine.push(sample);
            theirs.extend(other);
        }
    }
    Ok((mine, kubeadm.map(|_| theirs)))
}

fn median(samples: &[Sample], value: fn(&Sample) -> f64) -> f64 {
    let mut values: Vec<f64> = samples.iter().map(value).collect();
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    if values.len() % 2 == 1 { values[middle] } else { f64::midpoint(values[middle - 1], values[middle]) }
}

fn compared(name: &str, unit: Scale, mine: f64, theirs: Option<f64>, target: f64) -> String {
    let with_unit = |value: f64| match unit {
        Scale::Millis => format!("{value:.1} ms"),
        Scale::Mib => format!("{value:.1} MiB"),
    };
    let ratio = theirs.map(|theirs| mine / theirs);
    let verdict = match ratio {
        None => "",
        Some(ratio) if ratio <= target => "pass",
        Some(_) => "MISS",
    };
    row([
        name,
        &with_unit(mine),
        &theirs.map_or("-".into(), with_unit),
        &ratio.map_or("-".into(), |ratio| format!("{ratio:.2}")),
        &format!("≤{target}"),
        verdict,
    ])
}

fn row([name, ours, theirs, ratio, target, verdict]: [&str; 6]) -> String {
    let mut text = format!("{name:42}");
    for cell in [ours, theirs, ratio, target, verdict] {
        let _ = write!(text, " {cell:>10}");
    }
    text.trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_one_in_the_middle() {
        let samples = |millis: &[u64]| -> Vec<Sample> {
            millis.iter().map(|&millis| Sample { millis: millis as f64, mib: 0.0 }).collect()
        };
        assert_eq!(median(&samples(&[30, 10, 20]), |sample| sample.millis), 20.0);
        assert_eq!(median(&samples(&[30, 10]), |sample| sample.millis), 20.0);
    }

    #[test]
    fn a_ratio_is_judged_by_its_target() {
        assert!(compared("x", Scale::Millis, 5.0, Some(10.0), 0.5).ends_with("pass"));
        assert!(compared("x", Scale::Millis, 5.1, Some(10.0), 0.5).ends_with("MISS"));
        assert!(compared("x", Scale::Mib, 5.1, None, 0.5).ends_with("≤0.5"));
    }
}
