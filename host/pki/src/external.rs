//! Authorities whose keys are kept elsewhere: recognising them, and checking that everything they should have signed is
//! here (kubeadm's `UsingExternalCA`, `UsingExternalFrontProxyCA`). Kubeconfig files are judged where they are rendered.

use std::time::SystemTime;

use crate::cert::{Cert, CertError};
use crate::chain::verify_chain;
use crate::existing::{CertWarning, ExistingError, Pair, Verdict, warn_of_period};
use crate::key::PrivateKey;

/// Who holds the key of an authority.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Custody {
    /// This node, or there is no authority yet.
    Here,
    /// Somebody else: nothing can be signed here.
    Elsewhere,
}

/// An external authority, but not everything that it should have signed is here.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("using the external certificate authority {ca}, whose key is not here: {}", list(.problems))]
pub struct ExternalCaError {
    /// Path of the authority's certificate.
    pub ca: String,
    /// Everything that is wrong.
    pub problems: Vec<ExistingError>,
}

impl ExternalCaError {
    /// What to do about it.
    pub fn hint(&self) -> &'static str {
        "bring certificates and keys signed by that authority, or bring its key to have them made here"
    }
}

fn list(problems: &[ExistingError]) -> String {
    let with_cause = |problem: &ExistingError| match std::error::Error::source(problem) {
        Some(cause) => format!("{problem}: {cause}"),
        None => problem.to_string(),
    };
    problems.iter().map(with_cause).collect::<Vec<_>>().join("; ")
}

/// Whether an authority's key is kept elsewhere: its certificate is one of a CA and its key file does not exist. Then
/// all of `leaves` ([`crate::CertSpec::leaves`] of it) must exist, be pairs, and lead to it at `now`.
pub fn custody(ca: Pair<'_>, leaves: &[Pair<'_>], now: SystemTime) -> Result<Verdict<Custody>, ExternalCaError> {
    let mut warnings = Vec::new();
    let authority = ca.crt.and_then(|crt| Cert::from_pem(&ca.crt_path(), crt).ok()).filter(|cert| cert.is_ca);
    let (Some(authority), None) = (authority, ca.key) else {
        return Ok(Verdict { decision: Custody::Here, warnings });
    };
    warn_of_period(&ca.crt_path(), &authority, now, &mut warnings);
    let problems: Vec<ExistingError> =
        leaves.iter().filter_map(|leaf| check(*leaf, &ca.crt_path(), &authority, now, &mut warnings).err()).collect();
    if problems.is_empty() {
        Ok(Verdict { decision: Custody::Elsewhere, warnings })
    } else {
        Err(ExternalCaError { ca: ca.crt_path(), problems })
    }
}

fn check(
    leaf: Pair<'_>,
    ca: &str,
    authority: &Cert,
    now: SystemTime,
    warnings: &mut Vec<CertWarning>,
) -> Result<(), ExistingError> {
    let half = |present: String, missing: String| ExistingError::Half { present, missing };
    let crt = leaf.crt.ok_or_else(|| half(ca.to_owned(), leaf.crt_path()))?;
    let chain = Cert::all_from_pem(&leaf.crt_path(), crt)?;
    warn_of_period(&leaf.crt_path(), &chain[0], now, warnings);
    verify_chain(&chain[0], &chain[1..], std::slice::from_ref(authority), now)
        .map_err(|source| ExistingError::Chain { cert: leaf.crt_path(), ca: ca.to_owned(), source })?;
    let key = leaf.key.ok_or_else(|| half(leaf.crt_path(), leaf.key_path()))?;
    if !chain[0].matches(&PrivateKey::from_pem(&leaf.key_path(), key)?) {
        return Err(CertError::OtherKey { cert: leaf.crt_path(), key: leaf.key_path() }.into());
    }
    Ok(())
}

#[cfg(test)]
mod tests;
