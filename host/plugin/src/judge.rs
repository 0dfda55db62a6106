//! Proposals against what the operator has granted. Pure: it looks at values only.

use kubephase_model::plugin::{Grants, Plugin, Proposal};
use serde_json::Value;

use crate::guest::Export;

/// Something in a proposal that is not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// What, where and why: one line.
    pub what: String,
    /// The line that would allow it; `None` if nothing would.
    pub grant: Option<String>,
}

/// Judges everything in a proposal that can be judged by itself.
pub fn proposal(_proposal: &Proposal, _plugin: &Plugin, _export: Export) -> Vec<Refusal> {
    Vec::new()
}

/// Judges what patches have made of a document.
pub fn document_change(_before: &Value, _after: &Value, _target: &str, _grants: &Grants) -> Vec<Refusal> {
    Vec::new()
}
