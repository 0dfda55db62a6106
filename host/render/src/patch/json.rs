//! JSON patches (RFC 6902), one operation at a time so that an error can say which one failed. Like the library of
//! kubeadm (evanphx/json-patch), negative indexes count from the end and a missing `value` is null.

use serde_json::Value;

use super::decode::noun;

const OPERATIONS: [&str; 6] = ["add", "remove", "replace", "move", "copy", "test"];

pub(super) const HINT: &str = "a JSON patch is a list of operations like {op: add, path: /metadata/labels/a, value: b}";

/// An operation that cannot be carried out.
#[derive(Debug, thiserror::Error)]
#[error("operation {number} (`{op}` at `{path}`) failed")]
pub struct JsonPatchError {
    /// Its number in the patch, from 1.
    pub number: usize,
    /// Its kind.
    pub op: String,
    /// Its path.
    pub path: String,
    /// Why.
    pub source: json_patch::PatchErrorKind,
}

impl JsonPatchError {
    /// What to do about it.
    pub(super) fn hint(&self) -> Option<String> {
        use json_patch::PatchErrorKind::{InvalidFromPointer, InvalidPointer, TestFailed};
        match &self.source {
            TestFailed => None,
            InvalidPointer if self.op == "add" => {
                Some("the parent of what is added must exist: add it first, or use a strategic merge patch".into())
            }
            InvalidPointer => Some("the path must exist".into()),
            InvalidFromPointer => Some("`from` must exist".into()),
            _ => None,
        }
    }
}

/// Whether the document is a JSON patch; otherwise where it is wrong, and what is wrong there.
pub(super) fn check(patch: &Value) -> Result<(), (String, String)> {
    let Value::Array(operations) = patch else {
        return Err((String::new(), format!("a JSON patch must be a list of operations, not {}", noun(patch))));
    };
    for (index, operation) in operations.iter().enumerate() {
        let at = |field: &str| format!("[{index}].{field}");
        let text = |field: &str| match operation.get(field) {
            Some(Value::String(text)) => Ok(text.as_str()),
            Some(other) => Err((at(field), format!("`{field}` must be a string, not {}", noun(other)))),
            None => Err((format!("[{index}]"), format!("the operation lacks `{field}`"))),
        };
        if !operation.is_object() {
            return Err((format!("[{index}]"), format!("an operation must be a mapping, not {}", noun(operation))));
        }
        let op = text("op")?;
        if !OPERATIONS.contains(&op) {
            return Err((at("op"), format!("`{op}` is no operation: must be one of {}", OPERATIONS.join(", "))));
        }
        let pointers: &[&str] = if matches!(op, "move" | "copy") { &["path", "from"] } else { &["path"] };
        for field in pointers {
            let pointer = text(field)?;
            if !pointer.is_empty() && !pointer.starts_with('/') {
                return Err((at(field), format!("`{pointer}` must start with `/`")));
            }
        }
    }
    Ok(())
}

/// Applies a patch that [`check`] has seen.
pub(super) fn apply(value: &mut Value, patch: &Value) -> Result<(), JsonPatchError> {
    for (index, operation) in patch.as_array().into_iter().flatten().enumerate() {
        let text = |field: &str| operation.get(field).and_then(Value::as_str).unwrap_or_default().to_owned();
        let (op, path) = (text("op"), text("path"));
        let fail = |source| JsonPatchError { number: index + 1, op: op.clone(), path: path.clone(), source };

        let mut operation = operation.clone();
        if let Value::Object(fields) = &mut operation {
            if matches!(op.as_str(), "add" | "replace" | "test") {
                fields.entry("value").or_insert(Value::Null);
            }
            let adds = matches!(op.as_str(), "add" | "move" | "copy");
            fields.insert("path".into(), absolute(value, &path, adds).into());
            if let Some(Value::String(from)) = fields.get("from") {
                fields.insert("from".into(), absolute(value, from, false).into());
            }
        }
        // The check has left nothing that is no operation, save for escapes in pointers.
        let operation: json_patch::PatchOperation =
            serde_json::from_value(operation).map_err(|_| fail(json_patch::PatchErrorKind::InvalidPointer))?;
        json_patch::patch(value, &[operation]).map_err(|error| fail(error.kind))?;
    }
    Ok(())
}

/// The pointer with every negative index counted from the end of its list; where something is added, `-1` is behind
/// the last item.
fn absolute(value: &Value, pointer: &str, adds: bool) -> String {
    let mut at = Some(value);
    let tokens: Vec<&str> = pointer.split('/').skip(1).collect();
    let mut path = String::new();
    for (index, token) in tokens.iter().enumerate() {
        let mut token = (*token).to_owned();
        if let (Some(Value::Array(items)), Ok(negative @ ..0)) = (at, token.parse::<i64>()) {
            let end = items.len() + usize::from(adds && index + 1 == tokens.len());
            let from_end = usize::try_from(negative.unsigned_abs()).unwrap_or(usize::MAX);
            if let Some(position) = end.checked_sub(from_end) {
                token = position.to_string();
            }
        }
        at = match at {
            Some(Value::Array(items)) => token.parse::<usize>().ok().and_then(|position| items.get(position)),
            Some(Value::Object(map)) => map.get(&token.replace("~1", "/").replace("~0", "~")),
            _ => None,
        };
        path.push('/');
        path.push_str(&token);
    }
    path
}
