//! `version`.

use clap::ArgMatches;
use kubephase_model::release::RELEASES;
use serde_json::json;

use crate::failure::Outcome;
use crate::printer::out;

pub fn run(matches: &ArgMatches) -> Outcome {
    let version = format!("v{}", env!("CARGO_PKG_VERSION"));
    let platform = format!("{}/{}", std::env::consts::OS, std::env::consts::ARCH);
    let minors: Vec<String> = RELEASES.iter().map(|release| release.name()).collect();
    // The keys are kubeadm's where they mean the same.
    let full =
        || json!({ "clientVersion": { "gitVersion": version, "platform": platform }, "kubernetesReleases": minors });
    out(&match matches.get_one::<String>("format").map(String::as_str) {
        Some("short") => format!("{version}\n"),
        Some("json") => format!("{:#}\n", full()),
        Some("yaml") => kubephase_render::yaml(&full()),
        _ => format!("kubephase version: {version} ({platform}), deploys Kubernetes {}\n", minors.join(", ")),
    });
    Ok(())
}
