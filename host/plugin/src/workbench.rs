//! One plugin alone, for its author: called with given facts, settings and grants, as often as one likes. What it answers
//! is judged as in a real run.

use std::sync::Arc;

use kubephase_model::plugin::{Description, Grants, Kind, Plugin, PluginEntry, Proposal};
use kubephase_workflow::extension::{ExtensionError, ExtensionFailure};
use serde_json::Value;

use crate::compiled::CompiledCache;
use crate::error::LoadError;
use crate::guest::{Export, Guest};
use crate::plugins::{Plugins, Wanted, digest_of};
use crate::told::Ear;
use crate::world::World;
use crate::{describe, settings};

/// A component on the bench.
pub struct Workbench {
    bytes: Arc<[u8]>,
    description: Description,
    kinds: Vec<Kind>,
    imports: Vec<String>,
    digest: String,
    cache: CompiledCache,
    warm: bool,
}

/// One question to it.
#[derive(Clone, Debug)]
pub struct Question {
    /// What is called.
    pub export: Export,
    /// For `mutator.mutate`: what the document is.
    pub target: String,
    /// For `mutator.mutate`: the document.
    pub document: Value,
    /// Its settings; null for none.
    pub settings: Value,
    /// What it may do; what it wants if none.
    pub grants: Option<Grants>,
    /// What one call of it may use and how long it may take, as its entry would say.
    pub entry: PluginEntry,
}

/// What came of a question.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// What it proposes.
    pub proposal: Proposal,
    /// For `mutator.mutate`: the document after its patches.
    pub document: Option<Value>,
}

impl Workbench {
    /// Loads a component and asks it what it is.
    pub async fn load(bytes: impl Into<Arc<[u8]>>, cache: &CompiledCache, ear: Ear) -> Result<Self, LoadError> {
        let bytes = bytes.into();
        let digest = digest_of(&bytes);
        let sha256 = digest.trim_start_matches("sha256:");
        let guest = Guest::load(bytes.clone(), sha256, false, cache).await?;
        let description = describe::checked(guest.describe(ear).await?)?;
        let shape = guest.shape();
        Ok(Self {
            bytes,
            description,
            kinds: shape.kinds.clone(),
            imports: shape.imports.clone(),
            digest,
            cache: cache.clone(),
            warm: guest.warm,
        })
    }

    /// What it says of itself.
    pub fn description(&self) -> &Description {
        &self.description
    }

    /// What it can do.
    pub fn kinds(&self) -> &[Kind] {
        &self.kinds
    }

    /// What it imports.
    pub fn imports(&self) -> &[String] {
        &self.imports
    }

    /// Its digest, with `sha256:` before it.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// Its size in bytes.
    pub fn size(&self) -> usize {
        self.bytes.len()
    }

    /// Whether it did not have to be compiled.
    pub fn warm(&self) -> bool {
        self.warm
    }

    /// Asks. The world is the one that it sees.
    pub async fn ask(&self, question: &Question, world: Arc<dyn World>, ear: Ear) -> Result<Outcome, ExtensionError> {
        let Question { export, target, document, settings, grants, entry } = question;
        let grants = grants.clone().unwrap_or_else(|| Grants::of_wants(&self.description.wants));
        let name = self.description.name.clone();
        let fail = |kind, message: String, hint: Option<String>| ExtensionError {
            plugin: name.clone(),
            call: export.name().to_owned(),
            kind,
            code: None,
            message,
            hint,
            backtrace: Vec::new(),
            log: Vec::new(),
        };
        if let Some(schema) = &self.description.settings_schema {
            let wrong = settings::problems(schema, settings);
            if !wrong.is_empty() {
                let hint = "`kubephase plugin inspect` shows its settings".to_owned();
                return Err(fail(ExtensionFailure::Refused, format!("settings: {}", wrong.join("; ")), Some(hint)));
            }
        }
        let entry = PluginEntry { name: name.clone(), settings: settings.clone(), grants, ..entry.clone() };
        let wanted = Wanted { entry, bytes: self.bytes.clone(), signer: None };
        let plugins = Plugins::load(vec![wanted], world, ear, &self.cache).await.map_err(|refused| {
            let error = refused.into_iter().next().map(|refused| refused.error);
            let hint = error.as_ref().map(LoadError::hint);
            let message = error.map_or_else(String::new, |error| error.to_string());
            fail(ExtensionFailure::Refused, message, hint)
        })?;
        plugins.outcome(&name, *export, target, document).await
    }
}

/// What is known of a plugin that is on no configuration: for messages and lists.
impl From<&Workbench> for Plugin {
    fn from(bench: &Workbench) -> Self {
        let entry = PluginEntry { name: bench.description.name.clone(), ..PluginEntry::default() };
        Self {
            entry,
            description: bench.description.clone(),
            kinds: bench.kinds.clone(),
            digest: bench.digest.clone(),
            signer: None,
        }
    }
}
