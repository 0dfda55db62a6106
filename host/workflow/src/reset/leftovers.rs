//! What plugins want removed from this node beside what they are known to have: files that the programs which they
//! installed have made. They are asked, and what they say has been judged by their grants.

use kubephase_engine::Level;

use super::Reset;
use crate::error::PhaseError;
use crate::journal::Journal;
use crate::plugins::{Pulls, Site, leftover_files};

/// Asks all plugins of this node. One that cannot be asked is told, and its own files go all the same.
pub async fn wanted(cx: &mut Reset, journal: Option<&Journal>) -> Vec<String> {
    let Some(journal) = journal.filter(|journal| !journal.plugins.is_empty()) else { return Vec::new() };
    let mut names: Vec<String> = journal.plugins.keys().cloned().collect();
    let Some(extension) = cx.options.extension.clone() else {
        let message = format!(
            "the plugins {} are not asked what else should go: the cluster does not say where they are",
            names.join(", ")
        );
        cx.notice(Level::Info, message);
        return Vec::new();
    };
    names.retain(|name| extension.plugins().iter().any(|plugin| plugin.name() == name));
    let site = Site {
        node: cx.node.clone(),
        api: None,
        sink: cx.options.sink.clone(),
        path: cx.path().to_owned(),
        ignore: cx.options.ignore.clone(),
        patience: None,
        pulls: Pulls::default(),
    };
    let mut all = Vec::new();
    for name in names {
        match leftover_files(&site, &*extension, journal, &name).await {
            Ok(files) => all.extend(files),
            Err(error) => cx.notice(Level::Warning, format!("{name} is not asked what else should go: {error}")),
        }
    }
    all
}

/// Removes the files.
pub fn remove(cx: &mut Reset, files: &[String]) -> Result<(), PhaseError> {
    for path in files.iter().filter(|path| cx.node.exists(path)) {
        cx.node.remove(path)?;
    }
    Ok(())
}
