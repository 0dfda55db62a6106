//! What plugins find: as checks of `preflight`, which run beside our own, and as part of other proposals.

use std::sync::{Arc, Mutex, PoisonError};

use kubephase_engine::{Event, Level};
use kubephase_model::plugin::{Finding, Severity};
use kubephase_node::Node;
use kubephase_preflight::{Check, Findings};

use super::error::PluginError;
use super::site::Site;
use crate::extension::{Extension, ExtensionError};

/// A plugin's preflight as one check, called as the plugin is. Its findings are called `<plugin>/<id>`.
pub struct PluginCheck {
    /// All of them.
    pub extension: Arc<dyn Extension>,
    /// Its name.
    pub plugin: String,
    /// A failure of it is only a warning.
    pub only_warns: bool,
    /// What is only good to know, by everybody: told when all checks are done.
    pub told: Arc<Mutex<Vec<String>>>,
}

impl Check for PluginCheck {
    fn name(&self) -> String {
        self.plugin.clone()
    }

    fn about(&self) -> &'static str {
        "what a plugin looks at"
    }

    fn run<'a>(&'a self, _: &'a Node) -> Findings<'a> {
        Box::pin(async move {
            match self.extension.check(&self.plugin).await {
                Ok(found) => found.into_iter().filter_map(|finding| self.hear(finding)).collect(),
                Err(error) => vec![self.failure(error)],
            }
        })
    }
}

impl PluginCheck {
    fn hear(&self, finding: Finding) -> Option<kubephase_preflight::Finding> {
        let name = called(&self.plugin, &finding);
        let remedy = remedy(&finding);
        let mut ours = match finding.severity {
            Severity::Info => {
                let text = format!("{name}: {}", finding.message);
                self.told.lock().unwrap_or_else(PoisonError::into_inner).push(text);
                return None;
            }
            Severity::Warning => kubephase_preflight::Finding::warning(name, finding.message),
            Severity::Error => kubephase_preflight::Finding::error(name, finding.message),
        };
        ours.expected = finding.expected;
        ours.remedy = remedy;
        Some(ours)
    }

    fn failure(&self, error: ExtensionError) -> kubephase_preflight::Finding {
        let fault = error.kind.is_fault();
        let hint = error.hint.clone();
        let error = PluginError::from(error);
        let trace = std::error::Error::source(&error).map(|trace| format!("; {trace}")).unwrap_or_default();
        let text = format!("{error}{trace}");
        let mut finding = match self.only_warns {
            true => kubephase_preflight::Finding::warning(self.plugin.as_str(), text),
            false => kubephase_preflight::Finding::error(self.plugin.as_str(), text),
        };
        finding.remedy = hint;
        finding.is_fault = fault;
        finding
    }
}

/// Tells the findings of a proposal. Fails if one stops the run.
pub fn tell(site: &Site, plugin: &str, findings: &[Finding]) -> Result<(), PluginError> {
    let mut stopped = Vec::new();
    for finding in findings {
        let check = called(plugin, finding);
        let severity = match finding.severity {
            Severity::Info => {
                site.notice(Level::Info, format!("{check}: {}", finding.message));
                continue;
            }
            Severity::Warning => "warning",
            Severity::Error => "error",
        };
        let ignored = severity == "error" && (site.ignore.covers(&check) || site.ignore.covers(plugin));
        if severity == "error" && !ignored {
            stopped.push(check.clone());
        }
        (site.sink)(Event::Finding {
            path: site.path.clone(),
            check,
            severity: if ignored { "warning" } else { severity }.to_owned(),
            ignored,
            seen: finding.message.clone(),
            expected: finding.expected.clone(),
            remedy: remedy(finding),
        });
    }
    if stopped.is_empty() { Ok(()) } else { Err(PluginError::Stopped { plugin: plugin.to_owned(), findings: stopped }) }
}

/// How operators see and ignore it.
fn called(plugin: &str, finding: &Finding) -> String {
    format!("{plugin}/{}", finding.id)
}

fn remedy(finding: &Finding) -> Option<String> {
    match (&finding.remedy, &finding.link) {
        (Some(remedy), Some(link)) => Some(format!("{remedy} (see {link})")),
        (None, Some(link)) => Some(format!("see {link}")),
        (remedy, None) => remedy.clone(),
    }
}
