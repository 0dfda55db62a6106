//! What must be so on a node for flannel to work.

use kubephase_sdk::facts::{self, NetworkInterface};
use kubephase_sdk::prelude::*;
use pod_network::{Subnet, earlier_configurations, foreign_bridge_address, missing_programs, overlapping_links};

use crate::settings::{Backend, Settings};

/// The file that tells the container runtime of flannel.
const CONFLIST: &str = "10-flannel.conflist";
/// The bridge of the pods on a node.
const BRIDGE: &str = "cni0";

/// What is wrong with the settings, as a finding.
pub fn of_failure(id: &str, failure: Failure) -> Finding {
    let finding = Finding::error(id, failure.message);
    match failure.remedy {
        Some(remedy) => finding.remedy(remedy),
        None => finding,
    }
}

/// What the kernel must have.
///
/// # Errors
///
/// What reading facts fails with.
pub fn of_kernel(settings: &Settings, subnets: &[Subnet]) -> Result<Vec<Finding>, Failure> {
    let mut findings = Vec::new();
    // With nftables flannel does not ask for it, but kube-proxy's rules for packets within a node need it all the same.
    for (ipv6, name) in [(false, "net.bridge.bridge-nf-call-iptables"), (true, "net.bridge.bridge-nf-call-ip6tables")] {
        let is_needed = subnets.iter().any(|subnet| subnet.is_ipv6() == ipv6);
        if is_needed && let Some(finding) = bridge_filter(name, facts::sysctl(name)?.as_deref(), settings.nftables) {
            findings.push(finding);
        }
    }
    if settings.backend == Backend::Wireguard {
        let release = facts::kernel()?.release;
        let loaded = facts::modules()?.iter().any(|module| module.name == "wireguard");
        if !loaded && !has_wireguard(&release) {
            let finding =
                Finding::error("Wireguard", format!("kernel {release} has no WireGuard, and no module is loaded"))
                    .expected("Linux 5.6 or later, or the module wireguard")
                    .remedy("install the module wireguard, or set another backend");
            findings.push(finding);
        }
    }
    Ok(findings)
}

/// The kernel's filter of what crosses bridges.
fn bridge_filter(name: &str, value: Option<&str>, nftables: bool) -> Option<Finding> {
    let message = match value.map(str::trim) {
        Some("1") => return None,
        Some(value) => format!("{name} is {value}"),
        None => format!("there is no {name}: the kernel module br_netfilter is not loaded"),
    };
    // flannel ends at once without the module; a wrong value only breaks Services between pods of one node.
    let is_fatal = value.is_none() && !nftables;
    let finding =
        if is_fatal { Finding::error("BridgeFilter", message) } else { Finding::warning("BridgeFilter", message) };
    Some(finding.expected(format!("{name} = 1")).remedy(format!(
        "load the module (modprobe br_netfilter, and a file in /etc/modules-load.d), set the value (sysctl -w {name}=1, \
         and a file in /etc/sysctl.d)"
    )))
}

/// Whether WireGuard is a part of the kernel: from Linux 5.6 on.
fn has_wireguard(release: &str) -> bool {
    let mut numbers = release.split(|c: char| !c.is_ascii_digit()).map(|part| part.parse::<u32>().unwrap_or(0));
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0)) >= (5, 6)
}

/// Links that are missing, or that stand in the way.
pub fn of_links(settings: &Settings, subnets: &[Subnet], interfaces: &[NetworkInterface]) -> Vec<Finding> {
    let mut findings = Vec::new();
    if let Some(wanted) = &settings.interface {
        let has_address = |text: &String| text.split_once('/').is_some_and(|(address, _)| address == wanted.as_str());
        let found = interfaces.iter().find(|it| it.name == *wanted || it.addresses.iter().any(has_address));
        match (found, settings.mtu) {
            (None, _) => {
                let finding = Finding::error("Interface", format!("no network interface is called or has {wanted}"))
                    .remedy("correct `interface` in the plugin's settings");
                findings.push(finding);
            }
            (Some(interface), Some(mtu)) if mtu > interface.mtu => {
                let message =
                    format!("{} takes packets of {} bytes, flannel is set to {mtu}", interface.name, interface.mtu);
                findings.push(Finding::warning("Mtu", message).remedy("correct `mtu` in the plugin's settings"));
            }
            _ => {}
        }
    }
    if let Some(address) = foreign_bridge_address(interfaces, BRIDGE, subnets) {
        let finding = Finding::error("BridgeAddress", format!("the bridge {BRIDGE} has the address {address} already"))
            .expected(format!("no bridge {BRIDGE}, or one within the pod subnets"))
            .remedy(format!("if nothing uses it any more: ip link delete {BRIDGE}"));
        findings.push(finding);
    }
    let own = settings.links();
    let is_own = |name: &str| name == BRIDGE || own.iter().any(|link| link == name);
    for (name, address, subnet) in overlapping_links(interfaces, is_own, subnets) {
        let message =
            format!("{name} has the address {address}, which has addresses in common with the pods' {subnet}");
        findings.push(Finding::error("SubnetInUse", message).remedy("choose another networking.podSubnet"));
    }
    findings
}

/// Whether the UDP port is free.
///
/// # Errors
///
/// What reading files fails with.
pub fn of_port(settings: &Settings, interfaces: &[NetworkInterface]) -> Result<Vec<Finding>, Failure> {
    let Some(port) = settings.port() else { return Ok(Vec::new()) };
    let own = settings.links();
    if interfaces.iter().any(|interface| own.contains(&interface.name)) {
        // flannel runs here already, or ran and left its link.
        return Ok(Vec::new());
    }
    let mut is_taken = false;
    for path in ["/proc/1/net/udp", "/proc/1/net/udp6"] {
        is_taken |= files::read_text_if_there(path)?.is_some_and(|table| listens(&table, port));
    }
    if !is_taken {
        return Ok(Vec::new());
    }
    let (id, name) = match settings.backend {
        Backend::Wireguard => ("WireguardPort", "wireguard"),
        _ => ("VxlanPort", "vxlan"),
    };
    let others: Vec<&str> = interfaces
        .iter()
        .filter(|interface| facts::attribute(&interface.attributes, "kind") == Some(name))
        .map(|interface| &*interface.name)
        .collect();
    let by = if others.is_empty() { String::new() } else { format!(", perhaps by {}", others.join(", ")) };
    let finding = Finding::error(id, format!("UDP port {port} is in use{by}"))
        .remedy("end what uses it (another pod network?), or set `port` in the plugin's settings, on all nodes alike");
    Ok(vec![finding])
}

/// Whether a table like `/proc/net/udp` has a socket with that port: the second field of a line is the local address and
/// port in hex.
fn listens(table: &str, port: u16) -> bool {
    let local = |line: &str| {
        let (_, port) = line.split_whitespace().nth(1)?.rsplit_once(':')?;
        u16::from_str_radix(port, 16).ok()
    };
    table.lines().skip(1).any(|line| local(line) == Some(port))
}

/// Files that are missing, or that stand in the way.
///
/// # Errors
///
/// What reading fails with.
pub fn of_files(settings: &Settings) -> Result<Vec<Finding>, Failure> {
    let mut findings = Vec::new();
    let directory = &settings.program_directory;
    let missing = missing_programs(directory, &["bridge", "host-local", "loopback", "portmap"])?;
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
        let message =
            format!("{directory} has {}, which the container runtime takes before flannel's", earlier.join(", "));
        findings.push(Finding::error("OtherNetwork", message).remedy("remove it, or do without this plugin"));
    }
    Ok(findings)
}

/// What is left of the network when its objects and files are gone.
pub fn links_stay(settings: &Settings) -> Finding {
    let mut links = settings.links();
    links.push(BRIDGE.to_owned());
    let commands: Vec<String> = links.iter().map(|link| format!("ip link delete {link}")).collect();
    Finding::info("LinksStay", format!("the links {} stay, where they are, until the node boots", links.join(", ")))
        .remedy(format!("once no pod uses them, on each node: {}", commands.join("; ")))
}

#[cfg(test)]
mod tests;
