//! Which address this node's API server tells others, from what the user said and what the host has (kubeadm's
//! `SetAPIEndpointDynamicDefaults`).

use std::net::IpAddr;

use super::validate::Check;
use crate::Facts;
use crate::report::Problem;

/// Fills in or normalizes `advertiseAddress`. What cannot be filled in is left empty, with an error.
pub(super) fn fill(address: &mut String, path: &str, facts: &Facts, check: &mut Check<'_>) {
    let given = match address.parse::<IpAddr>() {
        Ok(ip) => Some(ip.to_canonical()),
        Err(_) if address.is_empty() => None,
        // Validation says that it is no address.
        Err(_) => return,
    };
    let chosen = match given {
        Some(ip) if ip.is_loopback() => on_loopback(ip, facts),
        Some(ip) if !ip.is_unspecified() => Ok(ip),
        _ => on_default_route(given.is_some_and(|ip| ip.is_ipv6()), facts),
    };
    match chosen {
        Ok(ip) => *address = ip.to_string(),
        Err(reason) => {
            address.clear();
            check.push(Problem::error(path, reason).hint("name an address of this node that others can reach"));
        }
    }
}

/// A loopback address is of use to nobody else; some hosts have their real one on `lo`.
fn on_loopback(given: IpAddr, facts: &Facts) -> Result<IpAddr, String> {
    let found = facts.loopback_global_addresses.iter().find(|ip| ip.is_ipv6() == given.is_ipv6());
    let found = found.or(facts.loopback_global_addresses.first());
    found.copied().ok_or_else(|| format!("{given} is a loopback address, and `lo` has no other"))
}

/// The first address of the preferred family, else of the other one.
fn on_default_route(prefer_ipv6: bool, facts: &Facts) -> Result<IpAddr, String> {
    let lists = [&facts.default_route_addresses, &facts.loopback_global_addresses];
    for ipv6 in [prefer_ipv6, !prefer_ipv6] {
        for list in lists {
            if let Some(ip) = list.iter().find(|ip| ip.is_ipv6() == ipv6) {
                return Ok(*ip);
            }
        }
    }
    Err("no address was found: no default route leads over an interface that has one".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Report;

    #[test]
    fn addresses() {
        let facts = Facts {
            default_route_addresses: vec!["2001:db8::2".parse().unwrap(), "192.0.2.10".parse().unwrap()],
            loopback_global_addresses: vec!["198.51.100.1".parse().unwrap()],
            ..Facts::default()
        };
        for (given, facts, expected) in [
            ("", &facts, Some("192.0.2.10")),
            ("0.0.0.0", &facts, Some("192.0.2.10")),
            ("::", &facts, Some("2001:db8::2")),
            ("127.0.0.1", &facts, Some("198.51.100.1")),
            ("2001:DB8:0::0010", &facts, Some("2001:db8::10")),
            ("::ffff:10.0.0.1", &facts, Some("10.0.0.1")),
            ("not-an-ip", &facts, Some("not-an-ip")),
            ("", &Facts::default(), None),
            ("127.0.0.1", &Facts::default(), None),
        ] {
            let (mut address, mut report) = (given.to_owned(), Report::default());
            fill(&mut address, "localAPIEndpoint.advertiseAddress", facts, &mut Check::new(&mut report, None));
            assert_eq!(address, expected.unwrap_or(""), "{given}");
            assert_eq!(report.has_errors(), expected.is_none(), "{given}: {report}");
        }
    }
}
