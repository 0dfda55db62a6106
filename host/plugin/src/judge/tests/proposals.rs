//! Proposals by themselves.

use kubephase_model::plugin::proposal::ProposedFile;
use kubephase_model::plugin::{Finding, Patch, Severity, Wait};

use super::*;

fn refused(given: &str, all: Proposal, export: Export) -> Vec<String> {
    let judge = |grants: &Grants| {
        let mut plugin = plugin("");
        plugin.entry.grants = grants.clone();
        proposal(&all, &plugin, export)
    };
    allowed_by_its_lines(judge, &grants(given));
    lines(&judge(&grants(given)))
}

fn objects(given: &str, objects: &[Value]) -> Vec<String> {
    refused(given, Proposal { objects: objects.to_vec(), ..Proposal::default() }, Export::Render)
}

fn config_map(namespace: &str, name: &str) -> Value {
    json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": name, "namespace": namespace } })
}

fn daemon_set(pod: Value) -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": { "name": "x", "namespace": "a" },
        "spec": { "selector": { "matchLabels": { "a": "x" } }, "template": { "metadata": { "labels": { "a": "x" } }, "spec": pod } },
    })
}

fn container(more: Value) -> Value {
    let mut container = json!({ "name": "c", "image": "registry.example/c:1" });
    for (name, value) in more.as_object().expect("fields") {
        container[name] = value.clone();
    }
    container
}

fn file(path: &str, mode: u32, contents: &str) -> ProposedFile {
    ProposedFile { path: path.into(), mode, contents: contents.into(), fill: vec![], secret: false }
}

fn files(given: &str, files: &[ProposedFile]) -> Vec<String> {
    refused(given, Proposal { files: files.to_vec(), ..Proposal::default() }, Export::Run)
}

#[test]
fn objects_are_whole_and_granted() {
    let given = "objects: v1/ConfigMap/a apps/v1/DaemonSet/a";
    assert_eq!(objects(given, &[config_map("a", "b"), config_map("a", "c")]), Vec::<String>::new());
    let with = |name: &str, value: Value| {
        let mut object = config_map("a", "b");
        object["metadata"][name] = value;
        object
    };
    for (object, expected) in [
        (
            config_map("kube-system", "b"),
            "objects[0] ConfigMap kube-system/b: it may not be applied [objects: [v1/ConfigMap/kube-system/b]]",
        ),
        (
            config_map("kube-system", "kubephase-config"),
            "objects[0] ConfigMap kube-system/kubephase-config: it may not be applied [objects: [v1/ConfigMap/kube-system/kubephase-config]]",
        ),
        (config_map("", "b"), "objects[0] ConfigMap b: /metadata/namespace: a ConfigMap needs a namespace"),
        (
            config_map("a", "../../secrets/x"),
            "objects[0] ConfigMap a/../../secrets/x: /metadata/name: `../../secrets/x` is no name",
        ),
        (config_map("a", ""), "objects[0] ConfigMap a/: /metadata/name: `` is no name"),
        (config_map("a/b", "c"), "objects[0] ConfigMap a/b/c: /metadata/namespace: `a/b` is no namespace"),
        (
            with("ownerReferences", json!([{}])),
            "objects[0] ConfigMap a/b: /metadata: ownerReferences is not for plugins to say",
        ),
        (
            with("finalizers", json!(["x.example/y"])),
            "objects[0] ConfigMap a/b: /metadata: finalizers is not for plugins to say",
        ),
        (
            with("labels", json!({ "applyset.kubernetes.io/part-of": "x" })),
            "objects[0] ConfigMap a/b: /metadata: kubephase says by labels to which set it belongs",
        ),
        (json!([1]), "objects[0] : it is no object"),
        (
            json!({ "kind": "ConfigMap", "metadata": { "name": "a" } }),
            "objects[0] ConfigMap a: /apiVersion: `` is no version of an API",
        ),
        (
            json!({ "apiVersion": "v1", "kind": "List", "metadata": { "name": "a" }, "items": [] }),
            "objects[0] List a: /kind: a list is no object: propose each",
        ),
        (
            json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": "a", "namespace": "b" } }),
            "objects[0] Namespace b/a: /metadata/namespace: a Namespace has no namespace",
        ),
        (
            json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": "a" } }),
            "objects[0] Namespace a: it may not be applied [objects: [v1/Namespace//a]]",
        ),
    ] {
        let found = objects(given, std::slice::from_ref(&object));
        assert!(found.iter().any(|line| line == expected), "{object}: {found:#?}");
    }
    let found = objects(given, &[config_map("a", "b"), config_map("a", "b")]);
    assert_eq!(found, ["objects[1] ConfigMap a/b: it is the same object as objects[0]"]);
    let mut large = config_map("a", "b");
    large["data"] = json!({ "x": "x".repeat(1 << 20) });
    assert!(objects(given, &[large])[0].contains("1048576 are allowed"));
    // Nothing of a Secret's data is told, whatever is wrong with it.
    let secret = json!({ "apiVersion": "v1", "kind": "Secret", "metadata": { "name": "b", "namespace": "a" }, "stringData": { "x": "hunter2" }, "data": "hunter2" });
    let found = objects("", &[secret]);
    assert_eq!(found, ["objects[0] Secret a/b: it may not be applied [objects: [v1/Secret/a/b]]"]);
}

#[test]
fn a_part_of_a_workload_is_none() {
    let given = "objects: */*/*";
    for pod in [json!({ "hostPID": true }), json!({ "volumes": [{ "name": "v", "hostPath": { "path": "/" } }] })] {
        let found = objects(given, &[daemon_set(pod)]);
        assert_eq!(found, ["objects[0] DaemonSet a/x: /spec/template/spec/containers: a pod needs a container"]);
    }
}

#[test]
fn workloads_may_have_what_is_granted() {
    let given = "objects: apps/v1/DaemonSet/a";
    let quiet = json!({ "runAsNonRoot": true });
    let pod = |pod: Value| {
        let mut whole = json!({ "securityContext": quiet, "containers": [container(json!({}))] });
        for (name, value) in pod.as_object().expect("fields") {
            whole[name] = value.clone();
        }
        daemon_set(whole)
    };
    assert_eq!(objects(given, &[pod(json!({}))]), Vec::<String>::new());
    for (object, grant) in [
        (pod(json!({ "hostPID": true })), "privileges: [\"objects:hostPID\"]"),
        (pod(json!({ "hostNetwork": true })), "privileges: [\"objects:hostNetwork\"]"),
        (pod(json!({ "securityContext": {} })), "privileges: [\"objects:runAsRoot\"]"),
        (
            pod(json!({ "containers": [container(json!({ "securityContext": { "runAsUser": 0 } }))] })),
            "privileges: [\"objects:runAsRoot\"]",
        ),
        (
            pod(json!({ "containers": [container(json!({ "securityContext": { "privileged": true } }))] })),
            "privileges: [\"objects:privileged\"]",
        ),
        (
            pod(
                json!({ "initContainers": [container(json!({ "name": "i", "securityContext": { "capabilities": { "add": ["NET_ADMIN"] } } }))] }),
            ),
            "privileges: [\"objects:capabilities\"]",
        ),
        (pod(json!({ "volumes": [{ "name": "v", "hostPath": { "path": "/" } }] })), "hostPaths: [/]"),
        (pod(json!({ "volumes": [{ "name": "v", "secret": { "secretName": "s" } }] })), "kube: [v1/Secret/a/s]"),
        (
            pod(json!({ "volumes": [{ "name": "v", "projected": { "sources": [{ "secret": { "name": "s" } }] } }] })),
            "kube: [v1/Secret/a/s]",
        ),
        (
            pod(
                json!({ "containers": [container(json!({ "env": [{ "name": "x", "valueFrom": { "secretKeyRef": { "name": "s", "key": "k" } } }] }))] }),
            ),
            "kube: [v1/Secret/a/s]",
        ),
        (
            pod(json!({ "containers": [container(json!({ "envFrom": [{ "secretRef": { "name": "s" } }] }))] })),
            "kube: [v1/Secret/a/s]",
        ),
        (pod(json!({ "serviceAccountName": "other" })), "privileges: [\"objects:serviceAccount\"]"),
        (
            pod(json!({ "containers": [container(json!({ "ports": [{ "containerPort": 1, "hostPort": 1 }] }))] })),
            "privileges: [\"objects:hostNetwork\"]",
        ),
    ] {
        let found = objects(given, std::slice::from_ref(&object));
        assert!(found.len() == 1 && found[0].ends_with(&format!("[{grant}]")), "{object}: {found:#?}");
        assert!(found[0].starts_with("objects[0] DaemonSet a/x: /spec/template/spec/"), "{}", found[0]);
    }
    // What it brings itself it may use.
    let secret = json!({ "apiVersion": "v1", "kind": "Secret", "metadata": { "name": "s", "namespace": "a" } });
    let account =
        json!({ "apiVersion": "v1", "kind": "ServiceAccount", "metadata": { "name": "other", "namespace": "a" } });
    let user =
        pod(json!({ "serviceAccountName": "other", "volumes": [{ "name": "v", "secret": { "secretName": "s" } }] }));
    assert_eq!(objects("objects: */*/*/a v1/Secret/a", &[secret, account, user]), Vec::<String>::new());
    // Wherever a pod hides.
    let hidden = [
        json!({ "apiVersion": "batch/v1", "kind": "CronJob", "metadata": { "name": "x", "namespace": "a" }, "spec": { "jobTemplate": { "spec": { "template": { "spec": { "hostIPC": true, "securityContext": quiet, "containers": [container(json!({}))] } } } } } }),
        json!({ "apiVersion": "x.example/v1", "kind": "Thing", "metadata": { "name": "x", "namespace": "a" }, "spec": { "parts": [{ "spec": { "hostIPC": true, "securityContext": quiet, "initContainers": [container(json!({}))] } }] } }),
    ];
    for object in hidden {
        let found = objects("objects: */*/*/a", std::slice::from_ref(&object));
        assert!(found.len() == 1 && found[0].contains("hostIPC"), "{object}: {found:?}");
    }
    let volume = json!({ "apiVersion": "v1", "kind": "PersistentVolume", "metadata": { "name": "x" }, "spec": { "hostPath": { "path": "/etc" } } });
    assert_eq!(
        objects("objects: v1/PersistentVolume", &[volume]),
        ["objects[0] PersistentVolume x: /spec/hostPath/path: the node's /etc would be mounted [hostPaths: [/etc]]"]
    );
    let secret = json!({ "name": "s", "namespace": "other" });
    let volume = json!({ "apiVersion": "v1", "kind": "PersistentVolume", "metadata": { "name": "x" }, "spec": { "csi": { "driver": "mine.example", "nodePublishSecretRef": secret } } });
    let found = objects("objects: v1/PersistentVolume", &[volume]);
    assert!(found.len() == 1 && found[0].ends_with("[kube: [v1/Secret/other/s]]"), "{found:?}");
}

#[test]
fn what_is_sent_to_a_service_goes_to_its_owner() {
    let slice = |service: &str| json!({ "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "metadata": { "name": "x", "namespace": "a", "labels": { "kubernetes.io/service-name": service } } });
    let points = |service: &str| json!({ "apiVersion": "v1", "kind": "Endpoints", "metadata": { "name": service, "namespace": "a" } });
    for object in [slice, points] {
        let given = "objects: discovery.k8s.io/v1/EndpointSlice/a v1/Endpoints/a v1/Service/a/mine";
        assert_eq!(objects(given, &[object("mine")]), Vec::<String>::new());
        let found = objects(given, &[object("other")]);
        assert!(found.len() == 1 && found[0].ends_with("[privileges: [\"objects:hostNetwork\"]]"), "{found:?}");
    }
}

const RBAC: &str = "rbac.authorization.k8s.io/v1";

fn role(kind: &str, namespace: Option<&str>, rules: Value) -> Value {
    json!({ "apiVersion": RBAC, "kind": kind, "metadata": { "name": "x", "namespace": namespace }, "rules": rules })
}

#[test]
fn rights_that_lead_to_all_rights() {
    let rule = |group: &str, resource: &str, verb: &str| json!([{ "apiGroups": [group], "resources": [resource], "verbs": [verb] }]);
    let given = "objects: */*/*";
    for (rules, asks) in [
        (rule("", "pods", "get"), false),
        (rule("", "nodes", "watch"), false),
        (rule("", "nodes/status", "patch"), false),
        (rule("", "configmaps", "create"), false),
        (rule("", "configmaps", "update"), true),
        (rule("x.example", "secrets", "get"), false),
        (rule("x.example", "things", "*"), true),
        (rule("", "secrets", "list"), true),
        (rule("", "secrets", "get"), true),
        (rule("", "pods", "create"), true),
        (rule("", "pods/exec", "create"), true),
        (rule("apps", "deployments", "patch"), true),
        (rule("", "nodes/proxy", "get"), true),
        (rule("", "serviceaccounts/token", "create"), true),
        (rule("", "users", "impersonate"), true),
        (rule("", "*", "get"), true),
        (rule("", "*/scale", "update"), true),
        (rule("*", "configmaps", "update"), true),
        (rule(RBAC.split('/').next().unwrap_or_default(), "clusterroles", "bind"), true),
        (rule("rbac.authorization.k8s.io", "clusterroles", "escalate"), true),
        (rule("certificates.k8s.io", "signers", "approve"), true),
        (rule("admissionregistration.k8s.io", "mutatingwebhookconfigurations", "create"), true),
    ] {
        let found = objects(given, &[role("ClusterRole", None, rules.clone())]);
        assert_eq!(!found.is_empty(), asks, "{rules}: {found:?}");
        assert!(found.iter().all(|line| line.ends_with("[privileges: [\"objects:clusterAdmin\"]]")), "{found:?}");
        assert_eq!(objects(given, &[role("Role", Some("kube-system"), rules.clone())]).is_empty(), !asks, "{rules}");
        // In a namespace of its own it rules.
        assert_eq!(objects(given, &[role("Role", Some("mine"), rules.clone())]), Vec::<String>::new(), "{rules}");
        assert_eq!(
            objects("objects: */*/*; privileges: clusterAdmin", &[role("ClusterRole", None, rules)]),
            Vec::<String>::new()
        );
    }
    let named = |name: &str| json!([{ "apiGroups": [""], "resources": ["configmaps"], "verbs": ["update"], "resourceNames": [name] }]);
    assert_eq!(objects(given, &[role("ClusterRole", None, named("lock"))]), Vec::<String>::new());
    assert_eq!(objects(given, &[role("ClusterRole", None, named("kubephase-config"))]).len(), 1);
    let approved = rule("certificates.k8s.io", "certificatesigningrequests/nodeclient", "create");
    assert_eq!(objects(given, &[role("ClusterRole", None, approved)]).len(), 1);
    let mut aggregated = role("ClusterRole", None, json!([]));
    aggregated["aggregationRule"] = json!({ "clusterRoleSelectors": [{}] });
    assert_eq!(objects(given, &[aggregated]).len(), 1);
}

#[test]
fn bindings_give_what_is_the_plugins_own() {
    let given = "objects: */*/*";
    let account =
        json!({ "apiVersion": "v1", "kind": "ServiceAccount", "metadata": { "name": "sa", "namespace": "a" } });
    let subject = json!({ "kind": "ServiceAccount", "name": "sa", "namespace": "a" });
    let binding = |kind: &str, namespace: Option<&str>, role: (&str, &str), subject: &Value| {
        json!({
            "apiVersion": RBAC, "kind": kind, "metadata": { "name": "b", "namespace": namespace },
            "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": role.0, "name": role.1 }, "subjects": [subject],
        })
    };
    let own = role("ClusterRole", None, json!([]));
    for (object, asks) in [
        (binding("ClusterRoleBinding", None, ("ClusterRole", "x"), &subject), None),
        (binding("ClusterRoleBinding", None, ("ClusterRole", "system:auth-delegator"), &subject), None),
        (
            binding(
                "RoleBinding",
                Some("kube-system"),
                ("Role", "extension-apiserver-authentication-reader"),
                &subject,
            ),
            None,
        ),
        (binding("RoleBinding", Some("a"), ("ClusterRole", "admin"), &subject), None),
        (binding("ClusterRoleBinding", None, ("ClusterRole", "cluster-admin"), &subject), Some("clusterAdmin")),
        (binding("ClusterRoleBinding", None, ("ClusterRole", "system:masters"), &subject), Some("clusterAdmin")),
        (binding("RoleBinding", Some("kube-system"), ("ClusterRole", "admin"), &subject), Some("clusterAdmin")),
        (
            binding(
                "ClusterRoleBinding",
                None,
                ("ClusterRole", "x"),
                &json!({ "kind": "Group", "name": "system:unauthenticated" }),
            ),
            Some("clusterAdmin"),
        ),
        (
            binding("ClusterRoleBinding", None, ("ClusterRole", "x"), &json!({ "kind": "User", "name": "me" })),
            Some("clusterAdmin"),
        ),
    ] {
        let found = objects(given, &[account.clone(), own.clone(), object.clone()]);
        match asks {
            None => assert_eq!(found, Vec::<String>::new(), "{object}"),
            Some(privilege) => {
                assert!(found.len() == 1 && found[0].contains(&format!("objects:{privilege}")), "{object}: {found:?}")
            }
        }
    }
    // A role of Kubernetes' own is none of the plugin's, and neither is what only has the name of its kind.
    let all = binding("ClusterRoleBinding", None, ("ClusterRole", "cluster-admin"), &subject);
    for api_version in [RBAC, "x.example/v1"] {
        let mut named = own.clone();
        named["apiVersion"] = api_version.into();
        named["metadata"]["name"] = "cluster-admin".into();
        let found = objects(given, &[account.clone(), named, all.clone()]);
        assert!(found.len() == 1 && found[0].contains("objects:clusterAdmin"), "{api_version}: {found:?}");
    }
    // One that does not say its rules would have those of a role of that name that is there.
    let mut silent = own.clone();
    silent["rules"] = Value::Null;
    let bound = binding("ClusterRoleBinding", None, ("ClusterRole", "x"), &subject);
    let found = objects(given, &[account.clone(), silent, bound]);
    assert!(found.len() == 1 && found[0].contains("objects:clusterAdmin"), "{found:?}");
    let foreign = binding(
        "RoleBinding",
        Some("a"),
        ("Role", "r"),
        &json!({ "kind": "ServiceAccount", "name": "other", "namespace": "b" }),
    );
    let found = objects("objects: rbac.authorization.k8s.io/v1/RoleBinding/a", &[foreign]);
    assert!(found.len() == 1 && found[0].contains("objects:serviceAccount"), "{found:?}");
}

#[test]
fn what_the_cluster_believes_takes_a_privilege() {
    let object = |api_version: &str, kind: &str, more: Value| {
        let mut object = json!({ "apiVersion": api_version, "kind": kind, "metadata": { "name": "x" } });
        for (name, value) in more.as_object().expect("fields") {
            object[name] = value.clone();
        }
        object
    };
    let secret = |kind: &str| json!({ "apiVersion": "v1", "kind": "Secret", "type": kind, "metadata": { "name": "x", "namespace": "a", "annotations": { "kubernetes.io/service-account.name": "default" } } });
    for (object, asks) in [
        (object("admissionregistration.k8s.io/v1", "MutatingWebhookConfiguration", json!({})), Some("clusterAdmin")),
        (object("apiregistration.k8s.io/v1", "APIService", json!({ "spec": { "group": "metrics.k8s.io" } })), None),
        (object("apiregistration.k8s.io/v1", "APIService", json!({ "spec": { "group": "x.example" } })), None),
        (
            object("apiregistration.k8s.io/v1", "APIService", json!({ "spec": { "group": "apps" } })),
            Some("clusterAdmin"),
        ),
        (
            object(
                "apiregistration.k8s.io/v1",
                "APIService",
                json!({ "spec": { "group": "rbac.authorization.k8s.io" } }),
            ),
            Some("clusterAdmin"),
        ),
        (secret("bootstrap.kubernetes.io/token"), Some("clusterAdmin")),
        (secret("kubernetes.io/service-account-token"), Some("serviceAccount")),
        (secret("Opaque"), None),
        (object("v1", "PersistentVolume", json!({ "spec": { "nfs": {} } })), None),
        (
            object("v1", "PersistentVolume", json!({ "spec": { "flexVolume": { "driver": "x/y" } } })),
            Some("privileged"),
        ),
        (object("certificates.k8s.io/v1beta1", "PodCertificateRequest", json!({})), Some("clusterAdmin")),
    ] {
        let found = objects("objects: */*/* v1/Secret/a", std::slice::from_ref(&object));
        let expected: Vec<String> = asks.iter().map(|name| format!("[privileges: [\"objects:{name}\"]]")).collect();
        assert_eq!(found.len(), expected.len(), "{object}: {found:?}");
        assert!(found.iter().zip(&expected).all(|(line, end)| line.ends_with(end)), "{object}: {found:?}");
    }
}

#[test]
fn files_are_where_and_what_they_may_be() {
    let given = "writes: /etc/x/**";
    assert_eq!(files(given, &[file("/etc/x/a", 0o644, "a"), file("/etc/x/b/c", 0o600, "")]), Vec::<String>::new());
    for (path, mode, expected) in [
        ("/etc/x/../cron.d/a", 0o644, "it is not an absolute path without `.`, `..` and empty parts"),
        ("etc/x/a", 0o644, "it is not an absolute path without `.`, `..` and empty parts"),
        ("/etc/x/", 0o644, "it is not an absolute path without `.`, `..` and empty parts"),
        ("/", 0o644, "it is not an absolute path without `.`, `..` and empty parts"),
        ("", 0o644, "it is not an absolute path without `.`, `..` and empty parts"),
        ("/etc/x/a\0b", 0o644, "it is not an absolute path without `.`, `..` and empty parts"),
        ("/etc/cron.d/a", 0o644, "it may not be written [writes: [/etc/cron.d/a]]"),
        ("/etc/kubernetes/pki/ca.key", 0o600, "it may not be written [writes: [/etc/kubernetes/pki/ca.key]]"),
        ("/etc/x/a", 0o4755, "the mode 4755 is more than permissions: setuid, setgid and sticky are not given"),
        (
            "/etc/x/a",
            u32::MAX,
            "the mode 37777777777 is more than permissions: setuid, setgid and sticky are not given",
        ),
        ("/etc/x/a", 0o666, "with the mode 666 anybody could change it"),
        ("/etc/kubernetes/manifests/etcd.yaml", 0o600, "it is the manifest of etcd: propose a patch for it"),
    ] {
        let found = files(given, &[file(path, mode, "x")]);
        assert!(found.len() == 1 && found[0].ends_with(expected), "{path} {mode:o}: {found:?}");
        assert!(!found[0].contains('\0'));
    }
    let all = "writes: /**";
    assert_eq!(
        files(all, &[file("/var/lib/kubephase/journal.json", 0o600, "")]),
        ["files[0] /var/lib/kubephase/journal.json: it may not be written [writes: [/var/lib/kubephase/journal.json]]"]
    );
    assert!(files(given, &[file("/etc/x/a", 0o600, ""), file("/etc/x/a", 0o644, "")])[0].contains("there twice"));
    assert!(
        files(given, &[file("/etc/x/a", 0o600, ""), file("/etc/x/a/b", 0o644, "")])[0]
            .contains("one is below the other")
    );
    let large = ProposedFile { contents: vec![0xff; (4 << 20) + 1], ..file("/etc/x/a", 0o600, "") };
    assert!(files(given, &[large])[0].contains("4194304 are allowed"));
    let binary = ProposedFile { contents: vec![0xff; 10], ..file("/etc/x/a", 0o600, "") };
    assert_eq!(files(given, &[binary]), Vec::<String>::new());
    let secret = ProposedFile { secret: true, ..file("/etc/x/a", 0o644, "") };
    assert!(files(given, &[secret])[0].contains("anybody could read it"));
    // Deleting needs the same grant, and nothing else.
    let all = Proposal { files: vec![file("/etc/x/a", u32::MAX, ""), file("/etc/y", 0, "")], ..Proposal::default() };
    assert_eq!(refused(given, all, Export::Uninstall), ["files[1] /etc/y: it may not be deleted [writes: [/etc/y]]"]);
}

#[test]
fn random_values() {
    let fill = |placeholder: &str, length: u32, encoding: &str| kubephase_model::plugin::Random {
        placeholder: placeholder.into(),
        length,
        encoding: encoding.into(),
    };
    let with = |contents: &str, fill: &[kubephase_model::plugin::Random]| ProposedFile {
        fill: fill.to_vec(),
        ..file("/etc/x/a", 0o600, contents)
    };
    let given = "writes: /etc/x/a";
    assert_eq!(files(given, &[with("key: placeholder", &[fill("placeholder", 32, "base64")])]), Vec::<String>::new());
    for (one, expected) in [
        (with("xxxxxxx", &[fill("xxxxxxx", 32, "hex")]), "a placeholder has at least 8 bytes"),
        (with("other", &[fill("placeholder", 32, "hex")]), "its placeholder is not in the contents"),
        (with("placeholder", &[fill("placeholder", 0, "hex")]), "0 bytes are not between 1 and 1024"),
        (with("placeholder", &[fill("placeholder", 1025, "hex")]), "1025 bytes are not between 1 and 1024"),
        (with("placeholder", &[fill("placeholder", 32, "plain")]), "`plain` is neither base64 nor hex"),
        (
            with("placeholder placeholder1", &[fill("placeholder", 32, "hex"), fill("placeholder1", 32, "hex")]),
            "its placeholder is part of another one",
        ),
        (
            with(&"aaaaaaaa".repeat(128 << 10), &[fill("aaaaaaaa", 1024, "base64")]),
            "the file would be larger than 4194304 bytes",
        ),
        (
            ProposedFile { mode: 0o644, ..with("placeholder", &[fill("placeholder", 32, "hex")]) },
            "it is a secret, and with the mode 644 anybody could read it",
        ),
    ] {
        let found = files(given, &[one]);
        // What would become too large is too large for all files together as well.
        let others = found.iter().skip(1).all(|line| line.contains("together"));
        assert!(found.first().is_some_and(|line| line.ends_with(expected)) && others, "{found:?}");
    }
}

#[test]
fn manifests_are_what_the_kubelet_reads() {
    let given = "writes: /etc/kubernetes/manifests/x.yaml; privileges: runAsRoot";
    let manifest = |text: &str| file("/etc/kubernetes/manifests/x.yaml", 0o600, text);
    let head = "apiVersion: v1\nkind: Pod\nmetadata: {name: x}\nspec:\n  containers: [{name: c, image: 'x:1'}]\n";
    assert_eq!(files(given, &[manifest(head)]), Vec::<String>::new());
    // go-yaml ends the comment there.
    for hidden in ['\u{85}', '\u{2028}', '\u{2029}'] {
        let found = files(given, &[manifest(&format!("{head}  # a \" quote {hidden}  hostPID: true\n"))]);
        assert!(found.len() == 1 && found[0].contains("a manifest is plain text"), "{found:?}");
    }
    // Without the placeholder the text is no quote any more.
    let mut filled = manifest(&format!("{head}  hostname: '#######\n  hostPID: true\n  # '\n"));
    filled.fill =
        vec![kubephase_model::plugin::Random { placeholder: "'#######".into(), length: 8, encoding: "hex".into() }];
    let found = files(given, &[filled]);
    assert!(found.len() == 1 && found[0].contains("nothing is filled into a manifest"), "{found:?}");
}

#[test]
fn manifests_are_pods() {
    let given = "writes: /etc/kubernetes/manifests/x.yaml";
    let pod = |spec: &str| {
        files(
            given,
            &[file(
                "/etc/kubernetes/manifests/x.yaml",
                0o600,
                &format!(
                    "apiVersion: v1\nkind: Pod\nmetadata: {{name: x, namespace: kube-system}}\nspec:\n  securityContext: {{runAsNonRoot: true}}\n  {spec}\n"
                ),
            )],
        )
    };
    let containers = "containers: [{name: c, image: 'x:1'}]";
    assert_eq!(pod(containers), Vec::<String>::new());
    let found = pod(&format!("hostPID: true\n  {containers}\n  volumes: [{{name: v, hostPath: {{path: /etc}}}}]"));
    assert_eq!(
        found,
        [
            "files[0] /etc/kubernetes/manifests/x.yaml: /spec/hostPID: it would see every process of the node: that takes the privilege `hostPID` [privileges: [\"writes:hostPID\"]]",
            "files[0] /etc/kubernetes/manifests/x.yaml: /spec/volumes/0/hostPath/path: the node's /etc would be mounted [hostPaths: [/etc]]",
        ]
    );
    for (text, expected) in [
        ("", "a manifest is one document with a Pod"),
        ("a: [", "a manifest is one document with a Pod"),
        ("a: 1\n---\nb: 1\n", "a manifest is one document with a Pod"),
        ("apiVersion: v1\napiVersion: v1\n", "given twice"),
        ("apiVersion: v1\nkind: Pod\nspec: {hostPID: 'yes'}\n", "`spec.hostPID` must be true or false"),
        ("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\n", "it is no Pod of `v1`"),
        (
            "apiVersion: v1\nkind: Pod\nmetadata: {name: etcd}\nspec: {containers: []}\n",
            "`etcd` is the name of another static pod",
        ),
        (
            "apiVersion: v1\nkind: Pod\nmetadata: {name: x}\nspec: {nodeName: other, containers: []}\n",
            "a static pod runs where its file is",
        ),
        (
            "apiVersion: v1\nkind: Pod\nmetadata: {name: x}\nspec: {containers: [], volumes: [{name: s, secret: {secretName: t}}]}\n",
            "a static pod can use nothing of the cluster's",
        ),
    ] {
        let found = files(given, &[file("/etc/kubernetes/manifests/x.yaml", 0o600, text)]);
        assert!(found.iter().any(|line| line.contains(expected)), "{text}: {found:?}");
    }
}

#[test]
fn waits_are_bounded_and_see_what_is_granted() {
    let wait = |kind: &str, target: &str, condition: &str, seconds: u32| Wait {
        kind: kind.into(),
        target: target.into(),
        condition: condition.into(),
        timeout_seconds: seconds,
    };
    let given = "objects: apps/v1/Deployment/a; http: example.org; files: /run/x.sock";
    let waits = |one: Wait| refused(given, Proposal { waits: vec![one], ..Proposal::default() }, Export::Render);
    for good in [
        wait("object", "apps/v1 Deployment a/b", "rolled-out", 60),
        wait("object", "apps/v1 Deployment a/b", "Available", 3600),
        wait("object", "apps/v1 Deployment a/b", "gone", 1),
        wait("url", "https://example.org/healthz", "", 1),
        wait("socket", "/run/x.sock", "", 1),
    ] {
        assert_eq!(waits(good), Vec::<String>::new());
    }
    for (one, expected) in [
        (wait("object", "apps/v1 Deployment a/b", "exists", 0), "0 seconds are not between 1 and 3600"),
        (wait("object", "apps/v1 Deployment a/b", "exists", u32::MAX), "4294967295 seconds are not between 1 and 3600"),
        (wait("object", "apps/v1 Deployment a/b", "", 1), "`` is no condition"),
        (wait("object", "apps/v1 Deployment a/b", "a b", 1), "`a b` is no condition"),
        (
            wait("object", "v1 Secret kube-system/x", "exists", 1),
            "Secret x may not be looked at [kube: [v1/Secret/kube-system/x]]",
        ),
        (wait("object", "nonsense", "exists", 1), "`nonsense` is no `<apiVersion> <kind> [<namespace>/]<name>`"),
        (wait("url", "https://evil.example/", "", 1), "evil.example may not be asked [http: [evil.example]]"),
        (
            wait("url", "http://169.254.169.254/latest/", "", 1),
            "169.254.169.254 may not be asked [http: [\"http://169.254.169.254\"]]",
        ),
        (wait("url", "http://example.org/", "", 1), "example.org may not be asked [http: [\"http://example.org\"]]"),
        (wait("url", "file:///etc/shadow", "", 1), "`file:///etc/shadow` is no URL: it has no host"),
        (wait("url", "https://u:p@example.org/", "", 1), "a URL with a user in it is not asked"),
        (wait("url", "https://example.org/", "x", 1), "a url has no condition"),
        (
            wait("socket", "/run/../run/x.sock", "", 1),
            "`/run/../run/x.sock` is not an absolute path without `.` and `..`",
        ),
        (
            wait("socket", "/run/containerd/containerd.sock", "", 1),
            "/run/containerd/containerd.sock may not be looked at [files: [/run/containerd/containerd.sock]]",
        ),
        (wait("command", "/bin/sh", "", 1), "`command` is nothing that can be waited for"),
    ] {
        let found = waits(one.clone());
        assert!(found.len() == 1 && found[0] == format!("waits[0]: {expected}"), "{one:?}: {found:?}");
    }
    let job = "objects: batch/v1/Job/a";
    let one = wait("object", "batch/v1 Job a/b", "rolled-out", 1);
    assert_eq!(
        refused(job, Proposal { waits: vec![one], ..Proposal::default() }, Export::Render),
        ["waits[0]: a Job is not rolled out"]
    );
}

#[test]
fn findings_patches_and_images() {
    let finding = |id: &str, message: &str, link: Option<&str>| Finding {
        id: id.into(),
        severity: Severity::Error,
        message: message.into(),
        expected: None,
        remedy: None,
        link: link.map(str::to_owned),
    };
    let judged = |one: Finding| refused("", Proposal { findings: vec![one], ..Proposal::default() }, Export::Check);
    assert_eq!(judged(finding("Driver-1", "it is old", Some("https://example.org/x"))), Vec::<String>::new());
    for (one, count) in [
        (finding("", "x", None), 1),
        (finding("a/b", "x", None), 1),
        (finding("a b", "x", None), 1),
        (finding("ä", "x", None), 1),
        (finding(&"a".repeat(64), "x", None), 1),
        (finding("a", " ", None), 1),
        (finding("a", "\x1b[2J", None), 1),
        (finding("a", "x\ny", None), 1),
        (finding("a", "\u{202e}x", None), 1),
        (finding("a", &"x".repeat(1 << 20), None), 1),
        (finding("a", "x", Some("javascript:alert(1)")), 1),
        (finding("a", "x", Some("https://user:password@example.org/")), 1),
    ] {
        let found = judged(one);
        assert_eq!(found.len(), count, "{found:?}");
        assert!(found[0].len() < 400 && !found[0].contains('\x1b'), "{found:?}");
    }
    let patch = |target: &str, language: &str, body: Value| Patch {
        target: target.into(),
        language: language.into(),
        body,
        reason: "why".into(),
    };
    let judged = |one: Patch| {
        refused("patches: kube-apiserver", Proposal { patches: vec![one], ..Proposal::default() }, Export::Mutate)
    };
    assert_eq!(judged(patch("kube-apiserver", "strategic", json!({}))), Vec::<String>::new());
    for (one, expected) in [
        (patch("etcd", "merge", json!({})), "etcd may not be patched [patches: [etcd]]"),
        (patch("nothing", "merge", json!({})), "`nothing` is no document that is patched"),
        (patch("kube-apiserver", "jsonnet", json!({})), "`jsonnet` is no language of patches"),
        (patch("kube-apiserver", "json", json!({})), "a JSON patch is a list of operations"),
        (patch("kube-apiserver", "merge", json!([])), "a merge patch is a mapping"),
        (
            Patch { reason: "\x1b[2J".into(), ..patch("kube-apiserver", "json", json!([])) },
            "its reason is not one line of plain text",
        ),
    ] {
        assert_eq!(judged(one), [format!("patches[0]: {expected}")]);
    }
    let all = Proposal { images: vec!["registry.k8s.io/a:1".into(), "a b".into()], ..Proposal::default() };
    assert_eq!(refused("", all.clone(), Export::Images), ["images[1]: `a b` is no reference of an image"]);
    assert_eq!(refused("", all, Export::Check), ["preflight.check proposes images, which it cannot"]);
    let all = Proposal { patches: vec![patch("etcd", "json", json!([]))], ..Proposal::default() };
    assert_eq!(refused("", all, Export::Run), ["phase.run proposes patches, which it cannot"]);
    let many = Proposal { findings: vec![finding("a", "x", None); 1001], ..Proposal::default() };
    assert_eq!(refused("", many, Export::Check), ["it proposes 1001 findings; 1000 are allowed"]);
}
