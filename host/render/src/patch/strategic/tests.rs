use serde_json::json;

use super::*;

const POD: Type = Type::Object("Pod");
const CONTAINER: Type = Type::Object("Container");
const POD_SPEC: Type = Type::Object("PodSpec");

fn merged(ty: &Type, original: Value, patch: Value) -> Result<Value, MergeError> {
    let (Value::Object(original), Value::Object(patch)) = (original, patch) else { panic!("objects, please") };
    merge(original, patch, ty).map(Value::Object)
}

/// Each case: name, type, original, patch, outcome as `StrategicMergePatch` of k8s.io/apimachinery has it.
#[test]
fn outcomes_are_those_of_apimachinery() {
    let cases = [
        (
            "maps merge, null deletes",
            &POD,
            json!({ "metadata": { "labels": { "a": "1", "b": "2" }, "name": "x" } }),
            json!({ "metadata": { "labels": { "b": null, "c": "3", "d": null } } }),
            json!({ "metadata": { "labels": { "a": "1", "c": "3" }, "name": "x" } }),
        ),
        (
            "containers merge by name",
            &POD,
            json!({ "spec": { "containers": [{ "name": "a", "image": "1" }, { "name": "b", "image": "2" }] } }),
            json!({ "spec": { "containers": [{ "name": "b", "tty": true }] } }),
            json!({ "spec": { "containers": [{ "name": "a", "image": "1" }, { "name": "b", "image": "2", "tty": true }] } }),
        ),
        (
            "a new item comes first",
            &POD_SPEC,
            json!({ "containers": [{ "name": "a" }, { "name": "b" }] }),
            json!({ "containers": [{ "name": "new" }] }),
            json!({ "containers": [{ "name": "new" }, { "name": "a" }, { "name": "b" }] }),
        ),
        (
            "the patch's order wins, others keep their place",
            &POD_SPEC,
            json!({ "containers": [{ "name": "a" }, { "name": "b" }, { "name": "c" }, { "name": "d" }] }),
            json!({ "containers": [{ "name": "d" }, { "name": "b" }] }),
            json!({ "containers": [{ "name": "a" }, { "name": "c" }, { "name": "d" }, { "name": "b" }] }),
        ),
        (
            "a new item behind a known one stays behind it",
            &POD_SPEC,
            json!({ "containers": [{ "name": "a" }, { "name": "b" }] }),
            json!({ "containers": [{ "name": "a" }, { "name": "new" }] }),
            json!({ "containers": [{ "name": "a" }, { "name": "new" }, { "name": "b" }] }),
        ),
        (
            "an item is deleted",
            &POD_SPEC,
            json!({ "containers": [{ "name": "a" }, { "name": "b" }] }),
            json!({ "containers": [{ "name": "a", "$patch": "delete" }, { "name": "c", "$patch": "delete" }] }),
            json!({ "containers": [{ "name": "b" }] }),
        ),
        (
            "a list is replaced",
            &POD_SPEC,
            json!({ "volumes": [{ "name": "a" }, { "name": "b" }] }),
            json!({ "volumes": [{ "$patch": "replace" }, { "name": "c", "emptyDir": {} }] }),
            json!({ "volumes": [{ "name": "c", "emptyDir": {} }] }),
        ),
        (
            "a list is emptied",
            &POD_SPEC,
            json!({ "volumes": [{ "name": "a" }] }),
            json!({ "volumes": [{ "$patch": "replace" }] }),
            json!({ "volumes": [] }),
        ),
        (
            "a list is deleted by null",
            &POD_SPEC,
            json!({ "volumes": [{ "name": "a" }], "hostname": "h" }),
            json!({ "volumes": null }),
            json!({ "hostname": "h" }),
        ),
        (
            "a map is replaced",
            &POD_SPEC,
            json!({ "securityContext": { "runAsUser": 1, "seccompProfile": { "type": "RuntimeDefault" } } }),
            json!({ "securityContext": { "$patch": "replace", "runAsGroup": 2 } }),
            json!({ "securityContext": { "runAsGroup": 2 } }),
        ),
        (
            "a map is deleted: an empty one stays",
            &POD_SPEC,
            json!({ "securityContext": { "runAsUser": 1 } }),
            json!({ "securityContext": { "$patch": "delete" } }),
            json!({ "securityContext": {} }),
        ),
        (
            "deleting what is not there does nothing",
            &POD_SPEC,
            json!({ "hostname": "h" }),
            json!({ "securityContext": { "$patch": "delete" }, "volumes": [{ "name": "a", "$patch": "delete" }] }),
            json!({ "hostname": "h", "volumes": [] }),
        ),
        (
            "volumes by name, their sources merge",
            &POD_SPEC,
            json!({ "volumes": [{ "name": "a", "hostPath": { "path": "/a", "type": "File" } }] }),
            json!({ "volumes": [{ "name": "a", "hostPath": { "path": "/b" } }] }),
            json!({ "volumes": [{ "name": "a", "hostPath": { "path": "/b", "type": "File" } }] }),
        ),
        (
            "a volume changes its source with $retainKeys",
            &POD_SPEC,
            json!({ "volumes": [{ "name": "a", "hostPath": { "path": "/a" } }] }),
            json!({ "volumes": [{ "name": "a", "$retainKeys": ["name", "emptyDir"], "emptyDir": {} }] }),
            json!({ "volumes": [{ "name": "a", "emptyDir": {} }] }),
        ),
        (
            "volumeMounts by mountPath",
            &CONTAINER,
            json!({ "volumeMounts": [{ "name": "a", "mountPath": "/a" }] }),
            json!({ "volumeMounts": [{ "name": "b", "mountPath": "/a" }, { "name": "a", "mountPath": "/b" }] }),
            json!({ "volumeMounts": [{ "name": "b", "mountPath": "/a" }, { "name": "a", "mountPath": "/b" }] }),
        ),
        (
            "ports by containerPort",
            &CONTAINER,
            json!({ "ports": [{ "containerPort": 6443, "name": "probe-port" }] }),
            json!({ "ports": [{ "containerPort": 6443, "hostPort": 6443 }, { "containerPort": 1 }] }),
            json!({ "ports": [{ "containerPort": 6443, "name": "probe-port", "hostPort": 6443 }, { "containerPort": 1 }] }),
        ),
        (
            "env by name",
            &CONTAINER,
            json!({ "env": [{ "name": "A", "value": "1" }, { "name": "B", "value": "2" }] }),
            json!({ "env": [{ "name": "B", "value": "3" }] }),
            json!({ "env": [{ "name": "A", "value": "1" }, { "name": "B", "value": "3" }] }),
        ),
        (
            "command, args and envFrom are atomic",
            &CONTAINER,
            json!({ "command": ["a", "b"], "args": ["c"], "envFrom": [{ "prefix": "x" }] }),
            json!({ "command": ["z"], "args": [], "envFrom": [{ "prefix": "y" }] }),
            json!({ "command": ["z"], "args": [], "envFrom": [{ "prefix": "y" }] }),
        ),
        (
            "tolerations are atomic",
            &POD_SPEC,
            json!({ "tolerations": [{ "key": "a" }, { "key": "b" }] }),
            json!({ "tolerations": [{ "key": "b", "operator": "Exists" }] }),
            json!({ "tolerations": [{ "key": "b", "operator": "Exists" }] }),
        ),
        (
            "hostAliases by ip, their hostnames are atomic",
            &POD_SPEC,
            json!({ "hostAliases": [{ "ip": "1.1.1.1", "hostnames": ["a"] }] }),
            json!({ "hostAliases": [{ "ip": "1.1.1.1", "hostnames": ["b"] }] }),
            json!({ "hostAliases": [{ "ip": "1.1.1.1", "hostnames": ["b"] }] }),
        ),
        (
            "imagePullSecrets by name",
            &POD_SPEC,
            json!({ "imagePullSecrets": [{ "name": "a" }] }),
            json!({ "imagePullSecrets": [{ "name": "a" }, { "name": "b" }] }),
            json!({ "imagePullSecrets": [{ "name": "a" }, { "name": "b" }] }),
        ),
        (
            "initContainers and topologySpreadConstraints",
            &POD_SPEC,
            json!({ "topologySpreadConstraints": [{ "topologyKey": "zone", "maxSkew": 1 }] }),
            json!({
                "initContainers": [{ "name": "i", "image": null }],
                "topologySpreadConstraints": [{ "topologyKey": "zone", "maxSkew": 2 }],
            }),
            json!({
                "initContainers": [{ "name": "i" }],
                "topologySpreadConstraints": [{ "topologyKey": "zone", "maxSkew": 2 }],
            }),
        ),
        (
            "sets of scalars",
            &POD,
            json!({ "metadata": { "finalizers": ["a", "b"] } }),
            json!({ "metadata": { "finalizers": ["b", "c"] } }),
            json!({ "metadata": { "finalizers": ["a", "b", "c"] } }),
        ),
        (
            "scalars are deleted from a set, and from an atomic list",
            &POD,
            json!({ "metadata": { "finalizers": ["a", "b", "c"] }, "spec": { "containers": [{ "name": "a", "args": ["x", "y"] }] } }),
            json!({
                "metadata": { "$deleteFromPrimitiveList/finalizers": ["a", "z"] },
                "spec": { "containers": [{ "name": "a", "$deleteFromPrimitiveList/args": ["x"] }] },
            }),
            json!({ "metadata": { "finalizers": ["b", "c"] }, "spec": { "containers": [{ "name": "a", "args": ["y"] }] } }),
        ),
        (
            "deleting from a list that is not there",
            &POD,
            json!({ "metadata": {} }),
            json!({ "metadata": { "$deleteFromPrimitiveList/finalizers": ["a"] } }),
            json!({ "metadata": {} }),
        ),
        (
            "$setElementOrder alone",
            &POD_SPEC,
            json!({ "containers": [{ "name": "a" }, { "name": "b" }, { "name": "c" }] }),
            json!({ "$setElementOrder/containers": [{ "name": "c" }, { "name": "a" }] }),
            json!({ "containers": [{ "name": "b" }, { "name": "c" }, { "name": "a" }] }),
        ),
        (
            "$setElementOrder with changes",
            &POD_SPEC,
            json!({ "containers": [{ "name": "a" }, { "name": "b" }] }),
            json!({
                "$setElementOrder/containers": [{ "name": "b" }, { "name": "n" }, { "name": "a" }],
                "containers": [{ "name": "n" }, { "name": "a", "tty": true }],
            }),
            json!({ "containers": [{ "name": "b" }, { "name": "n" }, { "name": "a", "tty": true }] }),
        ),
        (
            "$setElementOrder of scalars",
            &POD,
            json!({ "metadata": { "finalizers": ["a", "b"] } }),
            json!({ "metadata": { "$setElementOrder/finalizers": ["b", "c", "a"], "finalizers": ["c"] } }),
            json!({ "metadata": { "finalizers": ["b", "c", "a"] } }),
        ),
        (
            "$setElementOrder of a list that is not there",
            &POD_SPEC,
            json!({ "hostname": "h" }),
            json!({ "$setElementOrder/volumes": [{ "name": "b" }], "$setElementOrder/containers": [{ "name": "a" }],
                    "containers": [{ "name": "a" }] }),
            json!({ "hostname": "h", "containers": [{ "name": "a" }] }),
        ),
        (
            "another type takes the place",
            &POD_SPEC,
            json!({ "hostname": "h", "affinity": null, "volumes": "odd" }),
            json!({ "hostname": 1, "affinity": { "podAffinity": { "x": null } }, "volumes": [{ "name": "a" }] }),
            json!({ "hostname": 1, "affinity": { "podAffinity": {} }, "volumes": [{ "name": "a" }] }),
        ),
        (
            "a new item's own directives do not stay",
            &POD_SPEC,
            json!({}),
            json!({ "initContainers": [{ "name": "a", "securityContext": { "$patch": "replace", "privileged": true } }] }),
            json!({ "initContainers": [{ "name": "a" }] }),
        ),
        (
            "nor do those of a new item beside others",
            &POD_SPEC,
            json!({ "containers": [{ "name": "b" }] }),
            json!({ "containers": [{ "name": "a", "securityContext": { "$patch": "replace", "privileged": true },
                                     "$setElementOrder/env": [{ "name": "A" }],
                                     "env": [{ "name": "A", "value": null }, { "name": "B", "$patch": "delete" }] }] }),
            json!({ "containers": [{ "name": "a", "securityContext": { "privileged": true }, "env": [{ "name": "A" }] },
                                   { "name": "b" }] }),
        ),
        (
            "the whole object is replaced",
            &POD_SPEC,
            json!({ "hostname": "h" }),
            json!({ "$patch": "replace", "subdomain": "s" }),
            json!({ "subdomain": "s" }),
        ),
    ];
    for (name, ty, original, patch, outcome) in cases {
        let outcome_of_merge = merged(ty, original, patch).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(outcome_of_merge, outcome, "{name}");
    }
}

#[test]
fn an_untyped_object_merges_maps_and_replaces_lists() {
    assert_eq!(
        merged(
            &Type::Any,
            json!({ "evictionHard": { "a": "1" }, "clusterDNS": ["1"], "registerWithTaints": [{ "key": "a" }], "maxPods": 5 }),
            json!({ "evictionHard": { "b": "2" }, "clusterDNS": ["2"], "registerWithTaints": [{ "key": "b" }], "maxPods": null }),
        )
        .unwrap(),
        json!({ "evictionHard": { "a": "1", "b": "2" }, "clusterDNS": ["2"], "registerWithTaints": [{ "key": "b" }] })
    );
}

#[test]
fn errors_name_the_path() {
    let original = json!({ "containers": [{ "name": "a", "env": [{ "name": "A" }] }], "tolerations": [{ "key": "a" }], "hostname": "h" });
    for (patch, message) in [
        (json!({ "containers": [{ "image": "x" }] }), "an item of the list `containers` lacks its key `name`"),
        (
            json!({ "containers": [{ "$patch": "replace" }, { "image": "x" }] }),
            "an item of the list `containers` lacks its key `name`",
        ),
        (json!({ "containers": ["x"] }), "an item of the list `containers` is a string, not a mapping"),
        (
            json!({ "containers": [{ "name": "a", "env": [{ "value": "x" }] }] }),
            "an item of the list `containers[name=a].env` lacks its key `name`",
        ),
        (json!({ "containers": [{ "$patch": "delete" }] }), "an item of the list `containers` lacks its key `name`"),
        (
            json!({ "containers": [{ "name": "a", "$patch": "merge" }] }),
            "`containers[]` says `$patch: merge`, which is not possible there",
        ),
        (
            json!({ "containers": [{ "name": "a", "env": [{ "name": "A", "$patch": 1 }] }] }),
            "`containers[name=a].env[]` says `$patch: a number`, which is not possible there",
        ),
        (json!({ "$patch": "merge" }), "`.` says `$patch: merge`, which is not possible there"),
        (
            json!({ "tolerations": [{ "$patch": "replace" }] }),
            "`tolerations[]` says `$patch: replace`, which is not possible there",
        ),
        (
            json!({ "$retainKeys": ["a"], "hostname": "x" }),
            "`hostname` is set, but not listed in the `$retainKeys` beside it",
        ),
        (json!({ "$retainKeys": "a" }), "`$retainKeys` must be a list, not a string"),
        (
            json!({ "$deleteFromPrimitiveList/args": "a" }),
            "`$deleteFromPrimitiveList/args` must be a list, not a string",
        ),
        (
            json!({ "$setElementOrder/containers": [{ "name": "b" }], "containers": [{ "name": "a" }] }),
            "the items of `containers` are not in the order of its `$setElementOrder`",
        ),
        (json!({ "$setElementOrder/hostname": [] }), "`hostname` must be a list, not a string"),
    ] {
        let error = merged(&POD_SPEC, original.clone(), patch).unwrap_err();
        assert_eq!(error.to_string(), message);
        assert!(!error.hint().is_empty());
    }
}
