//! Where a URL leads, read once: who decides about it and who asks must not read it differently.

use std::fmt;

/// A URL of a server: `https:` or `http:`, without user, password and fragment.
#[derive(Clone, PartialEq, Eq)]
pub struct Target(reqwest::Url);

/// It is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// It is no URL at all.
    #[error("it is no URL")]
    NoUrl,
    /// It is of another scheme.
    #[error("its scheme is neither https nor http")]
    Scheme,
    /// It holds credentials.
    #[error("it holds a user name or a password")]
    User,
}

impl Target {
    /// Reads a URL as browsers do (WHATWG), which is also how it is asked for.
    pub fn parse(url: &str) -> Result<Self, TargetError> {
        let mut url: reqwest::Url = url.parse().map_err(|_| TargetError::NoUrl)?;
        if !matches!(url.scheme(), "https" | "http") {
            return Err(TargetError::Scheme);
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(TargetError::User);
        }
        url.set_fragment(None);
        Ok(Self(url))
    }

    /// `https` or `http`.
    pub fn scheme(&self) -> &str {
        self.0.scheme()
    }

    /// In lower case; an IPv6 address without brackets.
    pub fn host(&self) -> &str {
        let host = self.0.host_str().unwrap_or_default();
        host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host)
    }

    /// The scheme's own if the URL names none.
    pub fn port(&self) -> u16 {
        self.0.port_or_known_default().unwrap_or_default()
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What follows a `?` may be as good as a password.
impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}:{}{}", self.scheme(), self.host(), self.port(), self.0.path())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_looks_like_another_host_is_told_as_it_is_asked() {
        for (url, scheme, host, port) in [
            ("https://Example.org", "https", "example.org", 443),
            ("http://example.org:8080/x?y#z", "http", "example.org", 8080),
            ("https://[2001:DB8::1]/", "https", "2001:db8::1", 443),
            ("https://granted.example\\.evil.example/", "https", "granted.example", 443),
            ("https://0x7f.1/", "https", "127.0.0.1", 443),
            ("https:\t//exa\nmple.org", "https", "example.org", 443),
        ] {
            let target = Target::parse(url).expect(url);
            assert_eq!((target.scheme(), target.host(), target.port()), (scheme, host, port), "{url}");
        }
        assert_eq!(Target::parse("http://example.org/a?b#c").expect("a URL").to_string(), "http://example.org/a?b");
    }

    #[test]
    fn others_are_refused() {
        assert_eq!(Target::parse("file:///etc/passwd"), Err(TargetError::Scheme));
        assert_eq!(Target::parse("https://granted.example@evil.example/"), Err(TargetError::User));
        assert_eq!(Target::parse("/x"), Err(TargetError::NoUrl));
    }
}
