//! Mutators: each sees a document after those before it. What they change is compared, so that none undoes what another
//! has done. A document is changed once in a run, however often it is asked for.

use std::collections::BTreeMap;

use kubephase_engine::Level;
use kubephase_model::plugin::{Kind, Proposal};
use serde_json::Value;

use super::error::{Disagreement, PluginError};
use super::site::Site;
use super::written::{Written, written};
use super::{Done, Guests, forgive, forgiven};

/// What became of a document.
#[derive(Clone, Debug)]
pub struct Mutated {
    /// As it was.
    before: Value,
    /// The document.
    pub document: Value,
    /// What is to be told and done beside it, by plugin.
    outcomes: Vec<Outcome>,
}

#[derive(Clone, Debug)]
struct Outcome {
    plugin: String,
    /// What it has done, or why it could not, in words.
    result: Result<(Vec<String>, Proposal), String>,
}

impl Guests {
    /// The document `target` after all mutators that may change it, in their order. Tells and writes nothing.
    pub async fn mutated(&mut self, target: &str, document: Value) -> Result<Mutated, PluginError> {
        if let Some(known) = self.documents.get(target).filter(|known| known.before == document) {
            return Ok(known.clone());
        }
        let mut mutated = Mutated { before: document.clone(), document, outcomes: Vec::new() };
        let Some(extension) = self.extension() else { return Ok(mutated) };
        let mut by: BTreeMap<String, (String, Option<Value>)> = BTreeMap::new();
        for plugin in self.of(Kind::Mutator) {
            // A plugin's own objects are as it wants them.
            if !plugin.entry.grants.allows_patch(target) || target.strip_prefix("plugin:") == Some(plugin.name()) {
                continue;
            }
            let name = plugin.name().to_owned();
            let asked = extension.mutate(&name, target, &mutated.document).await.map_err(PluginError::from);
            let judged = asked.and_then(|mutation| {
                let changes = written(&mutated.document, &mutation.document);
                disagreement(target, &name, &changes, &by).map_or(Ok((mutation, changes)), Err)
            });
            let result = match judged {
                Ok((mutation, changes)) => {
                    mutated.document = mutation.document;
                    by.extend(changes.into_iter().map(|(path, value)| (path, (name.clone(), value))));
                    Ok((mutation.reasons, mutation.proposal))
                }
                Err(error) if plugin.entry.only_warns() => Err(forgiven(&error)),
                Err(error) => return Err(error),
            };
            mutated.outcomes.push(Outcome { plugin: name, result });
        }
        self.documents.insert(target.to_owned(), mutated.clone());
        Ok(mutated)
    }

    /// Tells why a document was changed, and makes true what its mutators want beside it.
    pub async fn settle_with(
        &mut self,
        site: &Site,
        target: &str,
        mutated: &Mutated,
        done: &mut Done,
    ) -> Result<(), PluginError> {
        for outcome in &mutated.outcomes {
            match &outcome.result {
                Err(warning) => site.notice(Level::Warning, warning.clone()),
                Ok((reasons, _)) => {
                    for reason in reasons {
                        let text = format!("plugin `{}` has changed {target}: {reason}", outcome.plugin);
                        site.notice(Level::Info, text);
                    }
                }
            }
        }
        self.beside(site, mutated, done).await
    }

    /// Makes true what mutators want beside a document, without a word about why.
    pub async fn beside(&mut self, site: &Site, mutated: &Mutated, done: &mut Done) -> Result<(), PluginError> {
        for outcome in &mutated.outcomes {
            let Ok((_, proposal)) = &outcome.result else { continue };
            let Some(plugin) = self.named(&outcome.plugin) else { continue };
            let result = self.make_true(site, &plugin, proposal.clone(), done).await;
            forgive(site, &plugin, result)?;
        }
        Ok(())
    }
}

/// Whether `second` wants a field to be otherwise than a plugin before it.
fn disagreement(
    target: &str,
    second: &str,
    changes: &Written,
    by: &BTreeMap<String, (String, Option<Value>)>,
) -> Option<PluginError> {
    let said = |value: &Option<Value>| value.as_ref().map_or_else(|| "nothing".to_owned(), Value::to_string);
    changes.iter().find_map(|(pointer, wanted)| {
        let (first, set) = by.get(pointer).filter(|(first, set)| first != second && set != wanted)?;
        Some(PluginError::Disagreement(Box::new(Disagreement {
            target: target.to_owned(),
            pointer: pointer.clone(),
            first: first.clone(),
            set: said(set),
            second: second.to_owned(),
            wanted: said(wanted),
        })))
    })
}
