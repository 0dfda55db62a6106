//! Builders of findings.

use crate::{Failure, Finding, Severity};

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

    /// A check that could not look at what it needs: `what` is what it cannot tell, such as `which GPUs there are`. What was
    /// not granted is an error, as the operator should either grant it or leave the check out; anything else is a warning.
    pub fn cannot_tell(id: impl Into<String>, what: &str, failure: &Failure) -> Self {
        let severity = if failure.code == "denied" { Severity::Error } else { Severity::Warning };
        let finding = Self::new(severity, id, format!("cannot tell {what}: {}", failure.message));
        Self { remedy: failure.remedy.clone(), ..finding }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_told_says_how_to_make_it_so() {
        let denied = Failure::new("denied", "`pci` is not granted").remedy("add `facts: [pci]`");
        let finding = Finding::cannot_tell("Devices", "which GPUs there are", &denied);
        assert_eq!(finding.severity, Severity::Error);
        assert_eq!(finding.message, "cannot tell which GPUs there are: `pci` is not granted");
        assert_eq!(finding.remedy, denied.remedy);
        let unavailable = Finding::cannot_tell("Devices", "which GPUs there are", &Failure::unavailable("not yet"));
        assert_eq!(unavailable.severity, Severity::Warning, "nobody can help that");
    }
}
