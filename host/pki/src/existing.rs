//! What to do about files that exist already when `init` comes to a certificate: kubeadm's rules (`runCAPhase`,
//! `runCertPhase`, `CreateServiceAccountKeyAndPublicKeyFiles`) as functions from bytes to a decision. They read and
//! write nothing; what is odd but no obstacle comes back as warnings.

use std::borrow::Cow;
use std::fmt;
use std::time::SystemTime;

use rustls_pki_types::SubjectPublicKeyInfoDer;
use rustls_pki_types::pem::PemObject;

use crate::cert::{Ca, Cert, CertError, Period};
use crate::certs::CertSpec;
use crate::chain::{ChainError, verify_chain};
use crate::key::{KeyError, PrivateKey};
use crate::names::AltNames;

/// A certificate's two files as they stand on the node.
#[derive(Clone, Copy)]
pub struct Pair<'a> {
    /// Their path without `.crt` and `.key`.
    pub path: &'a str,
    /// Contents of the certificate, if the file exists.
    pub crt: Option<&'a [u8]>,
    /// Contents of the key, if the file exists.
    pub key: Option<&'a [u8]>,
}

/// What a key without its certificate means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Half {
    /// Somebody's mistake: refuse, as kubeadm does.
    Refuse,
    /// A run of ours that ended between writing the key and writing the certificate: make the certificate for it.
    Complete,
}

/// A decision, with what the user should hear.
#[derive(Debug)]
pub struct Verdict<T> {
    /// What to do.
    pub decision: T,
    /// In order of discovery.
    pub warnings: Vec<CertWarning>,
}

/// What to do about an authority.
#[derive(Debug)]
pub enum CaDecision {
    /// Keep it.
    UseExisting {
        /// Its certificate.
        cert: Box<Cert>,
        /// True if its key is not here: it can sign nothing.
        keyless: bool,
    },
    /// Make one.
    Generate {
        /// For this key ([`Half::Complete`]); none for a new one.
        key: Option<PrivateKey>,
    },
}

/// What to do about any other certificate.
#[derive(Debug)]
pub enum LeafDecision {
    /// Keep it.
    UseExisting {
        /// The certificate.
        cert: Box<Cert>,
    },
    /// Make one.
    Generate {
        /// With this authority.
        ca: Box<Ca>,
        /// For this key ([`Half::Complete`]); none for a new one.
        key: Option<PrivateKey>,
    },
}

/// What to do about the key pair that signs service account tokens.
#[derive(Debug, PartialEq, Eq)]
pub enum SaDecision {
    /// Keep it.
    UseExisting {
        /// What `sa.pub` should hold, if it does not exist. kubeadm leaves it missing, and the API server then does not
        /// start.
        missing_public: Option<String>,
    },
    /// Make one, and write both files.
    Generate,
}

/// Odd, but no obstacle.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum CertWarning {
    /// A certificate's validity has not begun.
    NotYetValid(String),
    /// A certificate's validity is over.
    Expired(String),
    /// The key of an authority is there but cannot be used: it counts as missing.
    UnusableKey(String),
    /// A certificate is kept although its key is missing.
    MissingKey(String),
    /// A certificate is kept although the key beside it is not its own.
    OtherKey {
        /// Path of the certificate.
        cert: String,
        /// Path of the key.
        key: String,
    },
    /// A certificate is kept although it lacks names that the configuration asks for.
    MissingNames {
        /// Path of the certificate.
        cert: String,
        /// The names.
        names: Vec<String>,
    },
    /// A public key will be overwritten because its private key is missing.
    PublicKeyAlone(String),
}

/// What exists cannot be used and must not be overwritten.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExistingError {
    /// A certificate does not serve.
    #[error(transparent)]
    Cert(#[from] CertError),
    /// A key does not serve.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// A file of the authority is missing.
    #[error("reading {path}: it does not exist, and the certificate cannot be signed without it")]
    NoCa {
        /// The file.
        path: String,
        /// Phase that makes the authority.
        phase: &'static str,
    },
    /// One file of a pair is missing.
    #[error("using {present}: {missing} should be beside it and is not")]
    Half {
        /// The file that exists.
        present: String,
        /// The file that does not.
        missing: String,
    },
    /// The certificate is not the authority's work, or one of them is not valid now.
    #[error("checking that {cert} was signed by {ca}")]
    Chain {
        /// The certificate.
        cert: String,
        /// Its authority.
        ca: String,
        /// What is wrong.
        #[source]
        source: ChainError,
    },
}

impl ExistingError {
    /// What to do about it.
    pub fn hint(&self) -> Cow<'static, str> {
        match self {
            Self::Cert(error) => error.hint().into(),
            Self::Key(error) => error.hint().into(),
            Self::NoCa { phase, .. } => format!(
                "make it with the phase `certs {phase}`, or, if the authority's key is kept elsewhere, bring the \
                 certificates that it should sign"
            )
            .into(),
            Self::Half { .. } => "bring the missing file back, or move this one away to have both made anew".into(),
            Self::Chain { source, .. } => source.hint().into(),
        }
    }
}

/// Judges an authority's files. A certificate that can be read is kept, with a key or without.
///
/// Stricter than kubeadm in one thing: a certificate without the CA flag is refused here, and not only by the first
/// certificate that it should sign.
pub fn decide_ca(found: Pair<'_>, half: Half, now: SystemTime) -> Result<Verdict<CaDecision>, ExistingError> {
    let mut warnings = Vec::new();
    let Some(crt) = found.crt else {
        let key = if_half(found, half)?;
        return Ok(Verdict { decision: CaDecision::Generate { key }, warnings });
    };
    let cert = Cert::from_pem(&found.crt_path(), crt)?;
    warn_of_period(&found.crt_path(), &cert, now, &mut warnings);
    if !cert.is_ca {
        return Err(CertError::NotCa { name: found.crt_path() }.into());
    }
    let key = found.key.map(|key| PrivateKey::from_pem(&found.key_path(), key));
    match &key {
        Some(Err(_)) => warnings.push(CertWarning::UnusableKey(found.key_path())),
        Some(Ok(key)) if !cert.matches(key) => {
            warnings.push(CertWarning::OtherKey { cert: found.crt_path(), key: found.key_path() });
        }
        _ => {}
    }
    let keyless = !matches!(key, Some(Ok(_)));
    Ok(Verdict { decision: CaDecision::UseExisting { cert: Box::new(cert), keyless }, warnings })
}

/// Judges the files of a certificate that `ca` signs. One that can be read is kept if it leads to the authority and is
/// valid now; names and key are only warned of. Where one must be made, the authority must be complete.
pub fn decide_leaf(
    spec: &CertSpec,
    found: Pair<'_>,
    ca: Pair<'_>,
    names: &AltNames,
    half: Half,
    now: SystemTime,
) -> Result<Verdict<LeafDecision>, ExistingError> {
    let mut warnings = Vec::new();
    let chain = found.crt.map(|crt| Cert::all_from_pem(&found.crt_path(), crt));
    let ca_cert = || -> Result<Cert, ExistingError> {
        let crt = ca.crt.ok_or_else(|| no_ca(spec, ca.crt_path()))?;
        Ok(Cert::from_pem(&ca.crt_path(), crt)?)
    };
    if let Some(Ok(chain)) = &chain {
        let (cert, intermediates) = (&chain[0], &chain[1..]);
        warn_of_period(&found.crt_path(), cert, now, &mut warnings);
        let authority = ca_cert()?;
        warn_of_period(&ca.crt_path(), &authority, now, &mut warnings);
        verify_chain(cert, intermediates, &[authority], now).map_err(|source| ExistingError::Chain {
            cert: found.crt_path(),
            ca: ca.crt_path(),
            source,
        })?;
        warn_of_key(found, cert, &mut warnings);
        let missing = cert.missing(names);
        if !missing.is_empty() {
            warnings.push(CertWarning::MissingNames { cert: found.crt_path(), names: missing });
        }
        return Ok(Verdict { decision: LeafDecision::UseExisting { cert: Box::new(cert.clone()) }, warnings });
    }
    let authority = ca_cert()?;
    warn_of_period(&ca.crt_path(), &authority, now, &mut warnings);
    let ca_key = ca.key.ok_or_else(|| no_ca(spec, ca.key_path()))?;
    let authority = Ca::new(ca.path, authority, PrivateKey::from_pem(&ca.key_path(), ca_key)?)?;
    if let Some(Err(damaged)) = chain {
        return Err(damaged.into());
    }
    let key = if_half(found, half)?;
    Ok(Verdict { decision: LeafDecision::Generate { ca: Box::new(authority), key }, warnings })
}

/// Judges `sa.key` and `sa.pub`: a key that can be read is kept. `path` is theirs, without `.key` and `.pub`.
pub fn decide_sa(path: &str, key: Option<&[u8]>, public: Option<&[u8]>) -> Result<Verdict<SaDecision>, ExistingError> {
    let mut warnings = Vec::new();
    let Some(pem) = key else {
        if public.is_some() {
            warnings.push(CertWarning::PublicKeyAlone(format!("{path}.pub")));
        }
        return Ok(Verdict { decision: SaDecision::Generate, warnings });
    };
    let key = PrivateKey::from_pem(&format!("{path}.key"), pem)?;
    let missing_public = match public {
        None => Some(key.public_pem()?),
        Some(public) => {
            // API servers accept any number of public keys, this one should be among them.
            let mut known = SubjectPublicKeyInfoDer::pem_slice_iter(public).map_while(Result::ok);
            if !known.any(|known| known.as_ref() == key.public_der()) {
                warnings.push(CertWarning::OtherKey { cert: format!("{path}.pub"), key: format!("{path}.key") });
            }
            None
        }
    };
    Ok(Verdict { decision: SaDecision::UseExisting { missing_public }, warnings })
}

/// The key of a pair without certificate, as far as it may be used.
fn if_half(found: Pair<'_>, half: Half) -> Result<Option<PrivateKey>, ExistingError> {
    match (found.key, half) {
        (None, _) => Ok(None),
        (Some(key), Half::Complete) => Ok(Some(PrivateKey::from_pem(&found.key_path(), key)?)),
        (Some(_), Half::Refuse) => Err(ExistingError::Half { present: found.key_path(), missing: found.crt_path() }),
    }
}

pub(crate) fn warn_of_period(path: &str, cert: &Cert, now: SystemTime, warnings: &mut Vec<CertWarning>) {
    match cert.period(now) {
        Period::Valid => {}
        Period::NotYet => warnings.push(CertWarning::NotYetValid(path.to_owned())),
        Period::Over => warnings.push(CertWarning::Expired(path.to_owned())),
    }
}

fn warn_of_key(found: Pair<'_>, cert: &Cert, warnings: &mut Vec<CertWarning>) {
    match found.key.map(|key| PrivateKey::from_pem(&found.key_path(), key)) {
        None => warnings.push(CertWarning::MissingKey(found.key_path())),
        Some(Err(_)) => warnings.push(CertWarning::UnusableKey(found.key_path())),
        Some(Ok(key)) if cert.matches(&key) => {}
        Some(Ok(_)) => warnings.push(CertWarning::OtherKey { cert: found.crt_path(), key: found.key_path() }),
    }
}

fn no_ca(spec: &CertSpec, path: String) -> ExistingError {
    ExistingError::NoCa { path, phase: spec.issuer.unwrap_or(spec).name }
}

impl Pair<'_> {
    pub(crate) fn crt_path(&self) -> String {
        format!("{}.crt", self.path)
    }

    pub(crate) fn key_path(&self) -> String {
        format!("{}.key", self.path)
    }
}

impl fmt::Debug for Pair<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (crt, key) = (self.crt.is_some(), self.key.is_some());
        f.debug_struct("Pair").field("path", &self.path).field("crt", &crt).field("key", &key).finish()
    }
}

impl fmt::Display for CertWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotYetValid(cert) => write!(f, "{cert} is not valid yet: check the clock"),
            Self::Expired(cert) => write!(f, "{cert} has expired"),
            Self::UnusableKey(key) => write!(f, "{key} exists but cannot be read as a private key"),
            Self::MissingKey(key) => write!(f, "{key} is missing, and its certificate is useless without it"),
            Self::OtherKey { cert, key } => write!(f, "{key} does not belong to {cert}"),
            Self::MissingNames { cert, names } => write!(f, "{cert} does not cover {}", names.join(", ")),
            Self::PublicKeyAlone(path) => {
                write!(f, "{path} exists without its private key: both are replaced, and old tokens become invalid")
            }
        }
    }
}

#[cfg(test)]
mod tests;
