//! Network interfaces: sysfs, and the kernel for their addresses.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use kubephase_model::plugin::facts::{Attributes, NetworkInterface};

use super::{link_name, names, number, pci, real, text};
use crate::Node;
use crate::machine::Machine;

const NET: &str = "/sys/class/net";

pub(super) fn interfaces(node: &Node) -> Vec<NetworkInterface> {
    let mut addresses = addresses(node);
    let mut all: BTreeSet<String> = names(node, NET).into_iter().collect();
    // Files that are no interfaces lie beside them.
    all.retain(|name| node.is_dir(&format!("{NET}/{name}")));
    all.extend(addresses.keys().cloned());
    let of = |name: String| {
        let addresses = addresses.remove(&name).unwrap_or_default();
        interface(node, name, addresses)
    };
    all.into_iter().map(of).collect()
}

fn interface(node: &Node, name: String, addresses: Vec<String>) -> NetworkInterface {
    let at = |what: &str| format!("{NET}/{name}/{what}");
    let mut attributes = Attributes::new();
    if let Some(address) = real(node, &at("device")).as_deref().and_then(pci::address_on) {
        attributes.insert("pci".into(), address);
    }
    if let Some(kind) = kind(node, &name) {
        attributes.insert("kind".into(), kind);
    }
    let mac = text(node, &at("address"));
    let state = text(node, &at("operstate"));
    NetworkInterface {
        mac: if mac.bytes().all(|byte| matches!(byte, b'0' | b':')) { String::new() } else { mac },
        mtu: number(node, &at("mtu")).unwrap_or_default(),
        state: if state.is_empty() { "unknown".to_owned() } else { state },
        addresses,
        // -1 and an error both say that it is not known.
        speed: number(node, &at("speed")).filter(|speed| *speed > 0),
        driver: link_name(node, &at("device/driver")).unwrap_or_default(),
        attributes,
        name,
    }
}

fn kind(node: &Node, name: &str) -> Option<String> {
    let uevent = text(node, &format!("{NET}/{name}/uevent"));
    let told = uevent.lines().find_map(|line| line.strip_prefix("DEVTYPE=")).map(str::to_owned);
    let has = |file: &str| node.exists(&format!("{NET}/{name}/{file}"));
    told.or_else(|| has("tun_flags").then(|| "tun".to_owned()))
}

/// By interface, IPv4 first, each in the kernel's order.
fn addresses(node: &Node) -> BTreeMap<String, Vec<String>> {
    let mut found: Vec<(String, IpAddr, u32)> = match node.machine() {
        Machine::Live => live_addresses(),
        fixed @ Machine::Fixed(_) => {
            let whole = |address: &IpAddr| if address.is_ipv4() { 32 } else { 128 };
            fixed.interfaces().into_iter().map(|i| (i.name, i.address, whole(&i.address))).collect()
        }
    };
    found.sort_by_key(|(_, address, _)| !address.is_ipv4());
    let mut all: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, address, length) in found {
        all.entry(name).or_default().push(format!("{address}/{length}"));
    }
    all
}

fn live_addresses() -> Vec<(String, IpAddr, u32)> {
    let Ok(entries) = nix::ifaddrs::getifaddrs() else { return Vec::new() };
    let address = |storage: Option<nix::sys::socket::SockaddrStorage>| {
        let storage = storage?;
        match (storage.as_sockaddr_in(), storage.as_sockaddr_in6()) {
            (Some(v4), _) => Some(IpAddr::V4(v4.ip())),
            (_, Some(v6)) => Some(IpAddr::V6(v6.ip())),
            _ => None,
        }
    };
    let prefix = |mask: IpAddr| match mask {
        IpAddr::V4(v4) => u32::from(v4).leading_ones(),
        IpAddr::V6(v6) => u128::from(v6).leading_ones(),
    };
    entries
        .filter_map(|entry| {
            let own = address(entry.address)?;
            let length = address(entry.netmask).map_or(if own.is_ipv4() { 32 } else { 128 }, prefix);
            Some((entry.interface_name, own, length))
        })
        .collect()
}
