//! How long things take beside the release's own kubeadm: each on fresh nodes with warm images, in turns, so that only
//! their ratio matters.

pub mod init;
pub mod join;

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::bootstrapper::Kind;
use super::lab::Lab;
use super::node::Node;
use super::steps::Steps;

/// Where the configuration lies in a node.
const CONFIG: &str = "/root/config.yaml";

/// The release's kubeadm, or why there is nothing to measure.
fn rival(lab: &Lab, what: &str, steps: &mut Steps) -> Option<PathBuf> {
    let kubeadm = lab.kit.kubernetes.bin_dir.join("kubeadm");
    if lab.kit.bootstrapper.kind == Kind::Kubephase && kubeadm.exists() {
        return Some(kubeadm);
    }
    steps.skip(what, "it needs kubephase, and a kubeadm among the release's programs");
    None
}

/// Who is first may find other caches than who is second.
fn turns(round: u16) -> [Kind; 2] {
    if round % 2 == 1 { [Kind::Kubephase, Kind::Kubeadm] } else { [Kind::Kubeadm, Kind::Kubephase] }
}

/// Runs a program in a node to its end. Answers what it said, and how long it took; in `log` each line has the seconds
/// until it was said before it.
fn timed(node: &Node, words: &[String], log: &str) -> Result<(String, Duration)> {
    let mut command = node.exec(words).to_command();
    let errors = node.logs.join(format!("{log}-errors"));
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(fs::File::create(&errors)?);
    let begin = Instant::now();
    let mut child = command.spawn().with_context(|| format!("could not start {}", words.join(" ")))?;
    let (mut said, mut dated) = (String::new(), String::new());
    for line in BufReader::new(child.stdout.take().context("its output is piped")?).lines() {
        let line = line?;
        dated += &format!("{:7.3} {line}\n", begin.elapsed().as_secs_f64());
        said += &format!("{line}\n");
    }
    let status = child.wait()?;
    let took = begin.elapsed();
    dated += &format!("{:7.3} [{status}]\n", took.as_secs_f64());
    fs::write(node.logs.join(log), &dated)?;
    if !status.success() {
        bail!("{} failed ({status}):\n{dated}{}", words.join(" "), fs::read_to_string(&errors)?);
    }
    Ok((said, took))
}

/// One task, done by both programs.
struct Race {
    task: &'static str,
    /// The largest share of kubeadm's time.
    target: f64,
    ours: Vec<Duration>,
    theirs: Vec<Duration>,
    phases: BTreeMap<String, Vec<Duration>>,
}

impl Race {
    fn new(task: &'static str, target: f64) -> Self {
        Self { task, target, ours: Vec::new(), theirs: Vec::new(), phases: BTreeMap::new() }
    }

    /// Notes a run. What kubephase said are its events as JSON.
    fn note(&mut self, kind: Kind, said: &str, took: Duration) {
        match kind {
            Kind::Kubeadm => self.theirs.push(took),
            Kind::Kubephase => {
                self.ours.push(took);
                for (phase, took) in finished(said) {
                    self.phases.entry(phase).or_default().push(took);
                }
            }
        }
    }

    fn ratio(&self) -> f64 {
        median(&self.ours).as_secs_f64() / median(&self.theirs).as_secs_f64()
    }
}

impl fmt::Display for Race {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (kind, times) in [(Kind::Kubephase, &self.ours), (Kind::Kubeadm, &self.theirs)] {
            let all: Vec<String> = times.iter().map(|time| format!("{:.2}", time.as_secs_f64())).collect();
            writeln!(f, "{:12} {} s", kind.name(), all.join(" "))?;
        }
        let mut phases: Vec<_> = self.phases.iter().map(|(name, times)| (median(times), name)).collect();
        phases.sort();
        writeln!(f, "\nthe longest phases of kubephase, medians:")?;
        for (took, name) in phases.iter().rev().take(12) {
            writeln!(f, "  {:5.2} s  {name}", took.as_secs_f64())?;
        }
        let (ours, theirs) = (median(&self.ours).as_secs_f64(), median(&self.theirs).as_secs_f64());
        let (task, ratio, target) = (self.task, self.ratio(), self.target);
        writeln!(f, "\n{task}: kubephase {ours:.2} s, kubeadm {theirs:.2} s, ratio {ratio:.2}, target {target}")
    }
}

/// Shows all of them; fails if one is lost.
fn judge(races: &[Race]) -> Result<()> {
    let mut lost = Vec::new();
    for race in races {
        println!("{race}");
        // Not a number, if nothing was measured.
        if race.ratio().is_nan() || race.ratio() > race.target {
            let (task, ratio, target) = (race.task, race.ratio(), race.target);
            lost.push(format!("{task}: kubephase takes {ratio:.2} of kubeadm's time, more than {target}"));
        }
    }
    if lost.is_empty() { Ok(()) } else { bail!("{}", lost.join("\n")) }
}

/// How long each phase took, by its events.
fn finished(said: &str) -> Vec<(String, Duration)> {
    let events = said.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let finished = events.filter(|event| event["event"] == "finished");
    let one =
        |event: Value| Some((event["path"].as_str()?.to_owned(), Duration::from_millis(event["millis"].as_u64()?)));
    finished.filter_map(one).collect()
}

fn median(times: &[Duration]) -> Duration {
    let mut times = times.to_vec();
    times.sort();
    let middle = times.len() / 2;
    match times.len() {
        0 => Duration::ZERO,
        length if length % 2 == 1 => times[middle],
        _ => (times[middle - 1] + times[middle]) / 2,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phases_are_timed_by_their_events() {
        let said = "{\"event\":\"began\"}\n{\"event\":\"finished\",\"path\":\"certs/ca\",\"millis\":114}\n";
        assert_eq!(finished(said), [("certs/ca".to_owned(), Duration::from_millis(114))]);
    }

    #[test]
    fn the_median_is_the_one_in_the_middle() {
        let times = [30, 10, 20].map(Duration::from_millis);
        assert_eq!(median(&times), Duration::from_millis(20));
        assert_eq!(median(&times[..2]), Duration::from_millis(20));
    }

    #[test]
    fn a_race_is_lost_by_the_target_and_by_not_running() {
        let mut race = Race::new("init", 0.5);
        assert!(judge(&[Race::new("init", 0.5)]).is_err());
        race.note(Kind::Kubeadm, "", Duration::from_secs(10));
        race.note(Kind::Kubephase, "", Duration::from_secs(5));
        assert!(race.to_string().contains("init: kubephase 5.00 s, kubeadm 10.00 s, ratio 0.50, target 0.5"), "{race}");
        assert!(judge(&[race]).is_ok());
        let mut race = Race::new("init", 0.5);
        race.note(Kind::Kubeadm, "", Duration::from_secs(10));
        race.note(Kind::Kubephase, "", Duration::from_secs(6));
        let error = judge(&[race]).expect_err("too slow").to_string();
        assert_eq!(error, "init: kubephase takes 0.60 of kubeadm's time, more than 0.5");
    }
}
