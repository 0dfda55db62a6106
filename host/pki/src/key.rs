//! Private keys: making, reading and writing them in kubeadm's forms, and signing with them. Holds secrets: nothing
//! here prints, and `Debug` shows the kind of key only.

use std::fmt;

use aws_lc_rs::encoding::{AsDer, EcPrivateKeyRfc5915Der, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P384_SHA384_ASN1_SIGNING, ECDSA_P521_SHA512_ASN1_SIGNING, EcdsaKeyPair,
    EcdsaSigningAlgorithm, KeyPair, RSA_PKCS1_SHA256, RsaKeyPair,
};
use der::pem::LineEnding;
use kubephase_model::KeyAlgorithm;
use rustls_pki_types::pem::{PemObject, SectionKind};

use crate::rsa;

/// A private key for RSA (2048 bits and more) or ECDSA (P-256, P-384, P-521).
pub struct PrivateKey {
    pair: Pair,
    spki: Vec<u8>,
}

enum Pair {
    Rsa(Box<RsaKeyPair>),
    Ecdsa(Box<EcdsaKeyPair>),
}

/// How a key signs certificates, as Go chooses it: SHA-256, but SHA-384 for P-384 and SHA-512 for P-521.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SignatureScheme {
    RsaSha256,
    EcdsaSha256,
    EcdsaSha384,
    EcdsaSha512,
}

/// A key could not be made, read or used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The library refused to generate a key.
    #[error("generating a private key of kind {0}")]
    Generate(KeyAlgorithm),
    /// No block that could be a private key.
    #[error("reading {name}: there is no private key in it")]
    NoKey {
        /// Path, or what else the caller calls it.
        name: String,
    },
    /// The key needs a passphrase.
    #[error("reading {name}: the private key is encrypted")]
    Encrypted {
        /// Path, or what else the caller calls it.
        name: String,
    },
    /// There is a private key, but it is damaged or of a kind that does not serve.
    #[error(
        "reading {name}: the private key is damaged, or neither RSA (2048 to 8192 bits) nor ECDSA (P-256, P-384, P-521)"
    )]
    Unusable {
        /// Path, or what else the caller calls it.
        name: String,
    },
    /// The library refused to encode or to sign.
    #[error("using a private key to {0}")]
    Use(&'static str),
}

impl KeyError {
    /// What to do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::NoKey { .. } => {
                "it should hold a PEM block `RSA PRIVATE KEY`, `EC PRIVATE KEY` or `PRIVATE KEY`; restore it from a \
                 backup, or move it and its certificate away to have new ones made"
            }
            Self::Encrypted { .. } => {
                "nothing here can ask for a passphrase: store it decrypted, for example with `openssl pkey`"
            }
            Self::Unusable { .. } => {
                "look at it with `openssl pkey -noout -text`; move it and its certificate away to have new ones made"
            }
            Self::Generate(_) | Self::Use(_) => "this is a bug, or the system's source of randomness fails",
        }
    }
}

/// Makes a new key with the library's own entropy. RSA takes between some 20 ms (2048 bits) and a second (4096 bits):
/// see [`crate::KeyPool`].
pub fn generate_key(algorithm: KeyAlgorithm) -> Result<PrivateKey, KeyError> {
    let failed = |_| KeyError::Generate(algorithm);
    let rsa = |bits| rsa::generate(bits).map(|pair| Pair::Rsa(Box::new(pair))).ok_or(KeyError::Generate(algorithm));
    let ecdsa = |curve| EcdsaKeyPair::generate(curve).map(|pair| Pair::Ecdsa(Box::new(pair))).map_err(failed);
    PrivateKey::new(match algorithm {
        KeyAlgorithm::Rsa2048 => rsa(2048),
        KeyAlgorithm::Rsa3072 => rsa(3072),
        KeyAlgorithm::Rsa4096 => rsa(4096),
        KeyAlgorithm::EcdsaP256 => ecdsa(&ECDSA_P256_SHA256_ASN1_SIGNING),
        KeyAlgorithm::EcdsaP384 => ecdsa(&ECDSA_P384_SHA384_ASN1_SIGNING),
    }?)
}

impl PrivateKey {
    fn new(pair: Pair) -> Result<Self, KeyError> {
        let spki: Result<PublicKeyX509Der<'_>, _> = match &pair {
            Pair::Rsa(pair) => pair.public_key().as_der(),
            Pair::Ecdsa(pair) => pair.public_key().as_der(),
        };
        let spki = spki.map_err(|_| KeyError::Use("encode its public half"))?.as_ref().to_vec();
        Ok(Self { pair, spki })
    }

    /// Reads the first usable private key of a PEM file: PKCS#1 (`RSA PRIVATE KEY`), SEC 1 (`EC PRIVATE KEY`) or
    /// PKCS#8 (`PRIVATE KEY`), with anything else around it, as client-go's `keyutil.ParsePrivateKeyPEM` does.
    /// `name` is for errors.
    pub fn from_pem(name: &str, pem: &[u8]) -> Result<Self, KeyError> {
        let mut failure = None;
        for (kind, der) in <(SectionKind, Vec<u8>)>::pem_slice_iter(pem).map_while(Result::ok) {
            let pair = match kind {
                SectionKind::RsaPrivateKey => RsaKeyPair::from_der(&der).ok().map(|pair| Pair::Rsa(Box::new(pair))),
                SectionKind::EcPrivateKey => ecdsa(|curve| EcdsaKeyPair::from_private_key_der(curve, &der).ok()),
                SectionKind::PrivateKey => RsaKeyPair::from_pkcs8(&der)
                    .ok()
                    .map(|pair| Pair::Rsa(Box::new(pair)))
                    .or_else(|| ecdsa(|curve| EcdsaKeyPair::from_pkcs8(curve, &der).ok())),
                _ => continue,
            };
            match pair {
                Some(pair) => return Self::new(pair),
                None => failure = Some(KeyError::Unusable { name: name.to_owned() }),
            }
        }
        let text = String::from_utf8_lossy(pem);
        let name = name.to_owned();
        Err(failure.unwrap_or(if text.contains("ENCRYPTED") {
            KeyError::Encrypted { name }
        } else if text.contains("PRIVATE KEY-----") {
            KeyError::Unusable { name }
        } else {
            KeyError::NoKey { name }
        }))
    }

    /// PEM as kubeadm writes it: `RSA PRIVATE KEY` (PKCS#1) or `EC PRIVATE KEY` (SEC 1). A secret.
    pub fn to_pem(&self) -> Result<String, KeyError> {
        let failed = KeyError::Use("encode it");
        match &self.pair {
            Pair::Rsa(pair) => {
                let pkcs8 = pair.as_der().map_err(|_| failed.clone())?;
                pem("RSA PRIVATE KEY", pkcs1(pkcs8.as_ref()).ok_or(failed)?)
            }
            Pair::Ecdsa(pair) => {
                let sec1: EcPrivateKeyRfc5915Der<'_> = pair.private_key().as_der().map_err(|_| failed)?;
                pem("EC PRIVATE KEY", sec1.as_ref())
            }
        }
    }

    /// The public half as PEM `PUBLIC KEY` (SubjectPublicKeyInfo), as in `sa.pub`.
    pub fn public_pem(&self) -> Result<String, KeyError> {
        pem("PUBLIC KEY", &self.spki)
    }

    /// The public half as DER SubjectPublicKeyInfo (RFC 5280, 4.1.2.7).
    pub fn public_der(&self) -> &[u8] {
        &self.spki
    }

    pub(crate) fn scheme(&self) -> SignatureScheme {
        match &self.pair {
            Pair::Rsa(_) => SignatureScheme::RsaSha256,
            Pair::Ecdsa(pair) if *pair.algorithm() == ECDSA_P384_SHA384_ASN1_SIGNING => SignatureScheme::EcdsaSha384,
            Pair::Ecdsa(pair) if *pair.algorithm() == ECDSA_P521_SHA512_ASN1_SIGNING => SignatureScheme::EcdsaSha512,
            Pair::Ecdsa(_) => SignatureScheme::EcdsaSha256,
        }
    }

    pub(crate) fn sign(&self, message: &[u8]) -> Result<Vec<u8>, KeyError> {
        let failed = |_| KeyError::Use("sign");
        let random = SystemRandom::new();
        match &self.pair {
            Pair::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature).map_err(failed)?;
                Ok(signature)
            }
            Pair::Ecdsa(pair) => Ok(pair.sign(&random, message).map_err(failed)?.as_ref().to_vec()),
        }
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PrivateKey").field("scheme", &self.scheme()).finish_non_exhaustive()
    }
}

fn ecdsa(read: impl Fn(&'static EcdsaSigningAlgorithm) -> Option<EcdsaKeyPair>) -> Option<Pair> {
    [&ECDSA_P256_SHA256_ASN1_SIGNING, &ECDSA_P384_SHA384_ASN1_SIGNING, &ECDSA_P521_SHA512_ASN1_SIGNING]
        .into_iter()
        .find_map(read)
        .map(|pair| Pair::Ecdsa(Box::new(pair)))
}

/// The RSAPrivateKey inside a PKCS#8 PrivateKeyInfo (RFC 5208, 5): the library only hands out the latter.
fn pkcs1(pkcs8: &[u8]) -> Option<&[u8]> {
    #[derive(der::Sequence)]
    struct PrivateKeyInfo<'a> {
        version: u8,
        algorithm: der::asn1::AnyRef<'a>,
        private_key: &'a der::asn1::OctetStringRef,
    }
    let info = <PrivateKeyInfo<'_> as der::Decode>::from_der(pkcs8).ok()?;
    Some(info.private_key.as_bytes())
}

pub(crate) fn pem(label: &'static str, der: &[u8]) -> Result<String, KeyError> {
    der::pem::encode_string(label, LineEnding::LF, der).map_err(|_| KeyError::Use("write PEM"))
}
