//! A name that a component or the kubelet needs does not resolve.

use crate::diagnose::lines::{has, word_after};
use crate::diagnose::{Cause, Evidence, Match};

pub static CAUSE: Cause =
    Cause { id: "hostname", about: "a host name does not resolve", fallback: false, matches: find };

fn find(evidence: &Evidence) -> Option<Match> {
    let fits = |line: &str| {
        !line.contains("mage") // pulls have their own entry
            && has(line, &["lookup "])
            && (has(line, &["no such host"]) || has(line, &["server misbehaving"]) || has(line, &["i/o timeout"])
                || has(line, &["Temporary failure in name resolution"]))
    };
    let hit = evidence.component(fits).or_else(|| evidence.kubelet(fits))?;
    let name = word_after(&hit.line, "lookup ").unwrap_or("a host name").trim_end_matches(':').to_owned();
    let first_line = format!("{} cannot resolve the name `{name}`", hit.who());
    let fix = if name == "localhost" {
        "add `127.0.0.1 localhost` to /etc/hosts".to_owned()
    } else {
        format!(
            "make `{name}` resolve on this node (an entry in /etc/hosts or DNS); if it is the controlPlaneEndpoint, it has \
             to lead to this node or its load balancer; see /etc/resolv.conf for the servers asked"
        )
    };
    hit.because(first_line, fix)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn etcd_3_4() {
        let found = find(&Evidence::crashed(
            "etcd",
            "2021-01-02 10:00:00.088482 W | pkg/netutil: failed resolving host cp1.example.com:2380 (lookup cp1.example.com on 10.0.0.2:53: no such host); retrying in 1s",
        ))
        .expect("match");
        assert_eq!(found.first_line, "etcd cannot resolve the name `cp1.example.com`");
    }

    #[test]
    fn etcd_3_5() {
        let found = find(&Evidence::crashed(
            "etcd",
            r#"{"level":"warn","ts":"2024-05-10T04:41:48.256Z","caller":"netutil/netutil.go:121","msg":"failed to resolve URL Host","url":"https://cp1:2380","host":"cp1:2380","retry-interval":"1s","error":"lookup cp1 on 10.0.0.2:53: no such host"}"#,
        ))
        .expect("match");
        assert_eq!(found.first_line, "etcd cannot resolve the name `cp1`");
    }

    #[test]
    fn kubelet_and_the_endpoint() {
        let found = find(&Evidence::busy_kubelet(
            r#"E0507 14:01:59.521988    2149 kubelet_node_status.go:107] "Unable to register node with API server" err="Post \"https://k8s.example.com:6443/api/v1/nodes\": dial tcp: lookup k8s.example.com on 10.0.0.2:53: no such host" node="cp1""#,
        ))
        .expect("match");
        assert_eq!(found.first_line, "kubelet cannot resolve the name `k8s.example.com`");
    }

    #[test]
    fn localhost() {
        let found = find(&Evidence::crashed(
            "kube-controller-manager",
            "F0102 10:00:00.138986       1 server.go:199] failed to create listener: failed to listen on localhost:10257: listen tcp: lookup localhost on 8.8.8.8:53: no such host",
        ))
        .expect("match");
        assert!(found.fix.contains("/etc/hosts"));
    }
}
