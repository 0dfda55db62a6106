//! Attacks of the component `hostile`, and what must become of each. One row per attack and way of making it.

use std::time::Duration;

use kubephase_plugin::{Export, Told};
use kubephase_workflow::extension::ExtensionFailure::{Invalid, Memory, Timeout, TooLarge, Trap};
use serde_json::json;

use super::bench::{Attack, Bench};
use super::expect::Expect::{self, Failed, Fault, Harmless, Nothing, Refused};

/// A row.
pub struct Row {
    pub attack: &'static str,
    export: Export,
    expect: Expect,
    change: fn(&mut Attack),
}

const fn row(attack: &'static str, export: Export, expect: Expect) -> Row {
    Row { attack, export, expect, change: |_| () }
}

impl Row {
    const fn with(self, change: fn(&mut Attack)) -> Self {
        Self { change, ..self }
    }
}

/// Deadline of attacks that never end by themselves.
fn soon(attack: &mut Attack) {
    attack.timeout = Duration::from_millis(300);
}

const LATE: Expect = Fault(Timeout, "it took longer than 300 ms");
const MEMORY: Expect = Fault(Memory, "it wanted more than the 64 MiB of memory that it may have");
const TOO_LARGE: Expect = Fault(TooLarge, "it handed over more than the 4096 KiB that it may");
const NO_PATH: Expect = Refused(&["it is not an absolute path without `.`, `..` and empty parts"], &[]);
const TOO_MANY_MAPPINGS: Expect =
    Fault(Invalid, "objects[0].manifest has, with those before it, more than 100000 mappings and lists");
/// What is told when no text was cut and nothing was proposed.
const SILENT: Expect = Harmless(|outcome, _| outcome.proposal == kubephase_model::plugin::Proposal::default());

use Export::{Check, Images, Mutate, Render, Run, Uninstall};

pub const ROWS: &[Row] = &[
    // Time.
    row("loop", Check, LATE).with(soon),
    row("loop", Render, LATE).with(soon),
    row("loop", Images, LATE).with(soon),
    row("loop", Uninstall, LATE).with(soon),
    row("loop", Mutate, LATE).with(soon),
    row("loop", Run, LATE).with(soon),
    row("loop-log", Check, LATE).with(soon),
    row("loop-progress", Run, LATE).with(soon),
    row("loop-settings", Check, LATE).with(soon),
    row("loop-facts", Check, LATE).with(soon),
    row("loop-files", Check, LATE).with(soon),
    // That it is cut off while it waits is seen with a server: see `machine`. Here nobody answers.
    row("slow-http", Check, Harmless(|outcome, _| outcome.proposal.findings.len() == 1)),
    row("recursion", Check, Fault(Trap, "if it calls itself deeply, its stack overflowed")),
    row("recursion-registers", Check, Fault(Trap, "its stack overflowed")),
    row("panic", Check, Fault(Trap, "\u{fffd}[31mit is over\u{fffd}[0m")),
    row("panic", Mutate, Fault(Trap, "panicked at ")),
    row("state", Check, Harmless(|outcome, _| outcome.proposal.findings[0].message == "called 1 times")),
    // Memory and size.
    row("memory-bomb", Check, MEMORY),
    row("memory-reserved", Check, MEMORY),
    row("gigabyte", Render, MEMORY),
    row("large-answer", Render, TOO_LARGE),
    row("large-answer", Images, TOO_LARGE),
    row("many-strings", Images, TOO_LARGE),
    row("many-objects", Render, Refused(&["it proposes 20000 objects; 1000 are allowed"], &[])),
    row("many-objects", Render, Fault(TooLarge, "it handed over more than the 1024 KiB that it may"))
        .with(|attack| attack.output = "1Mi"),
    row("finding-long", Check, Refused(&["findings[0]: its message has 1048576 bytes; 2000 are allowed"], &[])),
    row("finding-many", Check, Refused(&["it proposes 15000 findings; 1000 are allowed"], &[])),
    row("failure-huge", Check, Failed("other", "xxxxxxxx")),
    row("object-large", Render, Refused(&["it has 3145828 bytes; 1048576 are allowed"], &[])),
    row("log-huge", Check, SILENT),
    row("log-flood", Check, Harmless(|_, told| left_out(told) > 10_000)),
    row("progress-flood", Run, Harmless(|_, told| left_out(told) > 900_000)),
    row("write-many", Run, Refused(&["it proposes 20000 files; 1000 are allowed"], &[])),
    row("patch-many", Mutate, Refused(&["it proposes 10000 patches; 1000 are allowed"], &[])),
    row("wait-many", Run, Refused(&["it proposes 10000 waits; 1000 are allowed"], &[])),
    row("patch-bomb", Mutate, Fault(Invalid, "the document would be larger than 4096 KiB")),
    row("fill-bomb", Run, Refused(&["fill[0]: the file would be larger than 4194304 bytes"], &[])),
    row("patch-slow", Mutate, Harmless(|outcome, _| outcome.document.is_some())),
    row("object-wide", Render, TOO_MANY_MAPPINGS),
    row("object-deep", Render, TOO_MANY_MAPPINGS),
    row("patch-deep", Mutate, Fault(Invalid, "patches[0].body is not JSON: recursion limit exceeded")),
    row("patch-chain", Mutate, Refused(&["values together; 10000 are allowed"], &[])),
    // Texts.
    row("not-utf8", Check, Fault(Invalid, "it handed over text that is not UTF-8")),
    row("log-escapes", Check, Harmless(|_, told| told.len() == 8)),
    row("progress-escapes", Run, Harmless(|_, told| told.len() == 8)),
    row("failure-escapes", Check, Failed("\u{fffd}[2J\u{fffd}[1;1Hall is well", "\u{fffd}]0;owned")),
    row("finding-escapes", Check, Refused(&["findings[2]: its message is not one line of plain text"], &[])),
    row("patch-reason", Mutate, Refused(&["patches[0]: its reason is not one line of plain text"], &[])),
    // Its own names, which count as its own only: see the tests of the command line.
    row("finding-native", Check, Harmless(|outcome, _| outcome.proposal.findings.len() == 4)),
    row("finding-foreign", Check, Refused(&["`hardening/AnonymousAuth` is no name of a check"], &[])),
    row("finding-id", Check, Refused(&["`a b` is no name of a check", "`x,all` is no name of a check"], &[])),
    row("finding-twice", Check, Harmless(|outcome, _| outcome.proposal.findings.len() == 2)),
    row(
        "finding-link",
        Check,
        Refused(
            &[
                "`javascript:alert(1)` is no URL of a page",
                "`file:///etc/shadow` is no URL of a page",
                "`https://user:password@example.org/` is no URL of a page",
            ],
            &[],
        ),
    ),
    row("failure-denied", Check, Failed("denied", "it is not granted")),
    row("image-option", Images, Refused(&["`--help` is no reference of an image", "`-` is no reference"], &[])),
    row("image-escapes", Images, Refused(&["images[7]: `nul\u{fffd}inside` is no reference of an image"], &[])),
    // A diff shows it, and shows it escaped: see the tests of the command line.
    row("write-escapes", Run, Harmless(|outcome, _| outcome.proposal.files.len() == 1)),
    // Reaching out. What may be asked has nothing behind it, which is no leak.
    row(
        "files",
        Check,
        Nothing(
            &["denied", "invalid"],
            &[
                // It is on the way to what is granted, and shows nothing else.
                "list /",
                "look /",
                "read /etc/hostile/\\u{2025}/shadow: not-found",
                "text /etc/hostile/\\u{2025}/shadow: not-found",
                "list /etc/hostile/\\u{2025}/shadow: not-found",
                "look /etc/hostile/\\u{2025}/shadow: not-found",
                "read /etc/hostile/%2e%2e/shadow: not-found",
                "text /etc/hostile/%2e%2e/shadow: not-found",
                "list /etc/hostile/%2e%2e/shadow: not-found",
                "look /etc/hostile/%2e%2e/shadow: not-found",
            ],
        ),
    ),
    row("facts", Check, Nothing(&["denied", "invalid"], &[])),
    row("http", Check, Nothing(&["denied", "invalid"], &[])),
    row("kube", Check, Nothing(&["denied", "invalid"], &[])),
    row("probe", Check, Nothing(&["denied", "invalid"], &[])),
    row("nondeterministic", Run, Failed("denied", "/proc/uptime is not granted")),
    // Files.
    row("write-dotdot", Run, NO_PATH),
    row("write-relative", Run, NO_PATH),
    row("write-nul", Run, NO_PATH),
    row("write-newline", Run, NO_PATH),
    row("write-slash", Run, NO_PATH),
    row("write-root", Run, NO_PATH),
    row("write-empty", Run, NO_PATH),
    row("write-long", Run, NO_PATH),
    row("write-dotdot", Uninstall, NO_PATH),
    row(
        "write-outside",
        Run,
        Refused(&["/etc/cron.d/hostile: it may not be written"], &["writes: [/etc/cron.d/hostile]"]),
    ),
    row(
        "write-outside",
        Uninstall,
        Refused(&["/etc/cron.d/hostile: it may not be deleted"], &["writes: [/etc/cron.d/hostile]"]),
    ),
    row(
        "write-manifest",
        Run,
        Refused(
            &["hostile.yaml: it may not be written", "the privilege `hostPID`", "the privilege `privileged`"],
            &[
                "privileges: [\"writes:hostPID\"]",
                "privileges: [\"writes:privileged\"]",
                "privileges: [\"writes:runAsRoot\"]",
                "writes: [/etc/kubernetes/manifests/hostile.yaml]",
            ],
        ),
    ),
    // The path alone is not enough for what is in it.
    row(
        "write-manifest",
        Run,
        Refused(
            &["the privilege `hostPID`", "the privilege `privileged`"],
            &[
                "privileges: [\"writes:hostPID\"]",
                "privileges: [\"writes:privileged\"]",
                "privileges: [\"writes:runAsRoot\"]",
            ],
        ),
    )
    .with(|attack| attack.grants["writes"] = json!(["/etc/kubernetes/manifests/hostile.yaml"])),
    row("write-key", Run, Refused(&["it may not be written"], &["writes: [/etc/kubernetes/pki/ca.key]"])),
    row("write-key", Run, Refused(&["it may not be written"], &["writes: [/etc/kubernetes/pki/ca.key]"]))
        .with(|attack| attack.grants["writes"] = json!(["/etc/**"])),
    row("write-self", Run, Refused(&["it may not be written"], &["writes: [/var/lib/kubephase/journal.json]"])),
    // What is granted is granted; where a link leads is seen when it is written: see the tests of the command line.
    row("write", Run, Harmless(|outcome, _| outcome.proposal.files.len() == 1)),
    row("write-setuid", Run, Refused(&["the mode 4755 is more than permissions"], &[])),
    row("write-mode", Run, Refused(&["the mode 37777777777 is more than permissions"], &[])),
    row("write-twice", Run, Refused(&["it is there twice, or one is below the other"], &[])),
    row("write-below", Run, Refused(&["it is there twice, or one is below the other"], &[])),
    row("fill-short", Run, Refused(&["fill[0]: a placeholder has at least 8 bytes"], &[])),
    row("fill-nothing", Run, Refused(&["fill[0]: 0 bytes are not between 1 and 1024"], &[])),
    row("fill-huge", Run, Refused(&["fill[0]: 4294967295 bytes are not between 1 and 1024"], &[])),
    row("fill-encoding", Run, Refused(&["fill[0]: `plain` is neither base64 nor hex"], &[])),
    // Patches.
    row(
        "patch-privileged",
        Mutate,
        Refused(
            &["a privileged container owns the node", "it adds the container `hostile`"],
            &[
                "privileges: [\"kube-apiserver:command\"]",
                "privileges: [\"kube-apiserver:image\"]",
                "privileges: [\"kube-apiserver:privileged\"]",
                "privileges: [\"kube-apiserver:runAsRoot\"]",
            ],
        ),
    ),
    row(
        "patch-init",
        Mutate,
        Refused(
            &["it adds the container `hostile`"],
            &[
                "privileges: [\"kube-apiserver:command\"]",
                "privileges: [\"kube-apiserver:image\"]",
                "privileges: [\"kube-apiserver:runAsRoot\"]",
            ],
        ),
    ),
    row("patch-host-pid", Mutate, Refused(&["/spec/hostPID"], &["privileges: [\"kube-apiserver:hostPID\"]"])),
    row("patch-host-ipc", Mutate, Refused(&["/spec/hostIPC"], &["privileges: [\"kube-apiserver:hostIPC\"]"])),
    // For another document it is no privilege.
    row("patch-host-pid", Mutate, Refused(&["/spec/hostPID"], &["privileges: [\"kube-apiserver:hostPID\"]"]))
        .with(|attack| attack.grants["privileges"] = json!(["etcd:hostPID", "objects:hostPID"])),
    row("patch-host-path", Mutate, Refused(&["the node's / would be mounted"], &["hostPaths: [/]"])),
    row("patch-host-path-dotdot", Mutate, Refused(&["`/etc/hostile/../..` is not an absolute path"], &[])),
    row(
        "patch-host-path-socket",
        Mutate,
        Refused(&["containerd.sock would be mounted"], &["hostPaths: [/run/containerd/containerd.sock]"]),
    ),
    row("patch-image", Mutate, Refused(&["evil.example"], &["privileges: [\"kube-apiserver:image\"]"])),
    row(
        "patch-command",
        Mutate,
        Refused(
            &["`/bin/sh`", "the flag --authorization-mode is taken away"],
            &["privileges: [\"kube-apiserver:command\"]", "privileges: [\"kube-apiserver:securityFlags\"]"],
        ),
    ),
    row("patch-hook", Mutate, Refused(&["/lifecycle/postStart"], &["privileges: [\"kube-apiserver:command\"]"])),
    row("patch-capabilities", Mutate, Refused(&["SYS_ADMIN"], &["privileges: [\"kube-apiserver:capabilities\"]"])),
    row("patch-seccomp", Mutate, Refused(&["/seccompProfile"], &["privileges: [\"kube-apiserver:capabilities\"]"])),
    row("patch-env", Mutate, Refused(&["LD_PRELOAD"], &["privileges: [\"kube-apiserver:command\"]"])),
    row(
        "patch-flags",
        Mutate,
        Refused(
            &["--anonymous-auth is changed", "--authorization-mode is changed"],
            &["privileges: [\"kube-apiserver:securityFlags\"]"],
        ),
    ),
    row(
        "patch-service-account",
        Mutate,
        Refused(&["the service account `default`"], &["privileges: [\"kube-apiserver:serviceAccount\"]"]),
    ),
    row("patch-name", Mutate, Refused(&["/metadata/name: its name cannot be changed"], &[])),
    row("patch-kind", Mutate, Fault(Invalid, "kube-apiserver is apps/v1 Deployment instead of v1 Pod"))
        .with(|attack| attack.hint = "take apiVersion and kind out of the patch"),
    row(
        "patch-empty",
        Mutate,
        Refused(
            &["the container `kube-apiserver` must stay"],
            &["privileges: [\"kube-apiserver:capabilities\"]", "privileges: [\"kube-apiserver:command\"]"],
        ),
    ),
    row(
        "patch-other-target",
        Mutate,
        Refused(
            &["patches[0]: etcd may not be patched", "`nothing` is no document", "plugin:other may not be patched"],
            &["patches: [\"plugin:other\"]", "patches: [etcd]"],
        ),
    ),
    row("patch-other-target", Mutate, Refused(&["patches[1]: `nothing` is no document that is patched"], &[]))
        .with(|attack| attack.grants["patches"] = json!(["kube-apiserver", "etcd", "plugin:other"])),
    row("patch-not-json", Mutate, Fault(Invalid, "patches[0].body is not JSON: EOF")),
    row("patch-language", Mutate, Refused(&["`jsonnet` is no language of patches"], &[])),
    // Objects.
    row(
        "object-foreign-namespace",
        Render,
        Refused(&["ConfigMap kube-system/x: it may not be applied"], &["objects: [v1/ConfigMap/kube-system/x]"]),
    ),
    row(
        "object-foreign-namespace",
        Uninstall,
        Refused(&["ConfigMap kube-system/x: it may not be deleted"], &["objects: [v1/ConfigMap/kube-system/x]"]),
    ),
    row("object-no-namespace", Render, Refused(&["a ConfigMap needs a namespace"], &[])),
    row(
        "object-ungranted-kind",
        Render,
        Refused(&["Secret hostile/x: it may not be applied"], &["objects: [v1/Secret/hostile/x]"]),
    ),
    row(
        "object-webhook",
        Render,
        Refused(
            &["it may not be applied", "the privilege `clusterAdmin`"],
            &[
                "objects: [admissionregistration.k8s.io/v1/MutatingWebhookConfiguration//hostile]",
                "privileges: [\"objects:clusterAdmin\"]",
            ],
        ),
    ),
    row(
        "object-cluster-admin",
        Render,
        Refused(
            &["the ClusterRole `cluster-admin`", "the Group `system:unauthenticated`"],
            &[
                "objects: [rbac.authorization.k8s.io/v1/ClusterRoleBinding//hostile]",
                "privileges: [\"objects:clusterAdmin\"]",
            ],
        ),
    ),
    row(
        "object-kubeadm-config",
        Render,
        Refused(&["it may not be applied"], &["objects: [v1/ConfigMap/kube-system/kubeadm-config]"]),
    ),
    // No pattern grants it.
    row(
        "object-kubeadm-config",
        Render,
        Refused(&["it may not be applied"], &["objects: [v1/ConfigMap/kube-system/kubeadm-config]"]),
    )
    .with(|attack| attack.grants["objects"] = json!(["*/*/*/*"])),
    row(
        "object-own-parent",
        Render,
        Refused(
            &["kubephase-plugin-hostile: it may not be applied", "kubephase-config: it may not be applied"],
            &[
                "objects: [v1/ConfigMap/kube-system/kubephase-config]",
                "objects: [v1/ConfigMap/kube-system/kubephase-plugin-hostile]",
            ],
        ),
    )
    .with(|attack| attack.grants["objects"] = json!(["*/*/*/*"])),
    row(
        "object-foreign-set",
        Render,
        Refused(&["ownerReferences is not for plugins to say", "to which set it belongs"], &[]),
    ),
    row(
        "object-privileged",
        Render,
        Refused(
            &["/spec/template/spec/hostPID", "a privileged container owns the node"],
            &[
                "privileges: [\"objects:hostNetwork\"]",
                "privileges: [\"objects:hostPID\"]",
                "privileges: [\"objects:privileged\"]",
                "privileges: [\"objects:runAsRoot\"]",
            ],
        ),
    ),
    row(
        "object-host-path",
        Render,
        Refused(&["the node's / would be mounted"], &["hostPaths: [/]", "privileges: [\"objects:runAsRoot\"]"]),
    ),
    // Every pod has the default service account of its namespace, which is granted.
    row(
        "object-service-account",
        Render,
        Refused(&["nothing keeps it from running as root"], &["privileges: [\"objects:runAsRoot\"]"]),
    ),
    row("object-list", Render, Refused(&["a list is no object: propose each"], &[])),
    row("object-name", Render, Refused(&["`../../secrets/x` is no name"], &[])),
    row("object-no-name", Render, Refused(&["`` is no name", "generateName is not for plugins to say"], &[])),
    row("object-not-json", Render, Fault(Invalid, "objects[0].manifest is not JSON: EOF")),
    row("object-no-object", Render, Refused(&["it is no object"], &[])),
    row("object-twice", Render, Refused(&["it is the same object as objects[0]"], &[])),
    // The last one counts, for the judge and for what is sent, which is made of the same value.
    row(
        "object-duplicate-keys",
        Render,
        Refused(&["Secret kube-system/x: it may not be applied"], &["objects: [v1/Secret/kube-system/x]"]),
    ),
    // Waits.
    row(
        "wait-foreign-url",
        Run,
        Refused(
            &["evil.example may not be asked", "169.254.169.254 may not be asked", "`file:///etc/shadow` is no URL"],
            &["http: [\"http://169.254.169.254\"]", "http: [evil.example]"],
        ),
    ),
    row(
        "wait-foreign-socket",
        Run,
        Refused(
            &["containerd.sock may not be looked at", "`relative.sock` is not an absolute path"],
            &["files: [/run/containerd/containerd.sock]"],
        ),
    ),
    row(
        "wait-foreign-object",
        Run,
        Refused(
            &["Secret x may not be looked at", "`v1 ConfigMap hostile/../x` is no name", "`nonsense` is no"],
            &["kube: [v1/Secret/kube-system/x]"],
        ),
    ),
    row("wait-forever", Run, Refused(&["4294967295 seconds are not between 1 and 3600"], &[])),
    row("wait-zero", Run, Refused(&["0 seconds are not between 1 and 3600"], &[])),
    row("wait-kind", Run, Refused(&["`command` is nothing that can be waited for"], &[])),
];

/// How many lines the last one says were left out.
fn left_out(told: &[Told]) -> u64 {
    let Some(Told::Log { message, .. }) = told.last() else { return 0 };
    let (count, rest) = message.split_once(' ').unwrap_or_default();
    if rest == "more lines were left out" { count.parse().unwrap_or(0) } else { 0 }
}

#[tokio::test]
async fn every_attack_is_stopped() {
    let Some(bench) = Bench::new() else { return };
    let _alone = bench.alone.lock().await;
    let mut faults = Vec::new();
    for row in ROWS {
        let mut attack = Attack::new(row.attack, row.export);
        (row.change)(&mut attack);
        let seen = bench.attack(&attack).await;
        let found = seen.faults(&attack).into_iter().chain(row.expect.faults(&seen, attack.hint));
        faults.extend(found.map(|fault| format!("{} in {}: {fault}", row.attack, row.export.name())));
    }
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
}

/// Nothing is left of a call: not in the plugin, and not for another one.
#[tokio::test]
async fn calls_share_nothing() {
    let Some(bench) = Bench::new() else { return };
    let _alone = bench.alone.lock().await;
    let attack = Attack::new("state", Check);
    let plugins = bench.load(&attack, super::bench::world(), std::sync::Arc::new(|_, _| ())).await.expect("loads");
    let call = || plugins.outcome("hostile", Check, "", &serde_json::Value::Null);
    // At the same time, and one after the other.
    let (a, b) = tokio::join!(call(), call());
    for outcome in [a, b, call().await] {
        assert_eq!(outcome.expect("answers").proposal.findings[0].message, "called 1 times");
    }
}
