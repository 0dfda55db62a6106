//! Sets what items ask for in documents that are about to be written, one patch per item.

use kubephase_sdk::prelude::*;

use crate::items::{Component, Item};
use crate::rule::Verdict;
use crate::settings::Values;
use crate::{fields, flags};

/// Patches for what is missing, and a word on what the operator's own configuration says otherwise.
pub fn mutate(items: &[&Item], values: &Values, target: &str, document: &Value) -> Proposal {
    let of_target = items.iter().filter(|item| item.component.target() == target);
    let mut proposal = Proposal::new();
    // Each patch is made for what the ones before it leave.
    let mut document = document.clone();
    for item in of_target {
        let is_pod = !matches!(item.component, Component::Kubelet | Component::KubeProxy);
        let verdict = if is_pod {
            flags::judge(&item.rule, &StaticPod::of(&document))
        } else {
            fields::judge(&item.rule, &document)
        };
        match verdict {
            Some(Verdict::Missing(_)) if item.is_set && is_pod => {
                let mut pod = StaticPod::of(&document);
                if flags::set(&item.rule, &mut pod, values) {
                    proposal = proposal.patches(pod.patches(target, &reason(item)));
                    document = pod.document().clone();
                }
            }
            Some(Verdict::Missing(_)) if item.is_set => {
                let patch = fields::set(&item.rule, values);
                proposal = proposal.patches(patch.map(|body| Patch::merge(target, body, reason(item))));
            }
            Some(Verdict::Contrary(seen)) => proposal = proposal.finding(contrary(item, &seen)),
            _ => {}
        }
    }
    proposal
}

fn reason(item: &Item) -> String {
    format!("CIS {}: {}", item.id, item.about)
}

fn contrary(item: &Item, seen: &str) -> Finding {
    let message = format!("{} {seen} by its own configuration, which counts", item.component.name());
    Finding::info(item.finding_id(), message).expected(format!("{} (CIS {})", item.about, item.id))
}
