//! Where a plugin's proposals are made so: the machine, the cluster, and who hears of it.

use std::time::Duration;

use kubephase_engine::{Event, Level, Sink};
use kubephase_node::kube::Api;
use kubephase_node::{Change, Node};
use kubephase_preflight::Ignore;

use super::error::PluginError;

/// What a workflow lends to plugins for the time of one phase.
#[derive(Clone)]
pub struct Site {
    /// The machine.
    pub node: Node,
    /// The cluster, where there is one already.
    pub api: Option<Api>,
    /// Where events go.
    pub sink: Sink<Change>,
    /// The phase.
    pub path: String,
    /// Findings whose errors are only warnings.
    pub ignore: Ignore,
    /// Nothing is waited for longer than this, whatever a plugin says.
    pub patience: Option<Duration>,
    /// How images are pulled.
    pub pulls: Pulls,
}

/// How images are pulled here: `nodeRegistration`'s.
#[derive(Clone, Debug, Default)]
pub struct Pulls {
    /// The CRI socket.
    pub socket: String,
    /// `imagePullPolicy`, as written.
    pub policy: String,
    /// `imagePullSerial`.
    pub serial: bool,
}

impl Site {
    /// Tells something.
    pub fn notice(&self, level: Level, message: impl Into<String>) {
        (self.sink)(Event::Notice { path: self.path.clone(), level, message: message.into() });
    }

    /// Tells that something moved on.
    pub fn progress(&self, item: &str, message: impl Into<String>) {
        (self.sink)(Event::Progress { path: self.path.clone(), item: item.to_owned(), message: message.into() });
    }

    /// The cluster.
    pub fn api(&self, plugin: &str) -> Result<&Api, PluginError> {
        let none = || PluginError::senseless(plugin, "objects, or waits for objects, where there is no cluster yet");
        self.api.as_ref().ok_or_else(none)
    }
}
