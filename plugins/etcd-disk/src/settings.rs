//! What the operator sets. `settings.schema.json` says the same for people and for kubephase, defaults included.

use kubephase_sdk::prelude::*;

use crate::amount::Amount;

/// The settings.
#[derive(Debug, Deserialize)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub struct Settings {
    /// What 99 of 100 writes may take, in milliseconds.
    pub max_latency_milliseconds: u32,
    /// What the slowest write may take, in milliseconds.
    pub max_stall_milliseconds: u32,
    /// How many writes are measured.
    pub writes: u32,
    /// Where etcd writes its log, if not below its data; empty if it does.
    pub wal_directory: String,
    /// What must be free.
    pub min_free: Amount,
    /// Whether etcd must have a file system of its own.
    pub own_disk: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            max_latency_milliseconds: 10,
            max_stall_milliseconds: 500,
            writes: 500,
            wal_directory: String::new(),
            min_free: Amount(8 << 30),
            own_disk: false,
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
        let fields = ["maxLatencyMilliseconds", "maxStallMilliseconds", "minFree", "ownDisk", "walDirectory", "writes"];
        assert_eq!(known, fields);
        assert!(known.iter().all(|name| include_str!("../README.md").contains(&format!("| `{name}` |"))));
        let defaults = properties.iter().map(|(name, one)| (name.clone(), one["default"].clone()));
        let defaults: Settings = serde_json::from_value(defaults.collect()).expect("defaults");
        assert_eq!(format!("{defaults:?}"), format!("{:?}", Settings::default()));
    }

    #[test]
    fn misspelt_names_and_values_are_refused() {
        for text in [r#"{"maxLatency": 10}"#, r#"{"minFree": "8 GB"}"#, r#"{"writes": "many"}"#] {
            assert!(serde_json::from_str::<Settings>(text).is_err(), "{text}");
        }
    }
}
