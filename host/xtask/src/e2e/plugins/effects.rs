//! What plugins promise of a cluster, looked at where it has to show: in etcd, in the log, in the processes.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use super::super::cluster;
use super::super::command::{cmd, tail, wait_until};
use super::Site;
use super::told::Told;

/// What must not be read anywhere but in the API.
const WORD: &str = "correct-horse-battery-staple";

/// The real disk was measured, or there would be a warning; and it has not what no disk has.
pub fn disk_was_measured(site: &Site<'_>, init: &Told) -> Result<()> {
    let of_disk = |told: &Told| -> Vec<String> {
        let findings = told.findings().into_iter().filter(|(check, ..)| check.starts_with("etcd-disk/"));
        findings.map(|(check, severity, seen)| format!("{severity} {check}: {seen}")).collect()
    };
    if !of_disk(init).is_empty() || !init.text().contains(r#""item":"etcd-disk","message":"passed"#) {
        bail!("etcd-disk should have looked and found nothing: {:?}", of_disk(init));
    }
    site.configure(&[("minFree: 1Mi", "minFree: 9999Ti")])?;
    let told = site.kubephase(&["init", "phase", "preflight", "--config", super::CONFIG, "-o", "json"])?;
    site.configure(&[])?;
    match &of_disk(&told)[..] {
        [only] if only.starts_with("error etcd-disk/FreeSpace: ") && only.contains("free for /var/lib/etcd") => Ok(()),
        found => bail!("there should be too little space: {found:?}\n{}", told.tail()),
    }
}

/// The node becomes ready, and pods get addresses of the bridge.
pub fn pods_have_a_network(site: &Site<'_>) -> Result<()> {
    let (lab, node) = (site.lab, &site.node);
    node.install(&lab.kit.kubectl, "/usr/local/bin/kubectl")?;
    cluster::ready(node, &node.name)?;
    cluster::rolled_out(node, "deployment/coredns")?;
    let address = "{.items[0].status.podIP}";
    let words = ["-n", "kube-system", "get", "pods", "-l", "k8s-app=kube-dns", "-o", &format!("jsonpath={address}")];
    let address = cluster::kubectl(node, &words).run()?;
    if !address.starts_with("10.244.") {
        bail!("CoreDNS has the address {address:?}");
    }
    Ok(())
}

/// Who made what is in the log, and what is in a Secret is not.
pub fn audit_log_has_lines(site: &Site<'_>) -> Result<()> {
    let create = ["create", "secret", "generic", "spoken", &format!("--from-literal=word={WORD}")];
    cluster::kubectl(&site.node, &create).run()?;
    let create = ["create", "configmap", "spoken", &format!("--from-literal=word={WORD}")];
    cluster::kubectl(&site.node, &create).run()?;
    let log = wait_until("lines of the audit log", Duration::from_secs(10), || {
        let log = std::fs::read_to_string(site.node.path("/var/log/kubernetes/audit/audit.log"))?;
        if log.contains("/secrets") && log.contains("spoken") { Ok(log) } else { bail!("it has {} bytes", log.len()) }
    })?;
    let events: Vec<Value> = log.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let is_ours = |event: &&Value| {
        event["verb"] == "create"
            && event["objectRef"]["resource"] == "secrets"
            && event["objectRef"]["name"] == "spoken"
    };
    let event = events.iter().find(is_ours).with_context(|| format!("no line for it among {}", events.len()))?;
    if event["user"]["username"] != "kubernetes-admin" || event["level"] != "Metadata" || log.contains(WORD) {
        bail!("the log has more or less than it should: {event:#}");
    }
    Ok(())
}

/// The same word in a Secret and in a ConfigMap, as etcd itself tells them to a client of its own API.
pub fn secrets_are_encrypted(site: &Site<'_>) -> Result<()> {
    let secret = stored(site, "/registry/secrets/default/spoken")?;
    let map = stored(site, "/registry/configmaps/default/spoken")?;
    if !map.contains(WORD) {
        bail!("etcd should have the ConfigMap in the clear, or looking at it proves nothing: {map:?}");
    }
    if !secret.starts_with("k8s:enc:secretbox:v1:key1:") || secret.contains(WORD) {
        bail!("etcd has the Secret as {secret:?}");
    }
    let words = ["get", "secret", "spoken", "-o", "jsonpath={.data.word}"];
    let read = cmd("base64").arg("-d").stdin(cluster::kubectl(&site.node, &words).run()?).run()?;
    if read != WORD {
        bail!("the API server reads it as {read:?}");
    }
    let mode = site.sh("stat -c '%a %u' /etc/kubernetes/encryption/config.yaml")?;
    if mode.trim() != "600 0" {
        bail!("the key's file has mode and owner {mode}");
    }
    Ok(())
}

/// What etcd has under a key, lossily decoded.
fn stored(site: &Site<'_>, key: &str) -> Result<String> {
    let key = cmd("base64").arg("-w0").stdin(key).run()?;
    let pki = "/etc/kubernetes/pki/etcd";
    let said = site
        .node
        .exec(["curl", "-sS", "--max-time", "20", "--cacert", &format!("{pki}/ca.crt")])
        .args(["--cert", &format!("{pki}/healthcheck-client.crt"), "--key", &format!("{pki}/healthcheck-client.key")])
        .args(["https://127.0.0.1:2379/v3/kv/range", "-d", &json!({ "key": key }).to_string()])
        .run()?;
    let answer: Value = serde_json::from_str(&said).with_context(|| tail(&said, 5))?;
    let value = answer["kvs"][0]["value"].as_str().with_context(|| format!("etcd answers {answer}"))?;
    cmd("base64").arg("-d").stdin(value).run()
}

/// Programs run with what the plugin has set, and its verdict of the files is that nothing is missing.
pub fn control_plane_is_hardened(site: &Site<'_>, init: &Told) -> Result<()> {
    let processes = site.sh("ps axwwo args")?;
    for (program, flag) in [
        ("kube-apiserver", "--profiling=false"),
        ("kube-apiserver", "--tls-cipher-suites="),
        ("kube-apiserver", "--enable-admission-plugins=NodeRestriction"),
        ("kube-controller-manager", "--profiling=false"),
        ("kube-controller-manager", "--terminated-pod-gc-threshold="),
        ("kube-scheduler", "--profiling=false"),
        ("etcd", "--client-cert-auth=true"),
    ] {
        let runs =
            |line: &str| line.split(' ').next().is_some_and(|word| word.ends_with(program)) && line.contains(flag);
        if !processes.lines().any(runs) {
            bail!("no {program} runs with {flag}:\n{processes}");
        }
    }
    let open: Vec<_> = init.findings().into_iter().filter(|(check, ..)| check.starts_with("hardening/")).collect();
    let wrong: Vec<_> = open.iter().filter(|(_, severity, _)| *severity == "error").collect();
    let summary = init.text().lines().find(|line| line.contains("hardening/Summary: ")).unwrap_or_default();
    if !wrong.is_empty() || !summary.contains(" are fulfilled, 0 are not") {
        bail!("the plugin's verdict: {summary} {open:#?}");
    }
    Ok(())
}
