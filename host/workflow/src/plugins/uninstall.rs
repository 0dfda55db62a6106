//! Taking a plugin away again: what its addon wants removed, its objects, its files, and nothing else.

use std::collections::BTreeSet;

use kubephase_engine::Level;
use kubephase_model::object::{CONFIG_MAP, ObjectRef};
use kubephase_model::plugin::{Kind, Proposal};
use kubephase_node::Node;
use kubephase_node::kube::{Api, Select};
use serde_json::Value;

use super::apply_set::{self, PART_OF, manager, told};
use super::error::PluginError;
use super::objects::{self, Members};
use super::site::Site;
use super::{forgiven, waits};
use crate::error::PhaseError;
use crate::extension::Extension;
use crate::journal::Journal;
use crate::undo::{Fate, bring_back, fate};

/// What a plugin has on this node and in the cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Holdings {
    /// Its name.
    pub plugin: String,
    /// Digest of the component that was used last on this node; empty if it was not used here.
    pub digest: String,
    /// Files on this node.
    pub files: Vec<String>,
    /// Objects in the cluster, as `apps/v1 DaemonSet kube-flannel/kube-flannel-ds`: what the cluster says if it is asked,
    /// otherwise what this node had applied.
    pub objects: Vec<String>,
}

/// What every plugin has, by name: those that the journal knows, and those that have a set in the cluster.
pub async fn all_holdings(node: &Node, api: Option<&Api>) -> Result<Vec<Holdings>, PhaseError> {
    let journal = Journal::read(node)?.unwrap_or_default();
    let mut names: BTreeSet<String> = journal.plugins.keys().cloned().collect();
    if let Some(api) = api {
        let select = Select { labels: apply_set::ID, ..Select::default() };
        let parents = api.list(&CONFIG_MAP, Some(apply_set::NAMESPACE_OF_PARENTS), select).await?;
        let parents = parents.iter().filter_map(|parent| parent.pointer("/metadata/name")?.as_str());
        names.extend(parents.filter_map(|name| name.strip_prefix(&manager(""))).map(str::to_owned));
    }
    let mut all = Vec::new();
    for name in names {
        all.push(of(&journal, api, &name).await?);
    }
    Ok(all)
}

/// What one plugin has; nothing if neither this node nor the cluster knows it.
pub async fn holdings(node: &Node, api: Option<&Api>, plugin: &str) -> Result<Holdings, PhaseError> {
    let journal = Journal::read(node)?.unwrap_or_default();
    of(&journal, api, plugin).await
}

async fn of(journal: &Journal, api: Option<&Api>, plugin: &str) -> Result<Holdings, PhaseError> {
    let owned = journal.plugins.get(plugin).cloned().unwrap_or_default();
    let objects = match api {
        Some(api) => objects::list(api, plugin).await?.iter().map(told).collect(),
        None => owned.objects,
    };
    Ok(Holdings { plugin: plugin.to_owned(), digest: owned.digest, files: owned.files.into_keys().collect(), objects })
}

/// Removes everything that a plugin owns, in this order: what its addon names beside it, its objects, what others need
/// last, its files, the parent of its objects, its entry in the cluster's configuration. With `extension`, its addon is
/// asked; without, only what is known to be its own goes. Files that were replaced get back what they held; files that
/// have been changed since stay, and are told. A dry run of the node only tells it.
pub async fn uninstall(site: &Site, extension: Option<&dyn Extension>, plugin: &str) -> Result<(), PhaseError> {
    let api = site.api(plugin)?;
    let mut journal = Journal::read(&site.node)?;
    let known = of(&journal.clone().unwrap_or_default(), Some(api), plugin).await?;
    let parent = apply_set::parent_name(plugin);
    let is_known = !known.files.is_empty() || !known.digest.is_empty() || api.get(&parent).await?.is_some();
    if !is_known && !super::stored::is_stored(api, plugin).await? {
        return Err(PluginError::NotInstalled { plugin: plugin.to_owned() }.into());
    }
    let wanted = asked(site, extension, plugin).await?;
    if let Some(owner) = wanted.files.iter().find_map(|file| owner(journal.as_ref(), plugin, &file.path)) {
        return Err(owner.into());
    }
    // What stays behind and why; one that stops it does so before anything is gone.
    super::findings::tell(site, plugin, &wanted.findings)?;
    remove_objects(api, plugin, &wanted).await?;
    objects::remove_members(api, plugin).await?;
    if let Some(journal) = &mut journal {
        remove_own_files(site, journal, plugin)?;
    }
    for file in &wanted.files {
        site.node.remove(&file.path).map_err(PluginError::file(plugin))?;
    }
    if let Some(journal) = &mut journal {
        forget(site, journal, plugin)?;
    }
    for wait in &wanted.waits {
        waits::wait(site, plugin, wait).await?;
    }
    api.delete(&parent).await?;
    super::stored::forget(api, plugin).await?;
    Ok(())
}

/// Files of this node that the plugin wants removed beside those that it had made: what is left when a node is reset.
/// Those that others are known to have are left out, with a word.
pub async fn leftover_files(
    site: &Site,
    extension: &dyn Extension,
    journal: &Journal,
    plugin: &str,
) -> Result<Vec<String>, PluginError> {
    let mut paths: Vec<String> =
        asked(site, Some(extension), plugin).await?.files.into_iter().map(|file| file.path).collect();
    paths.retain(|path| match owner(Some(journal), plugin, path) {
        Some(error) => {
            site.notice(Level::Warning, error.to_string());
            false
        }
        None => true,
    });
    Ok(paths)
}

/// What the plugin itself wants removed.
async fn asked(site: &Site, extension: Option<&dyn Extension>, plugin: &str) -> Result<Proposal, PluginError> {
    let Some(extension) = extension else { return Ok(Proposal::default()) };
    let Some(loaded) = extension.plugins().iter().find(|loaded| loaded.name() == plugin && loaded.is(Kind::Addon))
    else {
        return Ok(Proposal::default());
    };
    match extension.uninstall(plugin).await.map_err(PluginError::from) {
        Ok(proposal) => {
            for file in &proposal.files {
                // A link at the end is removed itself, wherever it leads.
                let (above, name) = file.path.rsplit_once('/').unwrap_or_default();
                let at = format!("{}/{name}", site.node.real_path(above).trim_end_matches('/'));
                if at != file.path {
                    super::files::stays_within(&site.node, plugin, &loaded.entry.grants, &file.path)?;
                }
            }
            Ok(proposal)
        }
        Err(error) if loaded.entry.only_warns() => {
            site.notice(Level::Warning, forgiven(&error));
            Ok(Proposal::default())
        }
        Err(error) => Err(error),
    }
}

/// What it names beside its own. Members of another set are somebody else's.
async fn remove_objects(api: &Api, plugin: &str, wanted: &Proposal) -> Result<(), PluginError> {
    let fail = PluginError::api(plugin);
    let id = apply_set::id(plugin);
    let mut names: Vec<ObjectRef> = Members::of(api, plugin, wanted.objects.clone()).await?.names();
    names.sort_by_key(|name| apply_set::tier(name.kind));
    for name in names.iter().rev() {
        let Some(found) = api.get(name).await.map_err(&fail)? else { continue };
        let label = found.pointer("/metadata/labels").and_then(|labels| labels.get(PART_OF)).and_then(Value::as_str);
        // Its own are removed with its set, where it is known which of them were there before.
        match label {
            Some(own) if own == id => {}
            Some(_) => {
                let owner = "another plugin or tool".to_owned();
                return Err(PluginError::Taken {
                    plugin: plugin.to_owned(),
                    what: format!("the object {name}"),
                    owner,
                });
            }
            None => drop(api.delete(name).await.map_err(&fail)?),
        }
    }
    Ok(())
}

/// Whether a file that the plugin wants removed is known to be somebody else's: ours, or another plugin's.
fn owner(journal: Option<&Journal>, plugin: &str, path: &str) -> Option<PluginError> {
    let taken =
        |owner: String| Some(PluginError::Taken { plugin: plugin.to_owned(), what: format!("the file {path}"), owner });
    let mut owners = journal.into_iter().flat_map(|journal| &journal.plugins);
    let owns = owners.clone().any(|(name, owned)| name == plugin && owned.files.contains_key(path));
    match owners.find(|(name, owned)| *name != plugin && owned.files.contains_key(path)) {
        Some((other, _)) if !owns => taken(format!("plugin `{other}`")),
        None if !owns && (super::is_ours(path) || journal.is_some_and(|journal| journal.files.contains_key(path))) => {
            taken("kubephase itself".into())
        }
        _ => None,
    }
}

/// Its files, what is below a directory before what is above.
fn remove_own_files(site: &Site, journal: &Journal, plugin: &str) -> Result<(), PhaseError> {
    let Some(owned) = journal.plugins.get(plugin) else { return Ok(()) };
    for (path, digest) in owned.files.iter().rev() {
        match fate(&site.node, journal, path, Some(digest))? {
            Fate::Gone => {}
            Fate::Remove => drop(site.node.remove(path)?),
            Fate::Restore => bring_back(&site.node, journal, path)?,
            Fate::Keep(why) => site.notice(Level::Warning, format!("{path} stays: {why}")),
        }
    }
    Ok(())
}

/// Has the journal forget it, with copies that are not needed any more and directories that are empty now.
fn forget(site: &Site, journal: &mut Journal, plugin: &str) -> Result<(), PhaseError> {
    let node = &site.node;
    let owned = journal.plugins.remove(plugin).unwrap_or_default();
    for path in owned.files.keys() {
        let is_back = match journal.originals.get(path) {
            None => true,
            Some(backup) => {
                let is_back = node.read(path)? == node.read(&backup.kept)?;
                if is_back {
                    node.remove(&backup.kept)?;
                }
                is_back
            }
        };
        if is_back {
            journal.originals.remove(path);
            journal.files.remove(path);
        }
        for directory in ancestors(path) {
            let is_ours = journal.files.get(directory).is_some_and(|became| became == "created");
            if !is_ours || !node.is_dir(directory) || !node.list(directory)?.is_empty() {
                break;
            }
            node.remove(directory)?;
            journal.files.remove(directory);
        }
    }
    if !node.is_dry_run() {
        journal.write(node)?;
    }
    Ok(())
}

fn ancestors(path: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(path.rsplit_once('/'), |(above, _)| above.rsplit_once('/'))
        .map(|(above, _)| above)
        .filter(|above| !above.is_empty())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::journal::Owned;

    #[test]
    fn a_plugin_has_nobody_elses_files_removed() {
        let owned =
            |path: &str| Owned { files: BTreeMap::from([(path.to_owned(), String::new())]), ..Owned::default() };
        let made = |path: &str| (path.to_owned(), "created".to_owned());
        let journal = Journal {
            files: BTreeMap::from(["/etc/x/a", "/etc/x/b", "/etc/x/ours"].map(made)),
            plugins: BTreeMap::from([("a".to_owned(), owned("/etc/x/a")), ("b".to_owned(), owned("/etc/x/b"))]),
            ..Journal::default()
        };
        let told = |path: &str| owner(Some(&journal), "a", path).map(|error| error.to_string());
        assert_eq!((told("/etc/x/a"), told("/etc/x/new")), (None, None));
        let taken =
            |path: &str, owner: &str| Some(format!("plugin `a` wants the file {path}, which belongs to {owner}"));
        assert_eq!(told("/etc/x/b"), taken("/etc/x/b", "plugin `b`"));
        assert_eq!(told("/etc/x/ours"), taken("/etc/x/ours", "kubephase itself"));
        let journal_file = "/var/lib/kubephase/journal.json";
        assert_eq!(told(journal_file), taken(journal_file, "kubephase itself"));
    }
}
