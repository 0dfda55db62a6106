use kubephase_model::Report;
use kubephase_model::config::v1beta4::{Arg, TaintEffect, Taints};
use serde_json::json;

use super::*;
use crate::recorded;

fn no_patches() -> PatchSet {
    PatchSet::default()
}

fn flags_line(cluster: &Cluster, role: Role) -> String {
    String::from_utf8(flags_env(cluster, role).contents).unwrap()
}

#[test]
fn files_are_kubeadms_to_the_byte() {
    for case in recorded::CASES {
        let cluster = recorded::cluster(case);
        let mut report = Report::default();
        let files = if case == "15-patches" { recorded::patches() } else { Vec::new() };
        let rendered = config(&cluster, &PatchSet::parse(files, &mut report)).unwrap();
        assert_eq!(rendered.problems, [], "{case}");
        assert_eq!(rendered.applied.len(), usize::from(case == "15-patches"));
        for file in [rendered.file, instance_config(&cluster).unwrap(), flags_env(&cluster, Role::ControlPlane)] {
            assert_eq!((file.mode, file.secret), (0o644, false));
            let theirs = String::from_utf8(recorded::read(case, &format!("files{}", file.path)).unwrap()).unwrap();
            assert_eq!(String::from_utf8(file.contents).unwrap(), theirs, "{case}: {}", file.path);
        }
    }
}

#[test]
fn the_stub_of_systemd_resolved_is_avoided() {
    let mut cluster = recorded::cluster("20-minimal-config");
    cluster.facts.systemd_resolved = true;
    let resolv_conf = |cluster: &Cluster| {
        let file = config(cluster, &no_patches()).unwrap().file;
        let value: Value = serde_yaml::from_slice(&file.contents).unwrap();
        value["resolvConf"].as_str().map(str::to_owned)
    };
    assert_eq!(resolv_conf(&cluster).as_deref(), Some("/run/systemd/resolve/resolv.conf"));
    cluster.kubelet["resolvConf"] = "/etc/mine".into();
    assert_eq!(resolv_conf(&cluster).as_deref(), Some("/etc/mine"));
}

#[test]
fn patches_come_before_the_cri_endpoint_and_may_delete() {
    let cluster = recorded::cluster("20-minimal-config");
    let mut report = Report::default();
    let patch = "containerRuntimeEndpoint: unix:///other\nhealthzPort: null\nmaxPod: 5\nclusterDNS: [10.0.0.1]\n";
    let patches = PatchSet::parse(vec![("kubeletconfiguration.yaml".into(), patch.into())], &mut report);
    let rendered = config(&cluster, &patches).unwrap();
    let value: Value = serde_yaml::from_slice(&rendered.file.contents).unwrap();
    assert_eq!(value["containerRuntimeEndpoint"], "unix:///var/run/containerd/containerd.sock");
    assert_eq!(value.get("healthzPort"), None);
    assert_eq!(value["clusterDNS"], json!(["10.0.0.1"]));
    // The kubelet would not start with this one.
    let [(path, Issue::Unknown { suggestion })] = rendered.problems.as_slice() else {
        panic!("{:?}", rendered.problems)
    };
    assert_eq!((path.as_str(), *suggestion), ("maxPod", Some("maxPods")));
}

#[test]
fn the_socket_is_a_flag_without_instance_config() {
    let mut cluster = recorded::cluster("20-minimal-config");
    cluster.config.feature_gates.insert("NodeLocalCRISocket".into(), false);
    assert_eq!(instance_config(&cluster), None);
    assert_eq!(
        flags_line(&cluster, Role::ControlPlane),
        "KUBELET_KUBEADM_ARGS=\"--container-runtime-endpoint=unix:///var/run/containerd/containerd.sock\"\n"
    );
    let file = config(&cluster, &no_patches()).unwrap().file;
    let value: Value = serde_yaml::from_slice(&file.contents).unwrap();
    assert_eq!(value["containerRuntimeEndpoint"], "");
}

#[test]
fn each_minor_has_its_flags() {
    let minimal = |version| recorded::of_version("20-minimal-config", version);
    let line = |cluster: &Cluster| flags_line(cluster, Role::ControlPlane);
    assert_eq!(line(&minimal("1.36.0")), "KUBELET_KUBEADM_ARGS=\"\"\n");
    assert_eq!(
        line(&minimal("1.34.0")),
        "KUBELET_KUBEADM_ARGS=\"--pod-infra-container-image=registry.k8s.io/pause:3.10.1\"\n"
    );
    let mut old = minimal("1.20.2");
    old.init.node_registration.cri_socket = "/run/containerd/containerd.sock".into();
    assert_eq!(
        line(&old),
        "KUBELET_KUBEADM_ARGS=\"--container-runtime=remote \
         --container-runtime-endpoint=/run/containerd/containerd.sock\"\n"
    );
    old.init.node_registration.cri_socket = "/var/run/dockershim.sock".into();
    assert_eq!(
        line(&old),
        "KUBELET_KUBEADM_ARGS=\"--network-plugin=cni --pod-infra-container-image=registry.k8s.io/pause:3.2\"\n"
    );
}

#[test]
fn a_worker_registers_its_taints() {
    let mut cluster = recorded::cluster("20-minimal-config");
    let taint = |key: &str, value: &str, effect: &str| Taint {
        key: key.into(),
        value: value.into(),
        effect: TaintEffect(effect.into()),
        time_added: None,
    };
    cluster.init.node_registration.taints = Taints(Some(vec![
        taint("a", "b", "NoSchedule"),
        taint("c", "", "NoExecute"),
        taint("d", "e", ""),
        taint("f", "", ""),
    ]));
    assert_eq!(flags_line(&cluster, Role::ControlPlane), "KUBELET_KUBEADM_ARGS=\"\"\n");
    assert_eq!(
        flags_line(&cluster, Role::Worker),
        "KUBELET_KUBEADM_ARGS=\"--register-with-taints=a=b:NoSchedule,c:NoExecute,d=e:,f\"\n"
    );
    // The host name is compared as the kubelet would use it.
    cluster.facts.hostname = " CP3\n".into();
    cluster.init.node_registration.kubelet_extra_args = vec![Arg::new("v", "\"x\\")];
    assert_eq!(flags_line(&cluster, Role::ControlPlane), "KUBELET_KUBEADM_ARGS=\"--v=\\\"x\\\\\"\n");
}
