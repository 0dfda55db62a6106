//! Names and addresses: what is a valid DNS name, `host:port`, URL, image repository or subnet. Rules are those of
//! kubeadm and the Kubernetes API; nothing here resolves or connects.

use std::net::{IpAddr, Ipv6Addr};

mod cidr;
mod image;
mod url;

pub use cidr::{Cidr, CidrError};
pub use image::{is_image_reference, is_image_repository, is_image_tag};
pub use url::{HostPort, HostPortError, Url, join_host_port, split_host_port};

/// Whether a name is a lower-case RFC 1123 subdomain: labels of letters, digits and inner dashes, joined by dots,
/// 253 characters at most.
pub fn is_dns1123_subdomain(name: &str) -> bool {
    name.len() <= 253 && name.split('.').all(is_label)
}

/// Whether a name is a subdomain after a leading `*.`.
pub fn is_wildcard_subdomain(name: &str) -> bool {
    name.len() <= 253 && name.strip_prefix("*.").is_some_and(is_dns1123_subdomain)
}

/// Whether a name is a lower-case RFC 1123 label of 63 characters at most (the name of a volume or container).
pub fn is_dns1123_label(name: &str) -> bool {
    name.len() <= 63 && is_label(name)
}

fn is_label(label: &str) -> bool {
    let inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    !label.is_empty() && label.bytes().all(inner) && !label.starts_with('-') && !label.ends_with('-')
}

/// Whether a name is a qualified name as keys of labels and taints are: an optional DNS prefix and a slash, then up
/// to 63 letters, digits, dashes, dots and underscores that begin and end with a letter or digit.
pub fn is_qualified_name(name: &str) -> bool {
    let (prefix, name) = name.rsplit_once('/').map_or((None, name), |(prefix, name)| (Some(prefix), name));
    prefix.is_none_or(is_dns1123_subdomain) && !name.is_empty() && is_label_value(name)
}

/// Whether a text is the value of a label or taint: empty, or 63 characters as in [`is_qualified_name`].
pub fn is_label_value(value: &str) -> bool {
    let edge = |c: Option<char>| c.is_none_or(|c| c.is_ascii_alphanumeric());
    value.len() <= 63
        && value.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
        && edge(value.chars().next())
        && edge(value.chars().next_back())
}

/// Whether a text is a bootstrap token, `[a-z0-9]{6}.[a-z0-9]{16}`.
pub fn is_bootstrap_token(token: &str) -> bool {
    token.split_once('.').is_some_and(|(id, secret)| is_bootstrap_token_id(id) && is_token_part(secret, 16))
}

/// Whether a text is the id of a bootstrap token, `[a-z0-9]{6}`.
pub fn is_bootstrap_token_id(id: &str) -> bool {
    is_token_part(id, 6)
}

fn is_token_part(part: &str, len: usize) -> bool {
    part.len() == len && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
}

/// Whether a text is a group that a bootstrap token may have:
/// `system:bootstrappers:[a-z0-9:-]{0,255}[a-z0-9]`.
pub fn is_bootstrap_group(group: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b':' | b'-');
    group
        .strip_prefix("system:bootstrappers:")
        .is_some_and(|rest| (1..=256).contains(&rest.len()) && rest.bytes().all(allowed) && !rest.ends_with([':', '-']))
}

/// Whether an environment variable may have this name: printable ASCII without `=`, as the API server has it
/// since 1.30.
pub fn is_env_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|b| (b' '..=b'~').contains(&b) && b != b'=')
}

/// Whether an address can be told to others: not unspecified, loopback, multicast, link-local or broadcast (Go's
/// `IsGlobalUnicast`; private addresses are).
pub fn is_global_unicast(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(v4) => {
            !(v4.is_unspecified() || v4.is_loopback() || v4.is_multicast() || v4.is_link_local() || v4.is_broadcast())
        }
        IpAddr::V6(v6) => !(v6.is_unspecified() || v6.is_loopback() || v6.is_multicast() || is_link_local(v6)),
    }
}

fn is_link_local(address: Ipv6Addr) -> bool {
    address.segments()[0] & 0xffc0 == 0xfe80
}

/// Reads an RFC 3339 time such as `2026-11-23T10:00:00Z`; only the form and the ranges are checked.
pub fn is_rfc3339(text: &str) -> bool {
    let digits = |range: std::ops::Range<usize>, max: u32| {
        text.get(range).is_some_and(|part| {
            part.bytes().all(|b| b.is_ascii_digit()) && part.parse::<u32>().is_ok_and(|value| value <= max)
        })
    };
    let byte = |index: usize, wanted: &[u8]| text.as_bytes().get(index).is_some_and(|b| wanted.contains(b));
    let date = digits(0..4, 9999) && byte(4, b"-") && digits(5..7, 12) && byte(7, b"-") && digits(8..10, 31);
    let time = byte(10, b"T") && digits(11..13, 23) && byte(13, b":") && digits(14..16, 59) && byte(16, b":");
    let nonzero = text.get(5..7) != Some("00") && text.get(8..10) != Some("00");
    let Some(mut rest) = text.get(19..).filter(|_| date && time && nonzero && digits(17..19, 59)) else {
        return false;
    };
    if let Some(fraction) = rest.strip_prefix('.') {
        let end = fraction.find(|c: char| !c.is_ascii_digit()).unwrap_or(fraction.len());
        if end == 0 {
            return false;
        }
        rest = &fraction[end..];
    }
    let offset = |rest: &str| {
        let part = |range: std::ops::Range<usize>, max: u32| {
            rest.get(range).is_some_and(|p| {
                p.bytes().all(|b| b.is_ascii_digit()) && p.parse::<u32>().is_ok_and(|value| value <= max)
            })
        };
        rest.len() == 6 && rest.starts_with(['+', '-']) && part(1..3, 23) && &rest[3..4] == ":" && part(4..6, 59)
    };
    rest == "Z" || rest.is_ascii() && offset(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(is: fn(&str) -> bool, good: &[&str], bad: &[&str]) {
        for text in good {
            assert!(is(text), "{text:?}");
        }
        for text in bad {
            assert!(!is(text), "{text:?}");
        }
    }

    #[test]
    fn dns_names() {
        let long = "a".repeat(254);
        check(
            is_dns1123_subdomain,
            &["a", "node-1", "a.b.c", "1.2"],
            &["", "A", "a_b", "-a", "a-", "a..b", ".a", "a.", "ä", &long],
        );
        check(is_wildcard_subdomain, &["*.a", "*.a.b"], &["*", "*.", "a.*", "*.*.a", "*a.b"]);
        check(is_dns1123_label, &["a", "a-1"], &["a.b", &long[..64]]);
        check(
            is_qualified_name,
            &["a", "a.b/C_d", "node-role.kubernetes.io/control-plane"],
            &["", "/", "a/", "/a", "a/b/c", "-a", "a b", "A.b/c"],
        );
        check(is_label_value, &["", "a", "A-1.b_c"], &["-a", "a-", "a b", "ä"]);
    }

    #[test]
    fn tokens_groups_and_variables() {
        check(
            is_bootstrap_token,
            &["abcdef.0123456789abcdef"],
            &[
                "",
                "abcdef",
                "ABCDEF.0123456789abcdef",
                "abcdef.0123456789abcde",
                "abcdef.0123456789abcdef0",
                ".",
                "é.é",
            ],
        );
        check(
            is_bootstrap_group,
            &["system:bootstrappers:a", "system:bootstrappers:kubeadm:default-node-token"],
            &["system:bootstrappers:", "system:masters", "system:bootstrappers:A", "system:bootstrappers:a-"],
        );
        check(is_env_name, &["A", "my.var-1", "a b"], &["", "A=B", "ä", "a\n"]);
    }

    #[test]
    fn times() {
        check(
            is_rfc3339,
            &["2026-11-23T10:00:00Z", "2026-11-23T10:00:00.5+01:30"],
            &[
                "",
                "2026-11-23",
                "2026-13-23T10:00:00Z",
                "2026-11-23T10:00:00",
                "2026-11-23 10:00:00Z",
                "2026-11-23T10:00:00.Z",
                "2026-11-23T10:00:00+1:00",
                "2026-11-23T10:00:00é",
                "tomorrow at noon, maybe",
            ],
        );
    }

    #[test]
    fn global_unicast_is_gos() {
        let is = |text: &str| is_global_unicast(text.parse().unwrap());
        for text in ["10.0.0.1", "192.0.2.1", "2001:db8::1", "fd00::1", "::ffff:10.0.0.1"] {
            assert!(is(text), "{text}");
        }
        for text in
            ["0.0.0.0", "127.0.0.1", "169.254.1.1", "224.0.0.1", "255.255.255.255", "::", "::1", "fe80::1", "ff02::1"]
        {
            assert!(!is(text), "{text}");
        }
    }
}
