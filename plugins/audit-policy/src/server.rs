//! The static pod of kube-apiserver: flags, volumes and mounts of the audit log.

use kubephase_sdk::prelude::*;

use crate::{Settings, policy};

/// What this plugin changes.
pub const TARGET: &str = "kube-apiserver";
/// Changes with the policy, so that the kubelet restarts kube-apiserver, which reads it once.
const ANNOTATION: &str = "kubephase.dev/audit-policy";

/// Patches for what is missing, the policy if it counts, and a word on what was there already.
pub fn mutate(settings: &Settings, document: &Value) -> Result<Proposal, Failure> {
    let mut pod = StaticPod::of(document);
    let mut findings = Vec::new();
    let mut proposal = Proposal::new();

    if offer(&mut pod, "audit-policy-file", &settings.policy_file, &mut findings) {
        let text = policy::text(settings)?;
        let directory = directory(&settings.policy_file)?;
        mount(&mut pod, "audit-policy", directory, Mount::directory("audit-policy", directory), &mut findings);
        proposal = mark(proposal, document, &policy::fingerprint(&text));
        proposal = proposal.file(File::new(&settings.policy_file, 0o644, text));
    }
    if offer(&mut pod, "audit-log-path", &settings.log_file, &mut findings) && settings.log_file != "-" {
        let log = directory(&settings.log_file)?;
        let volume = Mount::directory("audit-log", log).create().writable();
        mount(&mut pod, "audit-log", log, volume, &mut findings);
        findings.extend(not_writable(document, log));
    }
    for (flag, value) in rotation(settings, pod.flag("audit-log-path").unwrap_or_default()) {
        offer(&mut pod, flag, &value, &mut findings);
    }

    let reason = "write an audit log, and rotate it";
    Ok(proposal.patches(pod.patches(TARGET, reason)).findings(findings))
}

/// What a log in a file needs beside its path.
fn rotation(settings: &Settings, log_file: &str) -> Vec<(&'static str, String)> {
    let mut flags = Vec::new();
    if log_file != "-" {
        flags.push(("audit-log-maxage", settings.max_age.to_string()));
        flags.push(("audit-log-maxbackup", settings.max_backups.to_string()));
        flags.push(("audit-log-maxsize", settings.max_size.to_string()));
        if settings.compress {
            flags.push(("audit-log-compress", true.to_string()));
        }
    }
    flags.extend(settings.mode.map(|mode| ("audit-log-mode", mode.name().into())));
    flags
}

/// Sets a flag that is not there, and says whether it now is as wished. The operator's own value stays.
fn offer(pod: &mut StaticPod, flag: &str, value: &str, findings: &mut Vec<Finding>) -> bool {
    match pod.flag(flag) {
        None => {
            pod.set_flag(flag, value);
            true
        }
        Some(is) if is == value => true,
        Some(is) => {
            let message = format!("{TARGET} has --{flag}={is} by its own configuration, which counts");
            let remedy = "remove it from apiServer.extraArgs to leave it to this plugin";
            findings.push(
                Finding::info(format!("Kept-{flag}"), message).expected(format!("--{flag}={value}")).remedy(remedy),
            );
            false
        }
    }
}

/// Mounts a directory, unless the operator has mounted something there already.
fn mount(pod: &mut StaticPod, name: &str, path: &str, mount: Mount, findings: &mut Vec<Finding>) {
    let mounts = pod.document()["spec"]["containers"][0]["volumeMounts"].as_array();
    let other = mounts.into_iter().flatten().find(|is| is["mountPath"] == *path && is["name"] != *name);
    match other.map(|it| it["name"].as_str().unwrap_or_default()) {
        Some(other) => {
            let message = format!("{TARGET} has its volume `{other}` mounted at {path} already, which counts");
            findings.push(Finding::info(format!("Kept-{name}"), message));
        }
        None => {
            pod.mount(mount);
        }
    }
}

/// The annotation, if it is not there.
fn mark(proposal: Proposal, document: &Value, fingerprint: &str) -> Proposal {
    if document["metadata"]["annotations"][ANNOTATION] == *fingerprint {
        return proposal;
    }
    let body = json!({"metadata": {"annotations": {ANNOTATION: fingerprint}}});
    proposal.patch(Patch::merge(TARGET, body, "restart kube-apiserver when the audit policy changes"))
}

/// A log directory that the kubelet makes belongs to root.
fn not_writable(document: &Value, log: &str) -> Option<Finding> {
    let spec = &document["spec"];
    let user = [&spec["containers"][0], spec].into_iter().find_map(|it| it["securityContext"]["runAsUser"].as_u64())?;
    if user == 0 {
        return None;
    }
    let message = format!("{TARGET} runs as user {user}, who cannot write to a directory of root");
    Some(
        Finding::warning("LogOwner", message)
            .remedy(format!("make {log} before, owned by user {user}, with mode 0700")),
    )
}

fn directory(file: &str) -> Result<&str, Failure> {
    match file.rsplit_once('/') {
        Some((directory, name)) if !directory.is_empty() && !name.is_empty() => Ok(directory),
        _ => Err(Failure::invalid(format!("settings: `{file}` is not a file in a directory of its own"))),
    }
}
