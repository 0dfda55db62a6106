//! Documents of the cluster's own components after patches: still what they were, and no more than was granted.

use kubephase_model::plugin::grants::table::PATCH_TARGETS;
use serde_json::Value;

use super::bench::{Bench, field, items, shown, text};
use super::pod::{self, Place};
use super::shape;

/// The container that a component is, and so its program.
fn container_of(target: &str) -> &str {
    match target {
        "corednsdeployment" => "coredns",
        "kubeproxydaemonset" => "kube-proxy",
        target => target,
    }
}

/// Judges a changed document with a pod in it.
pub(super) fn change(before: &Value, after: &Value, target: &str, bench: &mut Bench<'_>) {
    if !PATCH_TARGETS.contains(&target) {
        return bench.never("", "it is no document that is patched");
    }
    for (pointer, what) in [
        ("/apiVersion", "its version"),
        ("/kind", "its kind"),
        ("/metadata/name", "its name"),
        ("/metadata/namespace", "its namespace"),
    ] {
        if before.pointer(pointer) != after.pointer(pointer) {
            bench.never(pointer, format!("{what} cannot be changed"));
        }
    }
    let is_static = text(Some(after), "kind") == "Pod";
    let at = if is_static { "" } else { "/spec/template" };
    let (was, is) = (before.pointer(at), after.pointer(at).unwrap_or(&Value::Null));
    if is_static {
        shape::static_pod(after, bench);
    } else {
        shape::pod(field(Some(is), "spec"), "/spec/template/spec", bench);
        if field(field(Some(before), "spec"), "selector") != field(field(Some(after), "spec"), "selector") {
            bench.never("/spec/selector", "what it selects cannot be changed");
        }
    }
    let name = container_of(target);
    if !items(field(Some(is), "spec"), "containers").iter().any(|container| text(Some(container), "name") == name) {
        bench.never(&format!("{at}/spec/containers"), format!("the container `{}` must stay", shown(name)));
    }
    let namespace = text(field(Some(after), "metadata"), "namespace");
    let place = Place { namespace, changed: true, program: name, host_network: false };
    pod::judge(was, is, &place, at, bench);
}
