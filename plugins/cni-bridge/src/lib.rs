//! A pod network without an agent: a bridge on each node, made by the container runtime as one file tells it.

mod checks;
mod conflist;
mod plan;
mod settings;

use kubephase_sdk::prelude::*;

use crate::plan::Plan;
use crate::settings::Settings;

/// The plugin.
#[derive(Debug)]
pub struct CniBridge;

impl Plugin for CniBridge {
    type Settings = Settings;

    fn describe() -> Description {
        Description::new("cni-bridge", env!("CARGO_PKG_VERSION"), "Gives pods a network by a bridge on each node")
            .settings_schema(include_str!("../settings.schema.json"))
            .wants("facts", ["cluster", "network"], "find the subnets of pods, and links that use them already")
            .wants(
                "files",
                [
                    "/etc/cni/net.d/*",
                    "/opt/cni/bin/bridge",
                    "/opt/cni/bin/host-local",
                    "/opt/cni/bin/loopback",
                    "/opt/cni/bin/portmap",
                    "/run/cni/cni-bridge/*",
                ],
                "look whether another network is configured, whether the CNI programs are there, and which addresses are \
                 taken",
            )
            .wants(
                "writes",
                ["/etc/cni/net.d/10-cni-bridge.conflist", "/etc/cni/net.d/99-loopback.conf", "/run/cni/cni-bridge/*"],
                "write the network's configuration, and take it away with the list of taken addresses",
            )
            .before_cni()
    }
}

impl Preflight for CniBridge {
    fn check(settings: Settings) -> Result<Vec<Finding>, Failure> {
        let cluster = facts::cluster()?;
        let mut findings = match Plan::of(&settings, &cluster) {
            Ok(plan) => checks::of_links(&plan, &settings, &facts::network()?),
            Err(problem) => vec![problem.finding()],
        };
        findings.extend(checks::of_files(&settings)?);
        Ok(findings)
    }
}

impl Addon for CniBridge {
    fn render(settings: Settings) -> Result<Proposal, Failure> {
        let cluster = facts::cluster()?;
        let plan = Plan::of(&settings, &cluster).map_err(|problem| problem.failure())?;
        let files = conflist::files(&settings, &plan);
        Ok(files.into_iter().fold(Proposal::new(), Proposal::file).findings(plan.routes()))
    }

    fn images(_: Settings) -> Result<Vec<String>, Failure> {
        Ok(Vec::new())
    }

    fn uninstall(settings: Settings) -> Result<Proposal, Failure> {
        // The files that `render` proposes are deleted anyway. These were written by the runtime.
        let mut proposal = Proposal::new();
        match files::list_directory(conflist::TAKEN) {
            Ok(names) => {
                for name in names {
                    proposal = proposal.file(File::new(format!("{}/{name}", conflist::TAKEN), 0o644, ""));
                }
            }
            Err(failure) if failure.code == "not-found" => {}
            Err(failure) => return Err(failure),
        }
        Ok(proposal.finding(checks::link_stays(&settings.bridge)))
    }
}

kubephase_sdk::export!(CniBridge: preflight, addon);
