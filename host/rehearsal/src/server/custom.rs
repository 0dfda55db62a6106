//! Which kinds the definitions in the store declare. Looked up anew for each request: there are few of them.

use super::path::Resource;
use crate::kinds::{CUSTOM_RESOURCE_DEFINITION, Kind};
use crate::store::Store;

/// All of them, in the order of the definitions' names. What the server has itself cannot be declared.
pub(super) fn kinds(store: &Store) -> Vec<&'static Kind> {
    let definitions = store.all(&CUSTOM_RESOURCE_DEFINITION, None);
    definitions.iter().flat_map(|definition| Kind::declared(definition)).filter(|kind| kind.is_custom()).collect()
}

/// The one at a resource.
pub(super) fn find(store: &Store, resource: &Resource) -> Option<&'static Kind> {
    kinds(store)
        .into_iter()
        .find(|kind| kind.group == resource.group && kind.version == resource.version && kind.plural == resource.plural)
}
