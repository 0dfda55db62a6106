//! What has happened, so that it can be told to those who ask later.

use std::sync::Arc;

use serde_json::Value;

use super::Key;
use crate::kinds::Kind;

/// What became of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// It is new.
    Added,
    /// It changed.
    Modified,
    /// It is gone.
    Deleted,
}

impl Change {
    /// As a watch tells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Added => "ADDED",
            Self::Modified => "MODIFIED",
            Self::Deleted => "DELETED",
        }
    }
}

/// One change of one object.
#[derive(Clone)]
pub struct Event {
    /// The revision that it made.
    pub revision: u64,
    /// What happened.
    pub change: Change,
    /// The object's kind.
    pub kind: &'static Kind,
    pub(super) key: Key,
    /// The object afterwards; if it was deleted, its last state.
    pub object: Arc<Value>,
    /// The object before.
    pub previous: Option<Arc<Value>>,
}
