//! The clock is before the certificates' NotBefore: a machine that lost its time, or got it corrected backwards.

use crate::diagnose::lines::has;
use crate::diagnose::{Cause, Evidence, Match};

pub static CAUSE: Cause = Cause {
    id: "clock",
    about: "the clock is before the certificates' start or past their end",
    fallback: false,
    matches: find,
};

fn find(evidence: &Evidence) -> Option<Match> {
    let fits = |line: &str| {
        has(line, &["certificate has expired or is not yet valid"])
            || has(line, &["certificate is not yet valid"])
            || has(line, &["part of the existing bootstrap client certificate", "is expired"])
    };
    let hit = evidence.component(fits).or_else(|| evidence.kubelet(fits))?;
    let times = hit.line.split_once("current time ").map(|(_, rest)| rest.to_owned());
    let before = times.as_deref().and_then(|rest| rest.split_once(" is before "));
    let after = times.as_deref().and_then(|rest| rest.split_once(" is after "));
    let word = |text: &str| text.split([' ', '"', ',', ')', '}']).next().unwrap_or_default().to_owned();
    let sync = "set the clock right (`timedatectl`, chrony or systemd-timesyncd), then run `kubephase init` again";
    match (before, after) {
        (Some((now, start)), _) => hit.because(
            format!("the clock is wrong: it says {now}, but a certificate is valid only from {}", word(start)),
            format!("{sync}; certificates that were made while the clock was ahead have to be removed first"),
        ),
        (None, Some((now, end))) => hit.because(
            format!("a certificate has expired: it ended at {}, now it is {now}", word(end)),
            format!("if the clock is right, remove the expired certificates and their kubeconfig files and make them anew; if not, {sync}"),
        ),
        (None, None) => hit.because("a certificate has expired or is not valid yet", sync),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn before() {
        let found = find(&Evidence::busy_kubelet(
            r#"E0507 14:01:59.521988    2149 reflector.go:205] "Failed to watch" err="failed to list *v1.Node: Get \"https://10.0.0.5:6443/api/v1/nodes?limit=500&resourceVersion=0\": tls: failed to verify certificate: x509: certificate has expired or is not yet valid: current time 2024-01-01T00:00:10Z is before 2024-05-07T13:56:59Z" logger="UnhandledError""#,
        ))
        .expect("match");
        assert_eq!(
            found.first_line,
            "the clock is wrong: it says 2024-01-01T00:00:10Z, but a certificate is valid only from 2024-05-07T13:56:59Z"
        );
    }

    #[test]
    fn after_in_v1_20() {
        let found = find(&Evidence::crashed(
            "kube-apiserver",
            r#"W0426 10:18:22.000000       1 clientconn.go:1223] grpc: addrConn.createTransport failed to connect to {https://127.0.0.1:2379  <nil> 0 <nil>}. Err :connection error: desc = "transport: authentication handshake failed: x509: certificate has expired or is not yet valid: current time 2021-04-26T10:18:22Z is after 2021-04-07T03:12:06Z". Reconnecting..."#,
        ))
        .expect("match");
        assert_eq!(
            found.first_line,
            "a certificate has expired: it ended at 2021-04-07T03:12:06Z, now it is 2021-04-26T10:18:22Z"
        );
    }
}
