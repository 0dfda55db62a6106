//! JSON patches (RFC 6902), one operation at a time so that an error can say which one failed. Like the library of
//! kubeadm (evanphx/json-patch), negative indexes count from the end and a missing `value` is null.
//!
//! A short patch can make a document that fills any memory, by copies of copies, or that is nested deeper than the stack
//! of who walks it. Both are refused before they are made, as API servers refuse the first.

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
    pub source: JsonPatchFault,
}

/// Why an operation cannot be carried out.
#[derive(Debug, thiserror::Error)]
pub enum JsonPatchFault {
    /// It does not fit the document.
    #[error(transparent)]
    Unfit(#[from] json_patch::PatchErrorKind),
    /// The document would be too large.
    #[error("the document would be larger than {} KiB", LARGEST / 1024)]
    TooLarge,
    /// The document would be nested too deep.
    #[error("the document would be nested deeper than {DEEPEST} levels")]
    TooDeep,
}

/// Bytes that a document and what a patch adds, copies and moves in it may have together, about as JSON.
const LARGEST: usize = 4 << 20;
/// Levels that a document may have: as many as serde_json reads.
const DEEPEST: usize = 128;

impl JsonPatchError {
    /// What to do about it.
    pub(super) fn hint(&self) -> Option<String> {
        use json_patch::PatchErrorKind::{InvalidFromPointer, InvalidPointer, TestFailed};
        match &self.source {
            JsonPatchFault::TooLarge | JsonPatchFault::TooDeep => Some("no patch of a manifest needs that".into()),
            JsonPatchFault::Unfit(TestFailed) => None,
            JsonPatchFault::Unfit(InvalidPointer) if self.op == "add" => {
                Some("the parent of what is added must exist: add it first, or use a strategic merge patch".into())
            }
            JsonPatchFault::Unfit(InvalidPointer) => Some("the path must exist".into()),
            JsonPatchFault::Unfit(InvalidFromPointer) => Some("`from` must exist".into()),
            JsonPatchFault::Unfit(_) => None,
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
    let (mut size, _) = measure(value);
    for (index, operation) in patch.as_array().into_iter().flatten().enumerate() {
        let text = |field: &str| operation.get(field).and_then(Value::as_str).unwrap_or_default().to_owned();
        let (op, path) = (text("op"), text("path"));
        let fail =
            |source: JsonPatchFault| JsonPatchError { number: index + 1, op: op.clone(), path: path.clone(), source };

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
        let placed = match op.as_str() {
            "copy" | "move" => operation.get("from").and_then(Value::as_str).and_then(|from| value.pointer(from)),
            "add" | "replace" => operation.get("value"),
            _ => None,
        };
        if let Some(placed) = placed {
            let (more, levels) = measure(placed);
            size += more;
            if size > LARGEST {
                return Err(fail(JsonPatchFault::TooLarge));
            }
            if levels + path.matches('/').count() > DEEPEST {
                return Err(fail(JsonPatchFault::TooDeep));
            }
        }
        // The check has left nothing that is no operation, save for escapes in pointers.
        let operation: json_patch::PatchOperation =
            serde_json::from_value(operation).map_err(|_| fail(json_patch::PatchErrorKind::InvalidPointer.into()))?;
        json_patch::patch(value, &[operation]).map_err(|error| fail(error.kind.into()))?;
    }
    Ok(())
}

/// Bytes of a value, about as JSON, and its levels. Without recursion, as a value that is too deep must not be walked by
/// it.
fn measure(value: &Value) -> (usize, usize) {
    let (mut size, mut deepest) = (0, 0);
    let mut rest = vec![(value, 1)];
    while let Some((value, level)) = rest.pop() {
        deepest = deepest.max(level);
        size += 4;
        match value {
            Value::String(text) => size += text.len(),
            Value::Array(items) => rest.extend(items.iter().map(|item| (item, level + 1))),
            Value::Object(fields) => {
                size += fields.keys().map(|name| name.len() + 4).sum::<usize>();
                rest.extend(fields.values().map(|field| (field, level + 1)));
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => size += 4,
        }
    }
    (size, deepest)
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn refusal(operations: Vec<Value>) -> String {
        let mut document = json!({"metadata": {"name": "etcd", "annotations": {}}, "spec": {}});
        apply(&mut document, &Value::Array(operations)).expect_err("too much").source.to_string()
    }

    #[test]
    fn copies_of_copies_end_before_memory_does() {
        let copy = |i| json!({"op": "copy", "from": "/metadata", "path": format!("/metadata/annotations/{i}")});
        assert_eq!(refusal((0..60).map(copy).collect()), "the document would be larger than 4096 KiB");
    }

    #[test]
    fn nesting_ends_before_the_stack_does() {
        // Each step hangs what there is below a new chain, which costs nothing but its own names.
        let chain = |levels: usize| (0..levels).fold(json!({}), |inner, _| json!({"a": inner}));
        let mut operations = vec![json!({"op": "add", "path": "/spec/old", "value": chain(100)})];
        for _ in 0..100 {
            operations.push(json!({"op": "add", "path": "/spec/new", "value": chain(100)}));
            operations
                .push(json!({"op": "move", "from": "/spec/old", "path": format!("/spec/new{}", "/a".repeat(101))}));
            operations.push(json!({"op": "move", "from": "/spec/new", "path": "/spec/old"}));
        }
        assert_eq!(refusal(operations), "the document would be nested deeper than 128 levels");
    }

    #[test]
    fn ordinary_patches_are_far_from_it() {
        let mut document = json!({"spec": {"containers": [{"command": ["etcd"]}]}});
        let add = |i| json!({"op": "add", "path": "/spec/containers/0/command/-", "value": format!("--flag-{i}={}", "x".repeat(100))});
        let patch = Value::Array((0..1000).map(add).collect());
        apply(&mut document, &patch).expect("much, but not too much");
        assert_eq!(document["spec"]["containers"][0]["command"].as_array().map(Vec::len), Some(1001));
    }
}
