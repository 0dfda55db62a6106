//! All objects of a cluster, freed of what may differ between two clusters that mean the same, and compared.
//!
//! What is removed: times, uids, versions of objects, what a controller or the bootstrapper drew at random (names of
//! tokens and pods, sealed certificates), the name of the program that wrote a field. Nothing else.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use serde_json::Value;

use super::api::Client;

/// Objects by kind, namespace and name.
pub type Objects = BTreeMap<String, Value>;

/// They tell how the cluster fares, not what was asked of it.
const NOT_COMPARED: &[&str] = &["events", "leases", "componentstatuses"];

/// Fields of `metadata` that every write changes.
const COUNTERS: &[&str] = &["uid", "resourceVersion", "selfLink", "creationTimestamp"];

/// When a controller last had a reason to look again; whether it says so depends on what else it had to do.
const TRIGGER: &str = "endpoints.kubernetes.io/last-change-trigger-time";

/// Lists every resource of the cluster, in the version that the server prefers. What another server has, which may not
/// answer, is not listed.
pub fn read(client: &Client<'_>) -> Result<Vec<Value>> {
    let groups = client.get("/apis")?;
    let groups = groups["groups"].as_array().cloned().unwrap_or_default();
    let services = client.get("/apis/apiregistration.k8s.io/v1/apiservices")?;
    let services = services["items"].as_array().cloned().unwrap_or_default();
    let elsewhere = |group: &Value| {
        services.iter().any(|service| service["spec"]["group"] == *group && service["spec"]["service"].is_object())
    };
    let here = groups.iter().filter(|group| !elsewhere(&group["name"]));
    let versions = here.filter_map(|group| group["preferredVersion"]["groupVersion"].as_str());
    let roots: Vec<String> = ["/api/v1".to_owned()].into_iter().chain(versions.map(|v| format!("/apis/{v}"))).collect();
    let mut lists = Vec::new();
    for (root, answer) in roots.iter().zip(client.get_all(&roots)?) {
        for resource in answer["resources"].as_array().into_iter().flatten() {
            let name = resource["name"].as_str().unwrap_or_default();
            let listed = resource["verbs"].as_array().is_some_and(|verbs| verbs.contains(&"list".into()));
            if listed && !NOT_COMPARED.contains(&name) {
                lists.push(format!("{root}/{name}"));
            }
        }
    }
    let mut objects = Vec::new();
    for mut list in client.get_all(&lists)? {
        // Items of a list leave out what the list says once.
        let kind = list["kind"].as_str().unwrap_or_default().trim_end_matches("List").to_owned();
        let version = list["apiVersion"].clone();
        for mut item in list["items"].as_array_mut().map(std::mem::take).unwrap_or_default() {
            item["kind"] = kind.clone().into();
            item["apiVersion"] = version.clone();
            objects.push(item);
        }
    }
    Ok(objects)
}

/// Where the API server has this object.
pub fn path(object: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let (version, kind, metadata) = (text(&object["apiVersion"]), text(&object["kind"]), &object["metadata"]);
    let group = if version.contains('/') { "apis" } else { "api" };
    let namespace = metadata["namespace"].as_str().map(|name| format!("/namespaces/{name}")).unwrap_or_default();
    // Good for every kind that is written here.
    let plural = format!("{}s", kind.to_lowercase());
    format!("/{group}/{version}{namespace}/{plural}/{}", text(&metadata["name"]))
}

/// The version of every object: as long as it stays, nobody has written the object.
pub fn versions(objects: &[Value]) -> BTreeMap<String, String> {
    let name = |object: &Value| {
        let part = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let metadata = &object["metadata"];
        format!("{} {}/{}", part(&object["kind"]), part(&metadata["namespace"]), part(&metadata["name"]))
    };
    objects.iter().map(|object| (name(object), object["metadata"]["resourceVersion"].to_string())).collect()
}

/// Takes out what may differ. `program` wrote them; `tokens` are the ids of tokens that were not drawn at random.
pub fn normalise(objects: Vec<Value>, program: &str, tokens: &[&str]) -> Objects {
    let random: BTreeSet<String> = objects.iter().flat_map(|object| random_words(object, tokens)).collect();
    let mut normal = Objects::new();
    for mut object in objects {
        rename(&mut object, &random);
        let metadata = &mut object["metadata"];
        for key in COUNTERS {
            metadata.as_object_mut().map(|fields| fields.remove(*key));
        }
        forget(metadata, "annotations", TRIGGER);
        // The order is that of time.
        if let Some(fields) = metadata["managedFields"].as_array_mut() {
            for one in &mut *fields {
                if one["manager"] == program {
                    one["manager"] = "the bootstrapper".into();
                }
                one.as_object_mut().map(|one| one.remove("time"));
                anonymous(&mut one["fieldsV1"]);
                forget(&mut one["fieldsV1"]["f:metadata"], "f:annotations", &format!("f:{TRIGGER}"));
            }
            fields.sort_by_key(|one| [&one["manager"], &one["operation"], &one["subresource"]].map(Value::to_string));
        }
        seal(&mut object);
        times(&mut object);
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let (namespace, name) = (text(&object["metadata"]["namespace"]), text(&object["metadata"]["name"]));
        let mut key = format!("{} {namespace}/{name}", text(&object["kind"]));
        // Two pods of one set have the same name by now.
        while normal.contains_key(&key) {
            key += "'";
        }
        normal.insert(key, object);
    }
    normal
}

/// Words in this object that were drawn at random, wherever else they may stand.
fn random_words(object: &Value, tokens: &[&str]) -> Vec<String> {
    let metadata = &object["metadata"];
    let name = metadata["name"].as_str().unwrap_or_default();
    let mut words = Vec::new();
    if let Some(tail) = metadata["generateName"].as_str().and_then(|prefix| name.strip_prefix(prefix)) {
        words.push(format!("-{tail}"));
    }
    words.extend(metadata["uid"].as_str().map(str::to_owned));
    if object["type"] == "kubernetes.io/service-account-token" {
        words.extend(name.rsplit_once('-').map(|(_, tail)| format!("-{tail}")));
    }
    if let Some(id) = name.strip_prefix("bootstrap-token-").filter(|id| !tokens.contains(id)) {
        words.push(format!("-{id}"));
    }
    for volume in object["spec"]["volumes"].as_array().into_iter().flatten() {
        words.extend(volume["name"].as_str().and_then(|n| n.strip_prefix("kube-api-access")).map(str::to_owned));
    }
    words
}

/// Puts `?????` in the place of random words, in values and in names of fields.
fn rename(value: &mut Value, random: &BTreeSet<String>) {
    let renamed = |text: &str| {
        let found = random.iter().filter(|word| text.contains(word.as_str()));
        found.fold(text.to_owned(), |text, word| text.replace(word.as_str(), "?????"))
    };
    match value {
        Value::String(text) => *text = renamed(text),
        Value::Array(items) => items.iter_mut().for_each(|item| rename(item, random)),
        Value::Object(fields) => {
            let renamed: Vec<(String, Value)> =
                std::mem::take(fields).into_iter().map(|(k, v)| (renamed(&k), v)).collect();
            fields.extend(renamed);
            fields.values_mut().for_each(|item| rename(item, random));
        }
        _ => {}
    }
}

/// Removes `key` from the map at `field`, and the map if nothing else is in it.
fn forget(value: &mut Value, field: &str, key: &str) {
    let Some(value) = value.as_object_mut() else { return };
    let Some(map) = value.get_mut(field).and_then(Value::as_object_mut) else { return };
    if map.remove(key).is_some() && map.is_empty() {
        value.remove(field);
    }
}

/// Forgets who made a map: whoever first put something into it.
fn anonymous(fields: &mut Value) {
    for (_, inner) in fields.as_object_mut().into_iter().flatten() {
        inner.as_object_mut().map(|inner| inner.remove("."));
        anonymous(inner);
    }
}

/// Values of a Secret that nobody can predict. That they are there is compared.
fn seal(object: &mut Value) {
    let name = object["metadata"]["name"].as_str().unwrap_or_default().to_owned();
    let kind = object["type"].as_str().unwrap_or_default().to_owned();
    let Some(data) = object["data"].as_object_mut() else { return };
    for (key, value) in data {
        let random_token = name == "bootstrap-token?????" && matches!(key.as_str(), "token-id" | "token-secret");
        let sealed = name == "kubeadm-certs";
        let account = kind == "kubernetes.io/service-account-token" && key == "token";
        let end = kind == "bootstrap.kubernetes.io/token" && key == "expiration";
        if random_token || sealed || account || end {
            *value = "random".into();
        }
    }
}

/// Every string that is a time of the last years becomes the same.
fn times(value: &mut Value) {
    match value {
        Value::String(text)
            if text.len() >= 20 && text.starts_with("20") && text.ends_with('Z') && &text[10..11] == "T" =>
        {
            *text = "time".into();
        }
        Value::Array(items) => items.iter_mut().for_each(times),
        Value::Object(fields) => fields.values_mut().for_each(times),
        _ => {}
    }
}

/// One line for each difference; none if they mean the same.
pub fn differences(wanted: &Objects, found: &Objects) -> Vec<String> {
    let mut lines = Vec::new();
    let names: BTreeSet<&String> = wanted.keys().chain(found.keys()).collect();
    for name in names {
        match (wanted.get(name), found.get(name)) {
            (Some(wanted), Some(found)) => compare(name, wanted, found, &mut lines),
            (Some(_), None) => lines.push(format!("{name} is missing")),
            _ => lines.push(format!("{name} should not be there")),
        }
    }
    lines
}

fn compare(path: &str, wanted: &Value, found: &Value, lines: &mut Vec<String>) {
    match (wanted, found) {
        (Value::Object(a), Value::Object(b)) => {
            let keys: BTreeSet<&String> = a.keys().chain(b.keys()).collect();
            for key in keys {
                let (a, b) = (a.get(key).unwrap_or(&Value::Null), b.get(key).unwrap_or(&Value::Null));
                compare(&format!("{path} .{key}"), a, b, lines);
            }
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            for (index, (a, b)) in a.iter().zip(b).enumerate() {
                compare(&format!("{path} [{index}]"), a, b, lines);
            }
        }
        (Value::String(a), Value::String(b)) if a != b && a.contains('\n') && b.contains('\n') => {
            for line in a.lines().filter(|line| !b.lines().any(|other| other == *line)) {
                lines.push(format!("{path} lacks the line {line:?}"));
            }
            for line in b.lines().filter(|line| !a.lines().any(|other| other == *line)) {
                lines.push(format!("{path} has the line {line:?} too many"));
            }
            lines.push(format!("{path} differs"));
        }
        (a, b) if a != b => lines.push(format!("{path}: should be {a}, is {b}")),
        _ => {}
    }
}

#[cfg(test)]
mod tests;
