//! Messages of Pods and of what makes them, as far as `kubectl create` and `kubectl run` fill them in.

use super::messages::{LABELS, META, Message, TEXTS, Type};
use Type::{Bool, Int, IntOrText, List, Map, Optional, Quantity, Text};

const NUMBER: Type = Optional(&Int);
const FLAG: Type = Optional(&Bool);
const SELECTOR: Type = Type::Message(&[(1, "matchLabels", LABELS), (2, "matchExpressions", List(&REQUIREMENT))]);
const REQUIREMENT: Type = Type::Message(&[(1, "key", Text), (2, "operator", Text), (3, "values", TEXTS)]);
const AMOUNTS: Type = Map(&Quantity);

pub(super) const POD: Message = &[(1, "metadata", META), (2, "spec", Type::Message(POD_SPEC))];

const POD_SPEC: Message = &[
    (2, "containers", List(&Type::Message(CONTAINER))),
    (3, "restartPolicy", Text),
    (4, "terminationGracePeriodSeconds", NUMBER),
    (5, "activeDeadlineSeconds", NUMBER),
    (6, "dnsPolicy", Text),
    (7, "nodeSelector", LABELS),
    (8, "serviceAccountName", Text),
    (9, "serviceAccount", Text),
    (10, "nodeName", Text),
    (11, "hostNetwork", Bool),
    (12, "hostPID", Bool),
    (13, "hostIPC", Bool),
    (15, "imagePullSecrets", List(&Type::Message(&[(1, "name", Text)]))),
    (16, "hostname", Text),
    (17, "subdomain", Text),
    (19, "schedulerName", Text),
    (20, "initContainers", List(&Type::Message(CONTAINER))),
    (21, "automountServiceAccountToken", FLAG),
    (24, "priorityClassName", Text),
    (29, "runtimeClassName", Text),
    (30, "enableServiceLinks", FLAG),
];

const CONTAINER: Message = &[
    (1, "name", Text),
    (2, "image", Text),
    (3, "command", TEXTS),
    (4, "args", TEXTS),
    (5, "workingDir", Text),
    (6, "ports", List(&Type::Message(CONTAINER_PORT))),
    (7, "env", List(&Type::Message(&[(1, "name", Text), (2, "value", Text)]))),
    (8, "resources", Type::Message(&[(1, "limits", AMOUNTS), (2, "requests", AMOUNTS)])),
    (13, "terminationMessagePath", Text),
    (14, "imagePullPolicy", Text),
    (16, "stdin", Bool),
    (17, "stdinOnce", Bool),
    (18, "tty", Bool),
    (20, "terminationMessagePolicy", Text),
];

const CONTAINER_PORT: Message =
    &[(1, "name", Text), (2, "hostPort", Int), (3, "containerPort", Int), (4, "protocol", Text), (5, "hostIP", Text)];

pub(super) const DEPLOYMENT: Message = &[(1, "metadata", META), (2, "spec", Type::Message(DEPLOYMENT_SPEC))];

const DEPLOYMENT_SPEC: Message = &[
    (1, "replicas", NUMBER),
    (2, "selector", SELECTOR),
    (3, "template", Type::Message(POD)),
    (4, "strategy", Type::Message(&[(1, "type", Text), (2, "rollingUpdate", ROLLING_UPDATE)])),
    (5, "minReadySeconds", Int),
    (6, "revisionHistoryLimit", NUMBER),
    (7, "paused", Bool),
    (9, "progressDeadlineSeconds", NUMBER),
];

const ROLLING_UPDATE: Type =
    Type::Message(&[(1, "maxUnavailable", Optional(&IntOrText)), (2, "maxSurge", Optional(&IntOrText))]);

pub(super) const JOB: Message = &[(1, "metadata", META), (2, "spec", Type::Message(JOB_SPEC))];

const JOB_SPEC: Message = &[
    (1, "parallelism", NUMBER),
    (2, "completions", NUMBER),
    (3, "activeDeadlineSeconds", NUMBER),
    (4, "selector", SELECTOR),
    (5, "manualSelector", FLAG),
    (6, "template", Type::Message(POD)),
    (7, "backoffLimit", NUMBER),
    (8, "ttlSecondsAfterFinished", NUMBER),
    (9, "completionMode", Text),
    (10, "suspend", FLAG),
];

pub(super) const CRON_JOB: Message = &[(1, "metadata", META), (2, "spec", Type::Message(CRON_JOB_SPEC))];

const CRON_JOB_SPEC: Message = &[
    (1, "schedule", Text),
    (2, "startingDeadlineSeconds", NUMBER),
    (3, "concurrencyPolicy", Text),
    (4, "suspend", FLAG),
    (5, "jobTemplate", Type::Message(JOB)),
    (6, "successfulJobsHistoryLimit", NUMBER),
    (7, "failedJobsHistoryLimit", NUMBER),
    (8, "timeZone", Text),
];

pub(super) const RESOURCE_QUOTA: Message =
    &[(1, "metadata", META), (2, "spec", Type::Message(&[(1, "hard", AMOUNTS), (2, "scopes", TEXTS)]))];

pub(super) const POD_DISRUPTION_BUDGET: Message = &[(1, "metadata", META), (2, "spec", Type::Message(BUDGET_SPEC))];

const BUDGET_SPEC: Message = &[
    (1, "minAvailable", Optional(&IntOrText)),
    (2, "selector", SELECTOR),
    (3, "maxUnavailable", Optional(&IntOrText)),
];

pub(super) const PRIORITY_CLASS: Message = &[
    (1, "metadata", META),
    (2, "value", Int),
    (3, "globalDefault", Bool),
    (4, "description", Text),
    (5, "preemptionPolicy", Text),
];
