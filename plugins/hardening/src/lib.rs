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

use crate::settings::Settings;

/// The plugin.
struct Hardening;

impl Plugin for Hardening {
    type Settings = Settings;

    fn describe() -> Description {
        let targets = [
            "kube-apiserver",
            "kube-controller-manager",
            "kube-scheduler",
            "kubeletconfiguration",
            "kubeproxyconfiguration",
        ];
        let files = ["/etc/kubernetes/manifests/*.yaml", "/var/lib/kubelet/config.yaml", verify::ENVIRONMENT];
        Description::new(
            "hardening",
            env!("CARGO_PKG_VERSION"),
            "Sets and verifies items of the CIS Kubernetes Benchmark, version 1.12",
        )
        .settings_schema(include_str!("../settings.schema.json"))
        .wants("patches", targets, "set what items ask for")
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
