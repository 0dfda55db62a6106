//! Builders of failures. `?` makes one of a `serde_json::Error`.

use crate::Failure;

impl Failure {
    /// What kind of failure (see `types.wit`), and what went wrong: one line, lower case, no full stop.
    pub fn new(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self { code: code.into(), message: message.into(), remedy: None, attributes: Vec::new() }
    }

    /// The question makes no sense, or settings do not.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new("invalid", message)
    }

    /// Something that is needed is not there.
    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new("not-found", message)
    }

    /// It may work later.
    pub fn unavailable(message: impl Into<String>) -> Self {
        Self::new("unavailable", message)
    }

    /// Anything else.
    pub fn other(message: impl Into<String>) -> Self {
        Self::new("other", message)
    }

    /// What to do about it.
    pub fn remedy(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = Some(remedy.into());
        self
    }

    /// With words before the message, that say what was attempted.
    pub fn context(mut self, attempted: impl AsRef<str>) -> Self {
        self.message = format!("{}: {}", attempted.as_ref(), self.message);
        self
    }
}

impl From<serde_json::Error> for Failure {
    fn from(error: serde_json::Error) -> Self {
        Self::other(error.to_string())
    }
}
