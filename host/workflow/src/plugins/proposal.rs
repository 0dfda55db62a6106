//! A whole proposal, made true in this order: findings, images, files, objects, waits.

use std::time::Duration;

use kubephase_engine::Level;
use kubephase_model::plugin::{Kind, Plugin, Proposal};
use kubephase_node::{Change, Node};
use kubephase_preflight::{PullFailure, PullPolicy, pull_images};

use super::apply_set;
use super::error::PluginError;
use super::objects::Members;
use super::site::Site;
use super::{Guests, files, findings, waits};
use crate::journal::digest_of;

/// The runtime must answer within this.
const RUNTIME: Duration = Duration::from_secs(10);

/// What has been made for plugins, for the journal. Filled as it is done, so that what came before a failure is in it.
#[derive(Debug, Default)]
pub struct Done {
    /// Files with the digests of what is in them, by plugin.
    pub files: Vec<(String, Change, String)>,
    /// Objects as the journal tells them, by plugin.
    pub objects: Vec<(String, Vec<String>)>,
}

impl Guests {
    /// Makes true what a plugin wants. Patches are not in it any more.
    pub async fn make_true(
        &mut self,
        site: &Site,
        plugin: &Plugin,
        proposal: Proposal,
        done: &mut Done,
    ) -> Result<(), PluginError> {
        let name = plugin.name();
        if plugin.is_before_cni()
            && let Some(wait) = proposal.waits.iter().find(|wait| waits::needs_pods(wait))
        {
            return Err(PluginError::BeforeCni { plugin: name.to_owned(), target: wait.target.clone() });
        }
        findings::tell(site, name, &proposal.findings)?;
        self.pull(site, name, &proposal.images).await?;
        self.write(&site.node, plugin, &proposal, done)?;
        self.apply(site, plugin, proposal.objects, done).await?;
        for wait in &proposal.waits {
            waits::wait(site, name, wait).await?;
        }
        Ok(())
    }

    fn write(&mut self, node: &Node, plugin: &Plugin, proposal: &Proposal, done: &mut Done) -> Result<(), PluginError> {
        let (grants, plugin) = (&plugin.entry.grants, plugin.name());
        let mut files = Vec::new();
        for proposed in &proposal.files {
            files::stays_within(node, plugin, grants, &proposed.path)?;
            let file = files::file(node, plugin, proposed)?;
            let digest = digest_of(&file.contents);
            self.claim_file(plugin, &file.path, &digest)?;
            files.push((file, digest));
        }
        let (files, digests): (Vec<_>, Vec<_>) = files.into_iter().unzip();
        let changes = node.ensure_all(&files).map_err(PluginError::file(plugin))?;
        done.files.extend(changes.into_iter().zip(digests).map(|(change, digest)| (plugin.to_owned(), change, digest)));
        Ok(())
    }

    /// Applies the objects. What earlier runs applied and nobody wants any more goes with the last of the plugin's
    /// phases, which alone knows all that is wanted.
    async fn apply(
        &mut self,
        site: &Site,
        plugin: &Plugin,
        objects: Vec<serde_json::Value>,
        done: &mut Done,
    ) -> Result<(), PluginError> {
        let name = plugin.name();
        let phases = [Kind::Addon, Kind::Phase].into_iter().filter(|kind| plugin.is(*kind)).count();
        if objects.is_empty() && (phases == 0 || site.api.is_none()) {
            if phases > 0 {
                self.sets.entry(name.to_owned()).or_default().1 += 1;
            }
            return Ok(());
        }
        let api = site.api(name)?;
        let members = Members::of(api, name, objects).await?;
        let names = members.names();
        for member in &names {
            self.claim_object(name, member)?;
        }
        let (others, count) = self.sets.entry(name.to_owned()).or_default();
        *count += 1;
        let prune = *count >= phases;
        let before = others.clone();
        others.extend(names.iter().cloned());
        done.objects.push((name.to_owned(), names.iter().map(apply_set::told).collect()));
        members.apply(api, name, &before, prune).await
    }

    async fn pull(&self, site: &Site, plugin: &str, images: &[String]) -> Result<(), PluginError> {
        if images.is_empty() {
            return Ok(());
        }
        if site.node.is_dry_run() {
            let text = format!("plugin `{plugin}`: would pull, where they are not there, {}", images.join(", "));
            site.notice(Level::Info, text);
            return Ok(());
        }
        let policy = match PullPolicy::parse(&site.pulls.policy) {
            Some(PullPolicy::Never) => return Ok(()),
            // Those that were pulled before need not be pulled again.
            _ => PullPolicy::IfNotPresent,
        };
        let fail = |images: Vec<String>, remedy: &str| {
            Err(PluginError::Images { plugin: plugin.to_owned(), images, remedy: remedy.to_owned() })
        };
        let cri = match site.node.cri(&site.pulls.socket, RUNTIME).await {
            Ok(cri) => cri,
            Err(error) => {
                let all = images.iter().map(|image| format!("{image}: {error}")).collect();
                return fail(all, "see that the container runtime runs");
            }
        };
        let images: Vec<&str> = images.iter().map(String::as_str).collect();
        let progress = crate::checks::pull_progress(site.sink.clone(), site.path.clone());
        let failures = pull_images(&cri, &images, policy, site.pulls.serial, &*progress).await;
        let remedy = failures.first().map_or("", PullFailure::remedy);
        if failures.is_empty() {
            return Ok(());
        }
        fail(failures.iter().map(|failure| format!("{}: {}", failure.image, failure.why)).collect(), remedy)
    }
}
