//! How a node is registered.

use super::Check;
use super::args;
use crate::Release;
use crate::config::v1beta4::{NodeRegistrationOptions, Taint};
use crate::names::{is_dns1123_subdomain, is_label_value, is_qualified_name, is_rfc3339};

pub(super) const DNS_RULE: &str =
    "use lower-case letters, digits, `-` and `.`, beginning and ending with a letter or digit";

pub(super) fn registration(node: &NodeRegistrationOptions, release: Option<&Release>, check: &mut Check<'_>) {
    if node.name.is_empty() {
        check.error(
            "nodeRegistration.name",
            "the node has no name and the host none that could be taken",
            "set nodeRegistration.name or --node-name",
        );
    } else if !is_dns1123_subdomain(&node.name) {
        check.error("nodeRegistration.name", format!("`{}` cannot be the name of a node", node.name), DNS_RULE);
    }
    cri_socket(&node.cri_socket, "nodeRegistration.criSocket", check);
    args::args(&node.kubelet_extra_args, "nodeRegistration.kubeletExtraArgs", "kubelet", release, check);
    image_pull_policy(&node.image_pull_policy, "nodeRegistration.imagePullPolicy", check);
    ignored_errors(&node.ignore_preflight_errors, "nodeRegistration.ignorePreflightErrors", check);
    for (i, one) in node.taints.0.iter().flatten().enumerate() {
        taint(one, &format!("nodeRegistration.taints[{i}]"), check);
    }
}

fn taint(taint: &Taint, path: &str, check: &mut Check<'_>) {
    if !is_qualified_name(&taint.key) {
        check.error(
            format!("{path}.key"),
            format!("`{}` cannot be the key of a taint", taint.key),
            "write `name` or `prefix.example.com/name`",
        );
    }
    if !is_label_value(&taint.value) {
        check.error(
            format!("{path}.value"),
            format!("`{}` cannot be the value of a taint", taint.value),
            "use up to 63 letters, digits, `-`, `_` and `.`",
        );
    }
    check.one_of(&format!("{path}.effect"), &taint.effect.0, &["NoSchedule", "PreferNoSchedule", "NoExecute"]);
    if let Some(time) = taint.time_added.as_deref().filter(|time| !is_rfc3339(time)) {
        check.error(
            format!("{path}.timeAdded"),
            format!("`{time}` is not a time"),
            "write it like 2026-01-31T12:00:00Z",
        );
    }
}

pub(super) fn cri_socket(socket: &str, path: &str, check: &mut Check<'_>) {
    const HINT: &str = "write it like unix:///var/run/containerd/containerd.sock";
    match socket.split_once(':') {
        None if socket.is_empty() => check.error(path, "no CRI socket", HINT),
        Some(("unix", rest)) => {
            let place = rest.strip_prefix("//").unwrap_or(rest);
            let host = place.split('/').next().unwrap_or_default();
            if place.contains("://") || host.contains(':') {
                check.error(path, format!("`{socket}` is not a unix socket"), HINT);
            } else if place.is_empty() || place.chars().any(|c| c.is_whitespace() || c.is_control()) {
                check.error(path, format!("`{socket}` names no socket"), HINT);
            } else if !place.starts_with('/') {
                check.warn(path, format!("`{socket}` is not an absolute path: the kubelet may not find it"), HINT);
            }
        }
        _ => check.error(path, format!("`{socket}` is not a unix socket"), HINT),
    }
}

pub(super) fn image_pull_policy(policy: &str, path: &str, check: &mut Check<'_>) {
    if !policy.is_empty() {
        check.one_of(path, policy, &["Always", "IfNotPresent", "Never"]);
    }
}

pub(super) fn ignored_errors(names: &[String], path: &str, check: &mut Check<'_>) {
    if names.len() > 1
        && names.iter().any(|name| name.eq_ignore_ascii_case("all"))
        && !names.iter().all(|name| name.eq_ignore_ascii_case("all"))
    {
        check.error(path, "`all` is given beside single checks", "keep `all`, or better: the single checks");
    }
}
