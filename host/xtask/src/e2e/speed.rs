//! How long a complete `init` takes, beside the release's own kubeadm: each on a fresh node with warm images, in turns,
//! so that only their ratio matters.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::bootstrapper::{Kind, config, left_out};
use super::lab::Lab;
use super::steps::Steps;

/// The largest share of kubeadm's time.
const TARGET: f64 = 0.7;

/// Where the configuration lies in a node.
const CONFIG: &str = "/root/config.yaml";

/// Measures, and shows medians.
pub fn measured(lab: &mut Lab, rounds: u16, steps: &mut Steps) -> Result<()> {
    let kubeadm = lab.kit.kubernetes.bin_dir.join("kubeadm");
    if lab.kit.bootstrapper.kind != Kind::Kubephase || !kubeadm.exists() {
        steps.skip("init beside kubeadm", "it needs kubephase, and a kubeadm among the release's programs");
        return Ok(());
    }
    let mut taken: BTreeMap<&str, Vec<Duration>> = BTreeMap::new();
    let mut phases: BTreeMap<String, Vec<Duration>> = BTreeMap::new();
    for round in 1..=rounds {
        // Who is first may find other caches than who is second.
        let kinds = if round % 2 == 1 { [Kind::Kubephase, Kind::Kubeadm] } else { [Kind::Kubeadm, Kind::Kubephase] };
        for kind in kinds {
            let name = format!("{}{round}", kind.name());
            let node = lab.boot(steps, &name)?;
            node.install(&kubeadm, "/usr/local/bin/kubeadm")?;
            // Events do not tell a key that was drawn, so it is given.
            let kind_line = "kind: InitConfiguration\n";
            let keyed = format!("{kind_line}certificateKey: {}\n", "ab".repeat(32));
            let config = config(kind, &lab.kit.kubernetes, &node.address).replacen(kind_line, &keyed, 1);
            node.write(CONFIG, &config)?;
            let mut words: Vec<String> =
                [kind.name(), "init", "--config", CONFIG, "--upload-certs"].map(str::to_owned).into();
            // Both leave out what kubeadm cannot do.
            words.extend(left_out(Kind::Kubeadm, &lab.kit.kubernetes));
            if kind == Kind::Kubephase {
                words.extend(["-o", "json"].map(str::to_owned));
            }
            let (said, took) = steps.run(&format!("{} init, round {round}", kind.name()), || {
                let begin = Instant::now();
                let said = node.exec(words).run()?;
                let took = begin.elapsed();
                std::fs::write(node.logs.join("init.txt"), &said)?;
                Ok((said, took))
            })?;
            taken.entry(kind.name()).or_default().push(took);
            for (phase, took) in finished(&said) {
                phases.entry(phase).or_default().push(took);
            }
            // It would go on working beside the next one.
            node.stop()?;
        }
    }
    report(&taken, phases)
}

/// How long each phase took, by its events.
fn finished(said: &str) -> Vec<(String, Duration)> {
    let events = said.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let finished = events.filter(|event| event["event"] == "finished");
    let one =
        |event: Value| Some((event["path"].as_str()?.to_owned(), Duration::from_millis(event["millis"].as_u64()?)));
    finished.filter_map(one).collect()
}

fn report(taken: &BTreeMap<&str, Vec<Duration>>, phases: BTreeMap<String, Vec<Duration>>) -> Result<()> {
    let of = |kind: Kind| taken.get(kind.name()).map(|times| median(times)).context("nothing was measured");
    let (ours, theirs) = (of(Kind::Kubephase)?, of(Kind::Kubeadm)?);
    for (name, times) in taken {
        let times: Vec<String> = times.iter().map(|time| format!("{:.2}", time.as_secs_f64())).collect();
        println!("{name:12} {} s", times.join(" "));
    }
    let mut phases: Vec<_> = phases.into_iter().map(|(name, times)| (median(&times), name)).collect();
    phases.sort();
    println!("\nthe longest phases of kubephase, medians:");
    for (took, name) in phases.iter().rev().take(12) {
        println!("  {:5.2} s  {name}", took.as_secs_f64());
    }
    let ratio = ours.as_secs_f64() / theirs.as_secs_f64();
    println!(
        "\ninit: kubephase {:.2} s, kubeadm {:.2} s, ratio {ratio:.2}, target {TARGET}",
        ours.as_secs_f64(),
        theirs.as_secs_f64()
    );
    if ratio > TARGET {
        bail!("kubephase takes {ratio:.2} of kubeadm's time, more than {TARGET}");
    }
    Ok(())
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
}
