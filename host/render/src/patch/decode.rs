//! What Go makes of an object that is decoded into its type and encoded again, which is what happens to a patched
//! manifest: unknown fields go, zero values that the encoder omits go, those that it writes appear, amounts get their
//! canonical spelling. Knows the table of types, nothing about patches.

use kubephase_model::component::schema::is_zero;
use kubephase_model::config::record::join;
use serde_json::{Map, Value};

use super::quantity;
use super::schema::{self, Field, Type, Zero};

/// A value of the wrong type: the decoder refuses the whole object.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{path}` must be {expected}, not {found}")]
pub struct WrongType {
    /// Where, such as `spec.containers[0].args`.
    pub path: String,
    /// What the field takes, as a noun with its article.
    pub expected: &'static str,
    /// What stands there, likewise.
    pub found: &'static str,
}

/// Decodes and encodes `value`. Paths of fields that the type does not have are added to `dropped`.
pub(super) fn recode(value: Value, ty: &Type, path: &str, dropped: &mut Vec<String>) -> Result<Value, WrongType> {
    let fits = match (ty, value) {
        (Type::Any, value) => Ok(value),
        (_, Value::Null) => Ok(zero(ty)),
        (Type::Object(name), Value::Object(map)) => {
            object(schema::fields(name), map, path, dropped).map(Value::Object).map(Ok)?
        }
        (Type::List(item), Value::Array(items)) => {
            let items = items.into_iter().enumerate();
            let items = items.map(|(i, value)| recode(value, item, &format!("{path}[{i}]"), dropped));
            Ok(Value::Array(items.collect::<Result<_, _>>()?))
        }
        (Type::Map(item), Value::Object(map)) => {
            let entries = map.into_iter().map(|(key, value)| {
                let value = recode(value, item, &join(path, &key), dropped)?;
                Ok((key, value))
            });
            Ok(Value::Object(entries.collect::<Result<_, _>>()?))
        }
        (Type::Bool, value @ Value::Bool(_))
        | (Type::String | Type::Bytes | Type::Time | Type::MicroTime | Type::IntOrString, value @ Value::String(_)) => {
            Ok(value)
        }
        (Type::Int32 | Type::Int64 | Type::IntOrString, value) => {
            let narrow = !matches!(ty, Type::Int64);
            whole(&value).filter(|n| !narrow || i32::try_from(*n).is_ok()).map(Value::from).ok_or(value)
        }
        (Type::Quantity, value) => match &value {
            Value::String(text) => quantity::canonical(text).map(Value::from).ok_or(value),
            Value::Number(number) => quantity::canonical(&number.to_string()).map(Value::from).ok_or(value),
            _ => Err(value),
        },
        (_, value) => Err(value),
    };
    fits.map_err(|value| WrongType { path: path.to_owned(), expected: expected(ty), found: noun(&value) })
}

fn object(
    fields: &[Field],
    mut map: Map<String, Value>,
    path: &str,
    dropped: &mut Vec<String>,
) -> Result<Map<String, Value>, WrongType> {
    let mut encoded = Map::new();
    for field in fields {
        let value = match map.remove(field.name).filter(|value| !value.is_null()) {
            Some(value) => {
                let value = recode(value, &field.ty, &join(path, field.name), dropped)?;
                (field.zero != Zero::Omit || !is_zero(&value)).then_some(value)
            }
            None => match field.zero {
                Zero::Omit | Zero::Keep => None,
                Zero::Write => Some(zero(&field.ty)),
                Zero::WriteNull => Some(Value::Null),
            },
        };
        if let Some(value) = value {
            encoded.insert(field.name.to_owned(), value);
        }
    }
    dropped.extend(map.keys().map(|key| join(path, key)));
    Ok(encoded)
}

/// What the encoder writes for a value that was never set.
fn zero(ty: &Type) -> Value {
    match ty {
        Type::String => Value::from(""),
        Type::Bool => Value::from(false),
        Type::Int32 | Type::Int64 | Type::IntOrString => Value::from(0),
        Type::Quantity => Value::from("0"),
        Type::Bytes | Type::Time | Type::MicroTime | Type::List(_) | Type::Map(_) => Value::Null,
        Type::Any => Value::Object(Map::new()),
        Type::Object(name) => {
            Value::Object(object(schema::fields(name), Map::new(), "", &mut Vec::new()).unwrap_or_default())
        }
    }
}

/// The integer; `3.0` is one, for YAML reaches Go's decoder by way of JSON, which writes it as `3`.
fn whole(value: &Value) -> Option<i64> {
    let exact = |float: &f64| float.fract() == 0.0 && float.abs() < 9e15;
    value.as_i64().or_else(|| value.as_f64().filter(exact).map(|float| float as i64))
}

fn expected(ty: &Type) -> &'static str {
    match ty {
        Type::String => "a string",
        Type::Bool => "true or false",
        Type::Int32 => "a 32-bit integer",
        Type::Int64 => "a 64-bit integer",
        Type::Quantity => "an amount such as 100m or 2Gi",
        Type::IntOrString => "an integer or a string",
        Type::Bytes => "binary data in base64",
        Type::Time | Type::MicroTime => "a time",
        Type::Any => "anything",
        Type::List(_) => "a list",
        Type::Map(_) | Type::Object(_) => "a mapping",
    }
}

pub(super) fn noun(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "a mapping",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn container(value: Value) -> (Result<Value, String>, Vec<String>) {
        let mut dropped = Vec::new();
        let recoded = recode(value, &Type::Object("Container"), "c", &mut dropped);
        (recoded.map_err(|error| error.to_string()), dropped)
    }

    #[test]
    fn zero_values_are_those_of_go() {
        let (recoded, dropped) = container(json!({
            "args": [], "stdin": false, "image": "", "workingDir": null,
            "securityContext": { "privileged": false, "runAsUser": 0.0, "capabilities": {} },
            "livenessProbe": { "initialDelaySeconds": 0, "httpGet": { "path": "/" } },
            "volumeMounts": [{ "name": "a", "readOnly": false }],
            "env": [{ "valueFrom": { "resourceFieldRef": { "resource": "limits.cpu" } } }],
            "resources": { "limits": { "cpu": 0.5, "memory": "1024Mi", "x": 2 } },
        }));
        assert_eq!(
            recoded.unwrap(),
            json!({
                "name": "",
                "securityContext": { "privileged": false, "runAsUser": 0, "capabilities": {} },
                "livenessProbe": { "httpGet": { "path": "/", "port": 0 } },
                "volumeMounts": [{ "name": "a", "mountPath": "" }],
                "env": [{ "name": "", "valueFrom": { "resourceFieldRef": { "resource": "limits.cpu", "divisor": "0" } } }],
                "resources": { "limits": { "cpu": "500m", "memory": "1Gi", "x": "2" } },
            })
        );
        assert!(dropped.is_empty());
        assert_eq!(container(json!({})).0.unwrap(), json!({ "name": "", "resources": {} }));
    }

    #[test]
    fn unknown_fields_go_and_are_named() {
        let (recoded, dropped) =
            container(json!({ "name": "a", "Image": "x", "env": [{ "name": "A", "vaule": "b" }] }));
        assert_eq!(recoded.unwrap(), json!({ "name": "a", "env": [{ "name": "A" }], "resources": {} }));
        assert_eq!(dropped, ["c.env[0].vaule", "c.Image"]);
    }

    #[test]
    fn wrong_types_are_refused() {
        for (value, message) in [
            (json!({ "args": "x" }), "`c.args` must be a list, not a string"),
            (json!({ "args": [1] }), "`c.args[0]` must be a string, not a number"),
            (json!({ "stdin": "yes" }), "`c.stdin` must be true or false, not a string"),
            (
                json!({ "resources": { "limits": { "cpu": "1 core" } } }),
                "`c.resources.limits.cpu` must be an amount such as 100m or 2Gi, not a string",
            ),
            (
                json!({ "ports": [{ "containerPort": "80" }] }),
                "`c.ports[0].containerPort` must be a 32-bit integer, not a string",
            ),
            (
                json!({ "ports": [{ "containerPort": 3_000_000_000_u32 }] }),
                "`c.ports[0].containerPort` must be a 32-bit integer, not a number",
            ),
            (json!({ "resources": [] }), "`c.resources` must be a mapping, not a list"),
            (json!([]), "`c` must be a mapping, not a list"),
        ] {
            assert_eq!(container(value).0.unwrap_err(), message);
        }
    }
}
