//! What kube-apiserver 1.36 answered to the same objects, as far as it fits into a table.

use serde_json::json;

use super::*;
use crate::kinds::*;
use crate::schema::{check, check_update, fill_defaults};

/// An object with fields changed, given by JSON pointers; `null` takes a field away.
fn with(base: &Value, changes: &[(&str, Value)]) -> Value {
    let mut object = base.clone();
    for (pointer, value) in changes {
        let (parent, field) = pointer.rsplit_once('/').unwrap();
        let parent = if parent.is_empty() { Some(&mut object) } else { object.pointer_mut(parent) };
        match parent.unwrap_or_else(|| panic!("no {pointer}")) {
            Value::Object(map) if value.is_null() => drop(map.remove(field)),
            Value::Object(map) => drop(map.insert(field.to_owned(), value.clone())),
            list => list[field.parse::<usize>().unwrap()] = value.clone(),
        }
    }
    object
}

fn filled(kind: &Kind, mut object: Value) -> Value {
    fill_defaults(kind, &mut object);
    object
}

fn told(problems: &[FieldProblem]) -> Vec<String> {
    problems.iter().map(|problem| format!("{}: {}", problem.path, problem.message)).collect()
}

fn problems(kind: &Kind, base: &Value, changes: &[(&str, Value)]) -> Vec<String> {
    told(&check(kind, &filled(kind, with(base, changes))))
}

/// The update's own problems, in the answer's words.
fn changed(kind: &Kind, base: &Value, changes: &[(&str, Value)]) -> Vec<String> {
    let old = filled(kind, base.clone());
    let new = filled(kind, with(&old, changes));
    told(&check_update(kind, &old, &new))
}

fn deployment() -> Value {
    json!({
        "metadata": { "name": "x" },
        "spec": {
            "selector": { "matchLabels": { "a": "b" } },
            "template": {
                "metadata": { "labels": { "a": "b" } },
                "spec": { "containers": [{ "name": "c", "image": "i" }] },
            },
        },
    })
}

fn service() -> Value {
    json!({ "metadata": { "name": "x" }, "spec": { "selector": { "a": "b" }, "ports": [{ "port": 80 }] } })
}

fn binding() -> Value {
    json!({
        "metadata": { "name": "x" },
        "roleRef": { "kind": "ClusterRole", "name": "y" }, "subjects": [{ "kind": "User", "name": "u" }],
    })
}

fn map() -> Value {
    json!({ "metadata": { "name": "x", "labels": {} }, "data": { "a": "b" } })
}

#[test]
fn good_objects_have_no_problems() {
    assert_eq!(problems(&DEPLOYMENT, &deployment(), &[]), [""; 0]);
    assert_eq!(problems(&DAEMON_SET, &deployment(), &[]), [""; 0]);
    assert_eq!(problems(&STATEFUL_SET, &deployment(), &[]), [""; 0]);
    assert_eq!(problems(&SERVICE, &service(), &[]), [""; 0]);
    assert_eq!(problems(&CLUSTER_ROLE_BINDING, &binding(), &[("/metadata/name", json!("kubeadm:x_Y"))]), [""; 0]);
    assert_eq!(problems(&CONFIG_MAP, &map(), &[("/metadata/name", json!("a.b"))]), [""; 0]);
    let lease = json!({ "metadata": { "name": "x" }, "spec": { "leaseDurationSeconds": 40 } });
    assert_eq!(problems(&LEASE, &lease, &[]), [""; 0]);
}

#[test]
fn names() {
    let subdomain = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and \
                     must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is \
                     '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
    for (kind, name, message) in [
        (&CONFIG_MAP, "X_y", format!("metadata.name: Invalid value: \"X_y\": {subdomain}")),
        (&CONFIG_MAP, "-a", format!("metadata.name: Invalid value: \"-a\": {subdomain}")),
        (&CONFIG_MAP, "", "metadata.name: Required value: name or generateName is required".to_owned()),
        (&NAMESPACE, "a.b", "metadata.name: Invalid value: \"a.b\": must not contain dots".to_owned()),
        (&CLUSTER_ROLE, "a/b", "metadata.name: Invalid value: \"a/b\": may not contain '/'".to_owned()),
    ] {
        assert_eq!(problems(kind, &json!({ "metadata": { "name": name } }), &[]), [message]);
    }
    let long = "a".repeat(254);
    assert_eq!(
        problems(&CONFIG_MAP, &json!({ "metadata": { "name": long } }), &[]),
        [format!("metadata.name: Invalid value: \"{long}\": must be no more than 253 characters")]
    );
}

#[test]
fn metadata() {
    for (change, message) in [
        (
            ("/metadata/labels", json!({ "a b": "x" })),
            "metadata.labels: Invalid value: \"a b\": name part must consist of",
        ),
        (
            ("/metadata/labels", json!({ "a": "x y" })),
            "metadata.labels: Invalid value: \"x y\": a valid label must be an",
        ),
        (
            ("/metadata/labels", json!({ "A_/b": "" })),
            "metadata.labels: Invalid value: \"A_/b\": prefix part a lowercase",
        ),
        (
            ("/metadata/labels", json!({ "a/b/c": "" })),
            "metadata.labels: Invalid value: \"a/b/c\": a valid label key must",
        ),
        (
            ("/metadata/finalizers", json!(["foo"])),
            "metadata.finalizers[0]: Invalid value: \"foo\": name is neither a standard finalizer name nor is it fully \
             qualified",
        ),
        (
            ("/metadata/ownerReferences", json!([{ "apiVersion": "v1", "kind": "K", "name": "x" }])),
            "metadata.ownerReferences.uid: Invalid value: \"\": must not be empty",
        ),
    ] {
        let found = problems(&CONFIG_MAP, &map(), &[change]);
        assert!(found.len() == 1 && found[0].starts_with(message), "{found:?}");
    }
}

#[test]
fn config_maps_and_secrets() {
    let keys =
        problems(&CONFIG_MAP, &map(), &[("/data", json!({ "..": "x" })), ("/binaryData", json!({ "..": "YQ==" }))]);
    assert_eq!(keys[0], "data[..]: Invalid value: \"..\": must not be '..'");
    assert_eq!(keys[1], "data[..]: Invalid value: \"..\": duplicate of key present in binaryData");
    let big = problems(&CONFIG_MAP, &map(), &[("/data", json!({ "a": "x".repeat(1_100_000) }))]);
    assert_eq!(big, ["[]: Too long: may not be more than 1048576 bytes"]);
    let secret = json!({ "metadata": { "name": "x" }, "data": { ".dockerconfigjson": "YQ==" } });
    let of = |ty: &str| problems(&SECRET, &secret, &[("/type", json!(ty))]);
    assert_eq!(of("kubernetes.io/tls"), ["data[tls.crt]: Required value", "data[tls.key]: Required value"]);
    assert_eq!(
        of("kubernetes.io/service-account-token"),
        ["metadata.annotations[kubernetes.io/service-account.name]: Required value"]
    );
    let docker = of("kubernetes.io/dockerconfigjson");
    assert!(docker[0].starts_with("data[.dockerconfigjson]: Invalid value: \"<secret contents redacted>\""));
}

#[test]
fn workloads() {
    for (changes, messages) in [
        (
            vec![("/spec/selector", json!(null))],
            vec![
                "spec.selector: Required value",
                "spec.template.metadata.labels: Invalid value: {\"a\":\"b\"}: `selector` does not match template `labels`",
            ],
        ),
        (
            vec![("/spec/selector", json!({}))],
            vec!["spec.selector: Invalid value: {}: empty selector is invalid for deployment"],
        ),
        (
            vec![("/spec/template/metadata", json!({}))],
            vec!["spec.template.metadata.labels: Invalid value: null: `selector` does not match template `labels`"],
        ),
        (
            vec![("/spec/replicas", json!(-1))],
            vec!["spec.replicas: Invalid value: -1: must be greater than or equal to 0"],
        ),
        (
            vec![("/spec/template/spec/restartPolicy", json!("Never"))],
            vec!["spec.template.spec.restartPolicy: Unsupported value: \"Never\": supported values: \"Always\""],
        ),
        (
            vec![("/spec/strategy", json!({ "type": "Recreate", "rollingUpdate": { "maxSurge": 1 } }))],
            vec!["spec.strategy.rollingUpdate: Forbidden: may not be specified when strategy `type` is 'Recreate'"],
        ),
        (
            vec![("/spec/strategy", json!({ "rollingUpdate": { "maxSurge": 0, "maxUnavailable": 0 } }))],
            vec!["spec.strategy.rollingUpdate.maxUnavailable: Invalid value: 0: may not be 0 when `maxSurge` is 0"],
        ),
        (
            vec![("/spec/minReadySeconds", json!(700))],
            vec!["spec.progressDeadlineSeconds: Invalid value: 600: must be greater than minReadySeconds"],
        ),
    ] {
        assert_eq!(problems(&DEPLOYMENT, &deployment(), &changes), messages);
    }
    let surge = [("/spec/updateStrategy", json!({ "rollingUpdate": { "maxSurge": 1 } }))];
    assert_eq!(
        problems(&DAEMON_SET, &deployment(), &surge),
        [
            "spec.updateStrategy.rollingUpdate.maxSurge: Invalid value: 1: may not be set when maxUnavailable is non-zero"
        ]
    );
}

/// Problems of a Deployment's Pods, without the start of their paths.
fn pod_problems(field: &str, value: Value) -> Vec<String> {
    let pointer = format!("/spec/template/spec/{field}");
    let found = problems(&DEPLOYMENT, &deployment(), &[(&pointer, value)]);
    found.into_iter().map(|problem| problem.replacen("spec.template.spec.", "", 1)).collect()
}

#[test]
fn pods() {
    assert_eq!(pod_problems("containers", json!([])), ["containers: Required value"]);
    assert_eq!(
        pod_problems("containers", json!([{ "name": "c", "image": "i" }, { "name": "c" }, { "image": "i" }])),
        [
            "containers[1].name: Duplicate value: \"c\"",
            "containers[1].image: Required value",
            "containers[2].name: Required value",
        ]
    );
    assert_eq!(
        pod_problems("containers/0/volumeMounts", json!([{ "name": "v", "mountPath": "/a" }, {}])),
        [
            "containers[0].volumeMounts[0].name: Not found: \"v\"",
            "containers[0].volumeMounts[1].name: Required value",
            "containers[0].volumeMounts[1].name: Not found: \"\"",
            "containers[0].volumeMounts[1].mountPath: Required value",
        ]
    );
    assert_eq!(
        pod_problems(
            "volumes",
            json!([
                { "name": "v", "emptyDir": {}, "hostPath": { "path": "/a" } }, { "name": "v", "secret": {} },
                { "name": "z", "hostPath": { "path": "", "type": "Foo" } },
            ])
        ),
        [
            "volumes[0].hostPath: Forbidden: may not specify more than 1 volume type",
            "volumes[1].secret.secretName: Required value",
            "volumes[1].name: Duplicate value: \"v\"",
            "volumes[2].hostPath.path: Required value",
            "volumes[2].hostPath.type: Unsupported value: \"Foo\": supported values: \"\", \"BlockDevice\", \
             \"CharDevice\", \"Directory\", \"DirectoryOrCreate\", \"File\", \"FileOrCreate\", \"Socket\"",
        ]
    );
    assert_eq!(
        pod_problems(
            "containers/0/ports",
            json!([{ "containerPort": 0 }, { "containerPort": 70_000, "protocol": "X" }, { "containerPort": 1, "name": "A" }])
        ),
        [
            "containers[0].ports[0].containerPort: Required value",
            "containers[0].ports[1].containerPort: Invalid value: 70000: must be between 1 and 65535, inclusive",
            "containers[0].ports[1].protocol: Unsupported value: \"X\": supported values: \"SCTP\", \"TCP\", \"UDP\"",
            "containers[0].ports[2].name: Invalid value: \"A\": must contain only alpha-numeric characters (a-z, 0-9), \
             and hyphens (-)",
            "containers[0].ports[2].name: Invalid value: \"A\": must contain at least one letter (a-z)",
        ]
    );
    assert_eq!(
        pod_problems("containers/0/livenessProbe", json!({ "exec": {}, "successThreshold": 2 })),
        [
            "containers[0].livenessProbe.exec.command: Required value",
            "containers[0].livenessProbe.successThreshold: Invalid value: 2: must be 1",
        ]
    );
    assert_eq!(
        pod_problems("containers/0/env", json!([{ "name": "" }, { "name": "x", "valueFrom": {} }])),
        [
            "containers[0].env[0].name: Required value",
            "containers[0].env[1].valueFrom: Invalid value: \"\": must specify one of: `fieldRef`, `resourceFieldRef`, \
             `configMapKeyRef`, `secretKeyRef` or `fileKeyRef`",
        ]
    );
    assert_eq!(
        pod_problems("tolerations", json!([{ "operator": "Equal" }, { "key": "a", "effect": "Y" }])),
        [
            "tolerations[0].operator: Invalid value: \"Equal\": operator must be Exists when `key` is empty, which means \
             \"match all values and all keys\"",
            "tolerations[1].effect: Unsupported value: \"Y\": supported values: \"NoSchedule\", \"PreferNoSchedule\", \
             \"NoExecute\"",
        ]
    );
}

#[test]
fn services() {
    for (changes, messages) in [
        (vec![("/spec/ports", json!(null))], vec!["spec.ports: Required value"]),
        (
            vec![("/spec/ports", json!([{ "port": 80 }, { "port": 81 }]))],
            vec!["spec.ports[0].name: Required value", "spec.ports[1].name: Required value"],
        ),
        (
            vec![("/spec/ports", json!([{ "port": 80, "targetPort": 70_000 }]))],
            vec!["spec.ports[0].targetPort: Invalid value: 70000: must be between 1 and 65535, inclusive"],
        ),
        (
            vec![("/spec/ports", json!([{ "port": 80, "nodePort": 30_000 }]))],
            vec!["spec.ports[0].nodePort: Forbidden: may not be used when `type` is 'ClusterIP'"],
        ),
        (
            vec![("/spec/clusterIP", json!("foo"))],
            vec![
                "spec.clusterIPs[0]: Invalid value: \"foo\": must be a valid IP address, (e.g. 10.9.8.7 or \
                 2001:db8::ffff)",
            ],
        ),
        (
            vec![("/spec/type", json!("NodePort")), ("/spec/clusterIP", json!("None"))],
            vec!["spec.clusterIPs[0]: Invalid value: \"None\": may not be set to 'None' for NodePort services"],
        ),
        (vec![("/spec/type", json!("ExternalName"))], vec!["spec.externalName: Required value"]),
        (
            vec![("/spec/externalTrafficPolicy", json!("Local"))],
            vec![
                "spec.externalTrafficPolicy: Invalid value: \"Local\": may only be set for externally-accessible services",
            ],
        ),
    ] {
        assert_eq!(problems(&SERVICE, &service(), &changes), messages);
    }
}

#[test]
fn roles() {
    let role = |rule: Value| problems(&CLUSTER_ROLE, &json!({ "metadata": { "name": "x" }, "rules": [rule] }), &[]);
    assert_eq!(
        role(json!({ "resources": ["pods"] })),
        [
            "rules[0].verbs: Required value: verbs must contain at least one value",
            "rules[0].apiGroups: Required value: resource rules must supply at least one api group",
        ]
    );
    assert_eq!(
        role(json!({ "apiGroups": [""], "resources": ["pods"], "nonResourceURLs": ["/a"], "verbs": ["get"] })),
        ["rules[0].nonResourceURLs: Invalid value: [\"/a\"]: rules cannot apply to both regular resources and \
             non-resource URLs",]
    );
    assert_eq!(
        problems(&CLUSTER_ROLE_BINDING, &binding(), &[("/roleRef", json!(null))]),
        ["roleRef.kind: Unsupported value: \"\": supported values: \"ClusterRole\"", "roleRef.name: Required value"]
    );
    let subjects = json!([
        { "kind": "User" }, { "kind": "Foo", "name": "x" }, { "kind": "ServiceAccount", "name": "s" },
        { "kind": "User", "name": "x", "apiGroup": "foo" },
    ]);
    assert_eq!(
        problems(&CLUSTER_ROLE_BINDING, &binding(), &[("/subjects", subjects)]),
        [
            "subjects[0].name: Required value",
            "subjects[1].kind: Unsupported value: \"Foo\": supported values: \"ServiceAccount\", \"User\", \"Group\"",
            "subjects[2].namespace: Required value",
            "subjects[3].apiGroup: Unsupported value: \"foo\": supported values: \"rbac.authorization.k8s.io\"",
        ]
    );
    let local = [("/subjects", json!([{ "kind": "ServiceAccount", "name": "s" }]))];
    assert_eq!(problems(&ROLE_BINDING, &binding(), &local), [""; 0], "its own namespace is meant");
}

#[test]
fn certificates_nodes_and_leases() {
    let request = json!({
        "metadata": { "name": "x" },
        "spec": { "signerName": "foo", "usages": ["foo", "client auth", "client auth"], "request": "YQ==" },
    });
    let found = problems(&CERTIFICATE_SIGNING_REQUEST, &request, &[("/spec/expirationSeconds", json!(5))]);
    assert_eq!(found.len(), 5, "{found:?}");
    assert_eq!(found[0], "spec.request: Invalid value: \"YQ==\": PEM block type must be CERTIFICATE REQUEST");
    assert!(
        found[1].starts_with("spec.usages[0]: Unsupported value: \"foo\": supported values: \"any\", \"cert sign\"")
    );
    assert_eq!(found[2], "spec.usages[2]: Duplicate value: \"client auth\"");
    assert_eq!(
        found[3],
        "spec.signerName: Invalid value: \"foo\": must be a fully qualified domain and path of the form \
         'example.com/signer-name'"
    );
    let node = json!({ "metadata": { "name": "x" }, "spec": { "podCIDRs": ["foo"], "taints": [{ "key": "a" }] } });
    assert_eq!(
        problems(&NODE, &node, &[]),
        [
            "metadata.taints[0].effect: Required value",
            "spec.podCIDRs[0]: Invalid value: \"foo\": must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)",
        ]
    );
    let lease = json!({ "metadata": { "name": "x" }, "spec": { "leaseDurationSeconds": 0, "leaseTransitions": -1 } });
    assert_eq!(
        problems(&LEASE, &lease, &[]),
        [
            "spec.leaseDurationSeconds: Invalid value: 0: must be greater than 0",
            "spec.leaseTransitions: Invalid value: -1: must be greater than or equal to 0",
        ]
    );
}

#[test]
fn what_cannot_change() {
    let frozen = with(&map(), &[("/immutable", json!(true))]);
    let rule = "Forbidden: field is immutable when `immutable` is set";
    assert_eq!(changed(&CONFIG_MAP, &frozen, &[("/data", json!({ "a": "c" }))]), [format!("data: {rule}")]);
    assert_eq!(changed(&CONFIG_MAP, &frozen, &[("/immutable", json!(null))]), [format!("immutable: {rule}")]);
    assert_eq!(changed(&CONFIG_MAP, &map(), &[("/immutable", json!(true))]), [""; 0]);
    let secret = json!({ "metadata": { "name": "x" } });
    assert_eq!(changed(&SECRET, &secret, &[("/type", json!("a"))]), ["type: Invalid value: \"a\": field is immutable"]);
    let labels = json!({ "a": "c" });
    let moved =
        [("/spec/selector", json!({ "matchLabels": labels })), ("/spec/template/metadata/labels", labels.clone())];
    for kind in [&DEPLOYMENT, &DAEMON_SET, &REPLICA_SET] {
        assert_eq!(
            changed(kind, &deployment(), &moved),
            ["spec.selector: Invalid value: {\"matchLabels\":{\"a\":\"c\"}}: field is immutable"]
        );
    }
    let found = changed(&STATEFUL_SET, &deployment(), &[("/spec/serviceName", json!("x"))]);
    assert!(found[0].starts_with("spec: Forbidden: updates to statefulset spec for fields other than"), "{found:?}");
    assert_eq!(changed(&STATEFUL_SET, &deployment(), &[("/spec/replicas", json!(3))]), [""; 0]);
    let first = with(&service(), &[("/spec/clusterIP", json!("10.96.0.1"))]);
    let other = [("/spec/clusterIP", json!("10.96.0.2")), ("/spec/clusterIPs", json!(["10.96.0.2"]))];
    assert_eq!(
        changed(&SERVICE, &first, &other),
        ["spec.clusterIPs[0]: Invalid value: [\"10.96.0.2\"]: may not change once set"]
    );
    assert_eq!(
        changed(&CLUSTER_ROLE_BINDING, &binding(), &[("/roleRef/name", json!("z"))]),
        [
            "roleRef: Invalid value: {\"APIGroup\":\"rbac.authorization.k8s.io\",\"Kind\":\"ClusterRole\",\"Name\":\"z\"}: \
             cannot change roleRef",
        ]
    );
    let node = json!({ "metadata": { "name": "x" }, "spec": { "providerID": "x" } });
    assert_eq!(
        changed(&NODE, &node, &[("/spec/providerID", json!("y"))]),
        ["spec.providerID: Forbidden: node updates may not change providerID except from \"\" to valid"]
    );
}
