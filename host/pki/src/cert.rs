//! Certificates that exist: reading them, and the questions that the rules ask of one. Chains are judged in
//! [`crate::verify_chain`].

use std::fmt;
use std::net::IpAddr;
use std::time::SystemTime;

use der::asn1::{Any, PrintableStringRef, Utf8StringRef};
use der::{Decode, Encode};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::{PemObject, SectionKind};
use x509_cert::Certificate;
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::ext::pkix::{BasicConstraints, ExtendedKeyUsage, KeyUsage, SubjectAltName, SubjectKeyIdentifier};
use x509_cert::name::Name;

use crate::issue::{COMMON_NAME, ORGANIZATION, Usage};
use crate::key::{KeyError, PrivateKey, pem};
use crate::names::AltNames;

/// A certificate, parsed (RFC 5280).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cert {
    /// Subject in RFC 4514 form (`CN=x,O=y`), for messages.
    pub subject: String,
    /// Issuer likewise.
    pub issuer: String,
    /// The subject's first CN, or empty.
    pub common_name: String,
    /// The subject's Os, in order.
    pub organizations: Vec<String>,
    /// DNS names and IP addresses among its subject alternative names, as they stand there.
    pub dns: Vec<String>,
    /// See `dns`.
    pub ips: Vec<IpAddr>,
    /// Extended key usages that Kubernetes uses; others are left out.
    pub usages: Vec<Usage>,
    /// Start of its validity, to the second.
    pub not_before: SystemTime,
    /// Last second of its validity.
    pub not_after: SystemTime,
    /// True if basic constraints say so. See also [`Cert::may_sign`].
    pub is_ca: bool,
    /// Serial number, big-endian.
    pub serial: Vec<u8>,
    signs: bool,
    key_id: Option<Vec<u8>>,
    subject_der: Vec<u8>,
    spki: Vec<u8>,
    der: CertificateDer<'static>,
}

/// A certificate file does not serve.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CertError {
    /// No PEM block `CERTIFICATE`.
    #[error("reading {name}: there is no certificate in it")]
    NoCertificate {
        /// Path, or what else the caller calls it.
        name: String,
    },
    /// A PEM block that cannot be read.
    #[error("reading {name}: a certificate in it is damaged")]
    Damaged {
        /// Path, or what else the caller calls it.
        name: String,
    },
    /// The CA flag is not set.
    #[error(
        "using {name} to sign: it is not the certificate of a certificate authority (basic constraints without CA)"
    )]
    NotCa {
        /// Path, or what else the caller calls it.
        name: String,
    },
    /// Certificate and key are not a pair.
    #[error("using {cert} with {key}: the key does not belong to the certificate")]
    OtherKey {
        /// Path of the certificate.
        cert: String,
        /// Path of the key.
        key: String,
    },
}

impl CertError {
    /// What to do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::NoCertificate { .. } | Self::Damaged { .. } => {
                "it should hold PEM blocks `CERTIFICATE`, look at it with `openssl x509 -noout -text`; restore it from a \
                 backup, or move it and its key away to have new ones made"
            }
            Self::NotCa { .. } => "put the certificate of the authority there, or move it away to have one made",
            Self::OtherKey { .. } => {
                "bring back the key that belongs to the certificate, or remove the key if the authority signs elsewhere"
            }
        }
    }
}

/// Where a time lies relative to a certificate's validity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Period {
    /// Before its start.
    NotYet,
    /// Inside.
    Valid,
    /// After its end.
    Over,
}

impl Cert {
    /// The first certificate of a PEM file. `name` (its path) is for errors.
    pub fn from_pem(name: &str, pem: &[u8]) -> Result<Self, CertError> {
        // Never empty: see `all_from_pem`.
        Self::all_from_pem(name, pem).map(|mut certs| certs.swap_remove(0))
    }

    /// All certificates of a PEM file, in order and at least one; anything around them is ignored (client-go's
    /// `cert.ParseCertsPEM`). One that is damaged spoils the file.
    pub fn all_from_pem(name: &str, pem: &[u8]) -> Result<Vec<Self>, CertError> {
        let damaged = || CertError::Damaged { name: name.to_owned() };
        let mut certs = Vec::new();
        for section in <(SectionKind, Vec<u8>)>::pem_slice_iter(pem) {
            let (kind, der) = section.map_err(|_| damaged())?;
            if kind == SectionKind::Certificate {
                certs.push(Self::from_der(der).map_err(|_| damaged())?);
            }
        }
        if certs.is_empty() { Err(CertError::NoCertificate { name: name.to_owned() }) } else { Ok(certs) }
    }

    /// A certificate in DER, as a TLS handshake shows it.
    pub fn from_der(der: Vec<u8>) -> Result<Self, der::Error> {
        let parsed = Certificate::from_der(&der)?;
        let body = parsed.tbs_certificate();
        let constraints = body.get_extension::<BasicConstraints>()?;
        let is_ca = constraints.is_some_and(|(_, constraints)| constraints.ca);
        let usage = body.get_extension::<KeyUsage>()?;
        let names = body.get_extension::<SubjectAltName>()?.map_or_else(Vec::new, |(_, names)| names.0);
        let usages = body.get_extension::<ExtendedKeyUsage>()?.map_or_else(Vec::new, |(_, usages)| usages.0);
        Ok(Self {
            subject: body.subject().to_string(),
            issuer: body.issuer().to_string(),
            common_name: attributes(body.subject(), COMMON_NAME).into_iter().next().unwrap_or_default(),
            organizations: attributes(body.subject(), ORGANIZATION),
            dns: names.iter().filter_map(dns_name).collect(),
            ips: names.iter().filter_map(ip_address).collect(),
            usages: usages.iter().filter_map(Usage::from_oid).collect(),
            not_before: body.validity().not_before.to_system_time(),
            not_after: body.validity().not_after.to_system_time(),
            is_ca,
            signs: is_ca && usage.is_none_or(|(_, usage)| usage.key_cert_sign()),
            serial: body.serial_number().as_bytes().to_vec(),
            key_id: body.get_extension::<SubjectKeyIdentifier>()?.map(|(_, id)| id.0.into_bytes().into_vec()),
            subject_der: body.subject().to_der()?,
            spki: body.subject_public_key_info().to_der()?,
            der: der.into(),
        })
    }

    /// PEM as Go writes it.
    pub fn pem(&self) -> Result<String, KeyError> {
        pem("CERTIFICATE", &self.der)
    }

    /// DER.
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// Its public key as DER SubjectPublicKeyInfo: what discovery pins are made of (RFC 7469).
    pub fn public_der(&self) -> &[u8] {
        &self.spki
    }

    /// Where `now` lies. Its last second is still valid, as for Go and OpenSSL.
    pub fn period(&self, now: SystemTime) -> Period {
        if now < self.not_before {
            Period::NotYet
        } else if now > self.not_after {
            Period::Over
        } else {
            Period::Valid
        }
    }

    /// True if it is a CA whose key usage, if it has one, allows to sign certificates.
    pub fn may_sign(&self) -> bool {
        self.signs
    }

    /// True if `key` is its private half.
    pub fn matches(&self, key: &PrivateKey) -> bool {
        self.spki == key.public_der()
    }

    /// Those of `names` that it does not cover, in text form. DNS names are compared without regard to case, and a
    /// name `*.x` in the certificate covers one more label (Go's `Certificate.VerifyHostname`).
    pub fn missing(&self, names: &AltNames) -> Vec<String> {
        let dns = names.dns().iter().filter(|wanted| !self.dns.iter().any(|have| dns_covers(have, wanted)));
        let ips = names.ips().iter().filter(|wanted| !self.ips.contains(wanted));
        dns.cloned().chain(ips.map(ToString::to_string)).collect()
    }

    pub(crate) fn certificate_der(&self) -> &CertificateDer<'static> {
        &self.der
    }

    pub(crate) fn subject_der(&self) -> &[u8] {
        &self.subject_der
    }

    pub(crate) fn key_id(&self) -> Option<&[u8]> {
        self.key_id.as_deref()
    }
}

impl fmt::Display for Cert {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.subject)
    }
}

/// A certificate authority that can sign: its certificate and the key that belongs to it.
#[derive(Debug)]
pub struct Ca {
    cert: Cert,
    key: PrivateKey,
}

impl Ca {
    /// Joins the two, if they belong together and may sign. `name` is the path without `.crt` and `.key`.
    pub fn new(name: &str, cert: Cert, key: PrivateKey) -> Result<Self, CertError> {
        if !cert.is_ca {
            return Err(CertError::NotCa { name: format!("{name}.crt") });
        }
        if !cert.matches(&key) {
            return Err(CertError::OtherKey { cert: format!("{name}.crt"), key: format!("{name}.key") });
        }
        Ok(Self { cert, key })
    }

    pub(crate) fn of_own_making(cert: Cert, key: PrivateKey) -> Self {
        Self { cert, key }
    }

    /// Its certificate.
    pub fn cert(&self) -> &Cert {
        &self.cert
    }

    /// Its key.
    pub fn key(&self) -> &PrivateKey {
        &self.key
    }
}

fn dns_name(name: &GeneralName) -> Option<String> {
    if let GeneralName::DnsName(name) = name { Some(name.to_string()) } else { None }
}

pub(crate) fn ip_address(name: &GeneralName) -> Option<IpAddr> {
    let GeneralName::IpAddress(octets) = name else { return None };
    let octets = octets.as_bytes();
    <[u8; 4]>::try_from(octets).map(IpAddr::from).or_else(|_| <[u8; 16]>::try_from(octets).map(IpAddr::from)).ok()
}

pub(crate) fn attributes(name: &Name, oid: der::asn1::ObjectIdentifier) -> Vec<String> {
    name.iter().filter(|attribute| attribute.oid == oid).filter_map(|attribute| text(&attribute.value)).collect()
}

fn text(value: &Any) -> Option<String> {
    let printable = value.decode_as::<PrintableStringRef<'_>>().map(|text| text.to_string());
    printable.or_else(|_| value.decode_as::<Utf8StringRef<'_>>().map(|text| text.to_string())).ok()
}

fn dns_covers(have: &str, wanted: &str) -> bool {
    if have.eq_ignore_ascii_case(wanted) {
        return true;
    }
    match (have.strip_prefix("*."), wanted.split_once('.')) {
        (Some(have), Some((label, rest))) => !label.is_empty() && label != "*" && have.eq_ignore_ascii_case(rest),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use kubephase_model::KeyAlgorithm;
    use kubephase_model::config::duration::GoDuration;

    use super::*;
    use crate::issue::{Request, Serial, Validity, self_signed};
    use crate::key::generate_key;

    fn ca() -> Ca {
        let start = UNIX_EPOCH + Duration::from_secs(1_795_393_287);
        let request = Request {
            common_name: "ca".into(),
            organizations: vec!["o".into()],
            usages: Vec::new(),
            names: AltNames::default(),
            validity: Validity::from_start(start, GoDuration::hours(1)).unwrap(),
            serial: Serial::from_random([1; 8]),
            marked: true,
        };
        self_signed(&request, generate_key(KeyAlgorithm::EcdsaP256).unwrap()).unwrap()
    }

    #[test]
    fn pem_files_as_people_have_them() {
        let (one, two) = (ca().cert().clone(), ca().cert().clone());
        let (first, second) = (one.pem().unwrap(), two.pem().unwrap());
        let key = generate_key(KeyAlgorithm::EcdsaP256).unwrap().to_pem().unwrap();
        let both = [one.clone(), two];
        for text in [
            format!("{first}{second}"),
            format!("Certificate:\n    Data: …\n{first}\n# comment\n{key}{second}"),
            format!("{first}{second}").replace('\n', "\r\n"),
        ] {
            assert_eq!(Cert::all_from_pem("x", text.as_bytes()).unwrap(), both, "{text}");
            assert_eq!(Cert::from_pem("x", text.as_bytes()).unwrap(), one);
        }
        assert_eq!(Cert::from_pem("x", key.as_bytes()), Err(CertError::NoCertificate { name: "x".into() }));
        let damaged = Err(CertError::Damaged { name: "x".into() });
        assert_eq!(Cert::from_pem("x", format!("{first}-----BEGIN CERTIFICATE-----\nAAAA").as_bytes()), damaged);
        assert_eq!(Cert::from_pem("x", first.replacen("MII", "MIJ", 1).as_bytes()), damaged);
    }

    #[test]
    fn what_an_authority_says_of_itself() {
        let ca = ca();
        let cert = ca.cert();
        assert_eq!((cert.subject.as_str(), cert.common_name.as_str()), ("CN=ca,O=o", "ca"));
        assert_eq!((&cert.organizations, &cert.dns), (&vec!["o".to_owned()], &vec!["ca".to_owned()]));
        assert!(cert.is_ca && cert.may_sign() && cert.matches(ca.key()));
        assert_eq!(cert.key_id().map(<[u8]>::len), Some(20));
    }

    #[test]
    fn names_that_cover_others() {
        for (have, wanted, covers) in [
            ("a.b", "A.B", true),
            ("*.b", "a.b", true),
            ("*.b", "*.b", true),
            ("*.b", "b", false),
            ("*.b", "a.a.b", false),
            ("*.b.c", "*.c", false),
            ("a", "b", false),
        ] {
            assert_eq!(dns_covers(have, wanted), covers, "{have} {wanted}");
        }
    }
}
