//! Keys that sign plugins: Ed25519 ones of our own, and public ones that cosign makes too (ECDSA on P-256). Nothing here
//! reads or writes files.

use std::fmt;

use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1, ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{PrivatePkcs8KeyDer, SubjectPublicKeyInfoDer};

use crate::digest::Digest;

/// SubjectPublicKeyInfo before an Ed25519 key (RFC 8410).
const ED25519_PREFIX: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];
const ED25519_LENGTH: usize = 32;
/// SubjectPublicKeyInfo before an uncompressed point on P-256 (RFC 5480).
const P256_PREFIX: [u8; 26] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce,
    0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];
const P256_LENGTH: usize = 65;

/// What is missing where there should be a private key.
const PRIVATE: &str = "PRIVATE KEY in PEM";

/// A key is not usable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// There is no PEM block of the right kind.
    #[error("it has no {0}")]
    Missing(&'static str),
    /// It is a private key where a public one should be.
    #[error("it is a private key, where a public one belongs")]
    Private,
    /// It has a password.
    #[error("it is encrypted; only plain private keys are taken")]
    Encrypted,
    /// It is of another kind.
    #[error("it is neither Ed25519 nor ECDSA on P-256")]
    Kind,
    /// It is a private key of another kind.
    #[error("it is no Ed25519 key, or it is damaged")]
    NotEd25519,
}

impl KeyError {
    /// What to do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Missing(PRIVATE) => {
                "give the private half, PEM that begins with -----BEGIN PRIVATE KEY-----, as `kubephase plugin keygen` \
                 and `openssl genpkey -algorithm ed25519` write it"
            }
            Self::Missing(_) | Self::Kind => {
                "give PEM that begins with -----BEGIN PUBLIC KEY-----, as `kubephase plugin keygen`, `cosign \
                 generate-key-pair` and `openssl pkey -pubout` write it"
            }
            Self::Private => "give the public half, and see that nobody else has read this file",
            Self::Encrypted => "decrypt it with `openssl pkey` into a file that only you can read",
            Self::NotEd25519 => "make one with `kubephase plugin keygen`, or `openssl genpkey -algorithm ed25519`",
        }
    }
}

/// A private key to sign with: Ed25519.
pub struct SigningKey(Ed25519KeyPair, Vec<u8>);

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({})", self.public().id())
    }
}

impl SigningKey {
    /// A new one.
    pub fn generate() -> Self {
        // It fails if there is no memory, and then nothing else goes on either.
        let pair = Ed25519KeyPair::generate().unwrap_or_else(|_| panic!("no Ed25519 key could be made"));
        let der = pair.to_pkcs8v1().unwrap_or_else(|_| panic!("an Ed25519 key could not be written"));
        let der = der.as_ref().to_vec();
        Self(pair, der)
    }

    /// Reads PEM, PKCS#8 (`PRIVATE KEY`), without a password.
    pub fn from_pem(pem: &[u8]) -> Result<Self, KeyError> {
        if String::from_utf8_lossy(pem).contains("ENCRYPTED") {
            return Err(KeyError::Encrypted);
        }
        let der = PrivatePkcs8KeyDer::from_pem_slice(pem).map_err(|_| KeyError::Missing(PRIVATE))?;
        let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(der.secret_pkcs8_der());
        let pair = pair.map_err(|_| KeyError::NotEd25519)?;
        Ok(Self(pair, der.secret_pkcs8_der().to_vec()))
    }

    /// As PEM, PKCS#8, for a file that only its owner may read.
    pub fn to_pem(&self) -> String {
        pem("PRIVATE KEY", &self.1)
    }

    /// Its public half.
    pub fn public(&self) -> PublicKey {
        PublicKey { kind: Kind::Ed25519, key: self.0.public_key().as_ref().to_vec() }
    }

    pub(crate) fn sign(&self, message: &[u8]) -> Vec<u8> {
        self.0.sign(message).as_ref().to_vec()
    }
}

/// A public key.
#[derive(Clone, PartialEq, Eq)]
pub struct PublicKey {
    kind: Kind,
    key: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Ed25519,
    EcdsaP256,
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({})", self.id())
    }
}

impl PublicKey {
    /// Reads PEM, SubjectPublicKeyInfo (`PUBLIC KEY`).
    pub fn from_pem(pem: &[u8]) -> Result<Self, KeyError> {
        let Ok(der) = SubjectPublicKeyInfoDer::from_pem_slice(pem) else {
            let is_private = String::from_utf8_lossy(pem).contains("PRIVATE KEY-----");
            return Err(if is_private { KeyError::Private } else { KeyError::Missing("PUBLIC KEY in PEM") });
        };
        let after = |prefix: &[u8], length: usize| der.strip_prefix(prefix).filter(|key| key.len() == length);
        if let Some(key) = after(&ED25519_PREFIX, ED25519_LENGTH) {
            return Ok(Self { kind: Kind::Ed25519, key: key.to_vec() });
        }
        match after(&P256_PREFIX, P256_LENGTH).filter(|point| point.starts_with(&[4])) {
            Some(key) => Ok(Self { kind: Kind::EcdsaP256, key: key.to_vec() }),
            None => Err(KeyError::Kind),
        }
    }

    fn der(&self) -> Vec<u8> {
        let prefix: &[u8] = match self.kind {
            Kind::Ed25519 => &ED25519_PREFIX,
            Kind::EcdsaP256 => &P256_PREFIX,
        };
        [prefix, &self.key].concat()
    }

    /// As PEM, SubjectPublicKeyInfo.
    pub fn to_pem(&self) -> String {
        pem("PUBLIC KEY", &self.der())
    }

    /// What it is called where there is no name: hexadecimal SHA-256 of its SubjectPublicKeyInfo.
    pub fn id(&self) -> String {
        Digest::of(&self.der()).hex()
    }

    /// Whether it has made this signature.
    pub(crate) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        match self.kind {
            Kind::Ed25519 => UnparsedPublicKey::new(&ED25519, &self.key).verify(message, signature),
            Kind::EcdsaP256 => UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, &self.key).verify(message, signature),
        }
        .is_ok()
    }
}

/// RFC 7468.
fn pem(label: &str, der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let mut pem = format!("-----BEGIN {label}-----\n");
    for line in text.as_bytes().chunks(64) {
        pem.extend(line.iter().map(|byte| char::from(*byte)));
        pem.push('\n');
    }
    pem + &format!("-----END {label}-----\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn written_and_read() {
        let key = SigningKey::generate();
        let again = SigningKey::from_pem(key.to_pem().as_bytes()).expect("our own");
        assert_eq!(again.public(), key.public());
        let public = PublicKey::from_pem(key.public().to_pem().as_bytes()).expect("our own");
        assert_eq!(public, key.public());
        let signature = again.sign(b"message");
        assert!(public.verifies(b"message", &signature) && !public.verifies(b"massage", &signature));
        assert!(!format!("{key:?}").contains(key.to_pem().lines().nth(1).expect("a line")));
    }

    #[test]
    fn what_is_no_key_is_told_apart() {
        let key = SigningKey::generate();
        let cases: [(&str, KeyError); 5] = [
            ("", KeyError::Missing("PUBLIC KEY in PEM")),
            ("-----BEGIN PUBLIC KEY-----\n!!\n-----END PUBLIC KEY-----\n", KeyError::Missing("PUBLIC KEY in PEM")),
            ("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", KeyError::Kind),
            (&key.to_pem(), KeyError::Private),
            (&pem("PUBLIC KEY", &[&ED25519_PREFIX[..], &[1; 31]].concat()), KeyError::Kind),
        ];
        for (text, error) in cases {
            assert_eq!(PublicKey::from_pem(text.as_bytes()), Err(error), "{text}");
            assert!(!error.hint().is_empty());
        }
        for (text, error) in [
            (key.public().to_pem(), KeyError::Missing(PRIVATE)),
            (
                "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n".into(),
                KeyError::Encrypted,
            ),
            (pem("PRIVATE KEY", b"no key"), KeyError::NotEd25519),
        ] {
            assert_eq!(SigningKey::from_pem(text.as_bytes()).expect_err("no key"), error, "{text}");
        }
    }
}
