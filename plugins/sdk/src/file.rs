//! Builders of files and of what is filled into them.

use crate::{File, Random};

impl File {
    /// A file by its absolute path, permission bits such as `0o644`, and contents.
    pub fn new(path: impl Into<String>, mode: u32, contents: impl Into<Vec<u8>>) -> Self {
        Self {
            path: path.into(),
            mode,
            contents: contents.into(),
            fill: Vec::new(),
            secret: false,
            attributes: Vec::new(),
        }
    }

    /// Its contents are shown nowhere.
    pub fn secret(mut self) -> Self {
        self.secret = true;
        self
    }

    /// With a random value that kubephase fills in. The file is then a secret, and made once: while it exists it is kept
    /// as it is.
    pub fn fill(mut self, random: Random) -> Self {
        self.fill.push(random);
        self
    }
}

impl Random {
    /// `length` random bytes (1 to 1024) in base64 (RFC 4648, with padding) where the placeholder, a text of at least 8
    /// bytes, stands in the contents.
    pub fn base64(placeholder: impl Into<String>, length: u32) -> Self {
        Self { placeholder: placeholder.into(), length, encoding: "base64".into() }
    }

    /// The same in hex.
    pub fn hex(placeholder: impl Into<String>, length: u32) -> Self {
        Self { placeholder: placeholder.into(), length, encoding: "hex".into() }
    }
}
