//! Kinds that only the cluster knows: what its definitions of custom resources and its other API servers serve. A dry
//! run knows those that it would have defined itself.

use std::collections::BTreeMap;
use std::sync::Mutex;

use kubephase_model::names::is_dns1123_label;
use kubephase_model::object::{CUSTOM_RESOURCE_DEFINITION, KINDS, Kind, ObjectRef};
use serde_json::Value;

use super::retry::Request;
use super::{Api, ApiError};
use crate::node::lock;

/// Kinds by `apiVersion` and `kind`. What the server does not serve may come, and is asked for again.
#[derive(Debug, Default)]
pub struct Learnt(Mutex<BTreeMap<(String, String), &'static Kind>>);

impl Api {
    /// A kind of objects, with the name of its resource and whether its objects live in namespaces: from the table,
    /// from what this dry run would have defined, or from the server. `None` if nobody has it.
    pub async fn kind(&self, api_version: &str, kind: &str) -> Result<Option<&'static Kind>, ApiError> {
        if let Some(known) = Kind::find(api_version, kind) {
            return Ok(Some(known));
        }
        let key = (api_version.to_owned(), kind.to_owned());
        if let Some(known) = lock(&self.learnt.0).get(&key) {
            return Ok(Some(known));
        }
        if let Some(pretended) = &self.pretended {
            // Another client of the same dry run may have defined it.
            let definitions = lock(pretended).over(&CUSTOM_RESOURCE_DEFINITION, None, Vec::new());
            self.define(&definitions);
            if let Some(known) = lock(&self.learnt.0).get(&key) {
                return Ok(Some(known));
            }
        }
        let prefix = if api_version.contains('/') { "/apis" } else { "/api" };
        let request =
            Request::new("GET", format!("look which kinds {api_version} has"), format!("{prefix}/{api_version}"));
        let Some(list) = self.look(request).await? else { return Ok(None) };
        let found = list["resources"].as_array().into_iter().flatten().find_map(|resource| {
            let plural = resource["name"].as_str()?;
            // `deployments/status` is another way to the same objects.
            (resource["kind"] == kind && is_dns1123_label(plural))
                .then(|| Kind::learn(api_version, kind, plural, resource["namespaced"].as_bool().unwrap_or(false)))
        });
        if let Some(found) = found {
            lock(&self.learnt.0).insert(key, found);
        }
        Ok(found)
    }

    /// A kind of a group, in whichever version is served.
    pub async fn kind_in(&self, group: &str, kind: &str) -> Result<Option<&'static Kind>, ApiError> {
        let is = |known: &&'static Kind| known.group() == group && known.kind == kind;
        if let Some(known) = KINDS.iter().copied().find(is) {
            return Ok(Some(known));
        }
        if let Some(known) = lock(&self.learnt.0).values().copied().find(is) {
            return Ok(Some(known));
        }
        let request = Request::new("GET", format!("look which versions {group} has"), format!("/apis/{group}"));
        let Some(found) = self.look(request).await? else { return Ok(None) };
        match found.pointer("/preferredVersion/groupVersion").and_then(Value::as_str) {
            Some(version) => self.kind(version, kind).await,
            None => Ok(None),
        }
    }

    /// Has it know the kinds that these objects define, before they are there.
    pub fn define(&self, objects: &[Value]) {
        let definitions = objects.iter().filter(|object| object["kind"] == CUSTOM_RESOURCE_DEFINITION.kind);
        for spec in definitions.map(|definition| &definition["spec"]) {
            let (Some(group), Some(kind)) = (spec["group"].as_str(), spec["names"]["kind"].as_str()) else { continue };
            let versions = spec["versions"].as_array().into_iter().flatten();
            for version in versions.filter(|version| version["served"] != false) {
                let (Some(version), Some(plural)) = (version["name"].as_str(), spec["names"]["plural"].as_str()) else {
                    continue;
                };
                // It becomes a part of a path. The server's word is taken before that of a definition, which may be
                // anybody's.
                let key = (format!("{group}/{version}"), kind.to_owned());
                if is_dns1123_label(plural) && !lock(&self.learnt.0).contains_key(&key) {
                    let learnt = Kind::learn(&key.0, kind, plural, spec["scope"] != "Cluster");
                    lock(&self.learnt.0).insert(key, learnt);
                }
            }
        }
    }

    /// What `object` says that it is. An error if the cluster has no such kind, or if it has no name.
    pub async fn name(&self, object: &Value) -> Result<ObjectRef, ApiError> {
        let text = |path: &str| object.pointer(path).and_then(Value::as_str).filter(|text| !text.is_empty());
        let (Some(api_version), Some(kind), Some(name)) = (text("/apiVersion"), text("/kind"), text("/metadata/name"))
        else {
            let said = |path: &str| text(path).unwrap_or("?").to_owned();
            return Err(ApiError::Unnamed(format!("{} {}", said("/apiVersion"), said("/kind"))));
        };
        match self.kind(api_version, kind).await? {
            Some(kind) => Ok(ObjectRef::new(kind, Some(text("/metadata/namespace").unwrap_or("default")), name)),
            None => {
                Err(ApiError::UnknownKind { object: format!("{kind} {name}"), api_version: api_version.to_owned() })
            }
        }
    }
}
