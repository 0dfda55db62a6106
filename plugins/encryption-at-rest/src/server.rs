//! The static pod of kube-apiserver: the flag and the mount.

use kubephase_sdk::prelude::*;

use crate::sharing::Part;
use crate::{Settings, configuration};

/// What this plugin changes.
pub const TARGET: &str = "kube-apiserver";
const FLAG: &str = "encryption-provider-config";
const VOLUME: &str = "encryption-config";
const RELOAD: &str = "encryption-provider-config-automatic-reload";

/// Patches, and on the cluster's first node the file. A configuration of the operator's own stays.
pub fn mutate(settings: &Settings, document: &Value, part: Part) -> Result<Proposal, Failure> {
    let directory = settings.directory()?;
    let mut pod = StaticPod::of(document);
    if let Some(own) = pod.flag(FLAG).filter(|own| *own != settings.file) {
        let message = format!("{TARGET} has --{FLAG}={own} by its own configuration, which counts");
        let remedy = "remove it from apiServer.extraArgs to leave it to this plugin";
        return Ok(Proposal::new().finding(Finding::info("Kept", message).expected(&settings.file).remedy(remedy)));
    }
    pod.set_flag(FLAG, &settings.file);
    if !is_mounted(document, directory) {
        // A directory, not the file: a file that is replaced would stay the old one inside.
        pod.mount(Mount::directory(VOLUME, directory));
    }
    if settings.automatic_reload && pod.flag(RELOAD).is_none() {
        pod.set_flag(RELOAD, true.to_string());
    }
    let reason = format!("encrypt {} in etcd", settings.resources.join(", "));
    let mut proposal = Proposal::new().patches(pod.patches(TARGET, &reason));
    if part == Part::Maker {
        proposal = proposal.file(configuration::file(settings));
    }
    Ok(proposal.findings(not_readable(document, settings)))
}

/// Whether the operator has mounted something there.
fn is_mounted(document: &Value, path: &str) -> bool {
    let mounts = document["spec"]["containers"][0]["volumeMounts"].as_array();
    mounts.into_iter().flatten().any(|mount| mount["mountPath"] == *path && mount["name"] != *VOLUME)
}

/// The file belongs to root, and must not be anybody else's to read.
fn not_readable(document: &Value, settings: &Settings) -> Option<Finding> {
    let spec = &document["spec"];
    let user = [&spec["containers"][0], spec].into_iter().find_map(|it| it["securityContext"]["runAsUser"].as_u64())?;
    if user == 0 {
        return None;
    }
    let message = format!("{TARGET} runs as user {user}, who cannot read a file of root");
    Some(Finding::warning("FileOwner", message).remedy(format!("let {} belong to user {user}", settings.file)))
}
