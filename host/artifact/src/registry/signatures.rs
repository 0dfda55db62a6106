//! Signatures in a registry: our own, in a tag that follows from the component's digest; cosign's, in a tag that follows
//! from the manifest's, or in what refers to the manifest. They are fetched here and judged elsewhere.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::manifest::{self, EMPTY_CONFIG, Index, Manifest};
use super::push::Pushed;
use super::session::{Access, Call, Session};
use super::{Registry, RegistryError};
use crate::digest::Digest;
use crate::reference::Location;
use crate::signature::{self, Bundle, COSIGN_SIGNATURE, Envelope, SIMPLE_SIGNING, Signature};

/// Nobody has more signatures of one thing.
const SIGNATURES: usize = 50;
/// One of cosign's, with certificates and proofs that we do not look at.
const ONE_LIMIT: u64 = 256 << 10;

/// The tag under which signatures of a component are.
pub(super) fn tag(component: &Digest) -> String {
    format!("sha256-{}.kubephase", component.hex())
}

impl Registry {
    /// All signatures of a component, as a file of them; empty if there are none. With a manifest, cosign's too.
    pub async fn signatures(
        &self,
        location: &Location,
        component: &Digest,
        manifest: Option<&[u8]>,
    ) -> Result<Vec<u8>, RegistryError> {
        let access = Access::pull(&location.repository, format!("pull the signatures of {location}"));
        let mut files = vec![self.session.own(&access, component).await?];
        if let Some(manifest) = manifest {
            files.push(self.session.older_cosign(&access, manifest).await?);
            files.push(self.session.newer_cosign(&access, manifest).await?);
        }
        let files: Vec<&[u8]> = files.iter().map(Vec::as_slice).collect();
        Ok(signature::merge(&files))
    }

    /// Puts signatures beside what was pushed, and beside signatures that are there.
    pub async fn attach(&self, location: &Location, pushed: &Pushed, signatures: &[u8]) -> Result<(), RegistryError> {
        let access = Access::push(&location.repository, format!("push signatures of {location}"));
        let there = self.session.own(&access, &pushed.component).await?;
        let contents = signature::merge(&[&there, signatures]);
        let manifest = Manifest::about(pushed.descriptor(), signature::MEDIA_TYPE, &contents);
        self.session.upload(&access, EMPTY_CONFIG).await?;
        self.session.upload(&access, &contents).await?;
        self.session.put_manifest(&access, &tag(&pushed.component), &manifest.to_json()).await
    }
}

impl Session {
    async fn own(&self, access: &Access, component: &Digest) -> Result<Vec<u8>, RegistryError> {
        let Some(received) = self.manifest_named(access, &tag(component), None).await? else { return Ok(Vec::new()) };
        let Ok(manifest) = Manifest::read(&received.bytes) else { return Ok(Vec::new()) };
        let mut files = Vec::new();
        for layer in manifest.layers.iter().filter(|l| l.media_type == signature::MEDIA_TYPE).take(SIGNATURES) {
            let limit = layer.size.min(signature::LIMIT);
            files.push(self.blob(access, &layer.digest, "a signature", limit).await?.unwrap_or_default());
        }
        let files: Vec<&[u8]> = files.iter().map(Vec::as_slice).collect();
        Ok(signature::merge(&files))
    }

    /// `sha256-….sig`: each layer is a payload, with the signature as an annotation.
    async fn older_cosign(&self, access: &Access, about: &[u8]) -> Result<Vec<u8>, RegistryError> {
        let tag = format!("sha256-{}.sig", Digest::of(about).hex());
        let Some(received) = self.manifest_named(access, &tag, None).await? else { return Ok(Vec::new()) };
        let Ok(manifest) = Manifest::read(&received.bytes) else { return Ok(Vec::new()) };
        let mut envelopes = Vec::new();
        for layer in manifest.layers.iter().filter(|l| l.media_type == SIMPLE_SIGNING).take(SIGNATURES) {
            let Some(sig) = layer.annotations.get(COSIGN_SIGNATURE) else { continue };
            let limit = layer.size.min(ONE_LIMIT);
            let Some(payload) = self.blob(access, &layer.digest, "a signature", limit).await? else { continue };
            envelopes.push(Envelope {
                payload_type: SIMPLE_SIGNING.to_owned(),
                payload: STANDARD.encode(payload),
                signatures: vec![Signature { keyid: String::new(), sig: sig.clone() }],
                manifest: Some(STANDARD.encode(about)),
            });
        }
        Ok(file(&envelopes))
    }

    /// Sigstore bundles among what refers to the manifest: by the registry's list of that, or by a tag where it has none.
    async fn newer_cosign(&self, access: &Access, about: &[u8]) -> Result<Vec<u8>, RegistryError> {
        let digest = Digest::of(about);
        let referrers =
            Call { accept: manifest::INDEX, ..Call::new("GET", format!("{}/referrers/{digest}", access.repository)) };
        let list = match self.fetch(&referrers, access, "the list of what refers to it", manifest::LIMIT).await {
            Ok(Some((list, _))) => Some(list),
            Ok(None) => {
                let tag = format!("sha256-{}", digest.hex());
                self.manifest_named(access, &tag, None).await?.map(|received| received.bytes)
            }
            // Registries that do not know the question answer all kinds of things.
            Err(RegistryError::Status { .. } | RegistryError::Redirect { .. }) => None,
            Err(error) => return Err(error),
        };
        let index = list.and_then(|list| serde_json::from_slice::<Index>(&list).ok());
        let referring = index.map(|index| index.manifests).unwrap_or_default();
        let is_bundle = |kind: &str| kind.starts_with(Bundle::MEDIA_TYPE);
        let mut envelopes = Vec::new();
        for entry in referring.iter().filter(|e| e.artifact_type.as_deref().is_some_and(is_bundle)).take(SIGNATURES) {
            let digest = entry.digest;
            let Some(received) = self.manifest_named(access, &digest.to_string(), Some(&digest)).await? else {
                continue;
            };
            let Ok(manifest) = Manifest::read(&received.bytes) else { continue };
            for layer in manifest.layers.iter().filter(|layer| is_bundle(&layer.media_type)).take(1) {
                let limit = layer.size.min(ONE_LIMIT);
                let Some(bundle) = self.blob(access, &layer.digest, "a signature", limit).await? else { continue };
                // Other kinds of bundles are nothing that we take for a signature.
                if let Ok(bundle) = serde_json::from_slice::<Bundle>(&bundle) {
                    envelopes.push(bundle.envelope(STANDARD.encode(about)));
                }
            }
        }
        Ok(file(&envelopes))
    }
}

fn file(envelopes: &[Envelope]) -> Vec<u8> {
    envelopes.iter().flat_map(Envelope::to_json).collect()
}
