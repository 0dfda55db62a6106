//! What one plugin had made.

use std::collections::BTreeMap;

use kubephase_node::Change;
use serde::{Deserialize, Serialize};

/// Files of this node and objects of the cluster that a plugin proposed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Owned {
    /// Digest of the component that proposed them last.
    pub digest: String,
    /// Files, with the digest of what was written. The same as in the journal's list of files.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub files: BTreeMap<String, String>,
    /// Objects in the order in which they were applied, as `apps/v1 DaemonSet kube-flannel/kube-flannel-ds`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub objects: Vec<String>,
}

impl Owned {
    /// Forgets what has been removed.
    pub(super) fn forget(&mut self, change: &Change) {
        match &change.object {
            Some(object) => {
                let told = format!("{} {}", object.api_version, change.path);
                self.objects.retain(|known| *known != told);
            }
            None => drop(self.files.remove(&change.path)),
        }
    }
}
