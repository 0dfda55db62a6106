//! Names and addresses as the resolver of the machine sees them.

use std::io;
use std::net::IpAddr;
use std::time::Duration;

use crate::Node;

/// Asks the system's resolver (hosts file, DNS, whatever nsswitch says) for a host name. It waits at most `timeout`.
/// A pretended machine has the addresses of its interfaces under every name.
pub async fn lookup(node: &Node, name: &str, timeout: Duration) -> io::Result<Vec<IpAddr>> {
    if node.is_rehearsed() {
        return Ok(node.machine().interfaces().into_iter().map(|interface| interface.address).collect());
    }
    let found = tokio::time::timeout(timeout, tokio::net::lookup_host((name, 0))).await;
    let found = found.map_err(|_| io::Error::new(io::ErrorKind::TimedOut, "no name server has answered"))??;
    let mut addresses = Vec::new();
    for address in found {
        if !addresses.contains(&address.ip()) {
            addresses.push(address.ip());
        }
    }
    Ok(addresses)
}

/// Go's `IP.IsGlobalUnicast`: private and unique local addresses are global unicast too.
pub fn is_global_unicast(address: IpAddr) -> bool {
    let link_local = match address {
        IpAddr::V4(v4) => v4.is_link_local() || v4.is_broadcast(),
        IpAddr::V6(v6) => v6.is_unicast_link_local(),
    };
    !(link_local || address.is_unspecified() || address.is_loopback() || address.is_multicast())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_go_sees_it() {
        for (address, expected) in [
            ("10.0.0.1", true),
            ("fd00::1", true),
            ("2001:db8::1", true),
            ("127.0.0.1", false),
            ("169.254.1.1", false),
            ("255.255.255.255", false),
            ("224.0.0.1", false),
            ("0.0.0.0", false),
            ("fe80::1", false),
            ("ff02::1", false),
            ("::", false),
            ("::1", false),
        ] {
            assert_eq!(is_global_unicast(address.parse().expect("an address")), expected, "{address}");
        }
    }

    #[test]
    fn literals_need_no_server() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let found = runtime.block_on(lookup(&Node::real(), "192.0.2.1", Duration::from_secs(5))).expect("a literal");
        assert_eq!(found, ["192.0.2.1".parse::<IpAddr>().expect("an address")]);
    }
}
