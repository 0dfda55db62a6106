//! What this tool did to the node, kept on the node: by which input, which phases are done and which files are ours.
//! A second run with the same input recognises its own work by it. Holds no secrets.

use std::collections::{BTreeMap, BTreeSet};

use aws_lc_rs::digest::{SHA256, digest};
use kubephase_model::config::record::Field;
use kubephase_model::{Cluster, File};
use kubephase_node::{Change, ChangeKind, FileError, Node};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// The file's path.
pub const PATH: &str = "/var/lib/kubephase/journal.json";

/// The record of one workflow on this node.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Journal {
    /// Format of this file.
    pub version: u32,
    /// `init`.
    pub workflow: String,
    /// [`fingerprint`] of the input.
    pub fingerprint: String,
    /// Finished phases. What the last of them did may have been cut off.
    pub phases: BTreeSet<String>,
    /// What became of each path: `created`, `replaced`, in the order of the paths.
    pub files: BTreeMap<String, String>,
    /// Likewise of each object of the cluster, such as `ConfigMap kube-system/coredns`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub objects: BTreeMap<String, String>,
}

const VERSION: u32 = 1;

impl Journal {
    /// A new one.
    pub fn begin(workflow: &str, fingerprint: String) -> Self {
        Self { version: VERSION, workflow: workflow.to_owned(), fingerprint, ..Self::default() }
    }

    /// The one on the node. One that cannot be understood counts as none: it is a memory, not a source of truth.
    pub fn read(node: &Node) -> Result<Option<Self>, FileError> {
        let bytes = node.read(PATH)?;
        let journal = bytes.and_then(|bytes| serde_json::from_slice::<Self>(&bytes).ok());
        Ok(journal.filter(|journal| journal.version == VERSION))
    }

    /// Whether it records an earlier attempt at the same thing.
    pub fn is_of(&self, workflow: &str, fingerprint: &str) -> bool {
        self.workflow == workflow && self.fingerprint == fingerprint
    }

    /// A new one after `earlier`, which was about another input: what is ours stays ours.
    pub fn after(earlier: Self, workflow: &str, fingerprint: String) -> Self {
        Self { files: earlier.files, objects: earlier.objects, ..Self::begin(workflow, fingerprint) }
    }

    /// Whether this path was made or changed by us.
    pub fn has(&self, path: &str) -> bool {
        self.files.contains_key(path)
    }

    /// Notes what was done, or is about to be put in place. False if that is nothing.
    pub fn note(&mut self, changes: &[Change]) -> bool {
        let mut noted = false;
        for change in changes {
            let list = if change.object.is_some() { &mut self.objects } else { &mut self.files };
            match change.kind {
                ChangeKind::Created => {
                    list.insert(change.path.clone(), "created".into());
                }
                ChangeKind::Replaced => {
                    // What we created and then replaced is still ours alone.
                    list.entry(change.path.clone()).or_insert_with(|| "replaced".into());
                }
                ChangeKind::Removed => {
                    list.remove(&change.path);
                }
                ChangeKind::Unchanged | ChangeKind::Ran => continue,
            }
            noted = true;
        }
        noted
    }

    /// Writes it at once, if it says something new. To be called when every change so far has been told: its own is not
    /// told.
    pub fn write(&self, node: &Node) -> Result<(), FileError> {
        let text = serde_json::to_string_pretty(self).unwrap_or_default() + "\n";
        node.ensure_now(&[File::private(PATH, text)])?;
        node.changes();
        Ok(())
    }
}

/// A digest of everything in the input that decides what `init` makes. Left out: what differs from run to run by itself
/// (random tokens) and what only steers the run (timeouts, skipped phases, ignored checks).
pub fn fingerprint(cluster: &Cluster) -> String {
    let mut init = cluster.init.write_always();
    if let Value::Object(fields) = &mut init {
        for field in ["bootstrapTokens", "certificateKey", "dryRun", "skipPhases", "timeouts"] {
            fields.remove(field);
        }
        if let Some(Value::Object(node)) = fields.get_mut("nodeRegistration") {
            for field in ["ignorePreflightErrors", "imagePullPolicy", "imagePullSerial"] {
                node.remove(field);
            }
        }
    }
    let input = json!([init, cluster.config.write_always(), cluster.kubelet, cluster.kube_proxy]);
    let hash = digest(&SHA256, input.to_string().as_bytes());
    let hex: String = hash.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{hex}")
}

#[cfg(test)]
mod tests {
    use kubephase_node::ObjectId;

    use super::*;

    fn change(path: &str, kind: ChangeKind, object: bool) -> Change {
        let id = ObjectId { api_version: "v1".into(), kind: "ConfigMap".into(), namespace: None, name: "a".into() };
        Change { path: path.into(), kind, diff: None, secret: false, object: object.then_some(id) }
    }

    #[test]
    fn files_and_objects_are_noted_apart_and_what_we_made_stays_ours() {
        let mut journal = Journal::begin("init", "sha256:0".into());
        assert!(
            !journal.note(&[change("/a", ChangeKind::Unchanged, false), change("restart b", ChangeKind::Ran, false)])
        );
        assert!(journal.note(&[
            change("/a", ChangeKind::Created, false),
            change("/a", ChangeKind::Replaced, false),
            change("/b", ChangeKind::Replaced, false),
            change("ConfigMap a", ChangeKind::Created, true),
            change("ConfigMap b", ChangeKind::Created, true),
            change("ConfigMap b", ChangeKind::Removed, true),
        ]));
        let list = |list: &BTreeMap<String, String>| list.clone().into_iter().collect::<Vec<_>>();
        assert_eq!(list(&journal.files), [("/a".into(), "created".into()), ("/b".into(), "replaced".into())]);
        assert_eq!(list(&journal.objects), [("ConfigMap a".into(), "created".into())]);
        let next = Journal::after(journal.clone(), "init", "sha256:1".into());
        assert_eq!((&next.files, &next.objects), (&journal.files, &journal.objects));
    }
}
