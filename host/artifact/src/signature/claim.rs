//! What our own signatures say: which component, what it is called, and for how long that is said.

use serde::{Deserialize, Serialize};

use crate::digest::Digest;

/// What is signed. A field that is not known here might restrict what is claimed, so it is refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Claim {
    /// That of the component's bytes.
    pub digest: Digest,
    /// The plugin's name.
    #[serde(default)]
    pub name: String,
    /// The plugin's version.
    #[serde(default)]
    pub version: String,
    /// When it was signed: RFC 3339. For people; nothing depends on it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created: Option<String>,
    /// The signature is not valid any more after that moment: RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<String>,
}

impl Claim {
    /// Of a component, for ever.
    pub fn of(component: &[u8], name: &str, version: &str) -> Self {
        let (name, version) = (name.to_owned(), version.to_owned());
        Self { digest: Digest::of(component), name, version, created: None, expires: None }
    }
}
