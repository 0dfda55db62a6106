//! Failures as plugins get them. A denial says the line that would allow it.

use kubephase_model::plugin::grants::line_for;
use kubephase_model::plugin::proposal;

use crate::bindings::kubephase::plugin::types::Failure;

/// With one of the codes of `types.wit`.
pub(crate) fn failure(code: &str, message: impl Into<String>) -> Failure {
    Failure { code: code.to_owned(), message: message.into(), remedy: None, attributes: Vec::new() }
}

/// The question makes no sense.
pub(crate) fn invalid(message: impl Into<String>) -> Failure {
    failure("invalid", message)
}

/// `what` is not granted; `scope` of `capability` would grant it.
pub(crate) fn denied(capability: &str, scope: &str, what: impl Into<String>) -> Failure {
    let remedy = format!("add to this plugin's entry: grants: {{{}}}", line_for(capability, scope));
    Failure { remedy: Some(remedy), ..failure("denied", what) }
}

impl From<proposal::Failure> for Failure {
    fn from(failure: proposal::Failure) -> Self {
        let proposal::Failure { code, message, remedy } = failure;
        Self { code, message, remedy, attributes: Vec::new() }
    }
}

/// What is generated cannot be compared.
#[cfg(test)]
impl PartialEq for Failure {
    fn eq(&self, other: &Self) -> bool {
        (&self.code, &self.message, &self.remedy) == (&other.code, &other.message, &other.remedy)
    }
}
