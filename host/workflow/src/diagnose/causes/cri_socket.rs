//! The kubelet, or we, cannot talk CRI to the container runtime.

use crate::diagnose::lines::{has, quoted_after, word_after};
use crate::diagnose::{Cause, Evidence, Match};

pub static CAUSE: Cause = Cause {
    id: "cri-socket",
    about: "the container runtime does not answer on its socket",
    fallback: false,
    matches: find,
};

fn find(evidence: &Evidence) -> Option<Match> {
    let hit = evidence.kubelet_fatal(|line| {
        has(line, &["validate service connection"])
            || has(line, &["validate CRI v1", "API for endpoint"])
            || has(line, &["get remote runtime typed version failed"])
            || has(line, &["unknown service runtime.v1"])
            || has(line, &["container runtime endpoint address was not specified"])
            || has(line, &["failed to run Kubelet", "unable to determine runtime API version"])
    });
    let Some(hit) = hit else { return not_even_us(evidence) };
    let socket = quoted_after(&hit.line, "for endpoint ")
        .map(str::to_owned)
        .or_else(|| word_after(&hit.line, "dial unix ").map(|path| format!("unix://{}", path.trim_end_matches(':'))))
        .unwrap_or_else(|| evidence.cri_socket.clone());
    let (why, fix) = if hit.line.contains("unknown service") {
        (
            "serves no CRI of the version that this kubelet speaks",
            "make the runtime serve CRI: with containerd remove \"cri\" from disabled_plugins in /etc/containerd/config.toml \
             and restart it; kubelets below 1.23 need v1alpha2 (containerd below 2.0), those from 1.26 on need v1 \
             (containerd 1.6 or newer)",
        )
    } else if hit.line.contains("permission denied") {
        (
            "does not let the kubelet in",
            "see who owns the socket and with which mode: `ls -l` it; the kubelet runs as root",
        )
    } else {
        (
            "does not answer",
            "start the container runtime, or set nodeRegistration.criSocket (--cri-socket) to the socket it listens on, \
             and run `kubephase init phase kubelet-start` again",
        )
    };
    hit.because(format!("the kubelet cannot use the container runtime: {socket} {why}"), fix)
}

fn not_even_us(evidence: &Evidence) -> Option<Match> {
    let error = evidence.cri_error.as_ref()?;
    Some(Match {
        first_line: format!("the container runtime at {} does not answer: {error}", evidence.cri_socket),
        fix:
            "start the container runtime, or set nodeRegistration.criSocket (--cri-socket) to the socket it listens on"
                .into(),
        evidence_at: "journalctl -u containerd (or the unit of your runtime)".into(),
        quote: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn v1_20() {
        let found = find(&Evidence::dead_kubelet(
            r#"F0102 10:00:00.138986     991 server.go:269] failed to run Kubelet: failed to create kubelet: get remote runtime typed version failed: rpc error: code = Unavailable desc = connection error: desc = "transport: Error while dialing dial unix /run/containerd/containerd.sock: connect: no such file or directory""#,
        ))
        .expect("match");
        assert_eq!(
            found.first_line,
            "the kubelet cannot use the container runtime: unix:///run/containerd/containerd.sock does not answer"
        );
    }

    #[test]
    fn v1_27_without_cri_plugin() {
        let found = find(&Evidence::dead_kubelet(
            r#"Sep 03 15:54:42 cp1 kubelet[25959]: E0903 15:54:42.118101   25959 run.go:74] "command failed" err="failed to run Kubelet: validate service connection: validate CRI v1 runtime API for endpoint \"unix:///var/run/cri-dockerd.sock\": rpc error: code = Unimplemented desc = unknown service runtime.v1.RuntimeService""#,
        ))
        .expect("match");
        assert!(
            found.first_line.starts_with(
                "the kubelet cannot use the container runtime: unix:///var/run/cri-dockerd.sock serves no CRI"
            ),
            "{}",
            found.first_line
        );
        assert!(found.fix.contains("disabled_plugins"));
    }

    #[test]
    fn runtime_gone_while_the_kubelet_is_healthy() {
        let evidence = Evidence { cri_error: Some("connection refused".into()), ..Evidence::busy_kubelet("") };
        let found = find(&evidence).expect("match");
        assert_eq!(
            found.first_line,
            "the container runtime at unix:///run/containerd/containerd.sock does not answer: connection refused"
        );
    }
}
