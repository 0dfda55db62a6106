//! From a request to its answer: who asks, what for, may they, and who answers.

use std::sync::Arc;

use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, Method, Request, Response};
use hyper::body::Incoming;
use kubephase_pki::Cert;
use serde_json::json;

use super::body::{self, Body};
use super::form::Form;
use super::path::{Params, Resource};
use super::{Shared, custom, discovery, objects, reviews};
use crate::auth::{User, authenticate};
use crate::openapi;
use crate::rbac::{Attributes, decide};
use crate::status::Failure;

/// A request whose sender is known and may do what it asks.
pub(super) struct Call {
    pub(super) user: User,
    pub(super) method: Method,
    pub(super) params: Params,
    pub(super) form: Form,
    pub(super) content_type: String,
    pub(super) user_agent: String,
    pub(super) body: Incoming,
}

pub(super) async fn answer(shared: Arc<Shared>, chain: &[Cert], request: Request<Incoming>) -> Response<Body> {
    let id = crate::store::uid();
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    if !shared.store.show(&method, &path, false) {
        return body::text(503, "nobody is there to wait for an answer\n");
    }
    let mut response = route(&shared, chain, request).await.unwrap_or_else(|failure| body::failure(&failure));
    shared.store.show(&method, &path, true);
    if let Ok(id) = id.parse() {
        response.headers_mut().insert("audit-id", id);
    }
    response
}

async fn route(shared: &Arc<Shared>, chain: &[Cert], request: Request<Incoming>) -> Result<Response<Body>, Failure> {
    let (head, incoming) = request.into_parts();
    let header = |name| head.headers.get(name).and_then(|value: &http::HeaderValue| value.to_str().ok());
    let user = authenticate(&shared.store, &shared.authorities, chain, header(AUTHORIZATION))
        .map_err(|_| Failure::unauthorized())?;
    let user = impersonate(shared, user, &head.headers)?;
    let path = head.uri.path();
    let params = Params::of(&head.uri);
    let resource = Resource::of(path);
    let attributes = match &resource {
        Some(resource) => resource.attributes(&head.method, &params),
        None => {
            Attributes { verb: head.method.as_str().to_lowercase(), path: path.to_owned(), ..Attributes::default() }
        }
    };
    let decision = decide(&shared.store, &user, &attributes);
    if !decision.allowed {
        let mut why = attributes.refusal(&user);
        if !decision.reason.is_empty() {
            why = format!("{why}: {}", decision.reason);
        }
        return Err(Failure::forbidden(&attributes.group, &attributes.resource, &attributes.name, &why));
    }
    let call = Call {
        user,
        params,
        form: Form::of(header(ACCEPT).unwrap_or_default())?,
        content_type: header(CONTENT_TYPE).unwrap_or_default().to_owned(),
        user_agent: header(http::header::USER_AGENT).unwrap_or_default().to_owned(),
        method: head.method.clone(),
        body: incoming,
    };
    let Some(resource) = resource else {
        return documents(shared, path, &call);
    };
    if let Some(review) = reviews::find(&resource) {
        return reviews::answer(shared, &resource, review, call).await;
    }
    let kind = resource.kind().or_else(|| custom::find(&shared.store, &resource)).ok_or_else(Failure::no_resource)?;
    objects::answer(shared, kind, &resource, call).await
}

/// Who somebody wants to be taken for (`kubectl --as`), if they may.
fn impersonate(shared: &Shared, user: User, headers: &HeaderMap) -> Result<User, Failure> {
    let all = |name: &str| -> Vec<String> {
        headers.get_all(name).iter().filter_map(|value| Some(value.to_str().ok()?.to_owned())).collect()
    };
    let (name, groups) = (all("impersonate-user").into_iter().next().unwrap_or_default(), all("impersonate-group"));
    if name.is_empty() {
        return Ok(user);
    }
    let wanted = groups.iter().map(|group| ("groups", group)).chain([("users", &name)]);
    for (resource, name) in wanted {
        let attributes = Attributes {
            verb: "impersonate".to_owned(),
            resource: resource.to_owned(),
            name: name.clone(),
            ..Attributes::default()
        };
        if !decide(&shared.store, &user, &attributes).allowed {
            return Err(Failure::forbidden("", resource, name, &attributes.refusal(&user)));
        }
    }
    Ok(if name == "system:anonymous" { User::anonymous() } else { User::new(&name, groups) })
}

/// What there is beside resources.
fn documents(shared: &Shared, path: &str, call: &Call) -> Result<Response<Body>, Failure> {
    if call.method != Method::GET && call.method != Method::HEAD {
        return Err(Failure::method_not_allowed());
    }
    let path = if path.len() > 1 { path.trim_end_matches('/') } else { path };
    if let Some(document) = discovery::document(path, &call.form, &custom::kinds(&shared.store)) {
        return Ok(document);
    }
    let found = match path {
        "/version" => version(&shared.version),
        // Nothing is measured.
        "/metrics" => return Ok(body::text(200, "")),
        "/openapi/v2" => openapi::v2(),
        "/openapi/v3" => openapi::v3_index(),
        "/healthz" | "/livez" | "/readyz" => return Ok(health(path, call)),
        _ => match path.strip_prefix("/openapi/v3/").and_then(openapi::v3) {
            Some(document) => document,
            None if path.starts_with("/api/") || path.starts_with("/apis/") => return Err(Failure::no_resource()),
            None => return Ok(body::text(404, "404 page not found\n")),
        },
    };
    Ok(body::json(200, &found))
}

/// A healthy server's answer; with `?verbose` and the names of checks, as the real one lists them.
fn health(path: &str, call: &Call) -> Response<Body> {
    if !call.params.is_set("verbose") {
        return body::text(200, "ok");
    }
    let checks =
        ["ping", "log", "etcd", "poststarthook/start-apiextensions-controllers", "poststarthook/rbac/bootstrap-roles"];
    let mut text: String = checks.iter().map(|check| format!("[+]{check} ok\n")).collect();
    text.push_str(path.trim_start_matches('/'));
    text.push_str(" check passed\n");
    body::text(200, text)
}

fn version(version: &str) -> serde_json::Value {
    let mut numbers = version.trim_start_matches('v').split('.');
    json!({
        "major": numbers.next().unwrap_or_default(),
        "minor": numbers.next().unwrap_or_default(),
        "gitVersion": version,
        "gitCommit": "0000000000000000000000000000000000000000",
        "gitTreeState": "clean",
        "buildDate": "1970-01-01T00:00:00Z",
        "goVersion": "",
        "compiler": "rustc",
        "platform": "linux/amd64",
    })
}
