//! Objects that give rights, or decide what the cluster believes and admits. An addon may have rights of its own; what
//! leads to all rights takes a privilege (Kubernetes' own list of such: "Role Based Access Control Good Practices").

use kubephase_model::plugin::grants::SENSITIVE_OBJECTS;
use serde_json::Value;

use super::bench::{Bench, field, items, shown, text, texts};
use super::objects::Identity;

/// The privilege.
const ALL: &str = "clusterAdmin";
/// Where every right is a right over the cluster.
const SYSTEM: &str = "kube-system";

/// A right that leads to all others.
struct Right {
    resources: &'static [&'static str],
    verbs: &'static [&'static str],
    why: &'static str,
}

const WRITE: &[&str] = &["create", "update", "patch"];

/// All of them. They count in the whole cluster, and in the namespace of the system.
const RIGHTS: &[Right] = &[
    Right {
        resources: &["secrets"],
        verbs: &["get", "list", "watch"],
        why: "who reads Secrets reads everybody's tokens",
    },
    Right { resources: &["secrets"], verbs: WRITE, why: "who writes Secrets can make tokens" },
    Right {
        resources: &[
            "pods",
            "deployments",
            "daemonsets",
            "statefulsets",
            "replicasets",
            "replicationcontrollers",
            "jobs",
            "cronjobs",
            "podtemplates",
        ],
        verbs: WRITE,
        why: "who makes pods can use every service account and node",
    },
    Right {
        resources: &["pods/exec", "pods/attach", "pods/portforward", "pods/ephemeralcontainers", "pods/proxy"],
        verbs: &["create", "get", "update", "patch"],
        why: "who is in a pod has its rights",
    },
    Right {
        resources: &["nodes/proxy"],
        verbs: &["get", "create", "update", "patch", "delete"],
        why: "kubelets do what they are told",
    },
    Right {
        resources: &["serviceaccounts/token"],
        verbs: &["create"],
        why: "a token of any service account gives its rights",
    },
    Right {
        resources: &["users", "groups", "serviceaccounts", "userextras", "uids"],
        verbs: &["impersonate"],
        why: "who can be somebody else can be anybody",
    },
    Right {
        resources: &["roles", "clusterroles"],
        verbs: &["escalate", "bind"],
        why: "who can give what he does not have can give everything",
    },
    Right {
        resources: &["certificatesigningrequests/approval"],
        verbs: &["update", "patch"],
        why: "a certificate can be anybody's",
    },
    Right {
        resources: &["certificatesigningrequests/nodeclient", "certificatesigningrequests/selfnodeclient"],
        verbs: &["create"],
        why: "its certificates would be approved for any node",
    },
    Right { resources: &["signers"], verbs: &["approve", "sign"], why: "a certificate can be anybody's" },
    Right { resources: &["persistentvolumes"], verbs: WRITE, why: "a volume can be a node's own file system" },
    Right {
        resources: &[
            "mutatingwebhookconfigurations",
            "validatingwebhookconfigurations",
            "mutatingadmissionpolicies",
            "mutatingadmissionpolicybindings",
            "apiservices",
        ],
        verbs: WRITE,
        why: "who admits sees and changes everything",
    },
    Right { resources: &["clustertrustbundles"], verbs: WRITE, why: "others believe it" },
    // Creating does not change those that matter: they are there.
    Right {
        resources: &["configmaps"],
        verbs: &["update", "patch"],
        why: "some in kube-system say what nodes are and which plugins may do what",
    },
];

/// Cluster roles of Kubernetes' own that anybody may be bound to.
const HARMLESS_CLUSTER_ROLES: &[&str] =
    &["system:auth-delegator", "system:basic-user", "system:discovery", "system:public-info-viewer", "view"];
/// Roles of kube-system likewise.
const HARMLESS_ROLES: &[&str] = &["extension-apiserver-authentication-reader"];
/// Groups of Kubernetes' own APIs that an extension API server may serve.
const SERVED: &[&str] = &["metrics.k8s.io", "custom.metrics.k8s.io", "external.metrics.k8s.io"];

/// Kinds that say what is admitted or believed, and what they do.
const DECIDES: &[(&str, &str)] = &[
    ("MutatingWebhookConfiguration", "it would see and change what everybody writes"),
    ("ValidatingWebhookConfiguration", "it would see and hold up what everybody writes"),
    ("MutatingAdmissionPolicy", "it would change what everybody writes"),
    ("MutatingAdmissionPolicyBinding", "it would change what everybody writes"),
    ("ValidatingAdmissionPolicy", "it would hold up what everybody writes"),
    ("ValidatingAdmissionPolicyBinding", "it would hold up what everybody writes"),
    ("CertificateSigningRequest", "it would ask for a certificate"),
    ("PodCertificateRequest", "it would ask for a certificate"),
    ("ClusterTrustBundle", "others would believe it"),
    ("FlowSchema", "it would decide whose requests wait"),
    ("PriorityLevelConfiguration", "it would decide whose requests wait"),
];

/// Whether what a proposal brings under that name is the plugin's own, to be bound and used as it likes. Roles of
/// Kubernetes' own have the rights that they have, whatever is proposed for them; what only has the name of a kind of
/// Kubernetes' is something else. A role that does not say its rules would keep those of one that is there: then they have
/// not been judged.
pub(super) fn can_be_own(object: &Value, id: &Identity<'_>) -> bool {
    let is_theirs = ["system:", "kubeadm:"].iter().any(|prefix| id.name.starts_with(prefix))
        || matches!(id.name, "cluster-admin" | "admin" | "edit" | "view");
    match id.kind {
        "Secret" | "ServiceAccount" => id.api_version == "v1",
        "ClusterRole" | "Role" => {
            let has_rules = field(Some(object), "rules").is_some_and(Value::is_array);
            id.api_version.starts_with("rbac.authorization.k8s.io/") && !is_theirs && has_rules
        }
        _ => false,
    }
}

/// Judges what an object gives or decides. What stood there before and stays is not asked about again.
pub(super) fn judge(before: Option<&Value>, object: &Value, id: &Identity<'_>, bench: &mut Bench<'_>) {
    if let Some((_, why)) =
        DECIDES.iter().find(|(kind, _)| *kind == id.kind).filter(|_| before.is_none() || id.is_native())
    {
        bench.needs(ALL, "", why);
    }
    match id.kind {
        "ClusterRole" | "Role" => role(before, object, id, bench),
        "ClusterRoleBinding" | "RoleBinding" => binding(before, object, id, bench),
        "Secret" => secret(object, id, bench),
        "APIService" => {
            let group = text(field(Some(object), "spec"), "group");
            let native = !group.contains('.') || group.ends_with(".k8s.io") && !SERVED.contains(&group);
            if native {
                bench.needs(
                    ALL,
                    "/spec/group",
                    format!("it would answer for the cluster's own API `{}`", shown(group)),
                );
            }
        }
        _ => {}
    }
}

fn role(before: Option<&Value>, object: &Value, id: &Identity<'_>, bench: &mut Bench<'_>) {
    if field(Some(object), "aggregationRule").is_some() {
        bench.needs(ALL, "/aggregationRule", "it would have what others give it");
    }
    if id.kind == "Role" && id.namespace != Some(SYSTEM) {
        return;
    }
    let known = items(before, "rules");
    for (i, rule) in items(Some(object), "rules").iter().enumerate().filter(|(_, rule)| !known.contains(rule)) {
        let at = format!("/rules/{i}");
        let list = |name: &str| texts(Some(rule), name);
        let (groups, resources, verbs) = (list("apiGroups"), list("resources"), list("verbs"));
        let has = |list: &[String], wanted: &str| list.iter().any(|item| item == wanted);
        if has(&verbs, "*") {
            bench.needs(ALL, &format!("{at}/verbs"), "`*` is every verb, also escalate, bind and impersonate");
        }
        if resources.iter().any(|resource| resource.starts_with('*')) && !resources.is_empty() {
            bench.needs(ALL, &format!("{at}/resources"), "`*` is every resource, also Secrets");
        } else if has(&groups, "*") && verbs.iter().any(|verb| verb != "get" && verb != "list" && verb != "watch") {
            bench.needs(ALL, &format!("{at}/apiGroups"), "`*` is every API");
        }
        for right in RIGHTS {
            let resource = resources.iter().find(|resource| right.resources.contains(&resource.as_str()));
            let verb = verbs.iter().find(|verb| right.verbs.contains(&verb.as_str()));
            // A custom resource may be called the same.
            let native = groups.iter().any(|group| !group.contains('.') || group.ends_with(".k8s.io"));
            let (Some(resource), Some(verb), true) = (resource, verb, native) else { continue };
            if !is_limited(rule, resource, verb, id, bench) {
                bench.needs(ALL, &at, format!("{} of {}: {}", shown(verb), shown(resource), right.why));
            }
        }
    }
}

/// Whether a rule is about named objects alone that the plugin may have anyway.
fn is_limited(rule: &Value, resource: &str, verb: &str, id: &Identity<'_>, bench: &Bench<'_>) -> bool {
    let names = texts(Some(rule), "resourceNames");
    let is_sensitive =
        |name: &String| SENSITIVE_OBJECTS.iter().any(|(space, prefix)| *space == SYSTEM && name.starts_with(prefix));
    let kind = match resource {
        "configmaps" => return !names.is_empty() && !names.iter().any(is_sensitive),
        "secrets" => "Secret",
        "serviceaccounts/token" => "ServiceAccount",
        _ => return false,
    };
    let namespace = id.namespace.unwrap_or_default();
    let own = |name: &String| {
        bench.own.contains(&format!("{kind} {namespace}/{name}"))
            || bench.grants.allows_kube("v1", kind, id.namespace, Some(name))
    };
    !names.is_empty() && (verb != "create" || kind == "ServiceAccount") && id.kind == "Role" && names.iter().all(own)
}

fn binding(before: Option<&Value>, object: &Value, id: &Identity<'_>, bench: &mut Bench<'_>) {
    let role = field(Some(object), "roleRef");
    let (kind, name) = (text(role, "kind"), text(role, "name"));
    let namespace = id.namespace.unwrap_or_default();
    let whole = id.kind == "ClusterRoleBinding" || namespace == SYSTEM;
    let own = match kind {
        "ClusterRole" => bench.own.contains(&format!("ClusterRole /{name}")) || HARMLESS_CLUSTER_ROLES.contains(&name),
        _ => {
            bench.own.contains(&format!("Role {namespace}/{name}"))
                || namespace == SYSTEM && HARMLESS_ROLES.contains(&name)
        }
    };
    if whole && !own && field(before, "roleRef") != role {
        let why =
            format!("it gives the rights of the {} `{}`, which is not the plugin's own", shown(kind), shown(name));
        bench.needs(ALL, "/roleRef", why);
    }
    let known = items(before, "subjects");
    for (i, subject) in
        items(Some(object), "subjects").iter().enumerate().filter(|(_, subject)| !known.contains(subject))
    {
        let at = format!("/subjects/{i}");
        let (kind, name) = (text(Some(subject), "kind"), text(Some(subject), "name"));
        let space = text(Some(subject), "namespace");
        let granted = || bench.grants.allows_object("v1", "ServiceAccount", Some(space), name);
        if kind != "ServiceAccount" || name.starts_with("system:") {
            bench.needs(ALL, &at, format!("it gives rights to the {} `{}`", shown(kind), shown(name)));
        } else if !bench.own.contains(&format!("ServiceAccount {space}/{name}")) && !granted() {
            let why = format!(
                "it gives rights to the service account `{}/{}`, which is not the plugin's own",
                shown(space),
                shown(name)
            );
            bench.needs("serviceAccount", &at, why);
        }
    }
}

/// Secrets that Kubernetes takes for credentials. Nothing of their data is told.
fn secret(object: &Value, id: &Identity<'_>, bench: &mut Bench<'_>) {
    match text(Some(object), "type") {
        "bootstrap.kubernetes.io/token" => bench.needs(ALL, "/type", "nodes join by it"),
        "kubernetes.io/service-account-token" => {
            let annotations = field(field(Some(object), "metadata"), "annotations");
            let account = text(annotations, "kubernetes.io/service-account.name");
            if !bench.own.contains(&format!("ServiceAccount {}/{account}", id.namespace.unwrap_or_default())) {
                let why = format!("a token of the service account `{}` would be put into it", shown(account));
                bench.needs("serviceAccount", "/metadata/annotations", why);
            }
        }
        _ => {}
    }
}
