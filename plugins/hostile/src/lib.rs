//! Does what no plugin should: what exactly is a setting. Every kind of plugin is exported, and every attack can be made
//! through each of them, as far as it fits. For tests of the host only.
//!
//! Attacks are in one table ([`attacks::ALL`]); what must stop each is said in the README.

mod attacks;
mod settings;

use kubephase_sdk::prelude::*;

use crate::attacks::Call;
use crate::settings::Settings;

/// The plugin.
#[derive(Debug)]
pub struct Hostile;

impl Plugin for Hostile {
    type Settings = Settings;

    fn describe() -> Description {
        // It wants little, and reaches for more.
        Description::new("hostile", env!("CARGO_PKG_VERSION"), "Does what no plugin should, for tests")
            .settings_schema(include_str!("../settings.schema.json"))
            .wants("facts", ["cluster"], "look harmless")
            .wants("files", ["/etc/hostile/**"], "look harmless")
            .wants("kube", ["v1/ConfigMap/hostile"], "look harmless")
            .wants("http", ["hostile.example.org"], "look harmless")
            .wants("probe", ["dns-lookup:hostile.example.org"], "look harmless")
            .wants("objects", ["v1/ConfigMap/hostile", "apps/v1/DaemonSet/hostile"], "look harmless")
            .wants("writes", ["/etc/hostile/**"], "look harmless")
            .wants("patches", ["kube-apiserver"], "look harmless")
    }
}

impl Preflight for Hostile {
    fn check(settings: Settings) -> Result<Vec<Finding>, Failure> {
        Ok(attacks::run(&Call::new(&settings))?.findings)
    }
}

impl Addon for Hostile {
    fn render(settings: Settings) -> Result<Proposal, Failure> {
        attacks::run(&Call::new(&settings))
    }

    fn images(settings: Settings) -> Result<Vec<String>, Failure> {
        Ok(attacks::run(&Call::new(&settings))?.images)
    }

    fn uninstall(settings: Settings) -> Result<Proposal, Failure> {
        attacks::run(&Call::new(&settings))
    }
}

impl Mutator for Hostile {
    fn mutate(settings: Settings, target: &str, document: Value) -> Result<Proposal, Failure> {
        attacks::run(&Call { settings: &settings, target, document: &document })
    }
}

impl Phase for Hostile {
    fn run(settings: Settings) -> Result<Proposal, Failure> {
        attacks::run(&Call::new(&settings))
    }
}

kubephase_sdk::export!(Hostile: preflight, addon, mutator, phase);
