//! The forms that an answer may have: what `Accept` asks for, and what is to be made of an object or a list for it.

use http::Response;
use serde_json::{Value, json};

use super::body::{self, Body};
use super::path::Params;
use crate::kinds::Kind;
use crate::status::Failure;
use crate::tables;

/// A form of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Json,
    Yaml,
    /// Rows to print, of this version of `meta.k8s.io`.
    Table(String),
    /// The metadata alone.
    Metadata(String),
    /// All of discovery in one document, of this version of `apidiscovery.k8s.io`.
    Discovery(String),
}

/// The media types that are named where none fits.
const OFFERED: &str = "application/json, application/yaml";

impl Form {
    /// The first form of `accept` that there is. Weights are not looked at: clients list what they like best first.
    pub(super) fn of(accept: &str) -> Result<Self, Failure> {
        if accept.trim().is_empty() {
            return Ok(Self::Json);
        }
        accept.split(',').find_map(Self::one).ok_or_else(|| Failure::not_acceptable(OFFERED))
    }

    fn one(clause: &str) -> Option<Self> {
        let mut parts = clause.split(';').map(str::trim);
        let media = parts.next()?;
        let mut parameters = std::collections::BTreeMap::new();
        parameters.extend(parts.filter_map(|part| part.split_once('=')));
        let version = || parameters.get("v").map_or_else(|| "v1".to_owned(), |v| (*v).to_owned());
        match (media, parameters.get("as").copied(), parameters.get("g").copied()) {
            ("application/json" | "application/*" | "*/*", None, _) => Some(Self::Json),
            ("application/yaml", None, _) => Some(Self::Yaml),
            ("application/json", Some("Table"), Some("meta.k8s.io")) => Some(Self::Table(version())),
            ("application/json", Some("PartialObjectMetadata" | "PartialObjectMetadataList"), Some("meta.k8s.io")) => {
                Some(Self::Metadata(version()))
            }
            ("application/json", Some("APIGroupDiscoveryList"), Some("apidiscovery.k8s.io"))
                if ["v2", "v2beta1"].contains(&version().as_str()) =>
            {
                Some(Self::Discovery(version()))
            }
            _ => None,
        }
    }

    /// An object or a list of a kind in this form.
    pub(super) fn shape(&self, kind: &Kind, object: &Value, params: &Params, now: std::time::SystemTime) -> Value {
        match self {
            Self::Table(version) => {
                let mut table = tables::table(kind, object, params.get("includeObject"), now);
                table["apiVersion"] = json!(format!("meta.k8s.io/{version}"));
                table
            }
            Self::Metadata(version) => metadata(object, version),
            Self::Json | Self::Yaml | Self::Discovery(_) if kind.is_custom() => in_version(kind, object),
            Self::Json | Self::Yaml | Self::Discovery(_) => object.clone(),
        }
    }

    /// Writes what [`Self::shape`] made.
    pub(super) fn write(&self, code: u16, content: &Value) -> Response<Body> {
        match self {
            Self::Yaml => match serde_yaml::to_string(content) {
                Ok(text) => body::answer(code, "application/yaml", text),
                Err(error) => body::failure(&Failure::internal(error)),
            },
            _ => body::json(code, content),
        }
    }
}

/// An object of a custom kind, or a list of them, in the version that is asked for: nothing else differs.
fn in_version(kind: &Kind, object: &Value) -> Value {
    let mut object = object.clone();
    if object["kind"] == "Status" {
        return object;
    }
    object["apiVersion"] = json!(kind.group_version());
    for item in object.get_mut("items").and_then(Value::as_array_mut).into_iter().flatten() {
        item["apiVersion"] = json!(kind.group_version());
        item["kind"] = json!(kind.kind);
    }
    object
}

fn metadata(object: &Value, version: &str) -> Value {
    let api_version = format!("meta.k8s.io/{version}");
    match object.get("items").and_then(Value::as_array) {
        Some(items) => json!({
            "kind": "PartialObjectMetadataList", "apiVersion": api_version, "metadata": object["metadata"],
            "items": items.iter().map(|item| metadata(item, version)).collect::<Vec<_>>(),
        }),
        None if object["kind"] == "Status" => object.clone(),
        None => json!({
            "kind": "PartialObjectMetadata", "apiVersion": api_version, "metadata": object["metadata"],
        }),
    }
}
