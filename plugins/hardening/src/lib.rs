//! Sets and verifies items of the CIS Kubernetes Benchmark on clusters as kubeadm and kubephase make them.
//!
//! As a mutator it sets what the selected items ask for and the operator's own configuration does not say. As a phase it
//! looks at what is on the node in the end, also at what kubeadm has always fulfilled, and has a finding per item.

mod fields;
mod flags;
mod items;
mod mutate;
mod rule;
mod settings;
mod verify;
mod yaml;

use kubephase_sdk::prelude::*;

use crate::items::Component;
use crate::settings::Settings;

/// The plugin.
struct Hardening;

impl Plugin for Hardening {
    type Settings = Settings;

    fn describe() -> Description {
        let targets = [
            "etcd",
            "kube-apiserver",
            "kube-controller-manager",
            "kube-scheduler",
            "kubeletconfiguration",
            "kubeproxyconfiguration",
        ];
        let components = [
            Component::ApiServer,
            Component::ControllerManager,
            Component::Scheduler,
            Component::Etcd,
            Component::Kubelet,
        ];
        // Each by its whole path: patterns do not grant what only root may read, and manifests are such files.
        let files = components.into_iter().filter_map(verify::path).chain([verify::ENVIRONMENT]);
        Description::new(
            "hardening",
            env!("CARGO_PKG_VERSION"),
            "Sets and verifies items of the CIS Kubernetes Benchmark, version 1.12",
        )
        .settings_schema(include_str!("../settings.schema.json"))
        .wants("patches", targets, "set what items ask for")
        .wants("privileges", ["kube-apiserver:securityFlags"], "set item 1.2.30, which only the profile strict selects")
        .wants("files", files, "verify what is on the node in the end")
        .after("control-plane")
        .after("kubelet-start")
    }
}

impl Mutator for Hardening {
    fn mutate(settings: Settings, target: &str, document: Value) -> Result<Proposal, Failure> {
        Ok(mutate::mutate(&settings.selected()?, &settings.values, target, &document))
    }
}

impl Phase for Hardening {
    fn run(settings: Settings) -> Result<Proposal, Failure> {
        verify::run(&settings.selected()?, &settings)
    }
}

kubephase_sdk::export!(Hardening: mutator, phase);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_readme_has_every_grant_and_setting() {
        let readme = include_str!("../README.md");
        for scope in Hardening::describe().wants.iter().flat_map(|want| &want.scopes) {
            assert!(readme.contains(&**scope), "{scope}");
        }
        let schema: Value = serde_json::from_str(include_str!("../settings.schema.json")).expect("it is JSON");
        for setting in schema["properties"].as_object().into_iter().flat_map(|settings| settings.keys()) {
            assert!(readme.contains(&format!("`{setting}")), "{setting}");
        }
    }
}
