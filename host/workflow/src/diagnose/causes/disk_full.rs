//! No room on a file system that matters.

use crate::diagnose::lines::has;
use crate::diagnose::{Cause, Evidence, Match};

pub static CAUSE: Cause = Cause { id: "disk-full", about: "a disk is full", fallback: false, matches: find };

/// Less than this is as good as full: etcd preallocates 64 MB for its log alone.
const MINIMUM: u64 = 100 * 1024 * 1024;

fn find(evidence: &Evidence) -> Option<Match> {
    let fix = "make room (`df -h`, `du -xhd1 /var`), then run `kubephase init` again; unused images go with `crictl rmi --prune`";
    let fits = |line: &str| has(line, &["no space left on device"]);
    if let Some(hit) = evidence.component(fits).or_else(|| evidence.kubelet(fits)) {
        let first_line = format!("{} cannot write: no space left on device", hit.who());
        return hit.because(first_line, fix);
    }
    let disk = evidence.disks.iter().find(|disk| disk.free < MINIMUM)?;
    Some(Match {
        first_line: format!("the file system of {} is full: {} MiB are free", disk.path, disk.free / 1024 / 1024),
        fix: fix.into(),
        evidence_at: format!("df -h {}", disk.path),
        quote: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnose::Disk;

    #[test]
    fn told_by_etcd() {
        let found = find(&Evidence::crashed(
            "etcd",
            r#"{"level":"panic","ts":"2024-05-10T04:41:48.256Z","caller":"backend/backend.go:189","msg":"failed to open database","path":"/var/lib/etcd/member/snap/db","error":"write /var/lib/etcd/member/snap/db: no space left on device"}"#,
        ))
        .expect("match");
        assert_eq!(found.first_line, "etcd cannot write: no space left on device");
    }

    #[test]
    fn seen_by_us() {
        let evidence = Evidence {
            disks: vec![Disk { path: "/var/lib/etcd".into(), free: 3 << 20 }],
            ..Evidence::busy_kubelet("")
        };
        assert_eq!(
            find(&evidence).expect("match").first_line,
            "the file system of /var/lib/etcd is full: 3 MiB are free"
        );
    }
}
