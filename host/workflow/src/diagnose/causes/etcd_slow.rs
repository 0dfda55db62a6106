//! etcd waits for its disk.

use crate::diagnose::lines::{has, quoted_after, unescape, word_after};
use crate::diagnose::{Cause, Evidence, Match};

pub static CAUSE: Cause =
    Cause { id: "etcd-slow-disk", about: "the disk under etcd is too slow", fallback: false, matches: find };

/// So many slow requests in a row are a slow disk; a few are normal while everything starts at once.
const MANY: usize = 10;

fn find(evidence: &Evidence) -> Option<Match> {
    let etcd = evidence.container("etcd")?;
    let all_run = evidence.containers.len() == super::super::COMPONENTS.len()
        && evidence.containers.iter().all(|container| !container.is_down() && container.restarts == 0);
    let sync = evidence
        .component(|line| has(line, &["slow fdatasync"]) || has(line, &["sync duration of", "expected less than"]));
    if let Some(hit) = sync.filter(|hit| hit.who() == "etcd") {
        let took = quoted_after(&hit.line, "\"took\":")
            .or_else(|| word_after(&hit.line, "sync duration of "))
            .unwrap_or("more than 1s")
            .to_owned();
        return because(
            hit.because(format!("etcd's disk is too slow: one fdatasync took {took}, it should take 10ms"), ""),
        );
    }
    let slow =
        |line: &str| has(line, &["took too long"]) || has(line, &["leader failed to send out heartbeat on time"]);
    let count = etcd.log_tail.lines().filter(|line| slow(&unescape(line))).count();
    if count < MANY || all_run {
        return None;
    }
    let hit = evidence.component(slow)?;
    because(hit.because(format!("etcd is too slow: {count} of its last log lines are requests that took too long"), ""))
}

fn because(found: Option<Match>) -> Option<Match> {
    found.map(|found| Match {
        fix: "put etcd's data directory (etcd.local.dataDir, by default /var/lib/etcd) on a faster disk (SSD, not shared, \
              no network file system); until then give it time with timeouts.controlPlaneComponentHealthCheck"
            .into(),
        ..found
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn etcd_3_5() {
        let found = find(&Evidence::running(
            "etcd",
            r#"{"level":"warn","ts":"2024-05-10T04:41:48.256Z","caller":"wal/wal.go:805","msg":"slow fdatasync","took":"1.737489327s","expected-duration":"1s"}"#,
        ))
        .expect("match");
        assert_eq!(found.first_line, "etcd's disk is too slow: one fdatasync took 1.737489327s, it should take 10ms");
    }

    #[test]
    fn etcd_3_4() {
        let found = find(&Evidence::running(
            "etcd",
            "2020-10-20 12:15:22.088482 W | wal: sync duration of 1.018100466s, expected less than 1s",
        ))
        .expect("match");
        assert!(found.first_line.contains("1.018100466s"));
        assert!(found.fix.contains("faster disk"));
    }

    #[test]
    fn a_few_slow_requests_are_normal() {
        let line = r#"{"level":"warn","ts":"2022-05-10T04:41:48.256Z","caller":"etcdserver/util.go:163","msg":"apply request took too long","took":"138.497741ms","expected-duration":"100ms","prefix":"read-only range ","request":"key:\"/registry/volumeattachments\"","response":"range_response_count:0 size:6"}"#;
        assert_eq!(find(&Evidence::running("etcd", &format!("{line}\n{line}"))), None);
        let many = [line; 12].join("\n");
        assert!(
            find(&Evidence::running("etcd", &many)).expect("match").first_line.contains("12 of its last log lines")
        );
    }
}
