//! Digests of content as the OCI image specification writes them: `sha256:` and hex digits.

use std::fmt;

use aws_lc_rs::digest::{Algorithm, Context, SHA256, SHA512};

/// The digest of a blob.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Digest {
    algorithm: &'static str,
    hex: String,
}

/// Computes a [`Digest`] piece by piece.
pub struct Hasher {
    name: &'static str,
    context: Context,
}

/// The registered algorithms of the specification.
static ALGORITHMS: [(&str, &Algorithm); 2] = [("sha256", &SHA256), ("sha512", &SHA512)];

impl Digest {
    /// Reads `sha256:<64 digits>` or `sha512:<128 digits>`, digits in lower case.
    pub fn parse(text: &str) -> Option<Self> {
        let (name, hex) = text.split_once(':')?;
        let (algorithm, kind) = ALGORITHMS.into_iter().find(|(known, _)| *known == name)?;
        let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        let fits = hex.len() == kind.output_len() * 2 && hex.bytes().all(is_digit);
        fits.then(|| Self { algorithm, hex: hex.to_owned() })
    }

    /// The SHA-256 digest of bytes.
    pub fn of(bytes: &[u8]) -> Self {
        let mut hasher = Hasher::new();
        hasher.update(bytes);
        hasher.finish()
    }

    /// Computes digests of the same kind.
    pub fn hasher(&self) -> Hasher {
        let kind = ALGORITHMS.into_iter().find(|(known, _)| *known == self.algorithm).map_or(&SHA256, |(_, kind)| kind);
        Hasher { name: self.algorithm, context: Context::new(kind) }
    }

    /// Where an image layout keeps the blob.
    pub fn path(&self) -> String {
        format!("blobs/{}/{}", self.algorithm, self.hex)
    }

    /// The other way round; `None` for what is no blob's path.
    pub fn of_path(path: &str) -> Option<Self> {
        let (algorithm, hex) = path.strip_prefix("blobs/")?.split_once('/')?;
        Self::parse(&format!("{algorithm}:{hex}"))
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.algorithm, self.hex)
    }
}

impl Hasher {
    /// Of SHA-256.
    pub fn new() -> Self {
        Self { name: "sha256", context: Context::new(&SHA256) }
    }

    /// Takes more bytes in.
    pub fn update(&mut self, bytes: &[u8]) {
        self.context.update(bytes);
    }

    /// The digest of all of them.
    pub fn finish(self) -> Digest {
        let digest = self.context.finish();
        let hex = digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        Digest { algorithm: self.name, hex }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 6234's algorithms over the empty message.
    const EMPTY: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    #[test]
    fn written_and_read() {
        let digest = Digest::of(b"");
        assert_eq!(digest.to_string(), EMPTY);
        assert_eq!(Digest::parse(EMPTY), Some(digest.clone()));
        assert_eq!(Digest::of_path(&digest.path()), Some(digest));
        let sha512 = format!("sha512:{}", "0".repeat(128));
        assert_eq!(Digest::parse(&sha512).expect("known").hasher().finish().to_string().len(), sha512.len());
    }

    #[test]
    fn what_is_no_digest() {
        for text in ["", "sha256:", "md5:00", "sha256:E3B0", &EMPTY.to_uppercase(), &EMPTY[..70], &format!("{EMPTY}0")]
        {
            assert_eq!(Digest::parse(text), None, "{text}");
        }
        for path in ["blobs/sha256/../x", "blobs/sha256", "index.json", "blobs/sha256/ab/cd"] {
            assert_eq!(Digest::of_path(path), None, "{path}");
        }
    }
}
