//! Last fallback: the kubelet is healthy, yet a component has no container.

use crate::diagnose::{COMPONENTS, Cause, Evidence, Match};

pub static CAUSE: Cause = Cause {
    id: "nothing-started",
    about: "the kubelet is healthy but starts none of the components",
    fallback: true,
    matches: find,
};

fn find(evidence: &Evidence) -> Option<Match> {
    if !evidence.kubelet_is_healthy() || evidence.cri_error.is_some() || !evidence.containers.is_empty() {
        return None;
    }
    let sandbox =
        evidence.kubelet(|line| line.contains("Failed to create sandbox") || line.contains("CreatePodSandbox"));
    if let Some(hit) = sandbox {
        let words = hit.line.split_once("desc = ").map_or(hit.line.as_str(), |(_, rest)| rest).to_owned();
        return hit.because(
            format!("no pod can start: {}", super::super::lines::shorten(&words)),
            "correct what the container runtime says; its own log tells more (`journalctl -u containerd`)",
        );
    }
    Some(Match {
        first_line: format!("the kubelet is healthy but has started none of {}", COMPONENTS.join(", ")),
        fix: "see that staticPodPath in /var/lib/kubelet/config.yaml names the directory with the manifests \
              (/etc/kubernetes/manifests), and what the kubelet's log says about them"
            .into(),
        evidence_at: evidence.kubelet_log_at.clone(),
        quote: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sandboxes_fail() {
        let found = find(&Evidence::busy_kubelet(
            r#"E0507 14:01:59.521988    2149 kuberuntime_sandbox.go:72] "Failed to create sandbox for pod" err="rpc error: code = Unknown desc = failed to create containerd task: failed to create shim task: OCI runtime create failed: unable to retrieve OCI runtime error: exec: \"runc\": executable file not found in $PATH: unknown" pod="kube-system/etcd-cp1""#,
        ))
        .expect("match");
        assert!(found.first_line.contains("executable file not found in $PATH"), "{}", found.first_line);
    }

    #[test]
    fn silence() {
        assert!(find(&Evidence::busy_kubelet("")).expect("match").fix.contains("staticPodPath"));
    }
}
