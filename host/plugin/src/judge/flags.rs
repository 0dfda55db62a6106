//! Flags that keep the cluster closed: which change of one opens it, and why.

use super::rule::{LOOPBACK, OFF, Opens, TLS_VERSIONS, WEAK_CIPHERS};

/// A flag.
pub(super) struct Flag {
    /// Programs that have it; empty for any.
    programs: &'static [&'static str],
    /// Its name without dashes. `*` at its end stands for anything.
    name: &'static str,
    opens: Opens,
    /// What the change may do.
    pub why: &'static str,
}

const API: &[&str] = &["kube-apiserver"];
const MANAGER: &[&str] = &["kube-controller-manager"];
const MANAGERS: &[&str] = &["kube-controller-manager", "kube-scheduler"];
const CLIENTS: &[&str] = &["kube-controller-manager", "kube-scheduler", "kube-proxy"];
const KUBERNETES: &[&str] = &["kube-apiserver", "kube-controller-manager", "kube-scheduler"];
const ETCD: &[&str] = &["etcd"];
const ANY: &[&str] = &[];

const fn flag(programs: &'static [&'static str], name: &'static str, opens: Opens, why: &'static str) -> Flag {
    Flag { programs, name, opens, why }
}

/// All of them.
pub(super) const FLAGS: &[Flag] = &[
    // Who is let in.
    flag(API, "anonymous-auth", Opens::Unless(&["false"]), "it lets in who has no name"),
    flag(API, "authentication-config", Opens::Always, "it says who is who"),
    flag(API, "authentication-token-webhook-*", Opens::Always, "it says who is who"),
    flag(KUBERNETES, "client-ca-file", Opens::Always, "it says whose client certificates are believed"),
    flag(KUBERNETES, "requestheader-*", Opens::Always, "it says whose word is taken for who somebody is"),
    flag(API, "token-auth-file", Opens::Always, "tokens in a file never end"),
    flag(API, "basic-auth-file", Opens::Always, "passwords in a file never end"),
    flag(API, "oidc-*", Opens::Always, "it says whose tokens are believed"),
    flag(API, "enable-bootstrap-token-auth", Opens::Unless(&["false"]), "it lets in by bootstrap tokens"),
    flag(API, "service-account-*", Opens::Always, "it says which tokens of service accounts are believed"),
    flag(API, "api-audiences", Opens::Always, "it says for whom tokens may have been made"),
    // Who may do what.
    flag(API, "authorization-mode", Opens::Keeping(&["Node", "RBAC"]), "it decides who may do what"),
    flag(API, "authorization-*", Opens::Always, "it decides who may do what"),
    flag(MANAGERS, "authorization-always-allow-paths", Opens::Gaining, "anybody may ask for these paths"),
    flag(MANAGERS, "authorization-kubeconfig", Opens::Always, "it says who decides"),
    flag(MANAGERS, "authentication-*", Opens::Always, "it says who is who"),
    flag(API, "enable-admission-plugins", Opens::Losing, "what it admitted is not looked at any more"),
    flag(API, "admission-control", Opens::Always, "it says what is looked at before it is admitted"),
    flag(API, "disable-admission-plugins", Opens::Gaining, "what is admitted is not looked at any more"),
    flag(API, "admission-control-config-file", Opens::Always, "it says what is looked at before it is admitted"),
    // What is reached without being asked, and by whom.
    flag(ANY, "insecure-*", Opens::Always, "it is served or asked without TLS"),
    flag(ANY, "kubelet-insecure-*", Opens::Always, "kubelets are not checked"),
    flag(API, "kubelet-*", Opens::Always, "it says how kubelets are known and reached"),
    flag(API, "proxy-client-*", Opens::Always, "it is what extension API servers know it by"),
    flag(API, "peer-*", Opens::Always, "it says which other API servers are believed and reached"),
    flag(API, "egress-selector-config-file", Opens::Always, "it says through whom everything is reached"),
    flag(API, "cors-allowed-origins", Opens::Always, "it lets web pages ask"),
    flag(API, "tracing-config-file", Opens::Always, "it tells elsewhere what is asked"),
    flag(API, "runtime-config", Opens::Containing(OFF), "without their API, policies are not looked at any more"),
    flag(KUBERNETES, "feature-gates", Opens::Containing(OFF), "checks that every release has may be left out"),
    flag(KUBERNETES, "emulated-version", Opens::Always, "checks that its release has may be left out"),
    flag(API, "allow-privileged", Opens::Unless(&["false"]), "it allows privileged containers"),
    flag(API, "external-hostname", Opens::Always, "it says what it is called"),
    flag(MANAGERS, "bind-address", Opens::Unless(LOOPBACK), "it is reached from outside of the node"),
    flag(MANAGERS, "address", Opens::Unless(LOOPBACK), "it is reached from outside of the node"),
    flag(KUBERNETES, "profiling", Opens::Unless(&["false"]), "it shows what is in its memory"),
    flag(KUBERNETES, "contention-profiling", Opens::Unless(&["false"]), "it shows what it is doing"),
    flag(KUBERNETES, "debug-socket-path", Opens::Always, "it shows what is in its memory"),
    // TLS.
    flag(KUBERNETES, "tls-min-version", Opens::Unless(TLS_VERSIONS), "older versions of TLS can be broken"),
    flag(KUBERNETES, "tls-cipher-suites", Opens::Containing(WEAK_CIPHERS), "some of these can be broken"),
    flag(KUBERNETES, "tls-*", Opens::Always, "it is what it shows to clients"),
    flag(API, "cert-dir", Opens::Always, "it is what it shows to clients"),
    // What is stored, and what is told of it.
    flag(API, "etcd-*", Opens::Always, "it says where everything is kept"),
    flag(API, "storage-backend", Opens::Always, "it says where everything is kept"),
    flag(API, "encryption-provider-config", Opens::Replaced, "what is stored is not encrypted as it was"),
    flag(
        API,
        "encryption-provider-config-automatic-reload",
        Opens::Replaced,
        "what is stored is not encrypted as it was",
    ),
    flag(API, "audit-webhook-*", Opens::Always, "it sends requests and what is in them elsewhere"),
    flag(API, "audit-policy-file", Opens::Replaced, "what was told in the audit log may not be any more"),
    flag(API, "audit-log-path", Opens::Replaced, "what was told in the audit log may not be any more"),
    // Credentials and what is signed by them.
    flag(CLIENTS, "kubeconfig", Opens::Always, "it says which cluster it works for, and as whom"),
    // kube-proxy takes it even beside its file, and sends its token there.
    flag(CLIENTS, "master", Opens::Always, "it says which cluster it works for"),
    flag(CLIENTS, "write-config-to", Opens::Always, "it would overwrite a file, and do nothing else"),
    flag(&["kube-scheduler", "kube-proxy"], "config", Opens::Always, "it may say all that flags say"),
    flag(MANAGER, "cluster-signing-*", Opens::Always, "it signs certificates"),
    flag(MANAGER, "root-ca-file", Opens::Always, "pods believe it"),
    flag(MANAGER, "service-account-private-key-file", Opens::Always, "it signs tokens"),
    flag(MANAGER, "use-service-account-credentials", Opens::Unless(&["true"]), "each controller has all rights of all"),
    flag(MANAGER, "enable-hostpath-provisioner", Opens::Unless(&["false"]), "volumes may be paths of a node"),
    flag(MANAGER, "flex-volume-plugin-dir", Opens::Always, "programs in it are run"),
    flag(MANAGER, "cloud-*", Opens::Always, "it says with which rights of the cloud it works"),
    flag(MANAGER, "pv-recycler-pod-*", Opens::Always, "it says which pods recycle volumes"),
    // The last one counts.
    flag(&["coredns"], "conf", Opens::Always, "it says what is answered"),
    // etcd: all that there is.
    flag(ETCD, "client-cert-auth", Opens::Unless(&["true"]), "anybody could read and write everything"),
    flag(ETCD, "peer-client-cert-auth", Opens::Unless(&["true"]), "anybody could become a member"),
    flag(ETCD, "auto-tls", Opens::Unless(&["false"]), "anybody's certificate is believed"),
    flag(ETCD, "peer-auto-tls", Opens::Unless(&["false"]), "anybody's certificate is believed"),
    flag(ETCD, "cert-file", Opens::Always, "it is what it shows to clients"),
    flag(ETCD, "key-file", Opens::Always, "it is what it shows to clients"),
    flag(ETCD, "trusted-ca-file", Opens::Always, "it says whose certificates are believed"),
    flag(ETCD, "client-crl-file", Opens::Always, "it says whose certificates are not believed any more"),
    flag(ETCD, "client-cert-allowed-*", Opens::Always, "it says whose certificates are believed"),
    flag(ETCD, "peer-*", Opens::Always, "it says who may be a member"),
    flag(ETCD, "experimental-peer-*", Opens::Always, "it says who may be a member"),
    flag(ETCD, "initial-*", Opens::Always, "it says who may be a member"),
    flag(ETCD, "discovery*", Opens::Always, "it says who may be a member"),
    flag(ETCD, "listen-client-urls", Opens::Containing(&["http:", "unix:"]), "it answers without TLS"),
    flag(ETCD, "listen-peer-urls", Opens::Containing(&["http:", "unix:"]), "it answers without TLS"),
    flag(ETCD, "listen-client-http-urls", Opens::Containing(&["http:", "unix:"]), "it answers without TLS"),
    flag(
        ETCD,
        "listen-metrics-urls",
        Opens::Unless(&["http://127.0.0.1:2381"]),
        "it is reached from outside of the node",
    ),
    flag(ETCD, "tls-min-version", Opens::Unless(&["TLS1.2", "TLS1.3"]), "older versions of TLS can be broken"),
    flag(ETCD, "cipher-suites", Opens::Containing(WEAK_CIPHERS), "some of these can be broken"),
    flag(ETCD, "data-dir", Opens::Always, "it would begin without data"),
    flag(ETCD, "wal-dir", Opens::Always, "it would begin without data"),
    flag(ETCD, "force-new-cluster", Opens::Always, "it would forget its members"),
    flag(ETCD, "unsafe-no-fsync", Opens::Always, "data may be lost"),
    flag(ETCD, "config-file", Opens::Always, "it may say all that flags say"),
    flag(ETCD, "enable-pprof", Opens::Unless(&["false"]), "it shows what is in its memory"),
    flag(ETCD, "cors", Opens::Always, "it lets web pages ask"),
    flag(ETCD, "host-whitelist", Opens::Always, "it says who may ask"),
    flag(ETCD, "auth-token*", Opens::Always, "it says whose tokens are believed"),
    flag(ETCD, "log-outputs", Opens::Always, "its log could overwrite files"),
];

/// What a change of that flag of that program opens, if it does. The first entry that fits its name counts.
pub(super) fn opened(program: &str, name: &str, before: &[String], after: &[String]) -> Option<&'static Flag> {
    let fits = |flag: &&Flag| {
        let named = match flag.name.strip_suffix('*') {
            Some(prefix) => name.starts_with(prefix),
            None => name == flag.name,
        };
        named && (flag.programs.is_empty() || flag.programs.contains(&program))
    };
    FLAGS.iter().find(fits).filter(|flag| flag.opens.is_opened(before, after))
}
