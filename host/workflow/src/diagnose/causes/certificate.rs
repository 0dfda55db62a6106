//! A certificate does not fit: signed by another CA, not for that name, or not the key's.

use crate::diagnose::lines::{has, rest_after};
use crate::diagnose::{Cause, Evidence, Match};

pub static CAUSE: Cause = Cause {
    id: "certificate-mismatch",
    about: "a certificate is signed by another authority, for other names or for another key",
    fallback: false,
    matches: find,
};

const AGAIN: &str = "remove the files that do not belong together under the certificates directory (ca.crt, ca.key and what \
                     they signed) and the kubeconfig files, then run `kubephase init` again; `kubephase init --plan` shows \
                     what would be made";

fn find(evidence: &Evidence) -> Option<Match> {
    let key = |line: &str| {
        has(line, &["private key does not match public key"])
            || has(line, &["private key type does not match public key type"])
    };
    if let Some(hit) = evidence.component(key).or_else(|| evidence.kubelet(key)) {
        let first_line = format!("{} has a certificate and a private key that do not belong together", hit.who());
        return hit.because(first_line, AGAIN);
    }
    let name = |line: &str| {
        has(line, &["x509: certificate is valid for ", ", not "])
            || has(line, &["doesn't contain any IP SANs"])
            || has(line, &["x509: cannot validate certificate for"])
    };
    if let Some(hit) = evidence.component(name).or_else(|| evidence.kubelet(name)) {
        let detail = rest_after(&hit.line, "x509: ").unwrap_or_default();
        let detail = detail.split(['"', '}']).next().unwrap_or_default();
        let first_line = format!("{} meets a certificate that is for other names: {detail}", hit.who());
        return hit.because(
            first_line,
            "add the missing name or address to apiServer.certSANs (etcd: etcd.local.serverCertSANs, peerCertSANs), remove \
             that certificate and its key, and run `kubephase init` again",
        );
    }
    let unknown = |line: &str| {
        has(line, &["certificate signed by unknown authority"])
            || has(line, &["remote error: tls: bad certificate"])
            || has(line, &["remote error: tls: unknown certificate authority"])
    };
    // The side that refuses says which authority it missed; the refused one only hears "bad certificate".
    let precise = |line: &str| has(line, &["certificate signed by unknown authority"]);
    let hit = evidence
        .component(precise)
        .or_else(|| evidence.kubelet(precise))
        .or_else(|| evidence.component_fatal(unknown))?;
    let candidate = rest_after(&hit.line, "candidate authority certificate ")
        .map(|rest| rest.trim_start_matches('"').split('"').next().unwrap_or_default())
        .filter(|name| !name.is_empty())
        .map(|name| format!(" (not by the `{name}` that it trusts)"))
        .unwrap_or_default();
    let first_line =
        format!("{} does not trust a certificate: it is signed by another authority{candidate}", hit.who());
    hit.because(first_line, AGAIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn api_server_does_not_trust_etcd_v1_20() {
        let found = find(&Evidence::crashed(
            "kube-apiserver",
            r#"W0105 10:00:00.000000       1 clientconn.go:1223] grpc: addrConn.createTransport failed to connect to {https://127.0.0.1:2379  <nil> 0 <nil>}. Err :connection error: desc = "transport: authentication handshake failed: x509: certificate signed by unknown authority (possibly because of \"crypto/rsa: verification error\" while trying to verify candidate authority certificate \"etcd-ca\")". Reconnecting..."#,
        ))
        .expect("match");
        assert_eq!(
            found.first_line,
            "kube-apiserver does not trust a certificate: it is signed by another authority (not by the `etcd-ca` that it trusts)"
        );
    }

    #[test]
    fn kubelet_does_not_trust_the_api_server_v1_3x() {
        let found = find(&Evidence::busy_kubelet(
            r#"E0507 14:01:59.521988    2149 kubelet_node_status.go:107] "Unable to register node with API server" err="Post \"https://10.0.0.5:6443/api/v1/nodes\": tls: failed to verify certificate: x509: certificate signed by unknown authority (possibly because of \"crypto/rsa: verification error\" while trying to verify candidate authority certificate \"kubernetes\")" node="cp1""#,
        ))
        .expect("match");
        assert!(found.first_line.starts_with("kubelet does not trust a certificate"), "{}", found.first_line);
    }

    #[test]
    fn other_names() {
        let found = find(&Evidence::busy_kubelet(
            r#"E0507 14:01:59.521988    2149 reflector.go:205] "Failed to watch" err="failed to list *v1.Service: Get \"https://10.0.0.9:6443/api/v1/services\": tls: failed to verify certificate: x509: certificate is valid for 10.96.0.1, 10.0.0.5, not 10.0.0.9""#,
        ))
        .expect("match");
        assert_eq!(
            found.first_line,
            "kubelet meets a certificate that is for other names: certificate is valid for 10.96.0.1, 10.0.0.5, not 10.0.0.9"
        );
    }

    #[test]
    fn key_of_another_certificate() {
        let found = find(&Evidence::crashed(
            "kube-apiserver",
            r#"E1019 20:33:37.958760       1 run.go:72] "command failed" err="failed to load cert/key pair \"/etc/kubernetes/pki/apiserver.crt\", \"/etc/kubernetes/pki/apiserver.key\": tls: private key does not match public key""#,
        ))
        .expect("match");
        assert_eq!(found.first_line, "kube-apiserver has a certificate and a private key that do not belong together");
    }

    #[test]
    fn a_refused_handshake_alone_does_not_blame_a_running_etcd() {
        // Every port scan of 2379 leaves this line.
        let line = r#"{"level":"warn","ts":"2024-05-10T04:41:48.256Z","caller":"embed/config_logging.go:169","msg":"rejected connection","remote-addr":"127.0.0.1:51234","server-name":"","error":"remote error: tls: bad certificate"}"#;
        assert_eq!(find(&Evidence::running("etcd", line)), None);
    }
}
