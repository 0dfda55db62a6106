//! Server-side apply (KEP-555) and the record of who owns which field (`metadata.managedFields`). The rules are those
//! of structured-merge-diff and of apiserver's field managers: an apply owns what it sets, an update what it changes,
//! what the server fills in is nobody's. Stores nothing and checks no rules of kinds.

mod fields;
mod managed;
mod walk;

use serde_json::{Map, Value, json};

use crate::kinds::Kind;
use crate::schema::{decode, fill_defaults, type_of};
use crate::status::{Cause, Failure};
use fields::Fields;
use managed::{Entry, Managed, Operation};
use walk::{Shape, compare, fields_of};

/// Who is blamed for the fields of an object that nobody kept book of before it was first applied to.
const BEFORE_FIRST_APPLY: &str = "before-first-apply";

/// kubectl's server-side apply uses this name unless it is given another one.
const KUBECTL: &str = "kubectl";

/// Where `kubectl apply` without `--server-side` keeps what it applied.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// Fields of every object that are never owned.
const NEVER: [&str; 12] = [
    "apiVersion",
    "kind",
    "metadata",
    "metadata.name",
    "metadata.namespace",
    "metadata.creationTimestamp",
    "metadata.selfLink",
    "metadata.uid",
    "metadata.clusterName",
    "metadata.generation",
    "metadata.managedFields",
    "metadata.resourceVersion",
];

/// Applies `applied` in the name of `manager` to `current`, or makes a new object of it. The answer has its defaults and
/// its `managedFields`; it still has to be checked, and it is equal to `current` if nothing changes. `subresource` is
/// empty for the object itself; `now` is the time (RFC 3339, UTC).
///
/// Fails with 409 if somebody else owns a field that would change and `force` is not set, and as the real server does if
/// `applied` does not fit its kind.
pub fn apply(
    kind: &Kind,
    current: Option<&Value>,
    applied: &Value,
    manager: &str,
    subresource: &str,
    force: bool,
    now: &str,
) -> Result<Value, Failure> {
    if applied.pointer("/metadata/managedFields").is_some_and(|fields| !fields.is_null()) {
        return Err(Failure::bad_request("metadata.managedFields must be nil"));
    }
    let ty = type_of(kind);
    let shape = Shape::of(&ty);
    let problems = walk::check(shape, applied, "");
    if !problems.is_empty() {
        let why = match &problems[..] {
            [one] => one.clone(),
            many => format!("errors:\n  {}", many.join("\n  ")),
        };
        let text = |field: &str| applied["metadata"][field].as_str().unwrap_or_default();
        return Err(Failure::unclassified(format!(
            "failed to create typed patch object ({}/{}; {}, Kind={}): {why}",
            text("namespace"),
            text("name"),
            if kind.group.is_empty() { format!("/{}", kind.version) } else { kind.group_version() },
            kind.kind
        )));
    }
    let live = current.map_or_else(|| zero(kind), without_record);
    let mut managed = current.map(Managed::read).unwrap_or_default();
    if managed.is_empty() && current.is_some() {
        let entry = Entry::new(BEFORE_FIRST_APPLY, Operation::Update, &kind.group_version(), subresource);
        let owned = owned_by_change(shape, &zero(kind), &live, &Fields::default());
        managed.set(entry, owned, Some(now));
    }

    let ignored = ignored(kind, subresource);
    let entry = Entry::new(manager, Operation::Apply, &kind.group_version(), subresource);
    let set = fields_of(shape, applied).difference_below(&ignored).difference(&Fields::of(&NEVER));
    let before = managed.take(&entry);
    let configuration = walk::remove(shape, applied, &ignored);
    let merged = walk::merge(shape, &live, &configuration);
    let pruned = match &before {
        Some(before) => prune(shape, &merged, before, &managed.union().union(&set)),
        None => merged,
    };
    let pruned = without_record(&pruned);

    let changes = compare(shape, &live, &pruned);
    let touched = changes.modified.union(&changes.added);
    let mut conflicts = managed.owners_of(&touched);
    if !force && !conflicts.is_empty() {
        // kubectl takes over what it applied itself on the client before.
        if manager == KUBECTL {
            let own = last_applied(shape, &live);
            for (_, fields) in &mut conflicts {
                *fields = fields.difference(&own);
            }
            conflicts.retain(|(_, fields)| !fields.is_empty());
        }
        if !conflicts.is_empty() {
            return Err(conflict(&conflicts));
        }
    }
    managed.subtract(&touched);
    managed.subtract(&changes.removed);
    let time = (!changes.is_same()).then_some(now);
    managed.restore(entry, set, time);

    let mut object = if changes.is_same() { live } else { pruned };
    if manager == KUBECTL {
        update_last_applied(&mut object, applied);
    }
    object["apiVersion"] = json!(kind.group_version());
    object["kind"] = json!(kind.kind);
    let mut object = decode(kind, object).map_err(Failure::bad_request)?.object;
    fill_defaults(kind, &mut object);
    managed.write(&mut object);
    if let Some(current) = current {
        keep_times(current, &mut object);
    }
    Ok(object)
}

/// Where nothing but times of the record would change, nothing changes.
fn keep_times(old: &Value, new: &mut Value) {
    let timeless = |object: &Value| {
        let mut object = object.clone();
        let entries = object.pointer_mut("/metadata/managedFields").and_then(Value::as_array_mut);
        for entry in entries.into_iter().flatten().filter_map(Value::as_object_mut) {
            entry.remove("time");
        }
        object
    };
    if timeless(old) == timeless(new) {
        *new = old.clone();
    }
}

/// Keeps the record of a create (`old` is `None`), an update or a patch, in `new`, which has its defaults. `subresource`
/// is empty for the object itself.
pub fn track(kind: &Kind, old: Option<&Value>, new: &mut Value, manager: &str, subresource: &str, now: &str) {
    let ty = type_of(kind);
    let shape = Shape::of(&ty);
    let sent = new.pointer("/metadata/managedFields").and_then(Value::as_array).cloned().unwrap_or_default();
    let is_reset = subresource.is_empty() && sent.len() == 1 && sent[0].as_object().is_some_and(Map::is_empty);
    let mut managed = match old {
        _ if is_reset => Managed::default(),
        Some(_) if subresource.is_empty() && !Managed::read(new).is_empty() => Managed::read(new),
        Some(old) => Managed::read(old),
        None => Managed::read(new),
    };
    let object = without_record(new);
    if old.is_some() && managed.is_empty() {
        // Nobody keeps book of this object, until it is applied to.
        Managed::default().write(new);
        return;
    }
    let live = old.map_or_else(|| zero(kind), without_record);
    let ignored = ignored(kind, subresource);
    let changes = compare(shape, &live, &object).without(&ignored);
    let touched = changes.modified.union(&changes.added);
    let entry = Entry::new(manager, Operation::Update, &kind.group_version(), subresource);
    let taken = touched.difference(&Fields::of(&NEVER));
    let before = managed.take_with_time(&entry);
    managed.subtract(&touched);
    managed.subtract(&changes.removed);
    let (kept, time) = before.unwrap_or_default();
    let kept = kept.difference(&changes.removed);
    let time = if taken.is_empty() { time } else { Some(now.to_owned()) };
    let own = kept.union(&taken);
    if !own.is_empty() {
        managed.set(entry, own, time.as_deref());
    }
    managed.write(new);
    if let Some(old) = old {
        keep_times(old, new);
    }
}

/// Keeps the record of a change through `scale`, in `new`: the number of replicas is `manager`'s by that subresource. As
/// on the real server, nothing is noted of a number that is nobody's, and the entry has no time.
pub fn track_scale(kind: &Kind, old: &Value, new: &mut Value, manager: &str) {
    let replicas = Fields::of(&["spec.replicas"]);
    let mut managed = Managed::read(old);
    if old["spec"]["replicas"] == new["spec"]["replicas"] || managed.owners_of(&replicas).is_empty() {
        return;
    }
    managed.subtract(&replicas);
    managed.set(Entry::new(manager, Operation::Update, &kind.group_version(), "scale"), replicas, None);
    managed.write(new);
}

/// What a writer of `new` over `old` owns.
fn owned_by_change(shape: Shape<'_>, old: &Value, new: &Value, ignored: &Fields) -> Fields {
    let changes = compare(shape, old, new).without(ignored);
    changes.modified.union(&changes.added).difference(&Fields::of(&NEVER))
}

/// An object in which nothing is set, as Go encodes it: some of its parts are there all the same.
fn zero(kind: &Kind) -> Value {
    let empty = json!({ "apiVersion": kind.group_version(), "kind": kind.kind });
    decode(kind, empty).map(|decoded| decoded.object).unwrap_or_default()
}

fn without_record(object: &Value) -> Value {
    let mut object = object.clone();
    if let Some(Value::Object(metadata)) = object.get_mut("metadata") {
        metadata.remove("managedFields");
    }
    object
}

/// What a request to the subresource cannot change.
fn ignored(kind: &Kind, subresource: &str) -> Fields {
    match subresource {
        "" if kind.status => Fields::of(&["status"]),
        "status" | "approval" => Fields::of(&["spec"]),
        _ => Fields::default(),
    }
}

/// Takes out of `merged` what the manager applied before and does not any more, unless somebody else owns it too.
/// `owned` is what anybody owns now, the manager included.
fn prune(shape: Shape<'_>, merged: &Value, before: &Fields, owned: &Fields) -> Value {
    let with_parents = |fields: &Fields| walk::with_parents(shape, fields);
    let all = fields_of(shape, merged);
    let pruned = walk::remove(shape, merged, &with_parents(before));
    let left = with_parents(&fields_of(shape, &pruned)).union(&with_parents(owned));
    let pruned = walk::remove(shape, merged, &with_parents(&all).difference(&left));
    // What only dangles from an item that went, and was never the manager's, stays.
    let left = with_parents(&fields_of(shape, &pruned));
    walk::remove(shape, merged, &with_parents(&all).difference(&left).intersection(before))
}

/// The fields that `kubectl apply` without `--server-side` applied, as it says in an annotation, and that nobody has
/// changed since.
fn last_applied(shape: Shape<'_>, live: &Value) -> Fields {
    let text = live["metadata"]["annotations"][LAST_APPLIED].as_str();
    let Some(applied) = text.and_then(|text| serde_json::from_str::<Value>(text).ok()) else {
        return Fields::default();
    };
    let changes = compare(shape, &applied, live);
    fields_of(shape, &applied).difference(&changes.modified).difference(&changes.added).difference(&changes.removed)
}

/// Keeps kubectl's annotation up to date, for those who go back to applying on the client.
fn update_last_applied(object: &mut Value, applied: &Value) {
    let annotation = object.pointer_mut("/metadata/annotations").and_then(|all| all.get_mut(LAST_APPLIED));
    if let Some(annotation) = annotation {
        *annotation = json!(format!("{applied}\n"));
    }
}

fn conflict(conflicts: &[(Entry, Fields)]) -> Failure {
    let mut causes = Vec::new();
    let mut told = String::new();
    for (entry, fields) in conflicts {
        let owner = entry.shown();
        told.push_str(&format!("conflicts with {owner}:\n"));
        for path in fields.paths() {
            told.push_str(&format!("- {path}\n"));
            causes.push(Cause {
                reason: "FieldManagerConflict".to_owned(),
                message: format!("conflict with {owner}"),
                field: path,
            });
        }
    }
    let message = match &causes[..] {
        [one] => format!("Apply failed with 1 conflict: {}: {}", one.message, one.field),
        _ => format!("Apply failed with {} conflicts: {}", causes.len(), told.trim_end()),
    };
    Failure::apply_conflict(message, causes)
}

#[cfg(test)]
mod tests;
