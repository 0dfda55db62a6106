//! The paths of every kind: what can be done where, and with which parameters. kubectl reads here that a server
//! validates fields and takes dry runs.

use serde_json::{Map, Value, json};

use super::{root, schemas};
use crate::kinds::Kind;

/// Parameters of writes.
const DRY_RUN: (&str, &str, &str) =
    ("dryRun", "string", "When present, indicates that modifications should not be persisted.");
const MANAGER: (&str, &str, &str) =
    ("fieldManager", "string", "The name of the actor that is making these changes, to whom the fields belong.");
const VALIDATION: (&str, &str, &str) = (
    "fieldValidation",
    "string",
    "What to do about unknown and duplicate fields: Ignore, Warn (the default) or Strict, which refuses the request.",
);
const FORCE: (&str, &str, &str) =
    ("force", "boolean", "Whether an apply takes fields that other managers own. Only for server-side apply.");
const PROPAGATION: (&str, &str, &str) =
    ("propagationPolicy", "string", "Whether and how dependents are deleted: Orphan, Background or Foreground.");
const GRACE: (&str, &str, &str) = ("gracePeriodSeconds", "integer", "Seconds before the object is deleted.");
const LABELS: (&str, &str, &str) = ("labelSelector", "string", "Restricts the list by labels. Defaults to everything.");
const FIELDS: (&str, &str, &str) = ("fieldSelector", "string", "Restricts the list by fields. Defaults to everything.");
const LIMIT: (&str, &str, &str) = ("limit", "integer", "How many objects a page of the list has at most.");
const CONTINUE: (&str, &str, &str) = ("continue", "string", "Where the page before ended.");
const WATCH: (&str, &str, &str) = ("watch", "boolean", "Whether to stream changes instead of listing.");
const VERSION: (&str, &str, &str) = ("resourceVersion", "string", "Which state of the cluster may be read.");

type Parameter = (&'static str, &'static str, &'static str);

/// Everything below the kinds' group version.
pub(super) fn of(kinds: impl Iterator<Item = &'static Kind>) -> Map<String, Value> {
    kinds.flat_map(of_kind).collect()
}

fn of_kind(kind: &'static Kind) -> Vec<(String, Value)> {
    let root = format!("/{}", root(kind.group, kind.version));
    let all = format!("{root}/{}", kind.plural);
    let collection =
        if kind.namespaced { format!("{root}/namespaces/{{namespace}}/{}", kind.plural) } else { all.clone() };
    let item = format!("{collection}/{{name}}");
    let mut places = path_parameters(kind, false);
    let list = operation(kind, "list", &[CONTINUE, FIELDS, LABELS, LIMIT, VERSION, WATCH], None);
    let mut paths = Vec::new();
    if kind.namespaced {
        paths.push((all, json!({ "get": list.clone() })));
    }
    paths.push((
        collection,
        json!({
            "get": list,
            "post": operation(kind, "post", &[DRY_RUN, MANAGER, VALIDATION], Some(&["*/*"])),
            "delete": operation(kind, "deletecollection", &[DRY_RUN, FIELDS, LABELS, PROPAGATION], None),
            "parameters": places.clone(),
        }),
    ));
    places = path_parameters(kind, true);
    let mut whole = change(kind, &places);
    whole["delete"] = operation(kind, "delete", &[DRY_RUN, GRACE, PROPAGATION], None);
    paths.push((item.clone(), whole));
    let subresources = kind.status.then_some("status").into_iter().chain(kind.subresources.iter().copied());
    paths.extend(subresources.map(|name| (format!("{item}/{name}"), change(kind, &places))));
    paths
}

/// Reading, replacing and patching one object.
fn change(kind: &Kind, places: &Value) -> Value {
    let patches = [
        "application/apply-patch+yaml",
        "application/json-patch+json",
        "application/merge-patch+json",
        "application/strategic-merge-patch+json",
    ];
    json!({
        "get": operation(kind, "get", &[], None),
        "put": operation(kind, "put", &[DRY_RUN, MANAGER, VALIDATION], Some(&["*/*"])),
        "patch": operation(kind, "patch", &[DRY_RUN, MANAGER, VALIDATION, FORCE], Some(&patches)),
        "parameters": places,
    })
}

fn operation(kind: &Kind, action: &str, parameters: &[Parameter], body: Option<&[&str]>) -> Value {
    let name = schemas::name(kind);
    let schema = |name: &str| json!({ "schema": { "$ref": format!("#/components/schemas/{name}") } });
    let answer = if action == "list" { format!("{name}List") } else { name.clone() };
    let mut operation = json!({
        "description": format!("{action} {}", kind.plural),
        "parameters": parameters.iter().map(query).collect::<Vec<_>>(),
        "responses": {
            "200": { "description": "OK", "content": { "application/json": schema(&answer) } },
            "401": { "description": "Unauthorized" },
        },
        "x-kubernetes-action": action,
        "x-kubernetes-group-version-kind": { "group": kind.group, "version": kind.version, "kind": kind.kind },
    });
    if let Some(types) = body {
        let of = |mime: &&str| {
            let patch = mime.contains("patch").then(|| json!({ "schema": { "type": "object" } }));
            ((*mime).to_owned(), patch.unwrap_or_else(|| schema(&name)))
        };
        let content: Map<String, Value> = types.iter().map(of).collect();
        operation["requestBody"] = json!({ "content": content, "required": true });
    }
    operation
}

fn query((name, ty, description): &Parameter) -> Value {
    json!({ "name": name, "in": "query", "description": description, "schema": { "type": ty, "uniqueItems": true } })
}

fn path_parameters(kind: &Kind, item: bool) -> Value {
    let named = |name: &str, what: &str| json!({ "name": name, "in": "path", "description": what, "required": true, "schema": { "type": "string" } });
    let name = item.then(|| named("name", &format!("name of the {}", kind.kind)));
    let namespace = kind.namespaced.then(|| named("namespace", "the namespace of the object"));
    name.into_iter().chain(namespace).collect()
}

/// The paths as OpenAPI 2 has them.
pub(super) fn to_v2(mut paths: Map<String, Value>) -> Map<String, Value> {
    for path in paths.values_mut().filter_map(Value::as_object_mut) {
        for (verb, operation) in path.iter_mut() {
            if verb == "parameters" {
                flatten(operation);
                continue;
            }
            let body = operation.as_object_mut().and_then(|operation| operation.remove("requestBody"));
            let schema = body.and_then(|body| body["content"].as_object()?.values().next()?.get("schema").cloned());
            if let Some(parameters) = operation.get_mut("parameters") {
                flatten(parameters);
                if let (Some(schema), Some(list)) = (schema, parameters.as_array_mut()) {
                    list.push(json!({ "name": "body", "in": "body", "required": true, "schema": schema }));
                }
            }
            for response in operation["responses"].as_object_mut().into_iter().flat_map(Map::values_mut) {
                let content = response.as_object_mut().and_then(|response| response.remove("content"));
                if let Some(schema) = content.and_then(|content| content["application/json"].get("schema").cloned()) {
                    response["schema"] = schema;
                }
            }
            schemas::to_v2(operation);
        }
    }
    paths
}

/// In OpenAPI 2 a parameter has its type itself.
fn flatten(parameters: &mut Value) {
    for parameter in parameters.as_array_mut().into_iter().flatten().filter_map(Value::as_object_mut) {
        if let Some(Value::Object(schema)) = parameter.remove("schema") {
            parameter.extend(schema);
        }
    }
}
