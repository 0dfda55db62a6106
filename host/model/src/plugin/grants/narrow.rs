//! Whether one grant allows nothing that another one does not allow. In doubt it does: what only several grants together
//! would allow counts as more.

use super::{Grants, host, is_below, is_normal_path, object, path, probe};

/// Whether the scope `scope` of a capability allows nothing that the scope `wide` of the same does not allow. A capability
/// that is not known allows nothing.
pub fn covers(capability: &str, wide: &str, scope: &str) -> bool {
    match capability {
        "facts" => wide == scope,
        "files" => path::covers(wide, scope),
        "kube" => object::covers_reading(wide, scope),
        "http" => host::covers_http(wide, scope),
        "probe" => probe::covers(wide, scope),
        "patches" => covers_target(wide, scope),
        "privileges" => covers_privilege(wide, scope),
        "hostPaths" => is_normal_path(wide) && is_below(scope, wide),
        "writes" => path::covers_write(wide, scope),
        "objects" => object::covers_applying(wide, scope),
        _ => false,
    }
}

fn covers_target(wide: &str, target: &str) -> bool {
    wide == target || wide == "plugin:*" && target.starts_with("plugin:")
}

/// `<name>` is for every target, `<target>:<name>` for one.
fn covers_privilege(wide: &str, privilege: &str) -> bool {
    match (wide.rsplit_once(':'), privilege.rsplit_once(':')) {
        (None, None) => wide == privilege,
        (None, Some((_, name))) => wide == name,
        (Some((target, wide)), Some((narrow, name))) => wide == name && covers_target(target, narrow),
        (Some(_), None) => false,
    }
}

impl Grants {
    /// What of `local` allows more than this: the capability, where in its list, and the scope.
    pub fn exceeded_by<'a>(&self, local: &'a Self) -> Vec<(&'static str, usize, &'a str)> {
        let mut more = Vec::new();
        for capability in Self::fields() {
            for (i, scope) in local.list(capability).iter().enumerate() {
                if !self.list(capability).iter().any(|wide| covers(capability, wide, scope)) {
                    more.push((capability, i, scope.as_str()));
                }
            }
        }
        more
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scopes of one capability with what they are compared with: `true` where the first one allows all of the second.
    fn cases(capability: &str, cases: &[(&str, &str, bool)]) {
        for (wide, scope, expected) in cases {
            assert_eq!(covers(capability, wide, scope), *expected, "{capability}: {wide} and {scope}");
            assert!(covers(capability, wide, wide), "{wide} and itself");
        }
    }

    #[test]
    fn names_are_the_same_or_not() {
        cases("facts", &[("pci", "pci", true), ("pci", "cpu", false)]);
        cases(
            "patches",
            &[
                ("etcd", "kube-apiserver", false),
                ("plugin:*", "plugin:a", true),
                ("plugin:a", "plugin:*", false),
                ("plugin:*", "etcd", false),
            ],
        );
        cases(
            "privileges",
            &[
                ("image", "command", false),
                ("image", "etcd:image", true),
                ("etcd:image", "image", false),
                ("etcd:image", "kube-apiserver:image", false),
                ("plugin:*:image", "plugin:a:image", true),
                ("plugin:*:image", "objects:image", false),
                ("plugin:a:image", "plugin:*:image", false),
                ("image", "plugin:a:command", false),
            ],
        );
        assert!(!covers("nothing", "a", "a"));
    }

    #[test]
    fn paths_are_contained_and_not_only_begin_alike() {
        cases(
            "files",
            &[
                ("/etc/**", "/etc/a/b", true),
                ("/etc/**", "/etc", true),
                ("/etc/**", "/etcd/a", false),
                ("/etc/*", "/etc/a/b", false),
                ("/etc/*", "/etc/**", false),
                ("/etc/**", "/etc/*/x*", true),
                ("/etc/*.conf", "/etc/a*.conf", true),
                ("/etc/a*.conf", "/etc/*.conf", false),
                ("/etc/*.conf", "/etc/*.confx", false),
                ("/**/x", "/a/**/x", true),
                ("/a/**/x", "/**/x", false),
                ("/**", "/", true),
                ("/etc/*/b", "/etc/*/b", true),
                ("/etc/*", "/etc/../root", false),
            ],
        );
        cases(
            "hostPaths",
            &[
                ("/var/lib", "/var/lib/x", true),
                ("/var/lib", "/var/library", false),
                ("/var/lib/x", "/var/lib", false),
                ("/", "/etc", true),
                ("/var/lib", "/var/lib/../run", false),
            ],
        );
        cases(
            "writes",
            &[
                ("/opt/x/*", "/opt/x/y", true),
                ("/opt/x/y", "/opt/x/*", false),
                ("/opt/**", "/opt/x/*", true),
                // A pattern never allows what is sensitive, a whole path does.
                ("/etc/**", "/etc/passwd", false),
                ("/etc/passwd", "/etc/passwd", true),
                ("/etc/**", "/etc/x/**", true),
            ],
        );
    }

    #[test]
    fn hosts_are_names_below_names_at_one_port() {
        cases(
            "http",
            &[
                ("*.example.org", "a.example.org", true),
                ("*.example.org", "*.a.example.org", true),
                ("*.a.example.org", "*.example.org", false),
                ("*.example.org", "example.org", false),
                ("*.example.org", "badexample.org", false),
                ("*.example.org", "*.badexample.org", false),
                ("*.EXAMPLE.org", "*.example.ORG", true),
                ("example.org", "*.example.org", false),
                ("example.org", "EXAMPLE.org:443", true),
                ("example.org", "example.org:8443", false),
                ("example.org", "http://example.org", false),
                ("http://example.org:443", "example.org", false),
                ("10.0.0.1", "10.0.0.2", false),
                ("[2001:db8::1]", "[2001:db8:0::1]", true),
            ],
        );
        cases(
            "probe",
            &[
                ("tcp-connect", "tcp-connect:example.org:80", true),
                ("tcp-connect:example.org", "tcp-connect:example.org:80", true),
                ("tcp-connect:example.org:80", "tcp-connect:example.org", false),
                ("tcp-connect:*.example.org:80", "tcp-connect:a.example.org:80", true),
                ("tcp-connect:example.org", "tcp-connect", false),
                ("tcp-connect", "dns-lookup:example.org", false),
                ("dns-lookup:*.example.org", "dns-lookup:a.b.example.org", true),
                ("fdatasync:/var/lib/**", "fdatasync:/var/lib/etcd", true),
                ("fdatasync:/var/lib/etcd", "fdatasync:/var/lib/**", false),
                ("clock-state", "fdatasync", false),
            ],
        );
    }

    #[test]
    fn objects_are_of_a_kind_in_a_namespace_with_a_name() {
        cases(
            "kube",
            &[
                ("v1/Pod", "v1/Pod/default/a", true),
                ("v1/Pod/default", "v1/Pod", false),
                ("v1/Pod/default", "v1/Pod/default/a", true),
                ("v1/Pod/default", "v1/Pod/other/a", false),
                ("v1/Pod", "apps/v1/Deployment", false),
                ("v1/Node", "v1/Node//a", true),
                ("v1/Secret/a/b", "v1/Secret/a/c", false),
            ],
        );
        cases(
            "objects",
            &[
                ("*/*/*", "apps/v1/Deployment/x", true),
                ("apps/*/Deployment", "apps/v1/Deployment/x/y", true),
                ("apps/v1/Deployment", "apps/*/Deployment", false),
                ("v1/ConfigMap/x", "v1/ConfigMap/x/*", true),
                ("v1/ConfigMap/x", "v1/ConfigMap", false),
                ("v1/ConfigMap/*", "v1/ConfigMap", true),
                ("v1/ConfigMap//a", "v1/ConfigMap/x/a", false),
                // Kinds by a star are not Secrets, and patterns not what the cluster trusts.
                ("*/*/*", "v1/Secret/x/y", false),
                ("v1/Secret/x", "v1/Secret/x/y", true),
                ("v1/ConfigMap", "v1/ConfigMap/kube-system/kubeadm-config", false),
                ("v1/ConfigMap/kube-system/kubeadm-config", "v1/ConfigMap/kube-system/kubeadm-config", true),
                ("v1/ServiceAccount", "v1/ServiceAccount/kube-system/x", false),
            ],
        );
    }

    /// Whatever is said to be no more allows nothing more: everything is tried on everything.
    #[test]
    fn what_is_covered_allows_nothing_more() {
        let one = |capability: &str, scope: &str| {
            let mut grants = Grants::default();
            grants.list_mut(capability).expect("a capability").push(scope.to_owned());
            grants
        };
        let parts = ["a", "b", "*", "a*", "*a", "**", "a*b"];
        let mut patterns: Vec<String> = parts.iter().map(|part| format!("/{part}")).collect();
        for first in parts {
            patterns.extend(parts.iter().map(|second| format!("/{first}/{second}")));
        }
        let words = ["a", "b", "ab", "ba", "axb"];
        let mut paths: Vec<String> = words.iter().map(|word| format!("/{word}")).collect();
        for first in words {
            paths.extend(words.iter().map(|second| format!("/{first}/{second}")));
            paths.extend(words.iter().map(|second| format!("/{first}/x/{second}")));
        }
        let mut covered = 0;
        for wide in &patterns {
            for narrow in patterns.iter().filter(|narrow| covers("files", wide, narrow)) {
                covered += 1;
                let (wide, narrow) = (one("files", wide), one("files", narrow));
                for path in &paths {
                    assert!(!narrow.allows_file(path) || wide.allows_file(path), "{wide:?} {narrow:?} {path}");
                }
            }
        }
        assert!(covered > patterns.len(), "{covered}");

        let objects = ["*/*/*", "*/*/*/x", "v1/*/x", "v1/ConfigMap", "v1/ConfigMap/x", "v1/ConfigMap/x/kubephase-a"];
        let more = ["v1/Secret", "v1/Secret/x/y", "v1/ConfigMap/kube-system", "v1/ConfigMap/kube-system/kubephase-a"];
        let scopes: Vec<&str> = objects.into_iter().chain(more).collect();
        for wide in &scopes {
            for narrow in scopes.iter().filter(|narrow| covers("objects", wide, narrow)) {
                let (wide, narrow) = (one("objects", wide), one("objects", narrow));
                for kind in ["ConfigMap", "Secret", "Pod"] {
                    for namespace in [None, Some("x"), Some("kube-system")] {
                        for name in ["y", "kubephase-a"] {
                            let allows = |grants: &Grants| grants.allows_object("v1", kind, namespace, name);
                            assert!(
                                !allows(&narrow) || allows(&wide),
                                "{wide:?} {narrow:?} {kind} {namespace:?} {name}"
                            );
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn what_is_more_is_named() {
        let grants = |lists: &[(&str, &[&str])]| {
            let mut grants = Grants::default();
            for (capability, scopes) in lists {
                let list = grants.list_mut(capability).expect("a capability");
                list.extend(scopes.iter().map(|scope| (*scope).to_owned()));
            }
            grants
        };
        let stored = grants(&[("facts", &["pci", "cpu"]), ("files", &["/etc/a/**", "/etc/b"])]);
        let local =
            grants(&[("facts", &["cpu", "os"]), ("files", &["/etc/b", "/etc/a/x", "/etc/*"]), ("http", &["a.b"])]);
        assert_eq!(stored.exceeded_by(&local), [("facts", 1, "os"), ("files", 2, "/etc/*"), ("http", 0, "a.b")]);
        assert!(stored.exceeded_by(&stored).is_empty() && stored.exceeded_by(&Grants::default()).is_empty());
    }
}
