//! Another process has a port that a component or the kubelet needs.

use crate::diagnose::lines::has;
use crate::diagnose::{Cause, Evidence, Match};

pub static CAUSE: Cause =
    Cause { id: "port-taken", about: "a port is used by another process", fallback: false, matches: find };

fn find(evidence: &Evidence) -> Option<Match> {
    let fits = |line: &str| has(line, &["bind: address already in use"]);
    let hit = evidence.kubelet_fatal(fits).or_else(|| evidence.component_fatal(fits))?;
    let address = hit
        .line
        .split_once("listen tcp ")
        .or_else(|| hit.line.split_once("listen tcp4 "))
        .or_else(|| hit.line.split_once("listen tcp6 "))
        .and_then(|(_, rest)| rest.split(": bind").next())
        .unwrap_or("its port")
        .to_owned();
    let who = hit.who().to_owned();
    let port = address.rsplit(':').next().unwrap_or_default().to_owned();
    hit.because(
        format!("{who} cannot listen on {address}: another process uses that port"),
        format!(
            "find it with `ss -ltnp 'sport = :{port}'` and stop it (a left-over of an earlier cluster goes with \
             `kubephase reset`), or choose another port in the configuration"
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn api_server_v1_23() {
        let found = find(&Evidence::crashed(
            "kube-apiserver",
            r#"2022-10-19T20:33:37.957778123Z stderr F I1019 20:33:37.957778       1 server.go:565] external host was not specified, using 10.10.33.17
2022-10-19T20:33:37.958760123Z stderr F E1019 20:33:37.958760       1 run.go:74] "command failed" err="failed to create listener: failed to listen on 0.0.0.0:6443: listen tcp 0.0.0.0:6443: bind: address already in use""#,
        ))
        .expect("match");
        assert_eq!(found.first_line, "kube-apiserver cannot listen on 0.0.0.0:6443: another process uses that port");
        assert!(found.fix.contains(":6443"));
        assert!(found.evidence_at.ends_with("kube-apiserver/3.log"));
    }

    #[test]
    fn api_server_v1_20() {
        let found = find(&Evidence::crashed(
            "kube-apiserver",
            "I0922 19:59:24.374198       1 server.go:148] Version: v1.20.2\nError: failed to create listener: failed to listen on 0.0.0.0:6443: listen tcp 0.0.0.0:6443: bind: address already in use",
        ));
        assert!(found.is_some());
    }

    #[test]
    fn etcd_3_4_and_3_5() {
        for line in [
            "2021-01-02 10:00:00.088482 C | etcdmain: listen tcp 10.0.0.5:2380: bind: address already in use",
            r#"{"level":"fatal","ts":"2024-05-10T04:41:48.256Z","caller":"etcdmain/etcd.go:204","msg":"discovery failed","error":"listen tcp 10.0.0.5:2380: bind: address already in use","stacktrace":"go.etcd.io/etcd/server/v3/etcdmain.startEtcdOrProxyV2"}"#,
        ] {
            let found = find(&Evidence::crashed("etcd", line)).expect("match");
            assert_eq!(found.first_line, "etcd cannot listen on 10.0.0.5:2380: another process uses that port");
        }
    }

    #[test]
    fn kubelet_v1_3x() {
        let found = find(&Evidence::dead_kubelet(
            r#"E0507 14:01:59.521988    2149 server.go:209] "Failed to listen and serve" err="listen tcp 0.0.0.0:10250: bind: address already in use""#,
        ))
        .expect("match");
        assert_eq!(found.first_line, "kubelet cannot listen on 0.0.0.0:10250: another process uses that port");
    }
}
