//! Which attack, and on what.

use kubephase_sdk::prelude::*;

/// See `settings.schema.json`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub struct Settings {
    /// Name of the attack; nothing is done if it is empty.
    pub attack: String,
    /// Paths to use instead of the attack's own: where a test has made links, for example.
    pub paths: Vec<String>,
    /// Likewise URLs.
    pub urls: Vec<String>,
}
