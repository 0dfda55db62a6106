//! Who signed a component, and whether that is so: our own detached signatures, and those that cosign keeps in registries.
//! Pure: keys, bytes and times come in as arguments.
//!
//! A file of signatures (`<component>.sig`) is JSON: one or more [`Envelope`]s one after the other, so that signatures of
//! several people can be put together with `cat`. `host/docs/plugins/signatures.md` has it in full.

mod claim;
mod cosign;
mod envelope;

use std::time::SystemTime;

use kubephase_model::time::{parse_rfc3339, rfc3339};

use crate::digest::Digest;
use crate::key::{PublicKey, SigningKey};

pub use claim::Claim;
pub(crate) use cosign::{Bundle, SIGNATURE as COSIGN_SIGNATURE, SIMPLE_SIGNING};
pub use envelope::{Envelope, Signature};

/// Media type of files of signatures, and of what is signed in our own ones.
pub const MEDIA_TYPE: &str = "application/vnd.kubephase.plugin.signature.v1+json";
/// What is read of signatures of one component: many people's, and far below what hurts.
pub const LIMIT: u64 = 1 << 20;

/// A key whose signatures are believed.
#[derive(Clone, Debug)]
pub struct TrustedKey {
    /// What it is called in messages.
    pub name: String,
    /// The key.
    pub key: PublicKey,
    /// Its signatures are not taken any more after that moment.
    pub not_after: Option<SystemTime>,
}

/// Who has signed a component, and what he says of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signer {
    /// The trusted key's name.
    pub key: String,
    /// The plugin's name; empty with a signature of cosign.
    pub name: String,
    /// The plugin's version; empty with a signature of cosign.
    pub version: String,
}

/// Why no signature is good enough.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// There is none.
    #[error("it is not signed")]
    Unsigned,
    /// There are some, of others.
    #[error("no trusted key has signed it: {} have, and {} would do", list(by), list(trusted))]
    WrongKey {
        /// Ids of the keys that say so of themselves.
        by: Vec<String>,
        /// Names of those that are trusted.
        trusted: Vec<String>,
    },
    /// A trusted key has signed something, and it is not this.
    #[error("it, or its signature, has been changed after `{key}` signed it: {why}")]
    Tampered {
        /// Name of the trusted key.
        key: String,
        /// What does not fit.
        why: String,
    },
    /// It was good once.
    #[error("the signature of `{key}` is not valid any more since {since}: {what}")]
    Expired {
        /// Name of the trusted key.
        key: String,
        /// RFC 3339.
        since: String,
        /// What has expired: the signature or the key.
        what: &'static str,
    },
    /// What should be signatures is something else.
    #[error("its signatures cannot be read: {0}")]
    Malformed(String),
}

impl SignatureError {
    /// What to do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Unsigned => {
                "ask its maker for the signature (`<component>.sig` beside the file, or attached in the registry); or \
                 say `signature: none` in the trust rule for this source, if nobody need sign it"
            }
            Self::WrongKey { .. } => {
                "if you know whose key it is and trust him, add it to `keys` of the trust rule for this source; if you \
                 do not, do not run this plugin"
            }
            Self::Tampered { .. } => {
                "do not run it: get component and signature anew from its maker, both of the same version"
            }
            Self::Expired { .. } => {
                "ask its maker for a new signature; or look whether this machine's clock is right, and whether \
                 `notAfter` in the trust rule is"
            }
            Self::Malformed(_) => "get the signature anew: `kubephase plugin sign` has written it as JSON",
        }
    }

    /// Of several, the one that says most.
    fn rank(&self) -> u8 {
        match self {
            Self::Unsigned => 0,
            Self::Malformed(_) => 1,
            Self::WrongKey { .. } => 2,
            Self::Tampered { .. } => 3,
            Self::Expired { .. } => 4,
        }
    }
}

fn list(names: &[String]) -> String {
    if names.is_empty() {
        return "keys without a name".to_owned();
    }
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

/// Signs: a file of one signature.
pub fn sign(key: &SigningKey, claim: &Claim) -> Vec<u8> {
    Envelope::of(key, claim).to_json()
}

/// Puts signatures together, each once; what cannot be read is left out.
pub fn merge(files: &[&[u8]]) -> Vec<u8> {
    let mut envelopes: Vec<Envelope> = Vec::new();
    for envelope in files.iter().flat_map(|file| Envelope::read_all(file).unwrap_or_default()) {
        if !envelopes.contains(&envelope) {
            envelopes.push(envelope);
        }
    }
    envelopes.iter().flat_map(Envelope::to_json).collect()
}

/// Whether one of `keys` has signed the component with this digest, by a file of signatures.
pub fn verify(
    signatures: &[u8],
    component: &Digest,
    keys: &[TrustedKey],
    now: SystemTime,
) -> Result<Signer, SignatureError> {
    let mut worst = SignatureError::Unsigned;
    let mut strangers: Vec<String> = Vec::new();
    let envelopes = Envelope::read_all(signatures).map_err(SignatureError::Malformed)?;
    for envelope in &envelopes {
        match judge(envelope, component, keys, now, &mut strangers) {
            Ok(signer) => return Ok(signer),
            Err(error) if error.rank() > worst.rank() => worst = error,
            Err(_) => {}
        }
    }
    if let SignatureError::WrongKey { by, trusted } = &mut worst {
        *by = strangers;
        *trusted = keys.iter().map(|key| key.name.clone()).collect();
    }
    Err(worst)
}

fn judge(
    envelope: &Envelope,
    component: &Digest,
    keys: &[TrustedKey],
    now: SystemTime,
    strangers: &mut Vec<String>,
) -> Result<Signer, SignatureError> {
    let message = envelope.message()?;
    let mut worst = SignatureError::Unsigned;
    for signature in &envelope.signatures {
        let bytes = signature.bytes()?;
        let error = match keys.iter().find(|trusted| trusted.key.verifies(&message, &bytes)) {
            Some(trusted) => match accept(envelope, trusted, component, now) {
                Ok(signer) => return Ok(signer),
                Err(error) => error,
            },
            // Who says that it is a trusted key's has changed something; who says nothing may be anybody.
            None => match keys.iter().find(|trusted| trusted.key.id() == signature.keyid) {
                Some(trusted) => SignatureError::Tampered {
                    key: trusted.name.clone(),
                    why: "the signature does not fit what it is said to sign".into(),
                },
                None => {
                    if !signature.keyid.is_empty() && !strangers.contains(&signature.keyid) {
                        strangers.push(signature.keyid.chars().take(64).collect());
                    }
                    SignatureError::WrongKey { by: Vec::new(), trusted: Vec::new() }
                }
            },
        };
        if error.rank() > worst.rank() {
            worst = error;
        }
    }
    Err(worst)
}

/// The signature is that of a trusted key; whether it is for this component, and still good.
fn accept(
    envelope: &Envelope,
    trusted: &TrustedKey,
    component: &Digest,
    now: SystemTime,
) -> Result<Signer, SignatureError> {
    let claim = envelope.claim().map_err(|error| match error {
        SignatureError::Tampered { why, .. } => SignatureError::Tampered { key: trusted.name.clone(), why },
        other => other,
    })?;
    if claim.digest != *component {
        let why = format!("`{}` signed the component {}, and this is {component}", trusted.name, claim.digest);
        return Err(SignatureError::Tampered { key: trusted.name.clone(), why });
    }
    let expired = |since, what| SignatureError::Expired { key: trusted.name.clone(), since, what };
    if let Some(until) = &claim.expires {
        let moment = parse_rfc3339(until);
        let moment = moment.ok_or_else(|| SignatureError::Malformed(format!("`{until}` is no RFC 3339 time")))?;
        if now > moment {
            return Err(expired(until.clone(), "it says so itself"));
        }
    }
    if let Some(until) = trusted.not_after.filter(|until| now > *until) {
        return Err(expired(rfc3339(until), "the trust rule says `notAfter`"));
    }
    Ok(Signer { key: trusted.name.clone(), name: claim.name, version: claim.version })
}

#[cfg(test)]
mod tests;
