//! `--ignore-preflight-errors`: which checks' errors are only warnings.

use std::collections::BTreeSet;

use crate::check::Finding;
use crate::lists::Checklist;

/// Checks whose errors are turned into warnings. Names are compared without regard to case.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ignore {
    names: BTreeSet<String>,
}

/// Why a set of names is not accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IgnoreError {
    /// kubeadm refuses this too: it is almost always a mistake.
    #[error("`all` cannot be combined with names of checks, here with {}", others.join(", "))]
    AllAndOthers {
        /// The names beside `all`.
        others: Vec<String>,
    },
}

impl IgnoreError {
    /// What to do.
    pub fn hint(&self) -> Option<&'static str> {
        Some("give either `all` or the names of checks")
    }
}

const ALL: &str = "all";

/// What every finding about the names themselves is filed under.
pub(crate) const CHECK: &str = "IgnorePreflightErrors";

impl Ignore {
    /// Takes the names as given, by flag or configuration; empty ones do not count.
    pub fn new<S: AsRef<str>>(names: impl IntoIterator<Item = S>) -> Result<Self, IgnoreError> {
        let names: BTreeSet<String> =
            names.into_iter().map(|name| name.as_ref().trim().to_lowercase()).filter(|name| !name.is_empty()).collect();
        if names.contains(ALL) && names.len() > 1 {
            let others = names.into_iter().filter(|name| name != ALL).collect();
            return Err(IgnoreError::AllAndOthers { others });
        }
        Ok(Self { names })
    }

    /// Every check.
    pub fn all() -> Self {
        Self { names: BTreeSet::from([ALL.to_owned()]) }
    }

    /// Whether errors of this check are only warnings.
    pub fn covers(&self, check: &str) -> bool {
        self.names.contains(ALL) || self.names.contains(&check.to_lowercase())
    }

    /// kubeadm is silent about names that no check has; a typing error then shows only when the check fails.
    pub(crate) fn unknown(&self, list: &Checklist) -> Vec<Finding> {
        let listed: Vec<String> =
            list.batches.iter().flat_map(|batch| &batch.checks).map(|check| check.name()).collect();
        let is_listed = |name: &str| listed.iter().any(|listed| listed.eq_ignore_ascii_case(name));
        // What is behind a slash is for the check to know.
        let is_part = |name: &str| name.split_once('/').is_some_and(|(check, _)| is_listed(check));
        self.names
            .iter()
            .filter(|name| *name != ALL && !is_known(name) && !is_listed(name) && !is_part(name))
            .map(|name| {
                let finding = Finding::warning(CHECK, format!("no check is called `{name}`"));
                match nearest(name, &listed) {
                    Some(near) => finding.remedy(format!("did you mean `{near}`?")),
                    None => finding.remedy("it has no effect: remove it from --ignore-preflight-errors"),
                }
            })
            .collect()
    }
}

/// Names of this and other workflows, and of other releases' checks: one list of ignored checks may serve them all.
fn is_known(name: &str) -> bool {
    const FIXED: [&str; 24] = [
        "isprivilegeduser",
        "numcpu",
        "mem",
        "kubernetesversion",
        "firewalld",
        "httpproxy",
        "httpproxycidr",
        "cri",
        "containerruntimeversion",
        "swap",
        "systemverification",
        "hostname",
        "kubeletversion",
        "externaletcdversion",
        "externaletcdclientcertificates",
        "imagepull",
        "createjob",
        "controlplanenodesready",
        "staticpodmanifest",
        "corednsunsupportedplugins",
        "corednsmigration",
        "isdockersystemdcheck",
        "service-docker",
        "service-kubelet",
    ];
    const FAMILIES: [&str; 4] = ["fileavailable--", "diravailable--", "filecontent--", "fileexisting-"];
    let port = name.strip_prefix("port-").is_some_and(|port| port.parse::<u16>().is_ok());
    port || FIXED.contains(&name) || FAMILIES.iter().any(|family| name.starts_with(family))
}

fn nearest<'a>(typed: &str, known: &'a [String]) -> Option<&'a str> {
    known
        .iter()
        .map(|name| (strsim::damerau_levenshtein(typed, &name.to_lowercase()), name.as_str()))
        .filter(|(distance, name)| *distance <= 1 + name.len() / 4)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_ignore_case_and_all_covers_everything() {
        let ignore = Ignore::new(["SWAP", " Mem ", ""]).expect("valid");
        assert!(ignore.covers("Swap") && ignore.covers("Mem") && !ignore.covers("NumCPU"));
        assert!(Ignore::new(["All"]).expect("valid").covers("anything"));
        assert!(!Ignore::default().covers("all"));
    }

    #[test]
    fn all_stands_alone() {
        let error = Ignore::new(["all", "Swap"]).expect_err("refused");
        assert_eq!(error.to_string(), "`all` cannot be combined with names of checks, here with swap");
        assert!(Ignore::new(["all", "ALL"]).is_ok());
    }

    #[test]
    fn known_names_of_other_workflows_are_not_unknown() {
        let ignore = Ignore::new(["CreateJob", "Port-2379", "FileExisting-crictl", "DirAvailable--var-lib-etcd"])
            .expect("valid");
        assert_eq!(ignore.unknown(&Checklist::default()), []);
    }
}
