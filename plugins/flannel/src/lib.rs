//! Installs the pod network flannel, and looks before whether it can work on the node.

mod checks;
mod objects;
mod settings;

use kubephase_sdk::prelude::*;

use crate::settings::Settings;

/// The plugin.
#[derive(Debug)]
pub struct Flannel;

impl Plugin for Flannel {
    type Settings = Settings;

    fn describe() -> Description {
        Description::new("flannel", env!("CARGO_PKG_VERSION"), "Installs the pod network flannel")
            .settings_schema(include_str!("../settings.schema.json"))
            .documentation("https://github.com/flannel-io/flannel")
            .wants(
                "facts",
                ["cluster", "kernel", "modules", "network", "sysctl"],
                "find the subnets of pods, and see whether the kernel and the network can do what flannel needs",
            )
            .wants(
                "files",
                [
                    "/etc/cni/net.d/*",
                    "/opt/cni/bin/bridge",
                    "/opt/cni/bin/host-local",
                    "/opt/cni/bin/loopback",
                    "/opt/cni/bin/portmap",
                    "/proc/1/net/udp",
                    "/proc/1/net/udp6",
                ],
                "look whether another network is configured, whether the CNI programs are there, and whether the UDP port \
                 is free",
            )
            .wants(
                "objects",
                [
                    "v1/Namespace//kube-flannel",
                    "v1/ServiceAccount/kube-flannel/flannel",
                    "v1/ConfigMap/kube-flannel/kube-flannel-cfg",
                    "apps/v1/DaemonSet/kube-flannel/kube-flannel-ds",
                    "rbac.authorization.k8s.io/v1/ClusterRole//flannel",
                    "rbac.authorization.k8s.io/v1/ClusterRoleBinding//flannel",
                ],
                "run flannel on every node, with the right to read nodes and to note their addresses in them",
            )
            .wants(
                "privileges",
                ["objects:hostNetwork", "objects:capabilities", "objects:runAsRoot"],
                "let flannel make links and routes and rules of the firewall (NET_ADMIN, NET_RAW)",
            )
            .wants(
                "hostPaths",
                ["/etc/cni/net.d", "/opt/cni/bin", "/run/flannel", "/run/xtables.lock"],
                "let flannel install its CNI program and its configuration, and tell the program the node's subnet",
            )
            .wants(
                "writes",
                [
                    "/etc/cni/net.d/10-flannel.conflist",
                    "/opt/cni/bin/flannel",
                    "/run/flannel/subnet.env",
                    "/run/flannel/wgkey",
                ],
                "take away what flannel wrote, when it is uninstalled",
            )
            .before_cni()
    }
}

impl Preflight for Flannel {
    fn check(settings: Settings) -> Result<Vec<Finding>, Failure> {
        let mut findings = Vec::new();
        let subnets = match settings.subnets(&facts::cluster()?) {
            Ok(subnets) => subnets,
            Err(failure) => {
                findings.push(checks::of_failure("PodSubnet", failure));
                Vec::new()
            }
        };
        if let Err(failure) = settings.image() {
            findings.push(checks::of_failure("Version", failure));
        }
        findings.extend(checks::of_kernel(&settings, &subnets)?);
        let interfaces = facts::network()?;
        findings.extend(checks::of_links(&settings, &subnets, &interfaces));
        findings.extend(checks::of_port(&settings, &interfaces)?);
        findings.extend(checks::of_files(&settings)?);
        Ok(findings)
    }
}

impl Addon for Flannel {
    fn render(settings: Settings) -> Result<Proposal, Failure> {
        let subnets = settings.subnets(&facts::cluster()?)?;
        // No waits: pods, flannel's own included, become ready only after this.
        Ok(Proposal::new().objects(objects::all(&settings, &subnets)?))
    }

    fn images(settings: Settings) -> Result<Vec<String>, Failure> {
        Ok(vec![settings.image()?, settings.plugin_image()])
    }

    fn uninstall(settings: Settings) -> Result<Proposal, Failure> {
        let Settings { configuration_directory, program_directory, .. } = &settings;
        let mut proposal = Proposal::new()
            .file(File::new(format!("{configuration_directory}/10-flannel.conflist"), 0o644, ""))
            .file(File::new(format!("{program_directory}/flannel"), 0o755, ""))
            .file(File::new("/run/flannel/subnet.env", 0o644, ""));
        if settings.backend == settings::Backend::Wireguard {
            proposal = proposal.file(File::new("/run/flannel/wgkey", 0o600, ""));
        }
        // A reset takes the node away from the cluster, or the cluster away: there may be nobody to wait for.
        if !facts::cluster().is_ok_and(|cluster| cluster.workflow == "reset") {
            proposal = proposal.wait(Wait::gone("apps/v1 DaemonSet kube-flannel/kube-flannel-ds", 120));
        }
        Ok(proposal.finding(checks::links_stay(&settings)))
    }
}

kubephase_sdk::export!(Flannel: preflight, addon);
