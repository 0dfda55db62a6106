//! Corefiles: the one that a release deploys, and what becomes of one that is in a cluster already. Knows which plugins
//! and options came and went between versions of CoreDNS (its release notes; the project corefile-migration), not what
//! they do.

mod changes;
mod defaults;
mod syntax;

pub use defaults::text;
pub use syntax::SyntaxError;

use syntax::Corefile;

/// What to do with a Corefile that the cluster has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Plan {
    /// Nobody has touched it: the release's own takes its place.
    Overwrite,
    /// It has been changed by hand and the new CoreDNS would refuse it, or would not work well with it.
    Migrate {
        /// What it becomes.
        corefile: String,
        /// What is different, and since which version.
        changes: Vec<String>,
    },
    /// It has been changed by hand and stays as it is.
    Retain,
    /// It has been changed by hand and cannot be judged or migrated: Corefile and Deployment should stay as they are.
    Failed(Failure),
}

/// Why a Corefile cannot be migrated.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// It cannot be read.
    #[error("cannot read the Corefile")]
    Syntax(#[source] SyntaxError),
    /// A tag of CoreDNS's image says nothing about its version.
    #[error("cannot tell the version of CoreDNS from the image tag `{0}`")]
    Tag(String),
    /// The cluster's CoreDNS is newer than the one to deploy.
    #[error("cannot migrate the Corefile from CoreDNS {from} back to {to}")]
    Downgrade {
        /// Tag in the cluster.
        from: String,
        /// Tag to deploy.
        to: String,
    },
    /// Something in it has no successor.
    #[error("cannot migrate the Corefile: {0}")]
    Change(String),
}

impl Failure {
    /// What to do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Syntax(_) => "correct the key `Corefile` of ConfigMap kube-system/coredns",
            Self::Tag(_) | Self::Change(_) => {
                "change the key `Corefile` of ConfigMap kube-system/coredns by hand so that the new CoreDNS takes it, \
                 then set the image of Deployment kube-system/coredns"
            }
            Self::Downgrade { .. } => "set `dns.imageTag` to the version that the cluster has, or to a newer one",
        }
    }
}

/// Decides about the Corefile `current`, written for the CoreDNS of image tag `from`, when `to` is deployed. One that is
/// empty or a default is overwritten whatever the versions; any other is kept, as far as the new CoreDNS can do with it.
pub fn plan(current: &str, from: &str, to: &str) -> Plan {
    let corefile = match Corefile::parse(current) {
        Ok(corefile) => corefile,
        Err(error) => return Plan::Failed(Failure::Syntax(error)),
    };
    if corefile.is_empty() || defaults::is_default(&corefile) {
        return Plan::Overwrite;
    }
    if from == to {
        return Plan::Retain;
    }
    match migrate(corefile, from, to) {
        Ok(None) => Plan::Retain,
        Ok(Some((corefile, changes))) => Plan::Migrate { corefile: corefile.to_string(), changes },
        Err(failure) => Plan::Failed(failure),
    }
}

fn migrate(corefile: Corefile, from: &str, to: &str) -> Result<Option<(Corefile, Vec<String>)>, Failure> {
    let version = |tag: &str| Version::of_tag(tag).ok_or_else(|| Failure::Tag(tag.to_owned()));
    let (old, new) = (version(from)?, version(to)?);
    if new < old {
        return Err(Failure::Downgrade { from: from.to_owned(), to: to.to_owned() });
    }
    changes::apply(corefile, old, new).map_err(Failure::Change)
}

/// A version of CoreDNS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Version(u64, u64, u64);

impl Version {
    /// Reads `1.7.0`, `v1.14.2`, and what distributors append to it.
    fn of_tag(tag: &str) -> Option<Self> {
        let tag = tag.split('@').next()?;
        let core = tag.strip_prefix('v').unwrap_or(tag).split(['-', '+', '_']).next()?;
        let mut parts = core.split('.').map(|part| part.parse().ok());
        let version = Self(parts.next()??, parts.next()??, parts.next()??);
        parts.next().is_none().then_some(version)
    }
}

impl std::fmt::Display for Version {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}.{}", self.0, self.1, self.2)
    }
}

#[cfg(test)]
mod tests;
