//! Subnets, addresses, ports, names.

use std::net::IpAddr;

use super::Check;
use super::node::DNS_RULE;
use crate::Release;
use crate::cluster::arg_value;
use crate::config::v1beta4::{APIEndpoint, ClusterConfiguration};
use crate::gate::{Gate, Stage};
use crate::names::{Cidr, HostPort, is_dns1123_subdomain, is_global_unicast};

/// The API server and DNS need addresses of their own among the first ten.
const MIN_SERVICE_ADDRESSES: u128 = 10;
/// etcd keeps a bit per service address.
const MAX_SERVICE_BITS: u8 = 20;
const MIN_POD_ADDRESSES: u128 = 14;
/// kube-controller-manager keeps a bit per node.
const MAX_NODE_BITS: i64 = 16;

pub(super) fn networking(cluster: &ClusterConfiguration, release: Option<&Release>, check: &mut Check<'_>) {
    let networking = &cluster.networking;
    if !is_dns1123_subdomain(&networking.dns_domain) {
        check.error("networking.dnsDomain", format!("`{}` is not a DNS domain", networking.dns_domain), DNS_RULE);
    }
    let services =
        subnets(&networking.service_subnet, "networking.serviceSubnet", MIN_SERVICE_ADDRESSES, cluster, release, check);
    for subnet in &services {
        if subnet.bits() - subnet.prefix() > MAX_SERVICE_BITS {
            check.error(
                "networking.serviceSubnet",
                format!("{subnet} is too large: the API server keeps track of every address"),
                format!("take a prefix of /{} or longer", subnet.bits() - MAX_SERVICE_BITS),
            );
        }
    }
    let pods = subnets(&networking.pod_subnet, "networking.podSubnet", MIN_POD_ADDRESSES, cluster, release, check);
    if arg_value(&cluster.controller_manager.extra_args, "allocate-node-cidrs") != Some("false") {
        for subnet in &pods {
            node_mask(subnet, cluster, check);
        }
    }
    for pod in &pods {
        let Some(service) = services.iter().find(|service| service.overlaps(pod)) else { continue };
        let message = format!("pods ({pod}) and services ({service}) share addresses");
        let hint = "choose subnets that do not overlap each other or the network of the nodes";
        // kubeadm takes all of these, and makes clusters with pods that nobody reaches. One kind stands as an example
        // in Kubernetes' own documentation and has to go on working: a few services inside many IPv6 pods.
        if pod.is_ipv6() && pod.prefix() < service.prefix() {
            check.warn("networking.podSubnet", message, hint);
        } else {
            check.error("networking.podSubnet", message, hint);
        }
    }
    if let (Some(service), false) = (services.first(), pods.is_empty())
        && services.len() == 1
        && !pods.iter().any(|pod| pod.is_ipv6() == service.is_ipv6())
    {
        check.warn(
            "networking.podSubnet",
            format!("pods have no address of the family of the services ({service})"),
            "give both subnets in the same IP families",
        );
    }
}

/// Reads and checks one of the two lists; what can be used of it comes back.
fn subnets(
    text: &str,
    path: &str,
    min_addresses: u128,
    cluster: &ClusterConfiguration,
    release: Option<&Release>,
    check: &mut Check<'_>,
) -> Vec<Cidr> {
    if text.is_empty() {
        return Vec::new();
    }
    let subnets = match Cidr::list(text) {
        Ok(subnets) => subnets,
        Err(error) => {
            check.error(path, format!("`{text}` is not a subnet: {error}"), error.hint());
            return Vec::new();
        }
    };
    let same_family = matches!(subnets.as_slice(), [a, b] if a.is_ipv6() == b.is_ipv6());
    if subnets.len() > 2 || same_family {
        check.error(
            path,
            format!("`{text}` is neither one subnet nor one of each IP family"),
            "for dual stack write one IPv4 and one IPv6 subnet, separated by a comma",
        );
    } else if subnets.len() == 2
        && let Some(release) = release
        && Gate::find("IPv6DualStack").and_then(|gate| gate.stage(release.minor)) == Some(Stage::Alpha)
        && cluster.feature_gates.get("IPv6DualStack") != Some(&true)
    {
        check.error(
            path,
            format!("{} has dual stack only with the feature gate IPv6DualStack", release.name()),
            "set featureGates.IPv6DualStack to true",
        );
    }
    for (subnet, written) in subnets.iter().zip(text.split(',')) {
        if subnet.size() < min_addresses {
            check.error(
                path,
                format!("{subnet} has {} addresses, at least {min_addresses} are needed", subnet.size()),
                "take a shorter prefix",
            );
        }
        if written.split('/').next().and_then(|ip| ip.parse::<IpAddr>().ok()) != Some(subnet.network()) {
            check.warn(path, format!("`{written}` means {subnet}"), format!("write {subnet}"));
        }
        let site_local = Cidr::new(IpAddr::from([0xfec0, 0, 0, 0, 0, 0, 0, 0]), 10);
        if subnet.overlaps(&site_local) {
            check.warn(
                path,
                format!("{subnet} holds site-local addresses (fec0::/10), which RFC 3879 deprecated"),
                "take a subnet of fd00::/8",
            );
        }
    }
    subnets
}

/// Every node gets a part of the pod subnet: parts must fit in, and not too many of them.
fn node_mask(subnet: &Cidr, cluster: &ClusterConfiguration, check: &mut Check<'_>) {
    let (flag, default) =
        if subnet.is_ipv6() { ("node-cidr-mask-size-ipv6", 64) } else { ("node-cidr-mask-size-ipv4", 24) };
    let given = arg_value(&cluster.controller_manager.extra_args, flag).filter(|value| !value.is_empty());
    let mask = match given.map(str::parse::<i64>) {
        None => default,
        Some(Ok(mask)) if (0..=i64::from(subnet.bits())).contains(&mask) => mask,
        Some(_) => {
            check.error(
                "controllerManager.extraArgs",
                format!("`{}` of {flag} is not a prefix length", given.unwrap_or_default()),
                format!("write a number from {} to {}", subnet.prefix(), subnet.bits()),
            );
            return;
        }
    };
    let prefix = i64::from(subnet.prefix());
    if prefix > mask {
        check.error(
            "networking.podSubnet",
            format!("{subnet} is smaller than the part of a single node (/{mask})"),
            format!("take a prefix of /{mask} or shorter, or set {flag} of kube-controller-manager"),
        );
    } else if mask - prefix > MAX_NODE_BITS {
        check.error(
            "networking.podSubnet",
            format!("{subnet} has 2^{} parts of /{mask}, the limit is 2^{MAX_NODE_BITS}", mask - prefix),
            format!("take a prefix of /{} or longer, or set {flag} of kube-controller-manager", mask - MAX_NODE_BITS),
        );
    }
}

pub(super) fn api_endpoint(endpoint: &APIEndpoint, path: &str, check: &mut Check<'_>) {
    let address = &endpoint.advertise_address;
    let address_path = format!("{path}.advertiseAddress");
    match address.parse::<IpAddr>() {
        Ok(ip) if is_global_unicast(ip) || ip.is_loopback() => {}
        Ok(ip) => check.error(
            address_path,
            format!("{ip} is not an address that others can reach"),
            "take the address of a network interface; link-local, multicast and unspecified ones do not serve",
        ),
        // Nothing was found: reported where it was looked for.
        Err(_) if address.is_empty() => {}
        Err(_) => check.error(
            address_path,
            format!("`{address}` is not an IP address"),
            "write an address of this node, or leave it out to have it found",
        ),
    }
    if !(1..=65535).contains(&endpoint.bind_port) {
        check.error(
            format!("{path}.bindPort"),
            format!("{} is not a port", endpoint.bind_port),
            "choose one from 1 to 65535; 6443 is the default",
        );
    }
}

pub(super) fn control_plane_endpoint(endpoint: &str, bind_port: i32, check: &mut Check<'_>) {
    if endpoint.is_empty() {
        return;
    }
    match endpoint.parse::<HostPort>() {
        Err(error) => check.error("controlPlaneEndpoint", format!("`{endpoint}`: {error}"), error.hint()),
        Ok(HostPort { port: Some(port), .. }) if i32::from(port) != bind_port => check.warn(
            "controlPlaneEndpoint",
            format!("port {port} is not the one that this API server listens on ({bind_port})"),
            "right if a load balancer stands between them",
        ),
        Ok(_) => {}
    }
}
