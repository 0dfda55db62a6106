//! All plugins of a run: loaded and checked together before anything is changed, then asked by workflows.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use futures_util::future::join_all;
use kubephase_model::plugin::{Finding, Plugin, PluginEntry, Proposal};
use kubephase_node::kube::Api;
use kubephase_workflow::extension::{Answer, Extension, ExtensionError, ExtensionFailure, Mutation};
use serde_json::Value;

use crate::compiled::CompiledCache;
use crate::error::{CallError, LoadError};
use crate::guest::{Export, Guest, NoReply, Reply};
use crate::limits::Limits;
use crate::mutate::accept;
use crate::sandbox::Sandbox;
use crate::told::{Ear, one_line};
use crate::workbench::Outcome;
use crate::world::World;
use crate::{describe, judge, mutate};

/// A plugin that is wanted, with the bytes of its component.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// What the operator says.
    pub entry: PluginEntry,
    /// The component.
    pub bytes: Arc<[u8]>,
    /// Who signed it, if that was asked for.
    pub signer: Option<String>,
}

/// A plugin that cannot be used.
#[derive(Debug)]
pub struct Refused {
    /// Its number among those that were wanted.
    pub index: usize,
    /// Its name.
    pub plugin: String,
    /// Why.
    pub error: LoadError,
}

/// Plugins that are ready to be asked.
pub struct Plugins {
    plugins: Vec<Plugin>,
    guests: Vec<(Guest, Sandbox)>,
    world: Arc<dyn World>,
    warm: usize,
}

impl fmt::Debug for Plugins {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Plugins").field("plugins", &self.plugins).finish_non_exhaustive()
    }
}

/// The digest of a component, as configurations have it: `sha256:` and hex.
pub fn digest_of(bytes: &[u8]) -> String {
    format!("sha256:{}", hex(digest(&SHA256, bytes).as_ref()))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

impl Plugins {
    /// Loads and checks all of them at the same time: their bytes, exports, imports and grants. Every one that is refused is
    /// told, not the first. Their settings are checked by [`crate::settings`], which knows where they stand.
    pub async fn load(
        wanted: Vec<Wanted>,
        world: Arc<dyn World>,
        ear: Ear,
        cache: &CompiledCache,
    ) -> Result<Self, Vec<Refused>> {
        let loading = wanted.into_iter().enumerate().map(|(index, wanted)| {
            let (world, ear) = (world.clone(), ear.clone());
            async move {
                let plugin = wanted.entry.name.clone();
                let loaded = load(wanted, world, ear, cache).await;
                loaded.map_err(|error| Refused { index, plugin, error })
            }
        });
        let mut refused = Vec::new();
        let mut all = Self { plugins: Vec::new(), guests: Vec::new(), world: world.clone(), warm: 0 };
        for loaded in join_all(loading).await {
            match loaded {
                Ok((plugin, guest, sandbox)) => {
                    all.warm += usize::from(guest.warm);
                    all.plugins.push(plugin);
                    all.guests.push((guest, sandbox));
                }
                Err(error) => refused.push(error),
            }
        }
        if refused.is_empty() { Ok(all) } else { Err(refused) }
    }

    /// How many of them did not have to be compiled.
    pub fn warm(&self) -> usize {
        self.warm
    }

    /// Calls one export as it is: what comes back has not been judged. For authors.
    pub async fn ask(
        &self,
        plugin: &str,
        export: Export,
        target: &str,
        document: &str,
    ) -> Result<Reply, ExtensionError> {
        let Some(index) = self.plugins.iter().position(|known| known.name() == plugin) else {
            let error = CallError::new(ExtensionFailure::Host, "there is no such plugin", "name one that is there");
            return Err(told(plugin, export, NoReply { error, log: Vec::new() }));
        };
        let (guest, sandbox) = &self.guests[index];
        if !guest.shape().kinds.contains(&export.kind()) {
            let message = format!("it exports no `{}`", export.kind().name());
            let error =
                CallError::new(ExtensionFailure::Invalid, message, "`kubephase plugin inspect` shows what it has");
            return Err(told(plugin, export, NoReply { error, log: Vec::new() }));
        }
        guest.call(sandbox, export, target, document).await.map_err(|error| told(plugin, export, error))
    }

    fn plugin(&self, name: &str) -> Result<&Plugin, CallError> {
        let found = self.plugins.iter().find(|plugin| plugin.name() == name);
        found.ok_or_else(|| CallError::new(ExtensionFailure::Host, "there is no such plugin", "this is our fault"))
    }

    /// Asks, judges the answer and, if it is a mutator's, applies its patches.
    pub async fn outcome(
        &self,
        name: &str,
        export: Export,
        target: &str,
        before: &Value,
    ) -> Result<Outcome, ExtensionError> {
        let text = if export == Export::Mutate { before.to_string() } else { String::new() };
        let proposal = match self.ask(name, export, target, &text).await? {
            Reply::Proposal(proposal) => proposal,
            Reply::Findings(findings) => Proposal { findings, ..Proposal::default() },
            Reply::Images(images) => Proposal { images, ..Proposal::default() },
        };
        let judged = || -> Result<Option<Value>, CallError> {
            let plugin = self.plugin(name)?;
            accept(judge::proposal(&proposal, plugin, export))?;
            if export != Export::Mutate {
                return Ok(None);
            }
            accept(mutate::strays(&proposal.patches, target))?;
            let after = mutate::apply(name, target, before, &proposal.patches)?;
            if !proposal.patches.is_empty() {
                let before = mutate::spelt(name, target, before)?;
                accept(judge::document_change(&before, &after, target, &plugin.entry.grants))?;
            }
            Ok(Some(after))
        };
        let document = judged().map_err(|error| told(name, export, NoReply { error, log: Vec::new() }))?;
        Ok(Outcome { proposal, document })
    }

    async fn proposal(&self, name: &str, export: Export) -> Result<Proposal, ExtensionError> {
        Ok(self.outcome(name, export, "", &Value::Null).await?.proposal)
    }

    async fn mutation(&self, name: &str, target: &str, before: &Value) -> Result<Mutation, ExtensionError> {
        let Outcome { mut proposal, document } = self.outcome(name, Export::Mutate, target, before).await?;
        let patches = std::mem::take(&mut proposal.patches);
        let reasons = patches.into_iter().map(|patch| one_line(&patch.reason, 200));
        Ok(Mutation { document: document.unwrap_or_default(), reasons: reasons.collect(), proposal })
    }
}

async fn load(
    wanted: Wanted,
    world: Arc<dyn World>,
    ear: Ear,
    cache: &CompiledCache,
) -> Result<(Plugin, Guest, Sandbox), LoadError> {
    let Wanted { entry, bytes, signer } = wanted;
    let limits = Limits::of(&entry);
    let sha256 = hex(digest(&SHA256, &bytes).as_ref());
    let guest = Guest::load(bytes, &sha256, limits.fuel.is_some(), cache).await?;
    let description = describe::checked(guest.describe(ear.clone()).await?)?;
    let guest = guest.granted(&entry.grants, &description)?;
    let settings = if entry.settings.is_null() { "{}".to_owned() } else { entry.settings.to_string() };
    let sandbox = Sandbox {
        plugin: entry.name.as_str().into(),
        grants: Arc::new(entry.grants.clone()),
        settings: settings.into(),
        world,
        limits,
        ear,
    };
    let kinds = guest.shape().kinds.clone();
    let plugin = Plugin { entry, description, kinds, digest: format!("sha256:{sha256}"), signer };
    Ok((plugin, guest, sandbox))
}

fn told(plugin: &str, export: Export, NoReply { error, log }: NoReply) -> ExtensionError {
    /// Characters of a text that is shown.
    const LONGEST: usize = 20_000;

    let CallError { kind, code, message, hint, backtrace } = error;
    // They have names in them that the plugin has given.
    let (message, hint) = (one_line(&message, LONGEST), hint.map(|hint| one_line(&hint, LONGEST)));
    ExtensionError {
        plugin: plugin.to_owned(),
        call: export.name().to_owned(),
        kind,
        code,
        message,
        hint,
        backtrace,
        log,
    }
}

impl Extension for Plugins {
    fn plugins(&self) -> &[Plugin] {
        &self.plugins
    }

    fn connected(&self, api: &Api) {
        self.world.connected(api);
    }

    fn check<'a>(&'a self, plugin: &'a str) -> Answer<'a, Vec<Finding>> {
        Box::pin(async move { Ok(self.proposal(plugin, Export::Check).await?.findings) })
    }

    fn mutate<'a>(&'a self, plugin: &'a str, target: &'a str, document: &'a Value) -> Answer<'a, Mutation> {
        Box::pin(self.mutation(plugin, target, document))
    }

    fn render<'a>(&'a self, plugin: &'a str) -> Answer<'a, Proposal> {
        Box::pin(self.proposal(plugin, Export::Render))
    }

    fn images<'a>(&'a self, plugin: &'a str) -> Answer<'a, Vec<String>> {
        Box::pin(async move { Ok(self.proposal(plugin, Export::Images).await?.images) })
    }

    fn uninstall<'a>(&'a self, plugin: &'a str) -> Answer<'a, Proposal> {
        Box::pin(self.proposal(plugin, Export::Uninstall))
    }

    fn run<'a>(&'a self, plugin: &'a str) -> Answer<'a, Proposal> {
        Box::pin(self.proposal(plugin, Export::Run))
    }
}
