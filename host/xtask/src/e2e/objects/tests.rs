use serde_json::json;

use super::*;

fn cluster(program: &str, random: &str, replicas: u32) -> Objects {
    let objects = vec![
        json!({"kind": "Secret", "type": "bootstrap.kubernetes.io/token",
            "metadata": {"name": format!("bootstrap-token-{random}"), "uid": format!("{random}-uid"), "resourceVersion": random},
            "data": {"token-id": random, "usage-bootstrap-signing": "dHJ1ZQ=="}}),
        json!({"kind": "Secret", "metadata": {"name": "kubeadm-certs",
            "ownerReferences": [{"name": format!("bootstrap-token-{random}"), "uid": format!("{random}-uid")}]},
            "data": {"ca.crt": random}}),
        json!({"kind": "Deployment", "metadata": {"name": "coredns", "creationTimestamp": "2026-11-23T04:45:40Z",
            "managedFields": [{"manager": program, "time": "2026-11-23T04:45:40Z", "fieldsV1": {"f:spec": {}}}]},
            "spec": {"replicas": replicas}}),
        json!({"kind": "Pod", "metadata": {"name": format!("coredns-p{random}"), "generateName": "coredns-"},
            "spec": {"volumes": [{"name": format!("kube-api-access-v{random}")}]}}),
    ];
    normalise(objects, program, &["abcdef"])
}

#[test]
fn two_clusters_that_mean_the_same_are_equal() {
    let (one, other) = (cluster("kubeadm", "x1x2x3", 2), cluster("kubephase", "y9y8y7", 2));
    assert_eq!(differences(&one, &other), Vec::<String>::new());
}

#[test]
fn what_was_asked_for_is_compared() {
    let (one, other) = (cluster("kubeadm", "x1x2x3", 2), cluster("kubephase", "y9y8y7", 3));
    assert_eq!(differences(&one, &other), ["Deployment /coredns .spec .replicas: should be 2, is 3"]);
}

#[test]
fn a_token_that_was_given_keeps_its_name() {
    let (one, other) = (cluster("kubeadm", "abcdef", 2), cluster("kubephase", "y9y8y7", 2));
    let lines = differences(&one, &other);
    assert!(lines.contains(&"Secret /bootstrap-token-abcdef is missing".to_owned()), "{lines:?}");
}

#[test]
fn lines_of_a_text_are_named() {
    let object = |text: &str| Objects::from([("ConfigMap a/b".to_owned(), json!({"data": {"x": text}}))]);
    let lines = differences(&object("a\nb\n"), &object("a\nc\n"));
    assert_eq!(
        lines[..2],
        ["ConfigMap a/b .data .x lacks the line \"b\"", "ConfigMap a/b .data .x has the line \"c\" too many"]
    );
}
