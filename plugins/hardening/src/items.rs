//! The items: what the benchmark asks for, in the order and with the ids of its version 1.12.
//!
//! What the benchmark says stands in its own document (<https://www.cisecurity.org/benchmark/kubernetes>); here is only
//! what each item comes to on a cluster of kubeadm's making. Left out are those that nobody can see in these files, and
//! those for which this plugin would have to be allowed to read private keys.

use crate::rule::Rule::{
    self, AdmissionHas, AuthorizationHas, AuthorizationLacks, EnvironmentLacks, EtcdAuthority, FieldAny, FieldCiphers,
    FieldIs, FieldLoopback, FieldNot, FieldSet, FieldZero, FlagAny, FlagAtLeast, FlagCiphers, FlagIs, FlagLoopback,
    FlagNot, FlagsSet, FlagsUnset, GateNotOff, ListLacks, Mode, Owner, ServingCertificate,
};

/// What an item is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Component {
    Etcd,
    ApiServer,
    ControllerManager,
    Scheduler,
    Kubelet,
    KubeProxy,
}

impl Component {
    /// Its name as a target of mutators.
    pub fn target(self) -> &'static str {
        match self {
            Self::Etcd => "etcd",
            Self::ApiServer => "kube-apiserver",
            Self::ControllerManager => "kube-controller-manager",
            Self::Scheduler => "kube-scheduler",
            Self::Kubelet => "kubeletconfiguration",
            Self::KubeProxy => "kubeproxyconfiguration",
        }
    }

    /// Its name in messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Kubelet => "the kubelet",
            Self::KubeProxy => "kube-proxy",
            pod => pod.target(),
        }
    }
}

/// Which profile an item belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Profile {
    /// Fulfilled by kubeadm, or safe on every cluster of its making.
    Default,
    /// Changes what workloads may do or can rely on.
    Strict,
    /// Needs something that kubeadm does not make, and breaks the cluster without it: only by its id.
    Named,
}

/// One item.
pub struct Item {
    /// Its id in the benchmark.
    pub id: &'static str,
    pub component: Component,
    pub profile: Profile,
    /// What it comes to: a phrase for reasons and findings.
    pub about: &'static str,
    pub rule: Rule,
    /// Whether what is missing is set; otherwise it is only told.
    pub is_set: bool,
    /// What to do where this plugin does nothing.
    pub remedy: Option<&'static str>,
}

const fn item(id: &'static str, component: Component, about: &'static str, rule: Rule) -> Item {
    Item { id, component, profile: Profile::Default, about, rule, is_set: true, remedy: None }
}

impl Item {
    const fn strict(mut self) -> Self {
        self.profile = Profile::Strict;
        self
    }

    const fn named(mut self) -> Self {
        self.profile = Profile::Named;
        self
    }

    const fn only_told(mut self) -> Self {
        self.is_set = false;
        self
    }

    const fn remedy(mut self, remedy: &'static str) -> Self {
        self.remedy = Some(remedy);
        self
    }

    /// Its id as the id of a finding, in which there may be no dots.
    pub fn finding_id(&self) -> String {
        format!("CIS-{}", self.id.replace('.', "-"))
    }
}

const AUDIT: &str = "use the plugin audit-policy, or set the flag by apiServer.extraArgs";
const ENCRYPTION: &str = "use the plugin encryption-at-rest, or set the flag by apiServer.extraArgs";

// Only told: what the flag alone would break.
const ANONYMOUS: &str = "kubelets probe kube-apiserver without a name, and nodes look up cluster-info without one: allow \
                         only these paths, by an AuthenticationConfiguration (Kubernetes 1.32 or newer)";
const KUBELETS: &str = "let kubelets have serving certificates of the cluster's authority (item 4.2.9), approve them, then \
                        set the flag to /etc/kubernetes/pki/ca.crt by apiServer.extraArgs";
const EVENTS: &str = "write an AdmissionConfiguration with limits, mount it, and name it by \
                      --admission-control-config-file beside the admission plugin";

/// All of them.
pub const ITEMS: &[Item] = {
    use Component::{ApiServer, ControllerManager, Etcd, KubeProxy, Kubelet, Scheduler};
    &[
        // 1.1: files of the control plane
        item("1.1.1", ApiServer, "only root reads its manifest", Mode(0o600)),
        item("1.1.2", ApiServer, "its manifest belongs to root", Owner),
        item("1.1.3", ControllerManager, "only root reads its manifest", Mode(0o600)),
        item("1.1.4", ControllerManager, "its manifest belongs to root", Owner),
        item("1.1.5", Scheduler, "only root reads its manifest", Mode(0o600)),
        item("1.1.6", Scheduler, "its manifest belongs to root", Owner),
        item("1.1.7", Etcd, "only root reads its manifest", Mode(0o600)),
        item("1.1.8", Etcd, "its manifest belongs to root", Owner),
        // 1.2: the API server
        item("1.2.1", ApiServer, "nobody is let in without a name", FlagIs("anonymous-auth", "false"))
            .named()
            .only_told()
            .remedy(ANONYMOUS),
        item("1.2.2", ApiServer, "no tokens in a file", FlagsUnset(&["token-auth-file"])),
        item("1.2.3", ApiServer, "Services get no externalIPs", AdmissionHas("DenyServiceExternalIPs")).strict(),
        item(
            "1.2.4",
            ApiServer,
            "it shows kubelets a certificate",
            FlagsSet(&["kubelet-client-certificate", "kubelet-client-key"]),
        ),
        item("1.2.5", ApiServer, "it verifies certificates of kubelets", FlagsSet(&["kubelet-certificate-authority"]))
            .named()
            .remedy(KUBELETS),
        item("1.2.6", ApiServer, "not everything is allowed", AuthorizationLacks("AlwaysAllow")),
        item("1.2.7", ApiServer, "nodes may only do what concerns them", AuthorizationHas("Node")),
        item("1.2.8", ApiServer, "rights are given by roles", AuthorizationHas("RBAC")),
        item("1.2.9", ApiServer, "events are limited", AdmissionHas("EventRateLimit"))
            .named()
            .only_told()
            .remedy(EVENTS),
        item(
            "1.2.10",
            ApiServer,
            "requests are not admitted unseen",
            ListLacks("enable-admission-plugins", "AlwaysAdmit"),
        ),
        item("1.2.11", ApiServer, "images are pulled with the pod's own rights", AdmissionHas("AlwaysPullImages"))
            .named(),
        item(
            "1.2.12",
            ApiServer,
            "service accounts are checked",
            ListLacks("disable-admission-plugins", "ServiceAccount"),
        ),
        item(
            "1.2.13",
            ApiServer,
            "namespaces that end get nothing new",
            ListLacks("disable-admission-plugins", "NamespaceLifecycle"),
        ),
        item("1.2.14", ApiServer, "kubelets change their own node only", AdmissionHas("NodeRestriction")),
        item("1.2.15", ApiServer, "it serves no profiles", FlagIs("profiling", "false")),
        item("1.2.16", ApiServer, "there is an audit log", FlagsSet(&["audit-log-path"])).remedy(AUDIT),
        item("1.2.17", ApiServer, "audit logs are kept for 30 days", FlagAtLeast("audit-log-maxage", 30)).remedy(AUDIT),
        item("1.2.18", ApiServer, "10 audit logs are kept", FlagAtLeast("audit-log-maxbackup", 10)).remedy(AUDIT),
        item("1.2.19", ApiServer, "audit logs hold 100 MB", FlagAtLeast("audit-log-maxsize", 100)).remedy(AUDIT),
        item(
            "1.2.21",
            ApiServer,
            "tokens of deleted service accounts are worthless",
            FlagNot("service-account-lookup", "false"),
        ),
        item("1.2.22", ApiServer, "tokens have a key of their own", FlagsSet(&["service-account-key-file"])),
        item("1.2.23", ApiServer, "it shows etcd a certificate", FlagsSet(&["etcd-certfile", "etcd-keyfile"])),
        item("1.2.24", ApiServer, "it serves by TLS", FlagsSet(&["tls-cert-file", "tls-private-key-file"])),
        item("1.2.25", ApiServer, "clients have certificates", FlagsSet(&["client-ca-file"])),
        item("1.2.26", ApiServer, "it verifies etcd's certificate", FlagsSet(&["etcd-cafile"])),
        item("1.2.27", ApiServer, "Secrets are encrypted in etcd", FlagsSet(&["encryption-provider-config"]))
            .remedy(ENCRYPTION),
        item("1.2.29", ApiServer, "only strong ciphers", FlagCiphers("tls-cipher-suites")),
        item(
            "1.2.30",
            ApiServer,
            "tokens of pods end when they say",
            FlagIs("service-account-extend-token-expiration", "false"),
        )
        .strict(),
        // 1.3: the controller manager
        item(
            "1.3.1",
            ControllerManager,
            "pods that have ended are deleted in time",
            FlagAny("terminated-pod-gc-threshold", |values| values.terminated_pods.to_string()),
        ),
        item("1.3.2", ControllerManager, "it serves no profiles", FlagIs("profiling", "false")),
        item(
            "1.3.3",
            ControllerManager,
            "each controller has its own rights",
            FlagIs("use-service-account-credentials", "true"),
        ),
        item(
            "1.3.4",
            ControllerManager,
            "tokens have a key of their own",
            FlagsSet(&["service-account-private-key-file"]),
        ),
        item("1.3.5", ControllerManager, "pods can verify the API server", FlagsSet(&["root-ca-file"])),
        item(
            "1.3.6",
            ControllerManager,
            "serving certificates of kubelets can rotate",
            GateNotOff("RotateKubeletServerCertificate"),
        ),
        item("1.3.7", ControllerManager, "it listens on the loopback only", FlagLoopback("bind-address")),
        // 1.4: the scheduler
        item("1.4.1", Scheduler, "it serves no profiles", FlagIs("profiling", "false")),
        item("1.4.2", Scheduler, "it listens on the loopback only", FlagLoopback("bind-address")),
        // 2: etcd
        item("2.1", Etcd, "it serves by TLS", FlagsSet(&["cert-file", "key-file"])),
        item("2.2", Etcd, "clients have certificates", FlagIs("client-cert-auth", "true")),
        item("2.3", Etcd, "no certificates of its own making", FlagNot("auto-tls", "true")),
        item("2.4", Etcd, "members speak TLS", FlagsSet(&["peer-cert-file", "peer-key-file"])),
        item("2.5", Etcd, "members have certificates", FlagIs("peer-client-cert-auth", "true")),
        item("2.6", Etcd, "no certificates of its own making between members", FlagNot("peer-auto-tls", "true")),
        item("2.7", Etcd, "it has an authority of its own", EtcdAuthority),
        // 3.2: logging
        item("3.2.1", ApiServer, "there is an audit policy", FlagsSet(&["audit-policy-file"])).remedy(AUDIT),
        // 4.1: files of the kubelet
        item("4.1.9", Kubelet, "only root reads its configuration", Mode(0o600))
            .strict()
            .remedy("kubeadm makes it readable to all; it holds no secrets"),
        item("4.1.10", Kubelet, "its configuration belongs to root", Owner),
        // 4.2: the kubelet
        item("4.2.1", Kubelet, "nobody is let in without a name", FieldIs("authentication.anonymous.enabled", false)),
        item("4.2.2", Kubelet, "not everything is allowed", FieldNot("authorization.mode", "AlwaysAllow")),
        item("4.2.3", Kubelet, "clients have certificates", FieldSet("authentication.x509.clientCAFile")),
        item("4.2.4", Kubelet, "no port without authentication", FieldZero("readOnlyPort")),
        item("4.2.5", Kubelet, "idle connections are closed", FieldNot("streamingConnectionIdleTimeout", "0")),
        item("4.2.6", Kubelet, "it keeps its chains of iptables", FieldNot("makeIPTablesUtilChains", "false")),
        item("4.2.7", Kubelet, "its name is the host's", EnvironmentLacks("hostname-override"))
            .remedy("give the host the name that nodeRegistration.name says"),
        item("4.2.8", Kubelet, "events are not thrown away", FieldNot("eventRecordQPS", "-1")),
        item("4.2.9", Kubelet, "its serving certificate is of the cluster's authority", ServingCertificate)
            .named()
            .remedy("approve the kubelets' requests for certificates: kubectl certificate approve"),
        item("4.2.10", Kubelet, "its client certificate rotates", FieldIs("rotateCertificates", true)),
        item(
            "4.2.11",
            Kubelet,
            "its serving certificate can rotate",
            FieldNot("featureGates.RotateKubeletServerCertificate", "false"),
        ),
        item("4.2.12", Kubelet, "only strong ciphers", FieldCiphers("tlsCipherSuites")),
        item("4.2.13", Kubelet, "pods have a limit of processes", FieldAny("podPidsLimit", |values| values.pod_pids)),
        item("4.2.14", Kubelet, "pods have a seccomp profile", FieldIs("seccompDefault", true)).strict(),
        // 4.3: kube-proxy
        item("4.3.1", KubeProxy, "its metrics are served on the loopback only", FieldLoopback("metricsBindAddress")),
    ]
};
