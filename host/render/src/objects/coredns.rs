//! CoreDNS: its Corefile, what it may do, the Deployment that runs it and the Service that finds it.

use kubephase_model::release::ImageKind;
use kubephase_model::{Cluster, images};
use serde_json::{Value, json};

use super::rbac::{Subject, cluster_role, cluster_role_binding, rule};
use super::{KUBE_SYSTEM, service_account};
use crate::corefile;
use crate::patch::{COREDNS_DEPLOYMENT, PatchError, PatchSet, Patched};

/// Name of nearly everything here.
pub const NAME: &str = "coredns";
/// Name of the Service.
pub const SERVICE: &str = "kube-dns";
/// Label of the pods, the Deployment and the Service. A Deployment with it is the cluster's DNS server.
pub const LABEL: (&str, &str) = ("k8s-app", "kube-dns");
/// Key of the Corefile in the ConfigMap.
pub const COREFILE: &str = "Corefile";
/// Key of the Corefile as it was before it was migrated.
pub const COREFILE_BACKUP: &str = "Corefile-backup";

const ROLE: &str = "system:coredns";
const VOLUME: &str = "config-volume";
const REPLICAS: u64 = 2;

/// All of it for a cluster that has none yet, in the order of creation.
pub fn objects(cluster: &Cluster, patches: &PatchSet) -> Result<Vec<Value>, PatchError> {
    let deployment = deployment(cluster, patches, None)?.value;
    let mut objects = vec![config_map(cluster)];
    objects.extend(access(cluster));
    objects.extend([account(), deployment, service(cluster)]);
    Ok(objects)
}

/// The ConfigMap with the release's Corefile. For one that exists already see [`corefile::plan`].
pub fn config_map(cluster: &Cluster) -> Value {
    let domain = &cluster.config.networking.dns_domain;
    let addon = &cluster.release.coredns_addon;
    super::config_map(KUBE_SYSTEM, NAME, [(COREFILE, corefile::text(domain, addon.uncached_cluster_names))])
}

/// The ConfigMap with a Corefile that has been migrated, and with what it was.
pub fn migrated_config_map(migrated: &str, before: &str) -> Value {
    super::config_map(KUBE_SYSTEM, NAME, [(COREFILE, migrated.to_owned()), (COREFILE_BACKUP, before.to_owned())])
}

/// A strategic merge patch for the running Deployment, after which its pods read [`COREFILE_BACKUP`] until they are
/// replaced by those that understand the new one.
pub fn backup_patch() -> Value {
    let volume = json!({ "name": VOLUME, "configMap": {
        "name": NAME,
        "items": [{ "key": COREFILE_BACKUP, "path": COREFILE }],
    } });
    json!({ "spec": { "template": { "spec": { "volumes": [volume] } } } })
}

/// ClusterRole and ClusterRoleBinding.
pub fn access(cluster: &Cluster) -> [Value; 2] {
    let addon = &cluster.release.coredns_addon;
    let watch = ["list", "watch"];
    let mut rules = vec![rule("", &["endpoints", "services", "pods", "namespaces"], &watch)];
    if addon.nodes {
        rules.push(rule("", &["nodes"], &["get"]));
    }
    if addon.endpoint_slices {
        rules.push(rule("discovery.k8s.io", &["endpointslices"], &watch));
    }
    [cluster_role(ROLE, rules), cluster_role_binding(ROLE, ROLE, Subject::ServiceAccount(NAME))]
}

/// The ServiceAccount.
pub fn account() -> Value {
    service_account(NAME)
}

/// The Deployment after the user's patches. `replicas` is how many the cluster has already, if it has a DNS server.
pub fn deployment(cluster: &Cluster, patches: &PatchSet, replicas: Option<u64>) -> Result<Patched, PatchError> {
    finished(patches, plain_deployment(cluster, replicas))
}

/// [`deployment`] made of `value`, which is what [`plain_deployment`] gave, or what has become of it since.
pub fn finished(patches: &PatchSet, value: Value) -> Result<Patched, PatchError> {
    patches.apply(&COREDNS_DEPLOYMENT, value)
}

/// The Deployment before patches.
pub fn plain_deployment(cluster: &Cluster, replicas: Option<u64>) -> Value {
    let replicas = replicas.unwrap_or(REPLICAS);
    let addon = &cluster.release.coredns_addon;
    let labels = json!({ LABEL.0: LABEL.1 });
    let mut tolerations = vec![json!({ "key": "CriticalAddonsOnly", "operator": "Exists" })];
    tolerations.extend(addon.tolerated_taints.iter().map(|key| json!({ "key": key, "effect": "NoSchedule" })));
    let mut pod = json!({
        "priorityClassName": "system-cluster-critical",
        "serviceAccountName": NAME,
        "tolerations": tolerations,
        "nodeSelector": { "kubernetes.io/os": "linux" },
        "containers": [container(cluster)],
        "dnsPolicy": "Default",
        "volumes": [{ "name": VOLUME, "configMap": {
            "name": NAME,
            "items": [{ "key": COREFILE, "path": COREFILE }],
        } }],
    });
    if addon.anti_affinity {
        let selector = json!({ "matchExpressions": [{ "key": LABEL.0, "operator": "In", "values": [LABEL.1] }] });
        pod["affinity"] = json!({ "podAntiAffinity": { "preferredDuringSchedulingIgnoredDuringExecution": [{
            "weight": 100,
            "podAffinityTerm": { "labelSelector": selector, "topologyKey": "kubernetes.io/hostname" },
        }] } });
    }
    json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": { "name": NAME, "namespace": KUBE_SYSTEM, "labels": labels },
        "spec": {
            "replicas": replicas,
            "strategy": { "type": "RollingUpdate", "rollingUpdate": { "maxUnavailable": 1 } },
            "selector": { "matchLabels": labels },
            "template": { "metadata": { "labels": labels }, "spec": pod },
        },
    })
}

fn container(cluster: &Cluster) -> Value {
    let addon = &cluster.release.coredns_addon;
    let port = |name: &str, number: u16, protocol: &str| json!({ "containerPort": number, "name": name, "protocol": protocol });
    let mut ports = vec![port("dns", 53, "UDP"), port("dns-tcp", 53, "TCP"), port("metrics", 9153, "TCP")];
    let mut probe_port = |name: &str, number: u16| {
        if !addon.probe_port_names {
            return json!(number);
        }
        ports.push(port(name, number, "TCP"));
        json!(name)
    };
    let (liveness, readiness) = (probe_port("liveness-probe", 8080), probe_port("readiness-probe", 8181));
    json!({
        "name": NAME,
        "image": images::reference(cluster, ImageKind::CoreDns),
        "imagePullPolicy": "IfNotPresent",
        "resources": { "limits": { "memory": "170Mi" }, "requests": { "cpu": "100m", "memory": "70Mi" } },
        "args": ["-conf", "/etc/coredns/Corefile"],
        "volumeMounts": [{ "name": VOLUME, "mountPath": "/etc/coredns", "readOnly": true }],
        "ports": ports,
        "livenessProbe": {
            "httpGet": { "path": "/health", "port": liveness, "scheme": "HTTP" },
            "initialDelaySeconds": 60,
            "timeoutSeconds": 5,
            "successThreshold": 1,
            "failureThreshold": 5,
        },
        "readinessProbe": { "httpGet": { "path": "/ready", "port": readiness, "scheme": "HTTP" } },
        "securityContext": {
            "allowPrivilegeEscalation": false,
            "capabilities": { "add": ["NET_BIND_SERVICE"], "drop": [addon.dropped_capability] },
            "readOnlyRootFilesystem": true,
        },
    })
}

/// The Service. Its `resourceVersion` of `0` lets it also replace one that exists, whatever version that has.
pub fn service(cluster: &Cluster) -> Value {
    let port = |name: &str, number: u16, protocol: &str| json!({ "name": name, "port": number, "protocol": protocol, "targetPort": number });
    json!({
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {
            "name": SERVICE,
            "namespace": KUBE_SYSTEM,
            "labels": {
                LABEL.0: LABEL.1,
                "kubernetes.io/cluster-service": "true",
                "kubernetes.io/name": cluster.release.coredns_addon.service_label,
            },
            "annotations": { "prometheus.io/port": "9153", "prometheus.io/scrape": "true" },
            "resourceVersion": "0",
        },
        "spec": {
            "clusterIP": cluster.dns_ip().to_string(),
            "ports": [port("dns", 53, "UDP"), port("dns-tcp", 53, "TCP"), port("metrics", 9153, "TCP")],
            "selector": { LABEL.0: LABEL.1 },
        },
    })
}
