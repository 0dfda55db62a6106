//! What a tree of node files means, as JSON: what may differ from run to run (keys, serials, times) is gone, and what
//! may be written in several ways (YAML) is one thing.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use super::certificate::{self, Authorities};
use super::tree::{Body, Entry, Tree};

/// Meaning by path.
pub type Meaning = BTreeMap<String, Value>;

/// What every entry means.
pub fn of(tree: &Tree) -> Meaning {
    let mut authorities = Authorities::default();
    for (path, entry) in tree {
        if let (true, Body::File(bytes)) = (path.ends_with(".crt"), &entry.body) {
            authorities.offer(path, bytes);
        }
    }
    tree.iter().map(|(path, entry)| (path.clone(), item(path, entry, tree, &authorities))).collect()
}

fn item(path: &str, entry: &Entry, tree: &Tree, authorities: &Authorities) -> Value {
    let (kind, contents) = match &entry.body {
        Body::Directory => ("directory", Value::Null),
        Body::Link(target) => ("link", json!(target)),
        Body::Withheld(label) => ("file", json!(label.iter().collect::<Vec<_>>())),
        Body::File(bytes) => ("file", file(path, bytes, tree, authorities)),
    };
    json!({ "kind": kind, "mode": format!("{:04o}", entry.mode), "owner": entry.owner, "contents": contents })
}

fn file(path: &str, bytes: &[u8], tree: &Tree, authorities: &Authorities) -> Value {
    let extension = path.rsplit_once('.').map(|(_, e)| e);
    match extension {
        Some("crt") => certificate::meaning(bytes, authorities),
        Some("key") => certificate::labels(bytes),
        Some("pub") => certificate::public_key(bytes),
        Some("conf") => match yaml(bytes) {
            Ok(config) => kubeconfig(config, tree, authorities),
            Err(e) => json!({ "not YAML": e }),
        },
        Some("yaml") => yaml(bytes).unwrap_or_else(|e| json!({ "not YAML": e })),
        _ => json!(String::from_utf8_lossy(bytes)),
    }
}

/// One YAML document as JSON. Keys must be unique; their order means nothing, that of lists does.
pub fn yaml(bytes: &[u8]) -> Result<Value, String> {
    serde_yaml::from_slice(bytes).map_err(|e| e.to_string())
}

/// Every document of a YAML stream.
pub fn yaml_documents(bytes: &[u8]) -> Result<Vec<Value>, String> {
    use serde::Deserialize as _;
    serde_yaml::Deserializer::from_slice(bytes)
        .map(|document| Value::deserialize(document).map_err(|e| e.to_string()))
        .filter(|document| !matches!(document, Ok(Value::Null)))
        .collect()
}

/// A kubeconfig with its embedded certificates and keys replaced by what they mean.
fn kubeconfig(mut config: Value, tree: &Tree, authorities: &Authorities) -> Value {
    embedded(&mut config, "clusters", "cluster", |cluster| {
        replace(cluster, "certificate-authority-data", |pem| {
            let same = tree.iter().find(|(path, e)| {
                path.ends_with(".crt") && matches!(&e.body, Body::File(bytes) if bytes.trim_ascii() == pem.trim_ascii())
            });
            json!({ "same as": same.map(|(path, _)| path), "certificate": certificate::meaning(pem, authorities) })
        });
    });
    embedded(&mut config, "users", "user", |user| {
        replace(user, "client-certificate-data", |pem| certificate::meaning(pem, authorities));
        replace(user, "client-key-data", certificate::labels);
    });
    config
}

fn embedded(config: &mut Value, list: &str, key: &str, change: impl Fn(&mut Map<String, Value>)) {
    for item in config.get_mut(list).and_then(Value::as_array_mut).into_iter().flatten() {
        if let Some(map) = item.get_mut(key).and_then(Value::as_object_mut) {
            change(map);
        }
    }
}

fn replace(map: &mut Map<String, Value>, key: &str, with: impl Fn(&[u8]) -> Value) {
    if let Some(value) = map.get_mut(key) {
        *value = match value.as_str().map(|text| STANDARD.decode(text)) {
            Some(Ok(pem)) => with(&pem),
            _ => json!({ "not base64": value.clone() }),
        };
    }
}
