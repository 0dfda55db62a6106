//! Gives the control plane a virtual address: kube-vip as a static pod on every control-plane node.
//!
//! The pod needs a kubeconfig that works before the cluster's roles exist. From Kubernetes 1.29 on that is, during `init`
//! on the first node, only `super-admin.conf`, which a pod should not keep. So this plugin acts twice in one `init`: as
//! a phase, after the control plane's manifests are written, and as an addon, at the end, when `admin.conf` works.

mod addresses;
mod certificate;
mod check;
mod kubeconfig;
mod manifest;
mod settings;

use kubephase_sdk::prelude::*;

use crate::settings::Settings;

/// The plugin.
struct KubeVip;

impl Plugin for KubeVip {
    type Settings = Settings;

    fn describe() -> Description {
        Description::new("kube-vip", env!("CARGO_PKG_VERSION"), "Gives the control plane a virtual address by kube-vip")
            .settings_schema(include_str!("../settings.schema.json"))
            .wants("facts", ["cluster", "network"], "know the endpoint, the interface, and which kubeconfig works")
            .wants("writes", [manifest::PATH], "write the static pod")
            .wants("files", [manifest::PATH], "see whether an earlier run has changed to admin.conf")
            .wants(
                "files",
                ["/etc/kubernetes/pki/apiserver.crt"],
                "see whether the certificate is valid for the address",
            )
            .wants("probe", ["tcp-connect"], "see whether somebody else has the address")
            .after("control-plane")
            .after("control-plane-prepare")
    }
}

impl Preflight for KubeVip {
    fn check(settings: Settings) -> Result<Vec<Finding>, Failure> {
        let settings = settings.checked()?;
        let cluster = facts::cluster()?;
        if cluster.role != "control-plane" {
            return Ok(Vec::new());
        }
        let network = facts::network()?;
        let mut findings = check::endpoint(&settings, &cluster);
        findings.extend(check::interface(&settings, &cluster, &network));
        findings.extend(check::taken(&settings, &cluster, &network));
        Ok(findings)
    }
}

impl Phase for KubeVip {
    /// At this point of `init` only the super-admin is let in.
    fn run(settings: Settings) -> Result<Proposal, Failure> {
        let settings = settings.checked()?;
        let cluster = facts::cluster()?;
        if cluster.role != "control-plane" {
            return Ok(Proposal::new());
        }
        let network = facts::network()?;
        let manifest = manifest::file(&settings, &cluster, &network, &kubeconfig::now(&cluster)?)?;
        let findings = certificate::check(&settings, &cluster.certificates_dir);
        Ok(Proposal::new().file(manifest).image(settings.reference()).findings(findings))
    }
}

impl Addon for KubeVip {
    /// The same pod, with the kubeconfig that it keeps.
    fn render(settings: Settings) -> Result<Proposal, Failure> {
        let settings = settings.checked()?;
        let cluster = facts::cluster()?;
        if cluster.role != "control-plane" {
            return Ok(Proposal::new());
        }
        let network = facts::network()?;
        let manifest = manifest::file(&settings, &cluster, &network, kubeconfig::ADMIN)?;
        Ok(Proposal::new().file(manifest).image(settings.reference()))
    }

    fn images(settings: Settings) -> Result<Vec<String>, Failure> {
        Ok(vec![settings.checked()?.reference()])
    }
}

kubephase_sdk::export!(KubeVip: preflight, phase, addon);
