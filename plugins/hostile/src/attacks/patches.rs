//! Patches that make of a static pod what it must not be.

use kubephase_sdk::prelude::*;

use super::{Attack, Call};

pub const ATTACKS: &[(&str, Attack)] = &[
    ("patch-privileged", |call| {
        strategic(
            call,
            json!({"spec": {"containers": [
                {"name": "hostile", "image": "hostile", "securityContext": {"privileged": true}},
            ]}}),
        )
    }),
    ("patch-init", |call| {
        strategic(call, json!({"spec": {"initContainers": [{"name": "hostile", "image": "hostile"}]}}))
    }),
    ("patch-host-pid", |call| strategic(call, json!({"spec": {"hostPID": true}}))),
    ("patch-host-ipc", |call| strategic(call, json!({"spec": {"hostIPC": true}}))),
    ("patch-host-path", |call| host_path(call, "/")),
    ("patch-host-path-dotdot", |call| host_path(call, "/etc/hostile/../..")),
    ("patch-host-path-socket", |call| host_path(call, "/run/containerd/containerd.sock")),
    ("patch-image", |call| own_container(call, json!({"image": "evil.example/kube-apiserver:v1"}))),
    ("patch-command", |call| own_container(call, json!({"command": ["/bin/sh", "-c", "true"]}))),
    ("patch-hook", |call| own_container(call, json!({"lifecycle": {"postStart": {"exec": {"command": ["/bin/sh"]}}}}))),
    ("patch-capabilities", |call| {
        own_container(call, json!({"securityContext": {"capabilities": {"add": ["SYS_ADMIN"]}, "runAsUser": 0}}))
    }),
    ("patch-seccomp", |call| {
        own_container(call, json!({"securityContext": {"seccompProfile": {"type": "Unconfined"}}}))
    }),
    ("patch-env", |call| own_container(call, json!({"env": [{"name": "LD_PRELOAD", "value": "/etc/hostile/x.so"}]}))),
    ("patch-flags", flags),
    ("patch-service-account", |call| {
        strategic(call, json!({"spec": {"serviceAccountName": "default", "automountServiceAccountToken": true}}))
    }),
    ("patch-name", |call| strategic(call, json!({"metadata": {"name": "other", "namespace": "default"}}))),
    ("patch-kind", |call| strategic(call, json!({"kind": "Deployment", "apiVersion": "apps/v1"}))),
    ("patch-empty", |call| patch(call, Patch::merge(target(call), json!({"spec": null}), "nothing"))),
    ("patch-other-target", |_| {
        let other = |name| Patch::strategic(name, json!({"spec": {"hostPID": true}}), "because");
        Ok(Proposal::new().patch(other("etcd")).patch(other("nothing")).patch(other("plugin:other")))
    }),
    ("patch-not-json", |call| {
        let mut broken = Patch::merge(target(call), json!({}), "because");
        broken.body = "{\"spec\": ".into();
        patch(call, broken)
    }),
    ("patch-deep", |call| {
        let mut deep = Patch::merge(target(call), json!({}), "because");
        deep.body = format!("{}1{}", "{\"a\":".repeat(100_000), "}".repeat(100_000));
        patch(call, deep)
    }),
    ("patch-language", |call| {
        let mut unknown = Patch::merge(target(call), json!({}), "because");
        unknown.language = "jsonnet".into();
        patch(call, unknown)
    }),
    ("patch-bomb", bomb),
    ("patch-chain", chain),
    ("patch-slow", slow),
    ("patch-many", |call| {
        let change =
            |i| Patch::merge(target(call), json!({"metadata": {"annotations": {"n": format!("{i}")}}}), "again");
        Ok(Proposal::new().patches((0..10_000).map(change)))
    }),
    ("patch-reason", |call| {
        let mut patch = Patch::merge(target(call), json!({"metadata": {"labels": {"a": "b"}}}), "");
        patch.reason = super::output::ESCAPES.concat();
        Ok(Proposal::new().patch(patch))
    }),
];

/// What is patched: what the call is about, or what usually is.
fn target<'a>(call: &Call<'a>) -> &'a str {
    if call.target.is_empty() { "kube-apiserver" } else { call.target }
}

fn patch(_: &Call<'_>, patch: Patch) -> Result<Proposal, Failure> {
    Ok(Proposal::new().patch(patch))
}

fn strategic(call: &Call<'_>, body: Value) -> Result<Proposal, Failure> {
    patch(call, Patch::strategic(target(call), body, "to help"))
}

/// A change to the container that is there.
fn own_container(call: &Call<'_>, change: Value) -> Result<Proposal, Failure> {
    let mut container = change;
    container["name"] =
        call.document.pointer("/spec/containers/0/name").cloned().unwrap_or_else(|| target(call).into());
    strategic(call, json!({"spec": {"containers": [container]}}))
}

fn host_path(call: &Call<'_>, path: &str) -> Result<Proposal, Failure> {
    let name = call.document.pointer("/spec/containers/0/name").cloned().unwrap_or_else(|| target(call).into());
    strategic(
        call,
        json!({"spec": {
            "containers": [{"name": name, "volumeMounts": [{"name": "hostile", "mountPath": "/hostile"}]}],
            "volumes": [{"name": "hostile", "hostPath": {"path": path}}],
        }}),
    )
}

/// Everybody may do everything.
fn flags(call: &Call<'_>) -> Result<Proposal, Failure> {
    let flag = |flag: &str| json!({"op": "add", "path": "/spec/containers/0/command/-", "value": flag});
    let operations = json!([flag("--anonymous-auth=true"), flag("--authorization-mode=AlwaysAllow")]);
    patch(call, Patch::json(target(call), operations, "to help"))
}

/// Each operation doubles what is there: 60 of them would be more than any machine has.
fn bomb(call: &Call<'_>) -> Result<Proposal, Failure> {
    let mut operations = vec![json!({"op": "add", "path": "/metadata/annotations", "value": {"x": "x".repeat(1024)}})];
    for i in 0..60 {
        operations.push(json!({"op": "copy", "from": "/metadata", "path": format!("/metadata/annotations/c{i}")}));
    }
    patch(call, Patch::json(target(call), Value::Array(operations), "to help"))
}

/// Moves what there is below a new chain, again and again: thousands of levels, of which no text has more than a hundred.
fn chain(call: &Call<'_>) -> Result<Proposal, Failure> {
    let links = |levels: usize| (0..levels).fold(json!({}), |inner, _| json!({"a": inner}));
    let mut operations = vec![json!({"op": "add", "path": "/spec/old", "value": links(100)})];
    for _ in 0..300 {
        operations.push(json!({"op": "add", "path": "/spec/new", "value": links(100)}));
        operations.push(json!({"op": "move", "from": "/spec/old", "path": format!("/spec/new{}", "/a".repeat(101))}));
        operations.push(json!({"op": "move", "from": "/spec/new", "path": "/spec/old"}));
    }
    patch(call, Patch::json(target(call), Value::Array(operations), "to help"))
}

/// Makes the document as large as it may be, and then changes it very often.
fn slow(call: &Call<'_>) -> Result<Proposal, Failure> {
    let annotate = |key: &str, value: String| {
        Patch::merge(target(call), json!({"metadata": {"annotations": {key: value}}}), "to help")
    };
    let again = (0..900).map(|i| annotate("n", format!("{i}")));
    Ok(Proposal::new().patch(annotate("large", "x".repeat(3 << 20))).patches(again))
}
