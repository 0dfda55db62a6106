//! Security contexts of pods and containers: what lets one out of its confinement.

use serde_json::Value;

use super::bench::{Bench, field, is_on, shown, text, texts};

/// Sysctls that touch nobody but the pod (the baseline of the Pod Security Standards).
const SAFE_SYSCTLS: &[&str] = &[
    "kernel.shm_rmid_forced",
    "net.ipv4.ip_local_port_range",
    "net.ipv4.ip_local_reserved_ports",
    "net.ipv4.ip_unprivileged_port_start",
    "net.ipv4.ping_group_range",
    "net.ipv4.tcp_fin_timeout",
    "net.ipv4.tcp_keepalive_intvl",
    "net.ipv4.tcp_keepalive_probes",
    "net.ipv4.tcp_keepalive_time",
    "net.ipv4.tcp_rmem",
    "net.ipv4.tcp_syncookies",
    "net.ipv4.tcp_wmem",
];
/// Types of SELinux that confine as usual (likewise).
const CONFINED: &[&str] = &["", "container_t", "container_init_t", "container_kvm_t", "container_engine_t"];

/// Whether a container may run as root: nothing keeps it from it.
fn may_be_root(pod: Option<&Value>, container: Option<&Value>) -> bool {
    let (pod, container) = (field(pod, "securityContext"), field(container, "securityContext"));
    let set = |name: &str| field(container, name).or_else(|| field(pod, name));
    match set("runAsUser") {
        Some(user) => user.as_u64().is_none_or(|user| user == 0),
        None => set("runAsNonRoot") != Some(&Value::Bool(true)),
    }
}

/// Judges the user of a container; `pod` is the pod's spec.
pub(super) fn user(
    before: Option<(&Value, &Value)>,
    pod: &Value,
    container: &Value,
    pointer: &str,
    bench: &mut Bench<'_>,
) {
    let was_root = before.is_some_and(|(pod, container)| may_be_root(Some(pod), Some(container)));
    if !was_root && may_be_root(Some(pod), Some(container)) {
        let why = "nothing keeps it from running as root (runAsUser above 0, or runAsNonRoot: true)";
        bench.needs("runAsRoot", &format!("{pointer}/securityContext"), why);
    }
}

/// Judges the context of a pod or a container by itself; what was there before may stay.
pub(super) fn context(before: Option<&Value>, after: &Value, pointer: &str, bench: &mut Bench<'_>) {
    let (was, is) = (field(before, "securityContext"), field(Some(after), "securityContext"));
    if was == is && before.is_some() {
        return;
    }
    let at = |name: &str| format!("{pointer}/securityContext/{name}");
    let sub = |name: &str| (field(was, name), field(is, name));
    if is_on(is, "privileged") && !is_on(was, "privileged") {
        bench.needs("privileged", &at("privileged"), "a privileged container owns the node");
    }
    let (old, new) = sub("capabilities");
    let known = texts(old, "add");
    for capability in texts(new, "add").iter().filter(|added| !known.contains(added) && *added != "NET_BIND_SERVICE") {
        bench.needs("capabilities", &at("capabilities/add"), format!("it adds the capability {}", shown(capability)));
    }
    if texts(old, "drop").iter().any(|dropped| !texts(new, "drop").contains(dropped)) {
        bench.needs("capabilities", &at("capabilities/drop"), "it gets back capabilities that were dropped");
    }
    let (old, new) = (was, is);
    if field(old, "allowPrivilegeEscalation") == Some(&Value::Bool(false))
        && field(new, "allowPrivilegeEscalation") != Some(&Value::Bool(false))
    {
        bench.needs("runAsRoot", &at("allowPrivilegeEscalation"), "programs in it may become root again");
    }
    for group in ["runAsGroup", "fsGroup"] {
        if before.is_some()
            && field(new, group).is_some_and(|id| id.as_u64() == Some(0))
            && field(old, group) != field(new, group)
        {
            bench.needs("runAsRoot", &at(group), "it gets the group of root");
        }
    }
    if texts(new, "supplementalGroups").contains(&"0".to_owned())
        && !texts(old, "supplementalGroups").contains(&"0".to_owned())
    {
        bench.needs("runAsRoot", &at("supplementalGroups"), "it gets the group of root");
    }
    if text(new, "procMount") == "Unmasked" && text(old, "procMount") != "Unmasked" {
        bench.needs("capabilities", &at("procMount"), "it sees what /proc hides");
    }
    for name in ["seccompProfile", "appArmorProfile"] {
        let (old, new) = sub(name);
        if old != new && (text(new, "type") == "Unconfined" || old.is_some() && new.is_none()) {
            bench.needs("capabilities", &at(name), "it would not be confined any more");
        }
    }
    let (old, new) = sub("seLinuxOptions");
    if old != new
        && (!CONFINED.contains(&text(new, "type")) || !text(new, "user").is_empty() || !text(new, "role").is_empty())
    {
        bench.needs("capabilities", &at("seLinuxOptions"), "it would not be confined as others are");
    }
    if is_on(field(is, "windowsOptions"), "hostProcess") && !is_on(field(was, "windowsOptions"), "hostProcess") {
        bench.needs("privileged", &at("windowsOptions/hostProcess"), "it would be a process of the node");
    }
    let known = super::bench::items(was, "sysctls");
    for sysctl in super::bench::items(is, "sysctls").iter().filter(|sysctl| !known.contains(sysctl)) {
        let name = text(Some(sysctl), "name");
        if !SAFE_SYSCTLS.contains(&name) {
            bench.needs("privileged", &at("sysctls"), format!("the sysctl {} may touch the whole node", shown(name)));
        }
    }
}

/// Judges annotations that confine, or that kubeadm believes.
pub(super) fn annotations(before: Option<&Value>, after: Option<&Value>, pointer: &str, bench: &mut Bench<'_>) {
    let (was, is) = (field(before, "annotations"), field(after, "annotations"));
    let names = [was, is].into_iter().flatten().filter_map(Value::as_object).flat_map(|map| map.keys());
    for name in names.collect::<std::collections::BTreeSet<_>>() {
        let (old, new) = (text(was, name), text(is, name));
        let at = format!("{pointer}/annotations/{}", super::bench::token(name));
        let confines = name.starts_with("container.apparmor.security.beta.kubernetes.io/")
            || name.starts_with("container.seccomp.security.alpha.kubernetes.io/")
            || name == "seccomp.security.alpha.kubernetes.io/pod";
        if old == new {
            continue;
        }
        if confines && (new == "unconfined" || !old.is_empty()) {
            bench.needs("capabilities", &at, "it would not be confined any more");
        }
        if name.starts_with("kubeadm.kubernetes.io/") && before.is_some() {
            bench.needs("securityFlags", &at, "kubeadm believes it");
        }
    }
}
