//! What is particular about each Kubernetes minor: one file per minor, each stating only what differs from the one
//! before it. Versions are asked named questions, never compared at the point of use.

use semver::Version;

use crate::report::Severity;

mod kernel;
mod removed_flags;
mod v1_20;
mod v1_34;
mod v1_35;
mod v1_36;
mod v1_37;

pub use kernel::{KernelConfig, KernelVersions};
pub use removed_flags::{REMOVED_FLAGS, RemovedFlag};

/// Every minor that can be deployed, oldest first. A new one is a file and a line.
pub static RELEASES: &[&Release] = &[&v1_20::V1_20, &v1_34::V1_34, &v1_35::V1_35, &v1_36::V1_36, &v1_37::V1_37];

/// The newest minor we know.
pub static NEWEST: &Release = &v1_37::V1_37;

/// The minor of the kubeadm that this program is compared with: what `config print` shows as default.
pub static REFERENCE: &Release = &v1_36::V1_36;

/// Images that a range of patch releases deploys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ImageRow {
    /// First patch of the range. It ends before the next row's; the last one is open.
    pub from: u64,
    /// CoreDNS's tag.
    pub coredns: &'static str,
    /// etcd's tag.
    pub etcd: &'static str,
    /// pause's tag.
    pub pause: &'static str,
}

/// Where CoreDNS's image is, below the repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CoreDnsPath {
    /// Always `coredns`.
    Flat,
    /// `coredns/coredns` in the default registry, `coredns` in any other.
    NestedInDefaultRegistry {
        /// Before this patch it was nested in every registry.
        since_patch: u64,
    },
}

/// Default registry, as a function of the patch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Registry {
    /// First patch that defaults to `registry.k8s.io`; `None` if every patch defaults to `k8s.gcr.io`.
    pub new_since_patch: Option<u64>,
    /// Where images of CI builds are.
    pub ci: &'static str,
}

/// The registry of Kubernetes since 2022.
pub const REGISTRY: &str = "registry.k8s.io";
/// The registry before, frozen in April 2023.
pub const OLD_REGISTRY: &str = "k8s.gcr.io";

/// One line of `config images list`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ImageKind {
    /// kube-apiserver.
    ApiServer,
    /// kube-controller-manager.
    ControllerManager,
    /// kube-scheduler.
    Scheduler,
    /// kube-proxy.
    Proxy,
    /// CoreDNS.
    CoreDns,
    /// The sandbox image.
    Pause,
    /// etcd.
    Etcd,
}

/// HTTP paths of a component's probes; `None` where it has no such probe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProbePaths {
    /// Liveness.
    pub liveness: &'static str,
    /// Readiness.
    pub readiness: Option<&'static str>,
    /// Startup.
    pub startup: Option<&'static str>,
}

/// Probes of the four static pods.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Probes {
    /// kube-apiserver.
    pub api_server: ProbePaths,
    /// kube-controller-manager.
    pub controller_manager: ProbePaths,
    /// kube-scheduler.
    pub scheduler: ProbePaths,
    /// etcd.
    pub etcd: ProbePaths,
    /// Seconds before the first liveness probe (its timeout is 15 s and its failure threshold 8, always).
    pub liveness_delay: u64,
}

/// How `extraArgs` are put together with our own arguments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ArgOrder {
    /// Ours without those that are overridden, then the user's, all sorted by name and value.
    MergedSorted,
    /// Ours sorted and without those that are overridden, then the user's in the given order.
    UserAppended,
}

/// Flags with which etcd checks itself and notifies watchers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EtcdFlags {
    /// None yet.
    None,
    /// `--experimental-initial-corrupt-check`, from this patch on.
    CorruptCheck {
        /// First patch.
        since_patch: u64,
    },
    /// That and `--experimental-watch-progress-notify-interval`.
    Experimental,
    /// The stable flags if etcd is 3.6 or newer, the experimental ones otherwise.
    ByEtcdVersion,
    /// The stable flags: `--feature-gates=InitialCorruptCheck=true`, `--watch-progress-notify-interval`.
    Stable,
}

/// When the kubelet is told the sandbox image by a flag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PodInfraFlag {
    /// Only with dockershim.
    Docker,
    /// With every runtime.
    Always,
    /// Never: the kubelet refuses the flag.
    Never,
}

/// Where the kubelet learns that systemd-resolved owns `/etc/resolv.conf`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResolvConf {
    /// By a flag.
    Flag,
    /// `resolvConf` in the configuration that all nodes share.
    Shared,
    /// `resolvConf` in this node's configuration, set when it is written.
    PerNode,
}

/// What cgroup v1 on the host means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CgroupV1 {
    /// Nothing.
    Fine,
    /// It is going away.
    Warning,
    /// The kubelet of this minor and newer ones refuses it unless told otherwise; older ones get the warning.
    ErrorFromKubelet(u64),
}

/// A program that must be in `PATH`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Program {
    /// Its name.
    pub name: &'static str,
    /// What its absence is.
    pub severity: Severity,
}

/// cgroup controllers that a check looks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Controllers {
    /// Their absence is an error.
    pub required: &'static [&'static str],
    /// Their absence is a warning.
    pub optional: &'static [&'static str],
}

/// What differs between minors in the objects that make CoreDNS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CoreDnsAddon {
    /// Keys of the taints (effect `NoSchedule`) that its pods tolerate.
    pub tolerated_taints: &'static [&'static str],
    /// Its pods stay away from each other, if they can.
    pub anti_affinity: bool,
    /// The ports of its probes have names; otherwise probes name the numbers.
    pub probe_port_names: bool,
    /// How the dropped capability is spelt.
    pub dropped_capability: &'static str,
    /// Its role reads EndpointSlices.
    pub endpoint_slices: bool,
    /// Its role reads Nodes.
    pub nodes: bool,
    /// The Corefile keeps the cluster's own names out of the cache.
    pub uncached_cluster_names: bool,
    /// Label `kubernetes.io/name` of the Service.
    pub service_label: &'static str,
}

/// A Kubernetes minor release as we deploy it: what kubeadm of the same minor would do.
#[derive(Debug)]
pub struct Release {
    /// 36 for v1.36.
    pub minor: u64,
    /// Newest patch we know to exist: what `stable-1.36` means without a network.
    pub newest_patch: u64,
    /// `apiVersion` in which kubeadm of that minor stores ClusterConfiguration, so that it can read ours.
    pub stored_api_version: &'static str,
    /// ConfigMap `kubeadm-config` also has the key `ClusterStatus`: the address of every API server, by node.
    pub cluster_status: bool,
    /// The stored configuration says `authorization-mode` even if nobody set it.
    pub stored_authorization_mode: bool,

    // Images.
    /// Tags by patch, ascending, the first row from patch 0.
    pub images: &'static [ImageRow],
    /// Where CoreDNS's image is.
    pub coredns_path: CoreDnsPath,
    /// Default registry.
    pub registry: Registry,
    /// Order of `config images list`.
    pub image_order: &'static [ImageKind],

    // Static pods.
    /// `priorityClassName`.
    pub priority_class: &'static str,
    /// Whether `priority: 2000001000` is written beside the class.
    pub pod_priority: bool,
    /// Whether the pod's seccomp profile is `RuntimeDefault`.
    pub seccomp: bool,
    /// Whether `metadata.creationTimestamp: null` is written, as Go's encoder did before it could leave structs out.
    pub null_creation_timestamp: bool,
    /// Whether containers have a port named `probe-port` that probes refer to; otherwise probes name the number.
    pub probe_port_name: bool,
    /// Probes.
    pub probes: Probes,
    /// Order of arguments.
    pub arg_order: ArgOrder,
    /// kube-apiserver: `--insecure-port=0`.
    pub insecure_port_zero: bool,
    /// kube-apiserver: `--service-account-issuer` and `--service-account-signing-key-file`.
    pub service_account_issuer: bool,
    /// kube-apiserver: `authorization-config` in extraArgs takes `--authorization-mode` out.
    pub authorization_config: bool,
    /// kube-controller-manager and kube-scheduler: `--port=0`, from this patch on.
    pub port_zero_since_patch: Option<u64>,
    /// kube-controller-manager: the flexvolume directory is mounted.
    pub flexvolume_dir: bool,
    /// kube-apiserver, kube-controller-manager, kube-scheduler, kube-proxy and the kubelet are told of the gate
    /// `IPv6DualStack` if it was set.
    pub dual_stack_component_gate: bool,
    /// Host directories with CA certificates that are mounted if they exist.
    pub ca_dirs: &'static [&'static str],
    /// etcd's version-dependent flags; ask [`Release::etcd_extra_args`].
    pub etcd_flags: EtcdFlags,
    /// etcd's resource requests.
    pub etcd_requests: &'static [(&'static str, &'static str)],
    /// Oldest external etcd (semver order).
    pub min_external_etcd: &'static str,

    // Certificates and kubeconfig files.
    /// Organizations of admin.conf's certificate.
    pub admin_organizations: &'static [&'static str],
    /// Whether super-admin.conf exists.
    pub super_admin: bool,
    /// Organizations of apiserver-kubelet-client; ask [`Release::kubelet_client_organizations`].
    pub kubelet_client_organizations: &'static [&'static str],
    /// First patch in which apiserver-kubelet-client has no organization.
    pub kubelet_client_bare_since_patch: Option<u64>,
    /// Organizations of apiserver-etcd-client and etcd/healthcheck-client.
    pub etcd_client_organizations: &'static [&'static str],
    /// Whether an authority's certificate has its CN as DNS name.
    pub ca_dns_name: bool,
    /// Whether other certificates say, by basic constraints, that they are no authorities.
    pub leaf_constraints: bool,
    /// Whether kubeconfig files have `preferences: {}`, as Go's encoder wrote before it could leave structs out.
    pub kubeconfig_preferences: bool,
    /// Whether certificates start five minutes before they are made; otherwise CAs start at once and others with
    /// their CA.
    pub backdated: bool,
    /// Whether controller-manager.conf and scheduler.conf point at this node's API server.
    pub local_controller_kubeconfigs: bool,
    /// Whether kubelet.conf of a control-plane node points at its own API server unless the gate
    /// `ControlPlaneKubeletLocalMode`, where it exists, says otherwise.
    pub local_kubelet_kubeconfig: bool,

    // Kubelet.
    /// `--container-runtime=remote`.
    pub container_runtime_flag: bool,
    /// `--pod-infra-container-image`.
    pub pod_infra_flag: PodInfraFlag,
    /// Whether dockershim exists: with its socket the kubelet gets `--network-plugin=cni` and no runtime flags.
    pub dockershim: bool,
    /// `/var/lib/kubelet/instance-config.yaml` instead of `--container-runtime-endpoint`, unless the gate
    /// `NodeLocalCRISocket` says otherwise.
    pub instance_config: bool,
    /// `cgroupDriver` that an empty field gets.
    pub cgroup_driver: Option<&'static str>,
    /// `resolvConf`.
    pub resolv_conf: ResolvConf,
    /// How many minors older a kubelet may be.
    pub kubelet_skew: u64,

    // Nodes and cluster objects.
    /// Labels of control-plane nodes.
    pub control_plane_labels: &'static [&'static str],
    /// Keys of the taints (effect `NoSchedule`) of control-plane nodes.
    pub control_plane_taints: &'static [&'static str],
    /// The CRI socket is written to the Node as an annotation.
    pub cri_socket_annotation: bool,
    /// ConfigMap and Role of the kubelet's configuration carry the minor in their name.
    pub versioned_kubelet_config_map: bool,
    /// KubeProxyConfiguration's empty `mode` is written as `iptables`.
    pub explicit_proxy_mode: bool,
    /// kube-proxy's pods tolerate `CriticalAddonsOnly` beside everything.
    pub kube_proxy_critical_toleration: bool,
    /// CoreDNS.
    pub coredns_addon: CoreDnsAddon,

    // Preflight.
    /// Swap.
    pub swap: Severity,
    /// Programs in `PATH`, in kubeadm's order. `crictl` is left out everywhere: kubeadm called it, we do not.
    pub programs: &'static [Program],
    /// `bridge-nf-call-iptables` (and its IPv6 sibling) must be 1.
    pub bridge_nf_call: bool,
    /// IP forwarding is checked for the cluster's IP families only; otherwise IPv4 always and IPv6 if this node
    /// advertises an IPv6 address.
    pub forwarding_by_family: bool,
    /// Kernel releases.
    pub kernel_versions: KernelVersions,
    /// Kernel options.
    pub kernel_config: KernelConfig,
    /// Controllers of cgroup v1.
    pub cgroup_v1_controllers: Controllers,
    /// Controllers of cgroup v2.
    pub cgroup_v2_controllers: Controllers,
    /// cgroup v1.
    pub cgroup_v1: CgroupV1,
    /// The container runtime must answer `RuntimeConfig`: a warning, fatal from the minor given.
    pub runtime_config_required_from: Option<u64>,
    /// `Port-*` checks bind the address that the component will bind; otherwise all addresses.
    pub port_checks_bind_address: bool,
}

impl Release {
    /// The release that `version` belongs to.
    pub fn of(version: &Version) -> Option<&'static Self> {
        RELEASES.iter().find(|release| version.major == 1 && release.minor == version.minor).copied()
    }

    /// `v1.36`.
    pub fn name(&self) -> String {
        format!("v1.{}", self.minor)
    }

    /// The newest version that is known of this minor.
    pub fn newest(&self) -> Version {
        Version::new(1, self.minor, self.newest_patch)
    }

    /// The oldest kubelet that fits.
    pub fn min_kubelet(&self) -> Version {
        Version::new(1, self.minor.saturating_sub(self.kubelet_skew), 0)
    }

    /// Image tags of a patch.
    pub fn image_row(&self, patch: u64) -> &'static ImageRow {
        const NONE: ImageRow = ImageRow { from: 0, coredns: "", etcd: "", pause: "" };
        self.images.iter().rev().find(|row| row.from <= patch).or(self.images.first()).unwrap_or(&NONE)
    }

    /// Tag of etcd's image.
    pub fn etcd_tag(&self, patch: u64) -> &'static str {
        self.image_row(patch).etcd
    }

    /// Tag of the sandbox image.
    pub fn pause_tag(&self, patch: u64) -> &'static str {
        self.image_row(patch).pause
    }

    /// Path below the repository and tag of CoreDNS's image.
    pub fn coredns(&self, patch: u64, repository: &str) -> (&'static str, &'static str) {
        let path = match self.coredns_path {
            CoreDnsPath::NestedInDefaultRegistry { since_patch }
                if patch < since_patch || repository == self.default_registry(patch) =>
            {
                "coredns/coredns"
            }
            _ => "coredns",
        };
        (path, self.image_row(patch).coredns)
    }

    /// What an empty `imageRepository` becomes.
    pub fn default_registry(&self, patch: u64) -> &'static str {
        match self.registry.new_since_patch {
            Some(since) if patch >= since => REGISTRY,
            _ => OLD_REGISTRY,
        }
    }

    /// Whether apiserver-kubelet-client has no organization in this patch, so that its user needs a binding of its own.
    pub fn bare_kubelet_client(&self, patch: u64) -> bool {
        self.kubelet_client_organizations(patch).is_empty()
    }

    /// kube-controller-manager and kube-scheduler get `--port=0`.
    pub fn port_zero(&self, patch: u64) -> bool {
        self.port_zero_since_patch.is_some_and(|since| patch >= since)
    }

    /// Organizations of the certificate with which the API server talks to kubelets.
    pub fn kubelet_client_organizations(&self, patch: u64) -> &'static [&'static str] {
        match self.kubelet_client_bare_since_patch {
            Some(since) if patch >= since => &[],
            _ => self.kubelet_client_organizations,
        }
    }

    /// etcd's version-dependent flags, for the tag that is deployed (the user's or [`Release::etcd_tag`]).
    pub fn etcd_extra_args(&self, patch: u64, etcd_tag: &str) -> &'static [(&'static str, &'static str)] {
        const CORRUPT: (&str, &str) = ("experimental-initial-corrupt-check", "true");
        const EXPERIMENTAL: &[(&str, &str)] = &[CORRUPT, ("experimental-watch-progress-notify-interval", "5s")];
        const STABLE: &[(&str, &str)] =
            &[("feature-gates", "InitialCorruptCheck=true"), ("watch-progress-notify-interval", "5s")];
        match self.etcd_flags {
            EtcdFlags::CorruptCheck { since_patch } if patch >= since_patch => &[CORRUPT],
            EtcdFlags::None | EtcdFlags::CorruptCheck { .. } => &[],
            EtcdFlags::Experimental => EXPERIMENTAL,
            // A tag that is no version counts as the release's own, which is new enough.
            EtcdFlags::ByEtcdVersion if parse_etcd(etcd_tag).is_some_and(|etcd| etcd < (3, 6)) => EXPERIMENTAL,
            EtcdFlags::ByEtcdVersion | EtcdFlags::Stable => STABLE,
        }
    }
}

/// Major and minor of an etcd tag such as `3.6.8-0` or `v3.5.24`.
fn parse_etcd(tag: &str) -> Option<(u64, u64)> {
    let mut parts = tag.strip_prefix('v').unwrap_or(tag).split('.');
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn releases_ascend_and_end_with_the_newest() {
        assert!(RELEASES.windows(2).all(|pair| pair[0].minor < pair[1].minor));
        assert_eq!(RELEASES.last().unwrap().minor, NEWEST.minor);
        assert!(RELEASES.iter().any(|release| release.minor == REFERENCE.minor));
        // From 1.34 on none is missing.
        let minors: Vec<u64> = RELEASES.iter().map(|r| r.minor).filter(|minor| *minor >= 34).collect();
        assert_eq!(minors, (34..=NEWEST.minor).collect::<Vec<_>>());
    }

    #[test]
    fn image_rows_start_at_zero_and_ascend() {
        for release in RELEASES {
            assert_eq!(release.images[0].from, 0, "{}", release.name());
            assert!(release.images.windows(2).all(|pair| pair[0].from < pair[1].from), "{}", release.name());
            assert!(release.images.iter().all(|row| row.from <= release.newest_patch), "{}", release.name());
            let mut kinds = release.image_order.to_vec();
            kinds.dedup();
            assert_eq!(kinds.len(), 7, "{}", release.name());
        }
    }

    #[test]
    fn what_each_minor_deploys() {
        for (minor, patch, coredns, etcd, pause, registry) in [
            (20, 2, ("coredns", "1.7.0"), "3.4.13-0", "3.2", OLD_REGISTRY),
            (34, 1, ("coredns/coredns", "v1.12.1"), "3.6.4-0", "3.10.1", REGISTRY),
            (34, 11, ("coredns/coredns", "v1.12.1"), "3.6.5-0", "3.10.1", REGISTRY),
            (35, 7, ("coredns/coredns", "v1.13.1"), "3.6.6-0", "3.10.1", REGISTRY),
            (36, 2, ("coredns/coredns", "v1.14.2"), "3.6.8-0", "3.10.2", REGISTRY),
            (37, 99, ("coredns/coredns", "v1.14.6"), "3.7.0-0", "3.10.2", REGISTRY),
        ] {
            let release = Release::of(&Version::new(1, minor, patch)).unwrap();
            assert_eq!(release.coredns(patch, registry), coredns);
            assert_eq!(release.coredns(patch, "registry.example.com").0, "coredns");
            assert_eq!(release.etcd_tag(patch), etcd);
            assert_eq!(release.pause_tag(patch), pause);
            assert_eq!(release.default_registry(patch), registry);
        }
        assert!(Release::of(&Version::new(1, 19, 0)).is_none());
        assert!(Release::of(&Version::new(2, 36, 0)).is_none());
    }

    #[test]
    fn questions_that_depend_on_the_patch() {
        let organizations = |minor, patch| {
            Release::of(&Version::new(1, minor, patch)).unwrap().kubelet_client_organizations(patch).to_vec()
        };
        assert_eq!(organizations(20, 2), ["system:masters"]);
        assert_eq!(organizations(34, 7), ["kubeadm:cluster-admins"]);
        for (minor, patch) in [(34, 8), (35, 5), (36, 1), (37, 0)] {
            assert!(organizations(minor, patch).is_empty(), "{minor}.{patch}");
        }
        assert_eq!(organizations(35, 4), ["kubeadm:cluster-admins"]);
        assert_eq!(organizations(36, 0), ["kubeadm:cluster-admins"]);
        assert!(Release::of(&Version::new(1, 20, 0)).unwrap().port_zero(0));
        assert!(!NEWEST.port_zero(0));
    }

    #[test]
    fn etcd_flags_follow_the_tag_only_where_both_kinds_are_known() {
        let first = |minor, tag| {
            let release = Release::of(&Version::new(1, minor, 3)).unwrap();
            release.etcd_extra_args(3, tag).first().map(|(name, _)| *name)
        };
        assert_eq!(first(20, "3.4.13-0"), None);
        assert_eq!(first(34, "3.5.21-0"), Some("experimental-initial-corrupt-check"));
        assert_eq!(first(34, "3.6.5-0"), Some("feature-gates"));
        assert_eq!(first(35, "custom"), Some("feature-gates"));
        assert_eq!(first(36, "3.5.21-0"), Some("feature-gates"));
    }
}
