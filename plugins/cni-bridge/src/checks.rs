//! What must be so on the node.

use kubephase_sdk::facts::NetworkInterface;
use kubephase_sdk::prelude::*;
use pod_network::{earlier_configurations, foreign_bridge_address, missing_programs, overlapping_links};

use crate::conflist::CONFLIST;
use crate::plan::Plan;
use crate::settings::Settings;

/// Links that stand in the way.
pub fn of_links(plan: &Plan, settings: &Settings, interfaces: &[NetworkInterface]) -> Vec<Finding> {
    let bridge = &settings.bridge;
    let mut findings = Vec::new();
    if let Some(address) = foreign_bridge_address(interfaces, bridge, &plan.subnets) {
        let finding = Finding::error("BridgeAddress", format!("the bridge {bridge} has the address {address} already"))
            .expected(format!("no bridge {bridge}, or one within the subnets of this node's pods"))
            .remedy(format!("if nothing uses it any more: ip link delete {bridge}"));
        findings.push(finding);
    }
    let is_own = |name: &str| name == bridge;
    for (name, address, subnet) in overlapping_links(interfaces, is_own, &plan.subnets) {
        let message =
            format!("{name} has the address {address}, which has addresses in common with the pods' {subnet}");
        findings.push(Finding::error("SubnetInUse", message).remedy("choose another subnet for pods"));
    }
    findings.extend(plan.routes());
    findings
}

/// Files that are missing, or that stand in the way.
///
/// # Errors
///
/// What reading fails with.
pub fn of_files(settings: &Settings) -> Result<Vec<Finding>, Failure> {
    let mut findings = Vec::new();
    let mut programs = vec!["bridge", "host-local", "loopback"];
    if settings.portmap {
        programs.push("portmap");
    }
    let directory = &settings.program_directory;
    let missing = missing_programs(directory, &programs)?;
    if !missing.is_empty() {
        let finding = Finding::error("CniPrograms", format!("{directory} has no {}", missing.join(", ")))
            .remedy(
                "install the CNI programs (containernetworking-plugins), or set `programDirectory` to where they are, \
                 such as /usr/lib/cni",
            )
            .link("https://github.com/containernetworking/plugins");
        findings.push(finding);
    }
    let directory = &settings.configuration_directory;
    let names = match files::list_directory(directory) {
        Ok(names) => names,
        Err(failure) if failure.code == "not-found" => Vec::new(),
        Err(failure) => return Err(failure),
    };
    let earlier = earlier_configurations(&names, CONFLIST);
    if !earlier.is_empty() {
        let message = format!("{directory} has {}, which the container runtime takes before ours", earlier.join(", "));
        findings.push(Finding::error("OtherNetwork", message).remedy("remove it, or do without this plugin"));
    }
    Ok(findings)
}

/// What is left of the network when its files are gone.
pub fn link_stays(bridge: &str) -> Finding {
    Finding::info("LinkStays", format!("the bridge {bridge} stays until the node boots"))
        .remedy(format!("once no pod uses it: ip link delete {bridge}"))
}
