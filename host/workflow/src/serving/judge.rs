//! The judge: a request, the Nodes that there are and what the cluster reserves, nothing else. It refuses whatever it
//! does not understand.

use std::collections::BTreeSet;
use std::net::IpAddr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use kubephase_model::names::{is_dns1123_subdomain, is_global_unicast};
use kubephase_pki::SigningRequest;
use serde_json::Value;

use super::plain::plain;
use super::reserved::{Certain, Reserved};

/// The signer of kubelets' serving certificates.
pub const SIGNER: &str = "kubernetes.io/kubelet-serving";

const NODE_PREFIX: &str = "system:node:";
const NODES: &str = "system:nodes";
/// What such a certificate may be for (`certificates.k8s.io`'s rules for this signer): with RSA keys the second.
const USAGES: [&[&str]; 2] =
    [&["digital signature", "server auth"], &["digital signature", "key encipherment", "server auth"]];

/// What is thought of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Every rule is kept.
    Approve,
    /// It is no request to be judged here, and why.
    NotOurs(String),
    /// Rules that it breaks: all of them, each as one line that is safe to print.
    Refuse(Vec<String>),
}

/// The node that sent a request: the API server has proven that it was this one.
pub fn node_of(csr: &Value) -> Option<&str> {
    csr.pointer("/spec/username")?.as_str()?.strip_prefix(NODE_PREFIX).filter(|name| !name.is_empty())
}

/// Judges a CertificateSigningRequest (certificates.k8s.io/v1) of the Node that sent it. Without knowing what the cluster
/// reserves (why, says the error) nothing passes. See also [`judge_among`].
pub fn judge(csr: &Value, node: &Value, reserved: Result<&Reserved, &str>) -> Verdict {
    if let Some(why) = not_ours(csr) {
        return Verdict::NotOurs(why);
    }
    let mut reasons = Vec::new();
    let name = sender(csr, &mut reasons);
    let known = node.pointer("/metadata/name").and_then(Value::as_str);
    if let (Some(name), Some(known)) = (name, known)
        && name != known
    {
        reasons.push(format!("it was sent by the node `{name}`, not by `{known}`"));
    }
    usages(csr, &mut reasons);
    if let Some(request) = request(csr, &mut reasons) {
        subject(&request, name, &mut reasons);
        names(&request, node, reserved.ok(), &mut reasons);
    }
    if let Err(why) = reserved {
        reasons.push(format!("it is not known what belongs to the API server and to Services: {why}"));
    }
    verdict(reasons)
}

/// [`judge`], with all Nodes of the cluster: finds the one that sent the request, and refuses addresses that another
/// Node claims as well.
pub fn judge_among(csr: &Value, nodes: &[Value], reserved: Result<&Reserved, &str>) -> Verdict {
    if let Some(why) = not_ours(csr) {
        return Verdict::NotOurs(why);
    }
    let named = |node: &Value| node.pointer("/metadata/name").and_then(Value::as_str).map(str::to_owned);
    let name = node_of(csr);
    let Some(node) = nodes.iter().find(|node| name.is_some() && named(node).as_deref() == name) else {
        let mut reasons = Vec::new();
        if let Some(name) = sender(csr, &mut reasons) {
            reasons.push(format!("there is no Node `{name}`"));
        }
        return verdict(reasons);
    };
    let mut reasons = match judge(csr, node, reserved) {
        Verdict::Refuse(reasons) => reasons,
        Verdict::Approve => Vec::new(),
        not_ours @ Verdict::NotOurs(_) => return not_ours,
    };
    if let Some(request) = request(csr, &mut Vec::new()) {
        let own = Addresses::of(node);
        for other in nodes.iter().filter(|other| named(other).as_deref() != name) {
            let (theirs, other) = (Addresses::of(other), named(other).unwrap_or_default());
            // Those that are not its own have been refused already. Its name is nobody else's, whoever claims it.
            let is_name = |dns: &str| name.is_some_and(|name| dns.eq_ignore_ascii_case(name));
            let both_dns = request.dns.iter().filter(|dns| !is_name(dns) && own.has_dns(dns) && theirs.has_dns(dns));
            let both_ips = request.ips.iter().filter(|ip| own.has_ip(ip) && theirs.has_ip(ip));
            let dns = both_dns.map(|dns| format!("DNS name `{dns}`"));
            let ips = both_ips.map(|ip| format!("address {ip}"));
            reasons.extend(dns.chain(ips).map(|what| format!("its {what} is also one of the Node `{other}`")));
        }
    }
    verdict(reasons)
}

fn verdict(reasons: Vec<String>) -> Verdict {
    // Some say what the sender wrote.
    let reasons: Vec<String> = reasons.iter().map(|reason| plain(reason)).collect();
    if reasons.is_empty() { Verdict::Approve } else { Verdict::Refuse(reasons) }
}

fn not_ours(csr: &Value) -> Option<String> {
    let signer = csr.pointer("/spec/signerName").and_then(Value::as_str).unwrap_or_default();
    if signer != SIGNER {
        return Some(format!("it is for the signer `{signer}`, not for `{SIGNER}`"));
    }
    let conditions = csr.pointer("/status/conditions").and_then(Value::as_array);
    let decided = conditions.into_iter().flatten().find_map(|condition| match condition["type"].as_str() {
        Some("Approved") => Some("it has been approved"),
        Some("Denied") => Some("it has been denied"),
        Some("Failed") => Some("signing it has failed"),
        _ => None,
    });
    let issued = csr.pointer("/status/certificate").and_then(Value::as_str).is_some_and(|text| !text.is_empty());
    decided.or_else(|| issued.then_some("its certificate has been issued")).map(str::to_owned)
}

/// Who sent it, by what the API server wrote down of the sender.
fn sender<'a>(csr: &'a Value, reasons: &mut Vec<String>) -> Option<&'a str> {
    let name = node_of(csr);
    if name.is_none() {
        let user = csr.pointer("/spec/username").and_then(Value::as_str).unwrap_or_default();
        reasons.push(format!("it was sent by `{user}`, which is no node"));
    }
    let groups = csr.pointer("/spec/groups").and_then(Value::as_array);
    if !groups.is_some_and(|groups| groups.iter().any(|group| group == NODES)) {
        reasons.push(format!("its sender is not in the group `{NODES}`"));
    }
    name
}

fn usages(csr: &Value, reasons: &mut Vec<String>) {
    let usages = csr.pointer("/spec/usages").and_then(Value::as_array);
    let usages: BTreeSet<&str> = usages.into_iter().flatten().map(|usage| usage.as_str().unwrap_or("?")).collect();
    if !USAGES.iter().any(|allowed| allowed.iter().copied().collect::<BTreeSet<_>>() == usages) {
        let usages: Vec<&str> = usages.into_iter().collect();
        reasons.push(format!(
            "it is to be used for {}; allowed are exactly `digital signature`, `server auth` and, if need be, \
             `key encipherment`",
            if usages.is_empty() { "nothing".to_owned() } else { format!("`{}`", usages.join("`, `")) }
        ));
    }
}

fn request(csr: &Value, reasons: &mut Vec<String>) -> Option<SigningRequest> {
    let text = csr.pointer("/spec/request").and_then(Value::as_str).unwrap_or_default();
    let Ok(pem) = STANDARD.decode(text) else {
        reasons.push("the request is not valid base64".to_owned());
        return None;
    };
    SigningRequest::from_pem(&pem).map_err(|error| reasons.push(error.to_string())).ok()
}

fn subject(request: &SigningRequest, name: Option<&str>, reasons: &mut Vec<String>) {
    let wanted = name.map(|name| format!("{NODE_PREFIX}{name}"));
    let cn = request.common_names.as_slice();
    let exactly = request.attributes == 2 && request.organizations == [NODES] && cn.len() == 1;
    if !exactly || wanted.as_ref().is_some_and(|wanted| cn.first() != Some(wanted)) {
        let wanted = wanted.as_deref().unwrap_or("system:node:…");
        reasons.push(format!("its subject is `{}`, not exactly `CN={wanted},O={NODES}`", request.subject));
    }
}

fn names(request: &SigningRequest, node: &Value, reserved: Option<&Reserved>, reasons: &mut Vec<String>) {
    let (addresses, node) = (Addresses::of(node), Certain::of(node));
    reasons.extend(request.extras.iter().map(|extra| format!("it also asks for the {extra}")));
    reasons.extend(
        request
            .others
            .iter()
            .map(|other| format!("it has the alternative name {other}; only DNS names and IP addresses are allowed")),
    );
    if request.dns.is_empty() && request.ips.is_empty() {
        reasons.push("it has neither a DNS name nor an IP address".to_owned());
    }
    for dns in &request.dns {
        if !is_dns1123_subdomain(&dns.to_ascii_lowercase()) {
            reasons.push(format!("`{dns}` is no plain DNS name"));
        } else if dns.eq_ignore_ascii_case("localhost") || dns.to_ascii_lowercase().ends_with(".localhost") {
            reasons.push(format!("every machine calls itself `{dns}`"));
        } else if let Some(why) = reserved.and_then(|reserved| reserved.dns(dns, &node)) {
            reasons.push(why);
        } else if !addresses.has_dns(dns) {
            reasons.push(format!("the DNS name `{dns}` is none of the Node `{}`", node.name));
        }
    }
    for ip in &request.ips {
        if !is_global_unicast(*ip) {
            reasons.push(format!("the address {ip} is not that of one machine"));
        } else if let Some(why) = reserved.and_then(|reserved| reserved.ip(*ip, &node)) {
            reasons.push(why);
        } else if !addresses.has_ip(ip) {
            reasons.push(format!("the address {ip} is none of the Node `{}`", node.name));
        }
    }
}

/// What a Node is called by: its name, and what its kubelet or a cloud's controller says (`status.addresses`).
struct Addresses {
    dns: Vec<String>,
    ips: Vec<IpAddr>,
}

impl Addresses {
    /// A host name counts only if it is the Node's name; one that is an address counts as such, as for the kubelet that
    /// asks for it.
    fn of(node: &Value) -> Self {
        let name = node.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default();
        let (mut dns, mut ips) = (Vec::new(), Vec::new());
        if !name.is_empty() && name.parse::<IpAddr>().is_err() {
            dns.push(name.to_owned());
        }
        for address in node.pointer("/status/addresses").and_then(Value::as_array).into_iter().flatten() {
            let text = address["address"].as_str().unwrap_or_default();
            match (address["type"].as_str(), text.parse::<IpAddr>()) {
                (Some("InternalIP" | "ExternalIP"), Ok(ip)) => ips.push(ip.to_canonical()),
                (Some("Hostname"), Ok(ip)) if text == name => ips.push(ip.to_canonical()),
                (Some("InternalDNS" | "ExternalDNS"), Err(_)) => dns.push(text.to_owned()),
                _ => {}
            }
        }
        Self { dns, ips }
    }

    fn has_dns(&self, name: &str) -> bool {
        self.dns.iter().any(|known| known.eq_ignore_ascii_case(name))
    }

    fn has_ip(&self, ip: &IpAddr) -> bool {
        self.ips.contains(&ip.to_canonical())
    }
}

#[cfg(test)]
mod tests;
