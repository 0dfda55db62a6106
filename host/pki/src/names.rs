//! Subject alternative names: which ones the certificates of a cluster carry, and in which order. Does not judge the
//! configuration: names that cannot stand in a certificate are dropped here and are reported by its validation.

use std::collections::BTreeSet;
use std::net::IpAddr;

use kubephase_model::Cluster;
use kubephase_model::names::{is_dns1123_subdomain, is_wildcard_subdomain};

/// Subject alternative names in the order in which certificates carry them: DNS names sorted and without repetition,
/// then IP addresses as they come, without repetition (kubeadm's `pkiutil.RemoveDuplicateAltNames`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AltNames {
    dns: Vec<String>,
    ips: Vec<IpAddr>,
}

impl AltNames {
    /// Sorts and removes what is there twice.
    pub fn new(dns: impl IntoIterator<Item = String>, ips: impl IntoIterator<Item = IpAddr>) -> Self {
        let dns: BTreeSet<String> = dns.into_iter().collect();
        let mut seen = BTreeSet::new();
        let ips = ips.into_iter().map(|ip| ip.to_canonical()).filter(|ip| seen.insert(*ip)).collect();
        Self { dns: dns.into_iter().collect(), ips }
    }

    /// DNS names, sorted.
    pub fn dns(&self) -> &[String] {
        &self.dns
    }

    /// IP addresses; an IPv4 address in IPv6 form is kept in IPv4 form.
    pub fn ips(&self) -> &[IpAddr] {
        &self.ips
    }

    /// True if there is none.
    pub fn is_empty(&self) -> bool {
        self.dns.is_empty() && self.ips.is_empty()
    }
}

/// Names of the API server (kubeadm's `pkiutil.GetAPIServerAltNames`).
pub(crate) fn api_server(cluster: &Cluster) -> AltNames {
    let config = &cluster.config;
    let mut dns = vec![
        cluster.node_name().to_owned(),
        "kubernetes".to_owned(),
        "kubernetes.default".to_owned(),
        "kubernetes.default.svc".to_owned(),
        format!("kubernetes.default.svc.{}", config.networking.dns_domain),
    ];
    let mut ips = vec![cluster.kubernetes_service_ip(), cluster.advertise_address()];
    if let Some(endpoint) = cluster.control_plane_endpoint() {
        match parse_ip(&endpoint.host) {
            Some(ip) => ips.push(ip),
            None => dns.push(endpoint.host),
        }
    }
    extend(&mut dns, &mut ips, &config.api_server.cert_sans);
    AltNames::new(dns, ips)
}

/// Names of etcd as a server (kubeadm's `pkiutil.GetEtcdAltNames`).
pub(crate) fn etcd_server(cluster: &Cluster) -> AltNames {
    etcd(cluster, cluster.local_etcd().map_or(&[], |local| &local.server_cert_sans))
}

/// Names of etcd among its peers (kubeadm's `pkiutil.GetEtcdPeerAltNames`).
pub(crate) fn etcd_peer(cluster: &Cluster) -> AltNames {
    etcd(cluster, cluster.local_etcd().map_or(&[], |local| &local.peer_cert_sans))
}

fn etcd(cluster: &Cluster, more: &[String]) -> AltNames {
    let mut dns = vec![cluster.node_name().to_owned(), "localhost".to_owned()];
    let mut ips =
        vec![cluster.advertise_address(), IpAddr::from([127, 0, 0, 1]), IpAddr::from([0, 0, 0, 0, 0, 0, 0, 1])];
    extend(&mut dns, &mut ips, more);
    AltNames::new(dns, ips)
}

/// Sorts names given by the user into DNS names and addresses; what is neither is dropped, as by kubeadm's
/// `appendSANsToAltNames`. See [`is_valid`].
fn extend(dns: &mut Vec<String>, ips: &mut Vec<IpAddr>, names: &[String]) {
    for name in names {
        match parse_ip(name) {
            Some(ip) => ips.push(ip),
            None if is_dns_name(name) => dns.push(name.clone()),
            None => {}
        }
    }
}

/// True if a name given by the user (`certSANs`, `serverCertSANs`, `peerCertSANs`) can stand in a certificate: an IP
/// address, or an RFC 1123 name, whose first label may be `*`. Others are left out of it.
pub fn is_valid(name: &str) -> bool {
    parse_ip(name).is_some() || is_dns_name(name)
}

fn is_dns_name(name: &str) -> bool {
    is_dns1123_subdomain(name) || is_wildcard_subdomain(name)
}

/// An IP address; leading zeros are allowed in IPv4, as in k8s.io/utils' `ParseIPSloppy`.
fn parse_ip(text: &str) -> Option<IpAddr> {
    text.parse().ok().or_else(|| {
        let octets: Vec<u8> = text
            .split('.')
            .map(|octet| if octet.bytes().all(|b| b.is_ascii_digit()) { octet.parse().ok() } else { None })
            .collect::<Option<_>>()?;
        <[u8; 4]>::try_from(octets).ok().map(IpAddr::from)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dns_names_are_sorted_and_addresses_keep_their_order() {
        let names = AltNames::new(
            ["node", "*.b", "a", "node"].map(str::to_owned),
            ["10.0.0.2", "::1", "10.0.0.1", "::ffff:10.0.0.2"].map(|ip| ip.parse().unwrap()),
        );
        assert_eq!(names.dns(), ["*.b", "a", "node"]);
        assert_eq!(names.ips().iter().map(ToString::to_string).collect::<Vec<_>>(), ["10.0.0.2", "::1", "10.0.0.1"]);
    }

    #[test]
    fn names_that_cannot_stand_in_a_certificate() {
        for good in ["a", "a.b-c.d9", "*.a", "10.0.0.1", "010.0.0.1", "::1", "fd00::1"] {
            assert!(is_valid(good), "{good}");
        }
        for bad in ["", "*", "A", "a..b", "-a", "a-", "a_b", "a.*.b", "*a.b", "a b", "ä", "[::1]", "10.0.0.0/8", "a."]
        {
            assert!(!is_valid(bad), "{bad}");
        }
        assert!(!is_valid(&"a.".repeat(150)));
    }
}
