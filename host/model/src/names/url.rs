//! `host:port` and URLs, read as Go's `net.SplitHostPort` and kubeadm's `ParseHostPort` do.

use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

use super::is_dns1123_subdomain;

/// A host, by name or address, with a port or without.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostPort {
    /// Name or address; IPv6 without brackets.
    pub host: String,
    /// Port.
    pub port: Option<u16>,
}

/// Why a text is no `host[:port]`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HostPortError {
    /// The port is no number between 1 and 65535.
    #[error("port `{0}` is not a number between 1 and 65535")]
    Port(String),
    /// The host is neither an address nor a name.
    #[error("`{0}` is neither an IP address nor a DNS name")]
    Host(String),
}

impl HostPortError {
    /// What to write.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Host(host) if host.contains("://") => "leave the scheme out: `host` or `host:port`",
            Self::Host(host) if host.contains('[') => {
                "write an IPv6 address with a port as [2001:db8::1]:6443, without one as 2001:db8::1"
            }
            Self::Host(host) if host.chars().any(|c| c.is_ascii_uppercase()) => "write it in lower case",
            _ => "write it like cp.example.com:6443, 192.0.2.1 or [2001:db8::1]:6443",
        }
    }
}

/// Reads a port: digits only, 1 to 65535.
pub(super) fn port(text: &str) -> Option<u16> {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten().filter(|port| *port > 0)
}

/// Cuts `host:port`, `[v6]:port`; `None` if there is no port part or too many colons (Go's `net.SplitHostPort`).
pub fn split_host_port(text: &str) -> Option<(&str, &str)> {
    if let Some(rest) = text.strip_prefix('[') {
        let (host, rest) = rest.split_once(']')?;
        return rest.strip_prefix(':').filter(|port| !port.contains([':', '[', ']'])).map(|port| (host, port));
    }
    let (host, port) = text.rsplit_once(':')?;
    (!host.contains([':', '[', ']']) && !port.contains(['[', ']'])).then_some((host, port))
}

impl FromStr for HostPort {
    type Err = HostPortError;

    fn from_str(text: &str) -> Result<Self, HostPortError> {
        let (host, port_text) = split_host_port(text).unwrap_or((text, ""));
        let port = match port_text {
            "" => None,
            _ => Some(port(port_text).ok_or_else(|| HostPortError::Port(port_text.to_owned()))?),
        };
        if let Ok(address) = host.parse::<IpAddr>() {
            return Ok(Self { host: address.to_string(), port });
        }
        if is_dns1123_subdomain(host) {
            return Ok(Self { host: host.to_owned(), port });
        }
        Err(HostPortError::Host(host.to_owned()))
    }
}

impl HostPort {
    /// `host:port` with that port if it has none of its own.
    pub fn with_port(&self, default: u16) -> String {
        join_host_port(&self.host, self.port.unwrap_or(default))
    }

    /// The host as an address.
    pub fn address(&self) -> Option<IpAddr> {
        self.host.parse().ok()
    }
}

/// `host:port`, with brackets around IPv6.
pub fn join_host_port(host: &str, port: u16) -> String {
    if host.parse::<Ipv6Addr>().is_ok() { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

/// A URL with scheme and host, as etcd endpoints are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Url {
    /// Scheme, lower case.
    pub scheme: String,
    /// Host; IPv6 without brackets. Never empty.
    pub host: String,
    /// Port.
    pub port: Option<u16>,
    /// What follows: path, query.
    pub path: String,
}

impl Url {
    /// Reads `scheme://host[:port][/path]`.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let (scheme, rest) = text.split_once("://").ok_or("it has no scheme")?;
        let first = scheme.bytes().next().is_some_and(|b| b.is_ascii_alphabetic());
        if !first || !scheme.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.')) {
            return Err("its scheme is not valid");
        }
        if text.chars().any(|c| c.is_whitespace() || c.is_control()) {
            return Err("it contains white space");
        }
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        let authority = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
        let (host, port_text) = match split_host_port(authority) {
            Some((host, port)) => (host, port),
            None => match authority.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
                Some(host) => (host, ""),
                None => (authority, ""),
            },
        };
        if host.is_empty() {
            return Err("it has no host");
        }
        let is_ipv6 = authority.starts_with('[');
        if is_ipv6 != host.contains(':')
            || is_ipv6 && host.split('%').next().is_none_or(|ip| ip.parse::<Ipv6Addr>().is_err())
        {
            return Err("its host is not valid; an IPv6 address needs brackets");
        }
        let port = match port_text {
            "" => None,
            _ => Some(port(port_text).ok_or("its port is not a number between 1 and 65535")?),
        };
        Ok(Self { scheme: scheme.to_ascii_lowercase(), host: host.to_owned(), port, path: path.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn host_and_port() {
        for (text, host, port) in [
            ("a.example.com", "a.example.com", None),
            ("a.example.com:8443", "a.example.com", Some(8443)),
            ("192.0.2.1:1", "192.0.2.1", Some(1)),
            ("[2001:db8::1]:6443", "2001:db8::1", Some(6443)),
            ("2001:db8::1", "2001:db8::1", None),
            ("a:", "a", None),
        ] {
            assert_eq!(text.parse(), Ok(HostPort { host: host.into(), port }), "{text}");
        }
        for text in
            ["", "a:99999", "a:0", "a:+1", "a:b", "A.com", "https://a:1", "[::1]", "a_b", ":6443", "[::1]x:1", "a:1:2"]
        {
            assert!(text.parse::<HostPort>().is_err(), "{text}");
        }
        assert_eq!("2001:db8::1".parse::<HostPort>().unwrap().with_port(6443), "[2001:db8::1]:6443");
    }

    #[test]
    fn urls() {
        let url = Url::parse("HTTPS://[2001:db8::1]:2379/v3").unwrap();
        assert_eq!((url.scheme.as_str(), url.host.as_str(), url.port), ("https", "2001:db8::1", Some(2379)));
        assert_eq!(Url::parse("http://a").unwrap().port, None);
        for text in [
            "",
            "a:2379",
            "https://",
            "https:///x",
            "https://a:b",
            "https://a b",
            "://a",
            "https://2001:db8::1",
            "https://[x]:1",
            "1s://a",
        ] {
            assert!(Url::parse(text).is_err(), "{text}");
        }
    }
}
