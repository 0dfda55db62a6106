//! What objects of each kind look like: their fields and types, what the server fills in, and the rules that it holds
//! them to. The judge of everything here is kube-apiserver 1.36. Knows nothing of storage, HTTP or users.

mod decode;
mod defaults;
mod rules;
mod strict;

use kubephase_render::patch::schema::Type;
use serde_json::Value;

use crate::kinds::Kind;

/// The minor of the server that is played here: fields that came later are unknown.
const MINOR: u8 = 36;

/// Why a field is refused: the `reason` of a cause in a Status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// It is not there and must be.
    Required,
    /// Its value breaks a rule.
    Invalid,
    /// Its value is none of those that it can have.
    NotSupported,
    /// Another item of the list has the same value.
    Duplicate,
    /// It cannot be set here, or not any more.
    Forbidden,
    /// It is longer than it may be.
    TooLong,
    /// What it refers to is not there.
    NotFound,
    /// It has the wrong type.
    TypeInvalid,
}

impl Reason {
    /// As in a Status: `FieldValueRequired`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Required => "FieldValueRequired",
            Self::Invalid => "FieldValueInvalid",
            Self::NotSupported => "FieldValueNotSupported",
            Self::Duplicate => "FieldValueDuplicate",
            Self::Forbidden => "FieldValueForbidden",
            Self::TooLong => "FieldValueTooLong",
            Self::NotFound => "FieldValueNotFound",
            Self::TypeInvalid => "FieldValueTypeInvalid",
        }
    }
}

/// One field that is refused. A Status says `path: message`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldProblem {
    /// Where, such as `spec.ports[0].port`.
    pub path: String,
    /// The kind of problem.
    pub reason: Reason,
    /// What is wrong, such as `Required value` or `Invalid value: 0: must be between 1 and 65535, inclusive`.
    pub message: String,
}

/// What the decoder made of an object that somebody sent.
#[derive(Clone, Debug, PartialEq)]
pub struct Decoded {
    /// The object as the server encodes it: unknown fields gone, amounts in their canonical spelling.
    pub object: Value,
    /// Paths of fields that the kind does not have, such as `spec.foo`, in the order in which they are told.
    pub unknown: Vec<String>,
}

/// Decodes an object, or says why it cannot be decoded, in full and in the server's words (which is a bad request).
pub fn decode(kind: &Kind, object: Value) -> Result<Decoded, String> {
    decode::decode(&type_of(kind), object).map_err(|cause| undecodable(kind, &cause))
}

/// Why an object cannot be decoded, in the words of the real server.
fn undecodable(kind: &Kind, cause: &str) -> String {
    format!("{} in version {:?} cannot be handled as a {}: {cause}", kind.kind, kind.version, kind.kind)
}

/// Paths of fields that `kind` does not have, such as `spec.foo`.
pub fn unknown_fields(kind: &Kind, object: &Value) -> Vec<String> {
    decode::decode(&type_of(kind), object.clone()).map(|decoded| decoded.unknown).unwrap_or_default()
}

/// What strict validation finds in the JSON text of an object, in its order: `unknown field "spec.foo"`,
/// `duplicate field "data.a"`. Each is a warning, or all are one refusal, see [`strict_error`].
pub fn strict_problems(kind: &Kind, text: &[u8]) -> Vec<String> {
    strict::problems(&type_of(kind), text)
}

/// The message of the bad request that [`strict_problems`] make of a strict request.
pub fn strict_error(kind: &Kind, problems: &[String]) -> String {
    undecodable(kind, &format!("strict decoding error: {}", problems.join(", ")))
}

/// The type of a kind's objects.
pub(crate) fn type_of(kind: &Kind) -> Type {
    // A custom kind may have the name of one that is known.
    if kind.is_custom() { Type::Any } else { Type::of(kind.group, kind.kind) }
}

/// The type of a field that the server knows.
pub(crate) fn field_type<'a>(ty: &Type, name: &str) -> Option<&'a Type> {
    ty.field(name).filter(|field| field.since.is_none_or(|minor| minor <= MINOR)).map(|field| &field.ty)
}

fn join(path: &str, field: &str) -> String {
    if path.is_empty() { field.to_owned() } else { format!("{path}.{field}") }
}

/// Everything that is wrong with an object that is about to be created. Defaults are filled in already.
pub fn check(kind: &Kind, object: &Value) -> Vec<FieldProblem> {
    rules::check(kind, object)
}

/// Everything that is wrong with a change of `old` into `new`: what [`check`] finds in `new`, and fields that cannot
/// change. Defaults are filled in already.
pub fn check_update(kind: &Kind, old: &Value, new: &Value) -> Vec<FieldProblem> {
    let mut problems = rules::check(kind, new);
    problems.extend(rules::check_update(kind, old, new));
    problems
}

/// Fills in what the server fills in, apart from what takes a decision of the cluster (addresses, ports of nodes, who
/// asked). The object is decoded on the way; one that cannot be is left as it is.
pub fn fill_defaults(kind: &Kind, object: &mut Value) {
    let ty = type_of(kind);
    if let Ok(decoded) = decode::decode(&ty, object.clone()) {
        *object = decoded.object;
        defaults::fill(&ty, object);
    }
}

#[cfg(test)]
mod tests;
