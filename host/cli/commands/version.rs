//! `version`.

use clap::ArgMatches;
use kubephase_model::release::RELEASES;
use serde_json::json;

use crate::failure::Outcome;
use crate::printer::out;

pub fn run(matches: &ArgMatches) -> Outcome {
    let version = format!("v{}", env!("CARGO_PKG_VERSION"));
    // As Go, and so Kubernetes, names them.
    let arch = match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        "powerpc64" => "ppc64le",
        other => other,
    };
    let platform = format!("{}/{arch}", std::env::consts::OS);
    let (major, minor) = (env!("CARGO_PKG_VERSION_MAJOR"), env!("CARGO_PKG_VERSION_MINOR"));
    let minors: Vec<String> = RELEASES.iter().map(|release| release.name()).collect();
    // The keys are kubeadm's where they mean the same.
    let client = json!({ "major": major, "minor": minor, "gitVersion": version, "platform": platform });
    let full = || json!({ "clientVersion": client, "kubernetesReleases": minors });
    out(&match matches.get_one::<String>("format").map(String::as_str) {
        Some("short") => format!("{version}\n"),
        Some("json") => format!("{:#}\n", full()),
        Some("yaml") => kubephase_render::yaml(&full()),
        _ => format!("kubephase version: {version} ({platform}), deploys Kubernetes {}\n", minors.join(", ")),
    });
    Ok(())
}
