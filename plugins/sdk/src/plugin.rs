//! What a plugin implements.

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::{Description, Failure, Finding, Proposal, images};

/// What every plugin has.
pub trait Plugin {
    /// Its settings: what the JSON Schema of [`Description::settings_schema`] allows, read by serde. `()` if it has none.
    type Settings: DeserializeOwned;

    /// What the plugin is and wants. Called often, and before anything is granted: it must not do any work.
    fn describe() -> Description;
}

/// A check of the node.
pub trait Preflight: Plugin {
    /// Looks at the node, before anything is changed, and says what it finds; nothing if all is well.
    ///
    /// # Errors
    /// If it could not look. That counts as an error, or as a warning if the operator has set `onFailure: warn`.
    fn check(settings: Self::Settings) -> Result<Vec<Finding>, Failure>;
}

/// An addon installer.
pub trait Addon: Plugin {
    /// What should be in the cluster and on this node. Objects are owned as a set: one that was proposed by an earlier run
    /// and is not any more is deleted.
    ///
    /// # Errors
    /// If it cannot say.
    fn render(settings: Self::Settings) -> Result<Proposal, Failure>;

    /// References of the images that the objects use, so that they can be pulled or bundled before. Called without a
    /// cluster. By default what [`Addon::render`] proposes, and what the pods of its objects use.
    ///
    /// # Errors
    /// If it cannot say.
    fn images(settings: Self::Settings) -> Result<Vec<String>, Failure> {
        images::of(&Self::render(settings)?)
    }

    /// What is to be removed with the addon beside the objects and files that it proposed: files and objects in the
    /// proposal are deleted, waits are done last. By default nothing.
    ///
    /// # Errors
    /// If it cannot say.
    fn uninstall(settings: Self::Settings) -> Result<Proposal, Failure> {
        let _ = settings;
        Ok(Proposal::new())
    }
}

/// A mutator of documents that kubephase is about to write.
pub trait Mutator: Plugin {
    /// Looks at one document and proposes patches for it, with files that they need. What `target` may be is said in
    /// `mutator.wit`: `kube-apiserver`, `etcd`, `kubeletconfiguration`, … A target that is of no interest is answered with
    /// an empty proposal.
    ///
    /// # Errors
    /// If it cannot say.
    fn mutate(settings: Self::Settings, target: &str, document: Value) -> Result<Proposal, Failure>;
}

/// A phase of its own.
pub trait Phase: Plugin {
    /// Runs before or after the phase that the operator names, or by default the one that the description names. Findings
    /// of severity `error` stop the workflow there.
    ///
    /// # Errors
    /// If it cannot do its work.
    fn run(settings: Self::Settings) -> Result<Proposal, Failure>;
}
