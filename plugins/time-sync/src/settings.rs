//! What the operator sets. `settings.schema.json` says the same for people and for kubephase, defaults included.

use kubephase_sdk::prelude::*;

/// The settings.
#[derive(Debug, Deserialize)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub struct Settings {
    /// Whether a daemon must run.
    pub require_daemon: bool,
    /// Daemons that will do, as kubephase names them; empty if any will.
    pub daemons: Vec<String>,
    /// Whether the kernel must believe its clock.
    pub require_synchronised: bool,
    /// By how much the clock may be off, in milliseconds.
    pub max_offset_milliseconds: u32,
    /// By how much the kernel may believe that it could be off, in milliseconds.
    pub max_error_milliseconds: u32,
    /// NTP servers to compare with.
    pub servers: Vec<String>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            require_daemon: true,
            daemons: Vec::new(),
            require_synchronised: true,
            max_offset_milliseconds: 500,
            max_error_milliseconds: 5000,
            servers: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use kubephase_sdk::serde_json;

    use super::*;

    #[test]
    fn the_schema_knows_every_setting_and_its_default() {
        let schema: Value = serde_json::from_str(include_str!("../settings.schema.json")).expect("JSON");
        let properties = schema["properties"].as_object().expect("properties");
        let mut known: Vec<&str> = properties.keys().map(String::as_str).collect();
        known.sort_unstable();
        let fields = [
            "daemons",
            "maxErrorMilliseconds",
            "maxOffsetMilliseconds",
            "requireDaemon",
            "requireSynchronised",
            "servers",
        ];
        assert_eq!(known, fields);
        assert!(known.iter().all(|name| include_str!("../README.md").contains(&format!("| `{name}` |"))));
        let defaults = properties.iter().map(|(name, one)| (name.clone(), one["default"].clone()));
        let defaults: Settings = serde_json::from_value(defaults.collect()).expect("defaults");
        assert_eq!(format!("{defaults:?}"), format!("{:?}", Settings::default()));
    }

    #[test]
    fn misspelt_names_are_refused() {
        assert!(serde_json::from_str::<Settings>(r#"{"server": "a"}"#).is_err());
    }
}
