//! A client of registries (OCI distribution specification 1.1), with what plugins need of it: fetching a component and its
//! signatures, publishing both, listing tags. Everything that comes in is foreign: it is limited while it streams in, and
//! believed by its digest only. Credentials go to the registry and to the token server that it names, and never along
//! with a redirect.

mod challenge;
mod credentials;
mod error;
pub(crate) mod manifest;
mod pull;
mod push;
mod session;
mod signatures;
mod token;

use std::time::Duration;

use kubephase_model::plugin::PluginConfiguration;
use kubephase_model::plugin::config;
use kubephase_node::http::{Options as HttpOptions, Tls};
use kubephase_node::{FileError, Node};

use crate::digest::Digest;
use crate::reference::Location;

pub use credentials::CredentialsError;
pub use error::RegistryError;
pub use manifest::ManifestError;
pub use pull::Pulled;
pub use push::{Package, Pushed};
use session::Session;

/// How long a registry may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// For one answer, all of it.
    pub answer: Duration,
    /// How long it may keep silent.
    pub silence: Duration,
    /// How often something is asked that may succeed the next time.
    pub attempts: u32,
    /// Before the second attempt; doubled before each further one.
    pub pause: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            answer: Duration::from_secs(300),
            silence: Duration::from_secs(20),
            attempts: 3,
            pause: Duration::from_millis(500),
        }
    }
}

/// One registry, as one run of a command sees it.
#[derive(Debug)]
pub struct Registry {
    session: Session,
    host: String,
}

impl Registry {
    /// Prepares for a registry; nothing is sent. `base` is the directory that relative paths of the configuration start
    /// from.
    pub fn open(
        node: &Node,
        host: &str,
        configuration: &PluginConfiguration,
        base: &str,
        patience: Patience,
    ) -> Result<Self, RegistryError> {
        let rule = configuration.registries.iter().find(|registry| registry.host.eq_ignore_ascii_case(host));
        let tls = match rule.map(|rule| rule.ca_file.as_str()).filter(|path| !path.is_empty()) {
            Some(path) => Tls::SystemAnd(authorities(node, &crate::below(base, path))?),
            None => Tls::System,
        };
        let options = HttpOptions { tls, proxies: true, stay: true, ..HttpOptions::default() };
        let client = node.http(&options).map_err(RegistryError::Setup)?;
        let is_plain = rule.is_some_and(|rule: &config::Registry| rule.plain_http);
        let session = Session::new(node.clone(), client, host, is_plain, patience);
        Ok(Self { session, host: host.to_owned() })
    }

    /// All tags of a repository, sorted; those under which signatures are kept are left out.
    pub async fn tags(&self, repository: &str) -> Result<Vec<String>, RegistryError> {
        self.session.tags(repository).await
    }

    /// Digest of the manifest that a tag stands for.
    pub async fn resolve(&self, location: &Location) -> Result<Digest, RegistryError> {
        Ok(self.session.manifest(location).await?.digest)
    }

    /// Its host.
    pub fn host(&self) -> &str {
        &self.host
    }
}

/// PEM of the authorities in a file.
fn authorities(node: &Node, path: &str) -> Result<Vec<u8>, RegistryError> {
    let unusable = |source: Option<FileError>| RegistryError::Authorities { path: path.to_owned(), source };
    let pem = node.read(path).map_err(|error| unusable(Some(error)))?.ok_or_else(|| unusable(None))?;
    if pem.windows(27).any(|window| window == b"-----BEGIN CERTIFICATE-----") { Ok(pem) } else { Err(unusable(None)) }
}
