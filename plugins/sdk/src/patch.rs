//! Builders of patches.

use serde_json::Value;

use crate::Patch;

impl Patch {
    /// A strategic merge patch: lists of the Pod are merged by their keys, such as containers by name. `reason` is one
    /// line, for plan and diff.
    pub fn strategic(target: impl Into<String>, body: Value, reason: impl Into<String>) -> Self {
        Self::new("strategic", target, body, reason)
    }

    /// A JSON patch (RFC 6902): a list of operations.
    pub fn json(target: impl Into<String>, operations: Value, reason: impl Into<String>) -> Self {
        Self::new("json", target, operations, reason)
    }

    /// A merge patch (RFC 7396): what is null is removed, lists are replaced.
    pub fn merge(target: impl Into<String>, body: Value, reason: impl Into<String>) -> Self {
        Self::new("merge", target, body, reason)
    }

    fn new(language: &str, target: impl Into<String>, body: Value, reason: impl Into<String>) -> Self {
        Self {
            target: target.into(),
            language: language.into(),
            body: body.to_string(),
            reason: reason.into(),
            attributes: Vec::new(),
        }
    }
}
