//! Writing down which components are meant: the digests of all plugins into the operator's own file, in which nothing else
//! changes, comments and layout included.

mod edit;

use std::fmt;

use kubephase_model::plugin::PluginConfiguration;
use kubephase_model::report::{Problem, Report};
use kubephase_model::{File, config::load};
use kubephase_node::{FileError, Node};

use crate::digest::Digest;
use crate::error::ArtifactError;
use crate::obtain::{Options, Origin, look};
use crate::signature::Signer;

pub use edit::write_digests;

/// A plugin whose digest is written down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Locked {
    /// Its name.
    pub plugin: String,
    /// Its source.
    pub source: String,
    /// What was there before; empty if nothing was.
    pub before: String,
    /// What is there now.
    pub digest: Digest,
    /// Who has signed it, if the rules ask for that.
    pub signer: Option<Signer>,
    /// Where it was found.
    pub from: Origin,
}

/// The digests are not written down; the file is as it was.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Some plugins cannot be had.
    #[error("{path} was not changed, because {}", plural(errors.len()))]
    Artifacts {
        /// The file.
        path: String,
        /// Each.
        errors: Vec<ArtifactError>,
    },
    /// The file cannot be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// The file is gone, or no configuration any more, or one of other plugins than a moment ago.
    #[error("{path} was not changed: {why}")]
    Changed {
        /// The file.
        path: String,
        /// What is wrong.
        why: String,
    },
    /// The file is written in a way in which lines cannot be put in.
    #[error("{path} was not changed, because it can only be edited by hand")]
    Layout {
        /// The file.
        path: String,
        /// Where and why.
        #[source]
        problems: Problems,
    },
}

impl LockError {
    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Artifacts { errors, .. } => errors.first().and_then(ArtifactError::hint),
            Self::File(error) => error.hint().map(Into::into),
            Self::Changed { .. } => {
                Some("see what is in it with `kubephase config validate`, then run this again".into())
            }
            Self::Layout { .. } => {
                Some("write the digests that are named there, or write each plugin in lines of its own".into())
            }
        }
    }
}

/// Several places, one a line.
#[derive(Debug)]
pub struct Problems(Vec<Problem>);

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines = self.0.iter().map(Problem::to_string).collect::<Vec<_>>();
        f.write_str(&lines.join("\n"))
    }
}

impl std::error::Error for Problems {}

fn plural(count: usize) -> String {
    if count == 1 { "a plugin cannot be had".to_owned() } else { format!("{count} plugins cannot be had") }
}

/// Resolves all plugins of a configuration and writes their digests into the file that it was read from. All that fails is
/// told together, and then nothing is written.
pub async fn lock(
    node: &Node,
    path: &str,
    configuration: &PluginConfiguration,
    options: &Options,
) -> Result<Vec<Locked>, LockError> {
    let (mut locked, mut errors) = (Vec::new(), Vec::new());
    for entry in &configuration.plugins {
        match look(node, entry, configuration, options).await {
            Ok(artifact) => locked.push(Locked {
                plugin: entry.name.clone(),
                source: entry.source.clone(),
                before: entry.digest.clone(),
                digest: artifact.digest,
                signer: artifact.signer,
                from: artifact.from,
            }),
            Err(error) => errors.push(error),
        }
    }
    if !errors.is_empty() {
        return Err(LockError::Artifacts { path: path.to_owned(), errors });
    }
    let changed = |why: &str| LockError::Changed { path: path.to_owned(), why: why.to_owned() };
    let bytes = node.read(path)?.ok_or_else(|| changed("it does not exist any more"))?;
    let mut report = Report::default();
    let source = load::source(path, bytes, &mut report).ok_or_else(|| changed("it is not UTF-8 text"))?;
    let digests: Vec<(&str, &str, Digest)> =
        locked.iter().map(|locked| (&*locked.plugin, &*locked.source, locked.digest)).collect();
    let text = write_digests(&source, &digests).map_err(|refusal| match refusal {
        edit::Refusal::Other(why) => LockError::Changed { path: path.to_owned(), why },
        edit::Refusal::Layout(problems) => LockError::Layout { path: path.to_owned(), problems: Problems(problems) },
    })?;
    if text != source.text {
        let file = File { mode: node.mode(path).unwrap_or(0o644), ..File::public(path, text) };
        node.replace_all(&[file])?;
    }
    Ok(locked)
}
