//! The kubelet does not know one of its flags.

use crate::diagnose::lines::{has, rest_after, word_after};
use crate::diagnose::{Cause, Evidence, Match};

pub static CAUSE: Cause =
    Cause { id: "kubelet-flag", about: "the kubelet refuses one of its flags", fallback: false, matches: find };

fn find(evidence: &Evidence) -> Option<Match> {
    let hit = evidence.kubelet_fatal(|line| {
        has(line, &["unknown flag: -"])
            || has(line, &["unknown shorthand flag: "])
            || has(line, &["unknown command"]) && line.contains("server.go")
            || has(line, &["failed to parse kubelet flag"])
            || has(line, &["invalid argument", "flag:"])
    })?;
    let first_line = match word_after(&hit.line, "unknown flag: ") {
        Some(flag) => format!("the kubelet does not know the flag `{flag}` and ends"),
        None => {
            let detail = rest_after(&hit.line, "failed to parse kubelet flag: ")
                .or_else(|| rest_after(&hit.line, "] "))
                .unwrap_or(&hit.line);
            format!("the kubelet refuses its flags and ends: {detail}")
        }
    };
    let fix = "remove it where it is set: nodeRegistration.kubeletExtraArgs (in /var/lib/kubelet/kubeadm-flags.env), \
               /etc/default/kubelet or /etc/sysconfig/kubelet, or a drop-in of the unit (`systemctl cat kubelet`); \
               flags that a release no longer has moved into KubeletConfiguration";
    hit.because(first_line, fix)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn v1_27() {
        let found = find(&Evidence::dead_kubelet(
            r#"Jul 07 08:17:04 cp1 kubelet[5604]: E0707 08:17:04.199967    5604 run.go:74] "command failed" err="failed to parse kubelet flag: unknown flag: --container-runtime"
Jul 07 08:17:04 cp1 systemd[1]: kubelet.service: Main process exited, code=exited, status=1/FAILURE"#,
        ))
        .expect("match");
        assert_eq!(found.first_line, "the kubelet does not know the flag `--container-runtime` and ends");
        assert_eq!(found.evidence_at, "journalctl -u kubelet");
    }

    #[test]
    fn v1_20() {
        let found = find(&Evidence::dead_kubelet(
            "Jan 02 10:00:00 cp1 kubelet[991]: F0102 10:00:00.138986     991 server.go:156] unknown flag: --cluster_dnss",
        ))
        .expect("match");
        assert_eq!(found.first_line, "the kubelet does not know the flag `--cluster_dnss` and ends");
    }

    #[test]
    fn past_for_a_healthy_kubelet() {
        let evidence = Evidence::busy_kubelet("F0102 10:00:00.138986 991 server.go:156] unknown flag: --foo");
        assert_eq!(find(&evidence), None);
    }
}
