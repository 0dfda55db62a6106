//! When a change of a setting makes a cluster less closed. Values are texts, a list of them where it can be given more than
//! once or with commas.

/// A rule.
#[derive(Clone, Copy, Debug)]
pub(super) enum Opens {
    /// By any change.
    Always,
    /// By any change that does not end in one of these.
    Unless(&'static [&'static str]),
    /// By changing or taking away what is there; it may be added.
    Replaced,
    /// By losing an item.
    Losing,
    /// By gaining an item.
    Gaining,
    /// By losing one of the first, or gaining one that is none of the first.
    Keeping(&'static [&'static str]),
    /// By an item that has one of these in it.
    Containing(&'static [&'static str]),
}

impl Opens {
    /// Whether that change opens it.
    pub fn is_opened(self, before: &[String], after: &[String]) -> bool {
        if before == after {
            return false;
        }
        let (was, is) = (split(before), split(after));
        match self {
            Self::Always => true,
            Self::Unless(closed) => match after.last() {
                Some(value) => !closed.contains(&value.as_str()),
                None => before.last().is_some_and(|value| closed.contains(&value.as_str())),
            },
            Self::Replaced => !before.is_empty(),
            Self::Losing => was.iter().any(|item| !is.contains(item)),
            Self::Gaining => is.iter().any(|item| !was.contains(item)),
            Self::Keeping(wanted) => {
                wanted.iter().any(|item| was.contains(item) && !is.contains(item))
                    || is.iter().any(|item| !was.contains(item) && !wanted.contains(item))
                    || is.is_empty()
            }
            Self::Containing(marks) => {
                is.is_empty()
                    || is.iter().any(|item| !was.contains(item) && marks.iter().any(|mark| item.contains(mark)))
            }
        }
    }
}

fn split(values: &[String]) -> Vec<&str> {
    values.iter().flat_map(|value| value.split(',')).map(str::trim).filter(|item| !item.is_empty()).collect()
}

/// Marks of cipher suites that Go calls insecure, or that have no forward secrecy.
pub(super) const WEAK_CIPHERS: &[&str] = &["_RC4_", "_3DES_", "_CBC_", "TLS_RSA_", "_NULL_", "_EXPORT_"];
/// Versions of TLS that are not outdated.
pub(super) const TLS_VERSIONS: &[&str] = &["VersionTLS12", "VersionTLS13"];
/// Marks of switches that are turned off, in all spellings that Go has for it; with a space in it, it may be any.
pub(super) const OFF: &[&str] = &["=f", "=F", "=0", "= ", "=\t"];
/// Addresses that only the node itself reaches.
pub(super) const LOOPBACK: &[&str] = &["127.0.0.1", "::1", "localhost"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_opens() {
        let values = |text: &str| -> Vec<String> { text.split_whitespace().map(str::to_owned).collect() };
        for (rule, before, after, expected) in [
            (Opens::Always, "a", "b", true),
            (Opens::Always, "a", "a", false),
            (Opens::Unless(&["false"]), "", "false", false),
            (Opens::Unless(&["false"]), "", "true", true),
            (Opens::Unless(&["false"]), "false", "", true),
            (Opens::Unless(&["false"]), "true", "", false),
            (Opens::Unless(&["false"]), "false", "false true", true),
            (Opens::Unless(&["false"]), "false", "FALSE", true),
            (Opens::Replaced, "", "a", false),
            (Opens::Replaced, "a", "", true),
            (Opens::Losing, "a,b", "b,c", true),
            (Opens::Losing, "a,b", "b,c,a", false),
            (Opens::Gaining, "a,b", "a", false),
            (Opens::Gaining, "a", "a b", true),
            (Opens::Keeping(&["Node", "RBAC"]), "Node,RBAC", "RBAC,Node", false),
            (Opens::Keeping(&["Node", "RBAC"]), "Node,RBAC", "Node", true),
            (Opens::Keeping(&["Node", "RBAC"]), "Node,RBAC", "Node,RBAC,AlwaysAllow", true),
            (Opens::Keeping(&["Node", "RBAC"]), "Node,RBAC", "Node,RBAC AlwaysAllow", true),
            (Opens::Keeping(&["Node", "RBAC"]), "Node", "", true),
            (Opens::Keeping(&["Node", "RBAC"]), "", "Node,RBAC", false),
            (Opens::Containing(WEAK_CIPHERS), "", "TLS_AES_128_GCM_SHA256", false),
            (Opens::Containing(WEAK_CIPHERS), "", "TLS_AES_128_GCM_SHA256,TLS_RSA_WITH_RC4_128_SHA", true),
            (Opens::Containing(WEAK_CIPHERS), "TLS_AES_128_GCM_SHA256", "", true),
        ] {
            assert_eq!(rule.is_opened(&values(before), &values(after)), expected, "{rule:?} {before} → {after}");
        }
    }
}
