//! What a plugin says of itself, and what is known of it once it is loaded.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::config::PluginEntry;

/// What a plugin can do: the interfaces that it exports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Checks the node.
    Preflight,
    /// Installs something into the cluster.
    Addon,
    /// Changes documents.
    Mutator,
    /// Is a phase of its own.
    Phase,
}

/// Every kind, in the order in which they are told.
pub const KINDS: [Kind; 4] = [Kind::Preflight, Kind::Addon, Kind::Mutator, Kind::Phase];

impl Kind {
    /// Name of the interface.
    pub fn name(self) -> &'static str {
        match self {
            Self::Preflight => "preflight",
            Self::Addon => "addon",
            Self::Mutator => "mutator",
            Self::Phase => "phase",
        }
    }
}

/// A capability that a plugin wants.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Want {
    /// Key of the grant.
    pub capability: String,
    /// Its values.
    pub scopes: Vec<String>,
    /// What for.
    pub reason: String,
}

/// The record `description` of `metadata.wit`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Description {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// What it does.
    pub about: String,
    /// JSON Schema of its settings.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub settings_schema: Option<Value>,
    /// What it wants granted.
    pub wants: Vec<Want>,
    /// What it runs before.
    pub before: Vec<String>,
    /// What it runs after.
    pub after: Vec<String>,
    /// What else it says: `stage`, `documentation`, …
    pub attributes: Vec<(String, String)>,
}

impl Description {
    /// The value of an attribute.
    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// A plugin that is loaded: what the operator says of it, what it says of itself, and what we know.
#[derive(Clone, Debug, PartialEq)]
pub struct Plugin {
    /// What the operator says.
    pub entry: PluginEntry,
    /// What it says of itself. `entry.name` counts, not the name in here.
    pub description: Description,
    /// What it can do.
    pub kinds: Vec<Kind>,
    /// `sha256:` and the digest of the component in hex.
    pub digest: String,
    /// Who signed it, if that was asked for.
    pub signer: Option<String>,
}

impl Plugin {
    /// The operator's name for it.
    pub fn name(&self) -> &str {
        &self.entry.name
    }

    /// Whether it can do that.
    pub fn is(&self, kind: Kind) -> bool {
        self.kinds.contains(&kind)
    }

    /// What it runs before: what the operator says, otherwise what it says.
    pub fn before(&self) -> &[String] {
        if self.entry.places() { &self.entry.before } else { &self.description.before }
    }

    /// What it runs after, likewise.
    pub fn after(&self) -> &[String] {
        if self.entry.places() { &self.entry.after } else { &self.description.after }
    }

    /// Whether it is an addon that is applied before any pod network exists.
    pub fn is_before_cni(&self) -> bool {
        let stage =
            if self.entry.stage.is_empty() { self.description.attribute("stage") } else { Some(&*self.entry.stage) };
        stage == Some("before-cni")
    }
}
