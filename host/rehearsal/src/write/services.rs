//! Addresses, IP families and node ports of Services, as the real server gives them out.

use std::collections::BTreeSet;
use std::net::IpAddr;

use kubephase_model::names::Cidr;
use serde_json::{Value, json};

use super::Request;
use crate::kinds::SERVICE;
use crate::schema::{FieldProblem, Reason};
use crate::store::{Transaction, text};

/// Fills in what a Service gets from the cluster. `old` is the Service before the write.
pub(super) fn allocate(
    request: &Request<'_>,
    transaction: &Transaction<'_>,
    old: Option<&Value>,
    object: &mut Value,
) -> Vec<FieldProblem> {
    if *request.kind != SERVICE || !request.subresource.is_empty() {
        return Vec::new();
    }
    let others: Vec<_> = transaction
        .all(&SERVICE, None)
        .into_iter()
        .filter(|other| old.is_none_or(|old| old["metadata"]["uid"] != other["metadata"]["uid"]))
        .collect();
    let networks: Vec<Cidr> = request.service_cidrs.iter().filter_map(|cidr| cidr.parse().ok()).collect();
    if text(object["spec"].get("type")) == "ExternalName" {
        return Vec::new();
    }
    if let Some(old) = old {
        keep(old, object);
    }
    let problems = addresses(&networks, &others.iter().map(AsRef::as_ref).collect::<Vec<_>>(), object);
    if problems.is_empty() {
        node_ports(&others.iter().map(AsRef::as_ref).collect::<Vec<_>>(), object);
    }
    problems
}

/// What an update leaves out stays as it is.
fn keep(old: &Value, object: &mut Value) {
    if text(old["spec"].get("type")) == "ExternalName" {
        return;
    }
    for field in ["clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy"] {
        let is_missing =
            object["spec"].get(field).is_none_or(|value| value.is_null() || value == "" || value == &json!([]));
        if is_missing && let Some(value) = old["spec"].get(field) {
            object["spec"][field] = value.clone();
        }
    }
}

fn strings(value: &Value) -> Vec<String> {
    value.as_array().into_iter().flatten().filter_map(Value::as_str).map(ToOwned::to_owned).collect()
}

fn family(address: IpAddr) -> &'static str {
    if address.is_ipv6() { "IPv6" } else { "IPv4" }
}

fn addresses(networks: &[Cidr], others: &[&Value], object: &mut Value) -> Vec<FieldProblem> {
    let invalid = |path: &str, message: String| {
        vec![FieldProblem {
            path: path.to_owned(),
            reason: Reason::Invalid,
            message: format!("Invalid value: {message}"),
        }]
    };
    let spec = &mut object["spec"];
    let mut given = strings(&spec["clusterIPs"]);
    let first = text(spec.get("clusterIP")).to_owned();
    if given.is_empty() && !first.is_empty() {
        given.push(first);
    }
    let is_headless = given.first().is_some_and(|address| address == "None");
    let parsed: Vec<IpAddr> = given.iter().filter_map(|address| address.parse().ok()).collect();
    if parsed.len() != given.len() && !is_headless {
        // The rules of the kind say what is wrong.
        return Vec::new();
    }
    let offered: Vec<&str> = networks.iter().map(|network| if network.is_ipv6() { "IPv6" } else { "IPv4" }).collect();
    let policy = text(spec.get("ipFamilyPolicy")).to_owned();
    let mut families = strings(&spec["ipFamilies"]);
    for (at, wanted) in families.iter().enumerate() {
        if !is_headless && !offered.is_empty() && !offered.contains(&wanted.as_str()) {
            return invalid(&format!("spec.ipFamilies[{at}]"), format!("{wanted:?}: not configured on this cluster"));
        }
    }
    // Headless Services may be of families that the cluster has no addresses of: somebody else looks after them.
    if policy == "RequireDualStack" && offered.len() == 1 && !is_headless {
        let message = "\"RequireDualStack\": this cluster is not configured for dual-stack services".to_owned();
        return invalid("spec.ipFamilyPolicy", message);
    }
    for address in &parsed {
        if !families.iter().any(|wanted| wanted == family(*address)) {
            families.push(family(*address).to_owned());
        }
    }
    let policy = match policy.as_str() {
        "" if families.len() > 1 => "RequireDualStack".to_owned(),
        "" => "SingleStack".to_owned(),
        _ => policy,
    };
    if families.is_empty() {
        families.push(offered.first().copied().unwrap_or("IPv4").to_owned());
    }
    let wanted = if policy == "SingleStack" { families.len() } else { offered.len().max(families.len()) };
    for other in &offered {
        if families.len() < wanted && !families.iter().any(|have| have == other) {
            families.push((*other).to_owned());
        }
    }
    spec["ipFamilyPolicy"] = json!(policy);
    spec["ipFamilies"] = json!(families);
    if is_headless {
        spec["clusterIPs"] = json!(["None"]);
        return Vec::new();
    }
    let taken: BTreeSet<IpAddr> = others
        .iter()
        .flat_map(|other| strings(&other["spec"]["clusterIPs"]))
        .filter_map(|address| address.parse().ok())
        .collect();
    for address in &parsed {
        let quoted = json!(given);
        let refuse =
            |why: &str| invalid("spec.clusterIPs", format!("{quoted}: failed to allocate IP {address}: {why}"));
        let here = networks.iter().find(|network| network.is_ipv6() == address.is_ipv6());
        if here.is_some_and(|network| !network.contains(*address) || network.network() == *address) {
            return refuse("the provided network does not match the current range");
        }
        if taken.contains(address) {
            return refuse("provided IP is already allocated");
        }
    }
    let mut allocated = parsed.clone();
    for wanted in &families[parsed.len().min(families.len())..] {
        let network = networks.iter().find(|network| network.is_ipv6() == (wanted == "IPv6"));
        let Some(network) = network else { continue };
        let Some(free) = next_free(network, &taken) else {
            return invalid(
                "spec.clusterIPs",
                format!("{}: failed to allocate a serviceIP: range is full", json!(given)),
            );
        };
        allocated.push(free);
    }
    let allocated: Vec<String> = allocated.iter().map(ToString::to_string).collect();
    if let Some(first) = allocated.first() {
        spec["clusterIP"] = json!(first);
        spec["clusterIPs"] = json!(allocated);
    }
    Vec::new()
}

/// The first free address behind those at the start of the network that are kept for services with given addresses
/// (KEP-3070).
fn next_free(network: &Cidr, taken: &BTreeSet<IpAddr>) -> Option<IpAddr> {
    let size = u32::try_from(network.size()).unwrap_or(u32::MAX);
    let kept = (size / 16).clamp(16, 256).min(size.saturating_sub(1));
    let free = |n: &u32| network.nth(*n).is_some_and(|address| !taken.contains(&address));
    let at = (kept + 1..size.saturating_sub(1)).find(free).or_else(|| (1..=kept).find(free))?;
    network.nth(at)
}

fn node_ports(others: &[&Value], object: &mut Value) {
    if !matches!(text(object["spec"].get("type")), "NodePort" | "LoadBalancer") {
        return;
    }
    let ports = |of: &Value| -> Vec<u64> {
        let ports = of["spec"]["ports"].as_array().into_iter().flatten();
        ports.filter_map(|port| port["nodePort"].as_u64()).collect()
    };
    let mut taken: BTreeSet<u64> = others.iter().flat_map(|other| ports(other)).chain(ports(object)).collect();
    for port in object["spec"]["ports"].as_array_mut().into_iter().flatten() {
        if port["nodePort"].as_u64().unwrap_or(0) == 0
            && let Some(free) = (30000..32768).find(|free| !taken.contains(free))
        {
            taken.insert(free);
            port["nodePort"] = json!(free);
        }
    }
}
