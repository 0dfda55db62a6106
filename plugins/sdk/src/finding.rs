//! Builders of findings.

use crate::{Finding, Severity};

impl Finding {
    /// The run stops before anything has changed, unless the operator ignores this finding. `id` is the check's name,
    /// unique within the plugin (letters, digits and `-`); `message` is what was seen: one line, lower case, no full stop.
    pub fn error(id: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(Severity::Error, id, message)
    }

    /// The run goes on, and the operator is told.
    pub fn warning(id: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(Severity::Warning, id, message)
    }

    /// Good to know.
    pub fn info(id: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(Severity::Info, id, message)
    }

    /// With a severity that is not known before.
    pub fn new(severity: Severity, id: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            id: id.into(),
            severity,
            message: message.into(),
            expected: None,
            remedy: None,
            link: None,
            attributes: Vec::new(),
        }
    }

    /// What should have been.
    pub fn expected(mut self, expected: impl Into<String>) -> Self {
        self.expected = Some(expected.into());
        self
    }

    /// What to do about it.
    pub fn remedy(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = Some(remedy.into());
        self
    }

    /// URL of a page that says more.
    pub fn link(mut self, url: impl Into<String>) -> Self {
        self.link = Some(url.into());
        self
    }
}
