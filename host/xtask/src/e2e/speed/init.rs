//! A complete `init`.

use anyhow::Result;

use super::{CONFIG, Race, judge, rival, timed, turns};
use crate::e2e::bootstrapper::{Kind, config, left_out};
use crate::e2e::lab::Lab;
use crate::e2e::steps::Steps;

/// The largest share of kubeadm's time.
const TARGET: f64 = 0.7;

/// Measures, and shows medians.
pub fn measured(lab: &mut Lab, rounds: u16, steps: &mut Steps) -> Result<()> {
    let Some(kubeadm) = rival(lab, "init beside kubeadm", steps) else { return Ok(()) };
    let mut race = Race::new("init", TARGET);
    for round in 1..=rounds {
        for kind in turns(round) {
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
            let (said, took) =
                steps.run(&format!("{} init, round {round}", kind.name()), || timed(&node, &words, "init.txt"))?;
            race.note(kind, &said, took);
            // It would go on working beside the next one.
            node.stop()?;
        }
    }
    judge(&[race])
}
