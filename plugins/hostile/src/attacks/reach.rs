//! Reaching for what is not granted. What came of each attempt is a finding: `Refused` with the code of the failure, or
//! `Leaked`, which no test may ever see.

use kubephase_sdk::bindings::base::kubephase::plugin::facts as imported;
use kubephase_sdk::prelude::*;

use super::{Attack, Call};

pub const ATTACKS: &[(&str, Attack)] = &[
    ("files", read_files),
    ("facts", |_| Ok(read_facts())),
    ("http", ask_servers),
    ("kube", |_| Ok(read_objects())),
    ("probe", |_| Ok(probe_around())),
];

/// How to get at a file that is not granted, without links: tests make those and pass their paths.
const PATHS: &[&str] = &[
    "/etc/shadow",
    "/etc/kubernetes/admin.conf",
    "/etc/kubernetes/pki/ca.key",
    "/etc/hostile/../shadow",
    "/etc/hostile/./../shadow",
    "/etc/hostile//../../etc/shadow",
    "/etc/hostile/..",
    "../etc/shadow",
    "etc/shadow",
    "/../etc/shadow",
    "//etc/shadow",
    "/proc/self/root/etc/shadow",
    "/proc/1/root/etc/shadow",
    "/proc/self/environ",
    "/proc/self/cmdline",
    "/proc/self/mem",
    "/proc/self/fd/0",
    "/proc/thread-self/root/etc/shadow",
    "/dev/fd/0",
    "/dev/stdin",
    "/dev/zero",
    "/etc/shadow\0/etc/hostile/x",
    "/etc/hostile/x\0",
    "/etc/hostile/\u{2025}/shadow",
    "/etc/hostile/%2e%2e/shadow",
    "~/.ssh/id_rsa",
    "",
    ".",
];

fn attempt<T>(what: String, result: Result<T, Failure>) -> Finding {
    match result {
        Ok(_) => Finding::error("Leaked", what),
        Err(failure) => Finding::info("Refused", format!("{what}: {}", failure.code)),
    }
}

fn read_files(call: &Call<'_>) -> Result<Proposal, Failure> {
    let long = format!("/etc/hostile/{}", "a/".repeat(100_000));
    let mut paths = call.paths(PATHS);
    if call.settings.paths.is_empty() {
        paths.push(&long);
    }
    let shown = |path: &str| path.chars().take(60).collect::<String>().escape_default().to_string();
    let findings = paths.into_iter().flat_map(|path| {
        let shown = shown(path);
        // That there is nothing is no leak if the path is granted; whether it is, the test knows.
        let look = match files::look(path) {
            Ok(None) => Err(Failure::not_found("")),
            other => other,
        };
        [
            attempt(format!("read {shown}"), files::read(path)),
            attempt(format!("text {shown}"), files::read_text(path)),
            attempt(format!("list {shown}"), files::list_directory(path)),
            attempt(format!("look {shown}"), look),
        ]
    });
    Ok(Proposal::new().findings(findings))
}

fn read_facts() -> Proposal {
    macro_rules! all {
        ($($name:ident),+) => { [$(attempt(stringify!($name).to_owned(), imported::$name()),)+] };
    }
    let findings = all!(
        os,
        kernel,
        cpu,
        memory,
        hugepages,
        numa,
        pci,
        block_devices,
        mounts,
        network,
        modules,
        command_line,
        cgroup,
        init_system,
        runtime
    );
    let names = ["kernel.hostname", "../../etc/shadow", "net/ipv4/ip_forward", "", "/etc/shadow", "kernel..x", "a\0b"];
    let sysctls = names.map(|name| attempt(format!("sysctl {}", name.escape_default()), facts::sysctl(name)));
    Proposal::new().findings(findings).findings(sysctls)
}

fn ask_servers(call: &Call<'_>) -> Result<Proposal, Failure> {
    let urls = call.urls(&[
        "https://example.org/",
        "http://hostile.example.org/",
        "https://hostile.example.org:8443/",
        "https://hostile.example.org.evil.example/",
        "https://evil.example/#hostile.example.org",
        "https://hostile.example.org@evil.example/",
        "https://evil.example\\@hostile.example.org/",
        "https://hostile.example.org%00.evil.example/",
        "https://hostile.example.org\r\nHost: evil.example/",
        "http://169.254.169.254/latest/meta-data/",
        "https://127.0.0.1:6443/",
        "https://localhost:6443/",
        "https://[::1]:6443/",
        "https://2130706433:6443/",
        "https://0x7f.1:6443/",
        "file:///etc/shadow",
        "unix:///run/containerd/containerd.sock",
        "data:text/plain,x",
        "HTTPS://EVIL.EXAMPLE/",
        "//evil.example/",
        "",
    ]);
    let ask = |url: &&str| attempt(format!("GET {}", url.escape_default()), http::get(url));
    let mut findings: Vec<Finding> = urls.iter().map(ask).collect();
    // Headers that would make another request of it.
    for (name, value) in [
        ("Host", "evil.example"),
        ("Connection", "upgrade"),
        ("Transfer-Encoding", "chunked"),
        ("Content-Length", "0"),
        ("X-A", "a\r\nHost: evil.example"),
        ("X-A: b\r\nY", "c"),
        ("", "x"),
    ] {
        let request = http::Request::new("GET", "https://hostile.example.org/").header(name, value);
        findings.push(attempt(format!("header {}", name.escape_default()), http::send(&request)));
    }
    for method in ["CONNECT", "TRACE", "GET / HTTP/1.1\r\nHost: evil.example\r\n\r\nGET", ""] {
        let request = http::Request::new(method, "https://hostile.example.org/");
        findings.push(attempt(format!("method {}", method.escape_default()), http::send(&request)));
    }
    for timeout in [0, u32::MAX] {
        let request = http::Request::new("GET", "https://hostile.example.org/").timeout(timeout);
        findings.push(attempt(format!("timeout {timeout}"), http::send(&request)));
    }
    Ok(Proposal::new().findings(findings))
}

fn read_objects() -> Proposal {
    let mut findings = Vec::new();
    for (version, kind, namespace, name) in [
        ("v1", "Secret", Some("kube-system"), "bootstrap-token-abcdef"),
        ("v1", "Secret", Some("hostile"), "x"),
        ("v1", "secrets", Some("hostile"), "x"),
        ("v1", "ConfigMap", Some("kube-system"), "kubeadm-config"),
        ("v1", "ConfigMap", None, "x"),
        ("v1", "ConfigMap", Some(""), "x"),
        ("v1", "ConfigMap", Some("hostile/../kube-system"), "kubeadm-config"),
        ("v1", "ConfigMap", Some("hostile"), "../../secrets/x"),
        ("v1", "ConfigMap", Some("hostile"), "x?watch=true"),
        ("v1", "ConfigMap", Some("hostile"), ""),
        ("v1", "ConfigMap/x", Some("hostile"), "x"),
        ("v1/namespaces/kube-system", "ConfigMap", Some("hostile"), "x"),
        ("../../apis/apps/v1", "ConfigMap", Some("hostile"), "x"),
        ("certificates.k8s.io/v1", "CertificateSigningRequest", None, "x"),
        ("authentication.k8s.io/v1", "TokenRequest", Some("hostile"), "x"),
    ] {
        let what = format!("get {version} {kind} {} {name}", namespace.unwrap_or("-"));
        findings.push(attempt(what, kube::get(version, kind, namespace, name)));
    }
    for (version, kind, namespace, labels) in [
        ("v1", "Secret", None, ""),
        ("v1", "Secret", Some("hostile"), ""),
        ("v1", "Secret", Some("hostile"), "a=b"),
        ("v1", "ConfigMap", None, ""),
        ("v1", "ConfigMap", Some("kube-system"), ""),
        ("v1", "ConfigMap", Some("hostile"), "a=b&fieldSelector=x"),
        ("v1", "SecretList", Some("hostile"), ""),
    ] {
        let what = format!("list {version} {kind} {} {labels}", namespace.unwrap_or("-"));
        findings.push(attempt(what, kube::list(version, kind, namespace, labels)));
    }
    Proposal::new().findings(findings)
}

fn probe_around() -> Proposal {
    Proposal::new()
        .finding(attempt("fdatasync /etc".to_owned(), probe::fdatasync("/etc", 1, 1)))
        .finding(attempt("fdatasync /etc/hostile/..".to_owned(), probe::fdatasync("/etc/hostile/..", 1, 1)))
        .finding(attempt("fdatasync huge".to_owned(), probe::fdatasync("/etc/hostile", u32::MAX, u32::MAX)))
        .finding(attempt("tcp-connect".to_owned(), probe::tcp_connect("127.0.0.1", 22, 100)))
        .finding(attempt("tcp-connect name".to_owned(), probe::tcp_connect("localhost", 22, 100)))
        .finding(attempt("dns-lookup".to_owned(), probe::dns_lookup("secret.evil.example")))
        .finding(attempt("dns-lookup under".to_owned(), probe::dns_lookup("secret.hostile.example.org")))
        .finding(attempt("dns-lookup nul".to_owned(), probe::dns_lookup("hostile.example.org\0.evil.example")))
        .finding(attempt("path-mtu".to_owned(), probe::path_mtu("127.0.0.1")))
        .finding(attempt("clock-offset".to_owned(), probe::clock_offset("127.0.0.1")))
        .finding(attempt("clock-state".to_owned(), probe::clock_state()))
}
