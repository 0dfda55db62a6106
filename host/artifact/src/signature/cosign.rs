//! Signatures that cosign made with a key: the older kind (Red Hat's simple signing, in the tag `sha256-….sig`) and the
//! newer one (an in-toto statement in a Sigstore bundle that refers to the manifest). Transparency logs and certificates
//! are not looked at: the key is what the operator trusts.

use serde::Deserialize;

use super::envelope::{Envelope, Signature};
use super::{Claim, SignatureError};
use crate::digest::Digest;
use crate::registry::manifest::Manifest;

/// Media type of the older kind's payload.
pub const SIMPLE_SIGNING: &str = "application/vnd.dev.cosign.simplesigning.v1+json";
/// Annotation of the older kind, with the signature in base64.
pub const SIGNATURE: &str = "dev.cosignproject.cosign/signature";
/// Payload type of the newer kind.
pub const IN_TOTO: &str = "application/vnd.in-toto+json";

/// What the older kind says that it is.
const SIMPLE_TYPE: &str = "cosign container image signature";
/// What the newer kind states: nothing but that it was signed. Attestations of other kinds are no signatures.
const SIGN_PREDICATE: &str = "https://sigstore.dev/cosign/sign/v1";
const STATEMENTS: [&str; 2] = ["https://in-toto.io/Statement/v1", "https://in-toto.io/Statement/v0.1"];

#[derive(Deserialize)]
struct Simple {
    critical: Critical,
}

#[derive(Deserialize)]
struct Critical {
    image: Image,
    #[serde(rename = "type")]
    kind: String,
}

#[derive(Deserialize)]
struct Image {
    #[serde(rename = "docker-manifest-digest")]
    digest: Digest,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Statement {
    #[serde(rename = "_type")]
    kind: String,
    subject: Vec<Subject>,
    predicate_type: String,
}

#[derive(Deserialize)]
struct Subject {
    digest: SubjectDigest,
}

#[derive(Deserialize)]
struct SubjectDigest {
    sha256: Option<String>,
}

/// A Sigstore bundle, as far as it is used.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Bundle {
    dsse_envelope: DsseEnvelope,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct DsseEnvelope {
    payload_type: String,
    payload: String,
    signatures: Vec<BundleSignature>,
}

#[derive(Deserialize)]
struct BundleSignature {
    sig: String,
}

impl Bundle {
    /// Begin of the media types of all versions.
    pub const MEDIA_TYPE: &str = "application/vnd.dev.sigstore.bundle";

    /// The same as one of our envelopes, with the manifest that it is about.
    pub fn envelope(self, manifest: String) -> Envelope {
        let DsseEnvelope { payload_type, payload, signatures } = self.dsse_envelope;
        let signatures = signatures.into_iter().map(|s| Signature { keyid: String::new(), sig: s.sig }).collect();
        Envelope { payload_type, payload, signatures, manifest: Some(manifest) }
    }
}

/// What the older kind says.
pub(super) fn simple(payload: &[u8], manifest: &[u8]) -> Result<Claim, SignatureError> {
    let malformed = |why: String| SignatureError::Malformed(format!("what cosign signed is not understood: {why}"));
    let Simple { critical } = serde_json::from_slice(payload).map_err(|error| malformed(error.to_string()))?;
    if critical.kind != SIMPLE_TYPE {
        return Err(malformed(format!("it is a `{}`", critical.kind.escape_debug())));
    }
    about(manifest, &[critical.image.digest])
}

/// What the newer kind says.
pub(super) fn statement(payload: &[u8], manifest: &[u8]) -> Result<Claim, SignatureError> {
    let malformed = |why: String| SignatureError::Malformed(format!("what cosign signed is not understood: {why}"));
    let statement: Statement = serde_json::from_slice(payload).map_err(|error| malformed(error.to_string()))?;
    if !STATEMENTS.contains(&statement.kind.as_str()) || statement.predicate_type != SIGN_PREDICATE {
        return Err(malformed(format!("it states `{}`", statement.predicate_type.escape_debug())));
    }
    let digests = statement.subject.into_iter().filter_map(|subject| subject.digest.sha256);
    let digests: Vec<Digest> = digests.filter_map(|hex| format!("sha256:{hex}").parse().ok()).collect();
    about(manifest, &digests)
}

/// From the manifest that was signed to the component in it. With another manifest, the claim is about another component.
fn about(manifest: &[u8], signed: &[Digest]) -> Result<Claim, SignatureError> {
    let own = Digest::of(manifest);
    if !signed.contains(&own) {
        let signed = signed.first().map_or_else(|| "nothing".to_owned(), Digest::to_string);
        return Err(SignatureError::Tampered {
            key: "cosign".into(),
            why: format!("{signed} was signed, and the manifest is {own}"),
        });
    }
    let component = Manifest::read(manifest).and_then(|manifest| Ok(manifest.component()?.digest));
    let digest = component.map_err(|error| SignatureError::Malformed(error.to_string()))?;
    Ok(Claim { digest, name: String::new(), version: String::new(), created: None, expires: None })
}
