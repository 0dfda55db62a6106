//! Patches in the three languages that the API takes, applied to stored objects. Nothing is filled in or checked here.
//! What does not fit is refused as the real server does.

use kubephase_render::patch::{MergeError, strategic_merge_as};
use serde_json::{Map, Value};

use crate::kinds::Kind;
use crate::schema::{FieldProblem, Reason, decode, type_of};
use crate::status::Failure;

/// How many operations a JSON patch may have.
const MAX_OPERATIONS: usize = 10_000;

/// The language of a patch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PatchType {
    /// A list of operations (RFC 6902): `application/json-patch+json`.
    Json,
    /// A part of the object (RFC 7396): `application/merge-patch+json`.
    Merge,
    /// A part of the object, with lists merged by the API's keys: `application/strategic-merge-patch+json`.
    Strategic,
}

impl PatchType {
    /// The language that a `Content-Type` names.
    pub fn of_content_type(mime: &str) -> Option<Self> {
        match mime.split(';').next().unwrap_or_default().trim() {
            "application/json-patch+json" => Some(Self::Json),
            "application/merge-patch+json" => Some(Self::Merge),
            "application/strategic-merge-patch+json" => Some(Self::Strategic),
            _ => None,
        }
    }
}

/// What the real server says of every JSON patch that does not fit.
const REJECTED: &str = "the server rejected our request due to an error in our request";

/// Stands for no kind: what is wrong with the result of a patch is told without one.
static NO_KIND: Kind = Kind {
    group: "",
    version: "",
    kind: "",
    plural: "",
    singular: "",
    short_names: &[],
    categories: &[],
    namespaced: false,
    status: false,
    subresources: &[],
    printed: &[],
};

/// `current` with the patch `body`, decoded; defaults are not filled in.
///
/// Fails with 400 for what is no patch, with 422 for a JSON patch that does not fit the object, such as a failed `test`,
/// and for a result that is no object of the kind.
pub fn patch(kind: &Kind, current: &Value, language: PatchType, body: &Value) -> Result<Value, Failure> {
    let patched = patch_raw(kind, current, language, body)?;
    match decode(kind, patched.clone()) {
        Ok(decoded) => Ok(decoded.object),
        Err(why) => {
            let cause = why.split_once(": ").map_or(why.as_str(), |(_, cause)| cause);
            Err(refused(language, body, &patched, cause))
        }
    }
}

/// `current` with the patch `body`, before anything is decoded: where strict validation looks for unknown fields.
pub fn patch_raw(kind: &Kind, current: &Value, language: PatchType, body: &Value) -> Result<Value, Failure> {
    let told = |prefix: &str| {
        let found = match body {
            Value::Array(_) => "array",
            Value::String(_) => "string",
            Value::Number(_) => "number",
            _ => "bool",
        };
        let ty = "map[string]interface {}";
        Failure::bad_request(format!("{prefix}json: cannot unmarshal {found} into Go value of type {ty}"))
    };
    match (language, current, body) {
        (PatchType::Json, ..) => operations(current, body),
        (PatchType::Merge, _, Value::Object(_)) => {
            let mut patched = current.clone();
            json_patch::merge(&mut patched, body);
            Ok(patched)
        }
        (PatchType::Merge, _, Value::Null) => Err(Failure::bad_request("Invalid JSON Patch")),
        (PatchType::Merge, ..) => Err(told("error decoding patch: ")),
        (PatchType::Strategic, Value::Object(current), Value::Object(patch)) => {
            strategic_merge_as(&type_of(kind), current.clone(), patch.clone())
                .map(Value::Object)
                .map_err(|error| strategic(&error))
        }
        (PatchType::Strategic, _, Value::Null) => Ok(current.clone()),
        (PatchType::Strategic, ..) => Err(told("")),
    }
}

/// The refusal of a patch whose result `patched` cannot be decoded or has unknown fields; `cause` says which.
pub fn refused(language: PatchType, body: &Value, patched: &Value, cause: &str) -> Failure {
    let shown = if language == PatchType::Strategic { go_value(body) } else { patched.to_string() };
    let message = format!("Invalid value: {shown:?}: {cause}");
    Failure::invalid(&NO_KIND, "", &[FieldProblem { path: "patch".to_owned(), reason: Reason::Invalid, message }])
}

/// A value as Go prints what it has decoded.
pub(crate) fn go_value(value: &Value) -> String {
    match value {
        Value::Object(map) => {
            let entries: Vec<String> = map.iter().map(|(key, value)| format!("{key}:{}", go_value(value))).collect();
            format!("map[{}]", entries.join(" "))
        }
        Value::Array(items) => format!("[{}]", items.iter().map(go_value).collect::<Vec<_>>().join(" ")),
        Value::String(text) => text.clone(),
        Value::Null => "<nil>".to_owned(),
        other => other.to_string(),
    }
}

fn strategic(error: &MergeError) -> Failure {
    match error {
        MergeError::NotRetained { .. } => Failure::bad_request("invalid patch format of retainKeys"),
        MergeError::NotAList { .. } => Failure::bad_request(error.to_string()),
        _ => Failure::unclassified(error.to_string()),
    }
}

/// A JSON patch as Go's library takes it: a missing `value` is null, indexes below zero count from the end, and what a
/// `replace` replaces need not be there.
fn operations(current: &Value, body: &Value) -> Result<Value, Failure> {
    let undecodable = |found: &str, ty: &str| {
        let why = format!("error decoding patch: json: cannot unmarshal {found} into Go value of type {ty}");
        Failure::bad_request(why)
    };
    let Some(operations) = body.as_array() else {
        return Err(undecodable("object", "[]handlers.jsonPatchOp"));
    };
    if operations.len() > MAX_OPERATIONS {
        return Err(Failure::too_large(MAX_OPERATIONS));
    }
    let mut patched = current.clone();
    for operation in operations {
        let Value::Object(fields) = operation else { return Err(undecodable("number", "handlers.jsonPatchOp")) };
        let mut fields = fields.clone();
        let text =
            |fields: &Map<String, Value>, field: &str| fields.get(field).and_then(Value::as_str).map(str::to_owned);
        let name = text(&fields, "op").unwrap_or_default();
        let path = absolute(&patched, &text(&fields, "path").unwrap_or_default(), name != "remove" && name != "test");
        if let Some(from) = text(&fields, "from") {
            fields.insert("from".to_owned(), absolute(&patched, &from, false).into());
        }
        let source = text(&fields, "from").unwrap_or_default();
        let name = match name.as_str() {
            "replace" if is_missing_entry(&patched, &path) => "add",
            "copy" if is_missing_entry(&patched, &source) => {
                fields.insert("value".to_owned(), Value::Null);
                "add"
            }
            name => name,
        };
        fields.insert("op".to_owned(), name.into());
        fields.insert("path".to_owned(), path.into());
        fields.entry("value").or_insert(Value::Null);
        let operation: json_patch::PatchOperation =
            serde_json::from_value(Value::Object(fields)).map_err(|_| Failure::unprocessable(REJECTED))?;
        json_patch::patch(&mut patched, &[operation]).map_err(|_| Failure::unprocessable(REJECTED))?;
    }
    Ok(patched)
}

/// Whether the pointer leads to an entry of an object that is there, and only the entry is not.
fn is_missing_entry(value: &Value, pointer: &str) -> bool {
    let parent = pointer.rsplit_once('/').and_then(|(parent, _)| value.pointer(parent));
    parent.is_some_and(Value::is_object) && value.pointer(pointer).is_none()
}

/// The pointer with indexes below zero counted from the end; where something is added, `-1` is behind the last item.
fn absolute(value: &Value, pointer: &str, adds: bool) -> String {
    let steps: Vec<&str> = pointer.split('/').skip(1).collect();
    let mut at = Some(value);
    let mut path = String::new();
    for (index, step) in steps.iter().enumerate() {
        let mut step = (*step).to_owned();
        if let (Some(Value::Array(items)), Ok(negative @ ..0)) = (at, step.parse::<i64>()) {
            let end = items.len() + usize::from(adds && index + 1 == steps.len());
            let back = usize::try_from(negative.unsigned_abs()).unwrap_or(usize::MAX);
            if let Some(position) = end.checked_sub(back) {
                step = position.to_string();
            }
        }
        at = match at {
            Some(Value::Array(items)) => step.parse::<usize>().ok().and_then(|position| items.get(position)),
            Some(Value::Object(map)) => map.get(&step.replace("~1", "/").replace("~0", "~")),
            _ => None,
        };
        path.push('/');
        path.push_str(&step);
    }
    path
}

#[cfg(test)]
mod tests;
