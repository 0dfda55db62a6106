//! One declaration per API type: `record!` makes the struct, its strict reading from a YAML tree and its writing as
//! kubeadm would write it. Reading never stops at the first problem: a field that cannot be read is reported and
//! left at its zero value.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::report::{Problem, Report};
use crate::yaml::{Kind, Node};

/// A type that can be a field of the configuration API.
pub trait Field: Sized {
    /// Reads it; `None` after reporting why not.
    fn read(node: &Node, path: &str, report: &mut Report) -> Option<Self>;
    /// What to write; `None` leaves the field out, as Go's `omitempty` does.
    fn write(&self) -> Option<Value>;
    /// What to write where leaving out is impossible: in a list, a map, behind a pointer.
    fn write_always(&self) -> Value {
        self.write().unwrap_or_else(|| Value::from(""))
    }
}

/// Reports that a value has the wrong type.
pub fn wrong_type<T>(node: &Node, path: &str, expected: &str, report: &mut Report) -> Option<T> {
    let mut problem =
        Problem::error(path, format!("expected {expected}, found {}", node.type_name())).at(Some(node.place.clone()));
    if expected == "a string" && matches!(node.kind, Kind::Int(_) | Kind::Float(_) | Kind::Bool(_)) {
        problem = problem.hint("put it in quotes");
    }
    report.push(problem);
    None
}

/// The path of a field inside `path`.
pub fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

/// Reports every key of `node` that is none of `known`.
pub fn report_unknown(node: &Node, path: &str, known: &[&str], report: &mut Report) {
    let Kind::Map(entries) = &node.kind else { return };
    for (key, _) in entries.iter().filter(|(key, _)| !known.contains(&key.name.as_str())) {
        let mut problem = Problem::warning(join(path, &key.name), format!("unknown field `{}`", key.name))
            .at(Some(key.place.clone()))
            .strict();
        problem = match nearest(&key.name, known) {
            Some(name) => problem.hint(format!("did you mean `{name}`?")),
            None => problem.hint("it has no effect: remove it"),
        };
        report.push(problem);
    }
}

/// The known name that is closest to what was typed, if any is close.
pub fn nearest<'a>(typed: &str, known: &[&'a str]) -> Option<&'a str> {
    known
        .iter()
        .map(|name| (strsim::damerau_levenshtein(&typed.to_lowercase(), &name.to_lowercase()), *name))
        .filter(|(distance, name)| *distance <= 1 + name.len() / 4)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

impl Field for String {
    fn read(node: &Node, path: &str, report: &mut Report) -> Option<Self> {
        match &node.kind {
            Kind::String(text) => Some(text.clone()),
            Kind::Null => Some(String::new()),
            _ => wrong_type(node, path, "a string", report),
        }
    }
    fn write(&self) -> Option<Value> {
        (!self.is_empty()).then(|| Value::from(self.as_str()))
    }
}

impl Field for bool {
    fn read(node: &Node, path: &str, report: &mut Report) -> Option<Self> {
        match node.kind {
            Kind::Bool(value) => Some(value),
            Kind::Null => Some(false),
            _ => wrong_type(node, path, "true or false", report),
        }
    }
    fn write(&self) -> Option<Value> {
        self.then_some(Value::Bool(true))
    }
    fn write_always(&self) -> Value {
        Value::Bool(*self)
    }
}

impl Field for i32 {
    fn read(node: &Node, path: &str, report: &mut Report) -> Option<Self> {
        match node.kind {
            Kind::Int(value) => match i32::try_from(value) {
                Ok(value) => Some(value),
                Err(_) => wrong_type(node, path, "a 32-bit whole number", report),
            },
            // Go reads YAML by way of JSON, which writes 6443.0 as 6443.
            Kind::Float(value) if value.fract() == 0.0 && value.abs() <= f64::from(i32::MAX) => Some(value as i32),
            Kind::Null => Some(0),
            _ => wrong_type(node, path, "a whole number", report),
        }
    }
    fn write(&self) -> Option<Value> {
        (*self != 0).then(|| Value::from(*self))
    }
    fn write_always(&self) -> Value {
        Value::from(*self)
    }
}

impl<T: Field> Field for Vec<T> {
    fn read(node: &Node, path: &str, report: &mut Report) -> Option<Self> {
        match &node.kind {
            Kind::List(items) => Some(
                items
                    .iter()
                    .enumerate()
                    .filter_map(|(i, item)| T::read(item, &format!("{path}[{i}]"), report))
                    .collect(),
            ),
            Kind::Null => Some(Vec::new()),
            _ => wrong_type(node, path, "a list", report),
        }
    }
    fn write(&self) -> Option<Value> {
        (!self.is_empty()).then(|| self.write_always())
    }
    fn write_always(&self) -> Value {
        Value::Array(self.iter().map(T::write_always).collect())
    }
}

impl<T: Field> Field for BTreeMap<String, T> {
    fn read(node: &Node, path: &str, report: &mut Report) -> Option<Self> {
        match &node.kind {
            Kind::Map(entries) => Some(
                entries
                    .iter()
                    .filter_map(|(key, value)| {
                        T::read(value, &join(path, &key.name), report).map(|value| (key.name.clone(), value))
                    })
                    .collect(),
            ),
            Kind::Null => Some(Self::new()),
            _ => wrong_type(node, path, "a mapping", report),
        }
    }
    fn write(&self) -> Option<Value> {
        (!self.is_empty()).then(|| self.write_always())
    }
    fn write_always(&self) -> Value {
        Value::Object(self.iter().map(|(key, value)| (key.clone(), value.write_always())).collect())
    }
}

impl<T: Field> Field for Option<T> {
    fn read(node: &Node, path: &str, report: &mut Report) -> Option<Self> {
        match node.kind {
            Kind::Null => Some(None),
            _ => T::read(node, path, report).map(Some),
        }
    }
    fn write(&self) -> Option<Value> {
        // A pointer that is set is written even when it points at a zero value.
        self.as_ref().map(T::write_always)
    }
    fn write_always(&self) -> Value {
        self.as_ref().map_or(Value::Null, T::write_always)
    }
}

impl Field for Value {
    fn read(node: &Node, _: &str, _: &mut Report) -> Option<Self> {
        Some(node.to_json())
    }
    fn write(&self) -> Option<Value> {
        (!self.is_null()).then(|| self.clone())
    }
}

/// Puts a written field into an object.
pub fn put(object: &mut Map<String, Value>, name: &str, value: Option<Value>) {
    if let Some(value) = value {
        object.insert(name.to_owned(), value);
    }
}

/// Declares one API type: `record! { /// doc  pub struct Name { /// doc  pub field: Type = "jsonName", } }`.
/// After `inline`, a field's own fields stand in this object (Go's embedded structs).
#[macro_export]
macro_rules! record {
    ($(#[$meta:meta])* pub struct $name:ident {
        $(inline $inline:ident: $inline_ty:ty,)*
        $($(#[$field_meta:meta])* pub $field:ident: $ty:ty = $json:literal,)*
    }) => {
        $(#[$meta])*
        #[derive(Clone, Debug, Default, PartialEq)]
        pub struct $name {
            $(#[doc = "Fields that stand in this object."] pub $inline: $inline_ty,)*
            $($(#[$field_meta])* pub $field: $ty,)*
        }

        impl $name {
            /// Names of all fields, as in the file.
            #[allow(unused_mut, reason = "used only by records with an inline part")]
            pub fn fields() -> Vec<&'static str> {
                let mut fields = vec![$($json),*];
                $(fields.extend(<$inline_ty>::fields());)*
                fields
            }

            /// Reads the fields that are present and leaves the others as they are.
            #[allow(unused_variables, reason = "unused only by records without fields of their own")]
            pub fn read_into(&mut self, node: &$crate::yaml::Node, path: &str, report: &mut $crate::Report) {
                use $crate::config::record::{Field, join};
                $(self.$inline.read_into(node, path, report);)*
                $(if let Some(value) = node.get($json) {
                    if let Some(value) = <$ty as Field>::read(value, &join(path, $json), report) {
                        self.$field = value;
                    }
                })*
            }

            /// Writes all fields into an object.
            #[allow(unused_variables, reason = "unused only by records without fields of their own")]
            pub fn write_into(&self, object: &mut serde_json::Map<String, serde_json::Value>) {
                use $crate::config::record::{Field, put};
                $(self.$inline.write_into(object);)*
                $(put(object, $json, self.$field.write());)*
            }
        }

        impl $crate::config::record::Field for $name {
            fn read(node: &$crate::yaml::Node, path: &str, report: &mut $crate::Report) -> Option<Self> {
                match node.kind {
                    $crate::yaml::Kind::Map(_) => {
                        let mut value = Self::default();
                        value.read_into(node, path, report);
                        $crate::config::record::report_unknown(node, path, &Self::fields(), report);
                        Some(value)
                    }
                    $crate::yaml::Kind::Null => Some(Self::default()),
                    _ => $crate::config::record::wrong_type(node, path, "a mapping", report),
                }
            }
            fn write(&self) -> Option<serde_json::Value> {
                let mut object = serde_json::Map::new();
                self.write_into(&mut object);
                Some(serde_json::Value::Object(object))
            }
        }
    };
}
