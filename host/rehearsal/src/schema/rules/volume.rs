//! Rules of a Pod's volumes and of where containers mount them.

use serde_json::Value;

use super::{Problems, items, names, text};

const HOST_PATHS: [&str; 8] =
    ["", "BlockDevice", "CharDevice", "Directory", "DirectoryOrCreate", "File", "FileOrCreate", "Socket"];

/// The volumes of a Pod; their names, for mounts to refer to.
pub(super) fn check<'a>(spec: &'a Value, path: &str, problems: &mut Problems) -> Vec<&'a str> {
    let mut seen = Vec::new();
    for (path, volume) in items(spec, "volumes", path) {
        source(volume, &path, problems);
        let name = text(volume, "name");
        if name.is_empty() {
            problems.required(format!("{path}.name"), "");
        } else {
            problems.complaints(&format!("{path}.name"), &volume["name"], names::label(name));
        }
        if seen.contains(&name) {
            problems.duplicate(format!("{path}.name"), &volume["name"]);
        }
        seen.push(name);
    }
    seen
}

fn source(volume: &Value, path: &str, problems: &mut Problems) {
    let sources = volume.as_object().into_iter().flatten().filter(|(name, _)| *name != "name");
    for (source, _) in sources.skip(1) {
        problems.forbidden(format!("{path}.{source}"), "may not specify more than 1 volume type");
    }
    for (source, field) in [
        ("secret", "secretName"),
        ("configMap", "name"),
        ("hostPath", "path"),
        ("persistentVolumeClaim", "claimName"),
        ("csi", "driver"),
    ] {
        if volume.get(source).is_some_and(|source| text(source, field).is_empty()) {
            problems.required(format!("{path}.{source}.{field}"), "");
        }
    }
    problems.one_of(format!("{path}.hostPath.type"), volume["hostPath"].get("type"), &HOST_PATHS);
}

/// The mounts of a container.
pub(super) fn check_mounts(container: &Value, path: &str, volumes: &[&str], problems: &mut Problems) {
    let mut seen = Vec::new();
    for (at, mount) in items(container, "volumeMounts", path) {
        let name = text(mount, "name");
        if name.is_empty() {
            problems.required(format!("{at}.name"), "");
        }
        if !volumes.contains(&name) {
            problems.not_found(format!("{at}.name"), &mount["name"]);
        }
        let place = text(mount, "mountPath");
        if place.is_empty() {
            problems.required(format!("{at}.mountPath"), "");
        }
        if seen.contains(&place) {
            problems.invalid(format!("{at}.mountPath"), &mount["mountPath"], "must be unique");
        }
        seen.push(place);
        for field in ["subPath", "subPathExpr"] {
            let below = text(mount, field);
            let path = format!("{path}.volumeMounts.{field}");
            if below.starts_with('/') {
                problems.invalid(path, &mount[field], "must be a relative path");
            } else if below.split('/').any(|part| part == "..") {
                problems.invalid(path, &mount[field], "must not contain '..'");
            }
        }
    }
}
