//! A plugin's objects in the cluster: applied as one set, in the order in which they need each other; what was in the set
//! and is not any more goes. Only members of the set are ever touched.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures_util::future::join_all;
use kubephase_model::object::{CUSTOM_RESOURCE_DEFINITION, ObjectRef};
use kubephase_node::kube::{Api, ApiError, Deletion, FieldConflict, Select};
use serde_json::Value;

use super::apply_set::{self, ApplySet, PART_OF, TIERS, manager, set_of, told};
use super::error::PluginError;

/// How long a definition of custom resources may take until it is served.
const ESTABLISHED: Duration = Duration::from_secs(30);
/// How long what was deleted may take to be gone: things with finalizers are cleaned up by their controllers first.
const GONE: Duration = Duration::from_secs(60);
/// What a client must not say about an object; manifests that were read from a cluster have it.
const SERVERS: [&str; 6] = ["creationTimestamp", "generation", "managedFields", "resourceVersion", "selfLink", "uid"];

/// Objects with their names, in the plugin's order.
pub struct Members {
    members: Vec<(ObjectRef, Value)>,
}

impl Members {
    /// Names the objects and makes members of them: lists are taken apart, what is the server's is left out. Fails for
    /// what has no name, what the cluster has no kind for, and for the same object twice.
    pub async fn of(api: &Api, plugin: &str, objects: Vec<Value>) -> Result<Self, PluginError> {
        let objects = flat(objects);
        api.define(&objects);
        let mut seen = BTreeSet::new();
        let mut members = Vec::new();
        for mut object in objects {
            let name = api.name(&object).await.map_err(PluginError::api(plugin))?;
            if !seen.insert(name.clone()) {
                return Err(PluginError::senseless(plugin, format!("{name} is there twice")));
            }
            let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) else { continue };
            metadata.retain(|key, _| !SERVERS.contains(&key.as_str()));
            match &name.namespace {
                Some(namespace) => metadata.insert("namespace".into(), namespace.as_str().into()),
                None => metadata.remove("namespace"),
            };
            object["metadata"]["labels"][PART_OF] = apply_set::id(plugin).into();
            if let Some(object) = object.as_object_mut() {
                object.remove("status");
            }
            members.push((name, object));
        }
        Ok(Self { members })
    }

    /// Their names.
    pub fn names(&self) -> Vec<ObjectRef> {
        self.members.iter().map(|(name, _)| name.clone()).collect()
    }

    /// Applies them. With `prune`, members that are neither among them nor among `others` are removed.
    pub async fn apply(self, api: &Api, plugin: &str, others: &[ObjectRef], prune: bool) -> Result<(), PluginError> {
        let fail = PluginError::api(plugin);
        let names = self.names();
        let earlier = parent(api, plugin).await?;
        if names.is_empty() && earlier.is_none() {
            return Ok(());
        }
        let earlier = earlier.unwrap_or_default();
        let mut now = ApplySet::of(names.iter().chain(others));
        now.adopted = self.adopted(api, plugin, &earlier).await?;
        let manager = manager(plugin);
        api.apply(&earlier.with(&now).parent(plugin), &manager, true).await.map_err(&fail)?;
        let mut tiers: BTreeMap<usize, Vec<Value>> = BTreeMap::new();
        for (name, object) in self.members {
            tiers.entry(apply_set::tier(name.kind)).or_default().push(object);
        }
        for objects in tiers.values() {
            let done = api.apply_all(objects, &manager, false).await;
            first_failure(plugin, done)?;
            established(api, plugin, objects).await?;
        }
        if !prune {
            return Ok(());
        }
        let keep: BTreeSet<ObjectRef> = names.into_iter().chain(others.iter().cloned()).collect();
        let found = members(api, plugin, &earlier.with(&now)).await?;
        let gone: Vec<Member> = found.into_iter().filter(|member| !keep.contains(&member.name)).collect();
        now.adopted.retain(|adopted| !gone.iter().any(|gone| told(&gone.name) == *adopted));
        remove(api, plugin, gone, &earlier.adopted).await?;
        if now != earlier.with(&now) {
            api.apply(&now.parent(plugin), &manager, true).await.map_err(&fail)?;
        }
        Ok(())
    }

    /// Which of them are there already and nobody's member: others made them. What is another set's is refused, and so
    /// is what somebody else has running: applied to it, what was judged as a pod of its own would become a part of a
    /// pod with other rights.
    async fn adopted(&self, api: &Api, plugin: &str, earlier: &ApplySet) -> Result<BTreeSet<String>, PluginError> {
        let id = apply_set::id(plugin);
        let mut looks = Vec::new();
        for (name, _) in &self.members {
            looks.push(api.get(name));
        }
        let mut adopted = BTreeSet::new();
        for ((name, _), found) in self.members.iter().zip(join_all(looks).await) {
            let Some(found) = found.map_err(PluginError::api(plugin))? else { continue };
            let told = told(name);
            match set_of(&found) {
                Some(other) if other != id => {
                    let owner = owner(api, other).await;
                    return Err(PluginError::Taken {
                        plugin: plugin.to_owned(),
                        what: format!("the object {name}"),
                        owner,
                    });
                }
                None if runs(&found) => {
                    let owner = "somebody else, who has pods made of it".to_owned();
                    let (plugin, what) = (plugin.to_owned(), format!("the object {name}"));
                    return Err(PluginError::Taken { plugin, what, owner });
                }
                Some(_) if !earlier.adopted.contains(&told) => {}
                _ => drop(adopted.insert(told)),
            }
        }
        Ok(adopted)
    }
}

/// Deletes everything that a plugin's set has, what others need last; not its parent. What was there before is only given
/// up.
pub async fn remove_members(api: &Api, plugin: &str) -> Result<(), PluginError> {
    let Some(set) = parent(api, plugin).await? else { return Ok(()) };
    let found = members(api, plugin, &set).await?;
    remove(api, plugin, found, &set.adopted).await
}

/// A member as it was found.
pub struct Member {
    /// Its name.
    pub name: ObjectRef,
    uid: Option<String>,
}

/// What a plugin's set has in the cluster; for those who only want to know.
pub async fn list(api: &Api, plugin: &str) -> Result<Vec<ObjectRef>, PluginError> {
    let Some(set) = parent(api, plugin).await? else { return Ok(Vec::new()) };
    Ok(members(api, plugin, &set).await?.into_iter().map(|member| member.name).collect())
}

/// What the parent says. A ConfigMap of its name that is none is refused.
async fn parent(api: &Api, plugin: &str) -> Result<Option<ApplySet>, PluginError> {
    let name = apply_set::parent_name(plugin);
    let Some(found) = api.get(&name).await.map_err(PluginError::api(plugin))? else { return Ok(None) };
    match ApplySet::read(&found, plugin) {
        Some(set) => Ok(Some(set)),
        None => {
            let owner = "somebody who made it for another purpose".into();
            Err(PluginError::Taken { plugin: plugin.to_owned(), what: format!("the object {name}"), owner })
        }
    }
}

/// Members by label, of the kinds that the parent names: what is applied first stands first.
async fn members(api: &Api, plugin: &str, set: &ApplySet) -> Result<Vec<Member>, PluginError> {
    let fail = PluginError::api(plugin);
    let id = apply_set::id(plugin);
    let labels = format!("{PART_OF}={id}");
    let mut found = Vec::new();
    for (group, kind) in &set.group_kinds {
        // A kind that is not served any more has no objects any more.
        let Some(kind) = api.kind_in(group, kind).await.map_err(&fail)? else { continue };
        let objects = api.list(kind, None, Select { labels: &labels, ..Select::default() }).await.map_err(&fail)?;
        // What a dry run would have made is matched by no selector.
        for object in objects.into_iter().filter(|object| set_of(object) == Some(&id)) {
            let text = |path: &str| object.pointer(path).and_then(Value::as_str);
            let Some(name) = text("/metadata/name") else { continue };
            let name = ObjectRef::new(kind, text("/metadata/namespace"), name);
            found.push(Member { name, uid: text("/metadata/uid").map(str::to_owned) });
        }
    }
    found.sort_by(|a, b| (apply_set::tier(a.name.kind), &a.name).cmp(&(apply_set::tier(b.name.kind), &b.name)));
    Ok(found)
}

/// Deletes members, what others need last, and waits until they are gone. Those that were there before are given up.
async fn remove(api: &Api, plugin: &str, members: Vec<Member>, adopted: &BTreeSet<String>) -> Result<(), PluginError> {
    let fail = PluginError::api(plugin);
    for tier in (0..TIERS).rev() {
        let mut going = Vec::new();
        for member in members.iter().rev().filter(|member| apply_set::tier(member.name.kind) == tier) {
            if adopted.contains(&told(&member.name)) {
                api.release(&member.name, &manager(plugin)).await.map_err(&fail)?;
                continue;
            }
            let deletion = Deletion { uid: member.uid.as_deref(), ..Deletion::default() };
            match api.delete_if(&member.name, deletion).await {
                // Somebody has put another one in its place, or is deleting it.
                Ok(_) => going.push(&member.name),
                Err(error) if error.code() == Some(409) => {}
                Err(error) => return Err(fail(error)),
            }
        }
        for name in going {
            gone(api, plugin, name).await?;
        }
    }
    Ok(())
}

async fn gone(api: &Api, plugin: &str, name: &ObjectRef) -> Result<(), PluginError> {
    let what = format!("{name} has been deleted and is not gone");
    let waited = api.wait(name, &what, GONE, |found| found.is_none()).await;
    match waited {
        Ok(_) => Ok(()),
        Err(ApiError::Waited { what, waited, last }) => {
            let last = last.unwrap_or_else(|| "a finalizer keeps it, whose controller does not answer".into());
            Err(PluginError::Waited { plugin: plugin.to_owned(), what, seconds: waited.as_secs(), last })
        }
        // Its kind went with its definition.
        Err(error) if error.is_not_found() => Ok(()),
        Err(error) => Err(PluginError::api(plugin)(error)),
    }
}

/// Waits until the server serves what these objects define.
async fn established(api: &Api, plugin: &str, objects: &[Value]) -> Result<(), PluginError> {
    let definitions = objects.iter().filter_map(ObjectRef::of);
    for name in definitions.filter(|name| name.kind == &CUSTOM_RESOURCE_DEFINITION) {
        let what = format!("{name} has not been established");
        let is_served =
            |found: Option<&Value>| found.is_some_and(|found| super::waits::condition(found, "Established"));
        api.wait(&name, &what, ESTABLISHED, is_served).await.map_err(PluginError::api(plugin))?;
    }
    Ok(())
}

/// Who has a set: the name of its parent says it.
async fn owner(api: &Api, id: &str) -> String {
    let labels = format!("{}={id}", apply_set::ID);
    let select = Select { labels: &labels, ..Select::default() };
    let namespace = Some(apply_set::NAMESPACE_OF_PARENTS);
    let parents = api.list(&kubephase_model::object::CONFIG_MAP, namespace, select).await.unwrap_or_default();
    let name = parents.first().and_then(|parent| parent.pointer("/metadata/name")?.as_str());
    match name.and_then(|name| name.strip_prefix(&manager(""))) {
        Some(plugin) => format!("plugin `{plugin}`"),
        None => format!("the ApplySet {id}"),
    }
}

/// All conflicts together; otherwise the first thing that went wrong.
fn first_failure(plugin: &str, done: Vec<Result<Value, ApiError>>) -> Result<(), PluginError> {
    let mut conflicts: Vec<(String, Vec<FieldConflict>)> = Vec::new();
    for result in done {
        match result {
            Ok(_) => {}
            Err(ApiError::Conflict { what, conflicts: fields }) => conflicts.push((what, fields)),
            Err(error) => return Err(PluginError::api(plugin)(error)),
        }
    }
    let source = match conflicts.len() {
        0 => return Ok(()),
        1 => conflicts.pop().map(|(what, conflicts)| ApiError::Conflict { what, conflicts }),
        count => Some(ApiError::Conflict {
            what: format!("apply {count} objects"),
            conflicts: conflicts
                .into_iter()
                .flat_map(|(what, fields)| {
                    let object = what.trim_start_matches("apply ").to_owned();
                    fields
                        .into_iter()
                        .map(move |field| FieldConflict { field: format!("{object} {}", field.field), ..field })
                })
                .collect(),
        }),
    };
    source.map_or(Ok(()), |source| Err(PluginError::api(plugin)(source)))
}

/// Whether pods are made of it: there are containers in it, at whatever place.
fn runs(object: &Value) -> bool {
    match object {
        Value::Object(fields) => {
            let is_pod = ["containers", "initContainers"].iter().any(|list| object[*list].is_array());
            is_pod || fields.values().any(runs)
        }
        Value::Array(items) => items.iter().any(runs),
        _ => false,
    }
}

/// Lists taken apart.
fn flat(objects: Vec<Value>) -> Vec<Value> {
    let mut all = Vec::new();
    for mut object in objects {
        let is_list = object["kind"] == "List" && object["apiVersion"] == "v1";
        match object.get_mut("items").map(Value::take) {
            Some(Value::Array(items)) if is_list => all.extend(flat(items)),
            Some(items) => {
                object["items"] = items;
                all.push(object);
            }
            None => all.push(object),
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::runs;

    #[test]
    fn pods_are_found_wherever_they_are() {
        let pod = json!({ "spec": { "containers": [{ "name": "a" }] } });
        for object in [
            pod.clone(),
            json!({ "spec": { "template": pod } }),
            json!({ "spec": { "jobTemplate": { "spec": { "template": pod } } } }),
            json!({ "spec": { "parts": [{ "initContainers": [] }] } }),
        ] {
            assert!(runs(&object), "{object}");
        }
        for object in [
            json!({ "data": { "containers": "[]" } }),
            json!({ "spec": { "schema": { "properties": { "containers": { "type": "array" } } } } }),
        ] {
            assert!(!runs(&object), "{object}");
        }
    }
}
