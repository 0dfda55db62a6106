//! Manifests: what a registry keeps of a component, in the form that the CNCF's guidance for WebAssembly in registries
//! gives it, so that `wkg` and `oras` understand what we push and we what they push.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::digest::Digest;

/// A manifest.
pub const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
/// Several manifests.
pub const INDEX: &str = "application/vnd.oci.image.index.v1+json";
/// What a component's layer is.
pub const LAYER: &str = "application/wasm";
/// What a component's configuration is.
const CONFIG: &str = "application/vnd.wasm.config.v0+json";
/// A configuration that says nothing.
const EMPTY: &str = "application/vnd.oci.empty.v1+json";
/// That configuration itself.
pub const EMPTY_CONFIG: &[u8] = b"{}";

/// More bytes than this no manifest has; registries take no larger ones.
pub const LIMIT: u64 = 4 << 20;

/// A blob by what it is, its digest and its size.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Descriptor {
    pub media_type: String,
    pub digest: Digest,
    pub size: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact_type: Option<String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
}

/// A manifest, as far as it is used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Manifest {
    pub schema_version: u32,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub media_type: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact_type: Option<String>,
    pub config: Descriptor,
    #[serde(default)]
    pub layers: Vec<Descriptor>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<Descriptor>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
}

/// What refers to a manifest.
#[derive(Debug, Deserialize)]
pub struct Index {
    #[serde(default)]
    pub manifests: Vec<Descriptor>,
}

/// It is no manifest of a component.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ManifestError {
    /// It is no manifest at all.
    #[error("its manifest cannot be read: {0}")]
    Unreadable(String),
    /// It is an index.
    #[error("it is an index of several manifests, and a plugin has one")]
    Index,
    /// It is something else than a component.
    #[error("it has {0}, and a plugin has one layer of {LAYER}")]
    Layers(String),
}

/// The configuration of a component, as `wkg` writes it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Config<'a> {
    pub created: &'a str,
    pub author: Option<&'a str>,
    pub architecture: &'static str,
    pub os: &'static str,
    pub layer_digests: Vec<Digest>,
    pub component: Component<'a>,
}

/// What a component is from outside.
#[derive(Debug, Serialize)]
pub struct Component<'a> {
    pub exports: &'a [String],
    pub imports: &'a [String],
    pub target: Option<&'a str>,
}

impl Descriptor {
    /// Of bytes.
    pub fn of(media_type: &str, bytes: &[u8]) -> Self {
        Self {
            media_type: media_type.to_owned(),
            digest: Digest::of(bytes),
            size: bytes.len() as u64,
            artifact_type: None,
            annotations: BTreeMap::new(),
        }
    }
}

impl Manifest {
    /// Of a component and its configuration.
    pub fn of_component(config: &[u8], component: &[u8], annotations: BTreeMap<String, String>) -> Self {
        Self {
            schema_version: 2,
            media_type: MANIFEST.to_owned(),
            artifact_type: None,
            config: Descriptor::of(CONFIG, config),
            layers: vec![Descriptor::of(LAYER, component)],
            subject: None,
            annotations,
        }
    }

    /// Of one thing that is about another manifest.
    pub fn about(subject: Descriptor, kind: &str, contents: &[u8]) -> Self {
        Self {
            schema_version: 2,
            media_type: MANIFEST.to_owned(),
            artifact_type: Some(kind.to_owned()),
            config: Descriptor::of(EMPTY, EMPTY_CONFIG),
            layers: vec![Descriptor::of(kind, contents)],
            subject: Some(subject),
            annotations: BTreeMap::new(),
        }
    }

    /// Reads one.
    pub fn read(bytes: &[u8]) -> Result<Self, ManifestError> {
        #[derive(Deserialize)]
        struct Kind {
            manifests: Option<serde::de::IgnoredAny>,
        }

        let unreadable = |error: serde_json::Error| ManifestError::Unreadable(error.to_string());
        if serde_json::from_slice::<Kind>(bytes).map_err(unreadable)?.manifests.is_some() {
            return Err(ManifestError::Index);
        }
        let manifest: Self = serde_json::from_slice(bytes).map_err(unreadable)?;
        match (manifest.schema_version, manifest.media_type.as_str()) {
            (2, "" | MANIFEST) => Ok(manifest),
            (2, other) => Err(ManifestError::Unreadable(format!("it is of the type `{}`", other.escape_debug()))),
            (other, _) => Err(ManifestError::Unreadable(format!("it is of the unknown version {other}"))),
        }
    }

    /// The layer with the component.
    pub fn component(&self) -> Result<&Descriptor, ManifestError> {
        match self.layers.as_slice() {
            [layer] if layer.media_type == LAYER => Ok(layer),
            [layer] => Err(ManifestError::Layers(format!("a layer of {}", layer.media_type.escape_debug()))),
            layers => Err(ManifestError::Layers(format!("{} layers", layers.len()))),
        }
    }

    /// As it is sent.
    pub fn to_json(&self) -> Vec<u8> {
        // Structs with text and numbers: nothing of them can fail.
        serde_json::to_vec(self).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn written_and_read() {
        let manifest = Manifest::of_component(b"{}", b"\0asm", [("a".to_owned(), "b".to_owned())].into());
        let again = Manifest::read(&manifest.to_json()).expect("our own");
        assert_eq!(again, manifest);
        assert_eq!(again.component().expect("a component").digest, Digest::of(b"\0asm"));
    }

    #[test]
    fn what_is_no_component_is_told_apart() {
        let text = |manifest: &Manifest| String::from_utf8(manifest.to_json()).expect("text");
        let good = Manifest::of_component(b"{}", b"\0asm", BTreeMap::new());
        let image = text(&good).replace(LAYER, "application/vnd.oci.image.layer.v1.tar+gzip");
        let twice = Manifest { layers: [good.layers.clone(), good.layers.clone()].concat(), ..good.clone() };
        for (text, why) in [
            ("", "cannot be read"),
            ("[]", "cannot be read"),
            (r#"{"schemaVersion":2,"manifests":[]}"#, "index of several"),
            (r#"{"schemaVersion":1}"#, "cannot be read"),
            (&text(&good).replace("\"schemaVersion\":2", "\"schemaVersion\":1"), "version 1"),
            (&text(&good).replace(MANIFEST, "text/html"), "text/html"),
            (&image, "a layer of application/vnd.oci.image.layer.v1.tar+gzip"),
            (&text(&twice), "2 layers"),
            (&text(&Manifest { layers: Vec::new(), ..good.clone() }), "0 layers"),
            (&text(&good).replace("sha256:", "sha512:"), "cannot be read"),
        ] {
            let error = Manifest::read(text.as_bytes()).and_then(|manifest| manifest.component().cloned());
            let error = error.expect_err(text).to_string();
            assert!(error.contains(why), "{text}: {error}");
        }
    }
}
