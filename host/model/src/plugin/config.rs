//! The kind `PluginConfiguration` of `kubephase.dev/v1alpha1`: which plugins run, what they may do, whom their makers
//! must be. Values and what is wrong with them; no file is opened.

pub mod amount;
mod check;
mod narrow;
mod places;
mod resolve;
mod secrets;
mod source;

use serde_json::Value;

use super::grants::Grants;
use crate::config::duration::GoDuration;
use crate::config::record::Field;
use crate::record;

pub use check::problems;
pub use narrow::{check_own, narrow};
pub use places::check_places;
pub use resolve::{Digests, resolve};
pub use source::Source;

/// Version of our own kinds.
pub const API_VERSION: &str = "kubephase.dev/v1alpha1";
/// The kind.
pub const KIND: &str = "PluginConfiguration";

record! {
    /// Plugins and whom to trust. Stands in the same file as kubeadm's kinds; stored in the cluster's ConfigMap
    /// `kubephase-config`.
    pub struct PluginConfiguration {
        /// Plugins, in the order in which they run where nothing else orders them.
        pub plugins: Vec<PluginEntry> = "plugins",
        /// Whose signatures are asked for, by source. The longest prefix that fits counts.
        pub trust: Vec<TrustRule> = "trust",
        /// How registries are reached, where that needs to be said.
        pub registries: Vec<Registry> = "registries",
    }
}

record! {
    /// One plugin.
    pub struct PluginEntry {
        /// Its name here: an RFC 1123 label.
        pub name: String = "name",
        /// `oci://host/repository[:tag]`, or the path of a component, relative to the file that says so.
        pub source: String = "source",
        /// `sha256:` and 64 hex digits: of the component itself, wherever it comes from.
        pub digest: String = "digest",
        /// What its schema allows.
        pub settings: Value = "settings",
        /// What it may do.
        pub grants: Grants = "grants",
        /// Phases or plugins that it runs before. With `before` or `after`, what the plugin says itself does not count.
        pub before: Vec<String> = "before",
        /// Phases or plugins that it runs after.
        pub after: Vec<String> = "after",
        /// `before-cni`: an addon that is applied before any pod network exists and waits for nothing. `normal`: the
        /// opposite, whatever the plugin says.
        pub stage: String = "stage",
        /// `fail` (default): a failure stops the run. `warn`: it is told, and the run goes on.
        pub on_failure: String = "onFailure",
        /// How long one call of it may take, time in the host's functions included. Default: by kind.
        pub timeout: Option<GoDuration> = "timeout",
        /// Where it runs: `always` (default), `never`, `control-plane`, `worker`.
        pub enabled: String = "enabled",
        /// What one call of it may use.
        pub limits: Limits = "limits",
    }
}

record! {
    /// What one call of a plugin may use.
    pub struct Limits {
        /// Memory: an amount such as `64Mi`, the default.
        pub memory: String = "memory",
        /// What it may hand over in one call, either way: an amount such as `4Mi`, the default.
        pub output: String = "output",
        /// Units of WebAssembly fuel, about one per instruction; not counted by default.
        pub fuel: Option<i32> = "fuel",
        /// Elements of all tables: 20000 by default.
        pub table_elements: Option<i32> = "tableElements",
        /// Instances of core modules: 64 by default.
        pub instances: Option<i32> = "instances",
    }
}

record! {
    /// Whose signature is asked for.
    pub struct TrustRule {
        /// What sources begin with: `oci://registry.example/team/`, a path, or empty for all.
        pub source: String = "source",
        /// Keys of which one must have signed.
        pub keys: Vec<TrustedKey> = "keys",
        /// `required` (default), or `none`: unsigned ones are taken.
        pub signature: String = "signature",
    }
}

record! {
    /// A public key.
    pub struct TrustedKey {
        /// What it is called in messages.
        pub name: String = "name",
        /// PEM (SubjectPublicKeyInfo): Ed25519, or ECDSA on P-256 as cosign makes it.
        pub public_key: String = "publicKey",
        /// A file with the same, relative to the file that says so.
        pub public_key_file: String = "publicKeyFile",
        /// RFC 3339: signatures are not taken any more after that moment.
        pub not_after: String = "notAfter",
    }
}

record! {
    /// How a registry is reached.
    pub struct Registry {
        /// `host[:port]`.
        pub host: String = "host",
        /// PEM file with the authorities to believe, beside the machine's.
        pub ca_file: String = "caFile",
        /// Speak HTTP without TLS. Digests are still checked.
        pub plain_http: bool = "plainHTTP",
    }
}

impl PluginConfiguration {
    /// Whether it says nothing.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The whole document, with `apiVersion` and `kind`.
    pub fn document(&self) -> Value {
        let mut document = self.write_always();
        document["apiVersion"] = API_VERSION.into();
        document["kind"] = KIND.into();
        document
    }

    /// Plugins that run on a node of that role, in the operator's order.
    pub fn on_node(&self, control_plane: bool) -> impl Iterator<Item = &PluginEntry> {
        self.plugins.iter().filter(move |plugin| plugin.runs_on(control_plane))
    }

    /// The rule for a source: the one with the longest prefix that fits. A prefix ends where a part of the source does:
    /// `oci://host/team` is none of `oci://host/teams/x`.
    pub fn trust_for(&self, source: &str) -> Option<&TrustRule> {
        let fits = |rule: &&TrustRule| {
            let rest = source.strip_prefix(&*rule.source);
            rest.is_some_and(|rest| {
                rule.source.is_empty()
                    || rule.source.ends_with('/')
                    || rest.is_empty()
                    || rest.starts_with(['/', ':', '@'])
            })
        };
        self.trust.iter().filter(fits).max_by_key(|rule| rule.source.len())
    }

    /// How a registry (`host[:port]`) is reached.
    pub fn registry(&self, host: &str) -> Option<&Registry> {
        self.registries.iter().find(|registry| registry.host.eq_ignore_ascii_case(host))
    }
}

impl PluginEntry {
    /// Whether it says itself where it runs.
    pub fn places(&self) -> bool {
        !self.before.is_empty() || !self.after.is_empty()
    }

    /// Whether a failure is only told.
    pub fn only_warns(&self) -> bool {
        self.on_failure == "warn"
    }

    /// Whether it runs on a node of that role.
    pub fn runs_on(&self, control_plane: bool) -> bool {
        match &*self.enabled {
            "never" => false,
            "control-plane" => control_plane,
            "worker" => !control_plane,
            _ => true,
        }
    }
}

#[cfg(test)]
mod tests;
