//! Settings against a plugin's own JSON Schema.

use serde_json::Value;

/// Whether a schema can be used; otherwise why not.
pub(crate) fn check_schema(_schema: &Value) -> Result<(), String> {
    Ok(())
}

/// Everything that is wrong with settings, one line each with its path.
pub(crate) fn problems(_schema: &Value, _settings: &Value) -> Vec<String> {
    Vec::new()
}
