//! The documents of an image layout (OCI image specification 1.1: image-layout, image-index, manifest, config), with
//! the fields that we look at, and Docker's older spellings of the same.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Annotation with an image's full name; containerd's.
pub const NAME: &str = "io.containerd.image.name";
/// Annotation with an image's tag, or with its full name; the specification's.
pub const REF_NAME: &str = "org.opencontainers.image.ref.name";
/// The one version of layouts that there is.
pub const LAYOUT_VERSION: &str = "1.0.0";

/// A document larger than this is none: manifests have some kilobytes, and registries refuse more.
pub const DOCUMENT_LIMIT: u64 = 4 << 20;

/// A blob by what it is, its digest and its size.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Descriptor {
    #[serde(default)]
    pub media_type: String,
    pub digest: String,
    pub size: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<Platform>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub annotations: Option<BTreeMap<String, String>>,
}

impl Descriptor {
    /// One annotation.
    pub fn annotation(&self, name: &str) -> Option<&str> {
        self.annotations.as_ref()?.get(name).map(String::as_str)
    }
}

/// What an image runs on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Platform {
    #[serde(default)]
    pub architecture: String,
    #[serde(default)]
    pub os: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
}

impl std::fmt::Display for Platform {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.os, self.architecture)?;
        self.variant.iter().filter(|variant| !variant.is_empty()).try_for_each(|variant| write!(f, "/{variant}"))
    }
}

/// `index.json`, and an image for several platforms.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Index {
    pub schema_version: u32,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub media_type: String,
    #[serde(default)]
    pub manifests: Vec<Descriptor>,
}

/// An image for one platform.
#[derive(Clone, Debug, Deserialize)]
pub struct Manifest {
    pub config: Descriptor,
    #[serde(default)]
    pub layers: Vec<Descriptor>,
}

/// `oci-layout`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Marker {
    pub image_layout_version: String,
}

/// What a media type stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// An [`Index`].
    Index,
    /// A [`Manifest`].
    Manifest,
    /// Something that no name may stand for.
    Other,
}

impl Kind {
    /// Of a media type.
    pub fn of(media_type: &str) -> Self {
        match media_type {
            INDEX | "application/vnd.docker.distribution.manifest.list.v2+json" => Self::Index,
            "application/vnd.oci.image.manifest.v1+json" | "application/vnd.docker.distribution.manifest.v2+json" => {
                Self::Manifest
            }
            _ => Self::Other,
        }
    }
}

/// The media type of `index.json`.
pub const INDEX: &str = "application/vnd.oci.image.index.v1+json";

/// Which of an image's platforms are meant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Platforms {
    /// That of this machine.
    #[default]
    Own,
    /// All that the image has.
    All,
}

impl Platforms {
    /// Whether content for `platform` is meant. What does not say its platform is for every one.
    pub fn wants(self, platform: Option<&Platform>) -> bool {
        let (Self::Own, Some(platform)) = (self, platform) else { return true };
        // The least of each architecture, which every machine of it runs.
        let variant = platform.variant.as_deref().unwrap_or_default();
        let least = match platform.architecture.as_str() {
            "amd64" => matches!(variant, "" | "v1"),
            "arm64" => matches!(variant, "" | "v8"),
            _ => true,
        };
        platform.os == "linux" && platform.architecture == architecture() && least
    }
}

/// This machine's architecture, as images name it.
pub fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn platforms_of_this_machine() {
        let platform = |os: &str, architecture: &str, variant: Option<&str>| Platform {
            os: os.into(),
            architecture: architecture.into(),
            variant: variant.map(Into::into),
        };
        let own = |platform| Platforms::Own.wants(Some(&platform));
        assert!(own(platform("linux", architecture(), None)));
        assert!(!own(platform("windows", architecture(), None)));
        assert!(!own(platform("linux", "s390x", None)));
        assert!(!own(platform("unknown", "unknown", None)));
        assert!(!own(platform("linux", "amd64", Some("v3"))));
        assert!(Platforms::Own.wants(None) && Platforms::All.wants(Some(&platform("linux", "s390x", None))));
        assert_eq!(platform("linux", "arm64", Some("v8")).to_string(), "linux/arm64/v8");
    }
}
