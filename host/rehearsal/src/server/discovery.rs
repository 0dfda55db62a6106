//! Discovery: which groups, versions and resources there are, in the old form (a document for each group version) and
//! in the new one (everything at once). All of it is made of the table of kinds.

use http::Response;
use serde_json::{Value, json};

use super::body::{self, Body};
use super::form::Form;
use super::reviews::REVIEWS;
use crate::kinds::{KINDS, Kind};

/// The document at a path, if one is there. `custom` are kinds beside those of the table.
pub(super) fn document(path: &str, form: &Form, custom: &[&'static Kind]) -> Option<Response<Body>> {
    let all = &entries(custom)[..];
    let aggregated = match form {
        Form::Discovery(version) => Some(version.as_str()),
        _ => None,
    };
    let found = match (path, aggregated) {
        ("/api" | "/apis", Some(version)) => {
            let list = aggregate(all, path == "/api", version);
            let content_type = match version {
                "v2" => "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList",
                _ => "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList",
            };
            return Some(body::answer(200, content_type, list.to_string()));
        }
        ("/", _) => json!({ "paths": paths(all) }),
        ("/api", None) => json!({
            "kind": "APIVersions", "versions": ["v1"],
            "serverAddressByClientCIDRs": [{ "clientCIDR": "0.0.0.0/0", "serverAddress": "127.0.0.1" }],
        }),
        ("/apis", None) => json!({
            "kind": "APIGroupList", "apiVersion": "v1",
            "groups": groups(all).into_iter().filter(|name| !name.is_empty()).map(|name| group(all, name)).collect::<Vec<_>>(),
        }),
        _ => {
            let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
            match &parts[..] {
                ["api", version] => resources(all, "", version)?,
                ["apis", name] if groups(all).contains(name) => {
                    let mut group = group(all, name);
                    group["kind"] = json!("APIGroup");
                    group["apiVersion"] = json!("v1");
                    group
                }
                ["apis", group, version] => resources(all, group, version)?,
                _ => return None,
            }
        }
    };
    Some(body::json(200, &found))
}

/// One resource that discovery lists.
struct Entry {
    group: &'static str,
    version: &'static str,
    /// With its subresource after a slash.
    name: String,
    singular: &'static str,
    kind: &'static str,
    /// Group and version of what it reads and writes, if they are not its own.
    other: Option<(&'static str, &'static str)>,
    namespaced: bool,
    verbs: &'static [&'static str],
    short_names: &'static [&'static str],
    categories: &'static [&'static str],
}

const VERBS: &[&str] = &["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"];
const CHANGES: &[&str] = &["get", "patch", "update"];

fn of_kind(kind: &'static Kind) -> Vec<Entry> {
    let entry = |name: String, verbs| Entry {
        group: kind.group,
        version: kind.version,
        name,
        singular: "",
        kind: kind.kind,
        other: None,
        namespaced: kind.namespaced,
        verbs,
        short_names: &[],
        categories: &[],
    };
    let (singular, short_names, categories) = (kind.singular, kind.short_names, kind.categories);
    let mut entries = vec![Entry { singular, short_names, categories, ..entry(kind.plural.to_owned(), VERBS) }];
    if super::objects::has_scale(kind) {
        let name = format!("{}/scale", kind.plural);
        entries.push(Entry { kind: "Scale", other: Some(("autoscaling", "v1")), ..entry(name, CHANGES) });
    }
    let subresources = kind.subresources.iter().copied().chain(kind.status.then_some("status"));
    entries.extend(subresources.map(|name| entry(format!("{}/{name}", kind.plural), CHANGES)));
    entries.sort_by(|a, b| a.name.cmp(&b.name));
    entries
}

fn entries(custom: &[&'static Kind]) -> Vec<Entry> {
    let reviews = REVIEWS.iter().map(|review| Entry {
        group: review.group,
        version: "v1",
        name: review.plural.to_owned(),
        singular: review.singular,
        kind: review.kind,
        other: None,
        namespaced: review.namespaced,
        verbs: &["create"],
        short_names: &[],
        categories: &[],
    });
    KINDS.iter().chain(custom).flat_map(|kind| of_kind(kind)).chain(reviews).collect()
}

/// The groups in order, the one without a name first.
fn groups(entries: &[Entry]) -> Vec<&'static str> {
    let mut groups = Vec::new();
    for entry in entries {
        if !groups.contains(&entry.group) {
            groups.push(entry.group);
        }
    }
    groups
}

/// The versions of a group, the one to be preferred first.
fn versions(entries: &[Entry], group: &str) -> Vec<&'static str> {
    let mut versions = Vec::new();
    for entry in entries.iter().filter(|entry| entry.group == group) {
        if !versions.contains(&entry.version) {
            versions.push(entry.version);
        }
    }
    versions
}

fn group(entries: &[Entry], name: &str) -> Value {
    let versions: Vec<Value> = versions(entries, name)
        .into_iter()
        .map(|version| json!({ "groupVersion": format!("{name}/{version}"), "version": version }))
        .collect();
    json!({ "name": name, "versions": versions, "preferredVersion": versions[0] })
}

fn paths(entries: &[Entry]) -> Vec<String> {
    let mut paths = vec!["/api".to_owned(), "/api/v1".to_owned(), "/apis".to_owned()];
    for group in groups(entries).into_iter().filter(|group| !group.is_empty()) {
        paths.push(format!("/apis/{group}"));
        paths.extend(versions(entries, group).iter().map(|version| format!("/apis/{group}/{version}")));
    }
    paths.extend(["/healthz", "/livez", "/openapi/v2", "/openapi/v3", "/readyz", "/version"].map(ToOwned::to_owned));
    paths
}

fn resources(entries: &[Entry], group: &str, version: &str) -> Option<Value> {
    let resources: Vec<Value> = entries
        .iter()
        .filter(|entry| entry.group == group && entry.version == version)
        .map(|entry| {
            let mut resource = json!({
                "name": entry.name, "singularName": entry.singular, "namespaced": entry.namespaced,
                "kind": entry.kind, "verbs": entry.verbs,
            });
            if let Some((group, version)) = entry.other {
                resource["group"] = json!(group);
                resource["version"] = json!(version);
            }
            for (field, names) in [("shortNames", entry.short_names), ("categories", entry.categories)] {
                if !names.is_empty() {
                    resource[field] = json!(names);
                }
            }
            resource
        })
        .collect();
    let group_version = if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") };
    (!resources.is_empty()).then(|| {
        json!({ "kind": "APIResourceList", "apiVersion": "v1", "groupVersion": group_version, "resources": resources })
    })
}

/// `APIGroupDiscoveryList` (KEP-3352) of the group without a name, or of all others.
fn aggregate(all: &[Entry], core: bool, version: &str) -> Value {
    let resource = |entry: &Entry| {
        let (group, version) = entry.other.unwrap_or((entry.group, entry.version));
        json!({
            "responseKind": { "group": group, "version": version, "kind": entry.kind },
            "verbs": entry.verbs,
        })
    };
    let resources = |group: &str, version: &str| -> Vec<Value> {
        let mut resources: Vec<Value> = Vec::new();
        for entry in all.iter().filter(|entry| entry.group == group && entry.version == version) {
            let mut described = resource(entry);
            match entry.name.split_once('/') {
                Some((parent, name)) => {
                    described["subresource"] = json!(name);
                    let parent = resources.iter_mut().find(|resource| resource["resource"] == parent);
                    let fields = parent.and_then(Value::as_object_mut);
                    let list = fields.and_then(|p| p.entry("subresources").or_insert_with(|| json!([])).as_array_mut());
                    if let Some(list) = list {
                        list.push(described);
                    }
                }
                None => {
                    described["resource"] = json!(entry.name);
                    described["singularResource"] = json!(entry.singular);
                    described["scope"] = json!(if entry.namespaced { "Namespaced" } else { "Cluster" });
                    for (field, names) in [("shortNames", entry.short_names), ("categories", entry.categories)] {
                        if !names.is_empty() {
                            described[field] = json!(names);
                        }
                    }
                    resources.push(described);
                }
            }
        }
        resources
    };
    let items: Vec<Value> = groups(all)
        .into_iter()
        .filter(|group| group.is_empty() == core)
        .map(|group| {
            let versions: Vec<Value> = versions(all, group)
                .into_iter()
                .map(|version| {
                    json!({ "version": version, "resources": resources(group, version), "freshness": "Current" })
                })
                .collect();
            let mut meta = json!({ "creationTimestamp": null });
            if !group.is_empty() {
                meta["name"] = json!(group);
            }
            json!({ "metadata": meta, "versions": versions })
        })
        .collect();
    json!({
        "kind": "APIGroupDiscoveryList", "apiVersion": format!("apidiscovery.k8s.io/{version}"),
        "metadata": {}, "items": items,
    })
}
