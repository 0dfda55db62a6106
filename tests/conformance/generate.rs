//! Configurations that nobody thought of: mostly valid, made of a seed, the same in every run.

use std::fmt::Write as _;

use fastrand::Rng;

/// A configuration file, of which kubeadm accepts most.
pub fn configuration(seed: u64) -> String {
    let rng = &mut Rng::with_seed(seed);
    let networking = Networking::new(rng);
    let mut text = String::new();
    let out = &mut text;
    init(out, rng, &networking);
    cluster(out, rng, &networking);
    if rng.bool() {
        kubelet(out, rng);
    }
    if rng.u8(..4) == 0 {
        out.push_str("---\napiVersion: kubeproxy.config.k8s.io/v1alpha1\nkind: KubeProxyConfiguration\n");
        line(out, 0, "mode", one(rng, &["ipvs", "nftables", "iptables"]));
    }
    text
}

/// Subnets and an address of one family, or of two.
struct Networking {
    address: String,
    services: Option<String>,
    pods: Option<String>,
}

impl Networking {
    fn new(rng: &mut Rng) -> Self {
        let v4 = (
            format!("192.0.2.{}", rng.u8(1..255)),
            format!("10.{}.0.0/16", rng.u8(100..200)),
            format!("10.{}.0.0/{}", rng.u8(..90), rng.u8(16..25)),
        );
        let v6 = (
            format!("2001:db8::{:x}", rng.u16(1..)),
            "2001:db8:1::/112".to_string(),
            format!("2001:db8:2::/{}", rng.u8(48..65)),
        );
        match rng.u8(..6) {
            0 => Self { address: v6.0, services: Some(v6.1), pods: Some(v6.2) },
            1 => Self {
                address: v4.0,
                services: Some(format!("{},{}", v4.1, v6.1)),
                pods: Some(format!("{},{}", v4.2, v6.2)),
            },
            2 => Self {
                address: v6.0,
                services: Some(format!("{},{}", v6.1, v4.1)),
                pods: Some(format!("{},{}", v6.2, v4.2)),
            },
            _ => Self { address: v4.0, services: rng.bool().then_some(v4.1), pods: rng.bool().then_some(v4.2) },
        }
    }
}

fn init(out: &mut String, rng: &mut Rng, networking: &Networking) {
    out.push_str("apiVersion: kubeadm.k8s.io/v1beta4\nkind: InitConfiguration\n");
    out.push_str("localAPIEndpoint:\n");
    line(out, 2, "advertiseAddress", &networking.address);
    if rng.bool() {
        line(out, 2, "bindPort", &rng.u16(1024..).to_string());
    }
    out.push_str("nodeRegistration:\n");
    line(out, 2, "name", one(rng, &["node-1", "Node-2", "a.b.example.com", "42"]));
    line(
        out,
        2,
        "criSocket",
        one(rng, &["unix:///var/run/containerd/containerd.sock", "unix:///var/run/crio/crio.sock", "/run/x.sock"]),
    );
    if rng.bool() {
        out.push_str("  kubeletExtraArgs:\n");
        arguments(out, rng, 2, &["node-labels", "node-ip", "v", "hostname-override", "cloud-provider", "root-dir"]);
    }
    match rng.u8(..4) {
        0 => line(out, 2, "taints", "[]"),
        1 => out.push_str("  taints:\n  - {key: dedicated, value: infra, effect: NoSchedule}\n"),
        _ => {}
    }
    if rng.bool() {
        line(out, 2, "imagePullPolicy", one(rng, &["Always", "Never", "IfNotPresent"]));
    }
}

fn cluster(out: &mut String, rng: &mut Rng, networking: &Networking) {
    out.push_str("---\napiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration\n");
    // kubeadm takes an older patch release and writes what its own would not; from 1.36.2 on there is no difference.
    line(out, 0, "kubernetesVersion", one(rng, &["v1.36.2", "1.36.2", "v1.36.9", "v1.36.2+build.5"]));
    if rng.bool() {
        let endpoint = one(
            rng,
            &["lb.example.com", "lb.example.com:8443", "203.0.113.1:6443", "[2001:db8::99]:6443", "2001:db8::98"],
        );
        line(out, 0, "controlPlaneEndpoint", &format!("{endpoint:?}"));
    }
    if rng.bool() {
        line(out, 0, "imageRepository", one(rng, &["registry.example.com:5000/k8s", "localhost/x", "registry.k8s.io"]));
    }
    if rng.bool() {
        line(out, 0, "clusterName", one(rng, &["prod", "a.b", "kubernetes"]));
    }
    if rng.u8(..3) == 0 {
        line(out, 0, "certificatesDir", one(rng, &["/srv/pki", "/etc/kubernetes/pki/deep", "/etc/ssl/certs/k8s"]));
    }
    // Mostly ECDSA: RSA keys take most of the time otherwise.
    line(
        out,
        0,
        "encryptionAlgorithm",
        one(rng, &["ECDSA-P256", "ECDSA-P256", "ECDSA-P384", "RSA-2048", "ECDSA-P256"]),
    );
    if rng.bool() {
        line(out, 0, "certificateValidityPeriod", one(rng, &["1h", "100h30m", "8760h0m0s", "90m", "87600h"]));
        line(out, 0, "caCertificateValidityPeriod", one(rng, &["200h", "876000h", "87600h0m0s"]));
    }
    out.push_str("networking:\n");
    line(out, 2, "dnsDomain", one(rng, &["cluster.local", "corp.internal", "x"]));
    for (key, value) in [("serviceSubnet", &networking.services), ("podSubnet", &networking.pods)] {
        if let Some(value) = value {
            line(out, 2, key, value);
        }
    }
    out.push_str("apiServer:\n  certSANs:\n");
    for _ in 0..rng.u8(1..4) {
        let san = one(
            rng,
            &["API.example.com", "*.wild.example.com", "198.51.100.7", "2001:db8::7", "localhost", "kubernetes"],
        );
        let _ = writeln!(out, "  - {san:?}");
    }
    component(
        out,
        rng,
        &[
            "audit-log-path",
            "v",
            "authorization-mode",
            "service-account-issuer",
            "oidc-issuer-url",
            "secure-port",
            "advertise-address",
            "tls-min-version",
        ],
    );
    out.push_str("controllerManager:\n  extraEnvs:\n  - {name: EMPTY, value: \"\"}\n");
    // The mask sizes must fit the pod subnet.
    component(
        out,
        rng,
        &[
            "bind-address",
            "leader-elect",
            "v",
            "cluster-name",
            "use-service-account-credentials",
            "terminated-pod-gc-threshold",
        ],
    );
    out.push_str("scheduler:\n  extraEnvs:\n  - {name: A, value: b}\n");
    component(out, rng, &["bind-address", "v", "kubeconfig", "leader-elect"]);
    etcd(out, rng);
    if rng.u8(..4) == 0 {
        out.push_str("dns: {disabled: true}\nproxy: {disabled: true}\n");
    }
}

fn etcd(out: &mut String, rng: &mut Rng) {
    out.push_str("etcd:\n");
    if rng.u8(..4) == 0 {
        let scheme = one(rng, &["https", "http"]);
        let _ = writeln!(
            out,
            "  external:\n    endpoints: [\"{scheme}://10.9.0.1:2379\", \"{scheme}://[2001:db8::e]:2379\"]"
        );
        if scheme == "https" {
            line(out, 4, "caFile", "/etc/etcd/ca.crt");
            line(out, 4, "certFile", one(rng, &["/etc/etcd/client.crt", "/etc/kubernetes/pki/etcd-client.crt"]));
            line(out, 4, "keyFile", "/etc/etcd/keys/client.key");
        }
        return;
    }
    out.push_str("  local:\n");
    line(out, 4, "dataDir", one(rng, &["/var/lib/etcd", "/srv/etcd/data"]));
    if rng.bool() {
        line(out, 4, "serverCertSANs", "[etcd.example.com, 198.51.100.8]");
        line(out, 4, "peerCertSANs", "[\"2001:db8::8\", peer.example.com]");
    }
    if rng.bool() {
        line(out, 4, "imageTag", one(rng, &["3.6.8-0", "3.5.21-0", "v9"]));
    }
    if rng.bool() {
        out.push_str("    extraArgs:\n");
        arguments(
            out,
            rng,
            4,
            &["heartbeat-interval", "listen-metrics-urls", "listen-client-urls", "quota-backend-bytes", "name"],
        );
    }
    if rng.bool() {
        out.push_str("    extraEnvs:\n    - {name: ETCD_QUOTA_BACKEND_BYTES, value: \"8589934592\"}\n");
    }
}

fn component(out: &mut String, rng: &mut Rng, names: &[&str]) {
    if rng.bool() {
        out.push_str("  extraArgs:\n");
        arguments(out, rng, 2, names);
    }
    if rng.bool() {
        out.push_str("  extraVolumes:\n");
        for i in 0..rng.u8(1..3) {
            let path = one(rng, &["/etc/x", "/var/log/audit", "/opt/data"]);
            let kind = one(
                rng,
                &["", ", pathType: File", ", pathType: DirectoryOrCreate", ", readOnly: true", ", pathType: \"\""],
            );
            let _ = writeln!(
                out,
                "  - {{name: {}{i}, hostPath: {path}, mountPath: {path}{i}{kind}}}",
                one(rng, &["a", "zz", "k"])
            );
        }
    }
}

/// Values that need quotes, that repeat a name, that are empty.
fn arguments(out: &mut String, rng: &mut Rng, indent: usize, names: &[&str]) {
    for _ in 0..rng.u8(1..5) {
        let value = one(
            rng,
            &[
                "x",
                "",
                "10",
                "a=b,c=d",
                "https://a.example.com:1/?q=#f",
                "true",
                "0.0.0.0",
                "with space",
                "a: b",
                "'q'",
                "\u{e4}",
            ],
        );
        let _ = writeln!(out, "{:indent$}- {{name: {}, value: {value:?}}}", "", one(rng, names));
    }
}

fn kubelet(out: &mut String, rng: &mut Rng) {
    out.push_str("---\napiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\n");
    let fields = [
        "cgroupDriver: cgroupfs",
        "maxPods: 50",
        "clusterDomain: other.local",
        "healthzPort: 0",
        "readOnlyPort: 10255",
        "authentication: {anonymous: {enabled: true}, webhook: {cacheTTL: 90s}}",
        "authorization: {mode: AlwaysAllow}",
        "rotateCertificates: false",
        "staticPodPath: /srv/manifests",
        "evictionHard: {\"nodefs.available\": \"5%\", \"memory.available\": 100Mi}",
        "evictionSoftGracePeriod: {\"memory.available\": 1m30s}",
        "systemReserved: {cpu: 100m}",
        "shutdownGracePeriod: 1m",
        "imageMinimumGCAge: 1h30m",
        "featureGates: {AllBeta: false, Foo: true}",
        "tlsCipherSuites: [TLS_AES_128_GCM_SHA256]",
        "registerWithTaints: [{key: a, effect: NoSchedule}]",
        "cpuCFSQuota: false",
        "memorySwap: {swapBehavior: LimitedSwap}",
        "logging: {format: json, verbosity: 3, flushFrequency: 5s}",
        "failSwapOn: false",
        "resolvConf: /etc/resolv-other.conf",
        "reservedSystemCPUs: \"0-1\"",
        "allowedUnsafeSysctls: [\"net.*\"]",
        "crashLoopBackOff: {maxContainerRestartPeriod: 30s}",
        "providerID: \"1e3\"",
    ];
    let mut chosen: Vec<_> = fields.iter().filter(|_| rng.u8(..4) == 0).collect();
    rng.shuffle(&mut chosen);
    for field in chosen {
        let _ = writeln!(out, "{field}");
    }
}

fn one<'a>(rng: &mut Rng, of: &[&'a str]) -> &'a str {
    of[rng.usize(..of.len())]
}

fn line(out: &mut String, indent: usize, key: &str, value: &str) {
    let _ = writeln!(out, "{:indent$}{key}: {value}", "");
}
