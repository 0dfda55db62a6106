//! Fetching a component. What its manifest says decides how large it may be, and its digest what it must be.

use serde::Deserialize;

use super::manifest::{self, Manifest};
use super::session::{Access, Call, Session, Target};
use super::{Registry, RegistryError};
use crate::COMPONENT_LIMIT;
use crate::digest::Digest;
use crate::reference::Location;

/// Tags of one page.
const TAGS: usize = 1000;
/// More pages nobody has.
const PAGES: usize = 100;

/// A component from a registry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pulled {
    /// Its bytes.
    pub component: Vec<u8>,
    /// Their digest.
    pub digest: Digest,
    /// The manifest through which it was found; `None` if the component was fetched by its own digest.
    pub manifest: Option<Vec<u8>>,
}

/// A manifest as it came.
#[derive(Clone, Debug)]
pub(super) struct Received {
    pub(super) bytes: Vec<u8>,
    pub(super) digest: Digest,
}

impl Registry {
    /// Fetches a component. If `pinned` is given it is that one: then it does not matter whether its tag has moved on
    /// meanwhile, as long as the registry keeps it.
    pub async fn pull(&self, location: &Location, pinned: Option<&Digest>) -> Result<Pulled, RegistryError> {
        let access = Access::pull(&location.repository, format!("pull {location}"));
        let moved = match self.session.manifest(location).await {
            Ok(received) => {
                let manifest = self.session.parse(location, &received)?;
                let layer = manifest.component().map_err(|source| no_plugin(location, source))?;
                match pinned {
                    Some(pinned) if layer.digest != *pinned => Some(layer.digest),
                    _ => {
                        let component = self.session.component(&access, location, &layer.digest, layer.size).await?;
                        let component = component
                            .ok_or_else(|| self.session.missing(format!("component {} of {location}", layer.digest)))?;
                        return Ok(Pulled { component, digest: layer.digest, manifest: Some(received.bytes) });
                    }
                }
            }
            Err(error) if error.is_missing() && pinned.is_some() && location.manifest.is_none() => None,
            Err(error) => return Err(error),
        };
        // Another tag may still have it, or nothing but the lack of a garbage collection.
        let Some(pinned) = pinned else { return Err(self.session.missing(location.to_string())) };
        match self.session.component(&access, location, pinned, COMPONENT_LIMIT).await? {
            Some(component) => Ok(Pulled { component, digest: *pinned, manifest: None }),
            None => Err(self.session.missing(match moved {
                Some(moved) => format!("component {pinned} any more: {location} is {moved} now"),
                None => format!("component {pinned}, and no {location} either"),
            })),
        }
    }
}

fn no_plugin(location: &Location, source: manifest::ManifestError) -> RegistryError {
    RegistryError::Manifest { what: location.to_string(), source }
}

impl Session {
    /// The manifest at a location.
    pub(super) async fn manifest(&self, location: &Location) -> Result<Received, RegistryError> {
        let access = Access::pull(&location.repository, format!("pull {location}"));
        let received = self.manifest_named(&access, &location.manifest_name(), location.manifest.as_ref()).await?;
        received.ok_or_else(|| self.missing(location.to_string()))
    }

    /// The manifest of a name, which may have a digest to fit; `None` if there is none.
    pub(super) async fn manifest_named(
        &self,
        access: &Access,
        name: &str,
        digest: Option<&Digest>,
    ) -> Result<Option<Received>, RegistryError> {
        let call = Call {
            accept: "application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json",
            ..Call::new("GET", format!("{}/manifests/{name}", access.repository))
        };
        let what = format!("the manifest {name}");
        let Some((bytes, _)) = self.fetch(&call, access, &what, manifest::LIMIT).await? else { return Ok(None) };
        if let Some(digest) = digest {
            self.check(&what, digest, &bytes)?;
        }
        Ok(Some(Received { digest: Digest::of(&bytes), bytes }))
    }

    pub(super) fn parse(&self, location: &Location, received: &Received) -> Result<Manifest, RegistryError> {
        Manifest::read(&received.bytes).map_err(|source| no_plugin(location, source))
    }

    async fn component(
        &self,
        access: &Access,
        location: &Location,
        digest: &Digest,
        size: u64,
    ) -> Result<Option<Vec<u8>>, RegistryError> {
        let what = format!("the component of {location}");
        if size > COMPONENT_LIMIT {
            return Err(RegistryError::TooLarge { host: self.host.clone(), what, limit: COMPONENT_LIMIT });
        }
        self.blob(access, digest, &what, size).await
    }

    pub(super) async fn tags(&self, repository: &str) -> Result<Vec<String>, RegistryError> {
        #[derive(Deserialize)]
        struct Page {
            tags: Option<Vec<String>>,
        }

        let access = Access::pull(repository, format!("list the tags of {repository}"));
        let base = self.base()?;
        let mut call = Call::new("GET", format!("{repository}/tags/list?n={TAGS}"));
        let mut tags = Vec::new();
        for _ in 0..PAGES {
            let answer = self.call(&call, &access).await?;
            if answer.status() == 404 {
                return Err(self.missing(format!("repository {repository}")));
            }
            let next = answer.header("link").and_then(next).map(str::to_owned);
            let body = answer.body(manifest::LIMIT).await;
            let body = body.map_err(|source| RegistryError::NoAnswer { host: self.host.clone(), source })?;
            let page: Page = serde_json::from_slice(&body).map_err(|_| self.nonsense("its list of tags is none"))?;
            tags.extend(page.tags.unwrap_or_default());
            let Some(next) = next else { break };
            let from = base.join(&format!("{repository}/tags/list")).map_err(|_| self.nonsense("its host is none"))?;
            let url = from.join(&next).map_err(|_| self.nonsense("its list of tags goes on at no URL"))?;
            if url.origin() != base.origin() {
                return Err(self.nonsense("its list of tags goes on elsewhere"));
            }
            call.target = Target::Url(url);
        }
        tags.retain(|tag| !is_for_signatures(tag));
        tags.sort();
        tags.dedup();
        Ok(tags)
    }
}

/// `<url>; rel="next"` (RFC 8288).
fn next(link: &str) -> Option<&str> {
    let (url, rest) = link.trim().strip_prefix('<')?.split_once('>')?;
    rest.contains("next").then_some(url)
}

/// `sha256-<64 digits>`, with or without something after it: signatures, attestations, lists of what refers to something.
fn is_for_signatures(tag: &str) -> bool {
    tag.strip_prefix("sha256-")
        .and_then(|rest| rest.get(..64))
        .is_some_and(|hex| hex.bytes().all(|b| b.is_ascii_hexdigit()))
}
