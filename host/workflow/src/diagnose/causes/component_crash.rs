//! Fallback: a component ends and nothing more specific fits.

use crate::diagnose::lines::{rest_after, shorten, unescape};
use crate::diagnose::{Cause, ContainerEvidence, Evidence, Match};

pub static CAUSE: Cause = Cause {
    id: "component-crash",
    about: "a component ends again and again for a reason we do not know",
    fallback: true,
    matches: find,
};

fn find(evidence: &Evidence) -> Option<Match> {
    let crashed = evidence
        .containers
        .iter()
        .find(|container| container.is_down())
        .or_else(|| evidence.containers.iter().find(|container| container.restarts > 1))?;
    let mut first_line = format!("{} ", crashed.component);
    first_line.push_str(match crashed.restarts {
        0 => "ended",
        _ => "ends again and again",
    });
    if let Some(code) = crashed.exit_code {
        first_line.push_str(&format!(" (exit code {code})"));
    }
    let last_words = last_words(crashed);
    if let Some(words) = &last_words {
        first_line.push_str(&format!(", last saying: {words}"));
    }
    Some(Match {
        first_line,
        fix: format!(
            "read its whole log (`crictl --runtime-endpoint {} logs {}`); a component that depends on another one ends when \
             the other one is away, so look at etcd first, then kube-apiserver",
            evidence.cri_socket, crashed.id
        ),
        evidence_at: crashed.log_path.clone(),
        quote: crashed.log_tail.lines().next_back().map(shorten),
    })
}

/// The line in which it says why it ends, or the last one.
fn last_words(container: &ContainerEvidence) -> Option<String> {
    let lines: Vec<String> = container.log_tail.lines().map(unescape).collect();
    let fatal = lines.iter().rev().find_map(|line| {
        rest_after(line, "\"command failed\" err=\"")
            .or_else(|| rest_after(line, "stderr F Error: "))
            .or_else(|| line.strip_prefix("Error: "))
            .or_else(|| line.contains("\"level\":\"fatal\"").then_some(line.as_str()))
            .or_else(|| line.contains("panic: ").then_some(line.as_str()))
    });
    let words = fatal.or_else(|| lines.iter().rev().map(String::as_str).find(|line| !line.trim().is_empty()))?;
    Some(shorten(words)).or_else(|| (!container.message.is_empty()).then(|| shorten(&container.message)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_of_the_chain_is_named() {
        let mut evidence = Evidence::crashed(
            "etcd",
            r#"{"level":"fatal","ts":"2024-05-10T04:41:48.256Z","caller":"etcdmain/etcd.go:204","msg":"discovery failed","error":"cannot access data directory: mkdir /var/lib/etcd/member: permission denied"}"#,
        );
        evidence.containers.extend(
            Evidence::crashed(
                "kube-apiserver",
                r#"F0102 10:00:00.138986       1 instance.go:226] Error creating leases: error creating storage factory: context deadline exceeded"#,
            )
            .containers,
        );
        let found = find(&evidence).expect("match");
        assert!(
            found.first_line.starts_with("etcd ends again and again (exit code 1), last saying: "),
            "{}",
            found.first_line
        );
        assert!(found.first_line.contains("permission denied"));
        assert!(found.evidence_at.contains("etcd"));
    }

    #[test]
    fn v1_20_says_error_first() {
        let found = find(&Evidence::crashed(
            "kube-apiserver",
            "Error: context deadline exceeded\nUsage:\n  kube-apiserver [flags]",
        ))
        .expect("match");
        assert_eq!(
            found.first_line,
            "kube-apiserver ends again and again (exit code 1), last saying: context deadline exceeded"
        );
    }
}
