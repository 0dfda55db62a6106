//! Certificates compared with those that kubeadm 1.36.2 made for the same configuration, field by field in DER.

use std::time::Duration;

use crate::support::{cases, golden, issue_all, start};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use kubephase_pki::{CA, Cert, KUBECONFIGS, generate_key, issue, self_signed};
use x509_cert::Certificate;
use x509_cert::der::{Decode, Encode};

/// What must not differ between two runs: everything but version-independent randomness (serial number, key, key
/// identifiers, signature) and times.
fn fixed_parts(cert: &Cert) -> Vec<(String, Vec<u8>)> {
    let parsed = Certificate::from_der(cert.der()).unwrap();
    let body = parsed.tbs_certificate();
    let mut parts = vec![
        ("version".to_owned(), vec![body.version() as u8]),
        ("issuer".to_owned(), body.issuer().to_der().unwrap()),
        ("subject".to_owned(), body.subject().to_der().unwrap()),
        ("signature algorithm inside".to_owned(), body.signature().to_der().unwrap()),
        ("signature algorithm outside".to_owned(), parsed.signature_algorithm().to_der().unwrap()),
        ("key algorithm".to_owned(), body.subject_public_key_info().algorithm.to_der().unwrap()),
        ("key length".to_owned(), body.subject_public_key_info().subject_public_key.bit_len().to_be_bytes().to_vec()),
    ];
    for extension in body.extensions().unwrap() {
        let oid = extension.extn_id.to_string();
        let mut value = extension.extn_value.as_bytes().to_vec();
        if ["2.5.29.14", "2.5.29.35"].contains(&oid.as_str()) {
            // Key identifiers: 20 bytes at the end of both.
            let header = value.len() - 20;
            value[header..].fill(0);
        }
        parts.push((format!("extension {oid}, critical: {}", extension.critical), value));
    }
    parts
}

fn lengths(cert: &Cert) -> Duration {
    cert.not_after.duration_since(cert.not_before).unwrap()
}

#[test]
fn certificates_are_kubeadms() {
    for case in cases() {
        let mut seen = 0;
        issue_all(&case.cluster, |spec, ours, _, _| {
            let path = format!("files/etc/kubernetes/pki/{}.crt", spec.base);
            let theirs = Cert::from_pem(&path, &golden(case.name, &path)).unwrap();
            assert_eq!(fixed_parts(ours), fixed_parts(&theirs), "{} {}", case.name, spec.name);
            assert_eq!(lengths(ours), lengths(&theirs), "{} {}", case.name, spec.name);
            assert_eq!(ours.not_before, start() - Duration::from_secs(300));
            seen += 1;
        });
        let expected = if case.name == "05-external-etcd" { 5 } else { 10 };
        assert_eq!(seen, expected, "{}", case.name);
    }
}

#[test]
fn clients_of_kubeconfig_files_are_kubeadms() {
    for case in cases() {
        let key = generate_key(case.cluster.key_algorithm()).unwrap();
        let request = CA.request(&case.cluster, None, start(), [7; 8]).unwrap();
        let ca = self_signed(&request, generate_key(case.cluster.key_algorithm()).unwrap()).unwrap();
        for spec in KUBECONFIGS {
            let ours = issue(&spec.request(&case.cluster, ca.cert(), start(), [7; 8]).unwrap(), &key, &ca).unwrap();
            let text = String::from_utf8(golden(case.name, &format!("files/etc/kubernetes/{}", spec.file))).unwrap();
            let field =
                |name: &str| text.lines().find_map(|line| line.trim().strip_prefix(name).map(str::trim)).unwrap();
            let pem = BASE64_STANDARD.decode(field("client-certificate-data:")).unwrap();
            let theirs = Cert::from_pem(spec.file, &pem).unwrap();
            assert_eq!(fixed_parts(&ours), fixed_parts(&theirs), "{} {}", case.name, spec.name);
            assert_eq!(ours.not_before, ca.cert().not_before);
            assert_eq!(ours.not_after, start() + Duration::from_nanos(case.cluster.certificate_validity().0 as u64));
            assert_eq!(
                field("server:"),
                (spec.endpoint)(&case.cluster).url(&case.cluster),
                "{} {}",
                case.name,
                spec.name
            );
        }
    }
}
