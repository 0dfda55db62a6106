//! What the kubelet makes in the cluster: its Node, the lease that says it lives, and an image of each static pod.

use std::time::SystemTime;

use serde_json::{Value, json};

use super::super::{Machine, digest};
use super::config::Settings;
use super::plane::Cluster;
use crate::clock::stamp;

/// Registers the node and says that it is ready. Returns its uid.
pub async fn register(
    machine: &Machine,
    settings: &Settings,
    cluster: &dyn Cluster,
    now: SystemTime,
) -> Result<String, String> {
    let stored = cluster.create(&settings.name, &node(machine, settings, now)).await?;
    let mut ready = stored.clone();
    ready["status"] = status(machine, settings, now);
    cluster.status(&settings.name, &ready).await?;
    let uid = stored["metadata"]["uid"].as_str().unwrap_or_default().to_owned();
    let lease = json!({
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {
            "name": settings.name,
            "namespace": "kube-node-lease",
            "ownerReferences": [{ "apiVersion": "v1", "kind": "Node", "name": settings.name, "uid": uid }],
        },
        "spec": {
            "holderIdentity": settings.name,
            "leaseDurationSeconds": 40,
            "renewTime": stamp(now).replace('Z', ".000000Z"),
        },
    });
    cluster.create(&settings.name, &lease).await?;
    Ok(uid)
}

fn node(machine: &Machine, settings: &Settings, now: SystemTime) -> Value {
    let arch = match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    };
    let mut labels = json!({
        "beta.kubernetes.io/arch": arch,
        "beta.kubernetes.io/os": "linux",
        "kubernetes.io/arch": arch,
        "kubernetes.io/hostname": settings.name,
        "kubernetes.io/os": "linux",
    });
    for (key, value) in &settings.labels {
        labels[key.as_str()] = json!(value);
    }
    let mut node = json!({
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": settings.name,
            "labels": labels,
            "annotations": { "volumes.kubernetes.io/controller-managed-attach-detach": "true" },
        },
        "spec": {},
        "status": status(machine, settings, now),
    });
    if !settings.taints.is_empty() {
        node["spec"]["taints"] = json!(settings.taints);
    }
    node
}

fn status(machine: &Machine, settings: &Settings, now: SystemTime) -> Value {
    let now = stamp(now);
    let condition = |kind: &str, status: &str, reason: &str, message: &str| {
        json!({
            "type": kind, "status": status, "reason": reason, "message": message,
            "lastHeartbeatTime": now, "lastTransitionTime": now,
        })
    };
    let internal = settings.addresses.iter().map(|ip| json!({ "type": "InternalIP", "address": ip.to_string() }));
    let addresses = internal.chain([json!({ "type": "Hostname", "address": settings.name })]);
    let resources = |cpu: &str, memory: &str| {
        json!({
            "cpu": cpu, "memory": memory, "ephemeral-storage": "61255492Ki", "hugepages-1Gi": "0", "hugepages-2Mi": "0",
            "pods": settings.max_pods.to_string(),
        })
    };
    let state = machine.state().lock();
    let images = state.images.iter().map(|image| json!({ "names": [image], "sizeBytes": 32 << 20 }));
    let images: Vec<Value> = images.collect();
    let arch = if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" };
    json!({
        "addresses": addresses.collect::<Vec<_>>(),
        "allocatable": resources("4", "8028848Ki"),
        "capacity": resources("4", "8131248Ki"),
        "conditions": [
            condition("MemoryPressure", "False", "KubeletHasSufficientMemory", "kubelet has sufficient memory available"),
            condition("DiskPressure", "False", "KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
            condition("PIDPressure", "False", "KubeletHasSufficientPID", "kubelet has sufficient PID available"),
            condition("Ready", "True", "KubeletReady", "kubelet is posting ready status"),
        ],
        "daemonEndpoints": { "kubeletEndpoint": { "Port": 10250 } },
        "images": images,
        "nodeInfo": {
            "architecture": arch,
            "bootID": "00000000-0000-4000-8000-000000000001",
            "containerRuntimeVersion": "containerd://2.1.4",
            "kernelVersion": super::super::tree::KERNEL,
            "kubeProxyVersion": "",
            "kubeletVersion": format!("v{}", state.version),
            "machineID": "00000000000000000000000000000001",
            "operatingSystem": "linux",
            "osImage": "A pretended Debian GNU/Linux",
            "systemUUID": "00000000000000000000000000000001",
        },
    })
}

/// Shows a static pod in the cluster, and how it is.
pub async fn mirror(
    settings: &Settings,
    node_uid: &str,
    cluster: &dyn Cluster,
    pod: &Value,
    hash: &str,
    failure: Option<&str>,
    started: SystemTime,
) -> Result<(), String> {
    let mut mirror = pod.clone();
    let since = stamp(started);
    let name = format!("{}-{}", pod["metadata"]["name"].as_str().unwrap_or_default(), settings.name);
    mirror["metadata"]["name"] = json!(name);
    if !mirror["metadata"]["namespace"].is_string() {
        mirror["metadata"]["namespace"] = json!("default");
    }
    let known = mirror["metadata"]["annotations"].as_object().cloned().unwrap_or_default();
    mirror["metadata"]["annotations"] = known.into();
    for (key, value) in [("hash", hash), ("mirror", hash), ("seen", &since), ("source", "file")] {
        mirror["metadata"]["annotations"][format!("kubernetes.io/config.{key}")] = json!(value);
    }
    mirror["metadata"]["ownerReferences"] =
        json!([{ "apiVersion": "v1", "controller": true, "kind": "Node", "name": settings.name, "uid": node_uid }]);
    mirror["spec"]["nodeName"] = json!(settings.name);
    mirror["spec"]["tolerations"] = json!([{ "effect": "NoExecute", "operator": "Exists" }]);
    let stored = cluster.create(&settings.name, &mirror).await?;
    let mut stored = stored;
    stored["status"] = pod_status(settings, pod, hash, failure, &since);
    cluster.status(&settings.name, &stored).await
}

fn pod_status(settings: &Settings, pod: &Value, hash: &str, failure: Option<&str>, since: &str) -> Value {
    let ready = failure.is_none();
    let truth = |is: bool| if is { "True" } else { "False" };
    let conditions = [
        ("PodReadyToStartContainers", true),
        ("Initialized", true),
        ("Ready", ready),
        ("ContainersReady", ready),
        ("PodScheduled", true),
    ];
    let conditions = conditions.map(
        |(kind, is)| json!({ "type": kind, "status": truth(is), "lastProbeTime": null, "lastTransitionTime": since }),
    );
    let containers = pod["spec"]["containers"].as_array().into_iter().flatten().map(|container| {
        let (name, image) =
            (container["name"].as_str().unwrap_or_default(), container["image"].as_str().unwrap_or_default());
        let state = match failure {
            None => json!({ "running": { "startedAt": since } }),
            Some(why) => json!({ "waiting": { "reason": "CrashLoopBackOff", "message": why } }),
        };
        json!({
            "name": name, "image": image, "imageID": format!("sha256:{}", digest(image)),
            "containerID": format!("containerd://{}", digest(&format!("{hash}/{name}"))),
            "ready": ready, "started": ready, "restartCount": 0, "lastState": {}, "state": state,
        })
    });
    let host = settings.addresses.first().map(ToString::to_string).unwrap_or_default();
    json!({
        "phase": "Running",
        "conditions": conditions,
        "containerStatuses": containers.collect::<Vec<_>>(),
        "hostIP": host, "hostIPs": [{ "ip": host }], "podIP": host, "podIPs": [{ "ip": host }],
        "qosClass": "Burstable",
        "startTime": since,
    })
}
