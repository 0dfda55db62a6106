//! v1.20, the oldest minor so far: every answer is given here, later minors state what changed.

use super::{
    ArgOrder, CgroupV1, Controllers, CoreDnsPath, EtcdFlags, ImageKind, ImageRow, KernelConfig, KernelVersions,
    PodInfraFlag, ProbePaths, Probes, Program, Registry, Release, ResolvConf,
};
use crate::report::Severity::{Error, Warning};

const fn program(name: &'static str, severity: crate::Severity) -> Program {
    Program { name, severity }
}

/// v1.20.
pub(super) const V1_20: Release = Release {
    minor: 20,
    newest_patch: 15,
    stored_api_version: "kubeadm.k8s.io/v1beta2",

    images: &[ImageRow { from: 0, coredns: "1.7.0", etcd: "3.4.13-0", pause: "3.2" }],
    coredns_path: CoreDnsPath::Flat,
    registry: Registry { new_since_patch: None, ci: "gcr.io/k8s-staging-ci-images" },
    image_order: &[
        ImageKind::ApiServer,
        ImageKind::ControllerManager,
        ImageKind::Scheduler,
        ImageKind::Proxy,
        ImageKind::Pause,
        ImageKind::Etcd,
        ImageKind::CoreDns,
    ],

    priority_class: "system-node-critical",
    pod_priority: false,
    seccomp: false,
    null_creation_timestamp: true,
    probe_port_name: false,
    probes: Probes {
        api_server: ProbePaths { liveness: "/livez", readiness: Some("/readyz"), startup: Some("/livez") },
        controller_manager: ProbePaths { liveness: "/healthz", readiness: None, startup: Some("/healthz") },
        scheduler: ProbePaths { liveness: "/healthz", readiness: None, startup: Some("/healthz") },
        etcd: ProbePaths { liveness: "/health", readiness: None, startup: Some("/health") },
        liveness_delay: 10,
    },
    arg_order: ArgOrder::MergedSorted,
    insecure_port_zero: true,
    service_account_issuer: true,
    authorization_config: false,
    port_zero_since_patch: Some(0),
    flexvolume_dir: true,
    dual_stack_component_gate: true,
    ca_dirs: &["/etc/pki", "/etc/ca-certificates", "/usr/share/ca-certificates", "/usr/local/share/ca-certificates"],
    etcd_flags: EtcdFlags::None,
    etcd_requests: &[("cpu", "100m"), ("ephemeral-storage", "100Mi"), ("memory", "100Mi")],
    min_external_etcd: "3.2.18",

    admin_organizations: &["system:masters"],
    super_admin: false,
    kubelet_client_organizations: &["system:masters"],
    kubelet_client_bare_since_patch: None,
    etcd_client_organizations: &["system:masters"],
    ca_dns_name: false,
    leaf_constraints: false,
    kubeconfig_preferences: true,
    backdated: false,
    local_controller_kubeconfigs: true,
    local_kubelet_kubeconfig: false,

    container_runtime_flag: true,
    pod_infra_flag: PodInfraFlag::Docker,
    dockershim: true,
    instance_config: false,
    cgroup_driver: None,
    resolv_conf: ResolvConf::Shared,
    kubelet_skew: 1,

    control_plane_labels: &["node-role.kubernetes.io/master", "node-role.kubernetes.io/control-plane"],
    control_plane_taints: &["node-role.kubernetes.io/master"],
    cri_socket_annotation: true,
    versioned_kubelet_config_map: true,
    explicit_proxy_mode: false,

    swap: Error,
    programs: &[
        program("conntrack", Error),
        program("ip", Error),
        program("iptables", Error),
        program("mount", Error),
        program("nsenter", Error),
        program("ebtables", Warning),
        program("ethtool", Warning),
        program("socat", Warning),
        program("tc", Warning),
        program("touch", Warning),
    ],
    bridge_nf_call: true,
    forwarding_by_family: false,
    kernel_versions: KernelVersions { series: &[], from: (3, 10), severity: Error, wanted: "3.10 or newer" },
    kernel_config: KernelConfig {
        required: &[
            "NAMESPACES",
            "NET_NS",
            "PID_NS",
            "IPC_NS",
            "UTS_NS",
            "CGROUPS",
            "CGROUP_CPUACCT",
            "CGROUP_DEVICE",
            "CGROUP_FREEZER",
            "CGROUP_SCHED",
            "CPUSETS",
            "MEMCG",
            "INET",
            "EXT4_FS",
            "PROC_FS",
            "NETFILTER_XT_TARGET_REDIRECT|IP_NF_TARGET_REDIRECT",
            "NETFILTER_XT_MATCH_COMMENT",
        ],
        required_v1: &[],
        required_v2: &[],
        optional: &["OVERLAY_FS|OVERLAYFS_FS", "AUFS_FS", "BLK_DEV_DM"],
    },
    cgroup_v1_controllers: Controllers {
        required: &["cpu", "cpuacct", "cpuset", "devices", "freezer", "memory", "pids"],
        optional: &["hugetlb"],
    },
    cgroup_v2_controllers: Controllers {
        required: &["cpu", "cpuset", "devices", "freezer", "memory", "pids"],
        optional: &["hugetlb"],
    },
    cgroup_v1: CgroupV1::Fine,
    runtime_config_required_from: None,
    port_checks_bind_address: false,
};
