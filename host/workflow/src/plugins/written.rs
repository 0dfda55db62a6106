//! What a plugin has changed about a document, field by field, so that two that want the same field to be otherwise are
//! found. Items of lists go by what they are called, not by their place: two plugins that each add a flag, a volume or
//! a mount do not disagree. Pure.

use std::collections::BTreeMap;

use serde_json::Value;

/// Fields by where they are, as `/spec/containers[etcd]/command[--data-dir]`, with their value; `None` if it was taken
/// out.
pub type Written = BTreeMap<String, Option<Value>>;

/// What differs between the two.
pub fn written(before: &Value, after: &Value) -> Written {
    let (before, after) = (fields(before), fields(after));
    let mut written = Written::new();
    for (path, value) in &after {
        if before.get(path) != Some(value) {
            written.insert(path.clone(), Some(value.clone()));
        }
    }
    for path in before.keys().filter(|path| !after.contains_key(*path)) {
        written.insert(path.clone(), None);
    }
    written
}

/// The scalars of a document, empty lists and maps included, by where they are.
fn fields(document: &Value) -> BTreeMap<String, Value> {
    let mut fields = BTreeMap::new();
    walk(document, String::new(), &mut fields);
    fields
}

fn walk(value: &Value, path: String, fields: &mut BTreeMap<String, Value>) {
    match value {
        Value::Object(map) if !map.is_empty() => {
            for (key, value) in map {
                walk(value, format!("{path}/{}", key.replace('~', "~0").replace('/', "~1")), fields);
            }
        }
        Value::Array(items) if !items.is_empty() => {
            let keys = keys(items);
            for (item, (key, value)) in items.iter().zip(keys) {
                match value {
                    // A flag is its name and its value.
                    Some(value) => drop(fields.insert(format!("{path}[{key}]"), value)),
                    None => walk(item, format!("{path}[{key}]"), fields),
                }
            }
        }
        _ => drop(fields.insert(path, value.clone())),
    }
}

/// What the items of a list are called: objects by the first of these that tells them apart, flags by their names, and
/// everything else by what it is. With a flag, its value.
fn keys(items: &[Value]) -> Vec<(String, Option<Value>)> {
    const NAMES: [&str; 7] = ["name", "mountPath", "containerPort", "port", "key", "ip", "type"];

    let name = |item: &Value, field: &str| match &item[field] {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    };
    for field in NAMES {
        // Mounts have the name of their volume, which may be mounted twice.
        let names: Option<Vec<String>> =
            items.iter().map(|item| object_name(item).or_else(|| name(item, field))).collect();
        if let Some(names) = names.filter(|names| all_differ(names)) {
            return names.into_iter().map(|name| (name, None)).collect();
        }
    }
    // The same thing twice is told apart by how often it is there.
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    let mut key = |item: &Value| {
        let (text, value) = flag(item);
        let count = seen.entry(text.clone()).or_default();
        *count += 1;
        (if *count == 1 { text } else { format!("{text}#{count}") }, Some(value))
    };
    items.iter().map(&mut key).collect()
}

/// Kind, namespace and name, of a whole object in a list of them.
fn object_name(item: &Value) -> Option<String> {
    let kind = item.get("kind")?.as_str()?;
    let name = item.pointer("/metadata/name")?.as_str()?;
    let namespace = item.pointer("/metadata/namespace").and_then(Value::as_str);
    Some(namespace.map_or_else(|| format!("{kind} {name}"), |namespace| format!("{kind} {namespace}/{name}")))
}

fn flag(item: &Value) -> (String, Value) {
    match item.as_str().filter(|text| text.starts_with('-')).and_then(|text| text.split_once('=')) {
        Some((name, value)) => (name.to_owned(), value.into()),
        None => (item.as_str().map_or_else(|| item.to_string(), str::to_owned), item.clone()),
    }
}

fn all_differ(names: &[String]) -> bool {
    let mut sorted: Vec<&String> = names.iter().collect();
    sorted.sort();
    sorted.windows(2).all(|pair| pair[0] != pair[1])
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pod(command: &[&str], volumes: &[&str]) -> Value {
        let volumes: Vec<Value> =
            volumes.iter().map(|name| json!({ "name": name, "hostPath": { "path": format!("/{name}") } })).collect();
        json!({ "spec": { "containers": [{ "name": "etcd", "command": command }], "volumes": volumes } })
    }

    #[test]
    fn flags_and_named_items_go_by_their_names() {
        let before = pod(&["etcd", "--a=1"], &["x"]);
        let after = pod(&["etcd", "--b=2", "--a=3"], &["y", "x"]);
        let told: Vec<(String, Option<Value>)> = written(&before, &after).into_iter().collect();
        let command = "/spec/containers[etcd]/command";
        assert_eq!(
            told,
            [
                (format!("{command}[--a]"), Some(json!("3"))),
                (format!("{command}[--b]"), Some(json!("2"))),
                ("/spec/volumes[y]/hostPath/path".into(), Some(json!("/y"))),
                ("/spec/volumes[y]/name".into(), Some(json!("y"))),
            ]
        );
        assert_eq!(written(&after, &before)[&format!("{command}[--b]")], None);
    }

    #[test]
    fn what_has_no_name_goes_by_what_it_is() {
        let list = |items: Value| json!({ "tolerations": items });
        let (a, b) = (json!({ "operator": "Exists" }), json!({ "operator": "Equal" }));
        let told = written(&list(json!([a])), &list(json!([b, a, a])));
        let keys: Vec<&str> = told.keys().map(String::as_str).collect();
        assert_eq!(keys, ["/tolerations[{\"operator\":\"Equal\"}]", "/tolerations[{\"operator\":\"Exists\"}#2]"]);
        assert!(written(&list(json!([a, b])), &list(json!([b, a]))).is_empty(), "order alone is no change");
        let objects = |value: i32| json!({ "items": [{ "kind": "Job", "metadata": { "name": "a" }, "x": value }] });
        assert_eq!(written(&objects(1), &objects(2))["/items[Job a]/x"], Some(json!(2)));
    }
}
