//! What objects of each kind look like: their fields and types, what the server fills in, and the rules that it holds
//! them to. The judge of everything here is kube-apiserver 1.36. Knows nothing of storage, HTTP or users.

use serde_json::Value;

use crate::kinds::Kind;

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

/// Decodes an object, or says in the words of Go's decoder why it cannot be decoded (which is a bad request).
pub fn decode(kind: &Kind, object: Value) -> Result<Decoded, String> {
    let _ = kind;
    Ok(Decoded { object, unknown: Vec::new() })
}

/// Paths of fields that `kind` does not have.
pub fn unknown_fields(kind: &Kind, object: &Value) -> Vec<String> {
    decode(kind, object.clone()).map(|decoded| decoded.unknown).unwrap_or_default()
}

/// Everything that is wrong with an object that is about to be created. Defaults are filled in already.
pub fn check(kind: &Kind, object: &Value) -> Vec<FieldProblem> {
    let _ = (kind, object);
    Vec::new()
}

/// Everything that is wrong with a change of `old` into `new`: what [`check`] finds in `new`, and fields that cannot
/// change. Defaults are filled in already.
pub fn check_update(kind: &Kind, old: &Value, new: &Value) -> Vec<FieldProblem> {
    let _ = old;
    check(kind, new)
}

/// Fills in what the server fills in, apart from what takes a decision of the cluster (addresses, ports of nodes).
pub fn fill_defaults(kind: &Kind, object: &mut Value) {
    let _ = (kind, object);
}
