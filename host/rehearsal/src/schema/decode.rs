//! What the server's decoder makes of an object: types are checked, fields that a kind does not have go, times and
//! amounts get their canonical spelling, and what Go would always write appears. The words of errors are those of Go's
//! decoder, for they reach the user. Knows no rules beyond types.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use kubephase_render::patch::schema::{Type, fields};
use kubephase_render::patch::{canonical_quantity, encode};
use serde_json::{Map, Value, json};

use super::{Decoded, field_type, join};

/// Decodes `object`, which is of type `ty`. Objects of a kind that is in no table keep everything; only their metadata
/// is known.
pub(super) fn decode(ty: &Type, mut object: Value) -> Result<Decoded, String> {
    // An empty list says that nobody's fields are to be remembered. Encoding would leave it out, one empty entry stays.
    if let Some(fields) = object.pointer_mut("/metadata/managedFields").filter(|fields| **fields == json!([])) {
        *fields = json!([{}]);
    }
    let mut unknown = Vec::new();
    let mut object = Walk { unknown: &mut unknown, structure: "" }.value(object, ty, "")?;
    if *ty == Type::Any {
        if let Value::Object(map) = &mut object {
            let metadata = map.remove("metadata").unwrap_or_else(|| Value::Object(Map::new()));
            let of = Type::Object("ObjectMeta");
            let metadata = Walk { unknown: &mut unknown, structure: "ObjectMeta" }.value(metadata, &of, "metadata")?;
            map.insert("metadata".to_owned(), encode(&of, metadata).map_err(|error| error.to_string())?);
        }
    } else {
        object = encode(ty, object).map_err(|error| error.to_string())?;
        empty_is_null(ty, &mut object);
    }
    Ok(Decoded { object, unknown })
}

/// The way into the store and out of it makes no difference between an empty list and none.
fn empty_is_null(ty: &Type, value: &mut Value) {
    match (ty, value) {
        (Type::List(_), value @ Value::Array(_)) if value.as_array().is_some_and(Vec::is_empty) => *value = Value::Null,
        (Type::List(item), Value::Array(items)) => items.iter_mut().for_each(|value| empty_is_null(item, value)),
        (Type::Map(item), Value::Object(map)) => map.values_mut().for_each(|value| empty_is_null(item, value)),
        (Type::Object(name), Value::Object(map)) => {
            for field in fields(name) {
                if let Some(value) = map.get_mut(field.name) {
                    empty_is_null(&field.ty, value);
                }
            }
        }
        _ => {}
    }
}

struct Walk<'a> {
    unknown: &'a mut Vec<String>,
    /// The Go type that the field at hand belongs to.
    structure: &'static str,
}

impl Walk<'_> {
    fn value(&mut self, value: Value, ty: &Type, path: &str) -> Result<Value, String> {
        match (ty, value) {
            (Type::Any, value) | (_, value @ Value::Null) => Ok(value),
            (Type::Object(name), Value::Object(map)) => {
                let outer = std::mem::replace(&mut self.structure, go_name(name));
                let mut known = Map::new();
                for (key, value) in map {
                    let path = join(path, &key);
                    match field_type(ty, &key) {
                        Some(ty) => {
                            let value = self.value(value, ty, &path)?;
                            known.insert(key, value);
                        }
                        None => self.unknown.push(path),
                    }
                }
                self.structure = outer;
                Ok(Value::Object(known))
            }
            (Type::List(item), Value::Array(items)) => {
                let items = items.into_iter().enumerate().map(|(index, value)| match value {
                    Value::Null => Ok(Value::Null),
                    value => self.value(value, item, &format!("{path}[{index}]")),
                });
                Ok(Value::Array(items.collect::<Result<_, _>>()?))
            }
            (Type::Map(item), Value::Object(map)) => {
                let entries = map.into_iter().map(|(key, value)| {
                    let value = self.value(value, item, &join(path, &key))?;
                    Ok((key, value))
                });
                Ok(Value::Object(entries.collect::<Result<_, String>>()?))
            }
            (Type::Bytes, Value::String(text)) => {
                let text: String = text.chars().filter(|c| !matches!(c, '\r' | '\n')).collect();
                match STANDARD.decode(&text) {
                    Ok(_) => Ok(Value::String(text)),
                    Err(error) => Err(format!("illegal base64 data at input byte {}", offset(&error, &text))),
                }
            }
            (Type::Time, Value::String(text)) => time(&text, "%Y-%m-%dT%H:%M:%SZ", "2006-01-02T15:04:05Z07:00"),
            (Type::MicroTime, Value::String(text)) => {
                time(&text, "%Y-%m-%dT%H:%M:%S.%6fZ", "2006-01-02T15:04:05.000000Z07:00")
            }
            (Type::Quantity, value) => quantity(&value).map(Value::String).ok_or_else(|| {
                "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'".to_owned()
            }),
            (Type::String | Type::IntOrString, value @ Value::String(_)) | (Type::Bool, value @ Value::Bool(_)) => {
                Ok(value)
            }
            (Type::Int32 | Type::Int64 | Type::IntOrString, Value::Number(number)) => {
                let whole = number.as_i64().filter(|n| *ty == Type::Int64 || i32::try_from(*n).is_ok());
                whole.map(Value::from).ok_or_else(|| self.refuse(&format!("number {number}"), ty, path))
            }
            (_, value) => Err(self.refuse(noun(&value), ty, path)),
        }
    }

    /// `json: cannot unmarshal string into Go struct field DeploymentSpec.spec.replicas of type int32`
    fn refuse(&self, found: &str, ty: &Type, path: &str) -> String {
        // Go names the keys of structs on the way, but neither indexes nor keys of maps; the last of those stand for
        // the map itself here.
        let mut names = String::new();
        let mut inside = false;
        for c in path.chars() {
            match c {
                '[' => inside = true,
                ']' => inside = false,
                _ if !inside => names.push(c),
                _ => {}
            }
        }
        let names = if self.is_map_entry(path) { names.rsplit_once('.').map_or("", |(map, _)| map) } else { &names };
        let ty = go_type(ty);
        if names.is_empty() {
            return format!("json: cannot unmarshal {found} into Go value of type {ty}");
        }
        format!("json: cannot unmarshal {found} into Go struct field {}.{names} of type {ty}", self.structure)
    }

    fn is_map_entry(&self, path: &str) -> bool {
        let last = path.rsplit(['.', ']']).next().unwrap_or(path);
        let structure = fields(self.structure);
        !last.is_empty() && !structure.is_empty() && !structure.iter().any(|field| field.name == last)
    }
}

fn quantity(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => canonical_quantity(text),
        Value::Number(number) => canonical_quantity(&number.to_string()),
        _ => None,
    }
}

fn time(text: &str, format: &str, layout: &str) -> Result<Value, String> {
    match text.parse::<Timestamp>() {
        Ok(time) => Ok(Value::String(time.strftime(format).to_string())),
        Err(_) => Err(format!("parsing time {text:?} as {layout:?}: cannot parse {text:?} as \"2006\"")),
    }
}

/// Where Go's decoder stops: at a character that is none, or at the start of a last part that is too short.
fn offset(error: &base64::DecodeError, text: &str) -> usize {
    match error {
        base64::DecodeError::InvalidByte(at, _) => *at,
        _ => text.len() / 4 * 4,
    }
}

fn noun(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

/// A type of the table without the group that tells it from another of its name.
fn go_name(name: &'static str) -> &'static str {
    name.rsplit('.').next().unwrap_or(name)
}

fn go_type(ty: &Type) -> String {
    match ty {
        Type::String | Type::Time | Type::MicroTime => "string".to_owned(),
        Type::Bool => "bool".to_owned(),
        Type::Int32 | Type::IntOrString => "int32".to_owned(),
        Type::Int64 => "int64".to_owned(),
        Type::Bytes => "[]uint8".to_owned(),
        Type::Quantity => "resource.Quantity".to_owned(),
        Type::Any => "interface {}".to_owned(),
        Type::List(item) => format!("[]{}", go_type(item)),
        Type::Map(item) => format!("map[string]{}", go_type(item)),
        Type::Object(name) => format!("v1.{}", go_name(name)),
    }
}
