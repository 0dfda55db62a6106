//! Why the control plane did not come up: reads what the kubelet, the runtime and the components said, and names the
//! cause in one line, with what to do and where the evidence is. Everything here is pure except [`gather`], which
//! looks at the node and never fails; nothing here changes anything.

mod causes;
mod evidence;
mod gather;
mod lines;
mod redact;

use serde::Serialize;

pub use causes::CAUSES;
pub use evidence::{COMPONENTS, ContainerEvidence, Disk, Evidence, SandboxEvidence};
pub use gather::{Scene, gather};
pub use redact::redact;

/// A known reason for a control plane that does not come up. One per file in `diagnose/causes/`.
pub struct Cause {
    /// Stable name for programs: `swap-on`.
    pub id: &'static str,
    /// One line for the documentation.
    pub about: &'static str,
    /// True if it only says what failed, not why: worth telling when a deadline has passed, too early to tell before.
    pub fallback: bool,
    /// Looks for the cause; `None` if the evidence does not show it.
    pub matches: fn(&Evidence) -> Option<Match>,
}

/// What a [`Cause`] found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Match {
    /// The cause in one line: lower case, no full stop.
    pub first_line: String,
    /// What to do.
    pub fix: String,
    /// Where the evidence is: a command to run or a path to read.
    pub evidence_at: String,
    /// The line that shows it, without secrets, shortened.
    pub quote: Option<String>,
}

/// The most specific cause that the evidence shows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Diagnosis {
    /// [`Cause::id`].
    pub cause: &'static str,
    /// [`Cause::fallback`].
    pub fallback: bool,
    /// The cause in one line.
    pub first_line: String,
    /// What to do.
    pub fix: String,
    /// Where the evidence is.
    pub evidence_at: String,
    /// The line that shows it.
    pub quote: Option<String>,
}

/// Names the cause, or `None` if nothing known fits (for instance because everything is merely slow).
pub fn diagnose(evidence: &Evidence) -> Option<Diagnosis> {
    CAUSES.iter().find_map(|cause| {
        let Match { first_line, fix, evidence_at, quote } = (cause.matches)(evidence)?;
        Some(Diagnosis { cause: cause.id, fallback: cause.fallback, first_line, fix, evidence_at, quote })
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn ids_are_unique_and_kebab_case() {
        let ids: BTreeSet<_> = CAUSES.iter().map(|cause| cause.id).collect();
        assert_eq!(ids.len(), CAUSES.len());
        for cause in CAUSES {
            assert!(cause.id.chars().all(|c| c.is_ascii_lowercase() || c == '-' || c.is_ascii_digit()), "{}", cause.id);
            assert!(!cause.about.is_empty());
        }
    }

    #[test]
    fn every_file_in_causes_is_in_the_table() {
        #[expect(clippy::disallowed_methods, reason = "a test that compares the table with the source tree")]
        let files =
            std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/src/diagnose/causes")).expect("source tree");
        let table = include_str!("diagnose/causes.rs");
        for file in files {
            let name = file.expect("entry").file_name().into_string().expect("UTF-8");
            let module = name.trim_end_matches(".rs");
            assert!(table.contains(&format!("&{module}::CAUSE,")), "{name} is not in CAUSES");
        }
    }

    #[test]
    fn fallbacks_are_last() {
        let mut fallbacks = CAUSES.iter().map(|cause| cause.fallback);
        assert!(fallbacks.by_ref().skip_while(|fallback| !fallback).all(|fallback| fallback));
        assert!(CAUSES.last().expect("causes").fallback);
    }

    /// What shows several causes is filed under the one that explains the others.
    #[test]
    fn the_most_specific_cause_wins() {
        let dead = Evidence::dead_kubelet;
        let busy = Evidence::busy_kubelet;
        let crashed = Evidence::crashed;
        for (expected, evidence) in [
            (
                "cgroup-v1",
                dead(
                    r#"E1112 12:19:21.474821    4756 run.go:72] "command failed" err="failed to validate kubelet configuration, error: kubelet is configured to not run on a host using cgroup v1. cgroup v1 support is unsupported and will be removed in a future release, path: &TypeMeta{Kind:,APIVersion:,}""#,
                ),
            ),
            (
                "sandbox-image",
                busy(
                    r#"E0507 14:01:59.5 2149 kuberuntime_sandbox.go:72] "Failed to create sandbox for pod" err="rpc error: code = Unknown desc = failed to get sandbox image \"registry.k8s.io/pause:3.9\": failed to pull image \"registry.k8s.io/pause:3.9\": dial tcp: lookup registry.k8s.io on 10.0.0.2:53: no such host""#,
                ),
            ),
            (
                "image-pull",
                busy(
                    r#"E1123 00:21:40.8 1682 log.go:32] "PullImage from image service failed" err="rpc error: code = Unknown desc = failed to pull and unpack image \"registry.k8s.io/etcd:3.6.8-0\": dial tcp: lookup registry.k8s.io on 10.0.0.2:53: no such host" image="registry.k8s.io/etcd:3.6.8-0""#,
                ),
            ),
            (
                "cgroup-driver",
                busy(
                    r#"E1024 11:07:02.2 397647 kuberuntime_sandbox.go:72] "Failed to create sandbox for pod" err="rpc error: code = Unknown desc = failed to create containerd task: OCI runtime create failed: runc create failed: expected cgroupsPath to be of format \"slice:prefix:name\" for systemd cgroups, got \"/kubepods/burstable/poda668/64727\" instead: unknown""#,
                ),
            ),
            (
                "port-taken",
                crashed(
                    "kube-apiserver",
                    r#"E1019 20:33:37.958760       1 run.go:74] "command failed" err="failed to create listener: failed to listen on 0.0.0.0:6443: listen tcp 0.0.0.0:6443: bind: address already in use""#,
                ),
            ),
            (
                "clock",
                crashed(
                    "kube-apiserver",
                    r#"W0426 10:18:22.0 1 logging.go:55] grpc: addrConn.createTransport failed to connect to {Addr: "127.0.0.1:2379", ServerName: "127.0.0.1:2379", }. Err: connection error: desc = "transport: authentication handshake failed: tls: failed to verify certificate: x509: certificate has expired or is not yet valid: current time 2026-01-01T00:00:00Z is before 2026-11-23T00:00:00Z""#,
                ),
            ),
            ("kubelet-crash", dead("")),
            ("nothing-started", busy("")),
            ("component-crash", crashed("kube-scheduler", "something else")),
        ] {
            assert_eq!(diagnose(&evidence).expect("a cause").cause, expected);
        }
    }

    #[test]
    fn nothing_known_is_none() {
        assert_eq!(diagnose(&Evidence::healthy()), None);
    }
}
