//! Certificate signing requests of others (PKCS#10, RFC 2986), read to be judged. What is read is exactly what a signer
//! sees that reads with Go's `x509.ParseCertificateRequest`: anything that two readers could understand differently
//! (text around the PEM block, a second block, an extension twice, an encoding that is not DER's) is refused. Whether
//! what is asked for may be had is the caller's to judge.

use std::net::IpAddr;

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P256_SHA384_ASN1, ECDSA_P256_SHA512_ASN1, ECDSA_P384_SHA256_ASN1,
    ECDSA_P384_SHA384_ASN1, ECDSA_P384_SHA512_ASN1, ECDSA_P521_SHA256_ASN1, ECDSA_P521_SHA384_ASN1,
    ECDSA_P521_SHA512_ASN1, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA384, RSA_PKCS1_2048_8192_SHA512,
    UnparsedPublicKey, VerificationAlgorithm,
};
use der::asn1::{ObjectIdentifier, UintRef};
use der::{Decode, Encode, Sequence};
use x509_cert::ext::Extension;
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::request::{CertReq, CertReqInfo};
use x509_cert::spki::SubjectPublicKeyInfoOwned;

use crate::cert::{attributes, ip_address};
use crate::issue::{COMMON_NAME, ORGANIZATION};

/// Longer requests are not read: a kubelet's with a hundred names has 4 KiB.
const MAX_BYTES: usize = 64 * 1024;
const LABEL: &str = "CERTIFICATE REQUEST";

const EXTENSION_REQUEST: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.14");
const SUBJECT_ALT_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.17");
const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const EC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const P256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");
const P384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.34");
const P521: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.35");

/// A request that its sender has signed with the key that it asks a certificate for. The key is RSA with 2048 to 8192
/// bits or ECDSA with P-256, P-384 or P-521.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SigningRequest {
    /// Subject in RFC 4514 form, for messages.
    pub subject: String,
    /// The subject's CNs, in order.
    pub common_names: Vec<String>,
    /// The subject's Os, in order.
    pub organizations: Vec<String>,
    /// How many attributes the subject has, of whatever kind.
    pub attributes: usize,
    /// DNS names among its subject alternative names, as they stand there.
    pub dns: Vec<String>,
    /// IP addresses likewise.
    pub ips: Vec<IpAddr>,
    /// Everything else among them, in words: `email address a@b`.
    pub others: Vec<String>,
    /// What is asked for beside subject alternative names: extensions and attributes by their object identifiers.
    pub extras: Vec<String>,
    /// The key that it is for, as DER SubjectPublicKeyInfo.
    pub public_der: Vec<u8>,
}

/// A request cannot be read, or is not to be trusted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SigningRequestError {
    /// It is huge.
    #[error("the request has {0} bytes, at most {MAX_BYTES} are read")]
    TooLong(usize),
    /// It is not one PEM block and nothing else.
    #[error("the request is not exactly one PEM block `{LABEL}`")]
    NotOneBlock,
    /// It is no PKCS#10 request in DER.
    #[error("the request is damaged: it is no PKCS#10 request in DER")]
    Damaged,
    /// An extension, or the attribute with extensions, comes twice.
    #[error("the request has {0} twice")]
    Twice(String),
    /// Its key is too weak, too long or of an unknown kind.
    #[error("the request's key is {0}; RSA with 2048 to 8192 bits and ECDSA with P-256, P-384 or P-521 are taken")]
    Key(String),
    /// It is signed by another key than its own, or in a way that is not trusted any more.
    #[error("the request is not signed with its own key, or not with SHA-2")]
    Signature,
}

impl SigningRequest {
    /// Reads and checks a request in PEM.
    pub fn from_pem(pem: &[u8]) -> Result<Self, SigningRequestError> {
        if pem.len() > MAX_BYTES {
            return Err(SigningRequestError::TooLong(pem.len()));
        }
        let der = one_block(pem).ok_or(SigningRequestError::NotOneBlock)?;
        let damaged = |_: der::Error| SigningRequestError::Damaged;
        let request = CertReq::from_der(&der).map_err(damaged)?;
        // What is signed are the bytes as they were sent; what is judged is what was read of them.
        if request.to_der().map_err(damaged)? != der {
            return Err(SigningRequestError::Damaged);
        }
        let signed = request.info.to_der().map_err(damaged)?;
        let key = Key::of(&request.info.public_key)?;
        let signature = request.signature.as_bytes().ok_or(SigningRequestError::Damaged)?;
        let algorithm = key.verifier(&request.algorithm.oid).ok_or(SigningRequestError::Signature)?;
        UnparsedPublicKey::new(algorithm, request.info.public_key.subject_public_key.raw_bytes())
            .verify(&signed, signature)
            .map_err(|_| SigningRequestError::Signature)?;
        Self::of(&request.info)
    }

    fn of(info: &CertReqInfo) -> Result<Self, SigningRequestError> {
        let (names, extras) = asked_for(info)?;
        let subject = &info.subject;
        let mut request = Self {
            subject: subject.to_string(),
            common_names: attributes(subject, COMMON_NAME),
            organizations: attributes(subject, ORGANIZATION),
            attributes: subject.iter().count(),
            dns: Vec::new(),
            ips: Vec::new(),
            others: Vec::new(),
            extras,
            public_der: info.public_key.to_der().map_err(|_| SigningRequestError::Damaged)?,
        };
        for name in names {
            match &name {
                GeneralName::DnsName(dns) => request.dns.push(dns.to_string()),
                GeneralName::IpAddress(octets) => match ip_address(&name) {
                    Some(ip) => request.ips.push(ip),
                    None => request.others.push(format!("an IP address of {} bytes", octets.as_bytes().len())),
                },
                GeneralName::Rfc822Name(email) => request.others.push(format!("email address {email}")),
                GeneralName::UniformResourceIdentifier(uri) => request.others.push(format!("URI {uri}")),
                GeneralName::DirectoryName(name) => request.others.push(format!("directory name {name}")),
                _ => request.others.push("a name that is neither DNS name nor address".to_owned()),
            }
        }
        Ok(request)
    }
}

/// The DER in the one block that the text consists of. Lines as Go's `pem.Encode` and OpenSSL write them; headers within
/// the block make no difference to a signer, so there must be none.
fn one_block(pem: &[u8]) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(pem).ok()?.trim();
    let inner = text.strip_prefix("-----BEGIN CERTIFICATE REQUEST-----")?;
    let inner = inner.strip_suffix("-----END CERTIFICATE REQUEST-----")?;
    let base64 = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '=' | '\r' | '\n');
    if !inner.chars().all(base64) {
        return None;
    }
    let (label, der) = der::pem::decode_vec(text.as_bytes()).ok()?;
    (label == LABEL).then_some(der)
}

/// Subject alternative names, and what else is asked for.
fn asked_for(info: &CertReqInfo) -> Result<(Vec<GeneralName>, Vec<String>), SigningRequestError> {
    let damaged = |_: der::Error| SigningRequestError::Damaged;
    let (mut names, mut extras) = (None, Vec::new());
    let mut seen: Vec<ObjectIdentifier> = Vec::new();
    let mut once = |oid: &ObjectIdentifier, what: &str| {
        if seen.contains(oid) {
            return Err(SigningRequestError::Twice(format!("the {what} {oid}")));
        }
        seen.push(*oid);
        Ok(())
    };
    for attribute in info.attributes.iter() {
        once(&attribute.oid, "attribute")?;
        if attribute.oid != EXTENSION_REQUEST {
            extras.push(format!("attribute {}", attribute.oid));
            continue;
        }
        if attribute.values.len() != 1 {
            return Err(SigningRequestError::Twice(format!("several values of the attribute {}", attribute.oid)));
        }
        for value in attribute.values.iter() {
            for extension in value.decode_as::<Vec<Extension>>().map_err(damaged)? {
                once(&extension.extn_id, "extension")?;
                if extension.extn_id == SUBJECT_ALT_NAME {
                    let found = SubjectAltName::from_der(extension.extn_value.as_bytes()).map_err(damaged)?;
                    names = Some(found.0);
                } else {
                    extras.push(format!("extension {}", extension.extn_id));
                }
            }
        }
    }
    Ok((names.unwrap_or_default(), extras))
}

/// The kind of a public key.
enum Key {
    Rsa,
    Ecdsa(ObjectIdentifier),
}

impl Key {
    fn of(spki: &SubjectPublicKeyInfoOwned) -> Result<Self, SigningRequestError> {
        let refuse = |what: String| Err(SigningRequestError::Key(what));
        let algorithm = &spki.algorithm;
        if algorithm.oid == EC {
            let curve = algorithm.parameters.as_ref().and_then(|any| any.decode_as::<ObjectIdentifier>().ok());
            return match curve {
                Some(curve) if [P256, P384, P521].contains(&curve) => Ok(Self::Ecdsa(curve)),
                Some(curve) => refuse(format!("on the elliptic curve {curve}")),
                None => refuse("on an elliptic curve without a name".to_owned()),
            };
        }
        if algorithm.oid != RSA {
            return refuse(format!("of the kind {}", algorithm.oid));
        }
        #[derive(Sequence)]
        struct Public<'a> {
            modulus: UintRef<'a>,
            _exponent: UintRef<'a>,
        }
        let bytes = spki.subject_public_key.as_bytes().unwrap_or_default();
        let Ok(public) = Public::from_der(bytes) else { return refuse("damaged".to_owned()) };
        let modulus = public.modulus.as_bytes();
        let bits = modulus.len() * 8 - modulus.first().map_or(0, |first| first.leading_zeros() as usize);
        if !(2048..=8192).contains(&bits) {
            return refuse(format!("RSA with {bits} bits"));
        }
        Ok(Self::Rsa)
    }

    /// How a signature of this kind is checked: the key's size and the digest together.
    fn verifier(&self, signature: &ObjectIdentifier) -> Option<&'static dyn VerificationAlgorithm> {
        let oid = signature.to_string();
        Some(match (self, oid.as_str()) {
            (Self::Rsa, "1.2.840.113549.1.1.11") => &RSA_PKCS1_2048_8192_SHA256,
            (Self::Rsa, "1.2.840.113549.1.1.12") => &RSA_PKCS1_2048_8192_SHA384,
            (Self::Rsa, "1.2.840.113549.1.1.13") => &RSA_PKCS1_2048_8192_SHA512,
            (Self::Ecdsa(curve), digest) => match (*curve, digest) {
                (P256, "1.2.840.10045.4.3.2") => &ECDSA_P256_SHA256_ASN1,
                (P256, "1.2.840.10045.4.3.3") => &ECDSA_P256_SHA384_ASN1,
                (P256, "1.2.840.10045.4.3.4") => &ECDSA_P256_SHA512_ASN1,
                (P384, "1.2.840.10045.4.3.2") => &ECDSA_P384_SHA256_ASN1,
                (P384, "1.2.840.10045.4.3.3") => &ECDSA_P384_SHA384_ASN1,
                (P384, "1.2.840.10045.4.3.4") => &ECDSA_P384_SHA512_ASN1,
                (P521, "1.2.840.10045.4.3.2") => &ECDSA_P521_SHA256_ASN1,
                (P521, "1.2.840.10045.4.3.3") => &ECDSA_P521_SHA384_ASN1,
                (P521, "1.2.840.10045.4.3.4") => &ECDSA_P521_SHA512_ASN1,
                _ => return None,
            },
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests;
