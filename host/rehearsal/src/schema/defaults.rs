//! What the server fills in where an object says nothing, as the `SetDefaults_…` functions and the `+default` markers of
//! Kubernetes 1.36 do: by type, wherever in an object the type stands. What takes a decision of the cluster (an address,
//! a port of a node, who asked) is not filled in here.

mod others;
mod pod;
mod service;
mod workload;

use kubephase_render::patch::schema::{Type, fields};
use serde_json::{Map, Value};

type Object = Map<String, Value>;

/// Fills in the defaults of `value`, which is of type `ty` and has been decoded.
pub(super) fn fill(ty: &Type, value: &mut Value) {
    match (ty, value) {
        (Type::Object(name), Value::Object(object)) => {
            set(name, object);
            for field in fields(name) {
                if let Some(value) = object.get_mut(field.name) {
                    fill(&field.ty, value);
                }
            }
        }
        (Type::List(item), Value::Array(items)) => items.iter_mut().for_each(|value| fill(item, value)),
        (Type::Map(item), Value::Object(map)) => map.values_mut().for_each(|value| fill(item, value)),
        _ => {}
    }
}

fn set(ty: &str, object: &mut Object) {
    pod::set(ty, object);
    workload::set(ty, object);
    service::set(ty, object);
    others::set(ty, object);
}

/// Sets fields that are not there.
fn unset<const N: usize>(object: &mut Object, fields: [(&str, Value); N]) {
    for (name, value) in fields {
        if object.get(name).is_none_or(Value::is_null) {
            object.insert(name.to_owned(), value);
        }
    }
}

/// Sets fields that are not there, empty or zero.
fn empty<const N: usize>(object: &mut Object, fields: [(&str, Value); N]) {
    for (name, value) in fields {
        if is_empty(object.get(name)) {
            object.insert(name.to_owned(), value);
        }
    }
}

fn is_empty(value: Option<&Value>) -> bool {
    match value {
        None | Some(Value::Null) => true,
        Some(Value::String(text)) => text.is_empty(),
        Some(Value::Array(items)) => items.is_empty(),
        Some(Value::Object(map)) => map.is_empty(),
        Some(Value::Number(number)) => number.as_i64() == Some(0),
        Some(Value::Bool(_)) => false,
    }
}

fn text<'a>(object: &'a Object, field: &str) -> &'a str {
    object.get(field).and_then(Value::as_str).unwrap_or_default()
}

/// The object that a field holds, which comes to be if it is not there.
fn child<'a>(object: &'a mut Object, field: &str) -> Option<&'a mut Object> {
    object.entry(field).or_insert_with(|| Value::Object(Object::new())).as_object_mut()
}

#[cfg(test)]
mod tests;
