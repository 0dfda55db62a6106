//! What a grant means, in plain words: for who has to decide about it.

use kubephase_model::plugin::grants::table::PRIVILEGES;
use kubephase_model::plugin::{Grants, Want};

/// One scope of a capability as a sentence without subject: "read the file /etc/os-release".
pub fn sentence(capability: &str, scope: &str) -> String {
    match capability {
        "facts" => format!("be told {}", fact(scope)),
        "files" if scope.contains('*') => format!("read files of the node that match {scope}"),
        "files" => format!("read the node's file {scope}"),
        "kube" => format!("read {} in the cluster", objects(scope)),
        "http" => format!("send requests to {scope}, and read what it answers"),
        "probe" => format!("have measured: {scope}"),
        "patches" => match scope.strip_prefix("plugin:") {
            Some("*") => "change what all other plugins install".to_owned(),
            Some(plugin) => format!("change what the plugin {plugin} installs"),
            None => format!("change {}", target(scope)),
        },
        "privileges" => {
            let (place, name) = scope.rsplit_once(':').map_or((None, scope), |(place, name)| (Some(place), name));
            let what = PRIVILEGES.iter().find(|(known, _)| *known == name).map_or(name, |(_, what)| what);
            place.map_or_else(|| format!("{what} (anywhere)"), |place| format!("{what} (only in {place})"))
        }
        "hostPaths" => format!("mount {scope} of the node, and what is below it, into pods"),
        "writes" => format!("have files written at {scope}"),
        "objects" => format!("create, change and delete its own {}", objects(scope)),
        other => format!("{other}: {scope}"),
    }
}

fn fact(name: &str) -> &'static str {
    match name {
        "os" => "which operating system this is",
        "kernel" => "which kernel runs",
        "cpu" => "what processors there are",
        "memory" => "how much memory there is",
        "hugepages" => "what huge pages there are",
        "numa" => "how memory and processors are laid out",
        "pci" => "which PCI devices there are, with their drivers",
        "block-devices" => "which disks there are",
        "mounts" => "what is mounted where, and how full it is",
        "network" => "network interfaces and their addresses",
        "modules" => "which kernel modules are loaded",
        "command-line" => "what the kernel was started with",
        "sysctl" => "settings of the kernel",
        "cgroup" => "how control groups are set up",
        "init-system" => "what starts services",
        "runtime" => "which container runtime runs, with its handlers",
        "cluster" => "what is being set up: versions, names, addresses, subnets (no secrets)",
        _ => "something that this kubephase does not know",
    }
}

fn target(name: &str) -> String {
    match name {
        "kubeletconfiguration" => "the kubelet's configuration".to_owned(),
        "kubeproxyconfiguration" => "kube-proxy's configuration".to_owned(),
        "corednsdeployment" => "the Deployment of CoreDNS".to_owned(),
        "kubeproxydaemonset" => "the DaemonSet of kube-proxy".to_owned(),
        pod => format!("the static pod of {pod}"),
    }
}

fn objects(scope: &str) -> String {
    let parts: Vec<&str> = scope.split('/').collect();
    // `v1/Kind…` or `group/v1/Kind…`.
    let kind_at = parts.iter().position(|part| part.starts_with(char::is_uppercase) || *part == "*").unwrap_or(0);
    let kind = parts.get(kind_at).copied().unwrap_or(scope);
    let kind = if kind == "*" { "objects of every kind".to_owned() } else { format!("{kind} objects") };
    match (parts.get(kind_at + 1).copied(), parts.get(kind_at + 2).copied()) {
        (None, _) | (Some("*"), None) => format!("{kind} everywhere"),
        (Some(""), Some(name)) => format!("{kind} named {name}"),
        (Some(""), None) => kind,
        (Some(namespace), None | Some("*")) => format!("{kind} in the namespace {namespace}"),
        (Some(namespace), Some(name)) => format!("{kind} named {name} in the namespace {namespace}"),
    }
}

/// A plugin's wants as lines for people, with the reasons that it gives.
pub fn wants(wants: &[Want]) -> String {
    let mut text = String::new();
    for want in wants {
        let reason =
            if want.reason.is_empty() { "it gives no reason".to_owned() } else { format!("\"{}\"", want.reason) };
        text.push_str(&format!("  {}: {reason}\n", want.capability));
        for scope in &want.scopes {
            text.push_str(&format!("    - {}\n", sentence(&want.capability, scope)));
        }
    }
    text
}

/// The same as it would stand in the configuration, to be pasted.
pub fn paste(wants: &[Want], indent: &str) -> String {
    let grants = Grants::of_wants(wants);
    let mut text = format!("{indent}grants:\n");
    for capability in Grants::fields() {
        let scopes = grants.list(capability).iter().map(|scope| serde_json::Value::from(scope.as_str()).to_string());
        match scopes.collect::<Vec<_>>().as_slice() {
            [] => {}
            [one] => text.push_str(&format!("{indent}  {capability}: [{one}]\n")),
            several => {
                text.push_str(&format!("{indent}  {capability}:\n"));
                several.iter().for_each(|scope| text.push_str(&format!("{indent}  - {scope}\n")));
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use kubephase_model::plugin::grants::table::{FACTS, PATCH_TARGETS, PRIVILEGES};

    use super::*;

    #[test]
    fn every_grant_has_words_of_its_own() {
        for name in FACTS {
            assert!(!sentence("facts", name).contains("does not know"), "{name}");
        }
        for target in PATCH_TARGETS {
            assert!(!sentence("patches", target).ends_with(&format!("change {target}")), "{target}");
        }
        for (name, what) in PRIVILEGES {
            assert_eq!(sentence("privileges", &format!("etcd:{name}")), format!("{what} (only in etcd)"));
        }
    }

    #[test]
    fn objects_are_told_with_where_they_are() {
        for (scope, words) in [
            ("v1/ConfigMap/kube-system", "read ConfigMap objects in the namespace kube-system in the cluster"),
            ("apps/v1/Deployment", "read Deployment objects everywhere in the cluster"),
            ("v1/Secret/a/b", "read Secret objects named b in the namespace a in the cluster"),
        ] {
            assert_eq!(sentence("kube", scope), words);
        }
        assert_eq!(
            sentence("objects", "rbac.authorization.k8s.io/v1/ClusterRole//x"),
            "create, change and delete its own ClusterRole objects named x"
        );
    }
}
