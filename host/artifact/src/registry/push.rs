//! Publishing a component, in the form in which `wkg oci push` does.

use std::collections::BTreeMap;

use kubephase_model::time::rfc3339;

use super::manifest::{Component, Config, Descriptor, MANIFEST, Manifest};
use super::session::{Access, Call, Session, Target};
use super::{Registry, RegistryError};
use crate::COMPONENT_LIMIT;
use crate::digest::Digest;
use crate::reference::Location;

/// A component, and what a registry's users are told of it.
#[derive(Clone, Debug, Default)]
pub struct Package {
    /// Its bytes.
    pub component: Vec<u8>,
    /// The plugin's name.
    pub name: String,
    /// The plugin's version.
    pub version: String,
    /// One line about it.
    pub about: String,
    /// Interfaces that it imports: `kubephase:plugin/facts@0.1.0`.
    pub imports: Vec<String>,
    /// Interfaces that it exports.
    pub exports: Vec<String>,
    /// More annotations of the manifest, such as `org.opencontainers.image.source`.
    pub annotations: BTreeMap<String, String>,
}

/// What was published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pushed {
    /// Digest of the component: what `digest:` of a plugin is.
    pub component: Digest,
    /// Digest of the manifest: what follows `@` in a source, and what cosign signs.
    pub manifest: Digest,
    /// Its size in bytes.
    pub manifest_size: u64,
}

impl Registry {
    /// Publishes a component under a tag. What is there already is not sent again.
    pub async fn push(&self, location: &Location, package: &Package) -> Result<Pushed, RegistryError> {
        if package.component.len() as u64 > COMPONENT_LIMIT {
            let what = format!("the component for {location}");
            return Err(RegistryError::TooLarge { host: self.host.clone(), what, limit: COMPONENT_LIMIT });
        }
        let access = Access::push(&location.repository, format!("push {location}"));
        let created = rfc3339(self.session.node.now());
        let config = config(package, &created);
        let manifest = Manifest::of_component(&config, &package.component, annotations(package, &created));
        self.session.upload(&access, &config).await?;
        self.session.upload(&access, &package.component).await?;
        let bytes = manifest.to_json();
        self.session.put_manifest(&access, location.tag(), &bytes).await?;
        let (component, manifest) = (Digest::of(&package.component), Digest::of(&bytes));
        Ok(Pushed { component, manifest, manifest_size: bytes.len() as u64 })
    }
}

impl Pushed {
    pub(super) fn descriptor(&self) -> Descriptor {
        let (digest, size) = (self.manifest, self.manifest_size);
        Descriptor { digest, size, ..Descriptor::of(MANIFEST, b"") }
    }
}

fn config(package: &Package, created: &str) -> Vec<u8> {
    let config = Config {
        created,
        author: None,
        architecture: "wasm",
        os: "wasip2",
        layer_digests: vec![Digest::of(&package.component)],
        component: Component { exports: &package.exports, imports: &package.imports, target: None },
    };
    // Structs with text: nothing of them can fail.
    serde_json::to_vec(&config).unwrap_or_default()
}

fn annotations(package: &Package, created: &str) -> BTreeMap<String, String> {
    let mut annotations = package.annotations.clone();
    let own = [
        ("title", &*package.name),
        ("version", &package.version),
        ("description", &package.about),
        ("created", created),
    ];
    for (name, value) in own.into_iter().filter(|(_, value)| !value.is_empty()) {
        annotations.entry(format!("org.opencontainers.image.{name}")).or_insert_with(|| value.to_owned());
    }
    annotations
}

impl Session {
    /// A blob, if it is not there yet.
    pub(super) async fn upload(&self, access: &Access, bytes: &[u8]) -> Result<(), RegistryError> {
        let digest = Digest::of(bytes);
        let head = Call::new("HEAD", format!("{}/blobs/{digest}", access.repository));
        if self.call(&head, access).await?.status() != 404 {
            return Ok(());
        }
        let begin = Call::new("POST", format!("{}/blobs/uploads/", access.repository));
        let answer = self.call(&begin, access).await?;
        let place = answer.header("location").ok_or_else(|| self.nonsense("it does not say where to upload"))?;
        let base = self.base()?;
        let mut url = base.join(place).map_err(|_| self.nonsense("where to upload is no URL"))?;
        if base.scheme() == "https" && url.scheme() != "https" {
            return Err(self.nonsense("it wants an upload without TLS"));
        }
        url.query_pairs_mut().append_pair("digest", &digest.to_string());
        let content_type = "application/octet-stream";
        let put = Call { target: Target::Url(url), content_type, body: bytes.to_vec(), ..Call::new("PUT", "") };
        match self.call(&put, access).await?.status() {
            404 => Err(self.nonsense("it has forgotten the upload that it began")),
            _ => Ok(()),
        }
    }

    pub(super) async fn put_manifest(&self, access: &Access, name: &str, bytes: &[u8]) -> Result<(), RegistryError> {
        let put = Call {
            content_type: MANIFEST,
            body: bytes.to_vec(),
            ..Call::new("PUT", format!("{}/manifests/{name}", access.repository))
        };
        match self.call(&put, access).await?.status() {
            404 => Err(self.missing(format!("repository {}", access.repository))),
            _ => Ok(()),
        }
    }
}
