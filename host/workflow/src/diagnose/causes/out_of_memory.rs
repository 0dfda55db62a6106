//! The kernel killed a component for memory.

use crate::diagnose::{Cause, Evidence, Match};

pub static CAUSE: Cause =
    Cause { id: "out-of-memory", about: "a component was killed for memory", fallback: false, matches: find };

fn find(evidence: &Evidence) -> Option<Match> {
    let killed = evidence.containers.iter().find(|container| container.reason == "OOMKilled")?;
    Some(Match {
        first_line: format!("{} was killed because memory ran out", killed.component),
        fix: "give the machine more memory (a control plane needs 2 GB at least) or stop what else uses it; `dmesg` tells \
              who was using how much; a limit set by a patch may also be too low"
            .into(),
        evidence_at: format!("crictl inspect {}", killed.id),
        quote: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn told_by_the_runtime() {
        let mut evidence = Evidence::crashed("kube-apiserver", "I0102 10:00:00 1 server.go:148] Version: v1.36.2");
        evidence.containers[0].reason = "OOMKilled".into();
        evidence.containers[0].exit_code = Some(137);
        let found = find(&evidence).expect("match");
        assert_eq!(found.first_line, "kube-apiserver was killed because memory ran out");
        assert_eq!(found.evidence_at, "crictl inspect kube-apiserver-id");
    }
}
