//! What checks before a run have to do with what else the run knows: plugins look beside us, mutators change which images
//! are pulled, and what an earlier run of the same left is no obstacle.

use std::sync::{Arc, Mutex, PoisonError};

use kubephase_engine::Level;
use kubephase_model::images::{self, Image};
use kubephase_model::plugin::Kind;
use kubephase_node::{Node, probe};
use kubephase_preflight::{Check, Checklist, Findings, lists};
use kubephase_render::static_pod::{ETCD, manifest_path};

use super::{Work, guests};
use crate::checks;
use crate::error::PhaseError;
use crate::plugins::PluginCheck;

/// What checks need to know of a run that pulls `images`.
pub fn options(cx: &Work, images: Option<Vec<Image>>) -> lists::Options {
    lists::Options {
        dry_run: cx.node.is_dry_run(),
        images,
        pull_progress: checks::pull_progress(cx.options.sink.clone(), cx.path().to_owned()),
    }
}

/// Runs the list with the plugins beside it. Of a dry run nothing stops it; what would have is kept.
pub async fn run(cx: &mut Work, mut list: Checklist) -> Result<(), PhaseError> {
    let told = add_plugins(&mut list, cx);
    if cx.resumed.is_some() {
        leave_out_our_own_work(&mut list, cx);
        cx.notice(Level::Info, "an earlier run with the same input was here: going on where it ended");
    }
    let result = checks::run(&list, &cx.node, &cx.options.ignore, &cx.options.sink, cx.path()).await;
    for text in std::mem::take(&mut *told.lock().unwrap_or_else(PoisonError::into_inner)) {
        cx.notice(Level::Info, text);
    }
    match result {
        Err(PhaseError::Preflight(outcome)) if cx.node.is_dry_run() => {
            cx.notice(Level::Warning, "a real run would stop here; showing what it would do after that");
            cx.stopped = Some(PhaseError::WouldStop(outcome));
            Ok(())
        }
        result => result,
    }
}

/// Adds the plugins that look at the node beside the first checks but root's, which run at the same time. What they say
/// that is only good to know is put into what this returns.
fn add_plugins(list: &mut Checklist, cx: &Work) -> Arc<Mutex<Vec<String>>> {
    let told = Arc::default();
    let root = usize::from(list.batches.first().is_some_and(|first| first.checks.len() == 1));
    let (Some(extension), Some(batch)) = (cx.guests.extension(), list.batches.get_mut(root)) else { return told };
    for plugin in cx.guests.of(Kind::Preflight) {
        batch.checks.push(Box::new(PluginCheck {
            extension: Arc::clone(&extension),
            plugin: plugin.name().to_owned(),
            only_warns: plugin.entry.only_warns(),
            told: Arc::clone(&told),
        }));
    }
    told
}

/// What is pulled: the cluster's images, as mutators have them, and those of addons.
pub async fn images(cx: &mut Work) -> Result<Vec<Image>, PhaseError> {
    let mut all = images::images(&cx.cluster);
    let Some(extension) = cx.guests.extension().filter(|_| !cx.node.is_dry_run()) else { return Ok(all) };
    for (component, reference) in guests::changed_images(cx).await? {
        all.iter_mut()
            .filter(|image| image.component == component)
            .for_each(|image| image.reference.clone_from(&reference));
    }
    for plugin in crate::plugins::images(&*extension).await? {
        if let Some(warning) = plugin.warning {
            cx.notice(Level::Warning, warning);
        }
        for reference in plugin.images {
            if !all.iter().any(|known| known.reference == reference) {
                all.push(Image { component: "plugin", reference });
            }
        }
    }
    Ok(all)
}

/// What an earlier run of ours with the same input left is no obstacle: its files, its etcd data, and ports that its
/// components listen on.
fn leave_out_our_own_work(list: &mut Checklist, cx: &Work) {
    let Some(journal) = &cx.resumed else { return };
    let own_etcd = has_own_etcd(cx);
    let name = |path: &str| format!("FileAvailable-{}", path.replace('/', "-"));
    let mut files: Vec<String> = journal.files.keys().map(|path| name(path)).collect();
    if journal.services.contains_key(crate::kubelet::SERVICE) {
        // The kubelet that we started wrote it.
        files.push(name(&cx.kubeconfig_path("kubelet.conf")));
    }
    for batch in &mut list.batches {
        batch.checks.retain(|check| {
            let name = check.name();
            !(files.contains(&name) || (name.starts_with("DirAvailable-") && own_etcd))
        });
        let checks = std::mem::take(&mut batch.checks);
        batch.checks.extend(checks.into_iter().map(|check| match port_of(&*check) {
            Some(port) => Box::new(OwnPort { check, port }),
            None => check,
        }));
    }
}

/// Whether what is in etcd's data directory is of an etcd that an earlier run of the same has started: its manifest is
/// ours, or was until that run ended it, or the directory is.
pub fn has_own_etcd(cx: &Work) -> bool {
    let Some(etcd) = cx.cluster.local_etcd() else { return false };
    let directory = &etcd.data_dir.0;
    cx.is_ours(&manifest_path(ETCD.name)) || cx.is_ours(directory) || cx.is_ours(&member_dir(directory))
}

/// What etcd makes in its data directory.
pub fn member_dir(data_dir: &str) -> String {
    format!("{data_dir}/member")
}

fn port_of(check: &dyn Check) -> Option<u16> {
    check.name().strip_prefix("Port-")?.parse().ok()
}

/// A port on which a component of ours may listen: one that comes up at this very moment, too.
struct OwnPort {
    check: Box<dyn Check>,
    port: u16,
}

impl Check for OwnPort {
    fn name(&self) -> String {
        self.check.name()
    }

    fn about(&self) -> &'static str {
        self.check.about()
    }

    fn run<'a>(&'a self, node: &'a Node) -> Findings<'a> {
        Box::pin(async move {
            let found = self.check.run(node).await;
            if found.is_empty() || is_own_listener(node, self.port) { Vec::new() } else { found }
        })
    }
}

/// How names of our components begin, as the kernel cuts them, at 15 bytes.
const COMPONENTS: [&str; 5] = ["kubelet", "kube-apiserver", "kube-controller", "kube-scheduler", "etcd"];

fn is_own_listener(node: &Node, port: u16) -> bool {
    // Some are called by their versions, too: `etcd-3.5`.
    let is_component = |name: &str| COMPONENTS.iter().any(|component| name.starts_with(component));
    probe::listener(node, port).is_some_and(|listener| is_component(&listener.name))
}
