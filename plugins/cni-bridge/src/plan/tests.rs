use kubephase_sdk::serde_json::from_value;

use super::*;

fn cluster(workflow: &str, node: &str, pods: &[&str]) -> ClusterFacts {
    ClusterFacts {
        workflow: workflow.into(),
        role: "control-plane".into(),
        kubernetes_version: "v1.36.2".into(),
        cluster_name: "kubernetes".into(),
        node_name: node.into(),
        advertise_address: "192.168.1.10".into(),
        bind_port: 6443,
        control_plane_endpoint: String::new(),
        pod_subnets: pods.iter().map(|text| (*text).to_owned()).collect(),
        service_subnets: vec!["10.96.0.0/12".into()],
        dns_domain: "cluster.local".into(),
        image_repository: "registry.k8s.io".into(),
        certificates_dir: "/etc/kubernetes/pki".into(),
        etcd_data_dir: "/var/lib/etcd".into(),
        attributes: Vec::new(),
    }
}

fn settings(value: Value) -> Settings {
    from_value(value).expect("settings")
}

fn problem(settings_: Value, workflow: &str, pods: &[&str]) -> String {
    let problem = Plan::of(&settings(settings_), &cluster(workflow, "one", pods)).expect_err("a problem");
    format!("{}: {}", problem.id, problem.message)
}

#[test]
fn a_single_node_has_the_clusters_subnets_or_its_own() {
    let pods = ["10.244.0.0/16", "fd00::/56"];
    for (value, subnets) in [(json!({}), &pods[..]), (json!({"subnets": ["10.244.3.0/24"]}), &["10.244.3.0/24"])] {
        let plan = Plan::of(&settings(value), &cluster("init", "one", &pods)).expect("a plan");
        assert_eq!(plan.subnets.iter().map(Subnet::to_string).collect::<Vec<_>>(), subnets);
        assert_eq!(plan.routes(), None);
    }
}

#[test]
fn several_nodes_need_routes() {
    let nodes = json!({"nodes": {
        "one": {"subnets": ["10.244.0.0/24"], "address": "192.168.1.10"},
        "two": {"subnets": ["10.244.1.0/24"], "address": "192.168.1.11"},
        "three": {"subnets": ["10.244.2.0/24"]},
    }});
    let plan = Plan::of(&settings(nodes), &cluster("join", "one", &["10.244.0.0/16"])).expect("a plan");
    assert_eq!(plan.subnets, [Subnet::parse("10.244.0.0/24").expect("a subnet")]);
    assert_eq!(
        plan.routes().and_then(|finding| finding.expected).as_deref(),
        Some("ip route add 10.244.2.0/24 via <address of its node>; ip route add 10.244.1.0/24 via 192.168.1.11"),
    );
}

#[test]
fn what_makes_no_network_is_told() {
    let pods = &["10.244.0.0/16"][..];
    for (value, workflow, pods, expected) in [
        (json!({}), "init", &[][..], "PodSubnet: the cluster has no pod subnet"),
        (json!({}), "join", pods, "NodeSubnet: no subnet is set for the pods of node one, which is not the only one"),
        (
            json!({"subnets": ["10.244.0.1/24"]}),
            "init",
            pods,
            "PodSubnet: `10.244.0.1/24` is an address within 10.244.0.0/24, no subnet",
        ),
        (
            json!({"subnets": ["10.0.0.0/24"]}),
            "init",
            pods,
            "PodSubnet: 10.0.0.0/24 is not within the cluster's pod subnets (10.244.0.0/16)",
        ),
        (
            json!({"subnets": ["10.96.5.0/24"]}),
            "init",
            &[],
            "ServiceSubnet: 10.96.5.0/24 has addresses in common with the subnet of Services, 10.96.0.0/12",
        ),
        (json!({"subnets": ["10.244.0.0/31"]}), "init", pods, "PodSubnet: 10.244.0.0/31 has no address left for a pod"),
        (
            json!({"subnets": ["10.244.0.0/24", "10.244.1.0/24"]}),
            "init",
            pods,
            "PodSubnet: a node's pods cannot have several subnets of one IP family: 10.244.0.0/24, 10.244.1.0/24",
        ),
        (
            json!({"nodes": {"two": {"subnets": ["10.244.1.0/24"]}}}),
            "init",
            pods,
            "NodeSubnet: no subnet is set for the pods of node one",
        ),
        (
            json!({"nodes": {"one": {"subnets": ["10.244.0.0/23"]}, "two": {"subnets": ["10.244.1.0/24"]}}}),
            "init",
            pods,
            "NodeSubnet: 10.244.1.0/24 of node two has addresses in common with 10.244.0.0/23 of node one",
        ),
    ] {
        assert_eq!(problem(value, workflow, pods), expected);
    }
}
