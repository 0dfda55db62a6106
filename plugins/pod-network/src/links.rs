//! Network links that are on the node already.

use kubephase_sdk::facts::NetworkInterface;

use crate::Subnet;

/// An address of the bridge that lies in none of the subnets: then an earlier network made it, and the CNI plugin
/// `bridge` refuses to work with it. Link-local addresses are no sign of that.
pub fn foreign_bridge_address<'a>(
    interfaces: &'a [NetworkInterface],
    bridge: &str,
    subnets: &[Subnet],
) -> Option<&'a str> {
    let interface = interfaces.iter().find(|interface| interface.name == bridge)?;
    let foreign = |text: &&String| {
        Subnet::of_interface(text).is_some_and(|(address, _)| {
            let family = |subnet: &&Subnet| subnet.is_ipv6() == address.is_ipv6();
            let link_local = match address {
                std::net::IpAddr::V4(v4) => v4.is_link_local(),
                std::net::IpAddr::V6(v6) => v6.is_unicast_link_local(),
            };
            !link_local
                && subnets.iter().any(|subnet| family(&subnet))
                && !subnets.iter().any(|subnet| subnet.holds(address))
        })
    };
    interface.addresses.iter().find(foreign).map(String::as_str)
}

/// Interfaces, other than the named ones, whose own subnet has addresses in common with one of these: name, address,
/// and the one of ours. Packets to the pods would go there.
pub fn overlapping_links<'a>(
    interfaces: &'a [NetworkInterface],
    own: impl Fn(&str) -> bool,
    subnets: &[Subnet],
) -> Vec<(&'a str, &'a str, Subnet)> {
    let mut overlapping = Vec::new();
    for interface in interfaces.iter().filter(|interface| !own(&interface.name)) {
        for text in &interface.addresses {
            let Some((_, theirs)) = Subnet::of_interface(text) else { continue };
            if let Some(ours) = subnets.iter().find(|subnet| subnet.overlaps(&theirs)) {
                overlapping.push((&*interface.name, &**text, *ours));
            }
        }
    }
    overlapping
}

#[cfg(test)]
mod tests {
    use super::*;

    fn interface(name: &str, addresses: &[&str]) -> NetworkInterface {
        NetworkInterface {
            name: name.into(),
            mac: String::new(),
            mtu: 1500,
            state: "up".into(),
            addresses: addresses.iter().map(|text| (*text).to_owned()).collect(),
            speed: None,
            driver: String::new(),
            attributes: Vec::new(),
        }
    }

    fn subnets(texts: &[&str]) -> Vec<Subnet> {
        texts.iter().map(|text| Subnet::parse(text).expect(text)).collect()
    }

    #[test]
    fn a_bridge_of_another_network_is_found() {
        let ours = subnets(&["10.244.0.0/24"]);
        for (addresses, foreign) in [
            (&["10.244.0.1/24", "fe80::1/64"][..], None),
            (&["fe80::1/64", "10.85.0.1/16"], Some("10.85.0.1/16")),
            // We have no subnet of that family: it cannot collide.
            (&["fd00::1/64"], None),
            (&[], None),
        ] {
            let links = [interface("eth0", &["192.168.1.5/24"]), interface("cni0", addresses)];
            assert_eq!(foreign_bridge_address(&links, "cni0", &ours), foreign, "{addresses:?}");
        }
    }

    #[test]
    fn pods_cannot_have_the_addresses_of_another_link() {
        let links = [interface("eth0", &["10.244.7.5/24"]), interface("cni0", &["10.244.0.1/24"])];
        let ours = subnets(&["10.244.0.0/16"]);
        assert_eq!(overlapping_links(&links, |name| name == "cni0", &ours), [("eth0", "10.244.7.5/24", ours[0])]);
        assert!(overlapping_links(&links, |_| true, &ours).is_empty());
    }
}
