//! What the API server says when it does not do what it is asked: `metav1.Status`, with the words of the real server,
//! since people and programs read them. Nothing is decided here.

use std::fmt;

use serde_json::{Map, Value, json};

use crate::kinds::Kind;
use crate::schema::FieldProblem;

/// A refusal: a `Status` as it goes over the wire. Made by the functions below, one for each reason.
#[derive(Clone, PartialEq)]
pub struct Failure {
    code: u16,
    reason: &'static str,
    message: String,
    details: Map<String, Value>,
    retry_after: Option<u32>,
}

/// One entry of `details.causes`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cause {
    /// For programs, such as `FieldValueInvalid`.
    pub reason: String,
    /// For people.
    pub message: String,
    /// Such as `spec.selector`; may be empty.
    pub field: String,
}

impl Failure {
    fn new(code: u16, reason: &'static str, message: impl Into<String>) -> Self {
        Self { code, reason, message: message.into(), details: Map::new(), retry_after: None }
    }

    /// `details` as real errors about one object have them. Most name the resource, [`Self::invalid`] the kind.
    fn about(mut self, group: &str, kind: &str, name: &str) -> Self {
        let named = [("name", name), ("group", group), ("kind", kind)];
        self.details.extend(named.iter().filter(|(_, v)| !v.is_empty()).map(|(k, v)| ((*k).to_owned(), json!(v))));
        self
    }

    fn object(code: u16, reason: &'static str, kind: &Kind, name: &str, rest: &str) -> Self {
        let message = format!("{} \"{name}\" {rest}", kind.qualified());
        Self::new(code, reason, message).about(kind.group, kind.plural, name)
    }

    /// Adds causes.
    #[must_use]
    pub fn because(mut self, causes: impl IntoIterator<Item = Cause>) -> Self {
        let causes = causes.into_iter().map(|cause| {
            let parts = [("reason", cause.reason), ("message", cause.message), ("field", cause.field)];
            parts.into_iter().filter(|(_, v)| !v.is_empty()).map(|(k, v)| (k.to_owned(), json!(v))).collect::<Value>()
        });
        let list = self.details.entry("causes").or_insert_with(|| json!([]));
        list.as_array_mut().expect("a list from the line above").extend(causes);
        self
    }

    /// 404: there is no such object.
    pub fn not_found(kind: &Kind, name: &str) -> Self {
        Self::object(404, "NotFound", kind, name, "not found")
    }

    /// 404: there is no such resource.
    pub fn no_resource() -> Self {
        Self::new(404, "NotFound", "the server could not find the requested resource")
    }

    /// 409: there is one of that name.
    pub fn already_exists(kind: &Kind, name: &str) -> Self {
        Self::object(409, "AlreadyExists", kind, name, "already exists")
    }

    /// 409: somebody else was faster, or a precondition is not met; `why` follows the object's name.
    pub fn conflict(kind: &Kind, name: &str, why: &str) -> Self {
        let message = format!("Operation cannot be fulfilled on {} \"{name}\": {why}", kind.qualified());
        Self::new(409, "Conflict", message).about(kind.group, kind.plural, name)
    }

    /// 409: the resourceVersion of an update is not the stored one.
    pub fn modified(kind: &Kind, name: &str) -> Self {
        let why = "the object has been modified; please apply your changes to the latest version and try again";
        Self::conflict(kind, name, why)
    }

    /// 409: field managers disagree, with one cause for each field.
    pub fn apply_conflict(message: impl Into<String>, causes: impl IntoIterator<Item = Cause>) -> Self {
        Self::new(409, "Conflict", message).because(causes)
    }

    /// 422: the object breaks rules.
    pub fn invalid(kind: &Kind, name: &str, problems: &[FieldProblem]) -> Self {
        let texts: Vec<String> =
            problems.iter().map(|problem| format!("{}: {}", problem.path, problem.message)).collect();
        let told = if let [one] = &texts[..] { one.clone() } else { format!("[{}]", texts.join(", ")) };
        let qualified =
            if kind.group.is_empty() { kind.kind.to_owned() } else { format!("{}.{}", kind.kind, kind.group) };
        Self::new(422, "Invalid", format!("{qualified} \"{name}\" is invalid: {told}"))
            .about(kind.group, kind.kind, name)
            .because(problems.iter().map(|problem| Cause {
                reason: problem.reason.as_str().to_owned(),
                message: problem.message.clone(),
                field: problem.path.clone(),
            }))
    }

    /// 422: an update of a kind whose updates must name the revision that they change. The real server puts the resource
    /// where the kind should be.
    pub fn unconditional(kind: &Kind, name: &str) -> Self {
        let (field, told) = ("metadata.resourceVersion", "Invalid value: 0: must be specified for an update");
        let cause = Cause { reason: "FieldValueInvalid".to_owned(), message: told.to_owned(), field: field.to_owned() };
        Self::object(422, "Invalid", kind, name, &format!("is invalid: {field}: {told}")).because([cause])
    }

    /// 422: the body is well-formed and still cannot be worked with, such as a JSON patch that does not fit.
    pub fn unprocessable(message: impl Into<String>) -> Self {
        Self::new(422, "Invalid", message)
    }

    /// 403: the user may not, or admission does not want it. `name` may be empty.
    pub fn forbidden(group: &str, resource: &str, name: &str, why: &str) -> Self {
        let qualified = if group.is_empty() { resource.to_owned() } else { format!("{resource}.{group}") };
        let subject = match (qualified.is_empty(), name.is_empty()) {
            (true, _) => String::new(),
            (false, true) => format!("{qualified} is "),
            (false, false) => format!("{qualified} \"{name}\" is "),
        };
        Self::new(403, "Forbidden", format!("{subject}forbidden: {why}")).about(group, resource, name)
    }

    /// 401: the credentials are no good.
    pub fn unauthorized() -> Self {
        Self::new(401, "Unauthorized", "Unauthorized")
    }

    /// 400: the request makes no sense.
    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::new(400, "BadRequest", message)
    }

    /// 501: the rehearsal does not do this.
    pub fn not_implemented(message: impl Into<String>) -> Self {
        Self::new(501, "NotImplemented", message)
    }

    /// 410: what is asked for lies too far back.
    pub fn expired(message: impl Into<String>) -> Self {
        Self::new(410, "Expired", message)
    }

    /// 504: what is asked for has not happened yet.
    pub fn too_large_resource_version(wanted: u64, current: u64) -> Self {
        let mut failure =
            Self::new(504, "Timeout", format!("Timeout: Too large resource version: {wanted}, current: {current}"))
                .because([Cause {
                    reason: "ResourceVersionTooLarge".to_owned(),
                    message: "Too large resource version".to_owned(),
                    field: String::new(),
                }]);
        failure.details.insert("retryAfterSeconds".to_owned(), json!(1));
        failure.retry_after = Some(1);
        failure
    }

    /// 405: the resource does not have this verb.
    pub fn method_not_allowed() -> Self {
        Self::new(405, "MethodNotAllowed", "the server does not allow this method on the requested resource")
    }

    /// 406: the caller takes no form that we have.
    pub fn not_acceptable(forms: &str) -> Self {
        Self::new(406, "NotAcceptable", format!("only the following media types are accepted: {forms}"))
    }

    /// 413: the body is too long.
    pub fn too_large(limit: usize) -> Self {
        let message = format!("Request entity too large: limit is {limit}");
        Self::new(413, "RequestEntityTooLarge", message)
    }

    /// 415: the body is in no form that we read.
    pub fn unsupported_media_type(accepted: &str) -> Self {
        let message =
            format!("the body of the request was in an unknown format - accepted media types include: {accepted}");
        Self::new(415, "UnsupportedMediaType", message)
    }

    /// 415: the body is in protobuf and of a kind, or with fields, that are read in other forms only.
    pub fn unreadable_protobuf() -> Self {
        let message = "the rehearsal reads only simple objects of a few kinds in protobuf, the form in which this one \
                       was sent: write it as YAML (`--dry-run=client -o yaml`) and use `kubectl apply -f`";
        Self::new(415, "UnsupportedMediaType", message)
    }

    /// 500 without a reason, as the real server answers where it did not think of one.
    pub fn uncalled(message: impl Into<String>) -> Self {
        Self::new(500, "", message)
    }

    /// 500: our own fault.
    pub fn internal(message: impl fmt::Display) -> Self {
        Self::new(500, "InternalError", format!("Internal error occurred: {message}"))
    }

    /// 500 without a reason: what the real server says of errors that it does not classify.
    pub fn unclassified(message: impl Into<String>) -> Self {
        Self::new(500, "", message)
    }

    /// The HTTP status.
    pub fn code(&self) -> u16 {
        self.code
    }

    /// Such as `NotFound`; may be empty.
    pub fn reason(&self) -> &str {
        self.reason
    }

    /// For people.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Seconds after which it is worth to try again: the header `Retry-After`.
    pub fn retry_after(&self) -> Option<u32> {
        self.retry_after
    }

    /// The `Status` object.
    pub fn status(&self) -> Value {
        let mut status = json!({
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
            "message": self.message,
        });
        if !self.reason.is_empty() {
            status["reason"] = json!(self.reason);
        }
        if !self.details.is_empty() || self.code == 404 {
            status["details"] = Value::Object(self.details.clone());
        }
        status["code"] = json!(self.code);
        status
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {} {:?}", self.code, self.reason, self.message, self.details)
    }
}

impl std::error::Error for Failure {}
