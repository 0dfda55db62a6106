//! Image repositories and tags, by the grammar of OCI references (`distribution/reference`).

/// Whether `<text>/name:tag` would be a valid image reference.
pub fn is_image_repository(text: &str) -> bool {
    let mut parts = text.split('/');
    let Some(first) = parts.next() else { return false };
    (is_domain(first) || is_path_part(first)) && parts.all(is_path_part)
}

/// Whether a text is an image reference: a repository, then perhaps a tag, then perhaps a digest.
pub fn is_image_reference(text: &str) -> bool {
    let (rest, digest) = text.split_once('@').map_or((text, None), |(rest, digest)| (rest, Some(digest)));
    let (repository, tag) = match rest.rsplit_once(':') {
        // A port's colon is before a slash.
        Some((repository, tag)) if !tag.contains(['/', ']']) => (repository, Some(tag)),
        _ => (rest, None),
    };
    let tag_and_digest = match (tag, digest) {
        (None, None) => "x".to_owned(),
        (tag, None) => tag.unwrap_or_default().to_owned(),
        (tag, Some(digest)) => format!("{}@{digest}", tag.unwrap_or("x")),
    };
    // A registry's name alone is a repository for images, and none of them.
    let is_name = repository.contains('/') || is_path_part(repository);
    text.len() <= 512 && is_name && is_image_repository(repository) && is_image_tag(&tag_and_digest)
}

/// Whether a text is a tag, or a tag and a digest (`3.6.8-0@sha256:…`).
pub fn is_image_tag(text: &str) -> bool {
    let (tag, digest) = text.split_once('@').map_or((text, None), |(tag, digest)| (tag, Some(digest)));
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let is_digest = |digest: &str| {
        digest.split_once(':').is_some_and(|(algorithm, hex)| {
            algorithm.starts_with(|c: char| c.is_ascii_alphabetic())
                && hex.len() >= 32
                && hex.bytes().all(|b| b.is_ascii_hexdigit())
        })
    };
    tag.len() <= 128
        && tag.starts_with(word)
        && tag.chars().all(|c| word(c) || matches!(c, '.' | '-'))
        && digest.is_none_or(is_digest)
}

/// `host[:port]` with host names of letters, digits and inner dashes, or an IPv6 address in brackets.
fn is_domain(text: &str) -> bool {
    let is_number = |port: &str| !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit());
    if let Some(rest) = text.strip_prefix('[') {
        return rest.split_once(']').is_some_and(|(address, port)| {
            !address.is_empty()
                && address.bytes().all(|b| b.is_ascii_hexdigit() || b == b':')
                && (port.is_empty() || port.strip_prefix(':').is_some_and(is_number))
        });
    }
    let (host, port) = text.split_once(':').map_or((text, None), |(host, port)| (host, Some(port)));
    let component = |part: &str| {
        !part.is_empty()
            && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
            && !part.starts_with('-')
            && !part.ends_with('-')
    };
    host.split('.').all(component) && port.is_none_or(is_number)
}

/// Lower-case letters and digits in runs, separated by `.`, `_`, `__` or any number of dashes.
fn is_path_part(text: &str) -> bool {
    let word = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let separator = |run: &str| matches!(run, "." | "_" | "__") || !run.is_empty() && run.bytes().all(|b| b == b'-');
    let bytes = text.as_bytes();
    bytes.first().is_some_and(|b| word(*b))
        && bytes.last().is_some_and(|b| word(*b))
        && text
            .split(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
            .filter(|run| !run.is_empty())
            .all(separator)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repositories() {
        for text in [
            "registry.k8s.io",
            "a/b",
            "localhost:5000",
            "REG.example.com/k8s",
            "[2001:db8::1]:5000/x",
            "a__b/c--d/e.f",
            "x",
        ] {
            assert!(is_image_repository(text), "{text}");
        }
        for text in
            ["", "/", "a/", "/a", "https://a", "a:b/c", "a/B", "a b", "a//b", "-a", "a/b:1", "a/b___c", "é", "a/é"]
        {
            assert!(!is_image_repository(text), "{text}");
        }
    }

    #[test]
    fn references() {
        let digest = format!("sha256:{}", "a".repeat(64));
        for text in ["a", "a:1", "registry.k8s.io/a/b:v1.2", "localhost:5000/a", "localhost:5000/a:1", "[::1]:5000/a:1"]
        {
            assert!(is_image_reference(text), "{text}");
            assert!(is_image_reference(&format!("{text}@{digest}")), "{text}@{digest}");
        }
        for text in ["", ":", "a:", "a/B", "a b", "https://a/b", "a@", "a@sha256:1", "a:1:2", "a\nb", "a/../b", "@x"] {
            assert!(!is_image_reference(text), "{text}");
        }
    }

    #[test]
    fn tags() {
        let digest = format!("v1@sha256:{}", "a".repeat(64));
        for text in ["v1.36.2", "3.6.8-0", "_x", "latest", &digest] {
            assert!(is_image_tag(text), "{text}");
        }
        for text in ["", "-a", ".a", "a b", "a:b", "a/b", "v1@sha256:x", &"a".repeat(129)] {
            assert!(!is_image_tag(text), "{text}");
        }
    }
}
