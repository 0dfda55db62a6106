//! Hosts: names, addresses, and names below a name. One host has one normal form: names in lower case, addresses as
//! addresses. What only looks like an address (`127.1`, `0x7f000001`) is none and is no name either: resolvers take it
//! for one.

use std::net::IpAddr;

use crate::names::{is_dns1123_subdomain, join_host_port, split_host_port};

/// A host.
#[derive(Debug, PartialEq, Eq)]
enum Host {
    Address(IpAddr),
    Name(String),
}

impl Host {
    fn read(text: &str) -> Option<Self> {
        let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        if let Ok(address) = bare.unwrap_or(text).parse::<IpAddr>() {
            let wanted = bare.is_none() || address.is_ipv6();
            return wanted.then(|| Self::Address(address.to_canonical()));
        }
        let name = text.to_ascii_lowercase();
        (is_dns1123_subdomain(&name) && !ends_in_number(&name)).then_some(Self::Name(name))
    }
}

/// Whether resolvers take a name for an address in some old way of writing.
fn ends_in_number(name: &str) -> bool {
    let last = name.rsplit('.').next().unwrap_or_default();
    let hex = last.strip_prefix("0x").is_some_and(|rest| rest.bytes().all(|b| b.is_ascii_hexdigit()));
    hex || last.bytes().all(|b| b.is_ascii_digit())
}

/// Whether the granted host (`example.org`, `*.example.org`, `10.0.0.1`) is that host. A star stands for one or more
/// labels.
pub(super) fn allows(granted: &str, host: &str) -> bool {
    let Some(host) = Host::read(host) else { return false };
    match (granted.strip_prefix("*."), &host) {
        (Some(parent), Host::Name(name)) => match Host::read(parent) {
            Some(Host::Name(parent)) => name.strip_suffix(&parent).is_some_and(|rest| rest.ends_with('.')),
            _ => false,
        },
        (Some(_), Host::Address(_)) => false,
        (None, _) => Host::read(granted).is_some_and(|granted| granted == host),
    }
}

/// Whether `granted` is no host that `wide` is not.
pub(super) fn covers(wide: &str, granted: &str) -> bool {
    let Some(parent) = granted.strip_prefix("*.") else { return allows(wide, granted) };
    let Some(Host::Name(parent)) = Host::read(parent) else { return false };
    let same = wide.strip_prefix("*.").and_then(Host::read) == Some(Host::Name(parent.clone()));
    // All names below one that is below it.
    same || wide.starts_with("*.") && allows(wide, &parent)
}

/// Why a text is no host that can be granted, and what to do about it.
pub(super) fn fault(granted: &str) -> Option<(&'static str, &'static str)> {
    let host = granted.strip_prefix("*.").unwrap_or(granted);
    match Host::read(host) {
        Some(Host::Name(_)) => None,
        Some(Host::Address(_)) if host == granted => None,
        Some(Host::Address(_)) => Some(("there is nothing below an address", "name each address")),
        None if host.contains('*') => {
            Some(("`*` stands for the first labels of a name only", "write it like *.example.org, or name each host"))
        }
        None => Some((
            "it is neither an IP address nor a DNS name",
            "write it like example.org, *.example.org, 10.0.0.1 or [2001:db8::1]",
        )),
    }
}

/// `host` or `host:port` with the port, if it is a number from 1 to 65535.
pub(super) fn with_port(text: &str) -> Result<(&str, Option<u16>), (&'static str, &'static str)> {
    if text.parse::<IpAddr>().is_ok() {
        return Ok((text, None));
    }
    let Some((host, port)) = split_host_port(text) else { return Ok((text, None)) };
    let digits = !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit());
    match port.parse::<u16>() {
        Ok(port @ 1..) if digits => Ok((host, Some(port))),
        _ => Err(("its port is not a number between 1 and 65535", "write it like example.org:8443")),
    }
}

fn default_port(scheme: &str) -> u16 {
    if scheme == "http" { 80 } else { 443 }
}

/// `scheme`, host and port of a scope of `http`.
fn read_http(scope: &str) -> Result<(&'static str, &str, u16), (&'static str, &'static str)> {
    let (scheme, rest) = match scope.split_once("://") {
        Some(("https", rest)) => ("https", rest),
        Some(("http", rest)) => ("http", rest),
        Some(_) => return Err(("its scheme is neither https nor http", "write it like example.org:8443")),
        None => ("https", scope),
    };
    if rest.contains('/') {
        return Err(("a whole host is granted, without a path", "write it like example.org:8443"));
    }
    let (host, port) = with_port(rest)?;
    fault(host).map_or(Ok(()), Err)?;
    Ok((scheme, host, port.unwrap_or(default_port(scheme))))
}

/// Why a text is no scope of `http`.
pub(super) fn http_fault(scope: &str) -> Option<(&'static str, &'static str)> {
    read_http(scope).err()
}

/// Whether a scope of `http` allows to ask that host.
pub(super) fn allows_http(scope: &str, scheme: &str, host: &str, port: u16) -> bool {
    let scheme = scheme.to_ascii_lowercase();
    read_http(scope).is_ok_and(|(granted, pattern, at)| granted == scheme && at == port && allows(pattern, host))
}

/// The shortest scope of `http` that allows just this.
pub(super) fn http_scope(scheme: &str, host: &str, port: u16) -> String {
    let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host).to_ascii_lowercase();
    let scheme = scheme.to_ascii_lowercase();
    let prefix = if scheme == "https" { String::new() } else { format!("{scheme}://") };
    let host = match port == default_port(&scheme) && !bare.contains(':') {
        true => bare,
        false => join_host_port(&bare, port),
    };
    format!("{prefix}{host}")
}

/// Whether a scope of `http` allows nothing that `wide` does not allow.
pub(super) fn covers_http(wide: &str, scope: &str) -> bool {
    match (read_http(wide), read_http(scope)) {
        (Ok((scheme, host, port)), Ok(narrow)) => (scheme, port) == (narrow.0, narrow.2) && covers(host, narrow.1),
        _ => false,
    }
}
