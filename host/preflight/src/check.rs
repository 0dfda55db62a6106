//! What a check is and what it says.

use std::fmt;
use std::pin::Pin;

use kubephase_node::Node;
use serde::Serialize;

/// A look at the machine that says whether we may start. One per file in `checks/`, listed in [`crate::lists`].
pub trait Check: Send + Sync {
    /// kubeadm's name of it: what `--ignore-preflight-errors` takes and reports show.
    fn name(&self) -> String;

    /// One line for the documentation.
    fn about(&self) -> &'static str;

    /// Looks. Nothing found is good; what cannot be told is a finding that says so. Checks of a batch run at the same
    /// time.
    fn run<'a>(&'a self, node: &'a Node) -> Findings<'a>;
}

/// What a check found, once it is done.
pub type Findings<'a> = Pin<Box<dyn Future<Output = Vec<Finding>> + Send + 'a>>;

/// How bad a [`Finding`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing; the run goes on.
    Warning,
    /// The run cannot start, unless the check is ignored.
    Error,
}

impl From<kubephase_model::Severity> for Severity {
    fn from(severity: kubephase_model::Severity) -> Self {
        match severity {
            kubephase_model::Severity::Warning => Self::Warning,
            kubephase_model::Severity::Error => Self::Error,
        }
    }
}

/// One thing that a check does not like. Texts are one line each, lower case, without a full stop and without secrets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// [`Check::name`]; of a check that looks at many things, with a slash and the thing's name behind it.
    pub check: String,
    /// How bad it is, after ignoring.
    pub severity: Severity,
    /// True if it was an error and is a warning only because its check is ignored.
    pub ignored: bool,
    /// What was seen.
    pub seen: String,
    /// What should have been.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expected: Option<String>,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
    /// True if it is the check that is broken, not the machine.
    #[serde(skip)]
    pub is_fault: bool,
}

impl Finding {
    /// A finding of the given severity.
    pub fn new(check: impl Into<String>, severity: impl Into<Severity>, seen: impl Into<String>) -> Self {
        Self {
            check: check.into(),
            severity: severity.into(),
            ignored: false,
            seen: seen.into(),
            expected: None,
            remedy: None,
            is_fault: false,
        }
    }

    /// One that stops the run.
    pub fn error(check: impl Into<String>, seen: impl Into<String>) -> Self {
        Self::new(check, Severity::Error, seen)
    }

    /// One that does not.
    pub fn warning(check: impl Into<String>, seen: impl Into<String>) -> Self {
        Self::new(check, Severity::Warning, seen)
    }

    /// Adds what should have been.
    #[must_use]
    pub fn expected(mut self, expected: impl Into<String>) -> Self {
        self.expected = Some(expected.into());
        self
    }

    /// Adds what to do.
    #[must_use]
    pub fn remedy(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = Some(remedy.into());
        self
    }
}

/// What was seen and what should have been; the remedy belongs on a line of its own.
impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.seen)?;
        match &self.expected {
            Some(expected) => write!(f, "; expected: {expected}"),
            None => Ok(()),
        }
    }
}

/// The findings of a check that needs not wait for anything.
pub(crate) fn at_once<'a>(findings: impl IntoIterator<Item = Finding>) -> Findings<'a> {
    let findings: Vec<Finding> = findings.into_iter().collect();
    Box::pin(std::future::ready(findings))
}

/// An error and its causes on one line, outermost first.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let next = error.to_string();
        if !text.ends_with(&next) {
            text.push_str(": ");
            text.push_str(&next);
        }
        cause = error.source();
    }
    text.replace(['\n', '\r'], " ")
}
