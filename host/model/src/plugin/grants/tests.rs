use super::*;
use crate::report::{Report, Source};
use crate::yaml;

fn grants(capability: &str, scopes: &[&str]) -> Grants {
    let mut grants = Grants::default();
    let list = grants.list_mut(capability).expect("a capability");
    list.extend(scopes.iter().map(|scope| (*scope).to_owned()));
    grants
}

/// What the documentation says, in the plainest way: try every length for every star.
mod naive {
    pub fn path(pattern: &str, path: &str) -> bool {
        let parts = |text: &str| match text {
            "/" => vec![],
            _ => text.split('/').skip(1).map(str::to_owned).collect(),
        };
        let (pattern, path) = (parts(pattern), parts(path));
        let sound = |parts: &[String]| !parts.iter().any(|part| matches!(part.as_str(), "" | "." | ".."));
        sound(&path) && sound(&pattern) && whole(&pattern, &path)
    }

    fn whole(pattern: &[String], path: &[String]) -> bool {
        match pattern.split_first() {
            None => path.is_empty(),
            Some((first, rest)) if first == "**" => (0..=path.len()).any(|skipped| whole(rest, &path[skipped..])),
            Some((first, rest)) => {
                path.split_first().is_some_and(|(part, left)| letters(first, part) && whole(rest, left))
            }
        }
    }

    fn letters(pattern: &str, text: &str) -> bool {
        match pattern.chars().next() {
            None => text.is_empty(),
            Some('*') => (0..=text.len()).any(|skipped| letters(&pattern[1..], &text[skipped..])),
            Some(c) => text.starts_with(c) && letters(&pattern[1..], &text[1..]),
        }
    }

    /// A path below the directory that matches, made of the pattern's own parts.
    pub fn below(pattern: &str, directory: &str) -> bool {
        let parts = pattern.split('/').skip(1).filter(|part| *part != "**").map(|part| part.replace('*', "a"));
        let parts: Vec<String> = parts.chain(["a".to_owned()]).collect();
        let mut below = vec![directory.trim_end_matches('/').to_owned()];
        for _ in 0..4 {
            let next = below
                .iter()
                .flat_map(|path| parts.iter().map(move |part| format!("{path}/{part}")))
                .collect::<Vec<_>>();
            if next.iter().any(|candidate| path(pattern, candidate)) {
                return true;
            }
            below = next;
        }
        false
    }
}

/// A path or a pattern of few letters, so that many match; some are not normal.
fn random_path(rng: &mut fastrand::Rng, stars: bool) -> String {
    let mut text = String::new();
    for _ in 0..rng.usize(1..=4) {
        text.push('/');
        if stars && rng.usize(..4) == 0 {
            text.push_str("**");
            continue;
        }
        if rng.usize(..40) == 0 {
            text.push_str(["..", ".", ""][rng.usize(..3)]);
            continue;
        }
        for _ in 0..rng.usize(1..=3) {
            text.push(if stars && rng.usize(..4) == 0 && !text.ends_with('*') {
                '*'
            } else {
                ['a', 'b'][rng.usize(..2)]
            });
        }
    }
    text
}

#[test]
fn paths_match_as_a_naive_matcher_says() {
    let mut rng = fastrand::Rng::with_seed(7);
    let (mut hits, mut leads) = (0, 0);
    for round in 0..60_000 {
        let (pattern, path) = (random_path(&mut rng, true), random_path(&mut rng, false));
        let expected = naive::path(&pattern, &path);
        hits += usize::from(expected);
        assert_eq!(grants("files", &[&pattern]).allows_file(&path), expected, "{pattern} {path}");
        let writes = grants("writes", &[&pattern]);
        assert_eq!(writes.allows_write(&path), expected, "{pattern} {path}");
        if round < 400 && is_normal_path(&path) && path::fault(&pattern).is_none() && path.matches('/').count() < 3 {
            let expected = naive::below(&pattern, &path);
            leads += usize::from(expected);
            assert_eq!(grants("files", &[&pattern]).leads_to_file(&path), expected, "{pattern} {path}");
        }
    }
    assert!(hits > 3000 && leads > 50, "{hits} {leads}");
}

#[test]
fn a_pattern_costs_no_more_than_its_length() {
    let pattern = format!("/{}b", "a*".repeat(200));
    let path = format!("/{}", "a".repeat(3000));
    assert!(!grants("files", &[&pattern]).allows_file(&path));
    let (pattern, path) = ("/**/a".repeat(100) + "/b", "/a".repeat(1500));
    assert!(!grants("files", &[&pattern]).allows_file(&path));
}

#[test]
fn paths_in_their_normal_form_only() {
    let all = grants("files", &["/**"]);
    for path in ["/a", "/a/b.c", "/a/..b", "/a/.b", "/a b", "/é", "/a/*"] {
        assert!(all.allows_file(path), "{path}");
    }
    for path in [
        "",
        "a",
        "./a",
        "/a/../b",
        "/a/..",
        "/..",
        "/a/./b",
        "//a",
        "/a//b",
        "/a/",
        "/a\0",
        "/a\nb",
        &"/a".repeat(2100),
    ] {
        assert!(!all.allows_file(path), "{path}");
    }
    for (pattern, yes, no) in [
        (
            "/sys/module/nvidia/version",
            &["/sys/module/nvidia/version"][..],
            &["/sys/module/nvidia/versio", "/SYS/module/nvidia/version", "/sys/module/nvidia/version/x"][..],
        ),
        ("/a/*.conf", &["/a/b.conf", "/a/.conf"], &["/a/b/c.conf", "/a/b.conf2", "/a"]),
        ("/a/**", &["/a", "/a/b", "/a/b/c"], &["/ab", "/", "/A/b"]),
        ("/a/**/c", &["/a/c", "/a/b/c", "/a/b/b/c"], &["/a/b", "/a/xc"]),
        ("/a/**b", &[], &["/a/b", "/a/xb", "/a/**b"]),
        ("/a/", &[], &["/a", "/a/b"]),
        ("/a/../b", &[], &["/b", "/a/../b"]),
    ] {
        let granted = grants("files", &[pattern]);
        yes.iter().for_each(|path| assert!(granted.allows_file(path), "{pattern} {path}"));
        no.iter().for_each(|path| assert!(!granted.allows_file(path), "{pattern} {path}"));
    }
}

#[test]
fn what_is_above_a_granted_file_can_be_listed() {
    let granted = grants("files", &["/sys/module/*/version", "/etc/x/**"]);
    for path in ["/", "/sys", "/sys/module", "/sys/module/nvidia", "/etc", "/etc/x", "/etc/x/y/z"] {
        assert!(granted.leads_to_file(path), "{path}");
    }
    for path in ["/sys/module/nvidia/version", "/usr", "/sys/mod", "/etc/..", "/sys/module/a/b"] {
        assert!(!granted.leads_to_file(path), "{path}");
    }
}

#[test]
fn sensitive_files_are_written_only_if_named_in_full() {
    let sensitive = [
        "/etc/kubernetes/pki/ca.key",
        "/etc/kubernetes/pki/etcd/ca.crt",
        "/etc/kubernetes/admin.conf",
        "/etc/kubernetes/super-admin.conf",
        "/var/lib/kubephase/journal.json",
        "/var/cache/kubephase/plugins/x",
        "/etc/passwd",
        "/etc/shadow-",
        "/etc/sudoers.d/x",
        "/root/.ssh/authorized_keys",
        "/home/me/.ssh/authorized_keys",
        "/home/me/.kube/config",
        "/home/me/.cache/kubephase/plugins/x",
        "/etc/systemd/system/x.service",
        "/etc/cron.d/x",
        "/etc/ld.so.preload",
        "/etc/logrotate.d/x",
        "/etc/update-motd.d/x",
        "/etc/network/if-up.d/x",
        "/etc/containerd/config.toml",
        "/etc/containerd/conf.d/x.toml",
        "/etc/nri/conf.d/x.conf",
        "/run/cdi/x.json",
        "/var/lib/kubelet/config.d/x.conf",
        "/etc/anacrontab",
        "/usr/share/dbus-1/system-services/x.service",
        "/var/lib/kubelet/config.yaml",
        "/usr/bin/x",
        "/proc/sysrq-trigger",
        "/dev/sda",
    ];
    for path in sensitive {
        let parent = path.rsplit_once('/').map_or("", |(parent, _)| parent);
        for pattern in ["/**".to_owned(), format!("{parent}/*"), format!("{parent}/**"), format!("{path}*")] {
            assert!(!grants("writes", &[&pattern]).allows_write(path), "{pattern} {path}");
        }
        assert!(grants("writes", &[path]).allows_write(path), "{path}");
    }
    let all = grants("writes", &["/**"]);
    for path in [
        "/etc/kubernetes/audit/policy.yaml",
        "/etc/containerd/certs.d/x/hosts.toml",
        "/opt/cni/bin/bridge",
        "/etc/cni/net.d/10.conflist",
        "/etc/kubernetes/manifests/a.yaml",
    ] {
        assert!(all.allows_write(path), "{path}");
    }
    assert!(!all.allows_write("/etc/kubernetes/audit/../pki/ca.key"));
    assert!(!grants("writes", &["/etc/kubernetes/../passwd"]).allows_write("/etc/kubernetes/../passwd"));
}

#[test]
fn host_paths_and_what_is_below() {
    let granted = grants("hostPaths", &["/etc/kubernetes/audit", "/var/log/x/../y", "relative"]);
    for path in ["/etc/kubernetes/audit", "/etc/kubernetes/audit/a/b"] {
        assert!(granted.allows_host_path(path), "{path}");
    }
    for path in [
        "/etc/kubernetes",
        "/etc/kubernetes/audit2",
        "/etc/kubernetes/audit/../pki",
        "/etc/kubernetes/audit/",
        "/var/log/x/../y",
        "/var/log/y",
        "relative",
        "",
    ] {
        assert!(!granted.allows_host_path(path), "{path}");
    }
    assert!(grants("hostPaths", &["/"]).allows_host_path("/etc"));
}

#[test]
fn objects_to_read() {
    let granted = grants(
        "kube",
        &[
            "v1/ConfigMap/kube-system",
            "apps/v1/Deployment",
            "v1/Pod/a/b",
            "v1/Node",
            "v1/Secret/kube-system/x",
            "v1/Node//cp1",
        ],
    );
    for (api_version, kind, namespace, name) in [
        ("v1", "ConfigMap", Some("kube-system"), Some("a")),
        ("v1", "ConfigMap", Some("kube-system"), None),
        ("apps/v1", "Deployment", None, None),
        ("apps/v1", "Deployment", Some("a"), Some("b")),
        ("v1", "Pod", Some("a"), Some("b")),
        ("v1", "Node", None, Some("a")),
        ("v1", "Secret", Some("kube-system"), Some("x")),
    ] {
        assert!(granted.allows_kube(api_version, kind, namespace, name), "{api_version} {kind} {namespace:?} {name:?}");
    }
    for (api_version, kind, namespace, name) in [
        ("v1", "ConfigMap", None, None),
        ("v1", "ConfigMap", Some("default"), Some("a")),
        ("v1", "configmap", Some("kube-system"), Some("a")),
        ("v1", "ConfigMap", Some("kube-system"), Some("../secrets/x")),
        ("v1", "ConfigMap", Some("kube-system"), Some("..")),
        ("v1", "ConfigMap", Some("kube-system"), Some("a?b")),
        ("apps/v1beta1", "Deployment", None, None),
        ("v1", "Deployment", None, None),
        ("../v1", "Deployment", None, None),
        ("v1", "Pod", Some("a"), None),
        ("v1", "Pod", Some("a"), Some("c")),
        ("v1", "Secret", Some("kube-system"), None),
        ("v1", "Secret", Some("kube-system"), Some("y")),
        ("v1", "Secret", None, Some("x")),
    ] {
        assert!(
            !granted.allows_kube(api_version, kind, namespace, name),
            "{api_version} {kind} {namespace:?} {name:?}"
        );
    }
    // Neither a kind alone nor anything with a star is enough for Secrets, or enough at all.
    for scope in ["v1/Secret", "v1/Secret/kube-system", "v1/Secret/kube-system/*", "*/*/*", "v1/*", "v1/Secret//x"] {
        let granted = grants("kube", &[scope]);
        assert!(!granted.allows_kube("v1", "Secret", Some("kube-system"), Some("x")), "{scope}");
        assert!(!granted.allows_kube("v1", "Secret", Some("kube-system"), None), "{scope}");
        assert!(!granted.allows_kube("v1", "secret", Some("kube-system"), Some("x")), "{scope}");
    }
    assert!(!grants("kube", &["v1/*"]).allows_kube("v1", "Pod", None, None));
}

#[test]
fn objects_to_apply() {
    for (scope, api_version, kind, namespace, name, expected) in [
        ("*/*/*", "v1", "ConfigMap", Some("a"), "b", true),
        ("*/*/*", "v1", "Namespace", None, "b", true),
        ("*/*/*", "v1", "Secret", Some("a"), "b", false),
        ("v1/Secret/a", "v1", "Secret", Some("a"), "b", true),
        ("v1/Secret/a", "v1", "Secret", Some("c"), "b", false),
        ("apps/v1/*/kube-system", "apps/v1", "DaemonSet", Some("kube-system"), "b", true),
        ("apps/v1/*/kube-system", "apps/v1", "DaemonSet", Some("default"), "b", false),
        ("apps/*/DaemonSet", "apps/v1", "DaemonSet", Some("default"), "b", true),
        ("*/v1/DaemonSet", "apps/v1", "DaemonSet", Some("default"), "b", true),
        ("apps/v1/DaemonSet", "v1", "DaemonSet", Some("default"), "b", false),
        ("rbac.authorization.k8s.io/v1/ClusterRole", "rbac.authorization.k8s.io/v1", "ClusterRole", None, "x", true),
        ("rbac.authorization.k8s.io/v1/ClusterRole//x", "rbac.authorization.k8s.io/v1", "ClusterRole", None, "x", true),
        (
            "rbac.authorization.k8s.io/v1/ClusterRole/*/x",
            "rbac.authorization.k8s.io/v1",
            "ClusterRole",
            None,
            "x",
            true,
        ),
        (
            "rbac.authorization.k8s.io/v1/ClusterRole//x",
            "rbac.authorization.k8s.io/v1",
            "ClusterRole",
            None,
            "y",
            false,
        ),
        ("v1/ConfigMap//x", "v1", "ConfigMap", Some("a"), "x", false),
        ("v1/Namespace/x", "v1", "Namespace", None, "x", false),
        ("v1/ConfigMap/kube-system", "v1", "ConfigMap", Some("kube-system"), "x", true),
        ("v1/ConfigMap/kube-system", "v1", "ConfigMap", Some("kube-system"), "kubephase-config", false),
        ("*/*/*/*/*", "v1", "ConfigMap", Some("kube-system"), "kubeadm-config", false),
        ("v1/ConfigMap/kube-system/kubeadm-config", "v1", "ConfigMap", Some("kube-system"), "kubeadm-config", true),
        ("v1/ConfigMap/kube-system", "v1", "ConfigMap", Some("kube-system"), "coredns", false),
        ("v1/ConfigMap/kube-public", "v1", "ConfigMap", Some("kube-public"), "cluster-info", false),
        ("v1/ServiceAccount/kube-system", "v1", "ServiceAccount", Some("kube-system"), "namespace-controller", false),
        ("v1/ServiceAccount/kube-system/x", "v1", "ServiceAccount", Some("kube-system"), "x", true),
        ("v1/ServiceAccount/a", "v1", "ServiceAccount", Some("a"), "x", true),
        ("v1/ConfigMap/kube-*", "v1", "ConfigMap", Some("kube-system"), "x", false),
        ("v1/ConfigMap", "v1", "ConfigMap", Some("a/b"), "x", false),
    ] {
        let granted = grants("objects", &[scope]);
        assert_eq!(
            granted.allows_object(api_version, kind, namespace, name),
            expected,
            "{scope} {kind} {namespace:?} {name}"
        );
    }
}

/// The same by taking every text apart and comparing parts, over all combinations of few.
#[test]
fn objects_match_as_a_naive_matcher_says() {
    let (versions, kinds) = (["v1", "apps/v1", "b.io/v1beta1"], ["ConfigMap", "Role"]);
    let places = [None, Some("x"), Some("y")];
    let mut count = 0;
    for group_version in ["v1", "apps/v1", "b.io/v1beta1", "*/v1", "*/*", "apps/*"] {
        for kind in ["ConfigMap", "Role", "*"] {
            for rest in ["", "/x", "/*", "//n", "/x/n", "/*/n", "/x/*"] {
                let scope = format!("{group_version}/{kind}{rest}");
                assert_eq!(object::read(&scope).err(), None, "{scope}");
                let granted = grants("objects", &[&scope]);
                for api_version in versions {
                    for wanted in kinds {
                        for namespace in places {
                            for name in ["n", "m"] {
                                let full = if api_version.contains('/') {
                                    api_version.to_owned()
                                } else {
                                    format!("/{api_version}")
                                };
                                let pattern = if group_version == "v1" { "/v1" } else { group_version };
                                let asked = format!("{full}/{wanted}/{}/{name}", namespace.unwrap_or_default());
                                let mut parts: Vec<&str> =
                                    pattern.split('/').chain([kind]).chain(rest.split('/').skip(1)).collect();
                                parts.resize(5, "*");
                                let expected = parts.iter().zip(asked.split('/')).all(|(p, a)| *p == "*" || *p == a);
                                assert_eq!(
                                    granted.allows_object(api_version, wanted, namespace, name),
                                    expected,
                                    "{scope} {asked}"
                                );
                                count += usize::from(expected);
                            }
                        }
                    }
                }
            }
        }
    }
    assert!(count > 500, "{count}");
}

#[test]
fn hosts_to_ask() {
    for (scope, scheme, host, port, expected) in [
        ("example.org", "https", "example.org", 443, true),
        ("example.org", "HTTPS", "EXAMPLE.org", 443, true),
        ("Example.ORG", "https", "example.org", 443, true),
        ("https://example.org", "https", "example.org", 443, true),
        ("example.org", "http", "example.org", 80, false),
        ("example.org", "https", "example.org", 8443, false),
        ("example.org", "https", "a.example.org", 443, false),
        ("example.org", "https", "example.org.", 443, false),
        ("example.org", "https", "user@example.org", 443, false),
        ("example.org:8443", "https", "example.org", 8443, true),
        ("example.org:8443", "https", "example.org", 443, false),
        ("http://example.org:8080", "http", "example.org", 8080, true),
        ("http://example.org", "http", "example.org", 80, true),
        ("http://example.org:8080", "https", "example.org", 8080, false),
        ("*.example.org", "https", "a.example.org", 443, true),
        ("*.example.org", "https", "a.b.example.org", 443, true),
        ("*.example.org", "https", "example.org", 443, false),
        ("*.example.org", "https", "aexample.org", 443, false),
        ("*.example.org", "https", ".example.org", 443, false),
        ("*.example.org", "https", "evil.org/.example.org", 443, false),
        ("http://*.example.org:81", "http", "a.example.org", 81, true),
        ("10.0.0.1", "https", "10.0.0.1", 443, true),
        ("10.0.0.1", "https", "::ffff:10.0.0.1", 443, true),
        ("10.0.0.1", "https", "10.0.0.01", 443, false),
        ("10.0.0.1", "https", "167772161", 443, false),
        ("127.1", "https", "127.1", 443, false),
        ("0x7f000001", "https", "0x7f000001", 443, false),
        ("*.0.0.1", "https", "10.0.0.1", 443, false),
        ("[2001:db8::1]:8443", "https", "2001:db8:0::1", 8443, true),
        ("2001:db8::1", "https", "[2001:DB8::1]", 443, true),
        ("*", "https", "example.org", 443, false),
        ("*.*.org", "https", "a.b.org", 443, false),
        ("example.org/x", "https", "example.org", 443, false),
        ("ftp://example.org", "ftp", "example.org", 443, false),
        ("example.org:0", "https", "example.org", 0, false),
    ] {
        assert_eq!(
            grants("http", &[scope]).allows_http(scheme, host, port),
            expected,
            "{scope} {scheme} {host} {port}"
        );
    }
}

#[test]
fn probes() {
    for (scope, function, on, expected) in [
        ("fdatasync:/var/lib/etcd", "fdatasync", "/var/lib/etcd", true),
        ("fdatasync:/var/lib/etcd", "fdatasync", "/var/lib/etcd/x", false),
        ("fdatasync:/var/lib/etcd", "fdatasync", "/var/lib/x/../etcd", false),
        ("fdatasync:/var/lib/**", "fdatasync", "/var/lib/etcd/x", true),
        ("fdatasync", "fdatasync", "/anywhere", true),
        ("tcp-connect:10.0.0.1:443", "tcp-connect", "10.0.0.1:443", true),
        ("tcp-connect:10.0.0.1:443", "tcp-connect", "10.0.0.1:80", false),
        ("tcp-connect:10.0.0.1", "tcp-connect", "10.0.0.1:80", true),
        ("tcp-connect:[2001:db8::1]:443", "tcp-connect", "[2001:db8::1]:443", true),
        ("tcp-connect:*.example.org:443", "tcp-connect", "a.example.org:443", true),
        ("tcp-connect:10.0.0.1:443", "dns-lookup", "10.0.0.1:443", false),
        ("dns-lookup:*.example.org", "dns-lookup", "a.example.org", true),
        ("dns-lookup:*.example.org", "dns-lookup", "example.com", false),
        ("path-mtu:10.0.0.1", "path-mtu", "10.0.0.1", true),
        ("clock-offset:ntp.example.org", "clock-offset", "ntp.example.org", true),
        ("clock-offset:ntp.example.org", "clock-offset", "", false),
        ("clock-state", "clock-state", "", true),
        ("clock", "clock", "", false),
    ] {
        assert_eq!(grants("probe", &[scope]).allows_probe(function, on), expected, "{scope} {function} {on}");
    }
}

#[test]
fn patches_and_privileges() {
    let granted = grants("patches", &["kube-apiserver", "plugin:*"]);
    assert!(granted.allows_patch("kube-apiserver") && granted.allows_patch("plugin:flannel"));
    assert!(!granted.allows_patch("kube-scheduler") && !granted.allows_patch("Kube-apiserver"));
    let granted = grants("privileges", &["image", "kube-apiserver:hostPID", "plugin:a:command", "plugin:*:runAsRoot"]);
    for (privilege, target, expected) in [
        ("image", "etcd", true),
        ("hostPID", "kube-apiserver", true),
        ("hostPID", "etcd", false),
        ("command", "plugin:a", true),
        ("command", "plugin:b", false),
        ("runAsRoot", "plugin:b", true),
        ("runAsRoot", "etcd", false),
        ("hostpid", "kube-apiserver", false),
    ] {
        assert_eq!(granted.has_privilege(privilege, target), expected, "{privilege} {target}");
    }
}

#[test]
fn wants_become_grants() {
    let want = |capability: &str, scopes: &[&str]| Want {
        capability: capability.into(),
        scopes: scopes.iter().map(|scope| (*scope).to_owned()).collect(),
        reason: String::new(),
    };
    let granted = Grants::of_wants(&[want("facts", &["pci"]), want("facts", &["pci", "os"]), want("magic", &["x"])]);
    assert_eq!(granted, grants("facts", &["pci", "os"]));
    assert!(Grants::of_wants(&[]).is_empty() && !granted.is_empty());
    for capability in Grants::fields() {
        let mut granted = Grants::default();
        granted.list_mut(capability).unwrap_or_else(|| panic!("{capability}")).push("x".into());
        assert_eq!(granted.list(capability), ["x"], "{capability}");
    }
}

/// The line, put into a file, is read as what it says and allows what was refused.
#[test]
fn the_line_allows_it() {
    let read = |line: &str| {
        let mut report = Report::default();
        let source = std::sync::Arc::new(Source { name: "g".into(), text: format!("{line}\n") });
        let node = yaml::documents(&source, &mut report).remove(0);
        let granted = <Grants as crate::config::record::Field>::read(&node, "", &mut report).expect("grants");
        assert!(report.problems.is_empty(), "{line}: {report}");
        let problems = problems(&granted, "grants");
        assert!(problems.is_empty(), "{line}: {problems:?}");
        granted
    };
    assert_eq!(line_for("files", "/sys/module/nvidia/version"), "files: [/sys/module/nvidia/version]");
    assert_eq!(line_for("http", "*.example.org"), r#"http: ["*.example.org"]"#);
    for path in ["/sys/module/nvidia/version", "/a b/c", "/a: b", "/a#b", "/é", "/a'\"b", "/1"] {
        assert!(read(&line_for("files", path)).allows_file(path), "{path}");
        assert!(read(&line_for("writes", path)).allows_write(path), "{path}");
        assert!(read(&line_for("hostPaths", path)).allows_host_path(path), "{path}");
        assert!(read(&line_for("probe", &probe_scope("fdatasync", path))).allows_probe("fdatasync", path), "{path}");
    }
    for fact in table::FACTS {
        assert!(read(&line_for("facts", fact)).allows_fact(fact), "{fact}");
    }
    for target in table::PATCH_TARGETS.iter().copied().chain(["plugin:flannel"]) {
        assert!(read(&line_for("patches", target)).allows_patch(target), "{target}");
        for (privilege, _) in table::PRIVILEGES {
            let granted = read(&line_for("privileges", &format!("{target}:{privilege}")));
            assert!(granted.has_privilege(privilege, target), "{target} {privilege}");
        }
    }
    for (scheme, host, port) in [
        ("https", "example.org", 443),
        ("http", "example.org", 80),
        ("https", "a.b", 1),
        ("http", "10.0.0.1", 8080),
        ("https", "2001:db8::1", 443),
        ("https", "[2001:db8::1]", 2),
        ("http", "2001:db8::1", 80),
    ] {
        let line = line_for("http", &http_scope(scheme, host, port));
        assert!(read(&line).allows_http(scheme, host, port), "{line}");
    }
    for (api_version, kind, namespace, name) in [
        ("v1", "Secret", Some("a"), Some("b")),
        ("apps/v1", "Deployment", Some("a"), Some("b")),
        ("v1", "Node", None, Some("system:x")),
    ] {
        let scope = object_scope(api_version, kind, namespace, name);
        assert!(read(&line_for("kube", &scope)).allows_kube(api_version, kind, namespace, name), "{scope}");
        let name = name.expect("one object");
        assert!(read(&line_for("objects", &scope)).allows_object(api_version, kind, namespace, name), "{scope}");
    }
    for (namespace, scope) in [(Some("a"), "v1/ConfigMap/a"), (None, "v1/ConfigMap")] {
        assert_eq!(object_scope("v1", "ConfigMap", namespace, None), scope);
        assert!(read(&line_for("kube", scope)).allows_kube("v1", "ConfigMap", namespace, None), "{scope}");
    }
    for (function, scope) in
        [("tcp-connect", "[::1]:1"), ("tcp-connect", "a:1"), ("clock-state", ""), ("dns-lookup", "a.b")]
    {
        let line = line_for("probe", &probe_scope(function, scope));
        assert!(read(&line).allows_probe(function, scope), "{line}");
    }
}

#[test]
fn what_is_wrong_is_said_of_each() {
    let mut granted = Grants::default();
    for (capability, scopes) in [
        ("facts", &["pcii", "os"][..]),
        ("files", &["relative", "/a/../b", "/a//b", "/a/", "/a/b**", "", "/ok/*"]),
        (
            "kube",
            &["v1/Secret/kube-system", "v1/*", "Deployment", "v1/ConfigMap/a/b/c", "apps/v1/deployment", "v1/Pod"],
        ),
        ("http", &["example.org/path", "ftp://x", "*", "example.org:99999", "*.10.0.0.1", "ok.example.org"]),
        ("probe", &["fdata-sync:/x", "clock-state:x", "tcp-connect:a:x", "path-mtu:a b", "fdatasync:x", "clock-state"]),
        ("patches", &["kube-api-server", "plugin:A", "plugin:a"]),
        ("privileges", &["hostPid", "kube-api-server:hostPID", "writes:hostPID", "etcd:image", "etcd:image"]),
        ("hostPaths", &["/a/*", "a", "/", "/a"]),
        ("writes", &["/**", "/a/./b", "/a"]),
        ("objects", &["*/*/*", "v1/ConfigMap/a*", "v1"]),
    ] {
        granted.list_mut(capability).expect("known").extend(scopes.iter().map(|scope| (*scope).to_owned()));
    }
    let problems: Vec<String> = problems(&granted, "g")
        .into_iter()
        .map(|problem| format!("{:?} {problem} ({})", problem.severity, problem.hint.as_deref().unwrap_or_default()))
        .collect();
    let form = "(write <apiVersion>/<kind>[/<namespace>[/<name>]], such as apps/v1/Deployment/kube-system)";
    let expected = [
        "Error g.facts[0]: `pcii` is not a fact (did you mean `pci`?)".to_owned(),
        "Error g.files[0]: `relative`: it is not an absolute path (write the whole path, from `/` on)".into(),
        "Error g.files[1]: `/a/../b`: it has a `.`, `..` or empty part, or is too long (write the shortest path that means the same)".into(),
        "Error g.files[2]: `/a//b`: it has a `.`, `..` or empty part, or is too long (write the shortest path that means the same)".into(),
        "Error g.files[3]: `/a/`: it ends with a slash (name the directory without it, or what is below by `/**`)".into(),
        "Error g.files[4]: `/a/b**`: `**` stands for whole parts of a path only (put it alone between two slashes, or use `*`)".into(),
        "Error g.files[5]: it is empty (take it out)".into(),
        "Error g.kube[0]: `v1/Secret/kube-system`: Secrets are granted one by one (name the one that is needed: v1/Secret/<namespace>/<name>)".into(),
        "Error g.kube[1]: `v1/*`: there is no `*` in here: what is left out at the end stands for all (name each kind)".into(),
        format!("Error g.kube[2]: `Deployment`: it does not begin with an apiVersion and a kind {form}"),
        format!("Error g.kube[3]: `v1/ConfigMap/a/b/c`: it has too many parts {form}"),
        format!("Error g.kube[4]: `apps/v1/deployment`: its kind is none: a kind is written like `ConfigMap` {form}"),
        "Error g.http[0]: `example.org/path`: a whole host is granted, without a path (write it like example.org:8443)".into(),
        "Error g.http[1]: `ftp://x`: its scheme is neither https nor http (write it like example.org:8443)".into(),
        "Error g.http[2]: `*`: `*` stands for the first labels of a name only (write it like *.example.org, or name each host)".into(),
        "Error g.http[3]: `example.org:99999`: its port is not a number between 1 and 65535 (write it like example.org:8443)".into(),
        "Error g.http[4]: `*.10.0.0.1`: there is nothing below an address (name each address)".into(),
        "Error g.probe[0]: `fdata-sync` is not a probe (did you mean `fdatasync`?)".into(),
        "Error g.probe[1]: `clock-state:x`: there is nothing to limit it to (leave the colon and what follows out)".into(),
        "Error g.probe[2]: `tcp-connect:a:x`: its port is not a number between 1 and 65535 (write it like example.org:8443)".into(),
        "Error g.probe[3]: `path-mtu:a b`: it is neither an IP address nor a DNS name (write it like example.org, *.example.org, 10.0.0.1 or [2001:db8::1])".into(),
        "Error g.probe[4]: `fdatasync:x`: it is not an absolute path (write the whole path, from `/` on)".into(),
        "Error g.patches[0]: `kube-api-server` is not a target of patches (did you mean `kube-apiserver`?)".into(),
        "Error g.patches[1]: `A` is no plugin's name (write plugin:<name>, or plugin:* for the objects of every plugin)".into(),
        "Error g.privileges[0]: `hostPid` is not a privilege (did you mean `hostPID`?)".into(),
        "Error g.privileges[1]: `kube-api-server` is not a target of patches (did you mean `kube-apiserver`?)".into(),
        "Warning g.privileges[4]: `etcd:image` is granted twice (take one out)".into(),
        "Error g.hostPaths[0]: `/a/*`: there is no `*` in here (name the directory: what is below it is granted too)".into(),
        "Error g.hostPaths[1]: `a`: it is not an absolute path (write the whole path, from `/` on)".into(),
        "Warning g.hostPaths[2]: `/` is everything on this machine (grant what the plugin needs)".into(),
        "Warning g.writes[0]: `/**` is everything on this machine (grant what the plugin needs)".into(),
        "Error g.writes[1]: `/a/./b`: it has a `.`, `..` or empty part, or is too long (write the shortest path that means the same)".into(),
        format!("Error g.objects[1]: `v1/ConfigMap/a*`: its namespace or name is none, or `*` is only a part of it {form}"),
        format!("Error g.objects[2]: `v1`: it does not begin with an apiVersion and a kind {form}"),
    ];
    let mut sorted: Vec<&String> = problems.iter().collect();
    let mut wanted: Vec<&String> = expected.iter().collect();
    sorted.sort();
    wanted.sort();
    assert_eq!(sorted, wanted);
}

/// The names of functions in a WIT file.
fn functions(file: &str) -> Vec<String> {
    let path = format!("{}/../../wit/v0.1/{file}", env!("CARGO_MANIFEST_DIR"));
    #[expect(clippy::disallowed_methods, reason = "a test that reads the repository")]
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    let name = |line: &str| line.trim().split_once(": func(").map(|(name, _)| name.trim_start_matches('%').to_owned());
    text.lines().filter_map(name).collect()
}

#[test]
fn tables_are_those_of_the_wit() {
    assert_eq!(functions("cap-facts.wit"), table::FACTS);
    let probes: Vec<&str> = PROBES.iter().map(|(name, _)| *name).collect();
    assert_eq!(functions("cap-probe.wit"), probes);
}
