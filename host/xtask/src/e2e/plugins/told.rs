//! What `init` tells (`-o json`), and whether what it foretells is what it then does.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::super::command::{Output, tail, wait_until};
use super::super::scenario;
use super::Site;

/// Where a dry run writes.
const DRY: &str = "/root/dry";

/// Other settings, of a mutator and of an addon.
const OTHERS: [(&str, &str); 3] = [
    ("maxAge: 30", "maxAge: 31"),
    ("resolutionSeconds: 15", "resolutionSeconds: 20"),
    ("tolerateControlPlane: true", "tolerateControlPlane: false"),
];

/// What is in the way of another cluster, and is this one.
const STANDING: &str = "--ignore-preflight-errors=Port-6443,Port-10259,Port-10257,Port-10250,Port-2379,Port-2380,\
                        DirAvailable--var-lib-etcd,\
                        FileAvailable--etc-kubernetes-manifests-kube-apiserver.yaml,\
                        FileAvailable--etc-kubernetes-manifests-kube-controller-manager.yaml,\
                        FileAvailable--etc-kubernetes-manifests-kube-scheduler.yaml,\
                        FileAvailable--etc-kubernetes-manifests-etcd.yaml";

/// What a plan cannot know before there is a node, a server and a state.
const NOT_FORETOLD: [&str; 4] =
    ["preflight ", "mark-control-plane ", "kubelet-finalize/", "upload-config/kubelet replaced Node "];

/// What a run told.
pub struct Told {
    /// How it ended.
    pub code: Option<i32>,
    text: String,
    events: Vec<Value>,
}

impl Told {
    /// Takes in what a program said.
    pub fn read(out: Output) -> Self {
        let events = out.stdout.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
        Self { code: out.status.code(), text: out.stdout + &out.stderr, events }
    }

    /// All of it.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The end of it.
    pub fn tail(&self) -> String {
        tail(&self.text, 15)
    }

    /// Findings: check, severity and what was seen.
    pub fn findings(&self) -> Vec<(&str, &str, &str)> {
        self.events.iter().filter_map(finding).collect()
    }

    /// What it changed, or would have, by phase: what became of what, and the difference unless that is a secret.
    pub fn changes(&self) -> BTreeMap<String, String> {
        let mut all = BTreeMap::new();
        for event in &self.events {
            for change in event["changes"].as_array().into_iter().flatten() {
                let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
                let (kind, path) = (text(&change["kind"]), text(&change["path"]));
                if ["created", "replaced", "removed"].contains(&kind.as_str()) {
                    all.insert(format!("{} {kind} {path}", text(&event["path"])), text(&change["diff"]));
                }
            }
        }
        all
    }
}

fn finding(event: &Value) -> Option<(&str, &str, &str)> {
    let text = |field: &str| event[field].as_str();
    (event["event"] == "finding").then_some((text("check")?, text("severity")?, text("seen")?))
}

/// Before there is a cluster: the same changes. What is only there once there is a node or a server cannot be foretold:
/// its kubelet's credentials, labels of its object, what the server adds to objects.
pub fn agree(plan: &Told, run: &Told) -> Result<()> {
    let foretold = |told: &Told| {
        let mut changes = told.changes();
        changes.retain(|what, _| !NOT_FORETOLD.iter().any(|begin| what.starts_with(begin)));
        for (what, difference) in &mut changes {
            // Objects have no path; certificates are new in each run.
            if !what.contains(" /") || what.contains("/pki") || what.contains(".conf") {
                difference.clear();
            }
        }
        changes
    };
    same(&foretold(plan), &foretold(run))
}

fn same(foretold: &BTreeMap<String, String>, done: &BTreeMap<String, String>) -> Result<()> {
    let only = |a: &BTreeMap<String, String>, b: &BTreeMap<String, String>, sign: &str| -> Vec<String> {
        a.iter().filter(|(what, diff)| b.get(*what) != Some(*diff)).map(|(w, d)| format!("{sign} {w}\n{d}")).collect()
    };
    let differences = [only(foretold, done, "-"), only(done, foretold, "+")].concat();
    if done.is_empty() || !differences.is_empty() {
        bail!("foretold (-) and done (+), of {}:\n{}", done.len(), differences.join("\n"));
    }
    Ok(())
}

/// With other settings: a plan, a dry run and single phases of it change nothing and foretell what the run then does.
pub fn foretold(site: &Site<'_>) -> Result<()> {
    site.configure(&OTHERS)?;
    let before = scenario::files(&site.node)? + &site.settled()?;
    let plan = site.init(&["--plan", STANDING])?;
    let dry = site.init(&["--dry-run-dir", DRY, STANDING])?;
    let phase = |phase: &str| -> Result<Told> {
        let words = ["init", "phase"].into_iter().chain(phase.split(' '));
        let told =
            site.kubephase(&words.chain(["--config", super::CONFIG, "--plan", "-o", "json"]).collect::<Vec<_>>())?;
        if told.code == Some(0) { Ok(told) } else { bail!("{phase} failed:\n{}", told.tail()) }
    };
    let phases = [
        phase("control-plane apiserver")?,
        phase("plugin addon/metrics-server")?,
        phase("plugin upload-config/plugins")?,
    ];
    let after = scenario::files(&site.node)? + &scenario::versions(&site.node)?;
    if before != after {
        bail!("nothing was to be changed:\n{}", scenario::difference(&before, &after));
    }
    let run = site.init(&[STANDING])?;
    same(&plan.changes(), &run.changes()).context("plan")?;
    same(&dry.changes(), &run.changes()).context("dry run")?;
    same(&phases.iter().flat_map(Told::changes).collect(), &run.changes()).context("plans of single phases")?;
    // Byte for byte, but for what only a run has.
    site.sh(&format!(
        "cmp {DRY}/etc/kubernetes/manifests/kube-apiserver.yaml /etc/kubernetes/manifests/kube-apiserver.yaml"
    ))?;
    wait_until("the API server to have its new flag", Duration::from_secs(60), || {
        site.sh("ps axwwo args | grep '^kube-apiserver' | grep -q -- --audit-log-maxage=31")
    })?;
    let deployment = super::super::api::Client::admin(&site.node)?.get(super::sets::DEPLOYMENT)?;
    let pod = &deployment["spec"]["template"]["spec"];
    if !pod["tolerations"].is_null() || !pod["containers"][0]["args"].to_string().contains("--metric-resolution=20s") {
        bail!("the Deployment has not what the settings say: {pod:#}");
    }
    Ok(())
}
