//! Where a plugin comes from, as the operator writes it: `oci://host[:port]/repository[:tag][@sha256:…]`, or a path. Only
//! the text is looked at here.

use std::fmt;
use std::str::FromStr;

use crate::digest::Digest;

/// What sources in registries begin with.
pub const SCHEME: &str = "oci://";
/// The tag that is meant if none is named.
pub const DEFAULT_TAG: &str = "latest";

/// A source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reference {
    /// In a registry.
    Registry(Location),
    /// A component in a file.
    Path(String),
}

/// A place in a registry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Location {
    /// `host` or `host:port`, in lower case.
    pub host: String,
    /// Such as `team/gpu-preflight`.
    pub repository: String,
    /// The tag, if one is named.
    pub tag: Option<String>,
    /// Digest of the manifest, not of the component in it.
    pub manifest: Option<Digest>,
}

/// A source that cannot be meant.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no source of a plugin: {why}")]
pub struct ReferenceError {
    text: String,
    why: &'static str,
    hint: &'static str,
}

impl ReferenceError {
    /// What to do about it.
    pub fn hint(&self) -> &'static str {
        self.hint
    }
}

const FORM: &str = "write `oci://host[:port]/repository[:tag][@sha256:…]`, or the path of a component";

impl Reference {
    /// The location, if it is one.
    pub fn location(&self) -> Option<&Location> {
        match self {
            Self::Registry(location) => Some(location),
            Self::Path(_) => None,
        }
    }
}

impl FromStr for Reference {
    type Err = ReferenceError;

    fn from_str(text: &str) -> Result<Self, ReferenceError> {
        let fail = |why, hint| ReferenceError { text: shown(text), why, hint };
        if text.is_empty() {
            return Err(fail("it is empty", FORM));
        }
        if text.chars().any(char::is_control) {
            return Err(fail("it has a control character", FORM));
        }
        match text.strip_prefix(SCHEME) {
            Some(rest) => location(rest).map(Self::Registry).map_err(|why| fail(why, FORM)),
            None if text.to_ascii_lowercase().starts_with(SCHEME) => Err(fail("`oci` is written small", FORM)),
            None => match text.split_once("://") {
                Some(("http" | "https", _)) => Err(fail(
                    "plugins come from registries and files, not from web pages",
                    "download it, look at it, and name the file; or push it to a registry and write `oci://…`",
                )),
                Some(("file", _)) => Err(fail("a file is named by its path alone", "take `file://` away")),
                Some(_) => Err(fail("nothing is known of this scheme", FORM)),
                None => Ok(Self::Path(text.to_owned())),
            },
        }
    }
}

/// The text without what looks like a password.
fn shown(text: &str) -> String {
    let plain: String = text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).take(300).collect();
    match plain.split_once("://") {
        Some((scheme, rest)) => match rest.split_once('/').map_or((rest, None), |(host, path)| (host, Some(path))) {
            (host, path) if host.contains('@') => {
                let host = host.rsplit('@').next().unwrap_or_default();
                format!("{scheme}://…@{host}{}", path.map(|path| format!("/{path}")).unwrap_or_default())
            }
            _ => plain,
        },
        None => plain,
    }
}

fn location(rest: &str) -> Result<Location, &'static str> {
    let (host, path) = rest.split_once('/').ok_or("it names no repository")?;
    if host.contains('@') {
        return Err("credentials do not belong into it, but into ~/.docker/config.json");
    }
    if path.contains(['?', '#']) {
        return Err("it has a `?` or `#`");
    }
    let host = host.to_ascii_lowercase();
    host_is_fine(&host)?;
    let (path, manifest) = match path.split_once('@') {
        Some((path, digest)) => (path, Some(digest.parse().map_err(|_| "what follows `@` is no SHA-256 digest")?)),
        None => (path, None),
    };
    let (repository, tag) = match path.rsplit_once(':') {
        Some((repository, tag)) => (repository, Some(tag)),
        None => (path, None),
    };
    if repository.is_empty() {
        return Err("it names no repository");
    }
    if repository.len() > 255 || !repository.split('/').all(is_component) {
        return Err("its repository has other characters than small letters, digits, and single `.`, `_`, `-` between");
    }
    if tag.is_some_and(|tag| !is_tag(tag)) {
        return Err("its tag has other characters than letters, digits, `_`, `.` and `-`, or more than 128");
    }
    Ok(Location { host, repository: repository.to_owned(), tag: tag.map(str::to_owned), manifest })
}

fn host_is_fine(host: &str) -> Result<(), &'static str> {
    let (name, port) = match host.strip_prefix('[') {
        Some(rest) => {
            let (address, after) = rest.split_once(']').ok_or("its address has no closing bracket")?;
            if address.parse::<std::net::Ipv6Addr>().is_err() {
                return Err("what is in brackets is no IPv6 address");
            }
            let port = match after {
                "" => None,
                after => Some(after.strip_prefix(':').ok_or("something follows the address in brackets")?),
            };
            ("v6", port)
        }
        None => host.split_once(':').map_or((host, None), |(name, port)| (name, Some(port))),
    };
    if port.is_some_and(|port| port.parse::<u16>().is_err() || port.starts_with(['+', '0'])) {
        return Err("its port is no number between 1 and 65535");
    }
    let label = |label: &str| {
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '-';
        !label.is_empty() && label.chars().all(plain) && !label.starts_with('-') && !label.ends_with('-')
    };
    if name.split('.').all(label) { Ok(()) } else { Err("its host is no host name and no address") }
}

/// OCI distribution specification: letters and digits, with `.`, `_`, `__` or any number of `-` between them.
fn is_component(part: &str) -> bool {
    let alphanumeric = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let separators = part.split(alphanumeric).filter(|separator| !separator.is_empty());
    part.starts_with(alphanumeric)
        && part.ends_with(alphanumeric)
        && separators.into_iter().all(|s| matches!(s, "." | "_" | "__") || s.chars().all(|c| c == '-'))
}

/// OCI distribution specification.
fn is_tag(tag: &str) -> bool {
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    tag.len() <= 128 && tag.starts_with(word) && tag.chars().all(|c| word(c) || matches!(c, '.' | '-'))
}

impl Location {
    /// What names the manifest in this repository: its digest, or else a tag.
    pub fn manifest_name(&self) -> String {
        match &self.manifest {
            Some(digest) => digest.to_string(),
            None => self.tag().to_owned(),
        }
    }

    /// The tag, `latest` if none is named.
    pub fn tag(&self) -> &str {
        self.tag.as_deref().unwrap_or(DEFAULT_TAG)
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{SCHEME}{}/{}", self.host, self.repository)?;
        self.tag.iter().try_for_each(|tag| write!(f, ":{tag}"))?;
        self.manifest.iter().try_for_each(|digest| write!(f, "@{digest}"))
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Registry(location) => location.fmt(f),
            Self::Path(path) => f.write_str(path),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    #[test]
    fn places_in_registries() {
        for (text, host, repository, tag) in [
            ("oci://registry.example/gpu", "registry.example", "gpu", None),
            ("oci://registry.example/team/gpu:1.2", "registry.example", "team/gpu", Some("1.2")),
            ("oci://localhost:5000/a__b/c.d-e--f:v_1", "localhost:5000", "a__b/c.d-e--f", Some("v_1")),
            ("oci://[2001:db8::1]:5000/x:y", "[2001:db8::1]:5000", "x", Some("y")),
            ("oci://Registry.Example/x", "registry.example", "x", None),
            ("oci://192.0.2.1/x", "192.0.2.1", "x", None),
        ] {
            let with = [text.to_owned(), format!("{text}@{DIGEST}")];
            for (text, manifest) in with.iter().zip([None, Some(Digest::of(b""))]) {
                let location =
                    Location { host: host.into(), repository: repository.into(), tag: tag.map(Into::into), manifest };
                let read: Reference = text.parse().expect(text);
                assert_eq!(read, Reference::Registry(location.clone()));
                assert_eq!(read.to_string(), text.to_lowercase());
                assert_eq!(location.tag(), tag.unwrap_or("latest"));
            }
        }
    }

    #[test]
    fn paths() {
        for text in ["gpu.wasm", "./a b/c.wasm", "/opt/x.wasm", "C:x", "a@b:c"] {
            assert_eq!(text.parse(), Ok(Reference::Path(text.to_owned())));
        }
    }

    #[test]
    fn what_cannot_be_meant_is_told_with_what_to_do() {
        for (text, why) in [
            ("", "empty"),
            ("x\n", "control character"),
            ("OCI://r/x", "small"),
            ("https://r/x.wasm", "web pages"),
            ("file:///x.wasm", "path alone"),
            ("ftp://x", "scheme"),
            ("oci://registry.example", "no repository"),
            ("oci://registry.example/", "no repository"),
            ("oci://registry.example/:x", "no repository"),
            ("oci:///x", "host"),
            ("oci://-x/x", "host"),
            ("oci://x..y/x", "host"),
            ("oci://r:0/x", "port"),
            ("oci://r:65536/x", "port"),
            ("oci://r:/x", "port"),
            ("oci://[::1/x", "bracket"),
            ("oci://[zz]/x", "IPv6"),
            ("oci://[::1]5/x", "follows the address"),
            ("oci://r/X", "repository"),
            ("oci://r/a//b", "repository"),
            ("oci://r/../b", "repository"),
            ("oci://r/a___b", "repository"),
            ("oci://r/a:-x", "tag"),
            ("oci://r/a:b/c", "tag"),
            ("oci://r/a@sha256:00", "digest"),
            ("oci://r/a?x", "`?`"),
        ] {
            let error = text.parse::<Reference>().expect_err(text);
            assert!(error.to_string().contains(why), "{text}: {error}");
            assert!(!error.hint().is_empty());
        }
    }

    #[test]
    fn passwords_are_not_repeated() {
        let error = "oci://me:hunter2@registry.example/x".parse::<Reference>().expect_err("credentials");
        assert_eq!(
            error.to_string(),
            "`oci://…@registry.example/x` is no source of a plugin: credentials do not belong into it, but into \
             ~/.docker/config.json"
        );
    }
}
