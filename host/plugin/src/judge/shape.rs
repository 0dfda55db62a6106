//! Whether a pod can be one at all, as the kubelet and the API server would say. What has the wrong type has been found
//! before.

use std::collections::BTreeSet;

use kubephase_model::names::{is_dns1123_label, is_dns1123_subdomain};
use serde_json::Value;

use super::bench::{Bench, field, items, shown, text};

/// Judges whether a pod's spec is whole.
pub(super) fn pod(spec: Option<&Value>, pointer: &str, bench: &mut Bench<'_>) {
    if items(spec, "containers").is_empty() {
        bench.never(&format!("{pointer}/containers"), "a pod needs a container");
    }
    let mut volumes = BTreeSet::new();
    for (i, volume) in items(spec, "volumes").iter().enumerate() {
        let name = text(Some(volume), "name");
        let at = format!("{pointer}/volumes/{i}");
        if !is_dns1123_label(name) {
            bench.never(&format!("{at}/name"), format!("`{}` is no name of a volume", shown(name)));
        } else if !volumes.insert(name) {
            bench.never(&format!("{at}/name"), format!("there is another volume `{name}`"));
        }
        let sources =
            volume.as_object().map_or(0, |fields| fields.iter().filter(|(k, v)| *k != "name" && !v.is_null()).count());
        if sources > 1 {
            bench.never(&at, "a volume has one source");
        }
    }
    let mut names = BTreeSet::new();
    for list in ["initContainers", "containers"] {
        for (i, container) in items(spec, list).iter().enumerate() {
            let (at, name) = (format!("{pointer}/{list}/{i}"), text(Some(container), "name"));
            if !is_dns1123_label(name) {
                bench.never(&format!("{at}/name"), format!("`{}` is no name of a container", shown(name)));
            } else if !names.insert(name) {
                bench.never(&format!("{at}/name"), format!("there is another container `{name}`"));
            }
            if text(Some(container), "image").is_empty() {
                bench.never(&format!("{at}/image"), "a container needs an image");
            }
            let mut places = BTreeSet::new();
            for (j, mount) in items(Some(container), "volumeMounts").iter().enumerate() {
                let (volume, path) = (text(Some(mount), "name"), text(Some(mount), "mountPath"));
                let at = format!("{at}/volumeMounts/{j}");
                if !volumes.contains(volume) {
                    bench.never(&format!("{at}/name"), format!("there is no volume `{}`", shown(volume)));
                }
                if !places.insert(path.trim_end_matches('/')) {
                    bench.never(&format!("{at}/mountPath"), format!("something else is mounted at {}", shown(path)));
                }
            }
        }
    }
}

/// Judges a static pod beyond that: the kubelet refuses what needs the API server.
pub(super) fn static_pod(pod: &Value, bench: &mut Bench<'_>) {
    let spec = field(Some(pod), "spec");
    let metadata = field(Some(pod), "metadata");
    if text(Some(pod), "apiVersion") != "v1" || text(Some(pod), "kind") != "Pod" {
        bench.never("", "it is no Pod of `v1`");
    }
    if !is_dns1123_subdomain(text(metadata, "name")) {
        bench.never("/metadata/name", format!("`{}` is no name of a pod", shown(text(metadata, "name"))));
    }
    self::pod(spec, "/spec", bench);
    let mut needs = Vec::new();
    if !text(spec, "serviceAccountName").is_empty() || !text(spec, "serviceAccount").is_empty() {
        needs.push("/spec/serviceAccountName".to_owned());
    }
    for (i, volume) in items(spec, "volumes").iter().enumerate() {
        let reads = ["configMap", "secret", "persistentVolumeClaim", "projected", "ephemeral", "csi"];
        if let Some(kind) = reads.iter().find(|kind| field(Some(volume), kind).is_some()) {
            needs.push(format!("/spec/volumes/{i}/{kind}"));
        }
    }
    for list in ["initContainers", "containers"] {
        for (i, container) in items(spec, list).iter().enumerate() {
            let from = items(Some(container), "env").iter().filter_map(|entry| field(Some(entry), "valueFrom"));
            let keys = from
                .filter(|from| field(Some(from), "secretKeyRef").or(field(Some(from), "configMapKeyRef")).is_some());
            if keys.count() > 0 || !items(Some(container), "envFrom").is_empty() {
                needs.push(format!("/spec/{list}/{i}/env"));
            }
        }
    }
    for pointer in needs {
        bench.never(&pointer, "a static pod can use nothing of the cluster's");
    }
}
