//! The same against a real kubeadm 1.20, on this machine, now: `KUBEADM_1_20=/path/to/kubeadm`. `cargo xtask e2e` builds
//! one and runs this.
//!
//! Each configuration is given to it as v1beta2, its own newest version, and to kubephase as v1beta3, which has the
//! same fields; both deploy v1.20.2.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::deliberate::V1_20;
use crate::live::phases;
use crate::support::difference::{between, report};
use crate::support::meaning;
use crate::support::program::{Outcome, Program};
use crate::support::rootfs::Rootfs;
use crate::support::skipped;
use crate::support::tree::Tree;

/// Name, InitConfiguration, ClusterConfiguration, further documents.
type Configuration = (&'static str, &'static str, &'static str, &'static str);

const CONFIGURATIONS: &[Configuration] = &[
    ("defaults", "", "", ""),
    (
        "pod subnet and names",
        "nodeRegistration: {name: Node-A.example.com, criSocket: /var/run/crio/crio.sock}",
        "clusterName: prod\nnetworking: {podSubnet: 10.244.0.0/16, serviceSubnet: 10.200.0.0/20, dnsDomain: corp.internal}",
        "",
    ),
    (
        "extra arguments",
        "nodeRegistration:\n  criSocket: /run/containerd/containerd.sock\n  kubeletExtraArgs: {node-ip: 192.0.2.9, v: \"4\", node-labels: \"a=b,c=d\"}\n  taints: []",
        "apiServer:\n  extraArgs: {audit-log-path: /var/log/audit.log, authorization-mode: \"Node,RBAC,Webhook\", secure-port: \"7443\", v: \"2\"}\n\
         controllerManager:\n  extraArgs: {bind-address: 0.0.0.0, cluster-signing-duration: 1h, port: \"10252\"}\n\
         scheduler:\n  extraArgs: {bind-address: \"::\", leader-elect: \"false\"}\n\
         etcd:\n  local:\n    extraArgs: {quota-backend-bytes: \"8589934592\", listen-metrics-urls: \"http://0.0.0.0:2381\"}",
        "",
    ),
    (
        "volumes",
        "",
        "apiServer:\n  extraVolumes:\n  - {name: audit, hostPath: /var/log/audit, mountPath: /var/log/audit, pathType: DirectoryOrCreate}\n  \
         - {name: etc-x, hostPath: /etc/x, mountPath: /etc/x, readOnly: true}\n\
         controllerManager:\n  extraVolumes:\n  - {name: cloud, hostPath: /etc/cloud, mountPath: /etc/cloud, readOnly: true, pathType: File}\n  \
         extraArgs: {flex-volume-plugin-dir: /opt/flex}\n\
         scheduler:\n  extraVolumes:\n  - {name: a, hostPath: /a, mountPath: /b}",
        "",
    ),
    (
        "external etcd",
        "",
        "etcd:\n  external:\n    endpoints: [\"https://10.9.0.1:2379\", \"https://10.9.0.2:2379\"]\n    \
         caFile: /etc/etcd/ca.crt\n    certFile: /etc/etcd/client.crt\n    keyFile: /etc/etcd/keys/client.key",
        "",
    ),
    ("external etcd without TLS", "", "etcd:\n  external:\n    endpoints: [\"http://10.9.0.1:2379\"]", ""),
    (
        "local etcd elsewhere",
        "",
        "etcd:\n  local:\n    dataDir: /data/etcd\n    imageRepository: registry.example.com/etcd\n    imageTag: 3.4.9-1\n    \
         serverCertSANs: [etcd.example.com, 198.51.100.8]\n    peerCertSANs: [peer.example.com, \"2001:db8::8\"]",
        "",
    ),
    (
        "directories, ports and images",
        "localAPIEndpoint: {advertiseAddress: 192.0.2.77, bindPort: 7443}",
        "certificatesDir: /etc/kubernetes/keys\nimageRepository: registry.example.com:5000/k8s\n\
         apiServer: {certSANs: [API.example.com, 198.51.100.7, \"*.wild.example.com\"], timeoutForControlPlane: 6m30s}",
        "",
    ),
    ("control plane endpoint with port", "", "controlPlaneEndpoint: lb.example.com:8443", ""),
    ("control plane endpoint by name", "", "controlPlaneEndpoint: lb.example.com", ""),
    ("control plane endpoint by address", "", "controlPlaneEndpoint: 203.0.113.1:6443", ""),
    (
        "IPv6",
        "localAPIEndpoint: {advertiseAddress: \"2001:db8::5\"}",
        "networking: {podSubnet: \"2001:db8:2::/64\", serviceSubnet: \"2001:db8:1::/112\"}",
        "",
    ),
    (
        "dual stack",
        "",
        "featureGates: {IPv6DualStack: true}\n\
         networking: {podSubnet: \"10.244.0.0/16,2001:db8:2::/56\", serviceSubnet: \"10.96.0.0/16,2001:db8:1::/112\"}",
        "",
    ),
    ("ECDSA keys", "", "featureGates: {PublicKeysECDSA: true}", ""),
    (
        "dockershim",
        "nodeRegistration: {criSocket: /var/run/dockershim.sock}",
        "imageRepository: registry.example.com",
        "",
    ),
    (
        "component configurations",
        "",
        "",
        "---\napiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\ncgroupDriver: systemd\nmaxPods: 50\n\
         authentication: {anonymous: {enabled: true}, webhook: {cacheTTL: 90s}}\nfeatureGates: {Foo: true}\n\
         evictionHard: {nodefs.available: 5%}\nsystemReserved: {cpu: 100m}\nimageMinimumGCAge: 1h30m\nhealthzPort: 0\n\
         readOnlyPort: 10255\nclusterDomain: other.local\nstaticPodPath: /srv/manifests\nrotateCertificates: false\n\
         shutdownGracePeriod: 1m\n\
         ---\napiVersion: kubeproxy.config.k8s.io/v1alpha1\nkind: KubeProxyConfiguration\nmode: ipvs\n",
    ),
];

/// What every InitConfiguration has unless it says so itself.
const SOCKET: &str = "nodeRegistration: {criSocket: /run/containerd/containerd.sock}";
const ADDRESS: &str = "localAPIEndpoint: {advertiseAddress: 192.0.2.10}";

fn text(init: &str, cluster: &str, more: &str, version: &str) -> String {
    let own = |key: &str, default: &str| if init.contains(key) { String::new() } else { format!("{default}\n") };
    format!(
        "apiVersion: kubeadm.k8s.io/{version}\nkind: InitConfiguration\n{}{}{init}\n---\n\
         apiVersion: kubeadm.k8s.io/{version}\nkind: ClusterConfiguration\nkubernetesVersion: v1.20.2\n{cluster}\n{more}",
        own("nodeRegistration", SOCKET),
        own("localAPIEndpoint", ADDRESS),
    )
}

/// The kubeadm to compare with; None, said aloud, if none is given or it cannot be used.
fn kubeadm(test: &str) -> Option<Program> {
    let Some(path) = std::env::var_os("KUBEADM_1_20").map(PathBuf::from) else {
        skipped(test, "set KUBEADM_1_20 to a kubeadm v1.20 to compare with it; `cargo xtask e2e` does");
        return None;
    };
    if let Some(why) = Rootfs::unavailable() {
        skipped(test, &why);
        return None;
    }
    let kubeadm = Program::at(&path);
    let version = kubeadm.run(["version", "-o", "short"]);
    assert!(version.expect_code(0).out().starts_with("v1.20."), "{} is {}", path.display(), version.out());
    Some(kubeadm)
}

#[test]
fn kubeadm_1_20_writes_the_same() {
    let Some(kubeadm) = kubeadm("live_v1_20::kubeadm_1_20_writes_the_same") else { return };
    // Making keys takes most of the time: on every processor.
    let next = AtomicUsize::new(0);
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    let results: Vec<_> = std::thread::scope(|scope| {
        let work = || -> Vec<_> {
            let take = || CONFIGURATIONS.get(next.fetch_add(1, Ordering::Relaxed));
            std::iter::from_fn(take).map(|configuration| compare(&kubeadm, configuration)).collect()
        };
        let workers: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
        workers.into_iter().flat_map(|worker| worker.join().expect("a comparison")).collect()
    });
    let (used, failures): (Vec<_>, Vec<_>) = results.into_iter().partition(Result::is_ok);
    let failures: Vec<_> = failures.into_iter().filter_map(Result::err).collect();
    let used: BTreeSet<usize> = used.into_iter().flatten().flatten().collect();
    assert!(failures.is_empty(), "{} of {}:\n{}", failures.len(), CONFIGURATIONS.len(), failures.join("\n\n"));
    let stale: Vec<_> = V1_20.iter().enumerate().filter(|(i, _)| !used.contains(i)).map(|(_, d)| d.reason).collect();
    assert!(stale.is_empty(), "no longer true: {stale:?}");
}

#[test]
fn kubeadm_1_20_lists_the_same_images() {
    let Some(kubeadm) = kubeadm("live_v1_20::kubeadm_1_20_lists_the_same_images") else { return };
    for repository in ["k8s.gcr.io", "registry.example.com:5000/x"] {
        let words = ["config", "images", "list", "--kubernetes-version", "v1.20.2", "--image-repository", repository];
        let [theirs, ours] = [&kubeadm, &Program::kubephase()].map(|program| program.run(words));
        assert_eq!(theirs.expect_code(0).out(), ours.expect_code(0).out());
    }
}

/// The deliberate differences that were met, or the others.
fn compare(kubeadm: &Program, (name, init, cluster, more): &Configuration) -> Result<Vec<usize>, String> {
    let (theirs, their_tree) = run(kubeadm, &text(init, cluster, more, "v1beta2"));
    let (ours, our_tree) = run(&Program::kubephase(), &text(init, cluster, more, "v1beta3"));
    if let Some(failed) = [&theirs, &ours].into_iter().find(|outcome| outcome.code != Some(0)) {
        return Err(format!("{name}: {failed}"));
    }
    let (mut used, mut unexplained) = (Vec::new(), Vec::new());
    for difference in between(&meaning::of(&their_tree), &meaning::of(&our_tree)) {
        match V1_20.iter().position(|known| (known.explains)(&difference)) {
            Some(known) => used.push(known),
            None => unexplained.push(difference),
        }
    }
    if unexplained.is_empty() { Ok(used) } else { Err(format!("{name}: {}", report(&unexplained))) }
}

/// [`phases`] in a new root with the configuration.
fn run(program: &Program, config: &str) -> (Outcome, Tree) {
    // Handed to the static pods.
    let program = &program.clone().env("HTTPS_PROXY", "http://192.0.2.99:3128").env("no_proxy", "192.0.2.0/24");
    let root = Rootfs::with(|root| {
        std::fs::create_dir(root.join("case")).expect("the case's folder");
        // Of Red Hat's relatives: mounted where it exists.
        std::fs::create_dir(root.join("etc/pki")).expect("a directory with certificates");
        std::fs::write(root.join("case/config.yaml"), config).expect("the configuration");
    });
    phases(program, &root)
}
