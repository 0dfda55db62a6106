//! Proposals against what the operator has granted. Pure: it looks at values only, so what is on the machine (links, an
//! object's owner) is for those to see who make it so. Everything that is wrong is told at once, each with the line that
//! would allow it, if any would.
//!
//! Grants say what may be touched; privileges say what may be given beyond the ordinary. What a pod may have is judged the
//! same wherever it comes from: a patched static pod, a file below the manifests, a workload in an object.

mod bench;
mod components;
mod container;
mod fields;
mod files;
mod findings;
mod flags;
mod objects;
mod patches;
mod pod;
mod program;
mod rights;
mod rule;
mod security;
mod shape;
mod volumes;
mod waits;

use kubephase_model::names::is_image_reference;
use kubephase_model::plugin::{Grants, Plugin, Proposal};
use serde_json::Value;

use crate::guest::Export;
use bench::{Bench, shown};

/// Something in a proposal that is not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// What, where and why: one line.
    pub what: String,
    /// The line that would allow it; `None` if nothing would.
    pub grant: Option<String>,
}

/// More than this of one kind in one proposal is a fault.
const MOST: usize = 1000;

/// Judges everything in a proposal that can be judged by itself.
pub fn proposal(proposal: &Proposal, plugin: &Plugin, export: Export) -> Vec<Refusal> {
    let mut bench = Bench::new(&plugin.entry.grants);
    for (name, count) in [
        ("findings", proposal.findings.len()),
        ("patches", proposal.patches.len()),
        ("objects", proposal.objects.len()),
        ("files", proposal.files.len()),
        ("images", proposal.images.len()),
        ("waits", proposal.waits.len()),
    ] {
        if count > MOST {
            bench.never("", format!("it proposes {count} {name}; {MOST} are allowed"));
        } else if count > 0 && !is_expected(export, name) {
            bench.never("", format!("{} proposes {name}, which it cannot", export.name()));
        }
    }
    if bench.has_refusals() {
        return bench.refusals();
    }
    let removes = export == Export::Uninstall;
    files::judge(&proposal.files, removes, &mut bench);
    objects::judge(&proposal.objects, removes, &mut bench);
    waits::judge(&proposal.waits, &mut bench);
    if !removes {
        findings::judge(&proposal.findings, &mut bench);
        patches::judge(&proposal.patches, &mut bench);
        for (i, image) in proposal.images.iter().enumerate().filter(|(_, image)| !is_image_reference(image)) {
            bench.at(format!("images[{i}]"));
            bench.never("", format!("`{}` is no reference of an image", shown(image)));
        }
    }
    bench.refusals()
}

/// Whether anybody does something with it. What is ignored by the contract (all but files, objects and waits of an
/// uninstallation) is no fault.
fn is_expected(export: Export, what: &str) -> bool {
    match export {
        Export::Check => what == "findings",
        Export::Images => what == "images",
        Export::Mutate => matches!(what, "findings" | "patches" | "files"),
        Export::Render | Export::Run => what != "patches",
        Export::Uninstall => true,
    }
}

/// Judges what patches have made of a document, which is what `target` says.
pub fn document_change(before: &Value, after: &Value, target: &str, grants: &Grants) -> Vec<Refusal> {
    let mut bench = Bench::new(grants);
    bench.at(format!("patch of {}", shown(target)));
    bench.target(target);
    if before == after {
        return Vec::new();
    }
    if !grants.allows_patch(target) {
        bench.ungranted("", "patches", target, format!("{} may not be patched", shown(target)));
    }
    match target {
        "kubeletconfiguration" | "kubeproxyconfiguration" => fields::judge(before, after, target, &mut bench),
        _ if target.starts_with("plugin:") => objects::change(before, after, &mut bench),
        _ => components::change(before, after, target, &mut bench),
    }
    bench.refusals()
}

#[cfg(test)]
mod tests;
