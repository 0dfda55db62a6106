//! Fallback: the kubelet is not healthy and nothing more specific fits.

use crate::diagnose::lines::{rest_after, shorten};
use crate::diagnose::{Cause, Evidence, Match};

pub static CAUSE: Cause = Cause {
    id: "kubelet-crash",
    about: "the kubelet does not run, for a reason we do not know",
    fallback: true,
    matches: find,
};

fn find(evidence: &Evidence) -> Option<Match> {
    let healthz = evidence.kubelet_healthz.as_deref()?;
    if evidence.kubelet_is_healthy() {
        return None;
    }
    let fatal = evidence.kubelet(|line| {
        line.contains("\"command failed\" err=")
            || line.contains("failed to run Kubelet")
            || is_fatal_klog(line)
            || line.contains("panic: ")
    });
    if let Some(hit) = fatal {
        let words = ["err=\"", "failed to run Kubelet: ", "] "].iter().find_map(|marker| rest_after(&hit.line, marker));
        let first_line = format!("the kubelet ends: {}", shorten(words.unwrap_or(&hit.line)));
        return hit.because(first_line, "correct what it says; `systemctl status kubelet` and its log tell more");
    }
    if evidence.kubelet_log.trim().is_empty() {
        return Some(Match {
            first_line: "the kubelet is not running and has logged nothing".into(),
            fix: "start it: `systemctl start kubelet`; if there is no such unit, install the kubelet's package or run \
                  `kubelet --config=/var/lib/kubelet/config.yaml` under your own supervisor"
                .into(),
            evidence_at: "systemctl status kubelet".into(),
            quote: None,
        });
    }
    Some(Match {
        first_line: format!("the kubelet is not healthy: {healthz}"),
        fix: "read its log; `systemctl status kubelet` says whether it runs at all".into(),
        evidence_at: evidence.kubelet_log_at.clone(),
        quote: evidence.kubelet_log.lines().next_back().map(shorten),
    })
}

/// `F0102 10:00:00.138986     991 server.go:269] …`, alone or after journald's prefix.
fn is_fatal_klog(line: &str) -> bool {
    let message = line.split_once("]: ").map_or(line, |(_, rest)| rest);
    message.strip_prefix('F').is_some_and(|rest| rest.len() > 4 && rest.bytes().take(4).all(|b| b.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn its_own_words() {
        for (log, words) in [
            (
                r#"Sep 06 10:00:00 cp1 kubelet[1]: E0906 10:00:00.1 1 run.go:72] "command failed" err="failed to run Kubelet: invalid kubeconfig: error loading config file \"/etc/kubernetes/kubelet.conf\": read /etc/kubernetes/kubelet.conf: is a directory""#,
                "invalid kubeconfig",
            ),
            (
                "Sep 06 10:00:00 cp1 kubelet[991]: F0906 10:00:00.138986     991 server.go:269] failed to run Kubelet: unable to load bootstrap kubeconfig: stat /etc/kubernetes/bootstrap-kubelet.conf: no such file or directory",
                "bootstrap-kubelet.conf",
            ),
        ] {
            let found = find(&Evidence::dead_kubelet(log)).expect("match");
            assert!(found.first_line.starts_with("the kubelet ends: "), "{}", found.first_line);
            assert!(found.first_line.contains(words), "{}", found.first_line);
        }
    }

    #[test]
    fn never_started() {
        let found = find(&Evidence::dead_kubelet("")).expect("match");
        assert_eq!(found.first_line, "the kubelet is not running and has logged nothing");
    }
}
