//! Addresses and endpoints as they stand in facts.

use std::net::IpAddr;

use kubephase_sdk::facts::NetworkInterface;

/// `host`, `host:port`, `[v6]` or `[v6]:port`, apart.
pub fn endpoint(text: &str) -> (&str, Option<u16>) {
    if let Some((host, rest)) = text.strip_prefix('[').and_then(|text| text.split_once(']')) {
        return (host, rest.strip_prefix(':').and_then(|port| port.parse().ok()));
    }
    match text.split_once(':') {
        Some((host, port)) if !port.contains(':') => (host, port.parse().ok()),
        _ => (text, None),
    }
}

/// `https://` and an address with its port.
pub fn url(address: &str, port: u16) -> String {
    if address.contains(':') { format!("https://[{address}]:{port}") } else { format!("https://{address}:{port}") }
}

/// The interface that has an address.
pub fn interface_with<'a>(network: &'a [NetworkInterface], address: &str) -> Option<&'a str> {
    let wanted: IpAddr = address.parse().ok()?;
    network.iter().find(|interface| addresses(interface).any(|is| is == wanted)).map(|interface| &*interface.name)
}

/// Addresses of an interface, without prefix lengths.
fn addresses(interface: &NetworkInterface) -> impl Iterator<Item = IpAddr> {
    interface.addresses.iter().filter_map(|address| address.split('/').next()?.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_are_taken_apart() {
        for (text, host, port) in [
            ("10.0.0.9:6443", "10.0.0.9", Some(6443)),
            ("10.0.0.9", "10.0.0.9", None),
            ("api.example.org:443", "api.example.org", Some(443)),
            ("[fd00::9]:6443", "fd00::9", Some(6443)),
            ("[fd00::9]", "fd00::9", None),
            ("fd00::9", "fd00::9", None),
            ("", "", None),
        ] {
            assert_eq!(endpoint(text), (host, port), "{text}");
        }
    }
}
