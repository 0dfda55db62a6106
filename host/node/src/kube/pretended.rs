//! What a dry run has done to the cluster: nothing but this list, which later reads see.

use std::collections::BTreeMap;

use kubephase_model::object::{Kind, ObjectRef};
use serde_json::Value;

/// Objects by name; `None` for those that were deleted.
#[derive(Debug, Default)]
pub(crate) struct Pretended {
    objects: BTreeMap<ObjectRef, Option<Value>>,
    /// There is no API server to ask: it has been tried.
    pub(super) alone: bool,
}

impl Pretended {
    pub(super) fn get(&self, name: &ObjectRef) -> Option<Option<Value>> {
        self.objects.get(name).cloned()
    }

    pub(super) fn put(&mut self, name: &ObjectRef, object: Option<Value>) {
        self.objects.insert(name.clone(), object);
    }

    /// What really is there, with what was pretended laid over it.
    pub(super) fn over(&self, kind: &Kind, namespace: Option<&str>, real: Vec<Value>) -> Vec<Value> {
        let mut all: Vec<Value> = real
            .into_iter()
            .filter(|object| ObjectRef::of(object).is_none_or(|name| self.get(&name).is_none()))
            .collect();
        let ours = self
            .objects
            .iter()
            .filter(|(name, _)| name.kind == kind && (namespace.is_none() || name.namespace.as_deref() == namespace));
        all.extend(ours.filter_map(|(_, object)| object.clone()));
        all
    }
}
