//! Nodes: each gets a part of every network for pods, as the controller manager's node allocator deals them out.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use kubephase_model::names::Cidr;
use serde_json::{Value, json};

use super::snapshot::text;
use super::{View, Wish};
use crate::kinds::NODE;

/// See the module.
pub fn wish(view: &View<'_>) -> Vec<Wish> {
    let cidrs: Vec<Cidr> = view.setup.pod_cidrs.iter().filter_map(|cidr| cidr.parse().ok()).collect();
    let mut taken: Vec<String> = view
        .objects
        .of(&NODE)
        .flat_map(|node| node["spec"]["podCIDRs"].as_array().into_iter().flatten())
        .filter_map(|cidr| cidr.as_str().map(str::to_owned))
        .collect();
    let mut wishes = Vec::new();
    for node in view.objects.of(&NODE) {
        let mut wanted = node.clone();
        if wanted["metadata"]["annotations"].get("node.alpha.kubernetes.io/ttl").is_none() {
            wanted["metadata"]["annotations"]["node.alpha.kubernetes.io/ttl"] = json!("0");
        }
        if !cidrs.is_empty() && text(node, "/spec/podCIDR").is_empty() {
            let parts: Vec<String> = cidrs.iter().filter_map(|cidr| part(cidr, &taken)).collect();
            if let Some(first) = parts.first() {
                wanted["spec"]["podCIDR"] = json!(first);
                wanted["spec"]["podCIDRs"] = json!(parts);
                taken.extend(parts);
            }
        }
        if wanted != *node {
            wishes.push(Wish::Update(wanted));
        }
    }
    wishes
}

/// The first /24 (IPv6: /64) of a network that nobody has, the whole network if it is no larger.
fn part(cidr: &Cidr, taken: &[String]) -> Option<String> {
    let size = if cidr.is_ipv6() { 64 } else { 24 };
    if cidr.prefix() >= size {
        return Some(cidr.to_string()).filter(|whole| !taken.contains(whole));
    }
    let nth = |i: u32| match cidr.network() {
        IpAddr::V4(first) => IpAddr::from(Ipv4Addr::from(u32::from(first) + (i << 8))),
        IpAddr::V6(first) => IpAddr::from(Ipv6Addr::from(u128::from(first) + (u128::from(i) << 64))),
    };
    let parts = (0..256).map(nth).take_while(|first| cidr.contains(*first)).map(|first| format!("{first}/{size}"));
    parts.into_iter().find(|part| !taken.contains(part))
}

/// The address of a pod: the `index`th of its node's part, of the first network.
pub fn pod_address(node: &Value, index: usize) -> Option<String> {
    let cidr: Cidr = text(node, "/spec/podCIDR").parse().ok()?;
    cidr.nth(u32::try_from(index).ok()? + 2).map(|address| address.to_string())
}
