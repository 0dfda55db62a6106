//! A machine of its own for a test: files below a temporary root, a fixed time, and who it is to a registry.

use std::error::Error;
use std::time::{Duration, UNIX_EPOCH};

use kubephase_artifact::{
    Artifact, ArtifactError, Cache, Location, Options, Patience, Reference, Registry, RegistryError, obtain,
};
use kubephase_model::File;
use kubephase_model::plugin::config::Registry as Rule;
use kubephase_model::plugin::{PluginConfiguration, PluginEntry};
use kubephase_node::{Ambient, Node};
use serde_json::{Value, json};

/// The smallest component there is.
pub const COMPONENT: &[u8] = b"\0asm\x0d\0\x01\0";
/// Quick to give up.
pub const PATIENCE: Patience = Patience {
    answer: Duration::from_secs(10),
    silence: Duration::from_secs(5),
    attempts: 3,
    pause: Duration::from_millis(10),
};

pub struct Bench {
    pub root: tempfile::TempDir,
    pub host: String,
    pub configuration: PluginConfiguration,
    pub patience: Patience,
}

impl Bench {
    /// For a registry, with TLS of the authority in PEM if one is given.
    pub fn new(host: &str, authority: Option<&str>) -> Self {
        let root = tempfile::tempdir().expect("a root");
        let rule = Rule {
            host: host.into(),
            ca_file: authority.map(|_| "ca.pem".into()).unwrap_or_default(),
            plain_http: authority.is_none(),
        };
        let configuration = PluginConfiguration { registries: vec![rule], ..PluginConfiguration::default() };
        let bench = Self { root, host: host.to_owned(), configuration, patience: PATIENCE };
        if let Some(authority) = authority {
            bench.put("/etc/ca.pem", authority.as_bytes());
        }
        bench
    }

    pub fn node(&self) -> Node {
        let now = Some(UNIX_EPOCH + Duration::from_secs(1_795_401_500));
        let env = vec![("HOME".into(), "/root".into()), ("PATH".into(), "/usr/bin".into())];
        Node::fixed(self.root.path(), Ambient { now, env, ..Ambient::default() })
    }

    pub fn put(&self, path: &str, contents: &[u8]) {
        self.node().ensure(&File::public(path, contents)).expect("written");
    }

    /// What `docker login` would write.
    pub fn login(&self, entry: &Value) {
        self.put("/root/.docker/config.json", json!({ "auths": { &self.host: entry } }).to_string().as_bytes());
    }

    pub fn password(&self, name: &str, password: &str) {
        self.login(&json!({ "username": name, "password": password }));
    }

    pub fn location(&self, rest: &str) -> Location {
        let reference: Reference = format!("oci://{}/{rest}", self.host).parse().expect("a reference");
        reference.location().expect("a location").clone()
    }

    pub fn registry(&self) -> Registry {
        self.try_registry().expect("ready")
    }

    pub fn try_registry(&self) -> Result<Registry, RegistryError> {
        Registry::open(&self.node(), &self.host, &self.configuration, "/etc", self.patience)
    }

    pub fn cache() -> Cache {
        Cache::new("/var/cache/plugins")
    }

    pub fn options(&self) -> Options {
        Options { cache: Some(Self::cache()), base: "/etc".into(), offline: false, patience: self.patience }
    }

    pub fn entry(&self, rest: &str, digest: &str) -> PluginEntry {
        PluginEntry {
            name: "x".into(),
            source: format!("oci://{}/{rest}", self.host),
            digest: digest.into(),
            ..PluginEntry::default()
        }
    }

    pub async fn obtain(&self, rest: &str, digest: &str) -> Result<Artifact, ArtifactError> {
        obtain(&self.node(), &self.entry(rest, digest), &self.configuration, &self.options()).await
    }

    pub async fn obtain_offline(&self, rest: &str, digest: &str) -> Result<Artifact, ArtifactError> {
        let options = Options { offline: true, ..self.options() };
        obtain(&self.node(), &self.entry(rest, digest), &self.configuration, &options).await
    }
}

/// An error with all its causes, as it is told.
pub fn told(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text = format!("{text}: {cause}");
        next = cause.source();
    }
    text
}

pub fn block_on<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime").block_on(future)
}
