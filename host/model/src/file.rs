//! A desired file: what pure code makes and the node makes true.

/// A file as it should be on the node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// Absolute path on the node.
    pub path: String,
    /// Permission bits from the moment it exists, for example `0o600`.
    pub mode: u32,
    /// Whole contents.
    pub contents: Vec<u8>,
    /// True if the contents are or hold a secret: diffs, events and logs then never show them.
    pub secret: bool,
}

impl File {
    /// A file anyone may read.
    pub fn public(path: impl Into<String>, contents: impl Into<Vec<u8>>) -> Self {
        Self { path: path.into(), mode: 0o644, contents: contents.into(), secret: false }
    }

    /// A file only its owner may read, whose contents are no secret (a static pod manifest).
    pub fn private(path: impl Into<String>, contents: impl Into<Vec<u8>>) -> Self {
        Self { path: path.into(), mode: 0o600, contents: contents.into(), secret: false }
    }

    /// A file with key material.
    pub fn secret(path: impl Into<String>, contents: impl Into<Vec<u8>>) -> Self {
        Self { path: path.into(), mode: 0o600, contents: contents.into(), secret: true }
    }
}
