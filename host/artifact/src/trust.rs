//! Whose signature a source needs, by the operator's rules.

use kubephase_model::plugin::config::{PluginConfiguration, TrustRule, TrustedKey as Entry};
use kubephase_model::time::parse_rfc3339;
use kubephase_node::{FileError, Node};

use crate::key::{KeyError, PublicKey};
use crate::signature::TrustedKey;

/// A rule cannot be followed.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    /// It asks for signatures of nobody.
    #[error("the trust rule for `{source_prefix}` asks for signatures and names no keys, so nothing can satisfy it")]
    NoKeys {
        /// What sources begin with.
        source_prefix: String,
    },
    /// A key cannot be read.
    #[error("cannot use the key `{name}` of the trust rule for `{source_prefix}`")]
    Key {
        /// The key's name.
        name: String,
        /// What sources begin with.
        source_prefix: String,
        /// Why.
        #[source]
        source: KeyError,
    },
    /// A key's file cannot be read.
    #[error("cannot use the key `{name}` of the trust rule for `{source_prefix}`")]
    File {
        /// The key's name.
        name: String,
        /// What sources begin with.
        source_prefix: String,
        /// Why.
        #[source]
        source: FileError,
    },
    /// A key's file is not there.
    #[error("cannot use the key `{name}` of the trust rule for `{source_prefix}`: {path} does not exist")]
    Missing {
        /// The key's name.
        name: String,
        /// What sources begin with.
        source_prefix: String,
        /// The file.
        path: String,
    },
    /// A key's end is no time.
    #[error("cannot use the key `{name}` of the trust rule for `{source_prefix}`: `notAfter` is no RFC 3339 time")]
    NotAfter {
        /// The key's name.
        name: String,
        /// What sources begin with.
        source_prefix: String,
    },
}

impl TrustError {
    /// What to do about it.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::NoKeys { .. } => Some("add the maker's public key to `keys`, or say `signature: none`"),
            Self::Key { source, .. } => Some(source.hint()),
            Self::File { source, .. } => source.hint(),
            Self::Missing { .. } => Some("name a PEM file, relative to the file that says so, or use `publicKey`"),
            Self::NotAfter { .. } => Some("write it like 2027-01-31T00:00:00Z"),
        }
    }
}

/// What the rules ask of a source.
#[derive(Clone, Debug)]
pub(crate) enum Demand {
    /// A signature of one of these.
    Signed(Vec<TrustedKey>),
    /// Nothing, as somebody has written.
    Nothing,
    /// There is no rule for it.
    NoRule,
}

/// What the rules ask of a source. `spellings` are all that the source may be called: as it is written, and as it is
/// meant.
pub(crate) fn demand(
    node: &Node,
    configuration: &PluginConfiguration,
    spellings: &[&str],
    base: &str,
) -> Result<Demand, TrustError> {
    let fits = |rule: &&TrustRule| spellings.iter().any(|source| is_for(rule, source));
    let fitting: Vec<&TrustRule> = configuration.trust.iter().filter(fits).collect();
    let Some(longest) = fitting.iter().map(|rule| rule.source.len()).max() else { return Ok(Demand::NoRule) };
    let longest: Vec<&TrustRule> = fitting.into_iter().filter(|rule| rule.source.len() == longest).collect();
    // Of two rules for the same, the one that asks for more counts.
    let required: Vec<&TrustRule> = longest.into_iter().filter(|rule| rule.signature != "none").collect();
    let Some(first) = required.first() else { return Ok(Demand::Nothing) };
    let keys = required.iter().flat_map(|rule| rule.keys.iter().map(|key| read(node, rule, key, base)));
    let keys: Vec<TrustedKey> = keys.collect::<Result<_, _>>()?;
    if keys.is_empty() {
        return Err(TrustError::NoKeys { source_prefix: first.source.clone() });
    }
    Ok(Demand::Signed(keys))
}

/// A rule that asks for signatures is for all that begins so. One that asks for none ends where a name ends:
/// `oci://r/team` lets nobody else's `oci://r/team-b` in.
fn is_for(rule: &TrustRule, source: &str) -> bool {
    match source.strip_prefix(rule.source.as_str()) {
        Some(rest) if rule.signature == "none" => {
            rule.source.is_empty() || rule.source.ends_with('/') || rest.is_empty() || rest.starts_with(['/', ':', '@'])
        }
        rest => rest.is_some(),
    }
}

/// The keys of a rule; files are relative to `base`.
pub fn trusted_keys(node: &Node, rule: &TrustRule, base: &str) -> Result<Vec<TrustedKey>, TrustError> {
    rule.keys.iter().map(|key| read(node, rule, key, base)).collect()
}

fn read(node: &Node, rule: &TrustRule, entry: &Entry, base: &str) -> Result<TrustedKey, TrustError> {
    let (name, source_prefix) = (entry.name.clone(), rule.source.clone());
    let pem = match entry.public_key.is_empty() {
        false => entry.public_key.clone().into_bytes(),
        true => {
            let path = crate::below(base, &entry.public_key_file);
            match node.read(&path) {
                Ok(Some(pem)) => pem,
                Ok(None) => return Err(TrustError::Missing { name, source_prefix, path }),
                Err(source) => return Err(TrustError::File { name, source_prefix, source }),
            }
        }
    };
    let not_after = match entry.not_after.as_str() {
        "" => None,
        text => match parse_rfc3339(text) {
            None => return Err(TrustError::NotAfter { name, source_prefix }),
            moment => moment,
        },
    };
    match PublicKey::from_pem(&pem) {
        Ok(key) => Ok(TrustedKey { name, key, not_after }),
        Err(source) => Err(TrustError::Key { name, source_prefix, source }),
    }
}

#[cfg(test)]
mod tests;
