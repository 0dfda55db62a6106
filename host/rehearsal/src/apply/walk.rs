//! Objects as trees of fields that can be owned: which fields an object has, how two differ, how one is laid over
//! another and how fields are taken out. Follows the published list and map types; knows nothing of managers.

use kubephase_render::patch::schema::{Ownership, Type};
use serde_json::{Map, Value, json};

use super::fields::{Fields, Step, keyed, named, valued};
use crate::patch::go_value;
use crate::schema::field_type;

/// What is known of the value at hand.
#[derive(Clone, Copy)]
pub(super) enum Shape<'a> {
    /// A field of a type in the table.
    Typed(&'a Type, &'a Ownership),
    /// The object of a kind that is in no table.
    Untyped,
    /// What is in such an object.
    Inner,
}

/// How a value is taken apart.
enum Parts<'a> {
    /// Not at all: it is owned as a whole.
    Whole,
    /// By the fields of an object, or the entries of a map.
    Map,
    /// By its items' keys.
    Keyed(&'a [&'static str], &'a Type),
    /// By its items.
    Set,
}

static METADATA: Type = Type::Object("ObjectMeta");

impl<'a> Shape<'a> {
    pub(super) fn of(ty: &'a Type) -> Self {
        if *ty == Type::Any { Self::Untyped } else { Self::Typed(ty, &Ownership::Usual) }
    }

    fn parts(self, values: [Option<&Value>; 2]) -> Parts<'a> {
        match self {
            Self::Untyped => Parts::Map,
            Self::Inner if values.iter().flatten().any(|value| value.is_object()) => Parts::Map,
            Self::Inner => Parts::Whole,
            Self::Typed(ty @ Type::Object(_), _) if ty.is_atomic() => Parts::Whole,
            Self::Typed(Type::Object(_) | Type::Map(_), Ownership::Atomic) => Parts::Whole,
            Self::Typed(Type::Object(_) | Type::Map(_), _) => Parts::Map,
            Self::Typed(Type::List(item), Ownership::Map(keys)) => Parts::Keyed(keys, item),
            Self::Typed(Type::List(_), Ownership::Set) => Parts::Set,
            Self::Typed(..) => Parts::Whole,
        }
    }

    /// The shape of a field or entry; `None` if there is no such field.
    pub(super) fn field(self, name: &str) -> Option<Self> {
        match self {
            Self::Untyped if name == "metadata" => Some(Self::Typed(&METADATA, &Ownership::Usual)),
            Self::Untyped | Self::Inner => Some(Self::Inner),
            Self::Typed(ty @ Type::Object(_), _) => {
                let known = field_type(ty, name)?;
                Some(Self::Typed(known, ty.field(name).map_or(&Ownership::Usual, |field| &field.ownership)))
            }
            Self::Typed(ty, _) => Some(Self::Typed(ty.item(), &Ownership::Usual)),
        }
    }

    fn item(self) -> Self {
        match self {
            Self::Typed(ty, _) => Self::Typed(ty.item(), &Ownership::Usual),
            _ => Self::Inner,
        }
    }

    /// Whether `name` is the field of an object, and not the entry of a map.
    fn declares(self, name: &str) -> bool {
        matches!(self, Self::Typed(Type::Object(_), _)) && self.field(name).is_some()
    }
}

/// The items of a list with the steps to them.
fn items(parts: &Parts<'_>, list: &Value) -> Vec<(Step, Value)> {
    let items = list.as_array().into_iter().flatten();
    items
        .map(|item| match parts {
            Parts::Keyed(keys, ty) => {
                let keys = keys.iter().map(|key| ((*key).to_owned(), key_of(item, key, ty))).collect();
                (keyed(keys), item.clone())
            }
            _ => (valued(item), item.clone()),
        })
        .collect()
}

/// The value of an item's key: what the server would fill in if it is not there.
fn key_of(item: &Value, key: &str, ty: &Type) -> Value {
    match item.get(key) {
        Some(value) if !value.is_null() => value.clone(),
        _ if key == "protocol" => json!("TCP"),
        _ => match ty.field(key).map(|field| &field.ty) {
            Some(Type::Int32 | Type::Int64) => json!(0),
            _ => json!(""),
        },
    }
}

fn is_empty(value: Option<&Value>) -> bool {
    match value {
        None | Some(Value::Null) => true,
        Some(Value::Array(items)) => items.is_empty(),
        Some(Value::Object(map)) => map.is_empty(),
        Some(_) => false,
    }
}

/// The fields that an object sets.
pub(super) fn fields_of(shape: Shape<'_>, value: &Value) -> Fields {
    let mut fields = Fields::default();
    collect(shape, value, &mut Vec::new(), &mut fields);
    fields
}

fn collect(shape: Shape<'_>, value: &Value, path: &mut Vec<Step>, fields: &mut Fields) {
    let parts = shape.parts([Some(value), None]);
    match (&parts, value) {
        (Parts::Map, Value::Object(map)) if !map.is_empty() => {
            for (name, value) in map {
                let Some(inner) = shape.field(name) else { continue };
                path.push(named(name));
                collect(inner, value, path, fields);
                if value.is_null() || !shape.declares(name) {
                    fields.insert(path);
                }
                path.pop();
            }
        }
        (Parts::Keyed(..) | Parts::Set, Value::Array(list)) if !list.is_empty() => {
            for (step, item) in items(&parts, value) {
                path.push(step);
                fields.insert(path);
                if matches!(parts, Parts::Keyed(..)) {
                    collect(shape.item(), &item, path, fields);
                }
                path.pop();
            }
        }
        _ => fields.insert(path),
    }
}

/// How two objects differ.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Comparison {
    pub(super) added: Fields,
    pub(super) removed: Fields,
    pub(super) modified: Fields,
}

impl Comparison {
    pub(super) fn is_same(&self) -> bool {
        self.added.is_empty() && self.removed.is_empty() && self.modified.is_empty()
    }

    /// Without what the caller cannot change.
    pub(super) fn without(self, ignored: &Fields) -> Self {
        Self {
            added: self.added.difference_below(ignored),
            removed: self.removed.difference_below(ignored),
            modified: self.modified.difference_below(ignored),
        }
    }
}

/// What makes `new` of `old`.
pub(super) fn compare(shape: Shape<'_>, old: &Value, new: &Value) -> Comparison {
    let mut comparison = Comparison::default();
    compare_at(shape, Some(old), Some(new), &mut Vec::new(), &mut comparison);
    comparison
}

fn compare_at(
    shape: Shape<'_>,
    old: Option<&Value>,
    new: Option<&Value>,
    path: &mut Vec<Step>,
    found: &mut Comparison,
) {
    let parts = shape.parts([old, new]);
    if matches!(parts, Parts::Whole) || (is_empty(old) && is_empty(new)) {
        match (old, new) {
            (None, Some(_)) => found.added.insert(path),
            (Some(_), None) => found.removed.insert(path),
            (old, new) if old != new => found.modified.insert(path),
            _ => {}
        }
        return;
    }
    for (step, old, new, inner) in pairs(shape, &parts, old, new) {
        path.push(step);
        compare_at(inner, old.as_ref(), new.as_ref(), path, found);
        path.pop();
    }
    match (old, new) {
        (None, Some(_)) => found.added.insert(path),
        (Some(_), None) => found.removed.insert(path),
        _ => {}
    }
}

type Pair<'a> = (Step, Option<Value>, Option<Value>, Shape<'a>);

/// The parts of two values, side by side.
fn pairs<'a>(shape: Shape<'a>, parts: &Parts<'a>, old: Option<&Value>, new: Option<&Value>) -> Vec<Pair<'a>> {
    if matches!(parts, Parts::Map) {
        let entries = |value: Option<&Value>| value.and_then(Value::as_object).cloned().unwrap_or_default();
        let (mut old, new) = (entries(old), entries(new));
        let mut pairs: Vec<Pair<'a>> = Vec::new();
        for (name, value) in new {
            if let Some(inner) = shape.field(&name) {
                pairs.push((named(&name), old.remove(&name), Some(value), inner));
            }
        }
        for (name, value) in old {
            if let Some(inner) = shape.field(&name) {
                pairs.push((named(&name), Some(value), None, inner));
            }
        }
        return pairs;
    }
    let list = |value: Option<&Value>| value.map(|value| items(parts, value)).unwrap_or_default();
    let (mut old, new) = (list(old), list(new));
    let mut pairs = Vec::new();
    for (step, item) in new {
        let position = old.iter().position(|(other, _)| *other == step);
        let other = position.map(|position| old.remove(position).1);
        pairs.push((step, other, Some(item), shape.item()));
    }
    pairs.extend(old.into_iter().map(|(step, item)| (step, Some(item), None, shape.item())));
    pairs
}

/// `over` laid over `base`: its fields win, and its list items merge with those of the same keys.
pub(super) fn merge(shape: Shape<'_>, base: &Value, over: &Value) -> Value {
    let parts = shape.parts([Some(base), Some(over)]);
    match (&parts, base, over) {
        (Parts::Map, Value::Object(base), Value::Object(over)) => {
            let mut merged = base.clone();
            for (name, value) in over {
                let value = match (base.get(name), shape.field(name)) {
                    (Some(old), Some(inner)) => merge(inner, old, value),
                    _ => value.clone(),
                };
                merged.insert(name.clone(), value);
            }
            Value::Object(merged)
        }
        (Parts::Keyed(..) | Parts::Set, Value::Array(_), Value::Array(_)) => {
            Value::Array(merge_lists(shape, &items(&parts, base), &items(&parts, over)))
        }
        _ => over.clone(),
    }
}

/// The items of both lists: those of `over` in its order, those that only `base` has where they were between them.
fn merge_lists(shape: Shape<'_>, base: &[(Step, Value)], over: &[(Step, Value)]) -> Vec<Value> {
    let find =
        |list: &[(Step, Value)], step: &Step| list.iter().find(|(other, _)| other == step).map(|(_, v)| v.clone());
    let mut shared = over.iter().map(|(step, _)| step).filter(|step| find(base, step).is_some()).peekable();
    let mut merged = Vec::new();
    let mut done: Vec<&Step> = Vec::new();
    let (mut b, mut o) = (0, 0);
    while b < base.len() || o < over.len() {
        if let (Some((left, _)), Some((right, _))) = (base.get(b), over.get(o)) {
            let awaited = shared.peek().is_some_and(|next| *next != left);
            if left != right && find(over, left).is_some() && awaited {
                b += 1;
                continue;
            }
        }
        if let Some((left, item)) = base.get(b).filter(|(left, _)| over.get(o).is_none_or(|(right, _)| left != right)) {
            if find(over, left).is_none() {
                merged.push(item.clone());
                b += 1;
                continue;
            }
            if done.contains(&left) {
                b += 1;
            }
        }
        if let Some((right, item)) = over.get(o) {
            merged.push(find(base, right).map_or_else(|| item.clone(), |old| merge(shape.item(), &old, item)));
            done.push(right);
            if base.get(b).is_some_and(|(left, _)| left == right) {
                b += 1;
            }
            if shared.peek().is_some_and(|next| *next == right) {
                shared.next();
            }
            o += 1;
        }
    }
    merged
}

/// The value without the fields of a set. What becomes empty is null.
pub(super) fn remove(shape: Shape<'_>, value: &Value, unwanted: &Fields) -> Value {
    let parts = shape.parts([Some(value), None]);
    match (&parts, value) {
        (Parts::Map, Value::Object(map)) => {
            let mut rest = Map::new();
            for (name, value) in map {
                let step = named(name);
                if unwanted.members.contains(&step) {
                    continue;
                }
                let value = match (unwanted.children.get(&step).filter(|below| !below.is_empty()), shape.field(name)) {
                    (Some(below), Some(inner)) => remove(inner, value, below),
                    _ => value.clone(),
                };
                rest.insert(name.clone(), value);
            }
            if rest.is_empty() { Value::Null } else { Value::Object(rest) }
        }
        (Parts::Keyed(..) | Parts::Set, Value::Array(_)) => {
            let rest: Vec<Value> = items(&parts, value)
                .into_iter()
                .filter(|(step, _)| !unwanted.members.contains(step))
                .map(|(step, item)| match unwanted.children.get(&step).filter(|below| !below.is_empty()) {
                    Some(below) => remove(shape.item(), &item, below),
                    None => item,
                })
                .collect();
            if rest.is_empty() { Value::Null } else { Value::Array(rest) }
        }
        _ => Value::Null,
    }
}

/// The set, and with every field that is in it the objects on the way to it; entries of maps are not added.
pub(super) fn with_parents(shape: Shape<'_>, fields: &Fields) -> Fields {
    let mut all = Fields { members: fields.members.clone(), ..Fields::default() };
    for (step, below) in &fields.children {
        let name = step.strip_prefix("f:");
        if name.is_some_and(|name| shape.declares(name)) {
            all.members.insert(step.clone());
        }
        let inner = name.map_or(Some(shape.item()), |name| shape.field(name)).unwrap_or(Shape::Inner);
        all.children.insert(step.clone(), with_parents(inner, below));
    }
    all
}

/// Everything for which a configuration cannot be applied: fields that do not exist, wrong types, items that are there
/// twice. In the words of the real server, which goes through maps in no order and past a field that does not exist does
/// not go on; here the order is always the same and nothing is left out.
pub(super) fn check(shape: Shape<'_>, value: &Value, path: &str) -> Vec<String> {
    let refuse = |expected: &str, found: String| vec![format!("{path}: expected {expected}, got {found}")];
    let shown = || format!("&{{{}}}", go_value(value));
    let Shape::Typed(ty, _) = shape else { return Vec::new() };
    match (ty, value) {
        (_, Value::Null) | (Type::Any | Type::Quantity | Type::IntOrString, _) => Vec::new(),
        (Type::Object(_) | Type::Map(_), Value::Object(map)) => {
            let below = map.iter().flat_map(|(name, value)| {
                let path = format!("{path}.{name}");
                match shape.field(name) {
                    Some(inner) => check(inner, value, &path),
                    None => vec![format!("{path}: field not declared in schema")],
                }
            });
            below.collect()
        }
        (Type::List(_), Value::Array(list)) => check_items(shape, value, list, path),
        (Type::Bool, Value::Bool(_))
        | (Type::Int32 | Type::Int64, Value::Number(_))
        | (Type::String | Type::Bytes | Type::Time | Type::MicroTime, Value::String(_)) => Vec::new(),
        (Type::Object(_) | Type::Map(_), _) => refuse("map", shown()),
        (Type::List(_), _) => refuse("list", shown()),
        (Type::Bool, _) => refuse("boolean", shown()),
        (Type::Int32 | Type::Int64, _) => refuse("numeric (int or float)", go_type(value).to_owned()),
        _ => refuse("string", format!("&value.valueUnstructured{{Value:{}}}", go_syntax(value))),
    }
}

fn check_items(shape: Shape<'_>, value: &Value, list: &[Value], path: &str) -> Vec<String> {
    let parts = shape.parts([Some(value), None]);
    if !matches!(parts, Parts::Keyed(..) | Parts::Set) {
        let of = |index: usize| format!("{path}[{index}]");
        let below = list.iter().enumerate().flat_map(|(index, item)| check(shape.item(), item, &of(index)));
        return below.collect();
    }
    let mut seen = std::collections::BTreeSet::new();
    let below = items(&parts, value).into_iter().flat_map(|(step, item)| {
        let is_new = seen.insert(step.clone());
        let mut one = Fields::default();
        one.insert(&[step]);
        let key = one.paths().concat();
        let twice = (!is_new).then(|| format!("{path}: duplicate entries for key {key}"));
        twice.into_iter().chain(check(shape.item(), &item, &format!("{path}{key}")))
    });
    below.collect()
}

/// A value's type in Go (`%T`).
fn go_type(value: &Value) -> &'static str {
    match value {
        Value::Null => "<nil>",
        Value::Bool(_) => "bool",
        Value::Number(number) if number.is_f64() => "float64",
        Value::Number(_) => "int64",
        Value::String(_) => "string",
        Value::Array(_) => "[]interface {}",
        Value::Object(_) => "map[string]interface {}",
    }
}

/// A value as Go's source would spell it (`%#v`).
fn go_syntax(value: &Value) -> String {
    let all = |parts: Vec<String>| format!("{}{{{}}}", go_type(value), parts.join(", "));
    match value {
        Value::Null => "interface {}(nil)".to_owned(),
        Value::Array(items) => all(items.iter().map(go_syntax).collect()),
        Value::Object(map) => all(map.iter().map(|(key, value)| format!("{key:?}:{}", go_syntax(value))).collect()),
        Value::String(text) => format!("{text:?}"),
        other => other.to_string(),
    }
}
