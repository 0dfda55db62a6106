//! Is a file whole? Each kind is read to its end.

use base64::Engine as _;
use serde_json::Value;
use x509_parser::prelude::{FromDer as _, X509Certificate};

/// Fails the test unless the file reads as what its name says it is.
#[track_caller]
pub fn check(path: &str, contents: &[u8]) {
    let text = std::str::from_utf8(contents).unwrap_or_else(|e| panic!("{path}: {e}"));
    match path.rsplit('.').next().unwrap_or_default() {
        "crt" => certificate(path, text),
        "key" => drop(pem(path, text, " PRIVATE KEY")),
        "pub" => drop(pem(path, text, "PUBLIC KEY")),
        "conf" => kubeconfig(path, text),
        "yaml" => drop(yaml(path, text)),
        "json" => drop(serde_json::from_str::<Value>(text).unwrap_or_else(|e| panic!("{path}: {e}"))),
        "env" => assert!(text.starts_with("KUBELET_KUBEADM_ARGS=\"") && text.ends_with("\"\n"), "{path}: {text}"),
        _ if matches!(path, "etc/passwd" | "etc/group") => assert!(text.ends_with('\n'), "{path}: {text}"),
        _ => panic!("{path}: nobody expects this file"),
    }
}

/// The bytes of the one PEM block.
fn pem(path: &str, text: &str, kind: &str) -> Vec<u8> {
    let lines: Vec<&str> = text.lines().collect();
    let [first, body @ .., last] = lines.as_slice() else { panic!("{path}: {text:?}") };
    assert!(first.starts_with("-----BEGIN ") && first.ends_with(&format!("{kind}-----")), "{path}: {first}");
    assert_eq!(last.replace("END", "BEGIN"), *first, "{path}");
    assert!(text.ends_with("-----\n"), "{path}");
    let der = base64::engine::general_purpose::STANDARD.decode(body.concat()).unwrap_or_else(|e| panic!("{path}: {e}"));
    // Its outer SEQUENCE says how long it is.
    let (rest, _) = x509_parser::der_parser::parse_der(&der).unwrap_or_else(|e| panic!("{path}: {e}"));
    assert!(rest.is_empty(), "{path}: bytes after its end");
    der
}

fn certificate(path: &str, text: &str) {
    let der = pem(path, text, "CERTIFICATE");
    let (rest, _) = X509Certificate::from_der(&der).unwrap_or_else(|e| panic!("{path}: {e}"));
    assert!(rest.is_empty(), "{path}: bytes after its end");
}

fn yaml(path: &str, text: &str) -> Value {
    assert!(text.ends_with('\n'), "{path}: no end");
    serde_yaml::from_str(text).unwrap_or_else(|e| panic!("{path}: {e}"))
}

fn kubeconfig(path: &str, text: &str) {
    let config = yaml(path, text);
    let decode = |pointer: &str, kind: &str| {
        let encoded = config.pointer(pointer).and_then(Value::as_str).unwrap_or_else(|| panic!("{path}: {pointer}"));
        let bytes = base64::engine::general_purpose::STANDARD.decode(encoded).unwrap_or_else(|e| panic!("{path}: {e}"));
        pem(path, std::str::from_utf8(&bytes).expect("text"), kind);
    };
    decode("/clusters/0/cluster/certificate-authority-data", "CERTIFICATE");
    decode("/users/0/user/client-certificate-data", "CERTIFICATE");
    decode("/users/0/user/client-key-data", " PRIVATE KEY");
}
