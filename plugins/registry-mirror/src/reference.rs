//! References of images, and rules that rewrite them.

use crate::Rule;

/// The registry that short names mean.
const DEFAULT_REGISTRY: &str = "docker.io";
/// Where its images without an owner are.
const DEFAULT_OWNER: &str = "library";

/// The reference that the rules make of one, or nothing if none fits or nothing changes.
pub fn rewritten(rules: &[Rule], reference: &str) -> Option<String> {
    let whole = normal(reference);
    let (rule, rest) = rules
        .iter()
        .filter_map(|rule| Some((rule, rest(&normal_prefix(&rule.from), &whole)?.to_owned())))
        .max_by_key(|(rule, _)| rule.from.len())?;
    let to = rule.to.trim_end_matches('/');
    // Where a mirror lies below what it mirrors, what is rewritten fits again.
    let is_there =
        self::rest(&normal_prefix(to), &whole).is_some() && self::rest(&normal_prefix(&rule.from), to).is_some();
    let made = format!("{to}{rest}");
    (!is_there && made != reference && made != whole).then_some(made)
}

/// What stands behind a prefix, if the prefix ends where a part of the reference ends.
fn rest<'a>(prefix: &str, whole: &'a str) -> Option<&'a str> {
    let rest = whole.strip_prefix(prefix)?;
    // In the registry's part a colon belongs to the port, behind it to a tag.
    let ends = if prefix.contains('/') { &['/', ':', '@'][..] } else { &['/'][..] };
    rest.starts_with(ends).then_some(rest).or((rest.is_empty() && prefix.contains('/')).then_some(rest))
}

/// A reference with its registry, as container runtimes read it: `busybox` is `docker.io/library/busybox`.
fn normal(reference: &str) -> String {
    let first = reference.split('/').next().unwrap_or_default();
    let has_registry = reference.contains('/') && is_registry(first);
    match (has_registry, reference.contains('/')) {
        (true, _) => {
            match reference.strip_prefix("docker.io/").or_else(|| reference.strip_prefix("index.docker.io/")) {
                Some(path) if path.contains('/') => format!("{DEFAULT_REGISTRY}/{path}"),
                Some(path) => format!("{DEFAULT_REGISTRY}/{DEFAULT_OWNER}/{path}"),
                None => reference.into(),
            }
        }
        (false, true) => format!("{DEFAULT_REGISTRY}/{reference}"),
        (false, false) => format!("{DEFAULT_REGISTRY}/{DEFAULT_OWNER}/{reference}"),
    }
}

/// The same for what rules begin with: a single part is a registry and no image.
fn normal_prefix(prefix: &str) -> String {
    let prefix = prefix.trim_end_matches('/');
    match prefix.split_once('/') {
        Some((first, _)) if !is_registry(first) => format!("{DEFAULT_REGISTRY}/{prefix}"),
        _ => prefix.into(),
    }
}

/// Whether the first part of a reference names a registry.
fn is_registry(part: &str) -> bool {
    part == "localhost" || part.contains(['.', ':'])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn by(rules: &[(&str, &str)], reference: &str) -> Option<String> {
        let rules: Vec<Rule> = rules.iter().map(|(from, to)| Rule { from: (*from).into(), to: (*to).into() }).collect();
        rewritten(&rules, reference)
    }

    #[test]
    fn whole_parts_are_replaced_and_the_rest_is_kept() {
        for (from, reference, made) in [
            ("registry.k8s.io", "registry.k8s.io/etcd:3.6.8-0", Some("m:5000/k8s/etcd:3.6.8-0")),
            ("registry.k8s.io", "registry.k8s.io/coredns/coredns:v1.14.2", Some("m:5000/k8s/coredns/coredns:v1.14.2")),
            ("registry.k8s.io/coredns", "registry.k8s.io/coredns/coredns:v1", Some("m:5000/k8s/coredns:v1")),
            ("registry.k8s.io/coredns", "registry.k8s.io/coredns:v1", Some("m:5000/k8s:v1")),
            ("registry.k8s.io/etcd", "registry.k8s.io/etcd", Some("m:5000/k8s")),
            ("registry.k8s.io/pause", "registry.k8s.io/pause@sha256:0a", Some("m:5000/k8s@sha256:0a")),
            ("registry.k8s.io", "registry.k8s.io:443/etcd:1", None),
            ("registry.k8s.io/core", "registry.k8s.io/coredns/coredns:v1", None),
            ("k8s.io", "registry.k8s.io/etcd:1", None),
            ("registry.k8s.io", "quay.io/x:1", None),
        ] {
            assert_eq!(by(&[(from, "m:5000/k8s")], reference).as_deref(), made, "{from} in {reference}");
        }
    }

    #[test]
    fn short_names_are_what_they_mean() {
        for (from, reference, made) in [
            ("docker.io", "busybox:1", Some("m.example/library/busybox:1")),
            ("docker.io", "flannel/flannel:v1", Some("m.example/flannel/flannel:v1")),
            ("docker.io", "docker.io/flannel/flannel:v1", Some("m.example/flannel/flannel:v1")),
            ("docker.io", "index.docker.io/busybox", Some("m.example/library/busybox")),
            ("flannel", "flannel/flannel:v1", None),
            ("flannel/flannel", "docker.io/flannel/flannel:v1", Some("m.example:v1")),
            ("docker.io", "localhost/busybox", None),
            ("docker.io", "localhost:5000/busybox", None),
        ] {
            assert_eq!(by(&[(from, "m.example")], reference).as_deref(), made, "{from} in {reference}");
        }
    }

    #[test]
    fn the_longest_rule_counts() {
        let rules = [("registry.k8s.io", "a.example"), ("registry.k8s.io/coredns", "b.example/dns")];
        for rules in [&rules[..], &[rules[1], rules[0]]] {
            assert_eq!(by(rules, "registry.k8s.io/coredns/coredns:v1").as_deref(), Some("b.example/dns/coredns:v1"));
            assert_eq!(by(rules, "registry.k8s.io/pause:3.10").as_deref(), Some("a.example/pause:3.10"));
        }
    }

    #[test]
    fn what_is_rewritten_stays() {
        let rules = [("docker.io", "docker.io/mirror"), ("registry.k8s.io", "registry.k8s.io")];
        assert_eq!(by(&rules, "registry.k8s.io/pause:3.10"), None);
        assert_eq!(by(&rules, "busybox:1").as_deref(), Some("docker.io/mirror/library/busybox:1"));
        assert_eq!(by(&rules, "docker.io/mirror/library/busybox:1"), None);
        let rules = [("registry.k8s.io", "m.example/registry.k8s.io")];
        let once = by(&rules, "registry.k8s.io/pause:3.10").expect("it fits");
        assert_eq!(by(&rules, &once), None);
    }
}
