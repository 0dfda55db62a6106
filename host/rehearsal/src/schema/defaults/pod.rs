//! Defaults of Pods and of what is in their specs.

use serde_json::{Value, json};

use super::{Object, empty, text, unset};

pub(super) fn set(ty: &str, object: &mut Object) {
    match ty {
        "Pod" => pod(object),
        "PodSpec" => {
            empty(
                object,
                [
                    ("dnsPolicy", "ClusterFirst".into()),
                    ("restartPolicy", "Always".into()),
                    ("schedulerName", "default-scheduler".into()),
                ],
            );
            unset(object, [("securityContext", json!({})), ("terminationGracePeriodSeconds", 30.into())]);
            // Two names for one thing: the server keeps them equal.
            let account = text(object, "serviceAccountName").to_owned();
            let old_name = text(object, "serviceAccount").to_owned();
            if account.is_empty() && !old_name.is_empty() {
                object.insert("serviceAccountName".to_owned(), old_name.into());
            } else if !account.is_empty() {
                object.insert("serviceAccount".to_owned(), account.into());
            }
        }
        "Container" | "EphemeralContainer" => {
            let policy = pull_policy(text(object, "image"));
            empty(
                object,
                [
                    ("imagePullPolicy", policy.into()),
                    ("terminationMessagePath", "/dev/termination-log".into()),
                    ("terminationMessagePolicy", "File".into()),
                ],
            );
        }
        "ContainerPort" => empty(object, [("protocol", "TCP".into())]),
        "Probe" => empty(
            object,
            [
                ("timeoutSeconds", 1.into()),
                ("periodSeconds", 10.into()),
                ("successThreshold", 1.into()),
                ("failureThreshold", 3.into()),
            ],
        ),
        "HTTPGetAction" => empty(object, [("path", "/".into()), ("scheme", "HTTP".into())]),
        "GRPCAction" => unset(object, [("service", "".into())]),
        "ObjectFieldSelector" => empty(object, [("apiVersion", "v1".into())]),
        "Volume" if object.len() < 2 => {
            object.insert("emptyDir".to_owned(), json!({}));
        }
        "SecretVolumeSource" | "ConfigMapVolumeSource" | "DownwardAPIVolumeSource" | "ProjectedVolumeSource" => {
            unset(object, [("defaultMode", 0o644.into())]);
        }
        "ServiceAccountTokenProjection" => unset(object, [("expirationSeconds", 3600.into())]),
        "HostPathVolumeSource" => unset(object, [("type", "".into())]),
        "ImageVolumeSource" => {
            let policy = pull_policy(text(object, "reference"));
            empty(object, [("pullPolicy", policy.into())]);
        }
        "ISCSIVolumeSource" => empty(object, [("iscsiInterface", "default".into())]),
        "RBDVolumeSource" => {
            empty(object, [("pool", "rbd".into()), ("user", "admin".into()), ("keyring", "/etc/ceph/keyring".into())])
        }
        "ScaleIOVolumeSource" => {
            empty(object, [("storageMode", "ThinProvisioned".into()), ("fsType", "xfs".into())]);
        }
        "AzureDiskVolumeSource" => unset(
            object,
            [
                ("cachingMode", "ReadWrite".into()),
                ("fsType", "ext4".into()),
                ("readOnly", false.into()),
                ("kind", "Shared".into()),
            ],
        ),
        _ => {}
    }
}

/// What only Pods get, not templates of Pods.
fn pod(object: &mut Object) {
    let Some(Value::Object(spec)) = object.get_mut("spec") else { return };
    unset(spec, [("enableServiceLinks", true.into())]);
    let host_network = spec.get("hostNetwork") == Some(&Value::Bool(true));
    for list in ["containers", "initContainers"] {
        let containers = spec.get_mut(list).and_then(Value::as_array_mut);
        for container in containers.into_iter().flatten().filter_map(Value::as_object_mut) {
            if let Some(Value::Object(resources)) = container.get_mut("resources") {
                requests_from_limits(resources);
            }
            let ports = container.get_mut("ports").and_then(Value::as_array_mut).filter(|_| host_network);
            for port in ports.into_iter().flatten().filter_map(Value::as_object_mut) {
                let container_port = port.get("containerPort").cloned().unwrap_or_default();
                empty(port, [("hostPort", container_port)]);
            }
        }
    }
}

fn requests_from_limits(resources: &mut Object) {
    let Some(Value::Object(limits)) = resources.get("limits").cloned() else { return };
    if let Some(Value::Object(requests)) = resources.get_mut("requests") {
        for (name, amount) in limits {
            requests.entry(name).or_insert(amount);
        }
    } else if !limits.is_empty() {
        resources.insert("requests".to_owned(), Value::Object(limits));
    }
}

/// An image without a tag is `latest`, unless a digest says which it is.
fn pull_policy(image: &str) -> &'static str {
    let tag = match image.split_once('@') {
        Some((name, _)) => tag(name).unwrap_or("by digest"),
        None => tag(image).unwrap_or("latest"),
    };
    if tag == "latest" && !image.is_empty() { "Always" } else { "IfNotPresent" }
}

fn tag(image: &str) -> Option<&str> {
    let name = image.rsplit('/').next().unwrap_or(image);
    name.split_once(':').map(|(_, tag)| tag)
}
