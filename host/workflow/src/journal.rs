//! What this tool did to the node, kept on the node: by which input, which phases are done, which files are ours, what
//! they replaced, and which plugin had them made. A second run with the same input recognises its own work by it, and
//! what is done can be undone. Holds no secrets; the backups beside it may.

mod owned;
mod written;

use std::collections::{BTreeMap, BTreeSet};

use aws_lc_rs::digest::{SHA256, digest};
use kubephase_model::config::record::Field;
use kubephase_model::layout::{BACKUP_DIR, STATE_DIR};
use kubephase_model::plugin::config::{Limits, PluginConfiguration, PluginEntry};
use kubephase_model::{Cluster, File};
use kubephase_node::{Change, ChangeKind, FileError, Node, Original};
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use owned::Owned;
pub use written::Written;

use crate::plugins::Done;

/// The file's path.
pub const PATH: &str = "/var/lib/kubephase/journal.json";

/// The record of one workflow on this node.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Journal {
    /// Format of this file.
    pub version: u32,
    /// `init`. Empty if there was no whole run, only plugins in phases of their own.
    pub workflow: String,
    /// [`fingerprint`] of the input.
    pub fingerprint: String,
    /// Finished phases. What the last of them did may have been cut off.
    pub phases: BTreeSet<String>,
    /// The last run came to its end, and nothing has been done since.
    #[serde(default)]
    pub complete: bool,
    /// Phases that the last run left out by request, and groups of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub skipped: Vec<String>,
    /// What became of each path, directories included: `created`, `replaced`, in the order of the paths.
    pub files: BTreeMap<String, String>,
    /// How the files were written last; none of those that earlier versions wrote.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub written: BTreeMap<String, Written>,
    /// Files that were written since the journal was, and whether they are secrets.
    #[serde(skip)]
    pub fresh: BTreeMap<String, bool>,
    /// Likewise of each object of the cluster, such as `ConfigMap kube-system/coredns`. `found` was as it should be when a
    /// run went on that had been cut off: it may well have made it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub objects: BTreeMap<String, String>,
    /// What the files held that we replaced, as far as they were not ours.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub originals: BTreeMap<String, Backup>,
    /// Services that we started, with whether they had been running before.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub services: BTreeMap<String, bool>,
    /// What plugins had made, by their names.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub plugins: BTreeMap<String, Owned>,
}

/// Where a file's original contents are kept, and how the file was.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Backup {
    /// Path of the copy.
    pub kept: String,
    /// Permission bits.
    pub mode: u32,
    /// User id of the owner.
    pub uid: u32,
    /// Group id.
    pub gid: u32,
    /// [`digest_of`] what we put in its place: another one by now is somebody else's work.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub replaced_by: String,
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
        let Self { files, written, objects, originals, services, plugins, .. } = earlier;
        Self { files, written, objects, originals, services, plugins, ..Self::begin(workflow, fingerprint) }
    }

    /// Whether this path was made or changed by us.
    pub fn has(&self, path: &str) -> bool {
        self.files.contains_key(path)
    }

    /// Notes what was done, or is about to be put in place. False if that is nothing.
    pub fn note(&mut self, changes: &[Change]) -> bool {
        let mut noted = false;
        for change in changes.iter() {
            if change.object.is_none() && matches!(change.kind, ChangeKind::Created | ChangeKind::Replaced) {
                self.fresh.insert(change.path.clone(), change.secret);
            }
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
                    if change.object.is_none() {
                        self.written.remove(&change.path);
                        self.fresh.remove(&change.path);
                    }
                    self.plugins.values_mut().for_each(|owned| owned.forget(change));
                }
                ChangeKind::Unchanged | ChangeKind::Ran => continue,
            }
            noted = true;
        }
        noted
    }

    /// Notes objects that were as they should be, for a run that goes on: the one before was cut off before it could note
    /// what it had just made.
    pub fn note_found(&mut self, changes: &[Change]) {
        let found = changes.iter().filter(|change| change.object.is_some() && change.kind == ChangeKind::Unchanged);
        for change in found {
            self.objects.entry(change.path.clone()).or_insert_with(|| "found".into());
        }
    }

    /// Notes that a file is gone, whoever has removed it. False if it was not known.
    pub fn forget(&mut self, path: &str) -> bool {
        self.written.remove(path);
        self.fresh.remove(path);
        self.files.remove(path).is_some()
    }

    /// Notes what was made for plugins. What was there as they want it, and is not known to be ours, is nobody's.
    pub fn note_plugins(&mut self, done: Done, digest_of: impl Fn(&str) -> String) {
        let Done { files, objects } = done;
        for (plugin, change, digest) in files {
            if change.kind != ChangeKind::Unchanged || self.has(&change.path) {
                let owned = self.plugins.entry(plugin.clone()).or_default();
                owned.digest = digest_of(&plugin);
                owned.files.insert(change.path, digest);
            }
        }
        for (plugin, objects) in objects {
            let owned = self.plugins.entry(plugin.clone()).or_default();
            owned.digest = digest_of(&plugin);
            let new: Vec<String> = objects.into_iter().filter(|object| !owned.objects.contains(object)).collect();
            owned.objects.extend(new);
        }
    }

    /// Notes that a service was started, and whether it had been running. What was before the first time counts.
    pub fn note_service(&mut self, name: &str, was_running: bool) {
        self.services.entry(name.to_owned()).or_insert(was_running);
    }

    /// Copies of what was replaced and was not ours, for the node to keep. To be called after [`Journal::note`] of the
    /// replacements, and to be written before them.
    pub fn keep(&mut self, node: &Node, originals: Vec<Original>) -> Result<Vec<File>, FileError> {
        self.note_own_directory(node);
        let mut copies = Vec::new();
        for original in originals {
            let is_new = !self.originals.contains_key(&original.path);
            if is_new && self.files.get(&original.path).is_some_and(|became| became == "replaced") {
                let kept = format!("{BACKUP_DIR}{}", original.path);
                let (mode, uid, gid) = (original.mode, original.owner.uid, original.owner.gid);
                let backup = Backup { kept: kept.clone(), mode, uid, gid, replaced_by: String::new() };
                self.originals.insert(original.path.clone(), backup);
                copies.push(File::secret(kept, original.contents));
            }
            if let Some(backup) = self.originals.get_mut(&original.path) {
                backup.replaced_by = node.read(&original.path)?.map(|now| digest_of(&now)).unwrap_or_default();
            }
        }
        Ok(copies)
    }

    /// Its own directory is part of what we make.
    fn note_own_directory(&mut self, node: &Node) {
        let ends = STATE_DIR.match_indices('/').map(|(end, _)| end).skip(1).chain([STATE_DIR.len()]);
        for directory in ends.map(|end| &STATE_DIR[..end]).filter(|directory| !node.exists(directory)) {
            self.files.insert(directory.to_owned(), "created".into());
        }
    }

    /// Writes it at once, if it says something new.
    pub fn write(&mut self, node: &Node) -> Result<(), FileError> {
        self.note_own_directory(node);
        for (path, secret) in std::mem::take(&mut self.fresh) {
            if !node.is_dir(&path)
                && let Some(written) = Written::now(node, &path, secret)?
            {
                self.written.insert(path, written);
            }
        }
        let text = serde_json::to_string_pretty(self).unwrap_or_default() + "\n";
        node.ensure_untold(&[File::private(PATH, text)])
    }
}

/// `sha256:` and a digest in hex.
pub fn digest_of(bytes: &[u8]) -> String {
    let hash = digest(&SHA256, bytes);
    let hex: String = hash.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{hex}")
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
    let mut input = vec![init, cluster.config.write_always(), cluster.kubelet.clone(), cluster.kube_proxy.clone()];
    if !cluster.plugins.is_empty() {
        input.push(plugins(&cluster.plugins));
    }
    let input = Value::Array(input);
    digest_of(input.to_string().as_bytes())
}

/// What decides what plugins make. Left out: how they are got, and what happens if they fail. With a digest it does not
/// matter where they are from either.
fn plugins(config: &PluginConfiguration) -> Value {
    let entries = config.plugins.iter().map(|plugin| {
        let source = if plugin.digest.is_empty() { plugin.source.clone() } else { String::new() };
        PluginEntry { source, on_failure: String::new(), timeout: None, limits: Limits::default(), ..plugin.clone() }
            .write_always()
    });
    entries.collect()
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

    #[test]
    fn what_a_run_that_was_killed_could_not_note_is_noted_by_the_next() {
        let mut journal = Journal::begin("join", "sha256:0".into());
        journal.note(&[change("/a", ChangeKind::Created, false), change("Node b", ChangeKind::Replaced, true)]);
        let now = [
            change("Node b", ChangeKind::Unchanged, true),
            change("ConfigMap a", ChangeKind::Unchanged, true),
            change("/c", ChangeKind::Unchanged, false),
        ];
        journal.note_found(&now);
        let list = |list: &BTreeMap<String, String>| list.clone().into_iter().collect::<Vec<_>>();
        let found = [("ConfigMap a".into(), "found".into()), ("Node b".into(), "replaced".into())];
        assert_eq!(list(&journal.objects), found);
        assert!(journal.forget("/a") && !journal.forget("/a"));
        assert!(journal.files.is_empty() && journal.fresh.is_empty());
    }

    #[test]
    fn how_a_file_was_written_is_known_and_of_a_secret_only_its_digest() {
        let root = tempfile::tempdir().expect("a directory");
        let node = Node::at(root.path());
        let mut journal = Journal::begin("init", "sha256:0".into());
        node.ensure_all(&[File::public("/etc/open", "text"), File::secret("/etc/closed", "key")]).expect("written");
        journal.note(&node.changes());
        journal.write(&node).expect("written");
        let written = |text: Option<&str>, of: &str, mode| Written {
            digest: digest_of(of.as_bytes()),
            mode,
            text: text.map(str::to_owned),
        };
        assert_eq!(journal.written["/etc/open"], written(Some("text"), "text", 0o644));
        assert_eq!(journal.written["/etc/closed"], written(None, "key", 0o600));
        assert_eq!(Journal::read(&node).expect("read"), Some(journal.clone()));
        node.remove("/etc/open").expect("removed");
        journal.note(&node.changes());
        assert!(!journal.written.contains_key("/etc/open"));
    }

    #[test]
    fn originals_are_kept_once_and_only_of_what_was_not_ours() {
        let root = tempfile::tempdir().expect("a directory");
        let node = Node::at(root.path());
        let put = |path: &str, text: &str| drop(node.ensure(&File::public(path, text)).expect("written"));
        put("/etc/theirs", "first");
        node.changes();
        node.keep_originals();
        put("/etc/ours", "1");
        let mut journal = Journal::begin("init", "sha256:0".into());
        for text in ["2", "3"] {
            put("/etc/theirs", text);
            put("/etc/ours", text);
        }
        journal.note(&node.changes());
        let copies = journal.keep(&node, node.take_originals()).expect("read");
        assert_eq!(copies.len(), 1);
        assert_eq!((copies[0].path.as_str(), copies[0].mode), ("/var/lib/kubephase/backup/etc/theirs", 0o600));
        assert_eq!(copies[0].contents, b"first");
        assert_eq!(journal.originals["/etc/theirs"].replaced_by, digest_of(b"3"));
        journal.write(&node).expect("written");
        assert_eq!(Journal::read(&node).expect("read"), Some(journal.clone()));
        assert_eq!(journal.files["/var/lib/kubephase"], "created");
    }
}
