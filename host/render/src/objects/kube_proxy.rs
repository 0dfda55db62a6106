//! kube-proxy: its configuration, the DaemonSet that runs it on every node, and what it may do.

use kubephase_model::component::Component;
use kubephase_model::component::kube_proxy::KUBECONFIG;
use kubephase_model::release::ImageKind;
use kubephase_model::{Cluster, images};
use serde_json::{Value, json};

use super::rbac::{JOINING_NODES, Subject, cluster_role_binding, reader};
use super::{KUBE_SYSTEM, hash, service_account};
use crate::patch::{KUBE_PROXY_DAEMON_SET, PatchError, PatchSet, Patched};
use crate::static_pod;

/// Name of nearly everything here.
pub const NAME: &str = "kube-proxy";

/// All of it, in the order of creation.
pub fn objects(cluster: &Cluster, patches: &PatchSet) -> Result<Vec<Value>, PatchError> {
    let mut objects = vec![config_map(cluster), daemon_set(cluster, patches)?.value, account()];
    objects.extend(access());
    Ok(objects)
}

/// The ConfigMap: kube-proxy's configuration as Go encodes it, and a kubeconfig that uses the pod's own credentials.
/// It is signed if the configuration was not given.
pub fn config_map(cluster: &Cluster) -> Value {
    let mut config_map = unsigned_config_map(cluster);
    if !cluster.given.contains(&Component::KubeProxy) {
        hash::sign(&mut config_map);
    }
    config_map
}

/// The same without signature.
pub(super) fn unsigned_config_map(cluster: &Cluster) -> Value {
    let config = crate::yaml(&Component::KubeProxy.encoded(cluster.release.minor, &cluster.kube_proxy));
    let data = [("config.conf", config.trim_end().to_owned()), ("kubeconfig.conf", kubeconfig(cluster))];
    let mut config_map = super::config_map(KUBE_SYSTEM, NAME, data);
    config_map["metadata"]["labels"] = json!({ "app": NAME });
    config_map
}

/// In kubeadm's order of keys: the signature is over the text.
fn kubeconfig(cluster: &Cluster) -> String {
    let server = cluster.api_endpoint_url();
    const ACCOUNT: &str = "/var/run/secrets/kubernetes.io/serviceaccount";
    format!(
        "apiVersion: v1\n\
         kind: Config\n\
         clusters:\n\
         - cluster:\n    certificate-authority: {ACCOUNT}/ca.crt\n    server: {server}\n  name: default\n\
         contexts:\n\
         - context:\n    cluster: default\n    namespace: default\n    user: default\n  name: default\n\
         current-context: default\n\
         users:\n\
         - name: default\n  user:\n    tokenFile: {ACCOUNT}/token"
    )
}

/// The DaemonSet after the user's patches, with the host's proxy variables in kube-proxy's container.
pub fn daemon_set(cluster: &Cluster, patches: &PatchSet) -> Result<Patched, PatchError> {
    finished(cluster, patches, plain_daemon_set(cluster))
}

/// [`daemon_set`] made of `value`, which is what [`plain_daemon_set`] gave, or what has become of it since.
pub fn finished(cluster: &Cluster, patches: &PatchSet, value: Value) -> Result<Patched, PatchError> {
    let mut patched = patches.apply(&KUBE_PROXY_DAEMON_SET, value)?;
    let containers = patched.value.pointer_mut("/spec/template/spec/containers").and_then(Value::as_array_mut);
    for container in containers.into_iter().flatten().filter(|container| container["name"] == NAME) {
        if let Some(env) = container["env"].as_array_mut() {
            env.extend(static_pod::proxy_variables(cluster));
        }
    }
    Ok(patched)
}

/// The same without variables of this host.
pub(super) fn patched_daemon_set(cluster: &Cluster, patches: &PatchSet) -> Result<Patched, PatchError> {
    patches.apply(&KUBE_PROXY_DAEMON_SET, plain_daemon_set(cluster))
}

/// The DaemonSet before patches.
pub fn plain_daemon_set(cluster: &Cluster) -> Value {
    let labels = json!({ "k8s-app": NAME });
    let mut tolerations = vec![json!({ "operator": "Exists" })];
    if cluster.release.kube_proxy_critical_toleration {
        tolerations.insert(0, json!({ "key": "CriticalAddonsOnly", "operator": "Exists" }));
    }
    json!({
        "apiVersion": "apps/v1",
        "kind": "DaemonSet",
        "metadata": { "name": NAME, "namespace": KUBE_SYSTEM, "labels": labels },
        "spec": {
            "selector": { "matchLabels": labels },
            "updateStrategy": { "type": "RollingUpdate" },
            "template": {
                "metadata": { "labels": labels },
                "spec": {
                    "priorityClassName": "system-node-critical",
                    "containers": [{
                        "name": NAME,
                        "image": images::reference(cluster, ImageKind::Proxy),
                        "imagePullPolicy": "IfNotPresent",
                        "command": [
                            "/usr/local/bin/kube-proxy",
                            "--config=/var/lib/kube-proxy/config.conf",
                            "--hostname-override=$(NODE_NAME)",
                        ],
                        "securityContext": { "privileged": true },
                        "volumeMounts": [
                            { "name": NAME, "mountPath": directory() },
                            { "name": "xtables-lock", "mountPath": "/run/xtables.lock", "readOnly": false },
                            { "name": "lib-modules", "mountPath": "/lib/modules", "readOnly": true },
                        ],
                        "env": [{ "name": "NODE_NAME", "valueFrom": { "fieldRef": { "fieldPath": "spec.nodeName" } } }],
                    }],
                    "hostNetwork": true,
                    "serviceAccountName": NAME,
                    "volumes": [
                        { "name": NAME, "configMap": { "name": NAME } },
                        { "name": "xtables-lock", "hostPath": { "path": "/run/xtables.lock", "type": "FileOrCreate" } },
                        { "name": "lib-modules", "hostPath": { "path": "/lib/modules" } },
                    ],
                    "tolerations": tolerations,
                    "nodeSelector": { "kubernetes.io/os": "linux" },
                },
            },
        },
    })
}

/// Where the ConfigMap is in the container.
fn directory() -> &'static str {
    KUBECONFIG.rsplit_once('/').map_or(KUBECONFIG, |(directory, _)| directory)
}

/// Its ServiceAccount.
pub fn account() -> Value {
    service_account(NAME)
}

/// What it may do, and that joining nodes may read its configuration.
pub fn access() -> Vec<Value> {
    let binding = cluster_role_binding("kubeadm:node-proxier", "system:node-proxier", Subject::ServiceAccount(NAME));
    let [role, role_binding] = reader(KUBE_SYSTEM, NAME, "configmaps", NAME, &[JOINING_NODES]);
    vec![binding, role, role_binding]
}
