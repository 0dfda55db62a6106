//! What plugins propose: the records of `types.wit`, with their JSON as it stands in test cases and in `-o json`.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Good to know.
    Info,
    /// The run goes on.
    Warning,
    /// The run stops, unless the finding is ignored.
    Error,
}

/// Something that a plugin does not like, or wants to tell.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Finding {
    /// Name of the check, unique within the plugin.
    pub id: String,
    /// How bad it is.
    pub severity: Severity,
    /// What was seen.
    pub message: String,
    /// What should have been.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected: Option<String>,
    /// What to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
    /// URL of a page that says more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
}

/// A change to a document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Patch {
    /// What is patched.
    pub target: String,
    /// `json`, `merge` or `strategic`.
    pub language: String,
    /// The patch.
    pub body: Value,
    /// Why.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
}

/// A random value that is filled in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Random {
    /// The text that is replaced.
    pub placeholder: String,
    /// How many random bytes.
    pub length: u32,
    /// `base64` or `hex`.
    pub encoding: String,
}

/// A file that should exist on the node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ProposedFile {
    /// Absolute path.
    pub path: String,
    /// Permission bits.
    pub mode: u32,
    /// What is in it. As JSON a string if it is UTF-8, otherwise `{"base64": "…"}`.
    #[serde(with = "contents")]
    pub contents: Vec<u8>,
    /// Values to fill in.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fill: Vec<Random>,
    /// True if the contents are a secret.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub secret: bool,
}

/// Something that must come true.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Wait {
    /// `object`, `url` or `socket`.
    pub kind: String,
    /// Which one.
    pub target: String,
    /// What must be true of an object.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub condition: String,
    /// How long at most, in seconds.
    pub timeout_seconds: u32,
}

/// Everything that a plugin wants done.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Proposal {
    /// Verdicts.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<Finding>,
    /// Changes to documents.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub patches: Vec<Patch>,
    /// Objects of the cluster, whole.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub objects: Vec<Value>,
    /// Files of the node.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<ProposedFile>,
    /// Images that must be present.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub images: Vec<String>,
    /// Conditions.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub waits: Vec<Wait>,
}

/// Why a plugin could not do what it was asked for, in its own words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Failure {
    /// `denied`, `not-found`, `invalid`, `unavailable`, `too-large` or `other`.
    pub code: String,
    /// What went wrong.
    pub message: String,
    /// What to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
}

/// Bytes as text where they are text.
mod contents {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

    #[derive(Serialize, Deserialize)]
    #[serde(untagged)]
    enum Contents {
        Text(String),
        Bytes { base64: String },
    }

    pub fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        match std::str::from_utf8(bytes) {
            Ok(text) => serializer.serialize_str(text),
            Err(_) => Contents::Bytes { base64: STANDARD.encode(bytes) }.serialize(serializer),
        }
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        match Contents::deserialize(deserializer)? {
            Contents::Text(text) => Ok(text.into_bytes()),
            Contents::Bytes { base64 } => STANDARD.decode(base64).map_err(D::Error::custom),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contents_are_text_where_they_can_be() {
        let file = |contents: &[u8]| ProposedFile {
            path: "/a".into(),
            mode: 0o644,
            contents: contents.into(),
            fill: vec![],
            secret: false,
        };
        for (contents, json) in [
            (&b"x\n"[..], r#"{"path":"/a","mode":420,"contents":"x\n"}"#),
            (&[0xff][..], r#"{"path":"/a","mode":420,"contents":{"base64":"/w=="}}"#),
        ] {
            assert_eq!(serde_json::to_string(&file(contents)).expect("plain data"), json);
            assert_eq!(serde_json::from_str::<ProposedFile>(json).expect("our own"), file(contents));
        }
    }
}
