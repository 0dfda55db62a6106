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

/// What the pod that it writes has beyond the ordinary.
const PRIVILEGES: [&str; 3] = ["writes:hostNetwork", "writes:capabilities", "writes:runAsRoot"];
/// What it reads, where certificates are in their usual place.
const FILES: [&str; 2] = [manifest::PATH, "/etc/kubernetes/pki/apiserver.crt"];

/// The plugin.
struct KubeVip;

impl Plugin for KubeVip {
    type Settings = Settings;

    fn describe() -> Description {
        Description::new("kube-vip", env!("CARGO_PKG_VERSION"), "Gives the control plane a virtual address by kube-vip")
            .settings_schema(include_str!("../settings.schema.json"))
            .wants("facts", ["cluster", "network"], "know the endpoint, the interface, and which kubeconfig works")
            .wants("writes", [manifest::PATH], "write the static pod")
            .wants("privileges", PRIVILEGES, "let the pod set addresses on the node's interfaces")
            .wants(
                "hostPaths",
                [kubeconfig::ADMIN, kubeconfig::SUPER_ADMIN],
                "let the pod elect the node that has the address",
            )
            .wants(
                "files",
                FILES,
                "see whether the certificate is valid for the address, and what an earlier run wrote",
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
        let findings = certificate::check(&settings, &cluster);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_readme_has_every_grant_and_setting() {
        let readme = include_str!("../README.md");
        for scope in KubeVip::describe().wants.iter().flat_map(|want| &want.scopes) {
            assert!(readme.contains(&**scope), "{scope}");
        }
        let schema: Value = serde_json::from_str(include_str!("../settings.schema.json")).expect("it is JSON");
        for setting in schema["properties"].as_object().into_iter().flat_map(|settings| settings.keys()) {
            assert!(readme.contains(&format!("`{setting}")), "{setting}");
        }
    }
}
