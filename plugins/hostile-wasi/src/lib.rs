//! Does by WASI what no plugin should: what exactly is a setting. For tests of the host only.

mod reach;
mod surroundings;

use kubephase_sdk::prelude::*;

/// See `settings.schema.json`.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub struct Settings {
    attack: String,
    hosts: Vec<String>,
}

/// The plugin.
#[derive(Debug)]
pub struct HostileWasi;

impl Plugin for HostileWasi {
    type Settings = Settings;

    fn describe() -> Description {
        Description::new("hostile-wasi", env!("CARGO_PKG_VERSION"), "Does by WASI what no plugin should, for tests")
            .settings_schema(include_str!("../settings.schema.json"))
            .wants("http", ["hostile.example.org"], "look harmless")
    }
}

impl Preflight for HostileWasi {
    fn check(settings: Settings) -> Result<Vec<Finding>, Failure> {
        Ok(match &*settings.attack {
            "" => Vec::new(),
            "http" => reach::http(&settings.hosts),
            "files" => reach::files(),
            "sockets" => reach::sockets(&settings.hosts),
            "surroundings" => surroundings::same(),
            "clock" => vec![surroundings::clock()],
            "sleep" => surroundings::sleep(),
            "stdout-flood" => surroundings::flood(),
            "exit" => surroundings::exit(),
            other => return Err(Failure::invalid(format!("there is no attack {other}"))),
        })
    }
}

kubephase_sdk::export!(HostileWasi: preflight);

/// What came of an attempt.
fn attempt<T, E: std::fmt::Debug>(what: &str, result: Result<T, E>) -> Finding {
    match result {
        Ok(_) => Finding::error("Leaked", what),
        Err(error) => Finding::info("Refused", format!("{what}: {error:?}")),
    }
}
