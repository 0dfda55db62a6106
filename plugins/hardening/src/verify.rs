//! Looks at what is on the node, whoever made it so, and tells which items are not fulfilled.

use kubephase_sdk::prelude::*;

use crate::items::{Component, Item};
use crate::rule::{Rule, Verdict};
use crate::settings::{Report, Settings};
use crate::{fields, flags, yaml};

/// What the kubelet is started with, beside its configuration.
pub const ENVIRONMENT: &str = "/var/lib/kubelet/kubeadm-flags.env";

/// Where a component's manifest or configuration is; kube-proxy's is in the cluster.
pub fn path(component: Component) -> Option<&'static str> {
    match component {
        Component::Etcd => Some("/etc/kubernetes/manifests/etcd.yaml"),
        Component::ApiServer => Some("/etc/kubernetes/manifests/kube-apiserver.yaml"),
        Component::ControllerManager => Some("/etc/kubernetes/manifests/kube-controller-manager.yaml"),
        Component::Scheduler => Some("/etc/kubernetes/manifests/kube-scheduler.yaml"),
        Component::Kubelet => Some("/var/lib/kubelet/config.yaml"),
        Component::KubeProxy => None,
    }
}

/// What is on the node, as far as there is something.
struct Seen {
    documents: Vec<(Component, Value)>,
    environment: Option<String>,
}

impl Seen {
    fn read(items: &[&Item]) -> Result<Self, Failure> {
        let mut seen = Self { documents: Vec::new(), environment: None };
        for item in items {
            let is_read = seen.documents.iter().any(|(component, _)| *component == item.component);
            if let (false, Some(path)) = (is_read, path(item.component)) {
                let document = match files::read_text_if_there(path)? {
                    Some(text) => yaml::parse(&text).map_err(|failure| failure.context(format!("reading {path}")))?,
                    None => Value::Null,
                };
                seen.documents.push((item.component, document));
            }
            if matches!(item.rule, Rule::EnvironmentLacks(_)) && seen.environment.is_none() {
                seen.environment = files::read_text_if_there(ENVIRONMENT)?;
            }
        }
        Ok(seen)
    }

    fn document(&self, component: Component) -> Option<&Value> {
        self.documents.iter().find(|(is, _)| *is == component).map(|(_, document)| document).filter(|it| !it.is_null())
    }

    fn pod(&self, component: Component) -> Option<StaticPod> {
        self.document(component).map(StaticPod::of)
    }

    /// What an item comes to; nothing if this node has nothing to look at.
    fn judge(&self, item: &Item) -> Result<Option<Verdict>, Failure> {
        let Some(document) = self.document(item.component) else { return Ok(None) };
        Ok(match &item.rule {
            Rule::Mode(allowed) => look(item.component)?.map(|stat| {
                let more = stat.mode & 0o7777 & !allowed != 0;
                Verdict::unless(more.then(|| format!("has its file with mode {:o}", stat.mode & 0o7777)))
            }),
            Rule::Owner => look(item.component)?.map(|stat| {
                let other = stat.owner != 0 || stat.group != 0;
                Verdict::unless(other.then(|| format!("has its file owned by {}:{}", stat.owner, stat.group)))
            }),
            Rule::EnvironmentLacks(flag) => self.environment.as_ref().map(|text| {
                let is_there = text.split([' ', '"', '=']).any(|word| word.strip_prefix("--") == Some(flag));
                Verdict::unless(is_there.then(|| format!("has --{flag}")))
            }),
            Rule::EtcdAuthority => self.authorities().map(|(etcd, server)| {
                Verdict::unless((etcd == server).then(|| format!("has the API server's authority, {etcd}")))
            }),
            rule => match item.component {
                Component::Kubelet | Component::KubeProxy => fields::judge(rule, document),
                _ => flags::judge(rule, &StaticPod::of(document)),
            },
        })
    }

    /// Whom etcd believes, and whom the API server believes.
    fn authorities(&self) -> Option<(String, String)> {
        let flag = |component, name: &str| self.pod(component)?.flag(name).map(str::to_owned);
        Some((flag(Component::Etcd, "trusted-ca-file")?, flag(Component::ApiServer, "client-ca-file")?))
    }
}

/// Findings for all items, and how many there are of each sort.
pub fn run(items: &[&Item], settings: &Settings) -> Result<Proposal, Failure> {
    let seen = Seen::read(items)?;
    let (mut findings, mut fulfilled, mut unseen) = (Vec::new(), 0, 0);
    for item in items {
        match seen.judge(item)? {
            None => unseen += 1,
            Some(Verdict::Fulfilled) => {
                fulfilled += 1;
                if settings.report == Report::All {
                    findings
                        .push(Finding::info(item.finding_id(), format!("{}: {}", item.component.name(), item.about)));
                }
            }
            Some(Verdict::Missing(seen) | Verdict::Contrary(seen)) => findings.push(failed(item, settings, &seen)),
        }
    }
    let summary = format!(
        "{fulfilled} items of the CIS Kubernetes Benchmark are fulfilled, {} are not, {unseen} cannot be seen here",
        items.len() - fulfilled - unseen
    );
    Ok(Proposal::new().findings(findings).finding(Finding::info("Summary", summary)))
}

fn failed(item: &Item, settings: &Settings, seen: &str) -> Finding {
    Finding::new(settings.severity.into(), item.finding_id(), format!("{} {seen}", item.component.name()))
        .expected(format!("{} (CIS {})", item.about, item.id))
        .remedy(remedy(item))
}

fn remedy(item: &Item) -> String {
    let path = path(item.component).unwrap_or_default();
    match (item.remedy, &item.rule) {
        (Some(remedy), _) => remedy.to_owned(),
        (None, Rule::Mode(mode)) => format!("chmod {mode:o} {path}"),
        (None, Rule::Owner) => format!("chown root:root {path}"),
        (None, rule) if item.is_set && rule.can_be_set() => {
            format!("let this plugin patch {}, or say it in the cluster's configuration", item.component.target())
        }
        (None, _) => "correct the cluster's configuration".to_owned(),
    }
}

fn look(component: Component) -> Result<Option<files::Stat>, Failure> {
    path(component).map_or(Ok(None), files::look)
}
