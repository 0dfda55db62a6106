//! What metrics-server consists of in a cluster. Follows the deployment that its makers publish.

use kubephase_sdk::prelude::*;

use crate::settings::Settings;

const NAME: &str = "metrics-server";
const NAMESPACE: &str = "kube-system";
/// It serves there, in its own network: the port of kubelets, so that firewalls that let those through let it through.
const PORT: u16 = 10250;

/// All objects, in the order in which they depend on each other.
pub fn all(settings: &Settings, image: &str) -> Vec<Value> {
    let mut objects = vec![
        object("v1", "ServiceAccount", NAME, json!({})),
        role(
            "metrics-server:aggregated-metrics-reader",
            json!([{"apiGroups": ["metrics.k8s.io"], "resources": ["pods", "nodes"], "verbs": ["get", "list", "watch"]}]),
        ),
        role(
            "metrics-server",
            json!([
                {"apiGroups": [""], "resources": ["nodes/metrics"], "verbs": ["get"]},
                {"apiGroups": [""], "resources": ["pods", "nodes"], "verbs": ["get", "list", "watch"]},
            ]),
        ),
        binding("RoleBinding", "metrics-server-auth-reader", "Role", "extension-apiserver-authentication-reader"),
        binding("ClusterRoleBinding", "metrics-server:system:auth-delegator", "ClusterRole", "system:auth-delegator"),
        binding("ClusterRoleBinding", "metrics-server", "ClusterRole", "metrics-server"),
        object(
            "v1",
            "Service",
            NAME,
            json!({"spec": {
                "ports": [{"name": "https", "port": 443, "protocol": "TCP", "targetPort": "https", "appProtocol": "https"}],
                "selector": labels(),
            }}),
        ),
        deployment(settings, image),
    ];
    if settings.replicas > 1 {
        let spec = json!({"spec": {"minAvailable": 1, "selector": {"matchLabels": labels()}}});
        objects.push(object("policy/v1", "PodDisruptionBudget", NAME, spec));
    }
    objects.push(cluster_wide(
        "apiregistration.k8s.io/v1",
        "APIService",
        "v1beta1.metrics.k8s.io",
        json!({"spec": {
            "group": "metrics.k8s.io",
            "groupPriorityMinimum": 100,
            // It makes its certificate itself at each start.
            "insecureSkipTLSVerify": true,
            "service": {"name": NAME, "namespace": NAMESPACE},
            "version": "v1beta1",
            "versionPriority": 100,
        }}),
    ));
    objects
}

/// When its pods are there. Of several, which need a node each, one is enough: the other nodes may join later.
pub fn wait(settings: &Settings) -> Wait {
    let target = format!("apps/v1 Deployment {NAMESPACE}/{NAME}");
    if settings.replicas == 1 {
        Wait::rolled_out(target, settings.wait_seconds)
    } else {
        Wait::condition(target, "Available", settings.wait_seconds)
    }
}

fn labels() -> Value {
    json!({"k8s-app": NAME})
}

/// An object in the namespace.
fn object(api_version: &str, kind: &str, name: &str, rest: Value) -> Value {
    let mut object = cluster_wide(api_version, kind, name, rest);
    object["metadata"]["namespace"] = NAMESPACE.into();
    object
}

/// An object without a namespace.
fn cluster_wide(api_version: &str, kind: &str, name: &str, rest: Value) -> Value {
    let mut object = rest;
    object["apiVersion"] = api_version.into();
    object["kind"] = kind.into();
    object["metadata"] = json!({"name": name, "labels": labels()});
    object
}

fn role(name: &str, rules: Value) -> Value {
    let mut role = cluster_wide("rbac.authorization.k8s.io/v1", "ClusterRole", name, json!({"rules": rules}));
    if name == "metrics-server:aggregated-metrics-reader" {
        // The cluster's own roles for people get it too.
        for role_of_people in ["view", "edit", "admin"] {
            let label = format!("rbac.authorization.k8s.io/aggregate-to-{role_of_people}");
            role["metadata"]["labels"][label] = "true".into();
        }
    }
    role
}

fn binding(kind: &str, name: &str, role_kind: &str, role: &str) -> Value {
    let rest = json!({
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": role_kind, "name": role},
        "subjects": [{"kind": "ServiceAccount", "name": NAME, "namespace": NAMESPACE}],
    });
    let make = if kind == "RoleBinding" { object } else { cluster_wide };
    make("rbac.authorization.k8s.io/v1", kind, name, rest)
}

fn deployment(settings: &Settings, image: &str) -> Value {
    let probe = |path: &str, delay: u32| {
        let mut probe = json!({
            "failureThreshold": 3,
            "httpGet": {"path": path, "port": "https", "scheme": "HTTPS"},
            "periodSeconds": 10,
        });
        if delay > 0 {
            probe["initialDelaySeconds"] = delay.into();
        }
        probe
    };
    let mut pod = json!({
        "serviceAccountName": NAME,
        "priorityClassName": "system-cluster-critical",
        "nodeSelector": {"kubernetes.io/os": "linux"},
        "containers": [{
            "name": NAME,
            "image": image,
            "imagePullPolicy": "IfNotPresent",
            "args": arguments(settings),
            "ports": [{"name": "https", "containerPort": PORT, "protocol": "TCP"}],
            "livenessProbe": probe("/livez", 0),
            "readinessProbe": probe("/readyz", 20),
            "resources": {"requests": {"cpu": settings.cpu, "memory": settings.memory}},
            "securityContext": {
                "allowPrivilegeEscalation": false,
                "capabilities": {"drop": ["ALL"]},
                "readOnlyRootFilesystem": true,
                "runAsNonRoot": true,
                "runAsUser": 1000,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "volumeMounts": [{"name": "tmp-dir", "mountPath": "/tmp"}],
        }],
        "volumes": [{"name": "tmp-dir", "emptyDir": {}}],
    });
    if settings.tolerate_control_plane {
        pod["tolerations"] = json!([{"key": "node-role.kubernetes.io/control-plane", "effect": "NoSchedule"}]);
    }
    if settings.replicas > 1 {
        pod["affinity"] = json!({"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [{
            "labelSelector": {"matchLabels": labels()},
            "namespaces": [NAMESPACE],
            "topologyKey": "kubernetes.io/hostname",
        }]}});
    }
    object(
        "apps/v1",
        "Deployment",
        NAME,
        json!({"spec": {
            "replicas": settings.replicas,
            "selector": {"matchLabels": labels()},
            // With one pod the new one comes first; of several, which need a node each, one stays.
            "strategy": {"rollingUpdate": {"maxUnavailable": settings.replicas - 1}},
            "template": {"metadata": {"labels": labels()}, "spec": pod},
        }}),
    )
}

fn arguments(settings: &Settings) -> Vec<String> {
    let mut arguments = vec![
        "--cert-dir=/tmp".to_owned(),
        format!("--secure-port={PORT}"),
        format!("--kubelet-preferred-address-types={}", settings.address_types.join(",")),
        "--kubelet-use-node-status-port".to_owned(),
        format!("--metric-resolution={}s", settings.resolution_seconds),
    ];
    if settings.kubelet_insecure_tls {
        arguments.push("--kubelet-insecure-tls".to_owned());
    }
    arguments
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(settings: &Settings) -> Vec<String> {
        let name = |object: &Value| format!("{} {}", object["kind"], object["metadata"]["name"]).replace('"', "");
        all(settings, "image").iter().map(name).collect()
    }

    #[test]
    fn one_pod_needs_no_budget() {
        assert!(!names(&Settings::default()).iter().any(|name| name.starts_with("PodDisruptionBudget")));
        let two = Settings { replicas: 2, ..Settings::default() };
        assert!(names(&two).contains(&"PodDisruptionBudget metrics-server".to_owned()));
    }

    #[test]
    fn the_service_leads_to_its_pods() {
        let objects = all(&Settings::default(), "image");
        let find = |kind: &str| objects.iter().find(|object| object["kind"] == kind).expect(kind);
        let (service, deployment) = (find("Service"), find("Deployment"));
        assert_eq!(service["spec"]["selector"], deployment["spec"]["template"]["metadata"]["labels"]);
        assert_eq!(
            service["spec"]["ports"][0]["targetPort"],
            deployment["spec"]["template"]["spec"]["containers"][0]["ports"][0]["name"]
        );
        assert_eq!(find("APIService")["spec"]["service"]["name"], service["metadata"]["name"]);
    }

    #[test]
    fn kubelets_are_checked_unless_it_is_said_otherwise() {
        let has = |settings: &Settings| arguments(settings).iter().any(|argument| argument == "--kubelet-insecure-tls");
        assert!(!has(&Settings::default()));
        assert!(has(&Settings { kubelet_insecure_tls: true, ..Settings::default() }));
    }
}
