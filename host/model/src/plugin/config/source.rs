//! Where a plugin comes from, as far as the text says it.

use crate::names::{is_image_repository, is_image_tag};

/// What sources in registries begin with.
pub const OCI: &str = "oci://";

/// A source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source<'a> {
    /// In a registry: what follows `oci://`.
    Registry(&'a str),
    /// A file.
    Path(&'a str),
}

impl<'a> Source<'a> {
    /// Which one that is; otherwise what is wrong with it and what to do.
    pub fn read(text: &'a str) -> Result<Self, (&'static str, &'static str)> {
        const FORM: &str = "write `oci://host/repository[:tag]`, or the path of a component";
        if text.is_empty() {
            return Err(("it is empty", FORM));
        }
        if text.contains(|c: char| c.is_control()) {
            return Err(("it has a control character", "take it out"));
        }
        if let Some(place) = text.strip_prefix(OCI) {
            return if is_place(place) {
                Ok(Self::Registry(place))
            } else {
                Err(("it names no repository of a registry", FORM))
            };
        }
        match text.split_once("://") {
            Some(("http" | "https", _)) => Err(("plugins come from registries and files, not from web pages", FORM)),
            Some(("file", _)) => Err(("a file is named by its path alone", FORM)),
            Some(_) => Err(("its scheme is not known", FORM)),
            None => Ok(Self::Path(text)),
        }
    }

    /// Whether it comes over the network.
    pub fn is_remote(self) -> bool {
        matches!(self, Self::Registry(_))
    }
}

/// `host[:port]/repository[:tag][@digest]`.
fn is_place(place: &str) -> bool {
    let Some((host, rest)) = place.split_once('/') else { return false };
    let (rest, digest) = rest.split_once('@').map_or((rest, None), |(rest, digest)| (rest, Some(digest)));
    let (repository, tag) = rest.split_once(':').map_or((rest, None), |(repository, tag)| (repository, Some(tag)));
    let path = |path: &str| !path.is_empty() && is_image_repository(&format!("x/{path}"));
    is_image_repository(host) && path(repository) && tag.is_none_or(is_image_tag) && digest.is_none_or(is_sha256)
}

/// Whether a text is `sha256:` and 64 hex digits in lower case.
pub fn is_sha256(text: &str) -> bool {
    let hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
    text.strip_prefix("sha256:").is_some_and(|digits| digits.len() == 64 && digits.bytes().all(hex))
}

/// The same path seen from where the file's own path is seen from.
pub(super) fn beside(file: &str, path: &str) -> String {
    match file.rsplit_once('/') {
        _ if path.is_empty() || path.starts_with('/') => path.to_owned(),
        Some((directory, _)) => format!("{directory}/{}", path.trim_start_matches("./")),
        None => path.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources() {
        let pinned = format!("oci://a.example/b:1@sha256:{}", "a".repeat(64));
        for text in
            ["oci://registry.example/gpu-preflight:1.2.0", "oci://localhost:5000/a/b", "oci://[::1]:5000/a", &pinned]
        {
            assert!(Source::read(text).is_ok_and(Source::is_remote), "{text}");
        }
        for text in ["a.wasm", "./a.wasm", "../a/b.wasm", "/opt/a.wasm", "registry.example/a:1"] {
            assert!(Source::read(text).is_ok_and(|source| !source.is_remote()), "{text}");
        }
        for text in [
            "",
            "oci://",
            "oci://host",
            "oci://host/",
            "oci://host/A",
            "oci://host/a:",
            "oci://host/a:b:c",
            "oci:///a",
            "oci://host/a@sha256:1",
            "oci://u:p@host/a",
            "https://x/a.wasm",
            "file:///a.wasm",
            "docker://x/a",
            "OCI://host/a",
            "a\nb",
        ] {
            assert!(Source::read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn paths_are_seen_from_the_file() {
        for (file, path, expected) in [
            ("kubeadm.yaml", "a.wasm", "a.wasm"),
            ("conf/kubeadm.yaml", "./a.wasm", "conf/a.wasm"),
            ("/etc/k/kubeadm.yaml", "../a.wasm", "/etc/k/../a.wasm"),
            ("/etc/k/kubeadm.yaml", "/a.wasm", "/a.wasm"),
            ("/kubeadm.yaml", "a.wasm", "/a.wasm"),
            ("conf/kubeadm.yaml", "", ""),
        ] {
            assert_eq!(beside(file, path), expected, "{file} {path}");
        }
    }
}
