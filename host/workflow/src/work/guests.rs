//! Plugins in workflows: their phases, where these stand in the tree, and what other phases ask of plugins.

use std::sync::Arc;

use kubephase_engine::{Action, Context, Phase};
use kubephase_model::Cluster;
use kubephase_model::plugin::order::{Step, order};
use kubephase_model::plugin::{Kind, Plugin, PluginConfiguration};
use kubephase_render::objects::{coredns, kube_proxy, kubephase_config};
use kubephase_render::patch::{COREDNS_DEPLOYMENT, KUBE_PROXY_DAEMON_SET};
use kubephase_render::static_pod::{COMPONENTS, ETCD, PodContext};
use serde_json::{Value, json};

use super::Work;
use crate::error::PhaseError;
use crate::extension::Extension;
use crate::plugins::{Done, Guests, Mutated, Pulls, Site, forgive};

impl Work {
    /// Where plugins' proposals are made so, in the phase that runs.
    pub(crate) fn site(&self) -> Site {
        let node = self.cluster.node();
        Site {
            node: self.node.clone(),
            api: self.api.clone(),
            sink: self.options.sink.clone(),
            path: self.path().to_owned(),
            ignore: self.options.ignore.clone(),
            patience: self.options.patience,
            pulls: Pulls {
                socket: node.cri_socket.clone(),
                policy: node.image_pull_policy.clone(),
                serial: node.image_pull_serial.unwrap_or(true),
            },
        }
    }

    /// A document after all mutators, which is about to be written. They are told, and have what they need beside it.
    pub(crate) async fn document(&mut self, target: &str, document: Value) -> Result<Value, PhaseError> {
        let mutated = self.guests.mutated(target, document).await?;
        self.tell_and_settle(target, &mutated).await?;
        Ok(mutated.document)
    }

    /// Tells why mutators have changed a document, and gives them what they need beside it.
    pub(crate) async fn tell_and_settle(&mut self, target: &str, mutated: &Mutated) -> Result<(), PhaseError> {
        let (site, mut done) = (self.site(), Done::default());
        let result = self.guests.settle_with(&site, target, mutated, &mut done).await;
        self.note_done(done);
        Ok(result?)
    }

    /// Only gives them what they need beside it.
    pub(crate) async fn settle_beside(&mut self, mutated: &Mutated) -> Result<(), PhaseError> {
        let (site, mut done) = (self.site(), Done::default());
        let result = self.guests.beside(&site, mutated, &mut done).await;
        self.note_done(done);
        Ok(result?)
    }

    /// Has the journal know whose it is.
    fn note_done(&mut self, done: Done) {
        let Some(journal) = &mut self.journal else { return };
        if self.only_plugins {
            let changes: Vec<_> = done.files.iter().map(|(_, change, _)| change.clone()).collect();
            self.touched |= journal.note(&changes);
        }
        self.touched |= !done.objects.is_empty();
        let guests = &self.guests;
        journal.note_plugins(done, |name| guests.named(name).map(|plugin| plugin.digest).unwrap_or_default());
    }
}

/// The plugins of a run, in the order in which they change documents; `paths` are those of the whole tree.
pub fn invite(extension: Option<Arc<dyn Extension>>, paths: &[String]) -> Result<Guests, PhaseError> {
    let Some(extension) = extension else { return Ok(Guests::default()) };
    let order = order(extension.plugins(), paths)?;
    Ok(Guests::new(extension, order.plugins))
}

/// The configuration of plugins with the digests of those that were loaded. Fails if one has none: it is a file that
/// does not run on this node, and nobody could tell whether another node has the same.
pub fn pinned(cluster: &Cluster, extension: Option<&dyn Extension>) -> Result<PluginConfiguration, PhaseError> {
    let loaded = extension.map_or(&[][..], |extension| extension.plugins());
    kubephase_config::pinned(&cluster.plugins, loaded).map_err(|plugins| PhaseError::Unpinned { plugins })
}

/// Images that mutators give to components, by the components' names: those of their first containers, which are pulled
/// before the documents are written. Where the users that components run as are not there yet, a mutator is asked again
/// when they are.
pub async fn changed_images(cx: &mut Work) -> Result<Vec<(&'static str, String)>, PhaseError> {
    let cluster = &cx.cluster;
    let context = PodContext { external_ca: cx.external_ca, ..PodContext::default() };
    let mut documents: Vec<(&'static str, &'static str, Value)> = Vec::new();
    for component in COMPONENTS {
        if component.name != ETCD.name || cluster.external_etcd().is_none() {
            documents.push((component.name, component.target.name, (component.render)(cluster, &context)));
        }
    }
    if !cluster.config.dns.disabled {
        documents.push(("coredns", COREDNS_DEPLOYMENT.name, coredns::plain_deployment(cluster, None)));
    }
    if !cluster.config.proxy.disabled {
        documents.push(("kube-proxy", KUBE_PROXY_DAEMON_SET.name, kube_proxy::plain_daemon_set(cluster)));
    }
    let mut changed = Vec::new();
    for (component, target, document) in documents {
        let before = image(&document);
        let after = image(&cx.guests.mutated(target, document).await?.document);
        if let Some(after) = after.filter(|after| before.as_ref() != Some(after)) {
            changed.push((component, after));
        }
    }
    Ok(changed)
}

/// The image of a workload's or a Pod's first container.
fn image(document: &Value) -> Option<String> {
    let containers = ["/spec/containers/0/image", "/spec/template/spec/containers/0/image"];
    containers.iter().find_map(|pointer| document.pointer(pointer)?.as_str()).map(str::to_owned)
}

/// What plugins' phases can be part of.
pub trait Workflow: Context<Error = PhaseError> + AsMut<Work> + Send + 'static {}

impl<C: Context<Error = PhaseError> + AsMut<Work> + Send + 'static> Workflow for C {}

/// The phase of an addon.
pub fn addon<C: Workflow>(plugin: &Plugin) -> Phase<C> {
    let name = plugin.name().to_owned();
    let about = about(plugin, "Install what the plugin brings");
    Phase::run(plugin.name().to_owned(), about, move |cx: &mut C| {
        let name = name.clone();
        Box::pin(async move { install(cx.as_mut(), &name).await })
    })
}

/// The phase of a plugin that is one.
pub fn phase<C: Workflow>(plugin: &Plugin) -> Phase<C> {
    let name = plugin.name().to_owned();
    let about = about(plugin, "Do what the plugin does");
    Phase::run(plugin.name().to_owned(), about, move |cx: &mut C| {
        let name = name.clone();
        Box::pin(async move { run(cx.as_mut(), &name).await })
    })
}

fn about(plugin: &Plugin, otherwise: &str) -> String {
    let about = plugin.description.about.trim().trim_end_matches('.');
    format!("{} (plugin)", if about.is_empty() { otherwise } else { about })
}

async fn install(cx: &mut Work, name: &str) -> Result<(), PhaseError> {
    let (Some(extension), Some(plugin)) = (cx.guests.extension(), cx.guests.named(name)) else { return Ok(()) };
    cx.api().await?;
    let (site, mut done) = (cx.site(), Done::default());
    let result = async {
        let mut proposal = extension.render(name).await?;
        let target = format!("plugin:{name}");
        let list = json!({ "apiVersion": "v1", "kind": "List", "items": std::mem::take(&mut proposal.objects) });
        let mut mutated = cx.guests.mutated(&target, list).await?;
        cx.guests.settle_with(&site, &target, &mutated, &mut done).await?;
        if let Value::Array(items) = mutated.document["items"].take() {
            proposal.objects = items;
        }
        cx.guests.make_true(&site, &plugin, proposal, &mut done).await
    }
    .await;
    cx.note_done(done);
    Ok(forgive(&site, &plugin, result)?)
}

async fn run(cx: &mut Work, name: &str) -> Result<(), PhaseError> {
    let (Some(extension), Some(plugin)) = (cx.guests.extension(), cx.guests.named(name)) else { return Ok(()) };
    let asked = extension.run(name).await;
    if let Ok(proposal) = &asked
        && (!proposal.objects.is_empty() || proposal.waits.iter().any(|wait| wait.kind == "object"))
    {
        cx.api().await?;
    }
    let (site, mut done) = (cx.site(), Done::default());
    let result = match asked {
        Ok(proposal) => cx.guests.make_true(&site, &plugin, proposal, &mut done).await,
        Err(error) => Err(error.into()),
    };
    cx.note_done(done);
    Ok(forgive(&site, &plugin, result)?)
}

/// Puts plugins that are phases where they belong.
pub fn place<C: Workflow>(phases: &mut Vec<Phase<C>>, plugins: &[Plugin], steps: &[Step]) {
    // Backwards: each goes right behind its leaf, before those that were put there already.
    for step in steps.iter().rev() {
        let Some(plugin) = plugins.iter().find(|plugin| plugin.name() == step.plugin) else { continue };
        let (after, before) = (step.after.as_deref(), step.before.as_deref());
        let group = match step.kind {
            Kind::Addon => Some(ADDON),
            _ => parent(after).filter(|group| parent(before) == Some(group)),
        };
        let new = if step.kind == Kind::Addon { addon(plugin) } else { phase(plugin) };
        let siblings = group.and_then(|group| phases.iter_mut().find(|phase| phase.name == group));
        match siblings.map(|phase| &mut phase.action) {
            Some(Action::Group(children)) => {
                let leaf = after.filter(|_| parent(after) == group).and_then(|path| path.rsplit('/').next());
                insert(children, leaf, new);
            }
            _ => insert(phases, after.and_then(|path| path.split('/').next()), new),
        }
    }
}

const ADDON: &str = "addon";

/// The group of a phase that is part of one.
fn parent(path: Option<&str>) -> Option<&str> {
    path?.rsplit_once('/').map(|(group, _)| group)
}

/// Behind the phase of that name; the first of all without one.
fn insert<C: Workflow>(phases: &mut Vec<Phase<C>>, after: Option<&str>, new: Phase<C>) {
    let at = after.and_then(|name| phases.iter().position(|phase| phase.name == name)).map_or(0, |at| at + 1);
    phases.insert(at, new);
}

/// Whether a plugin is a phase of its own somewhere from one phase on and before another.
pub fn any_between<C: Workflow>(phases: &[Phase<C>], plugins: &[Plugin], from: &str, to: &str) -> bool {
    let is_plugins =
        |phase: &Phase<C>| plugins.iter().any(|plugin| plugin.is(Kind::Phase) && plugin.name() == phase.name);
    let between = phases.iter().skip_while(|phase| phase.name != from).take_while(|phase| phase.name != to);
    between.into_iter().any(|phase| is_plugins(phase) || phase.children().iter().any(is_plugins))
}
