//! The documents at `/openapi/v3` and `/openapi/v2`: what kubectl reads to explain kinds and to know that the server
//! validates. Made once of the published API descriptions, the table of kinds and the table of types; nothing is served
//! here.

mod paths;
mod schemas;

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::LazyLock;

use serde_json::{Map, Value, json};

use crate::kinds::{KINDS, Kind};

/// The documents by their path in the index, such as `apis/apps/v1`.
static DOCUMENTS: LazyLock<BTreeMap<String, Value>> = LazyLock::new(|| {
    let all = schemas::all();
    group_versions()
        .into_iter()
        .map(|(group, version)| {
            let of = || KINDS.iter().copied().filter(|kind| kind.group == group && kind.version == version);
            let document = json!({
                "openapi": "3.0.0",
                "info": { "title": "Kubernetes", "version": "1.36" },
                "paths": paths::of(of()),
                "components": { "schemas": needed(&all, of()) },
            });
            (root(group, version), document)
        })
        .collect()
});

/// What `/openapi/v3` answers: where the document of each group version is. The address names the content, so that
/// clients can keep it.
pub fn v3_index() -> Value {
    let paths = DOCUMENTS.iter().map(|(path, document)| {
        let mut hasher = DefaultHasher::new();
        document.to_string().hash(&mut hasher);
        let address = format!("/openapi/v3/{path}?hash={:016X}", hasher.finish());
        (path.clone(), json!({ "serverRelativeURL": address }))
    });
    json!({ "paths": paths.collect::<Map<_, _>>() })
}

/// The document of a group version, by its path in the index, such as `apis/apps/v1`.
pub fn v3(group_version_path: &str) -> Option<Value> {
    DOCUMENTS.get(group_version_path).cloned()
}

/// What `/openapi/v2` answers, as JSON: the same of all group versions together.
pub fn v2() -> Value {
    let mut definitions = Map::new();
    let mut paths = Map::new();
    for document in DOCUMENTS.values() {
        let part = |pointer: &str| document.pointer(pointer).and_then(Value::as_object).cloned().unwrap_or_default();
        definitions.extend(part("/components/schemas"));
        paths.extend(part("/paths"));
    }
    for schema in definitions.values_mut() {
        schemas::to_v2(schema);
    }
    json!({
        "swagger": "2.0",
        "info": { "title": "Kubernetes", "version": "1.36" },
        "paths": paths::to_v2(paths),
        "definitions": definitions,
    })
}

fn group_versions() -> BTreeSet<(&'static str, &'static str)> {
    KINDS.iter().map(|kind| (kind.group, kind.version)).collect()
}

/// Where a group version is served, without the slash before it.
fn root(group: &str, version: &str) -> String {
    if group.is_empty() { format!("api/{version}") } else { format!("apis/{group}/{version}") }
}

/// The schemas of the kinds, their lists and everything in them.
fn needed(all: &Map<String, Value>, kinds: impl Iterator<Item = &'static Kind>) -> Map<String, Value> {
    let mut wanted: Vec<String> = kinds
        .flat_map(|kind| {
            let name = schemas::name(kind);
            [format!("{name}List"), name]
        })
        .collect();
    let mut found = Map::new();
    while let Some(name) = wanted.pop() {
        if let Some(schema) = all.get(&name).filter(|_| !found.contains_key(&name)) {
            schemas::references(schema, &mut wanted);
            found.insert(name, schema.clone());
        }
    }
    found
}

#[cfg(test)]
mod tests;
