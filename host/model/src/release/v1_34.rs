//! v1.34, stated as what changed since [`V1_20`] until the minors between them are added.

use super::v1_20::V1_20;
use super::{
    CgroupV1, Controllers, CoreDnsAddon, CoreDnsPath, EtcdFlags, ImageKind, ImageRow, KernelConfig, KernelVersions,
    PodInfraFlag, ProbePaths, Probes, Program, Registry, Release, ResolvConf,
};
use crate::report::Severity::{Error, Warning};

/// v1.34.
pub(super) const V1_34: Release = Release {
    minor: 34,
    newest_patch: 11,
    stored_api_version: "kubeadm.k8s.io/v1beta4",
    cluster_status: false,
    stored_authorization_mode: false,
    images: &[
        ImageRow { from: 0, coredns: "v1.12.1", etcd: "3.6.4-0", pause: "3.10.1" },
        ImageRow { from: 2, coredns: "v1.12.1", etcd: "3.6.5-0", pause: "3.10.1" },
    ],
    coredns_path: CoreDnsPath::NestedInDefaultRegistry { since_patch: 0 },
    registry: Registry { new_since_patch: Some(0), ..V1_20.registry },
    image_order: &[
        ImageKind::ApiServer,
        ImageKind::ControllerManager,
        ImageKind::Scheduler,
        ImageKind::Proxy,
        ImageKind::CoreDns,
        ImageKind::Pause,
        ImageKind::Etcd,
    ],

    pod_priority: true,
    seccomp: true,
    null_creation_timestamp: false,
    probe_port_name: true,
    probes: Probes {
        scheduler: ProbePaths { liveness: "/livez", readiness: Some("/readyz"), startup: Some("/livez") },
        etcd: ProbePaths { liveness: "/livez", readiness: Some("/readyz"), startup: Some("/readyz") },
        ..V1_20.probes
    },
    insecure_port_zero: false,
    authorization_config: true,
    port_zero_since_patch: None,
    dual_stack_component_gate: false,
    ca_dirs: &[
        "/etc/pki/ca-trust",
        "/etc/pki/tls/certs",
        "/etc/ca-certificates",
        "/usr/share/ca-certificates",
        "/usr/local/share/ca-certificates",
    ],
    etcd_flags: EtcdFlags::ByEtcdVersion,
    etcd_requests: &[("cpu", "100m"), ("memory", "100Mi")],
    min_external_etcd: "3.5.24-0",

    admin_organizations: &["kubeadm:cluster-admins"],
    super_admin: true,
    kubelet_client_organizations: &["kubeadm:cluster-admins"],
    kubelet_client_bare_since_patch: Some(8),
    etcd_client_organizations: &[],
    ca_dns_name: true,
    leaf_constraints: true,
    kubeconfig_preferences: false,
    backdated: true,
    local_kubelet_kubeconfig: true,

    container_runtime_flag: false,
    pod_infra_flag: PodInfraFlag::Always,
    dockershim: false,
    instance_config: true,
    cgroup_driver: Some("systemd"),
    resolv_conf: ResolvConf::PerNode,
    kubelet_skew: 3,

    control_plane_labels: &[
        "node-role.kubernetes.io/control-plane",
        "node.kubernetes.io/exclude-from-external-load-balancers",
    ],
    control_plane_taints: &["node-role.kubernetes.io/control-plane"],
    cri_socket_annotation: false,
    versioned_kubelet_config_map: false,
    kube_proxy_critical_toleration: false,
    coredns_addon: CoreDnsAddon {
        tolerated_taints: &["node-role.kubernetes.io/control-plane"],
        anti_affinity: true,
        probe_port_names: true,
        dropped_capability: "ALL",
        endpoint_slices: true,
        nodes: false,
        uncached_cluster_names: true,
        service_label: "CoreDNS",
    },

    swap: Warning,
    programs: &[
        Program { name: "losetup", severity: Error },
        Program { name: "mount", severity: Error },
        Program { name: "cp", severity: Error },
    ],
    bridge_nf_call: false,
    forwarding_by_family: true,
    kernel_versions: KernelVersions {
        series: &[(5, 4), (5, 10), (5, 15)],
        from: (6, 0),
        severity: Warning,
        wanted: "5.4, 5.10, 5.15, or 6.0 and newer",
    },
    kernel_config: KernelConfig {
        required: &[
            "NAMESPACES",
            "NET_NS",
            "PID_NS",
            "IPC_NS",
            "UTS_NS",
            "CPUSETS",
            "MEMCG",
            "INET",
            "EXT4_FS",
            "PROC_FS",
            "NETFILTER_XT_TARGET_REDIRECT|IP_NF_TARGET_REDIRECT",
            "NETFILTER_XT_MATCH_COMMENT",
            "FAIR_GROUP_SCHED",
        ],
        required_v1: &["CGROUPS", "CGROUP_CPUACCT", "CGROUP_DEVICE", "CGROUP_FREEZER", "CGROUP_PIDS", "CGROUP_SCHED"],
        required_v2: &["CGROUPS", "CGROUP_BPF", "CGROUP_PIDS", "CGROUP_SCHED"],
        optional: &["OVERLAY_FS|OVERLAYFS_FS", "AUFS_FS", "BLK_DEV_DM", "CFS_BANDWIDTH", "SECCOMP", "SECCOMP_FILTER"],
    },
    cgroup_v1_controllers: Controllers { optional: &["hugetlb", "blkio"], ..V1_20.cgroup_v1_controllers },
    cgroup_v2_controllers: Controllers { optional: &["hugetlb", "io"], ..V1_20.cgroup_v2_controllers },
    cgroup_v1: CgroupV1::Warning,
    ..V1_20
};
