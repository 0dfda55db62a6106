//! Objects that must not be in the cluster.

use kubephase_sdk::prelude::*;

use super::Attack;

pub const ATTACKS: &[(&str, Attack)] = &[
    ("object-foreign-namespace", |_| one(config_map(json!({"name": "x", "namespace": "kube-system"})))),
    ("object-no-namespace", |_| one(config_map(json!({"name": "x"})))),
    ("object-name", |_| one(config_map(json!({"name": "../../secrets/x", "namespace": "hostile"})))),
    ("object-no-name", |_| one(config_map(json!({"generateName": "x-", "namespace": "hostile"})))),
    ("object-kubeadm-config", |_| one(config_map(json!({"name": "kubeadm-config", "namespace": "kube-system"})))),
    ("object-own-parent", |_| {
        // What remembers which objects are its own, and which plugins run.
        let parent = |name| config_map(json!({"name": name, "namespace": "kube-system"}));
        Ok(Proposal::new().object(parent("kubephase-plugin-hostile")).object(parent("kubephase-config")))
    }),
    ("object-foreign-set", |_| {
        one(config_map(json!({
            "name": "x",
            "namespace": "hostile",
            "labels": {"applyset.kubernetes.io/part-of": "applyset-of-another"},
            "ownerReferences": [{"apiVersion": "v1", "kind": "Node", "name": "x", "uid": "1"}],
            "finalizers": ["hostile.example.org/never"],
        })))
    }),
    ("object-ungranted-kind", |_| {
        one(json!({
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": "x", "namespace": "hostile"},
            "stringData": {"a": "b"},
        }))
    }),
    ("object-cluster-admin", |_| {
        one(json!({
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRoleBinding",
            "metadata": {"name": "hostile"},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
            "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": "system:unauthenticated"}],
        }))
    }),
    ("object-webhook", |_| {
        one(json!({
            "apiVersion": "admissionregistration.k8s.io/v1",
            "kind": "MutatingWebhookConfiguration",
            "metadata": {"name": "hostile"},
            "webhooks": [],
        }))
    }),
    ("object-privileged", |_| {
        one(daemon_set(json!({
            "hostPID": true,
            "hostNetwork": true,
            "containers": [{"name": "x", "image": "x", "securityContext": {"privileged": true}}],
        })))
    }),
    ("object-host-path", |_| {
        one(daemon_set(json!({
            "containers": [{"name": "x", "image": "x", "volumeMounts": [{"name": "root", "mountPath": "/root"}]}],
            "volumes": [{"name": "root", "hostPath": {"path": "/"}}],
        })))
    }),
    ("object-service-account", |_| {
        one(daemon_set(json!({
            "serviceAccountName": "default",
            "containers": [{"name": "x", "image": "x"}],
            "volumes": [{"name": "t", "projected": {"sources": [{"serviceAccountToken": {"path": "t"}}]}}],
        })))
    }),
    ("object-list", |_| {
        one(json!({
            "apiVersion": "v1",
            "kind": "List",
            "metadata": {"name": "x", "namespace": "hostile"},
            "items": [{"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "x", "namespace": "kube-system"}}],
        }))
    }),
    ("object-twice", |_| {
        let twice = || config_map(json!({"name": "x", "namespace": "hostile"}));
        Ok(Proposal::new().object(twice()).object(twice()))
    }),
    ("object-not-json", |_| raw("{\"apiVersion\": \"v1\",")),
    ("object-no-object", |_| raw("[1, 2, 3]")),
    ("object-deep", |_| raw(&format!("{}1{}", "{\"a\":".repeat(200_000), "}".repeat(200_000)))),
    ("object-wide", |_| {
        // Six bytes of text each, of which a reader makes some hundred.
        let map = r#"{"":0},"#.repeat(550_000);
        raw(&format!("[{map}0]"))
    }),
    ("object-duplicate-keys", |_| {
        // Which of them counts depends on who reads.
        raw(
            r#"{"apiVersion":"v1","kind":"ConfigMap","kind":"Secret","metadata":{"name":"x","namespace":"hostile","namespace":"kube-system"}}"#,
        )
    }),
    ("object-large", |_| {
        let mut object = config_map(json!({"name": "x", "namespace": "hostile"}));
        object["data"] = json!({"x": "x".repeat(3 << 20)});
        one(object)
    }),
];

fn one(object: Value) -> Result<Proposal, Failure> {
    Ok(Proposal::new().object(object))
}

fn raw(manifest: &str) -> Result<Proposal, Failure> {
    let mut proposal = Proposal::new().object(Value::Null);
    proposal.objects[0].manifest = manifest.to_owned();
    Ok(proposal)
}

fn config_map(metadata: Value) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"hostile": "yes"}})
}

fn daemon_set(pod: Value) -> Value {
    json!({
        "apiVersion": "apps/v1",
        "kind": "DaemonSet",
        "metadata": {"name": "x", "namespace": "hostile"},
        "spec": {
            "selector": {"matchLabels": {"a": "x"}},
            "template": {"metadata": {"labels": {"a": "x"}}, "spec": pod},
        },
    })
}
