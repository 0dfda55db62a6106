use kubephase_model::Report;
use kubephase_model::cluster::Cluster;
use kubephase_model::config::v1beta4::{Arg, ArgValue, ExternalEtcd};
use serde_json::{Value, json};

use super::*;
use crate::patch::PatchSet;
use crate::recorded;

fn users() -> Rootless {
    Rootless {
        etcd: User { uid: 101, gid: 102 },
        kube_apiserver: User { uid: 102, gid: 103 },
        kube_controller_manager: User { uid: 103, gid: 104 },
        kube_scheduler: User { uid: 104, gid: 105 },
        sa_key_readers: 106,
    }
}

fn command(pod: &Value) -> Vec<&str> {
    pod["spec"]["containers"][0]["command"].as_array().unwrap().iter().filter_map(Value::as_str).collect()
}

fn has(pod: &Value, arg: &str) -> bool {
    command(pod).contains(&arg)
}

fn names<'a>(list: &'a Value, field: &str) -> Vec<&'a str> {
    list.as_array().into_iter().flatten().filter_map(|item| item[field].as_str()).collect()
}

#[test]
fn manifests_mean_what_kubeadms_mean() {
    for case in recorded::CASES {
        let cluster = recorded::cluster(case);
        let cx = PodContext { rootless: cluster.feature("RootlessControlPlane").then(users), ..PodContext::default() };
        let mut report = Report::default();
        let files = if case == "15-patches" { recorded::patches() } else { Vec::new() };
        let patches = PatchSet::parse(files, &mut report);
        assert!(report.problems.is_empty(), "{report}");
        for component in COMPONENTS {
            if component.name == "etcd" && cluster.external_etcd().is_some() {
                continue;
            }
            let pod = (component.render)(&cluster, &cx);
            let patched = patches.apply(component.target, pod).unwrap();
            assert!(patched.dropped.is_empty());
            let file = manifest(&patched.value, component.name);
            assert_eq!((file.mode, file.secret), (0o600, false));
            // Not only the same in meaning: the same text.
            let theirs = recorded::read(case, &format!("files{}", file.path)).unwrap();
            let (ours, theirs) = (String::from_utf8(file.contents).unwrap(), String::from_utf8(theirs).unwrap());
            assert!(ours == theirs, "{case}: {}:\n{ours}\n--- kubeadm's:\n{theirs}", component.name);
        }
    }
}

#[test]
fn our_pods_come_out_of_go_as_they_go_in() {
    for version in ["1.20.2", "1.34.0", "1.36.2", "1.37.0"] {
        for case in recorded::CASES {
            let cluster = recorded::of_version(case, version);
            let cx = PodContext { rootless: Some(users()), ..PodContext::default() };
            for component in COMPONENTS {
                let mut pod = (component.render)(&cluster, &cx);
                if let Some(metadata) = pod["metadata"].as_object_mut() {
                    metadata.remove("creationTimestamp");
                }
                assert_eq!(patch::recode("Pod", pod.clone()), pod, "{version} {case} {}", component.name);
            }
        }
    }
}

#[test]
fn v1_20_has_its_own_flags_probes_and_fields() {
    let mut cluster = recorded::of_version("20-minimal-config", "1.20.2");
    cluster.config.image_repository = "k8s.gcr.io".into();
    cluster.facts.ca_dirs.push("/etc/pki".into());
    let cx = PodContext::default();

    let api = kube_apiserver(&cluster, &cx);
    assert!(has(&api, "--insecure-port=0") && has(&api, "--authorization-mode=Node,RBAC"));
    assert!(has(&api, "--service-account-issuer=https://kubernetes.default.svc.cluster.local"));
    assert_eq!(api["metadata"].get("creationTimestamp"), Some(&Value::Null));
    let spec = &api["spec"];
    assert_eq!(spec.get("securityContext"), None);
    assert_eq!(spec.get("priority"), None);
    assert_eq!(spec["priorityClassName"], "system-node-critical");
    let container = &spec["containers"][0];
    assert_eq!(container.get("ports"), None);
    assert_eq!(container["livenessProbe"]["httpGet"]["port"], 6443);
    assert_eq!(container["image"], "k8s.gcr.io/kube-apiserver:v1.20.2");
    assert!(names(&spec["volumes"], "name").contains(&"etc-pki"));

    let kcm = kube_controller_manager(&cluster, &cx);
    assert!(has(&kcm, "--port=0"));
    let mounts = &kcm["spec"]["containers"][0]["volumeMounts"];
    let flexvolume = mounts.as_array().unwrap().iter().find(|mount| mount["name"] == "flexvolume-dir").unwrap();
    assert_eq!(
        *flexvolume,
        json!({ "name": "flexvolume-dir", "mountPath": "/usr/libexec/kubernetes/kubelet-plugins/volume/exec" })
    );

    let scheduler = kube_scheduler(&cluster, &cx);
    assert!(has(&scheduler, "--port=0"));
    let container = &scheduler["spec"]["containers"][0];
    assert_eq!(container["startupProbe"]["httpGet"]["path"], "/healthz");
    assert_eq!(container.get("readinessProbe"), None);

    let etcd = etcd(&cluster, &cx);
    let container = &etcd["spec"]["containers"][0];
    assert_eq!(container["image"], "k8s.gcr.io/etcd:3.4.13-0");
    assert_eq!(
        container["resources"]["requests"],
        json!({ "cpu": "100m", "memory": "100Mi", "ephemeral-storage": "100Mi" })
    );
    assert_eq!(
        container["livenessProbe"]["httpGet"],
        json!({ "host": "127.0.0.1", "path": "/health", "port": 2381, "scheme": "HTTP" })
    );
    assert!(!command(&etcd).iter().any(|arg| arg.contains("feature-gates") || arg.contains("notify-interval")));

    // Overrides are sorted in among ours.
    cluster.config.scheduler.extra_args = vec![Arg::new("v", "2"), Arg::new("bind-address", "0.0.0.0")];
    let scheduler = kube_scheduler(&cluster, &cx);
    assert_eq!(
        command(&scheduler),
        [
            "kube-scheduler",
            "--authentication-kubeconfig=/etc/kubernetes/scheduler.conf",
            "--authorization-kubeconfig=/etc/kubernetes/scheduler.conf",
            "--bind-address=0.0.0.0",
            "--kubeconfig=/etc/kubernetes/scheduler.conf",
            "--leader-elect=true",
            "--port=0",
            "--v=2",
        ]
    );
    assert_eq!(scheduler["spec"]["containers"][0]["livenessProbe"]["httpGet"].get("host"), None);

    cluster.config.feature_gates.insert("IPv6DualStack".into(), false);
    assert!(has(&kube_apiserver(&cluster, &cx), "--feature-gates=IPv6DualStack=false"));
    assert!(has(&kube_controller_manager(&cluster, &cx), "--feature-gates=IPv6DualStack=false"));
}

#[test]
fn etcds_flags_follow_its_version_where_the_release_has_both() {
    let mut cluster = recorded::of_version("20-minimal-config", "1.34.1");
    let cx = PodContext::default();
    assert!(has(&etcd(&cluster, &cx), "--feature-gates=InitialCorruptCheck=true"));
    cluster.config.etcd.local.as_mut().unwrap().image_tag = "3.5.24-0".into();
    let pod = etcd(&cluster, &cx);
    assert!(
        has(&pod, "--experimental-initial-corrupt-check=true") && !has(&pod, "--watch-progress-notify-interval=5s")
    );
    // 1.35 still mounts the flexvolume directory, where the user says it is.
    let mut cluster = recorded::of_version("20-minimal-config", "1.35.0");
    cluster.config.controller_manager.extra_args = vec![Arg::new("flex-volume-plugin-dir", "/opt/flex")];
    let pod = kube_controller_manager(&cluster, &cx);
    assert!(names(&pod["spec"]["containers"][0]["volumeMounts"], "mountPath").contains(&"/opt/flex"));
}

#[test]
fn ipv6_is_bracketed_where_a_port_follows() {
    let mut cluster = recorded::cluster("20-minimal-config");
    cluster.init.local_api_endpoint.advertise_address = "2001:db8::10".into();
    let cx = PodContext::default();
    let api = kube_apiserver(&cluster, &cx);
    assert!(has(&api, "--advertise-address=2001:db8::10") && has(&api, "--etcd-servers=https://[::1]:2379"));
    assert_eq!(
        api["metadata"]["annotations"]["kubeadm.kubernetes.io/kube-apiserver.advertise-address.endpoint"],
        "[2001:db8::10]:6443"
    );
    assert_eq!(api["spec"]["containers"][0]["livenessProbe"]["httpGet"]["host"], "2001:db8::10");
    let etcd = etcd(&cluster, &cx);
    for arg in [
        "--listen-client-urls=https://[::1]:2379,https://[2001:db8::10]:2379",
        "--listen-metrics-urls=http://[::1]:2381",
        "--initial-cluster=cp3=https://[2001:db8::10]:2380",
    ] {
        assert!(has(&etcd, arg), "{arg}");
    }
    assert_eq!(etcd["spec"]["containers"][0]["startupProbe"]["httpGet"]["host"], "::1");
}

#[test]
fn a_joining_member_names_them_all() {
    let cluster = recorded::cluster("20-minimal-config");
    let member = |name: &str, ip: &str| (name.to_owned(), format!("https://{ip}:2380"));
    let cx = PodContext {
        etcd_members: vec![member("cp1", "10.0.0.1"), member("cp3", "10.77.0.13")],
        ..PodContext::default()
    };
    let pod = etcd(&cluster, &cx);
    assert!(has(&pod, "--initial-cluster=cp1=https://10.0.0.1:2380,cp3=https://10.77.0.13:2380"));
    assert!(has(&pod, "--initial-cluster-state=existing"));
}

#[test]
fn an_external_ca_leaves_nothing_to_sign_with() {
    let cluster = recorded::cluster("20-minimal-config");
    let pod = kube_controller_manager(&cluster, &PodContext { external_ca: true, ..PodContext::default() });
    assert!(has(&pod, "--cluster-signing-cert-file=") && has(&pod, "--cluster-signing-key-file="));
}

#[test]
fn user_settings_that_change_ours() {
    let mut cluster = recorded::cluster("20-minimal-config");
    cluster.facts.proxy_env = vec![("https_proxy".into(), "http://p".into())];
    cluster.config.api_server.component.extra_args =
        vec![Arg::new("authorization-config", "/etc/kubernetes/authz.yaml"), Arg::new("secure-port", "7443")];
    cluster.config.etcd.local.as_mut().unwrap().extra_args = vec![Arg::new("advertise-client-urls", "https://e:1")];
    let cx = PodContext::default();
    let api = kube_apiserver(&cluster, &cx);
    assert!(!command(&api).iter().any(|arg| arg.starts_with("--authorization-mode")));
    assert!(has(&api, "--etcd-servers=https://e:1"));
    assert_eq!(api["spec"]["containers"][0]["ports"][0]["containerPort"], 6443);
    assert_eq!(api["spec"]["containers"][0]["env"], json!([{ "name": "https_proxy", "value": "http://p" }]));
    assert_eq!(etcd(&cluster, &cx)["spec"]["containers"][0].get("env"), None);

    cluster.config.certificates_dir = "/srv//pki/".into();
    assert!(has(&kube_apiserver(&cluster, &cx), "--client-ca-file=/srv/pki/ca.crt"));
}

fn external_mounts(files: [&str; 3]) -> Vec<String> {
    let mut cluster: Cluster = recorded::cluster("20-minimal-config");
    let [ca, cert, key] = files.map(|file| ArgValue(file.into()));
    cluster.config.etcd.local = None;
    cluster.config.etcd.external =
        Some(ExternalEtcd { ca_file: ca, cert_file: cert, key_file: key, ..ExternalEtcd::default() });
    let pod = kube_apiserver(&cluster, &PodContext::default());
    let volumes = pod["spec"]["volumes"].as_array().unwrap().iter();
    volumes
        .filter(|volume| volume["name"].as_str().unwrap().starts_with("etcd-certs-"))
        .map(|volume| volume["hostPath"]["path"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn directories_of_an_external_etcds_certificates_are_mounted_once() {
    for (files, dirs) in [
        (["/etc/etcd/pki/ca.crt", "/etc/etcd/pki/c.crt", "/etc/etcd/pki/c.key"], vec!["/etc/etcd/pki"]),
        (["/a/b/ca.crt", "/a/c.crt", "/a/b/c/c.key"], vec!["/a"]),
        (["/z/ca.crt", "/a/c.crt", "/m/c.key"], vec!["/a", "/m", "/z"]),
        (["/etc/kubernetes/pki/etcd/ca.crt", "/etc/ssl/certs/x/c.crt", "/etc/pki/ca-trust/k/c.key"], vec![]),
        (["", "", ""], vec![]),
    ] {
        assert_eq!(external_mounts(files), dirs, "{files:?}");
    }
}

#[test]
fn rootless_components_own_what_they_read() {
    let cluster = recorded::cluster("12-feature-gates");
    let own = |path: &str, uid, gid, mode| Owner { path: path.into(), uid, gid, mode };
    assert_eq!(
        owners(&ETCD, &cluster, &users(), false),
        [
            own("/var/lib/etcd", 101, 102, None),
            own("/etc/kubernetes/pki/etcd/server.key", 101, 102, Some(0o600)),
            own("/etc/kubernetes/pki/etcd/peer.key", 101, 102, Some(0o600)),
        ]
    );
    assert_eq!(
        owners(&KUBE_CONTROLLER_MANAGER, &cluster, &users(), true),
        [
            own("/etc/kubernetes/controller-manager.conf", 103, 104, Some(0o600)),
            own("/etc/kubernetes/pki/sa.key", 0, 106, Some(0o640)),
        ]
    );
    assert_eq!(owners(&KUBE_APISERVER, &cluster, &users(), false).len(), 6);
    assert_eq!(
        owners(&KUBE_SCHEDULER, &cluster, &users(), false),
        [own("/etc/kubernetes/scheduler.conf", 104, 105, Some(0o600))]
    );
}
