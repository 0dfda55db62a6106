//! Which field of a message has which number and type: the published `.proto` files of Kubernetes, for the kinds that
//! kubectl sends this way.

use super::workloads;

/// Number, name in JSON, type.
pub(super) type Message = &'static [(u64, &'static str, Type)];

/// What a field holds.
pub(super) enum Type {
    Text,
    Int,
    Bool,
    /// Base64 in JSON.
    Bytes,
    Time,
    IntOrText,
    /// A message with its text.
    Quantity,
    /// One that is written only if it is set, and then means what it says, be it zero.
    Optional(&'static Type),
    /// JSON inside a message (`FieldsV1`).
    Json,
    /// A message that is a list of texts (`ExtraValue`).
    Texts,
    List(&'static Type),
    /// With texts as keys.
    Map(&'static Type),
    Message(Message),
}

use Type::{Bool, Bytes, Int, IntOrText, Json, List, Map, Text, Texts, Time};

pub(super) const TEXTS: Type = List(&Text);
pub(super) const LABELS: Type = Map(&Text);
pub(super) const META: Type = Type::Message(OBJECT_META);

const OBJECT_META: Message = &[
    (1, "name", Text),
    (2, "generateName", Text),
    (3, "namespace", Text),
    (5, "uid", Text),
    (6, "resourceVersion", Text),
    (7, "generation", Int),
    (8, "creationTimestamp", Time),
    (9, "deletionTimestamp", Time),
    (10, "deletionGracePeriodSeconds", Int),
    (11, "labels", LABELS),
    (12, "annotations", LABELS),
    (13, "ownerReferences", List(&Type::Message(OWNER_REFERENCE))),
    (14, "finalizers", TEXTS),
    (17, "managedFields", List(&Type::Message(MANAGED_FIELDS))),
];

const OWNER_REFERENCE: Message = &[
    (1, "kind", Text),
    (3, "name", Text),
    (4, "uid", Text),
    (5, "apiVersion", Text),
    (6, "controller", Bool),
    (7, "blockOwnerDeletion", Bool),
];

const MANAGED_FIELDS: Message = &[
    (1, "manager", Text),
    (2, "operation", Text),
    (3, "apiVersion", Text),
    (4, "time", Time),
    (6, "fieldsType", Text),
    (7, "fieldsV1", Json),
    (8, "subresource", Text),
];

const CONFIG_MAP: Message =
    &[(1, "metadata", META), (2, "data", LABELS), (3, "binaryData", Map(&Bytes)), (4, "immutable", Bool)];

const SECRET: Message = &[
    (1, "metadata", META),
    (2, "data", Map(&Bytes)),
    (3, "type", Text),
    (4, "stringData", LABELS),
    (5, "immutable", Bool),
];

const NAMESPACE: Message = &[(1, "metadata", META), (2, "spec", Type::Message(&[(1, "finalizers", TEXTS)]))];

const SERVICE_ACCOUNT: Message = &[
    (1, "metadata", META),
    (3, "imagePullSecrets", List(&Type::Message(&[(1, "name", Text)]))),
    (4, "automountServiceAccountToken", Bool),
];

const SERVICE: Message = &[(1, "metadata", META), (2, "spec", Type::Message(SERVICE_SPEC))];

const SERVICE_SPEC: Message = &[
    (1, "ports", List(&Type::Message(SERVICE_PORT))),
    (2, "selector", LABELS),
    (3, "clusterIP", Text),
    (4, "type", Text),
    (5, "externalIPs", TEXTS),
    (7, "sessionAffinity", Text),
    (8, "loadBalancerIP", Text),
    (9, "loadBalancerSourceRanges", TEXTS),
    (10, "externalName", Text),
    (11, "externalTrafficPolicy", Text),
    (12, "healthCheckNodePort", Int),
    (13, "publishNotReadyAddresses", Bool),
    (17, "ipFamilyPolicy", Text),
    (18, "clusterIPs", TEXTS),
    (19, "ipFamilies", TEXTS),
    (20, "allocateLoadBalancerNodePorts", Bool),
    (21, "loadBalancerClass", Text),
    (22, "internalTrafficPolicy", Text),
    (23, "trafficDistribution", Text),
];

const SERVICE_PORT: Message = &[
    (1, "name", Text),
    (2, "protocol", Text),
    (3, "port", Int),
    (4, "targetPort", IntOrText),
    (5, "nodePort", Int),
    (6, "appProtocol", Text),
];

const ROLE: Message = &[(1, "metadata", META), (2, "rules", List(&Type::Message(POLICY_RULE)))];

const POLICY_RULE: Message = &[
    (1, "verbs", TEXTS),
    (2, "apiGroups", TEXTS),
    (3, "resources", TEXTS),
    (4, "resourceNames", TEXTS),
    (5, "nonResourceURLs", TEXTS),
];

const BINDING: Message = &[
    (1, "metadata", META),
    (2, "subjects", List(&Type::Message(SUBJECT))),
    (3, "roleRef", Type::Message(&[(1, "apiGroup", Text), (2, "kind", Text), (3, "name", Text)])),
];

const SUBJECT: Message = &[(1, "kind", Text), (2, "apiGroup", Text), (3, "name", Text), (4, "namespace", Text)];

const SIGNING_REQUEST: Message = &[
    (1, "metadata", META),
    (2, "spec", Type::Message(SIGNING_REQUEST_SPEC)),
    (3, "status", Type::Message(SIGNING_REQUEST_STATUS)),
];

const SIGNING_REQUEST_SPEC: Message = &[
    (1, "request", Bytes),
    (2, "username", Text),
    (3, "uid", Text),
    (4, "groups", TEXTS),
    (5, "usages", TEXTS),
    (6, "extra", Map(&Texts)),
    (7, "signerName", Text),
    (8, "expirationSeconds", Int),
];

const SIGNING_REQUEST_STATUS: Message =
    &[(1, "conditions", List(&Type::Message(SIGNING_REQUEST_CONDITION))), (2, "certificate", Bytes)];

const SIGNING_REQUEST_CONDITION: Message = &[
    (1, "type", Text),
    (2, "reason", Text),
    (3, "message", Text),
    (4, "lastUpdateTime", Time),
    (5, "lastTransitionTime", Time),
    (6, "status", Text),
];

const SELF_ACCESS_REVIEW: Message = &[(1, "metadata", META), (2, "spec", Type::Message(ACCESS_REVIEW_OF_ONESELF))];

const ACCESS_REVIEW_OF_ONESELF: Message =
    &[(1, "resourceAttributes", RESOURCE_ATTRIBUTES), (2, "nonResourceAttributes", PATH_ATTRIBUTES)];

const ACCESS_REVIEW: Message = &[(1, "metadata", META), (2, "spec", Type::Message(ACCESS_REVIEW_SPEC))];

const ACCESS_REVIEW_SPEC: Message = &[
    (1, "resourceAttributes", RESOURCE_ATTRIBUTES),
    (2, "nonResourceAttributes", PATH_ATTRIBUTES),
    (3, "user", Text),
    (4, "groups", TEXTS),
    (5, "extra", Map(&Texts)),
    (6, "uid", Text),
];

const RESOURCE_ATTRIBUTES: Type = Type::Message(&[
    (1, "namespace", Text),
    (2, "verb", Text),
    (3, "group", Text),
    (4, "version", Text),
    (5, "resource", Text),
    (6, "subresource", Text),
    (7, "name", Text),
]);

const PATH_ATTRIBUTES: Type = Type::Message(&[(1, "path", Text), (2, "verb", Text)]);

const RULES_REVIEW: Message = &[(1, "metadata", META), (2, "spec", Type::Message(&[(1, "namespace", Text)]))];

const SELF_REVIEW: Message = &[(1, "metadata", META)];

const DELETE_OPTIONS: Message = &[
    (1, "gracePeriodSeconds", Int),
    (2, "preconditions", Type::Message(&[(1, "uid", Text), (2, "resourceVersion", Text)])),
    (3, "orphanDependents", Bool),
    (4, "propagationPolicy", Text),
    (5, "dryRun", TEXTS),
];

/// The message of a kind.
pub(super) fn find(kind: &str) -> Option<Message> {
    Some(match kind {
        "ConfigMap" => CONFIG_MAP,
        "Secret" => SECRET,
        "Namespace" => NAMESPACE,
        "ServiceAccount" => SERVICE_ACCOUNT,
        "Service" => SERVICE,
        "Role" | "ClusterRole" => ROLE,
        "RoleBinding" | "ClusterRoleBinding" => BINDING,
        "CertificateSigningRequest" => SIGNING_REQUEST,
        "SelfSubjectAccessReview" => SELF_ACCESS_REVIEW,
        "SubjectAccessReview" | "LocalSubjectAccessReview" => ACCESS_REVIEW,
        "SelfSubjectRulesReview" => RULES_REVIEW,
        "DeleteOptions" => DELETE_OPTIONS,
        "SelfSubjectReview" => SELF_REVIEW,
        "Pod" => workloads::POD,
        "Deployment" => workloads::DEPLOYMENT,
        "Job" => workloads::JOB,
        "CronJob" => workloads::CRON_JOB,
        "ResourceQuota" => workloads::RESOURCE_QUOTA,
        "PodDisruptionBudget" => workloads::POD_DISRUPTION_BUDGET,
        "PriorityClass" => workloads::PRIORITY_CLASS,
        _ => return None,
    })
}
