//! The documents at `/openapi/v3` and `/openapi/v2`: what kubectl reads to explain kinds, to validate and to know that
//! the server validates. Made of the published API descriptions and the table of kinds; nothing is served here.

use serde_json::{Value, json};

/// What `/openapi/v3` answers: where the document of each group version is.
pub fn v3_index() -> Value {
    json!({ "paths": {} })
}

/// The document of a group version, by its path in the index, such as `apis/apps/v1`.
pub fn v3(group_version_path: &str) -> Option<Value> {
    let _ = group_version_path;
    None
}

/// What `/openapi/v2` answers, as JSON.
pub fn v2() -> Value {
    json!({ "swagger": "2.0" })
}
