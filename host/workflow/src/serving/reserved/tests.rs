use kubephase_model::config::v1beta4::{APIServer, Networking};
use serde_json::json;

use super::*;

const CP1: Certain<'_> = Certain { name: "cp1.example.com", control_plane: true };
const W1: Certain<'_> = Certain { name: "w1", control_plane: false };

/// Two API servers behind a balancer.
fn config(endpoint: &str, sans: &[&str]) -> ClusterConfiguration {
    ClusterConfiguration {
        control_plane_endpoint: endpoint.into(),
        networking: Networking {
            service_subnet: "10.96.0.0/16,fd01::/108".into(),
            pod_subnet: "10.244.0.0/16".into(),
            dns_domain: "k8s.Test".into(),
        },
        api_server: APIServer { cert_sans: sans.iter().map(|name| (*name).to_owned()).collect(), ..Default::default() },
        ..Default::default()
    }
}

fn servers(ips: &[&str]) -> Value {
    let addresses: Vec<Value> = ips.iter().map(|ip| json!({ "ip": ip })).collect();
    json!({ "subsets": [{ "addresses": addresses[..1], "notReadyAddresses": addresses[1..] }] })
}

fn reserved(endpoint: &str, sans: &[&str]) -> Reserved {
    let endpoints = servers(&["10.0.0.5", "10.0.0.6"]);
    Reserved::of(config(endpoint, sans), "https://10.0.0.5:6443", Some(&endpoints)).expect("readable")
}

fn ip(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

#[test]
fn names_within_the_cluster_are_nobodys() {
    let reserved = reserved("", &[]);
    for name in [
        "kubernetes",
        "Kubernetes",
        "kubernetes.default",
        "kubernetes.default.svc",
        "kubernetes.default.svc.k8s.test",
        "kubernetes.default.svc.cluster.local",
        "svc",
        "web.shop.SVC",
        "k8s.test",
        "web.shop.svc.k8s.test",
        "10-0-0-9.shop.pod.K8S.TEST",
    ] {
        assert!(reserved.dns(name, &CP1).is_some() && reserved.dns(name, &W1).is_some(), "{name}");
        // Who may join chooses a name.
        let called_so = Certain { name, control_plane: true };
        assert!(reserved.dns(name, &called_so).is_some(), "{name}");
    }
    for name in ["cp1.example.com", "w1", "notk8s.test", "mysvc", "kubernetes.example.com", "kubernetes-default"] {
        assert_eq!(reserved.dns(name, &W1), None);
    }
}

#[test]
fn subnets_are_nobodys() {
    let reserved = reserved("10.96.0.1:6443", &["10.244.1.1"]);
    for (address, field) in [
        ("10.96.0.1", "serviceSubnet 10.96.0.0/16"),
        ("::ffff:10.96.255.10", "serviceSubnet 10.96.0.0/16"),
        ("fd01::1", "serviceSubnet fd01::/108"),
        ("10.244.7.7", "podSubnet 10.244.0.0/16"),
    ] {
        let why = reserved.ip(ip(address), &CP1).unwrap_or_else(|| panic!("{address}"));
        assert!(why.ends_with(&format!("lies in the {field}")), "{why}");
    }
    assert_eq!(reserved.ip(ip("10.97.0.1"), &W1), None);
    // What is not said is kubeadm's default.
    let unsaid = Reserved::of(ClusterConfiguration::default(), "https://10.0.0.5:6443", None).expect("readable");
    assert!(unsaid.ip(ip("10.96.0.1"), &CP1).is_some() && unsaid.dns("a.cluster.local", &CP1).is_some());
}

#[test]
fn the_balancer_is_nobodys_and_an_api_servers_address_its_nodes() {
    let balanced = reserved("10.0.0.100:6443", &["203.0.113.7", "lb.example.com", "*.api.example.com"]);
    for address in ["10.0.0.100", "::ffff:10.0.0.100", "203.0.113.7"] {
        for node in [&CP1, &W1] {
            let why = balanced.ip(ip(address), node).unwrap_or_else(|| panic!("{address}"));
            assert!(why.contains("is reached by the address"), "{why}");
        }
    }
    for name in ["lb.example.com", "LB.example.com", "eu.api.example.com"] {
        assert!(balanced.dns(name, &CP1).is_some() && balanced.dns(name, &W1).is_some(), "{name}");
    }
    assert_eq!(balanced.dns("a.b.api.example.com", &W1), None);
    for address in ["10.0.0.5", "10.0.0.6"] {
        assert_eq!(balanced.ip(ip(address), &CP1), None);
        let why = balanced.ip(ip(address), &W1).expect(address);
        assert!(why.ends_with("the Node `w1` is not marked as one of the control plane"), "{why}");
    }
}

#[test]
fn a_control_plane_node_may_be_the_endpoint_itself() {
    // By address, as in a cluster of one; by name, if it is its own.
    for endpoint in ["10.0.0.5:6443", "cp1.example.com:6443"] {
        let small = reserved(endpoint, &["cp1.example.com", "10.0.0.5"]);
        assert_eq!((small.dns("CP1.example.com", &CP1), small.ip(ip("10.0.0.5"), &CP1)), (None, None));
        // A worker cannot by taking that name.
        let called_so = Certain { name: "cp1.example.com", control_plane: false };
        assert!(small.dns("cp1.example.com", &called_so).is_some());
        assert!(small.ip(ip("10.0.0.5"), &called_so).is_some());
    }
    // As long as the API servers have not said which addresses are theirs, it might be a balancer's.
    let unknown = Reserved::of(config("10.0.0.5:6443", &[]), "https://10.0.0.5:6443", None).expect("readable");
    assert!(unknown.ip(ip("10.0.0.5"), &CP1).is_some());
}

#[test]
fn where_we_reach_the_api_server_counts_too() {
    let endpoints = servers(&["10.0.0.5"]);
    for (server, host) in [("https://lb.example.net:6443", "lb.example.net"), ("https://[fd00::9]:443", "fd00::9")] {
        let reserved = Reserved::of(config("", &[]), server, Some(&endpoints)).expect("readable");
        let why = match host.parse() {
            Ok(ip) => reserved.ip(ip, &CP1),
            Err(_) => reserved.dns(host, &CP1),
        };
        assert!(why.is_some_and(|why| why.contains("(the kubeconfig file)")), "{host}");
    }
}

#[test]
fn marks_of_the_control_plane() {
    for (labels, control_plane) in [
        (json!({ "node-role.kubernetes.io/control-plane": "" }), true),
        (json!({ "node-role.kubernetes.io/master": "" }), true),
        (json!({ "kubernetes.io/hostname": "control-plane" }), false),
        (Value::Null, false),
    ] {
        let node = json!({ "metadata": { "name": "a", "labels": labels } });
        assert_eq!(Certain::of(&node).control_plane, control_plane, "{node}");
    }
}

#[test]
fn what_cannot_be_read_is_told() {
    let with = |change: fn(&mut ClusterConfiguration)| {
        let mut config = config("", &[]);
        change(&mut config);
        Reserved::of(config, "https://10.0.0.5:6443", None).expect_err("unreadable")
    };
    assert!(with(|config| config.networking.pod_subnet = "10.0.0.0".into()).starts_with("podSubnet `10.0.0.0`: "));
    assert!(with(|config| config.networking.service_subnet = "x".into()).starts_with("serviceSubnet `x`: "));
    assert!(
        with(|config| config.control_plane_endpoint = "a:b:c".into()).starts_with("controlPlaneEndpoint `a:b:c`: ")
    );
}
