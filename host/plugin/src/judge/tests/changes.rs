//! Patched documents.

use kubephase_model::Report;
use kubephase_model::report::Source;
use kubephase_model::yaml::documents;
use kubephase_render::patch::{PatchSet, PatchType, Target};

use super::*;

fn recorded(name: &str) -> Value {
    let root =
        concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures/golden/v1.36/01-defaults/files/etc/kubernetes");
    let path = format!("{root}/manifests/{name}.yaml");
    #[expect(clippy::disallowed_methods, reason = "a test that reads the repository")]
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    let source = std::sync::Arc::new(Source { name: path, text });
    documents(&source, &mut Report::default()).remove(0).to_json()
}

/// The document after a strategic merge patch, as plugins' patches are applied.
fn patched(document: &Value, target: &str, patch: Value) -> Value {
    let target = Target::of_plugins(target).expect("a target");
    let language = if patch.is_array() { PatchType::Json } else { PatchType::Strategic };
    let set = PatchSet::given("x", target, [(language, patch)]).expect("a patch");
    set.apply(target, document.clone()).expect("it applies").value
}

/// What is refused of a patch of kube-apiserver.
fn refused(given: &str, patch: Value) -> Vec<String> {
    refused_of("kube-apiserver", &recorded("kube-apiserver"), given, patch)
}

fn refused_of(target: &str, before: &Value, given: &str, patch: Value) -> Vec<String> {
    let given = grants(&format!("patches: {target}; {given}"));
    let after = patched(before, target, patch);
    let judge = |grants: &Grants| document_change(before, &after, target, grants);
    allowed_by_its_lines(judge, &given);
    let refusals = judge(&given);
    for refusal in &refusals {
        assert!(refusal.what.starts_with(&format!("patch of {target}: ")), "{refusal:?}");
    }
    lines(&refusals).into_iter().map(|line| line.replacen(&format!("patch of {target}: "), "", 1)).collect()
}

/// Patch of the component's own container.
fn own(change: Value) -> Value {
    let mut container = change;
    container["name"] = "kube-apiserver".into();
    json!({ "spec": { "containers": [container] } })
}

fn command(flags: &[&str]) -> Value {
    Value::Array(
        flags
            .iter()
            .map(|flag| json!({ "op": "add", "path": "/spec/containers/0/command/-", "value": flag }))
            .collect(),
    )
}

fn mount(path: &str, at: &str) -> Value {
    json!({ "spec": {
        "containers": [{ "name": "kube-apiserver", "volumeMounts": [{ "name": "v", "mountPath": at }] }],
        "volumes": [{ "name": "v", "hostPath": { "path": path } }],
    } })
}

#[test]
fn ordinary_patches_pass() {
    let none = Vec::<String>::new();
    let audit = json!({ "spec": {
        "containers": [{
            "name": "kube-apiserver",
            "resources": { "requests": { "cpu": "500m" } },
            "volumeMounts": [
                { "name": "audit", "mountPath": "/etc/kubernetes/audit", "readOnly": true },
                { "name": "log", "mountPath": "/var/log/kubernetes/audit" },
            ],
        }],
        "volumes": [
            { "name": "audit", "hostPath": { "path": "/etc/kubernetes/audit", "type": "Directory" } },
            { "name": "log", "hostPath": { "path": "/var/log/kubernetes/audit", "type": "DirectoryOrCreate" } },
        ],
    } });
    assert_eq!(refused("hostPaths: /etc/kubernetes/audit /var/log/kubernetes", audit.clone()), none);
    let flags = [
        "--audit-policy-file=/etc/kubernetes/audit/policy.yaml",
        "--audit-log-path=/var/log/kubernetes/audit/audit.log",
        "--encryption-provider-config=/etc/kubernetes/encryption/config.yaml",
        "--anonymous-auth=false",
        "--profiling=false",
        "--tls-min-version=VersionTLS13",
        "--tls-cipher-suites=TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
        "--request-timeout=300s",
        "--enable-admission-plugins=NodeRestriction,AlwaysPullImages",
    ];
    assert_eq!(refused("", command(&flags)), none);
    assert_eq!(
        refused(
            "",
            own(
                json!({ "securityContext": { "allowPrivilegeEscalation": false, "capabilities": { "drop": ["ALL"] } } })
            )
        ),
        none
    );
    assert_eq!(refused("", json!({ "metadata": { "labels": { "a": "b" }, "annotations": { "a": "b" } } })), none);
    assert_eq!(
        refused("", audit),
        [
            "/spec/volumes/0/hostPath/path: the node's /etc/kubernetes/audit would be mounted [hostPaths: [/etc/kubernetes/audit]]",
            "/spec/volumes/1/hostPath/path: the node's /var/log/kubernetes/audit would be mounted [hostPaths: [/var/log/kubernetes/audit]]",
            "/spec/containers/0/volumeMounts/0: the node's /etc/kubernetes/audit would be mounted [hostPaths: [/etc/kubernetes/audit]]",
            "/spec/containers/0/volumeMounts/1: the node's /var/log/kubernetes/audit would be mounted [hostPaths: [/var/log/kubernetes/audit]]",
        ]
    );
}

#[test]
fn what_takes_a_privilege() {
    let security = |context: Value| own(json!({ "securityContext": context }));
    for (patch, privileges) in [
        (json!({ "spec": { "hostPID": true } }), &["hostPID"][..]),
        (json!({ "spec": { "hostIPC": true } }), &["hostIPC"]),
        (json!({ "spec": { "shareProcessNamespace": true } }), &["privileged"]),
        (security(json!({ "privileged": true })), &["privileged"]),
        (security(json!({ "capabilities": { "add": ["SYS_ADMIN"] } })), &["capabilities"]),
        (security(json!({ "capabilities": { "add": ["NET_BIND_SERVICE"] } })), &[]),
        (security(json!({ "seccompProfile": { "type": "Unconfined" } })), &["capabilities"]),
        (security(json!({ "appArmorProfile": { "type": "Unconfined" } })), &["capabilities"]),
        (security(json!({ "seLinuxOptions": { "type": "spc_t" } })), &["capabilities"]),
        (security(json!({ "procMount": "Unmasked" })), &["capabilities"]),
        (json!({ "spec": { "securityContext": { "seccompProfile": null } } }), &["capabilities"]),
        (
            json!({ "spec": { "securityContext": { "sysctls": [{ "name": "kernel.core_pattern", "value": "|/x" }] } } }),
            &["privileged"],
        ),
        (json!({ "spec": { "securityContext": { "supplementalGroups": [0] } } }), &["runAsRoot"]),
        (
            json!({ "metadata": { "annotations": { "container.apparmor.security.beta.kubernetes.io/kube-apiserver": "unconfined" } } }),
            &["capabilities"],
        ),
        (
            json!({ "metadata": { "annotations": { "kubeadm.kubernetes.io/kube-apiserver.advertise-address.endpoint": "10.0.0.1:1" } } }),
            &["securityFlags"],
        ),
        (own(json!({ "image": "evil.example/kube-apiserver:v1" })), &["image"]),
        (own(json!({ "command": ["/bin/sh", "-c", "true"] })), &["command", "securityFlags"]),
        (command(&["word"]), &["command"]),
        (own(json!({ "args": ["--", "x"] })), &["command"]),
        (own(json!({ "workingDir": "/x" })), &["command"]),
        (own(json!({ "lifecycle": { "postStart": { "exec": { "command": ["/bin/sh"] } } } })), &["command"]),
        (own(json!({ "livenessProbe": { "httpGet": null, "exec": { "command": ["/bin/sh"] } } })), &["command"]),
        (own(json!({ "livenessProbe": { "httpGet": { "host": "169.254.169.254" } } })), &["hostNetwork"]),
        (own(json!({ "livenessProbe": { "httpGet": { "host": "127.0.0.1" } } })), &[]),
        (own(json!({ "ports": [{ "containerPort": 1, "hostPort": 1 }] })), &["hostNetwork"]),
        (own(json!({ "env": [{ "name": "LD_PRELOAD", "value": "/x.so" }] })), &["command"]),
        (own(json!({ "env": [{ "name": "https_proxy", "value": "http://x" }] })), &["securityFlags"]),
        (own(json!({ "env": [{ "name": "TZ", "value": "UTC" }] })), &[]),
        (json!({ "spec": { "containers": [{ "name": "x", "image": "x" }] } }), &["image", "command"]),
        (json!({ "spec": { "initContainers": [{ "name": "x", "image": "x" }] } }), &["image", "command"]),
        (
            json!({ "spec": { "containers": [{ "name": "x", "image": "x", "securityContext": { "privileged": true } }] } }),
            &["privileged", "image", "command"],
        ),
        (json!({ "spec": { "volumes": [{ "name": "n", "nfs": { "server": "x", "path": "/" } }] } }), &["privileged"]),
        (json!({ "spec": { "volumes": [{ "name": "n", "emptyDir": {} }] } }), &[]),
    ] {
        let found = refused("", patch.clone());
        let missing: Vec<&str> = privileges
            .iter()
            .copied()
            .filter(|name| {
                !found.iter().any(|line| line.ends_with(&format!("[privileges: [\"kube-apiserver:{name}\"]]")))
            })
            .collect();
        assert!(missing.is_empty(), "{patch}: {missing:?} of {found:?}");
        let others: Vec<&String> =
            found.iter().filter(|line| !privileges.iter().any(|name| line.contains(&format!(":{name}\"]]")))).collect();
        // A new container may also run as root.
        let others: Vec<_> = others.into_iter().filter(|line| !line.contains(":runAsRoot")).collect();
        assert!(others.is_empty(), "{patch}: {others:?}");
        // With them, here or everywhere, nothing is left.
        let everywhere: Vec<&str> = privileges.iter().copied().chain(["runAsRoot"]).collect();
        assert_eq!(
            refused(&format!("privileges: {}", everywhere.join(" ")), patch.clone()),
            Vec::<String>::new(),
            "{patch}"
        );
        if !privileges.is_empty() {
            let elsewhere: Vec<String> = everywhere.iter().map(|name| format!("etcd:{name}")).collect();
            assert_eq!(refused(&format!("privileges: {}", elsewhere.join(" ")), patch.clone()), found, "{patch}");
        }
    }
}

#[test]
fn flags_that_open_the_cluster() {
    for flag in [
        "--anonymous-auth=true",
        "--anonymous-auth",
        "--anonymous_auth=true",
        "-anonymous-auth=1",
        "--authorization-mode=AlwaysAllow",
        "--authorization-mode=RBAC,Node,Webhook",
        "--authorization-config=/x",
        "--authentication-token-webhook-config-file=/x",
        "--client-ca-file=/x",
        "--insecure-port=8080",
        "--token-auth-file=/x",
        "--basic-auth-file=/x",
        "--kubelet-https=false",
        "--kubelet-certificate-authority=/x",
        "--requestheader-allowed-names=",
        "--disable-admission-plugins=NodeRestriction",
        "--service-account-key-file=/x",
        "--oidc-issuer-url=https://x",
        "--etcd-servers=http://x",
        "--tls-cert-file=/x",
        "--tls-cipher-suites=TLS_RSA_WITH_RC4_128_SHA",
        "--tls-min-version=VersionTLS10",
        "--audit-webhook-config-file=/x",
        "--profiling=true",
        "--allow-privileged",
        "--peer-ca-file=/x",
        "--tracing-config-file=/x",
        "--runtime-config=admissionregistration.k8s.io/v1=false",
        "--feature-gates=A=true,AuthorizeNodeWithSelectors=False",
        "--feature-gates=AuthorizeNodeWithSelectors= 0",
        // Whatever the variable says.
        "--$(X)=/x",
        "--v=$(X)",
    ] {
        let found = refused("", command(&[flag]));
        assert!(
            found.len() == 1 && found[0].ends_with("[privileges: [\"kube-apiserver:securityFlags\"]]"),
            "{flag}: {found:?}"
        );
        assert_eq!(refused("privileges: securityFlags", command(&[flag])), Vec::<String>::new());
        // Nothing of the value is told: it may be a secret.
        assert!(!found[0].contains("/x") && !found[0].contains("RC4"), "{}", found[0]);
    }
    let before = patched(
        &recorded("kube-apiserver"),
        "kube-apiserver",
        command(&["--anonymous-auth=false", "--encryption-provider-config=/a"]),
    );
    let count = before["spec"]["containers"][0]["command"].as_array().expect("a list").len();
    for (index, why) in [
        (count - 2, "anonymous-auth is taken away"),
        (count - 1, "encryption-provider-config is taken away"),
        (3, "authorization-mode is taken away"),
        (5, "enable-admission-plugins is taken away"),
    ] {
        let found = refused_of(
            "kube-apiserver",
            &before,
            "",
            json!([{ "op": "remove", "path": format!("/spec/containers/0/command/{index}") }]),
        );
        assert!(found.len() == 1 && found[0].contains(why), "{index} {found:?}");
    }
    let etcd = recorded("etcd");
    for flag in [
        "--client-cert-auth=false",
        "--listen-client-urls=http://0.0.0.0:2379",
        "--peer-trusted-ca-file=/x",
        "--force-new-cluster",
        "--config-file=/x",
    ] {
        let patch = json!([{ "op": "add", "path": "/spec/containers/0/command/-", "value": flag }]);
        let found = refused_of("etcd", &etcd, "", patch);
        assert!(found.len() == 1 && found[0].contains("etcd:securityFlags"), "{flag}: {found:?}");
    }
    assert_eq!(
        refused_of(
            "etcd",
            &etcd,
            "",
            json!([{ "op": "add", "path": "/spec/containers/0/command/-", "value": "--quota-backend-bytes=8589934592" }])
        ),
        Vec::<String>::new()
    );
}

#[test]
fn what_kube_proxy_is_told_beside_its_file_counts() {
    let before = json!({ "apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": { "name": "kube-proxy" }, "spec": {
        "selector": { "matchLabels": { "a": "b" } },
        "template": { "metadata": { "labels": { "a": "b" } }, "spec": { "containers": [
            { "name": "kube-proxy", "image": "x:1", "command": ["kube-proxy", "--config=/x", "--hostname-override=$(NODE)"],
              "env": [{ "name": "NODE", "value": "a" }] },
        ] } },
    } });
    let at = "/spec/template/spec/containers/0";
    let flag = |flag: &str| json!([{ "op": "add", "path": format!("{at}/command/-"), "value": flag }]);
    for (patch, expected) in [
        (flag("--master=http://x"), "the flag --master is set"),
        (flag("--kubeconfig=/x"), "the flag --kubeconfig is set"),
        (flag("--write-config-to=/x"), "the flag --write-config-to is set"),
        (
            json!([{ "op": "replace", "path": format!("{at}/env/0/value"), "value": "b" }]),
            "the variable NODE is a part of its flags",
        ),
        (
            json!([
                { "op": "add", "path": "/spec/template/spec/volumes", "value": [{ "name": "v", "emptyDir": {} }] },
                { "op": "add", "path": format!("{at}/volumeMounts"), "value": [
                    { "name": "v", "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount" },
                ] },
            ]),
            "it would hide or change /var/run/secrets/kubernetes.io/serviceaccount",
        ),
    ] {
        let found = refused_of("kubeproxydaemonset", &before, "", patch.clone());
        assert!(found.len() == 1 && found[0].contains(expected), "{patch}: {found:?}");
    }
    let patch = json!([{ "op": "add", "path": format!("{at}/env/-"), "value": { "name": "OTHER", "value": "b" } }]);
    assert_eq!(refused_of("kubeproxydaemonset", &before, "", patch), Vec::<String>::new());
}

#[test]
fn the_last_file_that_coredns_is_given_counts() {
    let before = json!({ "apiVersion": "apps/v1", "kind": "Deployment", "metadata": { "name": "coredns" }, "spec": {
        "selector": { "matchLabels": { "a": "b" } },
        "template": { "metadata": { "labels": { "a": "b" } }, "spec": { "containers": [
            { "name": "coredns", "image": "x:1", "args": ["-conf", "/etc/coredns/Corefile"] },
        ] } },
    } });
    let patch = json!([{ "op": "add", "path": "/spec/template/spec/containers/0/args/-", "value": "-conf=/x" }]);
    let found = refused_of("corednsdeployment", &before, "", patch);
    assert!(found.len() == 1 && found[0].contains("the flag --conf is changed"), "{found:?}");
}

#[test]
fn mounts_reach_what_is_granted_and_hide_nothing() {
    for (path, at, expected) in [
        ("/", "/host", "/spec/volumes/0/hostPath/path: the node's / would be mounted [hostPaths: [/]]"),
        (
            "/etc/x/../..",
            "/host",
            "/spec/volumes/0/hostPath/path: `/etc/x/../..` is not an absolute path without `.`, `..` and empty parts",
        ),
        (
            "/etc/x/",
            "/host",
            "/spec/volumes/0/hostPath/path: `/etc/x/` is not an absolute path without `.`, `..` and empty parts",
        ),
        (
            "/etc/xy",
            "/host",
            "/spec/volumes/0/hostPath/path: the node's /etc/xy would be mounted [hostPaths: [/etc/xy]]",
        ),
        (
            "/run/containerd/containerd.sock",
            "/host",
            "/spec/volumes/0/hostPath/path: the node's /run/containerd/containerd.sock would be mounted [hostPaths: [/run/containerd/containerd.sock]]",
        ),
        (
            "/etc/x/a",
            "/usr/local/bin",
            "/spec/containers/0/volumeMounts/0/mountPath: what is mounted at /usr/local/bin would be run: that takes the privilege `command` [privileges: [\"kube-apiserver:command\"]]",
        ),
        (
            "/etc/x/a",
            "/etc/kubernetes/pki/ca.crt",
            "/spec/containers/0/volumeMounts/0/mountPath: it would hide or change /etc/kubernetes/pki/ca.crt, which the program relies on: that takes the privilege `securityFlags` [privileges: [\"kube-apiserver:securityFlags\"]]",
        ),
        (
            "/etc/x/a",
            "/etc/kubernetes",
            "/spec/containers/0/volumeMounts/0/mountPath: it would hide or change /etc/kubernetes, which the program relies on: that takes the privilege `securityFlags` [privileges: [\"kube-apiserver:securityFlags\"]]",
        ),
        (
            "/etc/x/a",
            "/a/../etc",
            "/spec/containers/0/volumeMounts/0/mountPath: `/a/../etc` is not an absolute path without `..`",
        ),
    ] {
        let found = refused("hostPaths: /etc/x", mount(path, at));
        assert!(found.iter().any(|line| line == expected), "{path} {at}: {found:#?}");
    }
    assert_eq!(refused("hostPaths: /etc/x", mount("/etc/x/a", "/etc/x")), Vec::<String>::new());
    // What is there already is not for everybody in the pod, and not to be written.
    let sidecar = json!({ "spec": { "containers": [{ "name": "x", "image": "x", "volumeMounts": [{ "name": "k8s-certs", "mountPath": "/pki" }] }] } });
    let found = refused("privileges: image command runAsRoot", sidecar);
    assert_eq!(
        found,
        [
            "/spec/containers/0/volumeMounts/0: the node's /etc/kubernetes/pki would be mounted [hostPaths: [/etc/kubernetes/pki]]"
        ]
    );
    let writable =
        own(json!({ "volumeMounts": [{ "name": "k8s-certs", "mountPath": "/etc/kubernetes/pki", "readOnly": null }] }));
    let found = refused("", writable);
    assert!(found.iter().any(|line| line.contains("hostPaths: [/etc/kubernetes/pki]")), "{found:?}");
    let changed =
        json!({ "spec": { "volumes": [{ "name": "k8s-certs", "hostPath": { "path": "/etc/x/pki", "type": "" } }] } });
    let found = refused("", changed);
    assert!(found.iter().any(|line| line.contains("hostPaths: [/etc/x/pki]")), "{found:?}");
    // Who may mount a directory may not put it in the place of what others have mounted.
    let changed =
        json!({ "spec": { "volumes": [{ "name": "k8s-certs", "hostPath": { "path": "/etc/x/pki", "type": "" } }] } });
    let found = refused("hostPaths: /etc/x", changed);
    assert!(found.len() == 1 && found[0].contains("whoever mounts the volume `k8s-certs`"), "{found:?}");
    let gone = own(json!({ "volumeMounts": [{ "$patch": "delete", "mountPath": "/etc/kubernetes/pki" }] }));
    let found = refused("", gone);
    assert!(found.len() == 1 && found[0].contains("it would not see /etc/kubernetes/pki any more"), "{found:?}");
    let below = own(json!({ "volumeMounts": [{ "name": "k8s-certs", "mountPath": "/a", "subPath": "../../x" }] }));
    assert!(
        refused("hostPaths: /etc/kubernetes/pki", below).iter().any(|line| line.contains("leads out of its volume"))
    );
}

#[test]
fn what_it_is_cannot_change() {
    for (patch, expected) in [
        (json!({ "metadata": { "name": "other" } }), "/metadata/name: its name cannot be changed"),
        (json!({ "metadata": { "namespace": "default" } }), "/metadata/namespace: its namespace cannot be changed"),
        (json!({ "spec": null }), "/spec/containers: a pod needs a container"),
        (
            json!({ "spec": { "containers": [{ "$patch": "delete", "name": "kube-apiserver" }] } }),
            "/spec/containers: the container `kube-apiserver` must stay",
        ),
        (
            json!({ "spec": { "serviceAccountName": "x" } }),
            "/spec/serviceAccountName: a static pod can use nothing of the cluster's",
        ),
        (
            json!({ "spec": { "volumes": [{ "name": "s", "secret": { "secretName": "x" } }] } }),
            "/spec/volumes/0/secret: a static pod can use nothing of the cluster's",
        ),
        (
            own(json!({ "volumeMounts": [{ "name": "none", "mountPath": "/x" }] })),
            "/spec/containers/0/volumeMounts/0/name: there is no volume `none`",
        ),
        (own(json!({ "image": "" })), "/spec/containers/0/image: a container needs an image"),
        (own(json!({ "image": "a b" })), "/spec/containers/0/image: `a b` is no reference of an image"),
        (
            json!({ "spec": { "ephemeralContainers": [{ "name": "x", "image": "x" }] } }),
            "/spec/ephemeralContainers: a pod cannot begin with ephemeral containers",
        ),
        (
            json!([{ "op": "add", "path": "/spec/containers/-", "value": { "name": "kube-apiserver", "image": "x" } }]),
            "/spec/containers/1/name: there is another container `kube-apiserver`",
        ),
    ] {
        let found = refused(
            "privileges: image command runAsRoot securityFlags serviceAccount capabilities hostNetwork",
            patch.clone(),
        );
        assert!(found.iter().any(|line| line == expected), "{patch}: {found:#?}");
    }
    assert_eq!(
        document_change(&json!({}), &json!({ "a": 1 }), "kube-apiserver", &Grants::default())[0].grant.as_deref(),
        Some("patches: [kube-apiserver]")
    );
    let sidecar =
        patched(&recorded("etcd"), "etcd", json!({ "spec": { "containers": [{ "name": "x", "image": "x" }] } }));
    let found =
        refused_of("etcd", &sidecar, "", json!({ "spec": { "containers": [{ "$patch": "delete", "name": "x" }] } }));
    assert_eq!(
        found,
        [
            "/spec/containers: it takes the container `x` away: that takes the privilege `command` [privileges: [\"etcd:command\"]]"
        ]
    );
}

#[test]
fn everything_at_once() {
    let patch = json!({ "spec": {
        "hostPID": true,
        "containers": [{ "name": "kube-apiserver", "image": "x:1", "securityContext": { "privileged": true } }],
        "volumes": [{ "name": "v", "hostPath": { "path": "/root" } }],
    } });
    let found = refused("", patch);
    assert_eq!(
        found,
        [
            "/spec/hostPID: it would see every process of the node: that takes the privilege `hostPID` [privileges: [\"kube-apiserver:hostPID\"]]",
            "/spec/volumes/0/hostPath/path: the node's /root would be mounted [hostPaths: [/root]]",
            "/spec/containers/0/securityContext/privileged: a privileged container owns the node: that takes the privilege `privileged` [privileges: [\"kube-apiserver:privileged\"]]",
            "/spec/containers/0/image: it would run the image x:1: that takes the privilege `image` [privileges: [\"kube-apiserver:image\"]]",
        ]
    );
}

#[test]
fn root_is_asked_for_where_it_was_not() {
    let user = |id: i64| json!({ "spec": { "securityContext": { "runAsUser": id } } });
    let before = patched(&recorded("kube-apiserver"), "kube-apiserver", user(1000));
    for patch in [
        user(0),
        json!({ "spec": { "securityContext": { "runAsUser": null } } }),
        own(json!({ "securityContext": { "runAsUser": 0 } })),
    ] {
        let found = refused_of("kube-apiserver", &before, "", patch.clone());
        assert!(found.iter().any(|line| line.contains("kube-apiserver:runAsRoot")), "{patch} {found:?}");
    }
    assert_eq!(refused_of("kube-apiserver", &before, "", user(1001)), Vec::<String>::new());
    let before = patched(
        &recorded("kube-apiserver"),
        "kube-apiserver",
        own(json!({ "securityContext": { "allowPrivilegeEscalation": false, "capabilities": { "drop": ["ALL"] } } })),
    );
    let found = refused_of("kube-apiserver", &before, "", own(json!({ "securityContext": null })));
    assert_eq!(found.len(), 2, "{found:?}");
}

#[test]
fn configurations_of_the_kubelet() {
    let before = json!({
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "authentication": { "anonymous": { "enabled": false }, "webhook": { "enabled": true }, "x509": { "clientCAFile": "/etc/kubernetes/pki/ca.crt" } },
        "authorization": { "mode": "Webhook" },
        "staticPodPath": "/etc/kubernetes/manifests",
        "rotateCertificates": true,
    });
    for (patch, expected) in [
        (
            json!({ "authentication": { "anonymous": { "enabled": true } } }),
            "/authentication/anonymous/enabled: it lets in who has no name: that takes the privilege `securityFlags` [privileges: [\"kubeletconfiguration:securityFlags\"]]",
        ),
        (json!({ "authorization": { "mode": "AlwaysAllow" } }), "/authorization/mode"),
        (json!({ "authorization": null }), "/authorization/mode"),
        (json!({ "readOnlyPort": 10255 }), "/readOnlyPort"),
        (json!({ "staticPodURL": "http://x" }), "/staticPodURL"),
        (json!({ "rotateCertificates": false }), "/rotateCertificates"),
        (json!({ "allowedUnsafeSysctls": ["kernel.*"] }), "/allowedUnsafeSysctls"),
        (json!({ "featureGates": { "KubeletFineGrainedAuthz": false } }), "/featureGates"),
        (json!({ "kind": "Other" }), "/kind: it cannot be changed"),
    ] {
        let found = refused_of("kubeletconfiguration", &before, "", patch.clone());
        assert!(found.len() == 1 && found[0].starts_with(expected), "{patch}: {found:?}");
    }
    for patch in [
        json!({ "readOnlyPort": 0, "protectKernelDefaults": true, "tlsMinVersion": "VersionTLS13", "streamingConnectionIdleTimeout": "5m" }),
        json!({ "maxPods": 250, "enableDebuggingHandlers": false, "featureGates": { "ImageVolume": true } }),
    ] {
        assert_eq!(refused_of("kubeletconfiguration", &before, "", patch), Vec::<String>::new());
    }
}

#[test]
fn objects_of_another_plugin() {
    let before = json!({ "apiVersion": "v1", "kind": "List", "items": [
        { "apiVersion": "apps/v1", "kind": "Deployment", "metadata": { "name": "a", "namespace": "b" }, "spec": { "template": { "spec": {
            "hostUsers": false, "containers": [{ "name": "c", "image": "registry.k8s.io/c:1", "command": ["/c"] }],
        } } } },
        { "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "a", "namespace": "b" }, "data": {} },
    ] });
    let image = |image: &str| json!([{ "op": "replace", "path": "/items/0/spec/template/spec/containers/0/image", "value": image }]);
    assert_eq!(
        refused_of("plugin:other", &before, "privileges: image", image("mirror.example/c:1")),
        Vec::<String>::new()
    );
    assert_eq!(
        refused_of("plugin:other", &before, "", image("mirror.example/c:1")),
        [
            "items[0] Deployment b/a: /spec/template/spec/containers/0/image: it would run the image mirror.example/c:1: that takes the privilege `image` [privileges: [\"plugin:other:image\"]]"
        ]
    );
    for (patch, expected) in [
        (
            json!([{ "op": "remove", "path": "/items/1" }]),
            "/items: objects of another plugin cannot be added or taken away",
        ),
        (
            json!([{ "op": "replace", "path": "/items/1/metadata/namespace", "value": "kube-system" }]),
            "items[1] ConfigMap b/a: it cannot become another object",
        ),
        (
            json!([{ "op": "add", "path": "/items/0/spec/template/spec/hostNetwork", "value": true }]),
            "items[0] Deployment b/a: /spec/template/spec/hostNetwork",
        ),
        (
            json!([{ "op": "remove", "path": "/items/0/spec/template/spec/hostUsers" }]),
            "items[0] Deployment b/a: /spec/template/spec/hostUsers",
        ),
        (
            json!([{ "op": "add", "path": "/items/0/spec/template/spec/serviceAccountName", "value": "x" }]),
            "items[0] Deployment b/a: /spec/template/spec/serviceAccountName",
        ),
    ] {
        let found = refused_of("plugin:other", &before, "", patch.clone());
        assert!(found.len() == 1 && found[0].starts_with(expected), "{patch}: {found:?}");
    }
    assert_eq!(
        refused_of("plugin:other", &before, "", json!([{ "op": "add", "path": "/items/1/data/x", "value": "y" }])),
        Vec::<String>::new()
    );
}
