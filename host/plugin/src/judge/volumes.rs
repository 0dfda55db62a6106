//! Volumes of pods and where containers mount them.

use kubephase_model::plugin::grants::{is_normal_path, object_scope};
use serde_json::Value;

use super::bench::{Bench, field, items, shown, text, token};

/// Sources that show a pod nothing of the node (the restricted Pod Security Standard).
const PLAIN: &[&str] = &[
    "configMap",
    "csi",
    "downwardAPI",
    "emptyDir",
    "ephemeral",
    "image",
    "persistentVolumeClaim",
    "projected",
    "secret",
];

/// Judges volumes that were not there before.
pub(super) fn volumes(before: Option<&Value>, after: &Value, namespace: &str, pointer: &str, bench: &mut Bench<'_>) {
    let known = items(before, "volumes");
    for (i, volume) in items(Some(after), "volumes").iter().enumerate().filter(|(_, volume)| !known.contains(volume)) {
        let at = format!("{pointer}/volumes/{i}");
        let Some(fields) = volume.as_object() else { continue };
        let name = text(Some(volume), "name");
        if known.iter().any(|known| text(Some(known), "name") == name) {
            let why = format!("whoever mounts the volume `{}` would see something else there", shown(name));
            bench.needs("securityFlags", &at, why);
        }
        for (kind, source) in fields.iter().filter(|(kind, source)| *kind != "name" && !source.is_null()) {
            match kind.as_str() {
                "hostPath" => host_path(text(Some(source), "path"), &format!("{at}/hostPath/path"), bench),
                "secret" => secret(text(Some(source), "secretName"), namespace, &format!("{at}/secret"), bench),
                "csi" if field(Some(source), "nodePublishSecretRef").is_some() => {
                    let name = text(field(Some(source), "nodePublishSecretRef"), "name");
                    secret(name, namespace, &format!("{at}/csi/nodePublishSecretRef"), bench);
                }
                "projected" => {
                    for source in items(Some(source), "sources") {
                        let name = text(field(Some(source), "secret"), "name");
                        if !name.is_empty() {
                            secret(name, namespace, &format!("{at}/projected"), bench);
                        }
                    }
                }
                "image" if before.is_some() => {
                    bench.needs("image", &format!("{at}/image"), "it brings in another image")
                }
                kind if PLAIN.contains(&kind) => {}
                kind => bench.needs("privileged", &format!("{at}/{}", token(kind)), "the node itself would mount it"),
            }
        }
    }
}

/// Judges a path of the node.
pub(super) fn host_path(path: &str, pointer: &str, bench: &mut Bench<'_>) {
    if !is_normal_path(path) {
        bench.never(pointer, format!("`{}` is not an absolute path without `.`, `..` and empty parts", shown(path)));
    } else if !bench.grants.allows_host_path(path) {
        bench.ungranted(pointer, "hostPaths", path, format!("the node's {} would be mounted", shown(path)));
    }
}

/// Judges a Secret that a pod reads: it is the plugin's own, or granted to it.
pub(super) fn secret(name: &str, namespace: &str, pointer: &str, bench: &mut Bench<'_>) {
    let own = bench.own.contains(&format!("Secret {namespace}/{name}"));
    let space = (!namespace.is_empty()).then_some(namespace);
    let granted = bench.grants.allows_kube("v1", "Secret", space, Some(name))
        || bench.grants.allows_object("v1", "Secret", space, name);
    if !own && !granted {
        let scope = object_scope("v1", "Secret", space, Some(name));
        bench.ungranted(pointer, "kube", &scope, format!("it would read the Secret {}", shown(name)));
    }
}

/// Judges a PersistentVolume: what the node mounts for it, and with whose Secrets.
pub(super) fn persistent(before: Option<&Value>, after: &Value, bench: &mut Bench<'_>) {
    let (was, is) = (field(before, "spec"), field(Some(after), "spec"));
    let sources = is.and_then(Value::as_object).into_iter().flatten();
    for (kind, source) in sources.filter(|(kind, source)| source.is_object() && field(was, kind) != Some(source)) {
        let at = format!("/spec/{}", token(kind));
        match kind.as_str() {
            "hostPath" | "local" => host_path(text(Some(source), "path"), &format!("{at}/path"), bench),
            "flexVolume" => bench.needs("privileged", &at, "a program of the node would mount it"),
            _ => {}
        }
        // The kubelet hands what is in them to who mounts the volume, whatever namespace they are in.
        let fields = source.as_object().into_iter().flatten();
        for (key, reference) in fields.filter(|(key, _)| key.to_ascii_lowercase().ends_with("secretref")) {
            let (space, name) = (text(Some(reference), "namespace"), text(Some(reference), "name"));
            secret(name, space, &format!("{at}/{}", token(key)), bench);
        }
        let name = text(Some(source), "secretName");
        if !name.is_empty() {
            secret(name, text(Some(source), "secretNamespace"), &format!("{at}/secretName"), bench);
        }
    }
}

/// Places in a container's file system that hold its program.
const PROGRAMS: &[&str] = &["/bin", "/sbin", "/lib", "/lib64", "/usr", "/opt/bin", "/go-runner", "/coredns"];
/// Places with what it believes.
const TRUSTED: &[&str] = &[
    "/etc/ssl",
    "/etc/ca-certificates",
    "/etc/pki",
    "/usr/share/ca-certificates",
    "/usr/local/share/ca-certificates",
    "/etc/kubernetes/pki",
    // The token and the authority of its service account, which the API server mounts where nothing else is.
    "/var/run/secrets",
    "/run/secrets",
    "/etc/hosts",
    "/etc/resolv.conf",
    "/etc/nsswitch.conf",
    "/etc/ld.so.preload",
    "/etc/ld.so.cache",
];

/// Judges mounts of a container, `pod` being the spec that it is part of. In a document that was there before (`changed`),
/// a mount may also bring a path of the node to somebody who did not have it, or hide what was there.
pub(super) fn mounts(
    before: Option<&Value>,
    container: &Value,
    pod: &Value,
    changed: bool,
    pointer: &str,
    bench: &mut Bench<'_>,
) {
    let known = items(before, "volumeMounts");
    for (i, mount) in
        items(Some(container), "volumeMounts").iter().enumerate().filter(|(_, mount)| !known.contains(mount))
    {
        let at = format!("{pointer}/volumeMounts/{i}");
        let (path, sub_path) = (text(Some(mount), "mountPath"), text(Some(mount), "subPath"));
        if path.trim_end_matches('/').split('/').any(|part| part == "..") || !path.starts_with('/') {
            bench.never(&format!("{at}/mountPath"), format!("`{}` is not an absolute path without `..`", shown(path)));
        }
        if sub_path.starts_with('/') || sub_path.split('/').any(|part| part == "..") {
            bench.never(&format!("{at}/subPath"), format!("`{}` leads out of its volume", shown(sub_path)));
        }
        if text(Some(mount), "mountPropagation") == "Bidirectional" {
            bench.needs("privileged", &format!("{at}/mountPropagation"), "its mounts would appear on the node");
        }
        if !changed {
            continue;
        }
        let volume =
            items(Some(pod), "volumes").iter().find(|volume| text(Some(volume), "name") == text(Some(mount), "name"));
        if let Some(source) = field(volume, "hostPath") {
            let root = text(Some(source), "path").trim_end_matches('/');
            let whole = if sub_path.is_empty() {
                root.to_owned()
            } else {
                format!("{root}/{}", sub_path.trim_end_matches('/'))
            };
            host_path(if whole.is_empty() { "/" } else { &whole }, &at, bench);
        }
        if before.is_some() {
            hides(path, known, &at, bench);
        }
    }
    let kept =
        |path: &str| items(Some(container), "volumeMounts").iter().any(|new| text(Some(new), "mountPath") == path);
    for path in known.iter().map(|mount| text(Some(mount), "mountPath")).filter(|path| !kept(path)) {
        let why = format!("it would not see {} any more", shown(path));
        bench.needs("securityFlags", &format!("{pointer}/volumeMounts"), why);
    }
    let devices = items(before, "volumeDevices");
    if changed && items(Some(container), "volumeDevices").iter().any(|device| !devices.contains(device)) {
        bench.needs("privileged", &format!("{pointer}/volumeDevices"), "it would get a block device");
    }
}

/// Judges what a new mount hides from a program that was there before.
fn hides(path: &str, known: &[Value], pointer: &str, bench: &mut Bench<'_>) {
    let path = path.trim_end_matches('/');
    let is_within =
        |path: &str, of: &str| path.strip_prefix(of).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    let touches = |place: &str| is_within(path, place) || is_within(place, path);
    let at = format!("{pointer}/mountPath");
    let hidden = known.iter().map(|mount| text(Some(mount), "mountPath").trim_end_matches('/'));
    if TRUSTED.iter().copied().any(&touches) || hidden.filter(|place| !place.is_empty()).any(&touches) {
        bench.needs(
            "securityFlags",
            &at,
            format!("it would hide or change {}, which the program relies on", shown(path)),
        );
    } else if path.is_empty() || PROGRAMS.iter().copied().any(touches) {
        bench.needs("command", &at, format!("what is mounted at {} would be run", shown(path)));
    }
}
