//! What is known of the objects of the Kubernetes API: their fields, types, zero values and how their lists and maps
//! merge, read from the table in `schema.txt`. Knows the shape of objects, nothing about patches.

use std::collections::HashMap;
use std::sync::LazyLock;

/// A field's type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Type {
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
    /// Binary data, in base64.
    Bytes,
    /// A point in time, to the second.
    Time,
    /// A point in time, to the microsecond.
    MicroTime,
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
pub enum Zero {
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
pub enum ListMerge {
    /// The patch's list takes its place.
    Replace,
    /// Scalars are added unless they are there already.
    Set,
    /// Items with the same value of this field are merged, others added.
    ByKey(&'static str),
}

/// Who can own what of a field's value, which is what server-side apply goes by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ownership {
    /// Lists as a whole; fields of objects and entries of maps each.
    Usual,
    /// The items of a list of scalars each.
    Set,
    /// The items of a list each, told apart by these fields.
    Map(Vec<&'static str>),
    /// The value of this map as a whole.
    Atomic,
}

/// One field of an object.
#[derive(Debug, Clone)]
pub struct Field {
    /// Its name.
    pub name: &'static str,
    /// Its type.
    pub ty: Type,
    /// What is written if it is unset.
    pub zero: Zero,
    /// How strategic merge patches treat it.
    pub merge: ListMerge,
    /// How server-side apply treats it.
    pub ownership: Ownership,
    /// The Kubernetes minor that brought it, if that is one of those that we know older ones of.
    pub since: Option<u8>,
}

#[derive(Debug, Default)]
struct Object {
    fields: Vec<Field>,
    atomic: bool,
}

static TYPES: LazyLock<HashMap<&'static str, Object>> = LazyLock::new(|| {
    let mut types: HashMap<_, Object> = HashMap::new();
    let mut current = "";
    for line in include_str!("schema.txt").lines().filter(|line| !line.starts_with('#')) {
        if line.starts_with(' ') {
            types.entry(current).or_default().fields.extend(line.split_whitespace().map(field));
        } else {
            current = line.trim_end_matches('~');
            types.entry(current).or_default().atomic = line.ends_with('~');
        }
    }
    types
});

/// The fields of a type in the table.
pub fn fields(name: &str) -> &'static [Field] {
    TYPES.get(name).map_or(&[], |object| object.fields.as_slice())
}

/// The names of every type in the table.
pub fn names() -> impl Iterator<Item = &'static str> {
    TYPES.keys().copied()
}

impl Type {
    /// The type of a kind's objects; [`Type::Any`] for kinds that the table does not have.
    pub fn of(group: &str, kind: &str) -> Self {
        let qualified = format!("{}.{kind}", group.split('.').next().unwrap_or_default());
        let known = TYPES.get_key_value(qualified.as_str()).or_else(|| TYPES.get_key_value(kind));
        known.map_or(Self::Any, |(name, _)| Self::Object(name))
    }

    /// Whether server-side apply takes an object of this type as a whole.
    pub fn is_atomic(&self) -> bool {
        match self {
            Self::Object(name) => TYPES.get(name).is_some_and(|object| object.atomic),
            _ => false,
        }
    }

    /// The field of that name, if this is an object that has it.
    pub fn field(&self, name: &str) -> Option<&'static Field> {
        match self {
            Self::Object(object) => fields(object).iter().find(|field| field.name == name),
            _ => None,
        }
    }

    /// The type of a map's or list's items, and `Any` of everything else.
    pub fn item(&self) -> &Self {
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
            "bytes" => Self::Bytes,
            "time" => Self::Time,
            "micro-time" => Self::MicroTime,
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

/// Reads `name[!][?]:type[@key][#keys][~][^minor]`.
fn field(text: &'static str) -> Field {
    let (text, since) = split(text, '^');
    let (text, atomic) = text.strip_suffix('~').map_or((text, false), |text| (text, true));
    let (text, keys) = split(text, '#');
    let (text, key) = split(text, '@');
    let (name, ty) = text.split_once(':').unwrap_or((text, "any"));
    let merge = match key {
        None => ListMerge::Replace,
        Some("") => ListMerge::Set,
        Some(key) => ListMerge::ByKey(key),
    };
    let ownership = match keys {
        _ if atomic => Ownership::Atomic,
        None => Ownership::Usual,
        Some("") => Ownership::Set,
        Some(keys) => Ownership::Map(keys.split(',').collect()),
    };
    let zero = match (name.contains('!'), name.contains('?')) {
        (false, false) => Zero::Omit,
        (false, true) => Zero::Keep,
        (true, false) => Zero::Write,
        (true, true) => Zero::WriteNull,
    };
    let name = name.trim_end_matches(['!', '?']);
    Field { name, ty: Type::parse(ty), zero, merge, ownership, since: since.and_then(|minor| minor.parse().ok()) }
}

fn split(text: &'static str, mark: char) -> (&'static str, Option<&'static str>) {
    text.split_once(mark).map_or((text, None), |(text, rest)| (text, Some(rest)))
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
        let is_kind = |name: &&'static str| Type::Object(name).field("apiVersion").is_some();
        let mut named: Vec<_> = names().filter(is_kind).collect();
        assert!(named.len() > 40);
        for (name, object) in TYPES.iter() {
            for field in &object.fields {
                assert!(!field.name.contains(['!', '?', '@', '[', '{', '#', '~']), "{name}.{}", field.name);
                if let Ownership::Map(keys) = &field.ownership {
                    let item = field.ty.item();
                    assert!(keys.iter().all(|key| item.field(key).is_some()), "{name}.{}: {keys:?}", field.name);
                }
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
    fn kinds_are_found_with_their_group() {
        assert_eq!(Type::of("", "Event"), Type::Object("Event"));
        assert_eq!(Type::of("events.k8s.io", "Event"), Type::Object("events.Event"));
        assert_eq!(Type::of("apps", "Deployment"), Type::Object("Deployment"));
        assert_eq!(Type::of("example.com", "Widget"), Type::Any);
        let ports = Type::Object("ServiceSpec").field("ports").unwrap();
        assert_eq!(ports.ownership, Ownership::Map(vec!["port", "protocol"]));
        assert!(Type::Object("LabelSelector").is_atomic() && !Type::Object("PodSpec").is_atomic());
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
