//! Rules of ConfigMaps and Secrets.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::meta::too_long;
use super::{Problems, names, text};
use crate::kinds::Kind;

/// What an object holds may not be longer.
const LIMIT: usize = 1024 * 1024;

pub(super) fn check(kind: &Kind, object: &Value, problems: &mut Problems) {
    let secret = kind.kind == "Secret";
    let entries = |field: &str| object.get(field).and_then(Value::as_object).into_iter().flatten();
    let mut size = 0;
    for (key, value) in entries("data") {
        let path = format!("data[{key}]");
        problems.complaints(&path, &json!(key), names::config_key(key));
        if object["binaryData"].get(key).is_some() {
            problems.invalid(&path, &json!(key), "duplicate of key present in binaryData");
        }
        size += if secret { decoded(value).len() } else { value.as_str().unwrap_or_default().len() };
    }
    for (key, value) in entries("binaryData") {
        problems.complaints(&format!("binaryData[{key}]"), &json!(key), names::config_key(key));
        size += decoded(value).len();
    }
    if size > LIMIT {
        too_long(if secret { "data" } else { "[]" }, LIMIT, problems);
    }
    if secret {
        check_type(object, problems);
    }
}

/// What a Secret of a known type must hold.
fn check_type(object: &Value, problems: &mut Problems) {
    let required: &[&str] = match text(object, "type") {
        "kubernetes.io/service-account-token" => {
            let name = "kubernetes.io/service-account.name";
            if text(&object["metadata"]["annotations"], name).is_empty() {
                problems.required(format!("metadata.annotations[{name}]"), "");
            }
            &[]
        }
        "kubernetes.io/dockercfg" => &[".dockercfg"],
        "kubernetes.io/dockerconfigjson" => &[".dockerconfigjson"],
        "kubernetes.io/basic-auth" => {
            let data = &object["data"];
            if data.get("username").is_none() && data.get("password").is_none() {
                &["username", "password"]
            } else {
                &[]
            }
        }
        "kubernetes.io/ssh-auth" => &["ssh-privatekey"],
        "kubernetes.io/tls" => &["tls.crt", "tls.key"],
        _ => &[],
    };
    for key in required {
        let path = format!("data[{key}]");
        match object["data"].get(key) {
            None => problems.required(path, ""),
            Some(value) if key.starts_with(".docker") => {
                if let Err(error) = serde_json::from_slice::<Value>(&decoded(value)) {
                    problems.invalid(path, &json!("<secret contents redacted>"), &json_complaint(&error));
                }
            }
            Some(_) => {}
        }
    }
}

/// Says no more than where it stopped, for this is a secret.
fn json_complaint(error: &serde_json::Error) -> String {
    format!("no JSON (column {})", error.column())
}

fn decoded(value: &Value) -> Vec<u8> {
    STANDARD.decode(value.as_str().unwrap_or_default()).unwrap_or_default()
}
