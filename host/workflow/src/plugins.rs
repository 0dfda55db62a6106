//! Making true what plugins propose: findings, patches of documents, images, files, objects and waits, through the same
//! node and cluster as everything else, so that plans, dry runs, the journal and undoing know of them. Who a plugin is,
//! how it is asked and what it may do is not known here: what comes from the [`Extension`] has been judged.

mod apply_set;
mod error;
mod files;
mod findings;
mod images;
mod mutate;
mod objects;
mod proposal;
mod site;
pub(crate) mod stored;
mod uninstall;
mod waits;
mod written;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use kubephase_engine::Level;
use kubephase_model::object::ObjectRef;
use kubephase_model::plugin::{Kind, Plugin};

pub use error::{Disagreement, PluginError, Trace};
pub use findings::PluginCheck;
pub use images::{PluginImages, images};
pub use mutate::Mutated;
pub use proposal::Done;
pub use site::{Pulls, Site};
pub(crate) use uninstall::leftover_files;
pub use uninstall::{Holdings, all_holdings, holdings, uninstall};

use crate::extension::Extension;

/// The plugins of one run, and what they have had made in it so far.
#[derive(Debug, Default)]
pub struct Guests {
    extension: Option<Arc<dyn Extension>>,
    /// Their names in the order in which they change documents.
    order: Vec<String>,
    /// Whose each object is, as the journal tells objects.
    objects: BTreeMap<String, String>,
    /// Whose each file is, with the digest of what is in it.
    files: BTreeMap<String, (String, String)>,
    /// Files that no plugin made.
    native: BTreeSet<String>,
    /// Members of each plugin's set, and how many of its phases have had objects applied.
    sets: BTreeMap<String, (Vec<ObjectRef>, usize)>,
    /// What became of each document.
    documents: BTreeMap<String, Mutated>,
}

impl Guests {
    /// Those of `extension`, in this order.
    pub fn new(extension: Arc<dyn Extension>, order: Vec<String>) -> Self {
        Self { extension: Some(extension), order, ..Self::default() }
    }

    /// Who answers for them.
    pub fn extension(&self) -> Option<Arc<dyn Extension>> {
        self.extension.clone()
    }

    /// Those that can do that, in their order.
    pub fn of(&self, kind: Kind) -> Vec<Plugin> {
        self.order.iter().filter_map(|name| self.named(name)).filter(|plugin| plugin.is(kind)).collect()
    }

    /// The plugin of that name.
    pub fn named(&self, name: &str) -> Option<Plugin> {
        self.extension.as_ref()?.plugins().iter().find(|plugin| plugin.name() == name).cloned()
    }

    /// A file that was written for nobody's sake but ours: no plugin may have it.
    pub fn note_native(&mut self, path: &str) {
        if !self.files.contains_key(path) {
            self.native.insert(path.to_owned());
        }
    }

    /// Takes an object for a plugin. Two plugins never have the same.
    fn claim_object(&mut self, plugin: &str, name: &ObjectRef) -> Result<(), PluginError> {
        let owner = self.objects.entry(apply_set::told(name)).or_insert_with(|| plugin.to_owned());
        if owner == plugin {
            return Ok(());
        }
        let (what, owner) = (format!("the object {name}"), format!("plugin `{owner}`"));
        Err(PluginError::Taken { plugin: plugin.to_owned(), what, owner })
    }

    /// Takes a file for a plugin. Two may want the same file only with the same contents.
    fn claim_file(&mut self, plugin: &str, path: &str, digest: &str) -> Result<(), PluginError> {
        let taken = |owner: String| {
            Err(PluginError::Taken { plugin: plugin.to_owned(), what: format!("the file {path}"), owner })
        };
        if self.native.contains(path) || is_ours(path) {
            return taken("kubephase itself".into());
        }
        match self.files.get(path) {
            Some((owner, before)) if owner != plugin && before != digest => taken(format!("plugin `{owner}`")),
            // They agree; it stays who was first.
            Some((owner, _)) if owner != plugin => Ok(()),
            _ => {
                self.files.insert(path.to_owned(), (plugin.to_owned(), digest.to_owned()));
                Ok(())
            }
        }
    }
}

/// Whether a path is always ours, whatever has been written so far.
fn is_ours(path: &str) -> bool {
    use kubephase_model::layout::{KUBELET_CONFIG, KUBELET_FLAGS_ENV, KUBELET_INSTANCE_CONFIG, STATE_DIR};
    use kubephase_render::static_pod::{COMPONENTS, manifest_path};

    [KUBELET_CONFIG, KUBELET_FLAGS_ENV, KUBELET_INSTANCE_CONFIG].contains(&path)
        || COMPONENTS.iter().any(|component| manifest_path(component.name) == path)
        || path.strip_prefix(STATE_DIR).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Turns the failure of a plugin that must not stop anything into a warning.
pub fn forgive(site: &Site, plugin: &Plugin, result: Result<(), PluginError>) -> Result<(), PluginError> {
    match result {
        Err(error) if plugin.entry.only_warns() => {
            site.notice(Level::Warning, forgiven(&error));
            Ok(())
        }
        result => result,
    }
}

/// A failure that does not stop anything, in one line.
fn forgiven(error: &PluginError) -> String {
    let hint = error.hint().map(|hint| format!("; {hint}")).unwrap_or_default();
    let trace = std::error::Error::source(error).map(|trace| format!("; {trace}")).unwrap_or_default();
    format!("{error}{trace}{hint}; going on without it (onFailure: warn)")
}
