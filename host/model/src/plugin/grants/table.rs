//! What can be granted, by name.

/// Functions of `cap-facts.wit`, in its order.
pub const FACTS: &[&str] = &[
    "os",
    "kernel",
    "cpu",
    "memory",
    "hugepages",
    "numa",
    "pci",
    "block-devices",
    "mounts",
    "network",
    "modules",
    "command-line",
    "sysctl",
    "cgroup",
    "init-system",
    "runtime",
    "cluster",
];

/// Targets of patches, beside `plugin:<name>`, in the order of `mutator.wit`.
pub const PATCH_TARGETS: &[&str] = &[
    "etcd",
    "kube-apiserver",
    "kube-controller-manager",
    "kube-scheduler",
    "kubeletconfiguration",
    "kubeproxyconfiguration",
    "corednsdeployment",
    "kubeproxydaemonset",
];

/// Where privileges can be limited to, beside the targets of patches: a plugin's own workloads, and static pods that it
/// has written.
pub const OWN_TARGETS: &[&str] = &["objects", "writes"];

/// Privileges, and what one allows.
pub const PRIVILEGES: &[(&str, &str)] = &[
    ("image", "change which images a document runs"),
    ("command", "run another program than before, or add a container or a hook"),
    ("privileged", "run privileged containers, which own the node"),
    ("hostPID", "see and signal every process of the node"),
    ("hostIPC", "share the node's memory segments and semaphores"),
    ("hostNetwork", "use the node's network: listen on its addresses, reach what only it reaches"),
    ("capabilities", "add Linux capabilities, or lift what confines a container (seccomp, AppArmor, SELinux, procfs)"),
    ("runAsRoot", "run as root where the document did not, or allow to become root"),
    ("serviceAccount", "act as a service account that is not the plugin's own, or make tokens of one"),
    ("clusterAdmin", "give rights that lead to all rights in the cluster, or change how it admits and authenticates"),
    ("securityFlags", "change flags and settings that keep the cluster closed"),
];
