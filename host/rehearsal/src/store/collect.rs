//! Deletion: finalizers, owners and namespaces. The real cluster leaves the last two to controllers, which come to the
//! same end a moment later; here they are part of the write.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{Key, Transaction, Written, metadata, text};
use crate::kinds::{Kind, NAMESPACE};
use crate::status::Failure;

/// What becomes of objects that the deleted one owns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Propagation {
    /// They are deleted after it.
    #[default]
    Background,
    /// They are deleted before it, as far as they block its deletion.
    Foreground,
    /// They stay.
    Orphan,
}

/// What must be so for a deletion to happen; empty for anything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Preconditions {
    /// The object's uid.
    pub uid: String,
    /// The object's revision.
    pub resource_version: String,
}

const FOREGROUND: &str = "foregroundDeletion";
const ORPHAN: &str = "orphan";

impl Transaction<'_> {
    /// Deletes an object, or marks it as being deleted while it has finalizers. Returns its last state.
    pub fn delete(
        &mut self,
        kind: &'static Kind,
        namespace: Option<&str>,
        name: &str,
        preconditions: &Preconditions,
        propagation: Propagation,
    ) -> Result<Written, Failure> {
        let key = Key::new(kind, namespace, name);
        let Some(old) = self.state.objects.get(&key).map(|stored| stored.object.clone()) else {
            return Err(Failure::not_found(kind, name));
        };
        for (what, wanted, real) in [
            ("UID", &preconditions.uid, text(old["metadata"].get("uid"))),
            ("ResourceVersion", &preconditions.resource_version, text(old["metadata"].get("resourceVersion"))),
        ] {
            if !wanted.is_empty() && wanted != real {
                let why =
                    format!("Precondition failed: {what} in precondition: {wanted}, {what} in object meta: {real}");
                return Err(Failure::conflict(kind, name, &why));
            }
        }
        Ok(self.start_deletion(&key, propagation).unwrap_or(old))
    }

    fn start_deletion(&mut self, key: &Key, propagation: Propagation) -> Option<Written> {
        let stored = self.state.objects.get(key)?.clone();
        let mut object = Value::clone(&stored.object);
        let meta = metadata(&mut object);
        meta.entry("deletionTimestamp").or_insert_with(|| json!(self.now));
        meta.entry("deletionGracePeriodSeconds").or_insert_with(|| json!(0));
        let marker = match propagation {
            Propagation::Background => None,
            Propagation::Foreground => Some(FOREGROUND),
            Propagation::Orphan => Some(ORPHAN),
        };
        if let Some(marker) = marker {
            let finalizers = meta.entry("finalizers").or_insert_with(|| json!([]));
            let list = finalizers.as_array_mut()?;
            if !list.contains(&json!(marker)) {
                list.push(json!(marker));
            }
        }
        if *stored.kind == NAMESPACE {
            meta.remove("deletionGracePeriodSeconds");
            object["status"]["phase"] = json!("Terminating");
        }
        // What has nothing to wait for goes at once, without being marked first.
        if *stored.kind != NAMESPACE && finalizers(&object).is_empty() {
            let removed = self.remove(key);
            self.after_removal(key, &stored.object);
            return removed;
        }
        let marked = if object == *stored.object { stored.object } else { self.put(key.clone(), stored.kind, object) };
        Some(self.settle(key).unwrap_or(marked))
    }

    /// Does for an object that is being deleted what its finalizers of our own ask for, and removes it when none is
    /// left. Returns its last state if that changed.
    pub(super) fn settle(&mut self, key: &Key) -> Option<Written> {
        let stored = self.state.objects.get(key)?.clone();
        stored.object["metadata"].get("deletionTimestamp")?;
        let uid = text(stored.object["metadata"].get("uid")).to_owned();
        let mut left = finalizers(&stored.object);
        if left.contains(&ORPHAN.to_owned()) {
            for dependent in self.dependents(&uid) {
                self.disown(&dependent, &uid);
            }
            left.retain(|finalizer| finalizer != ORPHAN);
        }
        if left.contains(&FOREGROUND.to_owned()) {
            for dependent in self.dependents(&uid) {
                if self.is_deleting(&dependent) {
                    continue;
                }
                if self.has_other_owner(&dependent, &uid) {
                    self.disown(&dependent, &uid);
                } else {
                    self.start_deletion(&dependent, Propagation::Foreground);
                }
            }
            let blocked = self.dependents(&uid).iter().any(|dependent| self.blocks(dependent, &uid));
            if !blocked {
                left.retain(|finalizer| finalizer != FOREGROUND);
            }
        }
        if *stored.kind == NAMESPACE {
            for content in self.content(&key.name) {
                if !self.is_deleting(&content) {
                    self.start_deletion(&content, Propagation::Background);
                }
            }
            if !self.content(&key.name).is_empty() {
                return None;
            }
        }
        // The object may have gone meanwhile, with what it owned.
        let now = self.state.objects.get(key)?.object.clone();
        if left.is_empty() {
            let removed = self.remove(key);
            self.after_removal(key, &now);
            return removed;
        }
        if left == finalizers(&now) {
            return None;
        }
        let mut object = Value::clone(&now);
        object["metadata"]["finalizers"] = json!(left);
        Some(self.put(key.clone(), stored.kind, object))
    }

    /// What a removal means for others: objects that it owned, its owners that wait for it, its namespace.
    fn after_removal(&mut self, key: &Key, last: &Arc<Value>) {
        let uid = text(last["metadata"].get("uid")).to_owned();
        for dependent in self.dependents(&uid) {
            if self.has_other_owner(&dependent, &uid) {
                self.disown(&dependent, &uid);
            } else if !self.is_deleting(&dependent) {
                self.start_deletion(&dependent, Propagation::Background);
            }
        }
        for owner in owners(last) {
            if let Some(owner) = self.by_uid(&owner) {
                self.settle(&owner);
            }
        }
        if !key.namespace.is_empty() {
            let namespace = Key::new(&NAMESPACE, None, &key.namespace);
            if self.is_deleting(&namespace) && self.content(&key.namespace).is_empty() {
                self.settle(&namespace);
            }
        }
    }

    /// A new object whose owners are all gone goes as well.
    pub(super) fn collect_orphan(&mut self, object: &Arc<Value>) {
        let owners = owners(object);
        if !owners.is_empty() && owners.iter().all(|owner| self.by_uid(owner).is_none()) {
            let uid = text(object["metadata"].get("uid")).to_owned();
            if let Some(key) = self.by_uid(&uid) {
                self.start_deletion(&key, Propagation::Background);
            }
        }
    }

    fn by_uid(&self, uid: &str) -> Option<Key> {
        let mut objects = self.state.objects.iter();
        objects.find(|(_, stored)| text(stored.object["metadata"].get("uid")) == uid).map(|(key, _)| key.clone())
    }

    fn dependents(&self, uid: &str) -> Vec<Key> {
        let objects = self.state.objects.iter();
        objects.filter(|(_, stored)| owners(&stored.object).iter().any(|o| o == uid)).map(|(k, _)| k.clone()).collect()
    }

    fn content(&self, namespace: &str) -> Vec<Key> {
        self.state.objects.keys().filter(|key| key.namespace == namespace).cloned().collect()
    }

    fn object(&self, key: &Key) -> Option<&Arc<Value>> {
        self.state.objects.get(key).map(|stored| &stored.object)
    }

    fn is_deleting(&self, key: &Key) -> bool {
        self.object(key).is_some_and(|object| object["metadata"].get("deletionTimestamp").is_some())
    }

    fn has_other_owner(&self, key: &Key, uid: &str) -> bool {
        let all = self.object(key).map(owners).unwrap_or_default();
        all.iter().any(|owner| owner != uid && self.by_uid(owner).is_some_and(|owner| !self.is_deleting(&owner)))
    }

    fn blocks(&self, key: &Key, uid: &str) -> bool {
        let references = self.object(key).and_then(|object| object["metadata"]["ownerReferences"].as_array());
        references.into_iter().flatten().any(|reference| {
            text(reference.get("uid")) == uid && reference.get("blockOwnerDeletion") == Some(&json!(true))
        })
    }

    fn disown(&mut self, key: &Key, uid: &str) {
        let Some(stored) = self.state.objects.get(key).cloned() else { return };
        let mut object = Value::clone(&stored.object);
        let meta = metadata(&mut object);
        if let Some(list) = meta.get_mut("ownerReferences").and_then(Value::as_array_mut) {
            list.retain(|reference| text(reference.get("uid")) != uid);
            if list.is_empty() {
                meta.remove("ownerReferences");
            }
        }
        self.put(key.clone(), stored.kind, object);
    }
}

fn finalizers(object: &Value) -> Vec<String> {
    let list = object["metadata"]["finalizers"].as_array().into_iter().flatten();
    list.filter_map(Value::as_str).map(ToOwned::to_owned).collect()
}

fn owners(object: &Arc<Value>) -> Vec<String> {
    let list = object["metadata"]["ownerReferences"].as_array().into_iter().flatten();
    list.map(|reference| text(reference.get("uid")).to_owned()).collect()
}
