//! Why what a plugin proposes cannot be made so.

use std::fmt;

use kubephase_model::plugin::grants::line_for;
use kubephase_node::FileError;
use kubephase_node::kube::ApiError;

use crate::extension::ExtensionError;

/// What a plugin proposes cannot be made so. Every text names the plugin.
#[derive(Debug, thiserror::Error)]
pub enum PluginError {
    /// It could not be asked, or answered what must not be.
    #[error("{error}")]
    Call {
        /// What went wrong.
        error: Box<ExtensionError>,
        /// Where it was, and what it logged.
        #[source]
        trace: Option<Trace>,
    },
    /// It found something that must not be.
    #[error("plugin `{plugin}` does not go on: {}", .findings.join(", "))]
    Stopped {
        /// Its name.
        plugin: String,
        /// What can be told to be ignored. The findings have been told.
        findings: Vec<String>,
    },
    /// Something belongs to another plugin, or to nobody but us.
    #[error("plugin `{plugin}` wants {what}, which belongs to {owner}")]
    Taken {
        /// Its name.
        plugin: String,
        /// `the file /etc/x`, `the object ConfigMap kube-system/a`.
        what: String,
        /// ``plugin `b` ``, `kubephase itself`.
        owner: String,
    },
    /// By links, a path that it may write is one that it may not.
    #[error("plugin `{plugin}` wants the file {path}, which links lead to {real}: that may not be written")]
    Linked {
        /// Its name.
        plugin: String,
        /// The path that was granted.
        path: String,
        /// Where the file would be.
        real: String,
    },
    /// Others could put a link into its way.
    #[error("plugin `{plugin}` wants the file {path} in {directory}, where others than root can change what is there")]
    Open {
        /// Its name.
        plugin: String,
        /// The file.
        path: String,
        /// A directory above it.
        directory: String,
    },
    /// Two plugins want a document to be otherwise.
    #[error("{0}")]
    Disagreement(Box<Disagreement>),
    /// A file could not be written or read.
    #[error("plugin `{plugin}`: {source}")]
    File {
        /// Its name.
        plugin: String,
        /// Why.
        source: FileError,
    },
    /// An object could not be written or read.
    #[error("plugin `{plugin}`: {source}")]
    Api {
        /// Its name.
        plugin: String,
        /// Why.
        source: ApiError,
    },
    /// What it proposes makes no sense.
    #[error("plugin `{plugin}` proposes what makes no sense: {why}")]
    Senseless {
        /// Its name.
        plugin: String,
        /// What is wrong.
        why: String,
    },
    /// An image could not be had.
    #[error("plugin `{plugin}`: cannot pull {}", .images.join(", "))]
    Images {
        /// Its name.
        plugin: String,
        /// Which, each with the reason.
        images: Vec<String>,
        /// What to do about it.
        remedy: String,
    },
    /// What it waits for has not come about.
    #[error("plugin `{plugin}`: {what} within {seconds} s: {last}")]
    Waited {
        /// Its name.
        plugin: String,
        /// Such as `Deployment kube-system/a has not become Available`.
        what: String,
        /// For how long it was waited.
        seconds: u64,
        /// What was seen last.
        last: String,
    },
    /// An addon that comes before any pod network must not wait for pods.
    #[error("plugin `{plugin}` is applied before any pod network exists, and wants to wait for pods: {target}")]
    BeforeCni {
        /// Its name.
        plugin: String,
        /// What it wants to wait for.
        target: String,
    },
    /// There is no such plugin on this node or in this cluster.
    #[error("plugin `{plugin}` is not installed: neither this node's journal nor the cluster knows of it")]
    NotInstalled {
        /// Its name.
        plugin: String,
    },
}

/// Two plugins that want a field of a document to be otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Disagreement {
    /// The document.
    pub target: String,
    /// Where in it.
    pub pointer: String,
    /// Who was first.
    pub first: String,
    /// To what.
    pub set: String,
    /// Who came after.
    pub second: String,
    /// And wants what.
    pub wanted: String,
}

impl fmt::Display for Disagreement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { target, pointer, first, set, second, wanted } = self;
        write!(
            f,
            "plugin `{second}` changes {pointer} of {target} to {wanted}, which plugin `{first}` has set to {set}"
        )
    }
}

/// Where a plugin was when it failed, and what it said last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trace {
    backtrace: Vec<String>,
    log: Vec<String>,
}

impl fmt::Display for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.backtrace.is_empty() {
            write!(f, "in {}", self.backtrace.join(", called by "))?;
        }
        if !self.log.is_empty() {
            let gap = if self.backtrace.is_empty() { "" } else { "; " };
            write!(f, "{gap}it logged: {}", self.log.join(" | "))?;
        }
        Ok(())
    }
}

impl std::error::Error for Trace {}

impl From<ExtensionError> for PluginError {
    fn from(error: ExtensionError) -> Self {
        let trace = Trace { backtrace: error.backtrace.clone(), log: error.log.clone() };
        let is_known = !trace.backtrace.is_empty() || !trace.log.is_empty();
        Self::Call { error: Box::new(error), trace: is_known.then_some(trace) }
    }
}

impl PluginError {
    /// A file's trouble.
    pub(super) fn file(plugin: &str) -> impl Fn(FileError) -> Self {
        move |source| Self::File { plugin: plugin.to_owned(), source }
    }

    /// An object's trouble.
    pub(super) fn api(plugin: &str) -> impl Fn(ApiError) -> Self {
        move |source| Self::Api { plugin: plugin.to_owned(), source }
    }

    /// Something that makes no sense.
    pub(super) fn senseless(plugin: &str, why: impl Into<String>) -> Self {
        Self::Senseless { plugin: plugin.to_owned(), why: why.into() }
    }

    /// Whether it is the plugin that is broken, and neither the machine nor the input.
    pub fn is_fault(&self) -> bool {
        match self {
            Self::Call { error, .. } => error.kind.is_fault(),
            Self::Senseless { .. } => true,
            _ => false,
        }
    }

    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Call { error, .. } => error.hint.clone(),
            Self::Stopped { findings, .. } => Some(format!(
                "do what the findings ask for, or ignore them: --ignore-preflight-errors={}",
                findings.join(",")
            )),
            Self::Taken { .. } => Some("let only one of them have it: by settings, or by leaving one out".into()),
            Self::Linked { real, .. } => {
                let line = line_for("writes", real);
                Some(format!("if that is what you want, add to `grants` of its entry: {line}"))
            }
            Self::Open { directory, .. } => Some(format!(
                "have {directory} belong to root and be writable by nobody else, or choose another directory"
            )),
            Self::Disagreement(between) => {
                let Disagreement { first, second, .. } = &**between;
                Some(format!(
                    "let only one of them decide it: by the settings of `{first}` or `{second}`, or by a patch instead of both"
                ))
            }
            Self::File { source, .. } => source.hint().map(str::to_owned),
            Self::Api { source, .. } => source.hint().map(str::to_owned),
            Self::Senseless { plugin, .. } => {
                Some(format!("tell the makers of `{plugin}`, and leave it out until then"))
            }
            Self::Images { remedy, .. } => Some(remedy.clone()),
            Self::Waited { .. } => Some(
                "see `kubectl -n NAMESPACE describe` of it, then run the same command again: it goes on there".into(),
            ),
            Self::BeforeCni { .. } => Some("set its `stage` to `normal`, or leave the wait out".into()),
            Self::NotInstalled { .. } => Some("`kubephase plugin list` names those that are".into()),
        }
    }
}
