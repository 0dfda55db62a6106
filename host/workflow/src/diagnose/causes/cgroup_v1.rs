//! A kubelet from 1.35 on refuses cgroup v1 unless told otherwise (KEP-5573).

use crate::diagnose::lines::has;
use crate::diagnose::{Cause, Evidence, Match};

pub static CAUSE: Cause =
    Cause { id: "cgroup-v1", about: "the kubelet refuses to run on cgroup v1", fallback: false, matches: find };

fn find(evidence: &Evidence) -> Option<Match> {
    evidence.kubelet_fatal(|line| has(line, &["configured to not run on a host using cgroup v1"]))?.because(
        "the kubelet refuses to run because this host uses cgroup v1",
        "boot with cgroup v2 (kernel parameter systemd.unified_cgroup_hierarchy=1), or set `failCgroupV1: false` in \
             the KubeletConfiguration document and ignore the check SystemVerification",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn v1_35() {
        let found = find(&Evidence::dead_kubelet(
            r#"Nov 12 12:19:21 cp1 kubelet[4756]: E1112 12:19:21.474821    4756 run.go:72] "command failed" err="failed to validate kubelet configuration, error: kubelet is configured to not run on a host using cgroup v1. cgroup v1 support is unsupported and will be removed in a future release, path: &TypeMeta{Kind:,APIVersion:,}""#,
        ))
        .expect("match");
        assert!(found.first_line.contains("cgroup v1"));
        assert!(found.fix.contains("failCgroupV1: false"));
    }
}
