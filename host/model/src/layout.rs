//! Every path and well-known name, once.

/// Where kubeconfig files live.
pub const KUBERNETES_DIR: &str = "/etc/kubernetes";
/// The administrator's kubeconfig file.
pub const ADMIN_CONF: &str = "/etc/kubernetes/admin.conf";
/// Default of `certificatesDir`.
pub const CERTIFICATES_DIR: &str = "/etc/kubernetes/pki";
/// Where the kubelet keeps the certificates that it gets from the cluster.
pub const KUBELET_PKI_DIR: &str = "/var/lib/kubelet/pki";
/// Where the kubelet looks for static pods.
pub const MANIFESTS_DIR: &str = "/etc/kubernetes/manifests";
/// Scratch space that kubeadm and we share.
pub const TMP_DIR: &str = "/etc/kubernetes/tmp";
/// The kubelet's state.
pub const KUBELET_DIR: &str = "/var/lib/kubelet";
/// Default etcd data directory.
pub const ETCD_DATA_DIR: &str = "/var/lib/etcd";
/// The kubelet's configuration.
pub const KUBELET_CONFIG: &str = "/var/lib/kubelet/config.yaml";
/// The part of the kubelet's configuration that belongs to this node alone.
pub const KUBELET_INSTANCE_CONFIG: &str = "/var/lib/kubelet/instance-config.yaml";
/// Flags that the kubelet's unit reads.
pub const KUBELET_FLAGS_ENV: &str = "/var/lib/kubelet/kubeadm-flags.env";
/// Our own state: the journal.
pub const STATE_DIR: &str = "/var/lib/kubephase";
/// What files held that we replaced, laid out as on the node.
pub const BACKUP_DIR: &str = "/var/lib/kubephase/backup";

/// Default CRI endpoint.
pub const CONTAINERD_SOCKET: &str = "unix:///var/run/containerd/containerd.sock";
/// CRI endpoints that are looked for when none is named, in this order.
pub const CRI_SOCKETS: [&str; 3] =
    [CONTAINERD_SOCKET, "unix:///var/run/crio/crio.sock", "unix:///var/run/cri-dockerd.sock"];

/// Directories with CA certificates that are mounted into the API server and the controller manager if the host
/// has them. A release picks its own from these ([`crate::Release::ca_dirs`]).
pub const CA_DIR_CANDIDATES: [&str; 6] = [
    "/etc/pki",
    "/etc/pki/ca-trust",
    "/etc/pki/tls/certs",
    "/etc/ca-certificates",
    "/usr/share/ca-certificates",
    "/usr/local/share/ca-certificates",
];

/// kube-controller-manager's secure port.
pub const CONTROLLER_MANAGER_PORT: u16 = 10257;
/// kube-scheduler's secure port.
pub const SCHEDULER_PORT: u16 = 10259;
/// The kubelet's API.
pub const KUBELET_PORT: u16 = 10250;
/// etcd for clients.
pub const ETCD_CLIENT_PORT: u16 = 2379;
/// etcd for its peers.
pub const ETCD_PEER_PORT: u16 = 2380;
/// etcd's metrics and probes.
pub const ETCD_METRICS_PORT: u16 = 2381;

/// The taint and label of control-plane nodes.
pub const CONTROL_PLANE_TAINT: &str = "node-role.kubernetes.io/control-plane";

/// The resolver configuration of systemd-resolved that names real servers, not its own stub.
pub const RESOLVED_RESOLV_CONF: &str = "/run/systemd/resolve/resolv.conf";
