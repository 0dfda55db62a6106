//! What is known of the objects that patches change: their fields, types, zero values and list keys, read from the
//! table in `schema.txt`. Knows the shape of objects, nothing about patches.

use std::collections::HashMap;
use std::sync::LazyLock;

/// A field's type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Type {
    /// Text, also where only some values are valid.
    String,
    /// True or false.
    Bool,
    /// A 32-bit integer.
    Int32,
    /// A 64-bit integer.
    Int64,
    /// An amount such as `100m` or `2Gi`.
    Quantity,
    /// A port by number or name, a count or a percentage.
    IntOrString,
    /// A point in time.
    Time,
    /// Anything: carried as it is, maps merge, lists replace.
    Any,
    /// A list of one type.
    List(Box<Type>),
    /// String keys with values of one type.
    Map(Box<Type>),
    /// An object of the table.
    Object(&'static str),
}

/// What Go's encoder does with a field that is unset or zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Zero {
    /// Leaves it out.
    Omit,
    /// Leaves it out if unset, keeps an explicit zero (a pointer).
    Keep,
    /// Writes the zero value.
    Write,
    /// Writes `null` if unset (a pointer that is always written).
    WriteNull,
}

/// How a strategic merge patch treats a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ListMerge {
    /// The patch's list takes its place.
    Replace,
    /// Scalars are added unless they are there already.
    Set,
    /// Items with the same value of this field are merged, others added.
    ByKey(&'static str),
}

/// One field of an object.
#[derive(Debug, Clone)]
pub(super) struct Field {
    pub(super) name: &'static str,
    pub(super) ty: Type,
    pub(super) zero: Zero,
    pub(super) merge: ListMerge,
}

static TYPES: LazyLock<HashMap<&'static str, Vec<Field>>> = LazyLock::new(|| {
    let mut types = HashMap::new();
    let mut current = "";
    for line in include_str!("schema.txt").lines().filter(|line| !line.starts_with('#')) {
        if line.starts_with(' ') {
            let fields: &mut Vec<Field> = types.entry(current).or_default();
            fields.extend(line.split_whitespace().map(field));
        } else {
            current = line;
            types.entry(current).or_default();
        }
    }
    types
});

/// The fields of a type in the table.
pub(super) fn fields(name: &str) -> &'static [Field] {
    TYPES.get(name).map_or(&[], Vec::as_slice)
}

impl Type {
    /// The field of that name, if this is an object that has it.
    pub(super) fn field(&self, name: &str) -> Option<&'static Field> {
        match self {
            Self::Object(object) => fields(object).iter().find(|field| field.name == name),
            _ => None,
        }
    }

    /// The type of a map's or list's items, and `Any` of everything else.
    pub(super) fn item(&self) -> &Self {
        match self {
            Self::List(item) | Self::Map(item) => item,
            _ => &Self::Any,
        }
    }

    fn parse(text: &'static str) -> Self {
        match text {
            "string" => Self::String,
            "bool" => Self::Bool,
            "int32" => Self::Int32,
            "int64" => Self::Int64,
            "quantity" => Self::Quantity,
            "int-or-string" => Self::IntOrString,
            "time" => Self::Time,
            "any" => Self::Any,
            _ => {
                let inside = |open, close| text.strip_prefix(open).and_then(|rest: &str| rest.strip_suffix(close));
                if let Some(item) = inside('[', ']') {
                    Self::List(Box::new(Self::parse(item)))
                } else if let Some(item) = inside('{', '}') {
                    Self::Map(Box::new(Self::parse(item)))
                } else {
                    Self::Object(text)
                }
            }
        }
    }
}

/// Reads `name[!][?]:type[@key]`.
fn field(text: &'static str) -> Field {
    let (name, ty) = text.split_once(':').unwrap_or((text, "any"));
    let (ty, merge) = match ty.split_once('@') {
        None => (ty, ListMerge::Replace),
        Some((ty, "")) => (ty, ListMerge::Set),
        Some((ty, key)) => (ty, ListMerge::ByKey(key)),
    };
    let zero = match (name.contains('!'), name.contains('?')) {
        (false, false) => Zero::Omit,
        (false, true) => Zero::Keep,
        (true, false) => Zero::Write,
        (true, true) => Zero::WriteNull,
    };
    Field { name: name.trim_end_matches(['!', '?']), ty: Type::parse(ty), zero, merge }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_that_is_named_is_defined_and_used() {
        fn objects(ty: &Type, found: &mut Vec<&'static str>) {
            match ty {
                Type::Object(name) => found.push(name),
                Type::List(item) | Type::Map(item) => objects(item, found),
                _ => {}
            }
        }
        let mut named = vec!["Pod", "Deployment"];
        for (name, fields) in TYPES.iter() {
            assert!(!fields.is_empty(), "{name} has no fields");
            for field in fields {
                assert!(!field.name.contains(['!', '?', '@', '[', '{']), "{name}.{}", field.name);
                objects(&field.ty, &mut named);
                match (field.merge, &field.ty) {
                    (ListMerge::Replace, _) => {}
                    (ListMerge::Set, Type::List(item)) => assert_eq!(**item, Type::String),
                    (ListMerge::ByKey(key), Type::List(item)) => {
                        assert!(item.field(key).is_some(), "{name}.{}: no key {key}", field.name);
                    }
                    (_, ty) => panic!("{name}.{} is no list: {ty:?}", field.name),
                }
            }
        }
        for name in &named {
            assert!(TYPES.contains_key(name), "{name} is not defined");
        }
        for name in TYPES.keys() {
            assert!(named.contains(name), "{name} is not used");
        }
    }

    #[test]
    fn the_keys_of_lists_are_those_of_the_api() {
        for (object, field, merge) in [
            ("PodSpec", "containers", ListMerge::ByKey("name")),
            ("PodSpec", "initContainers", ListMerge::ByKey("name")),
            ("PodSpec", "volumes", ListMerge::ByKey("name")),
            ("PodSpec", "imagePullSecrets", ListMerge::ByKey("name")),
            ("PodSpec", "hostAliases", ListMerge::ByKey("ip")),
            ("PodSpec", "topologySpreadConstraints", ListMerge::ByKey("topologyKey")),
            ("PodSpec", "tolerations", ListMerge::Replace),
            ("Container", "env", ListMerge::ByKey("name")),
            ("Container", "envFrom", ListMerge::Replace),
            ("Container", "ports", ListMerge::ByKey("containerPort")),
            ("Container", "volumeMounts", ListMerge::ByKey("mountPath")),
            ("Container", "volumeDevices", ListMerge::ByKey("devicePath")),
            ("Container", "command", ListMerge::Replace),
            ("Container", "args", ListMerge::Replace),
            ("ObjectMeta", "finalizers", ListMerge::Set),
            ("ObjectMeta", "ownerReferences", ListMerge::ByKey("uid")),
        ] {
            assert_eq!(Type::Object(object).field(field).unwrap().merge, merge, "{object}.{field}");
        }
    }
}
