//! Reviews: objects that are answered at once and never stored. Who am I, what may I do.

use http::{Method, Response};
use serde_json::{Map, Value, json};

use super::Shared;
use super::body::{self, Body};
use super::dispatch::Call;
use super::objects::read_body;
use super::path::Resource;
use crate::auth::User;
use crate::rbac::{self, Attributes, decide};
use crate::status::Failure;

/// One kind of review.
pub(super) struct Review {
    pub(super) group: &'static str,
    pub(super) plural: &'static str,
    pub(super) singular: &'static str,
    pub(super) kind: &'static str,
    pub(super) namespaced: bool,
    status: fn(&Shared, &User, &Value) -> Value,
}

const AUTHORIZATION: &str = "authorization.k8s.io";

pub(super) const REVIEWS: &[Review] = &[
    Review {
        group: AUTHORIZATION,
        plural: "localsubjectaccessreviews",
        singular: "localsubjectaccessreview",
        kind: "LocalSubjectAccessReview",
        namespaced: true,
        status: subject_access,
    },
    Review {
        group: AUTHORIZATION,
        plural: "selfsubjectaccessreviews",
        singular: "selfsubjectaccessreview",
        kind: "SelfSubjectAccessReview",
        namespaced: false,
        status: |shared, user, spec| access(shared, user, spec),
    },
    Review {
        group: AUTHORIZATION,
        plural: "selfsubjectrulesreviews",
        singular: "selfsubjectrulesreview",
        kind: "SelfSubjectRulesReview",
        namespaced: false,
        status: |shared, user, spec| rbac::summary(&shared.store, user, spec["namespace"].as_str().unwrap_or_default()),
    },
    Review {
        group: AUTHORIZATION,
        plural: "subjectaccessreviews",
        singular: "subjectaccessreview",
        kind: "SubjectAccessReview",
        namespaced: false,
        status: subject_access,
    },
    Review {
        group: "authentication.k8s.io",
        plural: "selfsubjectreviews",
        singular: "selfsubjectreview",
        kind: "SelfSubjectReview",
        namespaced: false,
        status: |_, user, _| json!({ "userInfo": user.info() }),
    },
];

pub(super) fn find(resource: &Resource) -> Option<&'static Review> {
    REVIEWS
        .iter()
        .find(|review| review.group == resource.group && review.plural == resource.plural && resource.version == "v1")
}

pub(super) async fn answer(
    shared: &Shared,
    resource: &Resource,
    review: &Review,
    call: Call,
) -> Result<Response<Body>, Failure> {
    if call.method != Method::POST || resource.name.is_some() {
        return Err(Failure::method_not_allowed());
    }
    let body = read_body(&call.content_type, call.body).await?;
    let mut object: Value = body.value;
    if object["kind"] != review.kind {
        let message = format!("the object in the body is no {}", review.kind);
        return Err(Failure::bad_request(message));
    }
    if let Some(namespace) = &resource.namespace {
        object["spec"]["resourceAttributes"]["namespace"] = json!(namespace);
    }
    object["metadata"] = object.get("metadata").filter(|meta| meta.is_object()).cloned().unwrap_or_else(|| json!({}));
    object["status"] = (review.status)(shared, &call.user, &object["spec"]);
    if review.kind == "SelfSubjectReview" {
        object["metadata"] = json!({ "creationTimestamp": shared.store.clock().stamp() });
        object.as_object_mut().map(|object: &mut Map<String, Value>| object.remove("spec"));
    }
    Ok(body::json(201, &object))
}

/// Whether `user` may do what the `spec` of an access review says.
fn access(shared: &Shared, user: &User, spec: &Value) -> Value {
    let field = |of: &Value, name: &str| of[name].as_str().unwrap_or_default().to_owned();
    let attributes = match (spec.get("resourceAttributes"), spec.get("nonResourceAttributes")) {
        (Some(wanted), _) if !wanted.is_null() => Attributes {
            verb: field(wanted, "verb"),
            group: field(wanted, "group"),
            resource: field(wanted, "resource"),
            subresource: field(wanted, "subresource"),
            namespace: field(wanted, "namespace"),
            name: field(wanted, "name"),
            path: String::new(),
        },
        (_, wanted) => {
            let wanted = wanted.unwrap_or(&Value::Null);
            Attributes { verb: field(wanted, "verb"), path: field(wanted, "path"), ..Attributes::default() }
        }
    };
    let decision = decide(&shared.store, user, &attributes);
    let mut status = json!({ "allowed": decision.allowed });
    if !decision.reason.is_empty() {
        status["reason"] = json!(decision.reason);
    }
    status
}

fn subject_access(shared: &Shared, _: &User, spec: &Value) -> Value {
    let groups = spec["groups"].as_array().into_iter().flatten().filter_map(Value::as_str).map(ToOwned::to_owned);
    let user = User {
        name: spec["user"].as_str().unwrap_or_default().to_owned(),
        uid: String::new(),
        groups: groups.collect(),
        extra: std::collections::BTreeMap::new(),
    };
    access(shared, &user, spec)
}
