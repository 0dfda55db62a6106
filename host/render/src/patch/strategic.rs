//! Strategic merge patches: like merge patches, but lists merge by key where the API says so, and `$patch`,
//! `$deleteFromPrimitiveList/…`, `$setElementOrder/…` and `$retainKeys` say more than null can. The outcome, order of
//! lists included, is that of k8s.io/apimachinery's `strategicpatch.StrategicMergePatch`. Does not decode the result.

use serde_json::{Map, Value};

use kubephase_model::config::record::join;

use super::decode::noun;
use super::schema::{ListMerge, Type};

const PATCH: &str = "$patch";
const RETAIN_KEYS: &str = "$retainKeys";
const DELETE_FROM: &str = "$deleteFromPrimitiveList/";
const SET_ORDER: &str = "$setElementOrder/";

/// Why a strategic merge patch cannot be applied.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MergeError {
    /// `$patch` has a value that means nothing there.
    #[error("`{path}` says `$patch: {found}`, which is not possible there")]
    Directive {
        /// Where.
        path: String,
        /// The directive's value.
        found: String,
    },
    /// An item cannot be matched.
    #[error("an item of the list `{path}` lacks its key `{key}`")]
    NoKey {
        /// The list.
        path: String,
        /// Its key.
        key: &'static str,
    },
    /// A list's item is of the wrong kind.
    #[error("an item of the list `{path}` is {found}, not {expected}")]
    Item {
        /// The list.
        path: String,
        /// What items must be.
        expected: &'static str,
        /// What stands there.
        found: &'static str,
    },
    /// A directive needs a list.
    #[error("`{path}` must be a list, not {found}")]
    NotAList {
        /// The directive or the field it is about.
        path: String,
        /// What stands there.
        found: &'static str,
    },
    /// `$setElementOrder` leaves an item out or contradicts the patch's own order.
    #[error("the items of `{path}` are not in the order of its `$setElementOrder`")]
    Order {
        /// The list.
        path: String,
    },
    /// The patch sets a field that its own `$retainKeys` removes.
    #[error("`{path}` is set, but not listed in the `$retainKeys` beside it")]
    NotRetained {
        /// The field.
        path: String,
    },
}

impl MergeError {
    /// What to do about it.
    pub fn hint(&self) -> String {
        match self {
            Self::Directive { .. } => {
                "a mapping takes `$patch: delete` or `$patch: replace`; so does an item of a list that merges by key"
                    .into()
            }
            Self::NoKey { key, .. } => format!("give every item its `{key}`"),
            Self::Item { expected, .. } => format!("make every item {expected}"),
            Self::NotAList { .. } => "write it as a list".into(),
            Self::Order { .. } => "list every item of the patch in `$setElementOrder`, in the same order".into(),
            Self::NotRetained { .. } => "add the field to `$retainKeys` or take it out of the patch".into(),
        }
    }
}

type Object = Map<String, Value>;

/// Merges `patch` into `original`, an object of type `ty`.
pub(super) fn merge(original: Object, patch: Object, ty: &Type) -> Result<Object, MergeError> {
    merge_object(original, patch, ty, "")
}

fn merge_object(mut original: Object, mut patch: Object, ty: &Type, path: &str) -> Result<Object, MergeError> {
    if let Some(directive) = patch.remove(PATCH) {
        return match directive.as_str() {
            Some("replace") => Ok(literal_object(patch)),
            Some("delete") => Ok(Object::new()),
            _ => Err(bad_directive(path, &directive)),
        };
    }
    retain_keys(&mut original, &mut patch, path)?;
    set_orders(&mut original, &mut patch, ty, path)?;
    for (key, value) in patch {
        if let Some(name) = key.strip_prefix(DELETE_FROM) {
            delete_from(&mut original, name, &value, &join(path, &key))?;
            continue;
        }
        let merged = match (original.remove(&key), value) {
            (_, Value::Null) => None,
            (Some(Value::Object(old)), Value::Object(new)) => {
                let path = join(path, &key);
                Some(Value::Object(merge_object(old, new, field_type(ty, &key), &path)?))
            }
            (Some(Value::Array(old)), Value::Array(new)) => {
                let path = join(path, &key);
                Some(Value::Array(merge_list(old, new, field_type(ty, &key), list_merge(ty, &key), &path)?))
            }
            (_, value) => bare(value),
        };
        if let Some(merged) = merged {
            original.insert(key, merged);
        }
    }
    Ok(original)
}

fn field_type<'a>(ty: &'a Type, name: &str) -> &'a Type {
    match ty.field(name) {
        Some(field) => &field.ty,
        None => ty.item(),
    }
}

fn list_merge(ty: &Type, name: &str) -> ListMerge {
    ty.field(name).map_or(ListMerge::Replace, |field| field.merge)
}

fn bad_directive(path: &str, directive: &Value) -> MergeError {
    let found = directive.as_str().map_or_else(|| noun(directive).to_owned(), str::to_owned);
    MergeError::Directive { path: if path.is_empty() { ".".into() } else { path.into() }, found }
}

/// A patch's value that meets nothing to merge with: without nulls and directives. `None` if nothing is left, for a
/// mapping with `$patch` asks for something to be changed that is not there.
fn bare(value: Value) -> Option<Value> {
    match value {
        Value::Null => None,
        Value::Object(map) if map.contains_key(PATCH) => None,
        Value::Object(map) => Some(Value::Object(bare_object(map))),
        Value::Array(items) => Some(Value::Array(items.into_iter().filter_map(bare).collect())),
        value => Some(value),
    }
}

fn bare_object(map: Object) -> Object {
    map.into_iter()
        .filter(|(key, _)| !is_directive(key))
        .filter_map(|(key, value)| bare(value).map(|value| (key, value)))
        .collect()
}

fn is_directive(key: &str) -> bool {
    key == PATCH || key == RETAIN_KEYS || key.starts_with(DELETE_FROM) || key.starts_with(SET_ORDER)
}

/// What replaces something or is new in a list: Go takes it as it stands, and its decoder then drops nulls and
/// directives, `$patch` too. (It would even add an item that says `$patch: delete`.)
fn literal(value: Value) -> Value {
    let is_unwanted = |item: &Value| match item {
        Value::Object(map) => map.get(PATCH).is_some_and(|directive| directive == "delete" || map.len() == 1),
        item => item.is_null(),
    };
    match value {
        Value::Object(map) => Value::Object(literal_object(map)),
        Value::Array(items) => Value::Array(items.into_iter().filter(|item| !is_unwanted(item)).map(literal).collect()),
        value => value,
    }
}

fn literal_object(map: Object) -> Object {
    map.into_iter()
        .filter(|(key, value)| !is_directive(key) && !value.is_null())
        .map(|(key, value)| (key, literal(value)))
        .collect()
}

fn as_list(value: Value, path: &str) -> Result<Vec<Value>, MergeError> {
    match value {
        Value::Array(items) => Ok(items),
        value => Err(MergeError::NotAList { path: path.to_owned(), found: noun(&value) }),
    }
}

/// `$retainKeys`: every other key of the original goes.
fn retain_keys(original: &mut Object, patch: &mut Object, path: &str) -> Result<(), MergeError> {
    let Some(keys) = patch.remove(RETAIN_KEYS) else { return Ok(()) };
    let keys = as_list(keys, &join(path, RETAIN_KEYS))?;
    let keeps = |name: &str| keys.iter().any(|key| key == name);
    let set = |(key, value): &(&String, &Value)| {
        !value.is_null() && !key.starts_with(DELETE_FROM) && !key.starts_with(SET_ORDER)
    };
    if let Some((key, _)) = patch.iter().filter(set).find(|(key, _)| !keeps(key)) {
        return Err(MergeError::NotRetained { path: join(path, key) });
    }
    original.retain(|key, _| keeps(key));
    Ok(())
}

/// `$deleteFromPrimitiveList/name`: these scalars go from the list.
fn delete_from(original: &mut Object, name: &str, unwanted: &Value, path: &str) -> Result<(), MergeError> {
    let unwanted = as_list(unwanted.clone(), path)?;
    if let Some(Value::Array(items)) = original.get_mut(name) {
        items.retain(|item| !unwanted.contains(item));
    }
    Ok(())
}

/// `$setElementOrder/name`: merges that list now and brings it into the given order.
fn set_orders(original: &mut Object, patch: &mut Object, ty: &Type, path: &str) -> Result<(), MergeError> {
    let directives: Vec<String> = patch.keys().filter(|key| key.starts_with(SET_ORDER)).cloned().collect();
    for directive in directives {
        let order = as_list(patch.remove(&directive).unwrap_or_default(), &join(path, &directive))?;
        let name = &directive[SET_ORDER.len()..];
        let list_path = join(path, name);
        let merge = list_merge(ty, name);
        let old = original.remove(name).map(|list| as_list(list, &list_path)).transpose()?;
        let new = patch.remove(name).map(|list| as_list(list, &list_path)).transpose()?;
        if let Some(new) = &new {
            check_order(new, &order, merge, &list_path)?;
        }
        let live = old.clone().unwrap_or_default();
        let merged = match (old, new) {
            (None, None) => continue,
            (Some(old), None) => old,
            (None, Some(new)) => new.into_iter().filter_map(bare).collect(),
            (Some(old), Some(new)) => merge_list(old, new, field_type(ty, name), merge, &list_path)?,
        };
        original.insert(name.to_owned(), Value::Array(arrange(merged, &order, &live, merge, &list_path)?));
    }
    Ok(())
}

/// The patch's items must appear in `order`, in the same sequence; deletions aside.
fn check_order(patch: &[Value], order: &[Value], merge: ListMerge, path: &str) -> Result<(), MergeError> {
    if patch.is_empty() || order.is_empty() {
        return Ok(());
    }
    let mut rest = order.iter();
    for item in patch.iter().filter(|item| item.get(PATCH).is_none()) {
        let identity = identity(item, merge, path)?;
        let mut found = false;
        for candidate in rest.by_ref() {
            if self::identity(candidate, merge, path)? == identity {
                found = true;
                break;
            }
        }
        if !found {
            return Err(MergeError::Order { path: path.to_owned() });
        }
    }
    Ok(())
}

/// What tells an item from the others of its list: the value of its key, or itself if it is a scalar.
fn identity<'a>(item: &'a Value, merge: ListMerge, path: &str) -> Result<&'a Value, MergeError> {
    match merge {
        ListMerge::ByKey(key) => match item {
            Value::Object(map) => map.get(key).ok_or_else(|| MergeError::NoKey { path: path.to_owned(), key }),
            _ => Err(MergeError::Item { path: path.to_owned(), expected: "a mapping", found: noun(item) }),
        },
        ListMerge::Set | ListMerge::Replace => Ok(item),
    }
}

fn merge_list(
    old: Vec<Value>,
    new: Vec<Value>,
    ty: &Type,
    merge: ListMerge,
    path: &str,
) -> Result<Vec<Value>, MergeError> {
    match merge {
        ListMerge::Replace => {
            // Go would leave an empty item behind: nobody means that.
            if let Some(directive) = new.iter().find_map(|item| item.get(PATCH)) {
                return Err(bad_directive(&format!("{path}[]"), directive));
            }
            Ok(new.into_iter().filter(|item| !item.is_null()).map(literal).collect())
        }
        ListMerge::Set => {
            if let Some(item) = new.iter().find(|item| item.is_object() || item.is_array()) {
                return Err(MergeError::Item { path: path.to_owned(), expected: "a scalar", found: noun(item) });
            }
            let mut merged: Vec<Value> = Vec::new();
            for item in old.iter().chain(&new) {
                if !merged.contains(item) {
                    merged.push(item.clone());
                }
            }
            arrange(merged, &new, &old, merge, path)
        }
        ListMerge::ByKey(key) => merge_by_key(old, new, ty.item(), key, path),
    }
}

fn merge_by_key(
    mut old: Vec<Value>,
    new: Vec<Value>,
    item_type: &Type,
    key: &'static str,
    path: &str,
) -> Result<Vec<Value>, MergeError> {
    let merge = ListMerge::ByKey(key);
    let mut wanted = Vec::new();
    let mut replace = false;
    for item in new {
        let Value::Object(map) = item else {
            return Err(MergeError::Item { path: path.to_owned(), expected: "a mapping", found: noun(&item) });
        };
        match map.get(PATCH) {
            None => wanted.push(Value::Object(map)),
            Some(directive) if directive == "delete" => {
                let unwanted = map.get(key).ok_or_else(|| MergeError::NoKey { path: path.to_owned(), key })?;
                old.retain(|item| item.get(key) != Some(unwanted));
            }
            Some(directive) if directive == "replace" => replace = true,
            Some(directive) => return Err(bad_directive(&format!("{path}[]"), directive)),
        }
    }
    for item in &wanted {
        identity(item, merge, path)?;
    }
    if replace {
        return Ok(wanted.into_iter().map(literal).collect());
    }
    let live = old.clone();
    let order = wanted.clone();
    for item in wanted {
        let id = identity(&item, merge, path)?.clone();
        let item_path = format!("{path}[{key}={}]", id.as_str().map_or_else(|| id.to_string(), str::to_owned));
        let Value::Object(map) = item else { continue };
        match old.iter_mut().find(|candidate| candidate.get(key) == Some(&id)) {
            Some(candidate) => {
                let Value::Object(existing) = candidate.take() else { continue };
                *candidate = Value::Object(merge_object(existing, map, item_type, &item_path)?);
            }
            None => old.push(Value::Object(literal_object(map))),
        }
    }
    arrange(old, &order, &live, merge, path)
}

/// The order of a merged list: items that the patch names as it orders them, the others as they were, both put
/// together by the order in which they were. What is new and comes first in the patch therefore comes first.
fn arrange(
    merged: Vec<Value>,
    order: &[Value],
    live: &[Value],
    merge: ListMerge,
    path: &str,
) -> Result<Vec<Value>, MergeError> {
    let positions =
        |list: &[Value]| list.iter().map(|item| identity(item, merge, path).cloned()).collect::<Result<Vec<_>, _>>();
    let (order, live) = (positions(order)?, positions(live)?);
    let index = |list: &[Value], id: &Value| list.iter().position(|other| other == id);

    let mut named = Vec::new();
    let mut others = Vec::new();
    for item in merged {
        let id = identity(&item, merge, path)?.clone();
        match index(&order, &id) {
            Some(position) => named.push((position, index(&live, &id), item)),
            None => others.push((index(&live, &id), item)),
        }
    }
    named.sort_by_key(|(position, ..)| *position);
    others.sort_by_key(|(position, _)| position.unwrap_or(usize::MAX));

    let mut named = named.into_iter().peekable();
    let mut others = others.into_iter().peekable();
    let mut arranged = Vec::new();
    loop {
        let other_first = match (others.peek(), named.peek()) {
            (None, None) => return Ok(arranged),
            (Some(_), None) => true,
            (None, Some(_)) => false,
            (Some((Some(other), _)), Some((_, Some(named), _))) => other < named,
            _ => false,
        };
        arranged.extend(if other_first {
            others.next().map(|(_, item)| item)
        } else {
            named.next().map(|(.., item)| item)
        });
    }
}

#[cfg(test)]
mod tests;
