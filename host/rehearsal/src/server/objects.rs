//! Objects: reading, writing, deleting, and the lists of them.

use http::{Method, Response};
use hyper::body::{Bytes, Incoming};
use serde_json::{Value, json};

use super::body::{self, Body as Answer};
use super::dispatch::Call;
use super::form::Form;
use super::path::{Params, Resource};
use super::{Shared, protobuf, watching};
use crate::kinds::{Kind, POD};
use crate::patch::PatchType;
use crate::selector::Selector;
use crate::status::Failure;
use crate::store::{Page, Preconditions, Propagation, Query, text};
pub(super) use crate::write::has_scale;
use crate::write::{Body, Outcome, Patch, Request, Validation};

/// What is read of every kind; some come as protobuf as well.
const READABLE: &str = "application/json, application/yaml";

/// The notation of a body by its content type; the empty one is JSON.
pub(super) async fn read_body(content_type: &str, body: Incoming) -> Result<Body, Failure> {
    let bytes = body::read(body).await?;
    decode_body(content_type, &bytes)
}

fn decode_body(content_type: &str, bytes: &Bytes) -> Result<Body, Failure> {
    match content_type.split(';').next().unwrap_or_default().trim() {
        ""
        | "application/json"
        | "application/merge-patch+json"
        | "application/json-patch+json"
        | "application/strategic-merge-patch+json" => {
            let value = serde_json::from_slice(bytes).map_err(|error| {
                Failure::bad_request(format!("couldn't get version/kind; json parse error: {error}"))
            })?;
            Ok(Body { text: bytes.to_vec(), value })
        }
        "application/yaml" | "application/apply-patch+yaml" => {
            let value: Value = serde_yaml::from_slice(bytes)
                .map_err(|error| Failure::bad_request(format!("error decoding YAML: {error}")))?;
            Ok(Body { text: Vec::new(), value })
        }
        "application/vnd.kubernetes.protobuf" => {
            let value = protobuf::decode(bytes).ok_or_else(Failure::unreadable_protobuf)?;
            Ok(Body { text: Vec::new(), value })
        }
        _ => Err(Failure::unsupported_media_type(READABLE)),
    }
}

pub(super) async fn answer(
    shared: &Shared,
    kind: &'static Kind,
    resource: &Resource,
    call: Call,
) -> Result<Response<Answer>, Failure> {
    let namespace = resource.namespace.as_deref();
    let is_known = resource.subresource.is_empty()
        || resource.subresource == "status" && kind.status
        || kind.subresources.contains(&resource.subresource.as_str())
        || resource.subresource == "scale" && has_scale(kind);
    // Namespaces have no namespace of their own, and what has one is written in one.
    let is_placed = kind.namespaced || namespace.is_none();
    if is_placed && *kind == POD && RUNNING.contains(&resource.subresource.as_str()) {
        return Err(pretended(shared, resource));
    }
    let is_eviction = *kind == POD && resource.subresource == EVICTION;
    if !(is_known || is_eviction) || !is_placed {
        return Err(Failure::no_resource());
    }
    match (&call.method, resource.name.as_deref()) {
        (&Method::GET | &Method::HEAD, None) if call.params.is_set("watch") => {
            watching::answer(shared, kind, namespace, &call)
        }
        (&Method::GET | &Method::HEAD, None) => list(shared, kind, namespace, &call),
        (&Method::GET | &Method::HEAD, Some(name)) => {
            let found = shared.store.get(kind, namespace, name).ok_or_else(|| Failure::not_found(kind, name))?;
            if resource.subresource == "scale" {
                return Ok(body::json(200, &scale_of(&found)));
            }
            Ok(write(shared, kind, 200, &found, &call.form, &call.params))
        }
        (&Method::DELETE, Some(name)) if resource.subresource.is_empty() => {
            delete(shared, kind, namespace, name, call).await
        }
        // No PodDisruptionBudget is kept: a Pod that is evicted is deleted.
        (&Method::POST, Some(name)) if is_eviction => delete(shared, kind, namespace, name, call).await,
        _ if is_eviction => Err(Failure::method_not_allowed()),
        (&Method::DELETE, None) => delete_all(shared, kind, namespace, call).await,
        (&Method::POST, None) if namespace.is_some() == kind.namespaced => {
            change(shared, kind, resource, "", call).await
        }
        (&Method::PUT | &Method::PATCH, Some(name)) => change(shared, kind, resource, name, call).await,
        _ => Err(Failure::method_not_allowed()),
    }
}

/// Subresources of Pods for which something must run.
const RUNNING: [&str; 4] = ["log", "exec", "attach", "portforward"];

/// The subresource of Pods by which they are asked to leave.
const EVICTION: &str = "eviction";

/// Why nothing runs in a Pod.
fn pretended(shared: &Shared, resource: &Resource) -> Failure {
    let name = resource.name.as_deref().unwrap_or_default();
    let Some(pod) = shared.store.get(&POD, resource.namespace.as_deref(), name) else {
        return Failure::not_found(&POD, name);
    };
    match pod["spec"]["nodeName"].as_str().filter(|node| !node.is_empty()) {
        Some(node) => Failure::not_implemented(format!(
            "the node {node:?} is only pretended: nothing runs in pod {name:?}, which has no logs and nothing to connect to"
        )),
        None => Failure::bad_request(format!("pod {name} does not have a host assigned")),
    }
}

fn write(shared: &Shared, kind: &Kind, code: u16, object: &Value, form: &Form, params: &Params) -> Response<Answer> {
    let now = shared.store.clock().now();
    form.write(code, &form.shape(kind, object, params, now))
}

fn number(params: &Params, name: &str) -> Result<u64, Failure> {
    match params.get(name) {
        "" => Ok(0),
        text => text
            .parse()
            .map_err(|_| Failure::bad_request(format!("strconv.ParseInt: parsing {text:?}: invalid syntax"))),
    }
}

fn list(
    shared: &Shared,
    kind: &'static Kind,
    namespace: Option<&str>,
    call: &Call,
) -> Result<Response<Answer>, Failure> {
    let params = &call.params;
    let selector = Selector::of(kind, params.get("labelSelector"), params.get("fieldSelector"))?;
    let revision = number(params, "resourceVersion")?;
    let current = shared.store.revision();
    if revision > current {
        return Err(Failure::too_large_resource_version(revision, current));
    }
    let exactly = match params.get("resourceVersionMatch") {
        "" | "NotOlderThan" => None,
        "Exact" if revision > 0 => Some(revision),
        other => {
            let message = format!("resourceVersionMatch: {other:?} is not possible with resourceVersion {revision}");
            return Err(Failure::bad_request(message));
        }
    };
    let limit = usize::try_from(number(params, "limit")?).unwrap_or(usize::MAX);
    let query = Query { namespace, limit, token: params.get("continue"), exactly };
    let Page { items, revision, next, remaining } = shared.store.list(kind, &query, |object| selector.wants(object))?;
    let mut meta = json!({ "resourceVersion": revision.to_string() });
    if !next.is_empty() {
        meta["continue"] = json!(next);
        // With a selector the real server does not count what is left.
        if selector.is_empty() {
            meta["remainingItemCount"] = json!(remaining);
        }
    }
    // Items of a list do not repeat its kind.
    let items: Vec<Value> = items
        .iter()
        .map(|item| {
            let mut item = Value::clone(item);
            if matches!(call.form, Form::Json | Form::Yaml)
                && let Some(fields) = item.as_object_mut()
            {
                fields.remove("kind");
                fields.remove("apiVersion");
            }
            item
        })
        .collect();
    let list = json!({
        "kind": kind.list_kind(), "apiVersion": kind.group_version(), "metadata": meta, "items": items,
    });
    Ok(write(shared, kind, 200, &list, &call.form, params))
}

/// `dryRun` as the query or the options have it.
fn is_dry(params: &Params) -> Result<bool, Failure> {
    match params.get("dryRun") {
        "" => Ok(false),
        "All" => Ok(true),
        other => Err(Failure::bad_request(format!("dryRun: Unsupported value: {other:?}: supported values: \"All\""))),
    }
}

async fn change(
    shared: &Shared,
    kind: &'static Kind,
    resource: &Resource,
    name: &str,
    call: Call,
) -> Result<Response<Answer>, Failure> {
    let Call { user, method, params, form, content_type, user_agent, body: incoming } = call;
    let validation = match params.get("fieldValidation") {
        "" | "Warn" => Validation::Warn,
        "Strict" => Validation::Strict,
        "Ignore" => Validation::Ignore,
        other => {
            let message = format!(
                "fieldValidation: Unsupported value: {other:?}: supported values: \"Ignore\", \"Strict\", \"Warn\""
            );
            return Err(Failure::bad_request(message));
        }
    };
    // Without a manager the program's name stands in, as far as its first slash.
    let manager = match params.get("fieldManager") {
        "" => user_agent.split('/').next().unwrap_or_default(),
        manager => manager,
    };
    let request = Request {
        user: &user,
        manager: if manager.is_empty() { "unknown" } else { manager },
        kind,
        namespace: resource.namespace.as_deref(),
        name,
        subresource: &resource.subresource,
        dry: is_dry(&params)?,
        validation,
        service_cidrs: &shared.service_cidrs,
    };
    request.may_decide(&shared.store)?;
    let bytes = body::read(incoming).await?;
    if resource.subresource == "scale" {
        let scaled = scale(shared, &request, &method, &content_type, &bytes)?;
        return Ok(body::json(200, &scale_of(&scaled)));
    }
    let outcome = match method {
        Method::POST => request.create(&shared.store, decode_body(&content_type, &bytes)?)?,
        Method::PUT => request.update(&shared.store, decode_body(&content_type, &bytes)?)?,
        _ => {
            let patch = notation(&content_type, &params)?;
            if patch == Patch::Of(PatchType::Strategic) && kind.is_custom() {
                return Err(Failure::unsupported_media_type(
                    "application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml",
                ));
            }
            request.patch(&shared.store, patch, decode_body(&content_type, &bytes)?)?
        }
    };
    let Outcome { object, created, warnings } = outcome;
    let mut response = write(shared, kind, if created { 201 } else { 200 }, &object, &form, &params);
    body::warn(&mut response, &warnings);
    Ok(response)
}

fn notation(content_type: &str, params: &Params) -> Result<Patch, Failure> {
    const ACCEPTED: &str = "application/json-patch+json, application/merge-patch+json, \
        application/strategic-merge-patch+json, application/apply-patch+yaml";
    let media = content_type.split(';').next().unwrap_or_default().trim();
    let patch = match media {
        "application/json-patch+json" => Patch::Of(PatchType::Json),
        "application/merge-patch+json" => Patch::Of(PatchType::Merge),
        "application/strategic-merge-patch+json" => Patch::Of(PatchType::Strategic),
        "application/apply-patch+yaml" if params.get("fieldManager").is_empty() => {
            let message =
                "PatchOptions.meta.k8s.io \"\" is invalid: fieldManager: Required value: is required for apply patch";
            return Err(Failure::unprocessable(message));
        }
        "application/apply-patch+yaml" => return Ok(Patch::Apply { force: params.is_set("force") }),
        _ => return Err(Failure::unsupported_media_type(ACCEPTED)),
    };
    if params.is_set("force") {
        let message =
            "PatchOptions.meta.k8s.io \"\" is invalid: force: Forbidden: may not be specified for non-apply patch";
        return Err(Failure::unprocessable(message));
    }
    Ok(patch)
}

/// `autoscaling/v1` `Scale` of an object.
fn scale_of(object: &Value) -> Value {
    let meta = &object["metadata"];
    let labels = object["spec"]["selector"]["matchLabels"].as_object().into_iter().flatten();
    let selector: Vec<String> = labels.map(|(k, v)| format!("{k}={}", v.as_str().unwrap_or_default())).collect();
    json!({
        "kind": "Scale", "apiVersion": "autoscaling/v1",
        "metadata": {
            "name": meta["name"], "namespace": meta["namespace"], "uid": meta["uid"],
            "resourceVersion": meta["resourceVersion"], "creationTimestamp": meta["creationTimestamp"],
        },
        "spec": { "replicas": object["spec"]["replicas"] },
        "status": {
            "replicas": object["status"]["replicas"].as_u64().unwrap_or(0),
            "selector": selector.join(","),
        },
    })
}

fn scale(
    shared: &Shared,
    request: &Request<'_>,
    method: &Method,
    content_type: &str,
    bytes: &Bytes,
) -> Result<std::sync::Arc<Value>, Failure> {
    let body = decode_body(content_type, bytes)?;
    if *method == Method::PATCH && notation(content_type, &Params::none())? == Patch::Of(PatchType::Json) {
        return Err(Failure::unsupported_media_type("application/merge-patch+json"));
    }
    let Some(replicas) = body.value["spec"].get("replicas").and_then(Value::as_u64) else {
        return Err(Failure::bad_request("spec.replicas: Required value"));
    };
    request.scale(&shared.store, replicas, text(body.value["metadata"].get("resourceVersion")))
}

/// How to delete, from the query and `DeleteOptions` in the body.
struct Options {
    dry: bool,
    preconditions: Preconditions,
    propagation: Propagation,
}

async fn options(params: &Params, content_type: &str, incoming: Incoming) -> Result<Options, Failure> {
    let bytes = body::read(incoming).await?;
    let sent = if bytes.is_empty() { json!({}) } else { decode_body(content_type, &bytes)?.value };
    let policy = match params.get("propagationPolicy") {
        "" => text(sent.get("propagationPolicy")),
        policy => policy,
    };
    let orphan = sent.get("orphanDependents") == Some(&json!(true)) || params.is_set("orphanDependents");
    let propagation = match policy {
        "" if orphan => Propagation::Orphan,
        "" | "Background" => Propagation::Background,
        "Foreground" => Propagation::Foreground,
        "Orphan" => Propagation::Orphan,
        other => {
            let message = format!(
                "DeleteOptions.meta.k8s.io \"\" is invalid: propagationPolicy: Unsupported value: {other:?}: supported \
                 values: \"Foreground\", \"Background\", \"Orphan\""
            );
            return Err(Failure::unprocessable(message));
        }
    };
    let dry = is_dry(params)? || sent["dryRun"].as_array().is_some_and(|list| list.contains(&json!("All")));
    let precondition = |name: &str| text(sent["preconditions"].get(name)).to_owned();
    let preconditions = Preconditions { uid: precondition("uid"), resource_version: precondition("resourceVersion") };
    Ok(Options { dry, preconditions, propagation })
}

async fn delete(
    shared: &Shared,
    kind: &'static Kind,
    namespace: Option<&str>,
    name: &str,
    call: Call,
) -> Result<Response<Answer>, Failure> {
    let options = options(&call.params, &call.content_type, call.body).await?;
    let request = Request { dry: options.dry, ..Request::by(&call.user, kind, namespace, name) };
    let (last, stays) = request.delete(&shared.store, &options.preconditions, options.propagation)?;
    if stays {
        return Ok(write(shared, kind, 200, &last, &call.form, &call.params));
    }
    let mut details = json!({ "name": name, "kind": kind.plural, "uid": last["metadata"]["uid"] });
    if !kind.group.is_empty() {
        details["group"] = json!(kind.group);
    }
    let status = json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details,
    });
    Ok(body::json(200, &status))
}

async fn delete_all(
    shared: &Shared,
    kind: &'static Kind,
    namespace: Option<&str>,
    call: Call,
) -> Result<Response<Answer>, Failure> {
    if namespace.is_some() != kind.namespaced || kind.plural == "namespaces" {
        return Err(Failure::method_not_allowed());
    }
    let selector = Selector::of(kind, call.params.get("labelSelector"), call.params.get("fieldSelector"))?;
    let options = options(&call.params, &call.content_type, call.body).await?;
    let page = shared.store.list(kind, &Query { namespace, ..Query::default() }, |object| selector.wants(object))?;
    for object in &page.items {
        let name = text(object["metadata"].get("name"));
        let request = Request { dry: options.dry, ..Request::by(&call.user, kind, namespace, name) };
        match request.delete(&shared.store, &Preconditions::default(), options.propagation) {
            Err(failure) if failure.code() != 404 => return Err(failure),
            _ => {}
        }
    }
    let list = json!({
        "kind": kind.list_kind(), "apiVersion": kind.group_version(),
        "metadata": { "resourceVersion": page.revision.to_string() },
        "items": page.items.iter().map(AsRef::as_ref).collect::<Vec<&Value>>(),
    });
    Ok(write(shared, kind, 200, &list, &call.form, &call.params))
}
