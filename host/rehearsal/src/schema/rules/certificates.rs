//! Rules of certificate signing requests. Whether the request itself is a good one is for the signer to say.

use base64::Engine as _;
use serde_json::{Value, json};

use super::{Problems, items, names, text};

const USAGES: [&str; 23] = [
    "any",
    "cert sign",
    "client auth",
    "code signing",
    "content commitment",
    "crl sign",
    "data encipherment",
    "decipher only",
    "digital signature",
    "email protection",
    "encipher only",
    "ipsec end system",
    "ipsec tunnel",
    "ipsec user",
    "key agreement",
    "key encipherment",
    "microsoft sgc",
    "netscape sgc",
    "ocsp signing",
    "s/mime",
    "server auth",
    "signing",
    "timestamping",
];

pub(super) fn check(object: &Value, problems: &mut Problems) {
    let spec = &object["spec"];
    let request = base64::engine::general_purpose::STANDARD.decode(text(spec, "request")).unwrap_or_default();
    if !String::from_utf8_lossy(&request).contains("-----BEGIN CERTIFICATE REQUEST-----") {
        problems.invalid("spec.request", &spec["request"], "PEM block type must be CERTIFICATE REQUEST");
    }
    let usages: Vec<&Value> = spec["usages"].as_array().into_iter().flatten().collect();
    if usages.is_empty() {
        problems.required("spec.usages", "");
    }
    for (index, (path, usage)) in items(spec, "usages", "spec").enumerate() {
        problems.one_of(path.clone(), Some(usage), &USAGES);
        if usages[..index].contains(&usage) {
            problems.duplicate(path, usage);
        }
    }
    signer(spec, problems);
    if let Some(seconds) = spec.get("expirationSeconds").filter(|seconds| seconds.as_i64().is_some_and(|s| s < 600)) {
        let rule = "may not specify a duration less than 600 seconds (10 minutes)";
        problems.invalid("spec.expirationSeconds", seconds, rule);
    }
}

fn signer(spec: &Value, problems: &mut Problems) {
    let path = "spec.signerName";
    let name = text(spec, "signerName");
    match name.split_once('/') {
        _ if name.is_empty() => problems.required(path, ""),
        _ if name == "kubernetes.io/legacy-unknown" => {
            problems.invalid(path, &json!(name), "the legacy signerName is not allowed via this API version");
        }
        Some((domain, rest)) if !rest.is_empty() && domain.contains('.') => {
            problems.complaints(path, &json!(name), names::subdomain(domain));
        }
        _ => {
            let rule = "must be a fully qualified domain and path of the form 'example.com/signer-name'";
            problems.invalid(path, &json!(name), rule);
        }
    }
}
