//! Roles and bindings that the real API server makes at its start (`plugin/pkg/auth/authorizer/rbac/bootstrappolicy`):
//! those that people, nodes and the components of a bootstrap rely on. Roles of controllers that are not pretended are
//! left out. A role is a row.

use serde_json::{Value, json};

/// What a rule is about.
enum Rule {
    /// Resources of API groups (`core` is the one without a name) and verbs, each in words.
    On(&'static str, &'static str, &'static str),
    /// The same, for objects of these names alone.
    Named(&'static str, &'static str, &'static str, &'static str),
    /// GET of paths that are no resources.
    Get(&'static str),
    /// Every resource.
    All,
    /// Every path that is no resource.
    AnyPath,
}

use Rule::{All, AnyPath, Get, Named, On};

const READ: &str = "get list watch";
const LEADING: &str = "create get list update watch";
const WRITE: &str = "create delete deletecollection patch update";

const PUBLIC: &str = "/healthz /livez /readyz /version /version/";
const DISCOVERY: &str = "/api /api/* /apis /apis/* /healthz /livez /openapi /openapi/* /readyz /version /version/";

/// What everyone may read in a namespace, Secrets apart.
const VIEWED: &[Rule] = &[
    On(
        "core",
        "configmaps endpoints persistentvolumeclaims persistentvolumeclaims/status pods replicationcontrollers replicationcontrollers/scale serviceaccounts services services/status",
        READ,
    ),
    On(
        "core",
        "bindings events limitranges namespaces/status pods/log pods/status replicationcontrollers/status resourcequotas resourcequotas/status",
        READ,
    ),
    On("core", "namespaces", READ),
    On("discovery.k8s.io", "endpointslices", READ),
    On(
        "apps",
        "controllerrevisions daemonsets daemonsets/status deployments deployments/scale deployments/status replicasets replicasets/scale replicasets/status statefulsets statefulsets/scale statefulsets/status",
        READ,
    ),
    On("autoscaling", "horizontalpodautoscalers horizontalpodautoscalers/status", READ),
    On("batch", "cronjobs cronjobs/status jobs jobs/status", READ),
    On("policy", "poddisruptionbudgets poddisruptionbudgets/status", READ),
    On("networking.k8s.io", "ingresses ingresses/status networkpolicies", READ),
];

const EDITED: &[Rule] = &[
    On("core", "pods/attach pods/exec pods/portforward pods/proxy secrets services/proxy", READ),
    On("core", "serviceaccounts", "impersonate"),
    On("core", "pods pods/attach pods/exec pods/portforward pods/proxy", WRITE),
    On("core", "pods/eviction serviceaccounts/token", "create"),
    On(
        "core",
        "configmaps events persistentvolumeclaims replicationcontrollers replicationcontrollers/scale secrets serviceaccounts services services/proxy",
        WRITE,
    ),
    On(
        "apps",
        "daemonsets deployments deployments/rollback deployments/scale replicasets replicasets/scale statefulsets statefulsets/scale",
        WRITE,
    ),
    On("autoscaling", "horizontalpodautoscalers", WRITE),
    On("batch", "cronjobs jobs", WRITE),
    On("policy", "poddisruptionbudgets", WRITE),
    On("networking.k8s.io", "ingresses networkpolicies", WRITE),
    On("coordination.k8s.io", "leases", "create delete deletecollection get list patch update watch"),
];

const ADMINISTERED: &[Rule] = &[
    On("authorization.k8s.io", "localsubjectaccessreviews", "create"),
    On("rbac.authorization.k8s.io", "rolebindings roles", "create delete deletecollection get list patch update watch"),
];

const CLUSTER_ROLES: &[(&str, &[Rule])] = &[
    ("cluster-admin", &[All, AnyPath]),
    ("system:aggregate-to-view", VIEWED),
    ("system:aggregate-to-edit", EDITED),
    ("system:aggregate-to-admin", ADMINISTERED),
    ("system:discovery", &[Get(DISCOVERY)]),
    ("system:public-info-viewer", &[Get(PUBLIC)]),
    (
        "system:monitoring",
        &[
            Get("/flagz /healthz /healthz/* /livez /livez/* /metrics /metrics/slis /readyz /readyz/* /statusz"),
            On("core", "nodes/metrics", "get"),
        ],
    ),
    (
        "system:basic-user",
        &[
            On("authorization.k8s.io", "selfsubjectaccessreviews selfsubjectrulesreviews", "create"),
            On("authentication.k8s.io", "selfsubjectreviews", "create"),
        ],
    ),
    (
        "system:auth-delegator",
        &[
            On("authentication.k8s.io", "tokenreviews", "create"),
            On("authorization.k8s.io", "subjectaccessreviews", "create"),
        ],
    ),
    (
        "system:kubelet-api-admin",
        &[
            On("core", "nodes", READ),
            On("core", "nodes", "proxy"),
            On("core", "nodes/log nodes/metrics nodes/proxy nodes/stats", "*"),
            On("core", "nodes/configz nodes/healthz nodes/pods", "*"),
        ],
    ),
    ("system:node-bootstrapper", &[On("certificates.k8s.io", "certificatesigningrequests", "create get list watch")]),
    (
        "system:node-proxier",
        &[
            On("core", "endpoints services", "list watch"),
            On("core", "nodes", READ),
            On("core events.k8s.io", "events", "create patch update"),
            On("networking.k8s.io", "servicecidrs", "list watch"),
            On("discovery.k8s.io", "endpointslices", "list watch"),
        ],
    ),
    (
        "system:node",
        &[
            On("authentication.k8s.io", "tokenreviews", "create"),
            On("authorization.k8s.io", "localsubjectaccessreviews subjectaccessreviews", "create"),
            On("core", "services", READ),
            On("core", "nodes", "create get list watch"),
            On("core", "nodes nodes/status", "patch update"),
            On("core events.k8s.io", "events", "create patch update"),
            On("core", "pods", READ),
            On("core", "pods", "create delete"),
            On("core", "pods/status", "patch update"),
            On("core", "pods/eviction", "create"),
            On("core", "configmaps secrets", READ),
            On("core", "persistentvolumeclaims persistentvolumes", "get"),
            On("core", "endpoints", "get"),
            On("certificates.k8s.io", "certificatesigningrequests", "create get list watch"),
            On("coordination.k8s.io", "leases", "create delete get patch update"),
            On("storage.k8s.io", "volumeattachments", "get"),
            On("core", "serviceaccounts/token", "create"),
            On("storage.k8s.io", "csidrivers", READ),
            On("storage.k8s.io", "csinodes", "create delete get patch update"),
            On("node.k8s.io", "runtimeclasses", READ),
        ],
    ),
    (
        "system:certificates.k8s.io:certificatesigningrequests:nodeclient",
        &[On("certificates.k8s.io", "certificatesigningrequests/nodeclient", "create")],
    ),
    (
        "system:certificates.k8s.io:certificatesigningrequests:selfnodeclient",
        &[On("certificates.k8s.io", "certificatesigningrequests/selfnodeclient", "create")],
    ),
    (
        "system:certificates.k8s.io:kube-apiserver-client-approver",
        &[Named("certificates.k8s.io", "signers", "approve", "kubernetes.io/kube-apiserver-client")],
    ),
    (
        "system:certificates.k8s.io:kube-apiserver-client-kubelet-approver",
        &[Named("certificates.k8s.io", "signers", "approve", "kubernetes.io/kube-apiserver-client-kubelet")],
    ),
    (
        "system:certificates.k8s.io:kubelet-serving-approver",
        &[Named("certificates.k8s.io", "signers", "approve", "kubernetes.io/kubelet-serving")],
    ),
    (
        "system:service-account-issuer-discovery",
        &[Get("/.well-known/openid-configuration /.well-known/openid-configuration/ /openid/v1/jwks /openid/v1/jwks/")],
    ),
    (
        "system:kube-controller-manager",
        &[
            On("core events.k8s.io", "events", "create patch update"),
            On("coordination.k8s.io", "leases", "create"),
            Named("coordination.k8s.io", "leases", "get update", "kube-controller-manager"),
            On("core", "secrets serviceaccounts", "create"),
            On("core", "secrets", "delete"),
            On("core", "configmaps namespaces secrets serviceaccounts", "get"),
            On("core", "secrets serviceaccounts", "update"),
            On("authentication.k8s.io", "tokenreviews", "create"),
            On("authorization.k8s.io", "subjectaccessreviews", "create"),
            On("*", "*", "list watch"),
            On("core", "serviceaccounts/token", "create"),
        ],
    ),
    (
        "system:kube-scheduler",
        &[
            On("core events.k8s.io", "events", "create patch update"),
            On("coordination.k8s.io", "leases", "create"),
            Named("coordination.k8s.io", "leases", "get list update watch", "kube-scheduler"),
            On("core", "nodes", READ),
            On("core", "pods", "delete get list watch"),
            On("core", "bindings pods/binding", "create"),
            On("core", "pods/status", "patch update"),
            On("core", "replicationcontrollers services", READ),
            On("apps", "replicasets statefulsets", READ),
            On("policy", "poddisruptionbudgets", READ),
            On("core", "persistentvolumeclaims persistentvolumes", READ),
            On("authentication.k8s.io", "tokenreviews", "create"),
            On("authorization.k8s.io", "subjectaccessreviews", "create"),
            On("storage.k8s.io", "csidrivers csinodes csistoragecapacities volumeattachments", READ),
            On("core", "namespaces", READ),
        ],
    ),
    (
        "system:volume-scheduler",
        &[
            On("core", "persistentvolumes", "get list patch update watch"),
            On("storage.k8s.io", "storageclasses", READ),
            On("core", "persistentvolumeclaims", "get list patch update watch"),
        ],
    ),
    ("system:kube-dns", &[On("core", "endpoints services", "list watch")]),
];

/// Roles that others' rules are put together from, with the label by which they find each other.
const AGGREGATED: [(&str, &str); 3] = [("admin", "admin"), ("edit", "edit"), ("view", "view")];

/// Who has a cluster role: groups begin with `group:`, users with `user:`, accounts of kube-system with `account:`.
const CLUSTER_BINDINGS: &[(&str, &str)] = &[
    ("cluster-admin", "group:system:masters"),
    ("system:monitoring", "group:system:monitoring"),
    ("system:discovery", "group:system:authenticated"),
    ("system:basic-user", "group:system:authenticated"),
    ("system:public-info-viewer", "group:system:authenticated group:system:unauthenticated"),
    ("system:node-proxier", "user:system:kube-proxy"),
    ("system:kube-controller-manager", "user:system:kube-controller-manager"),
    ("system:kube-scheduler", "user:system:kube-scheduler"),
    ("system:volume-scheduler", "user:system:kube-scheduler"),
    ("system:service-account-issuer-discovery", "group:system:serviceaccounts"),
    ("system:kube-dns", "account:kube-dns"),
    // Nodes get their rights from the node authorizer: the binding is there and has nobody.
    ("system:node", ""),
];

/// Namespace, name, rules, who has it.
const ROLES: &[(&str, &str, &[Rule], &str)] = &[
    (
        "kube-system",
        "extension-apiserver-authentication-reader",
        &[Named("core", "configmaps", READ, "extension-apiserver-authentication")],
        "",
    ),
    ("kube-system", "system:controller:bootstrap-signer", &[On("core", "secrets", READ)], "account:bootstrap-signer"),
    (
        "kube-system",
        "system:controller:token-cleaner",
        &[On("core", "secrets", "delete get list watch"), On("core events.k8s.io", "events", "create patch update")],
        "account:token-cleaner",
    ),
    (
        "kube-system",
        "system::leader-locking-kube-controller-manager",
        &[On("coordination.k8s.io", "leases", LEADING), On("coordination.k8s.io", "leasecandidates", LEADING)],
        "user:system:kube-controller-manager account:kube-controller-manager account:leader-election-controller",
    ),
    (
        "kube-system",
        "system::leader-locking-kube-scheduler",
        &[On("coordination.k8s.io", "leases", LEADING), On("coordination.k8s.io", "leasecandidates", LEADING)],
        "user:system:kube-scheduler account:kube-scheduler",
    ),
    (
        "kube-public",
        "system:controller:bootstrap-signer",
        &[
            On("core", "configmaps", READ),
            Named("core", "configmaps", "update", "cluster-info"),
            On("core events.k8s.io", "events", "create patch update"),
        ],
        "account:bootstrap-signer",
    ),
];

/// All of them.
pub fn objects() -> Vec<Value> {
    let mut objects = Vec::new();
    for (name, rules) in CLUSTER_ROLES {
        let mut role = object("ClusterRole", name, None);
        if let Some(part) = name.strip_prefix("system:aggregate-to-") {
            let label = format!("rbac.authorization.k8s.io/aggregate-to-{part}");
            role["metadata"]["labels"][label] = "true".into();
        }
        role["rules"] = rules.iter().map(rule).collect();
        objects.push(role);
    }
    for (name, part) in AGGREGATED {
        // What is aggregated to view is so to edit, and that to admin: their rules are put in as a controller would.
        let parts = AGGREGATED.iter().map(|(_, part)| *part).skip_while(|known| *known != part);
        let rules = parts.filter_map(|part| {
            let of = format!("system:aggregate-to-{part}");
            CLUSTER_ROLES.iter().find(|(name, _)| *name == of).map(|(_, rules)| *rules)
        });
        let mut role = object("ClusterRole", name, None);
        role["rules"] = rules.flatten().map(rule).collect();
        let label = format!("rbac.authorization.k8s.io/aggregate-to-{part}");
        role["aggregationRule"] = json!({ "clusterRoleSelectors": [{ "matchLabels": { label: "true" } }] });
        objects.push(role);
    }
    for (role, whose) in CLUSTER_BINDINGS {
        objects.push(binding("ClusterRoleBinding", role, None, "ClusterRole", whose));
    }
    for (namespace, name, rules, whose) in ROLES {
        let mut role = object("Role", name, Some(namespace));
        role["rules"] = rules.iter().map(rule).collect();
        objects.push(role);
        if !whose.is_empty() {
            objects.push(binding("RoleBinding", name, Some(namespace), "Role", whose));
        }
    }
    // The one binding that has another name than its role.
    let reader = "extension-apiserver-authentication-reader";
    let components = "user:system:kube-controller-manager user:system:kube-scheduler";
    let mut binding = binding("RoleBinding", reader, Some("kube-system"), "Role", components);
    binding["metadata"]["name"] = format!("system::{reader}").into();
    objects.push(binding);
    objects
}

fn object(kind: &str, name: &str, namespace: Option<&str>) -> Value {
    let mut object = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": kind,
        "metadata": {
            "name": name,
            "annotations": { "rbac.authorization.kubernetes.io/autoupdate": "true" },
            "labels": { "kubernetes.io/bootstrapping": "rbac-defaults" },
        },
    });
    if let Some(namespace) = namespace {
        object["metadata"]["namespace"] = namespace.into();
    }
    object
}

fn binding(kind: &str, role: &str, namespace: Option<&str>, role_kind: &str, whose: &str) -> Value {
    let group = "rbac.authorization.k8s.io";
    let subjects = whose.split_whitespace().filter_map(|one| {
        let (sort, name) = one.split_once(':')?;
        Some(match sort {
            "group" => json!({ "kind": "Group", "apiGroup": group, "name": name }),
            "user" => json!({ "kind": "User", "apiGroup": group, "name": name }),
            _ => json!({ "kind": "ServiceAccount", "name": name, "namespace": "kube-system" }),
        })
    });
    let subjects: Vec<Value> = subjects.collect();
    let mut binding = object(kind, role, namespace);
    binding["roleRef"] = json!({ "apiGroup": group, "kind": role_kind, "name": role });
    if !subjects.is_empty() {
        binding["subjects"] = subjects.into();
    }
    binding
}

fn rule(rule: &Rule) -> Value {
    let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    let groups =
        |text: &str| text.split_whitespace().map(|g| if g == "core" { "" } else { g }).collect::<Vec<_>>().join(" ");
    let groups = |text: &str| groups(text).split(' ').map(str::to_owned).collect::<Vec<_>>();
    match rule {
        On(group, resources, verbs) => {
            json!({ "apiGroups": groups(group), "resources": words(resources), "verbs": words(verbs) })
        }
        Named(group, resources, verbs, names) => json!({
            "apiGroups": groups(group), "resources": words(resources), "verbs": words(verbs),
            "resourceNames": words(names),
        }),
        Get(paths) => json!({ "nonResourceURLs": words(paths), "verbs": ["get"] }),
        All => json!({ "apiGroups": ["*"], "resources": ["*"], "verbs": ["*"] }),
        AnyPath => json!({ "nonResourceURLs": ["*"], "verbs": ["*"] }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_are_what_they_say() {
        let objects = objects();
        let find = |kind: &str, name: &str| {
            objects
                .iter()
                .find(|o| o["kind"] == kind && o["metadata"]["name"] == name)
                .unwrap_or_else(|| panic!("{name}"))
        };
        assert_eq!(
            find("ClusterRole", "system:node-bootstrapper")["rules"],
            json!([{
                "apiGroups": ["certificates.k8s.io"], "resources": ["certificatesigningrequests"],
                "verbs": ["create", "get", "list", "watch"],
            }])
        );
        let proxier = &find("ClusterRole", "system:node-proxier")["rules"][2];
        assert_eq!(proxier["apiGroups"], json!(["", "events.k8s.io"]));
        let rules = |name: &str| find("ClusterRole", name)["rules"].as_array().expect("rules").len();
        assert!(rules("admin") > rules("edit") && rules("edit") > rules("view"), "each has more than the next");
        assert_eq!(
            find("ClusterRoleBinding", "cluster-admin")["subjects"],
            json!([{ "kind": "Group", "apiGroup": "rbac.authorization.k8s.io", "name": "system:masters" }])
        );
        assert_eq!(find("ClusterRoleBinding", "system:node").get("subjects"), None);
        let namespaces: Vec<_> =
            objects.iter().filter(|o| o["kind"] == "Role").map(|o| o["metadata"]["namespace"].clone()).collect();
        assert!(namespaces.contains(&json!("kube-public")) && namespaces.contains(&json!("kube-system")));
    }

    #[test]
    fn every_binding_has_a_role() {
        let objects = objects();
        for binding in objects.iter().filter(|object| object.get("roleRef").is_some()) {
            let role = &binding["roleRef"];
            let there = objects.iter().any(|o| {
                o["kind"] == role["kind"]
                    && o["metadata"]["name"] == role["name"]
                    && (role["kind"] == "ClusterRole" || o["metadata"]["namespace"] == binding["metadata"]["namespace"])
            });
            assert!(there, "{role}");
        }
    }
}
