//! What can be seen before anything is changed.

use std::net::IpAddr;

use kubephase_sdk::facts::{ClusterFacts, NetworkInterface};
use kubephase_sdk::prelude::*;

use crate::addresses::{endpoint as parts, interface_with};
use crate::manifest;
use crate::settings::{Mode, Settings};

/// How long somebody else may take to answer, in milliseconds.
const PATIENCE: u32 = 1000;

/// Whether the cluster uses the address at all.
pub fn endpoint(settings: &Settings, cluster: &ClusterFacts) -> Vec<Finding> {
    let address = settings.address;
    let mut findings = Vec::new();
    if cluster.advertise_address.parse() == Ok(address) {
        let message = format!("{address} is this node's own address");
        findings.push(Finding::error("OwnAddress", message).expected("an address that no machine has"));
    }
    let (host, port) = parts(&cluster.control_plane_endpoint);
    if host.is_empty() {
        let message = "the cluster has no controlPlaneEndpoint, so nobody would use the virtual address";
        let remedy = format!("set controlPlaneEndpoint to {address}:{}", cluster.bind_port);
        findings.push(Finding::error("Endpoint", message).remedy(remedy));
        return findings;
    }
    match host.parse::<IpAddr>() {
        Ok(is) if is == address => {}
        Ok(is) => {
            let message = format!("controlPlaneEndpoint is {is}, not the virtual address");
            findings.push(
                Finding::warning("Endpoint", message)
                    .expected(address.to_string())
                    .remedy(format!("set controlPlaneEndpoint to {address}, or add {address} to apiServer.certSANs")),
            );
        }
        // A name is meant to lead there; that the certificate is valid for the address itself is checked later.
        Err(_) => {}
    }
    if let Some(port) = port.filter(|port| *port != cluster.bind_port) {
        let message = format!("controlPlaneEndpoint has port {port}, but API servers listen on {}", cluster.bind_port);
        let remedy = "give both the same port: the address leads to an API server directly";
        findings.push(Finding::error("EndpointPort", message).remedy(remedy));
    }
    findings
}

/// Whether the interface is there.
pub fn interface(settings: &Settings, cluster: &ClusterFacts, network: &[NetworkInterface]) -> Option<Finding> {
    match manifest::interface(settings, cluster, network) {
        Ok(name) if network.iter().any(|interface| interface.name == name) => None,
        Ok(name) => {
            let names: Vec<&str> = network.iter().map(|interface| &*interface.name).collect();
            let message = format!("there is no network interface `{name}`");
            Some(Finding::error("Interface", message).expected(format!("one of {}", names.join(", "))))
        }
        Err(failure) => {
            let finding = Finding::error("Interface", failure.message);
            Some(failure.remedy.into_iter().fold(finding, Finding::remedy))
        }
    }
}

/// Whether another machine has the address already. Only the first node can tell: later the address is in use.
pub fn taken(settings: &Settings, cluster: &ClusterFacts, network: &[NetworkInterface]) -> Option<Finding> {
    let address = settings.address.to_string();
    if cluster.workflow != "init" || settings.mode != Mode::Arp || interface_with(network, &address).is_some() {
        return None;
    }
    // No answer, or not being allowed to ask, says nothing.
    probe::tcp_connect(&address, cluster.bind_port, PATIENCE).ok()?;
    let message = format!("another machine answers at {address}, port {}", cluster.bind_port);
    Some(Finding::error("AddressTaken", message).expected("an address that no machine has"))
}
