//! What a certificate means, as JSON, read by a library that kubephase does not use.

use serde_json::{Value, json};
use x509_parser::prelude::*;
use x509_parser::public_key::PublicKey;

/// Certificates that may have signed others, with the path they are known by.
#[derive(Default)]
pub struct Authorities(Vec<(String, Vec<u8>)>);

impl Authorities {
    /// Adds a file if it holds a CA certificate or one that signed itself.
    pub fn offer(&mut self, path: &str, pem: &[u8]) {
        let Some(der) = blocks(pem).into_iter().next().map(|b| b.contents) else { return };
        let Ok((_, certificate)) = X509Certificate::from_der(&der) else { return };
        if certificate.is_ca() || certificate.verify_signature(None).is_ok() {
            self.0.push((path.to_string(), der));
        }
    }

    /// Path and time of issue of the one whose key made the signature.
    fn signer_of(&self, certificate: &X509Certificate<'_>) -> Option<(&str, i64)> {
        self.0.iter().find_map(|(path, der)| {
            let (_, ca) = X509Certificate::from_der(der).ok()?;
            certificate.verify_signature(Some(ca.public_key())).ok()?;
            Some((path.as_str(), ca.validity().not_before.timestamp()))
        })
    }
}

/// PEM blocks in order.
pub fn blocks(pem: &[u8]) -> Vec<Pem> {
    Pem::iter_from_buffer(pem).map(|b| b.expect("well-formed PEM")).collect()
}

/// Labels of the PEM blocks.
pub fn labels(pem: &[u8]) -> Value {
    // Not by the parser: a recording keeps only the frame of a private key.
    let text = String::from_utf8_lossy(pem);
    text.lines().filter_map(|l| l.strip_prefix("-----BEGIN ")?.strip_suffix("-----")).collect()
}

/// Everything about the certificates of a PEM file that must not differ from one run to the next.
pub fn meaning(pem: &[u8], authorities: &Authorities) -> Value {
    let blocks = blocks(pem);
    let all = blocks.iter().map(|block| match X509Certificate::from_der(&block.contents) {
        Ok((rest, certificate)) if block.label == "CERTIFICATE" => {
            let mut value = one(&certificate, authorities);
            value["trailing bytes"] = json!(rest.len());
            value
        }
        Ok(_) => json!({ "label": block.label }),
        Err(e) => json!({ "not a certificate": e.to_string() }),
    });
    all.collect()
}

/// What a public key file means: its kind and size.
pub fn public_key(pem: &[u8]) -> Value {
    let blocks = blocks(pem);
    let all = blocks.iter().map(|block| match SubjectPublicKeyInfo::from_der(&block.contents) {
        Ok((_, key)) => json!({ "label": block.label, "key": key_kind(&key) }),
        Err(e) => json!({ "label": block.label, "not a public key": e.to_string() }),
    });
    all.collect()
}

fn one(certificate: &X509Certificate<'_>, authorities: &Authorities) -> Value {
    let validity = certificate.validity();
    let (from, to) = (validity.not_before.timestamp(), validity.not_after.timestamp());
    let signer = authorities.signer_of(certificate);
    let extensions: std::collections::BTreeMap<String, Value> = certificate
        .extensions()
        .iter()
        .map(|e| {
            let (name, value) = extension(e.parsed_extension());
            let name = if name.is_empty() { e.oid.to_id_string() } else { name.to_string() };
            (name, json!({ "critical": e.critical, "is": value }))
        })
        .collect();
    json!({
        "version": certificate.version().0 + 1,
        "subject": certificate.subject().to_string(),
        "issuer": certificate.issuer().to_string(),
        "signed by": signer.map(|(path, _)| path),
        // kubeadm starts a certificate with its CA, so that neither is valid before the other.
        "starts with its signer": signer.map(|(_, start)| start == from),
        "valid": duration(to - from),
        "key": key_kind(certificate.public_key()),
        "signature": certificate.signature_algorithm.algorithm.to_id_string(),
        "serial is positive and short": !certificate.raw_serial().is_empty()
            && certificate.raw_serial()[0] < 0x80
            && certificate.raw_serial().iter().any(|b| *b != 0)
            && certificate.raw_serial().len() <= 20,
        "extensions": extensions,
    })
}

/// Rounded to five minutes: a certificate that starts with its CA lasts longer by the seconds between the two.
fn duration(seconds: i64) -> String {
    let minutes = (seconds + 150).div_euclid(300) * 5;
    format!("{}h{}m", minutes / 60, minutes % 60)
}

fn key_kind(key: &SubjectPublicKeyInfo<'_>) -> String {
    match key.parsed() {
        Ok(PublicKey::RSA(rsa)) => {
            format!(
                "RSA-{} e={}",
                rsa.modulus.iter().skip_while(|b| **b == 0).count() * 8,
                rsa.try_exponent().unwrap_or(0)
            )
        }
        Ok(PublicKey::EC(point)) => {
            let curve = key.algorithm.parameters.as_ref().and_then(|p| p.as_oid().ok());
            format!("EC-{} curve {}", point.key_size(), curve.map(|c| c.to_id_string()).unwrap_or_default())
        }
        other => format!("{other:?}"),
    }
}

fn extension(parsed: &ParsedExtension<'_>) -> (&'static str, Value) {
    match parsed {
        ParsedExtension::SubjectAlternativeName(names) => {
            ("sans", names.general_names.iter().map(general_name).collect())
        }
        ParsedExtension::KeyUsage(usage) => ("usage", json!(usage.to_string())),
        ParsedExtension::ExtendedKeyUsage(usage) => ("extended usage", extended_usage(usage)),
        ParsedExtension::BasicConstraints(basic) => {
            ("basic", json!({ "ca": basic.ca, "path length": basic.path_len_constraint }))
        }
        // The identifiers are hashes of keys.
        ParsedExtension::SubjectKeyIdentifier(id) => ("subject key id", json!(format!("{} bytes", id.0.len()))),
        ParsedExtension::AuthorityKeyIdentifier(id) => (
            "authority key id",
            json!({
                "key": id.key_identifier.as_ref().map(|i| format!("{} bytes", i.0.len())),
                "issuer": id.authority_cert_issuer.is_some(),
                "serial": id.authority_cert_serial.is_some(),
            }),
        ),
        _ => ("", Value::Null),
    }
}

fn extended_usage(usage: &ExtendedKeyUsage<'_>) -> Value {
    let known = [
        (usage.any, "any"),
        (usage.server_auth, "server"),
        (usage.client_auth, "client"),
        (usage.code_signing, "code signing"),
        (usage.email_protection, "email"),
        (usage.time_stamping, "time stamping"),
        (usage.ocsp_signing, "ocsp"),
    ];
    let other = usage.other.iter().map(|oid| oid.to_id_string());
    known.iter().filter(|(set, _)| *set).map(|(_, name)| (*name).to_string()).chain(other).collect()
}

fn general_name(name: &GeneralName<'_>) -> String {
    match name {
        GeneralName::DNSName(name) => format!("DNS:{name}"),
        GeneralName::IPAddress(bytes) => match (<[u8; 4]>::try_from(*bytes), <[u8; 16]>::try_from(*bytes)) {
            (Ok(v4), _) => format!("IP:{}", std::net::Ipv4Addr::from(v4)),
            (_, Ok(v6)) => format!("IP:{}", std::net::Ipv6Addr::from(v6)),
            _ => format!("IP:{bytes:02x?}"),
        },
        other => format!("{other:?}"),
    }
}
