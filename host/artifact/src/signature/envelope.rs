//! The envelope around what is signed: DSSE's (Dead Simple Signing Envelope, protocol version 1), with one addition. What
//! is signed is not the payload alone but its type and length too, so that it cannot be passed off as something else.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use super::{Claim, LIMIT, MEDIA_TYPE, SignatureError, cosign};
use crate::key::SigningKey;

/// Nobody signs more often.
const SIGNATURES: usize = 100;

/// Something, and signatures of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Envelope {
    /// What kind of thing the payload is.
    pub payload_type: String,
    /// What is signed: base64.
    pub payload: String,
    /// By whom.
    pub signatures: Vec<Signature>,
    /// cosign signs the digest of a manifest in a registry, not that of the component. This is that manifest: base64.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manifest: Option<String>,
}

/// One signature.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Signature {
    /// Which key it is said to be from. Nothing depends on it but how a failure is told.
    #[serde(default)]
    pub keyid: String,
    /// The signature: base64.
    pub sig: String,
}

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signature({})", self.keyid)
    }
}

impl Signature {
    pub(super) fn bytes(&self) -> Result<Vec<u8>, SignatureError> {
        decode("sig", &self.sig)
    }
}

impl Envelope {
    /// Signs a claim.
    pub(super) fn of(key: &SigningKey, claim: &Claim) -> Self {
        // A struct of text: it cannot fail.
        let payload = serde_json::to_vec(claim).unwrap_or_default();
        let signature = key.sign(&pre_authentication(MEDIA_TYPE, &payload));
        Self {
            payload_type: MEDIA_TYPE.to_owned(),
            payload: STANDARD.encode(payload),
            signatures: vec![Signature { keyid: key.public().id(), sig: STANDARD.encode(signature) }],
            manifest: None,
        }
    }

    /// All envelopes of a file; or why it is none.
    pub(super) fn read_all(file: &[u8]) -> Result<Vec<Self>, String> {
        if file.len() as u64 > LIMIT {
            return Err(format!("they have more than {LIMIT} bytes"));
        }
        let envelopes: Result<Vec<Self>, _> = serde_json::Deserializer::from_slice(file).into_iter().collect();
        let envelopes = envelopes.map_err(|error| error.to_string())?;
        match envelopes.iter().map(|envelope| envelope.signatures.len()).sum::<usize>() > SIGNATURES {
            true => Err(format!("there are more than {SIGNATURES}")),
            false => Ok(envelopes),
        }
    }

    /// One line.
    pub(crate) fn to_json(&self) -> Vec<u8> {
        let mut json = serde_json::to_vec(self).unwrap_or_default();
        json.push(b'\n');
        json
    }

    /// What has been signed, byte for byte.
    pub(super) fn message(&self) -> Result<Vec<u8>, SignatureError> {
        let payload = decode("payload", &self.payload)?;
        Ok(match self.payload_type.as_str() {
            // cosign's older kind signs the payload as it is. It is JSON, so it cannot begin as the others do.
            cosign::SIMPLE_SIGNING if payload.first() == Some(&b'{') => payload,
            cosign::SIMPLE_SIGNING => {
                return Err(SignatureError::Malformed("the payload is no object".into()));
            }
            kind => pre_authentication(kind, &payload),
        })
    }

    /// What it says of which component.
    pub(super) fn claim(&self) -> Result<Claim, SignatureError> {
        let payload = decode("payload", &self.payload)?;
        let manifest = || match &self.manifest {
            Some(manifest) => decode("manifest", manifest),
            None => Err(SignatureError::Malformed("the manifest that it is about is missing".into())),
        };
        match self.payload_type.as_str() {
            MEDIA_TYPE => serde_json::from_slice(&payload)
                .map_err(|error| SignatureError::Malformed(format!("what is signed is no claim: {error}"))),
            cosign::SIMPLE_SIGNING => cosign::simple(&payload, &manifest()?),
            cosign::IN_TOTO => cosign::statement(&payload, &manifest()?),
            other => Err(SignatureError::Malformed(format!("nothing is known of `{}`", other.escape_debug()))),
        }
    }
}

/// DSSE's PAE, as bytes.
fn pre_authentication(kind: &str, payload: &[u8]) -> Vec<u8> {
    let mut message = format!("DSSEv1 {} {kind} {} ", kind.len(), payload.len()).into_bytes();
    message.extend_from_slice(payload);
    message
}

fn decode(what: &str, text: &str) -> Result<Vec<u8>, SignatureError> {
    STANDARD.decode(text).map_err(|error| SignatureError::Malformed(format!("`{what}` is no base64: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_signed_names_its_kind_and_length() {
        // The example of DSSE's protocol.
        let message = pre_authentication("http://example.com/HelloWorld", b"hello world");
        assert_eq!(message, b"DSSEv1 29 http://example.com/HelloWorld 11 hello world");
    }
}
