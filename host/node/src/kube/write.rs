//! Writing objects. The verbs are kubeadm's (`cmd/kubeadm/app/util/apiclient/idempotency.go`), with two differences:
//! a replacement names the version that it replaces, so that nobody's write is lost unseen, and it keeps what others
//! put beside ours (labels, annotations, owners, fields that we do not set), so that a second run changes nothing.

use std::sync::Arc;

use kubephase_model::object::ObjectRef;
use serde_json::Value;

use super::merge::{change, keep_others};
use super::retry::{Pauses, Request, found};
use super::{Api, ApiError, Patch};
use crate::change::ChangeKind;
use crate::node::lock;

/// The server does all but storing what it is sent.
const DRY_RUN: &str = "?dryRun=All";

/// An object's name, or the fault of having none.
fn named(object: &Value) -> Result<ObjectRef, ApiError> {
    ObjectRef::of(object).ok_or_else(|| {
        let text = |path: &str| object.pointer(path).and_then(Value::as_str).unwrap_or("?").to_owned();
        ApiError::Unnamed(format!("{} {}", text("/apiVersion"), text("/kind")))
    })
}

fn version(object: &Value) -> Option<&Value> {
    object.pointer("/metadata/resourceVersion")
}

impl Api {
    /// Creates an object; that it is there already is an error ([`ApiError::is_already_exists`]). Returns what the
    /// server made of it.
    pub async fn create(&self, object: &Value) -> Result<Value, ApiError> {
        let name = named(object)?;
        if self.pretended.is_some() {
            if self.get(&name).await?.is_some() {
                return Err(ApiError::Refused {
                    what: format!("create {name}"),
                    code: 409,
                    reason: "AlreadyExists".into(),
                    message: format!("{name} already exists"),
                });
            }
            let path = format!("{}{DRY_RUN}", name.kind.path(name.namespace.as_deref()));
            let made = self.look(Request::new("POST", format!("create {name}"), path).body(object)).await?;
            return Ok(self.pretend(&name, None, made.unwrap_or_else(|| object.clone())));
        }
        let path = name.kind.path(name.namespace.as_deref());
        let mut pauses = Pauses::new(self.deadline);
        let mut unsure = false;
        loop {
            let request = Request::new("POST", format!("create {name}"), path.clone()).body(object);
            match self.within(pauses.left()).send_unsure(request, &mut unsure).await {
                Ok(created) => {
                    self.record(&name, None, Some(&created));
                    return Ok(created);
                }
                // An attempt whose answer was lost has made it.
                Err(error) if error.is_already_exists() && unsure => {
                    let found = self.within(pauses.left()).get(&name).await?;
                    let ours = found.filter(|found| keep_others(found, object) == *found);
                    let Some(created) = ours else { return Err(error) };
                    self.record(&name, None, Some(&created));
                    return Ok(created);
                }
                // A server that has just started makes its namespaces a moment later.
                Err(error) if error.is_not_found() && name.namespace.is_some() => {
                    if !pauses.pause(None).await {
                        return Err(error);
                    }
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Creates an object, or replaces the one that is there. Returns what the server made of it.
    pub async fn create_or_update(&self, object: &Value) -> Result<Value, ApiError> {
        let name = named(object)?;
        self.create_or(&name, object, &|found| *found = keep_others(found, object)).await
    }

    /// [`Api::create_or_update`] of many objects that do not depend on each other, at the same time, told in the given
    /// order. The first failure is returned; what was sent beside it has happened.
    pub async fn create_or_update_all(&self, objects: &[Value]) -> Result<Vec<Value>, ApiError> {
        let calls = objects.iter().map(|object| async move {
            let aside = Arc::default();
            let api = Self { aside: Some(Arc::clone(&aside)), ..self.clone() };
            (api.create_or_update(object).await, aside)
        });
        let done = futures_util::future::join_all(calls).await;
        for (_, aside) in &done {
            lock(aside).drain(..).for_each(|change| self.node.record(change));
        }
        done.into_iter().map(|(result, _)| result).collect()
    }

    /// Creates an object, or leaves the one that is there alone. Returns what is there.
    pub async fn create_or_retain(&self, object: &Value) -> Result<Value, ApiError> {
        let name = named(object)?;
        self.create_or(&name, object, &|_| {}).await
    }

    /// Creates an object, or changes the one that is there. Returns what is there then.
    pub async fn create_or_mutate(&self, object: &Value, mutate: &Mutate<'_>) -> Result<Value, ApiError> {
        let name = named(object)?;
        self.create_or(&name, object, mutate).await
    }

    async fn create_or(&self, name: &ObjectRef, object: &Value, mutate: &Mutate<'_>) -> Result<Value, ApiError> {
        let mut pauses = Pauses::new(self.deadline);
        loop {
            let api = self.within(pauses.left());
            let refused = match api.create(object).await {
                Err(error) if error.is_already_exists() => None,
                // A Service whose address is taken is refused as invalid before anybody looks at its name.
                Err(error) if error.code() == Some(422) => Some(error),
                other => return other,
            };
            match (api.mutate(name, mutate).await?, refused) {
                (Some(found), _) => return Ok(found),
                // What it refers to may come to be known a moment later.
                (None, Some(_)) if pauses.pause_refused(self.grace).await => {}
                (None, Some(error)) => return Err(error),
                // It went away between the two calls.
                (None, None) if pauses.pause(None).await => {}
                (None, None) => {
                    return Err(ApiError::Waited {
                        what: format!("{name} has not stayed what it was"),
                        waited: pauses.waited(),
                        last: Some("others create and delete it".into()),
                    });
                }
            }
        }
    }

    /// Changes an object: reads it, and replaces exactly that version; if somebody else was faster, again. `None` if it
    /// does not exist.
    pub async fn mutate(&self, name: &ObjectRef, mutate: &Mutate<'_>) -> Result<Option<Value>, ApiError> {
        let mut pauses = Pauses::new(self.deadline);
        loop {
            let api = self.within(pauses.left());
            let Some(before) = api.get(name).await? else { return Ok(None) };
            let mut after = before.clone();
            mutate(&mut after);
            if after == before {
                self.record(name, Some(&before), Some(&before));
                return Ok(Some(before));
            }
            let put = |query: &str| {
                Request::new("PUT", format!("update {name}"), format!("{}{query}", name.path())).body(&after)
            };
            let sent = match &self.pretended {
                Some(pretended) if lock(pretended).get(name).is_some() => Ok(None),
                // The server says what it would make of it: defaults are no differences.
                Some(_) => api.look(put(DRY_RUN)).await,
                None => api.send(put("")).await.map(Some),
            };
            match sent {
                Ok(now) if self.pretended.is_some() => {
                    return Ok(Some(self.pretend(name, Some(&before), now.unwrap_or(after))));
                }
                Ok(now) => {
                    let now = now.unwrap_or(after);
                    self.record(name, Some(&before), Some(&now));
                    return Ok(Some(now));
                }
                Err(error) if matches!(error.code(), Some(404 | 409)) => {
                    if !pauses.pause(None).await {
                        return Err(error);
                    }
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Sends a patch, which the server applies to whatever is there then. `subresource` as in `status`.
    pub async fn patch(
        &self,
        name: &ObjectRef,
        patch: Patch,
        body: &Value,
        subresource: Option<&str>,
    ) -> Result<Value, ApiError> {
        let before = self.get(name).await?;
        let path = subresource.map_or_else(|| name.path(), |sub| format!("{}/{sub}", name.path()));
        let query = if self.pretended.is_some() { DRY_RUN } else { "" };
        let request = Request::new("PATCH", format!("patch {name}"), format!("{path}{query}"));
        let request = request.content_type(patch.content_type()).body(body);
        if self.pretended.is_some() {
            // What the patch makes of it only the server knows.
            let after = self.look(request).await?.or_else(|| before.clone()).unwrap_or_default();
            return Ok(self.pretend(name, before.as_ref(), after));
        }
        let after = self.send(request).await?;
        self.record(name, before.as_ref(), Some(&after));
        Ok(after)
    }

    /// Replaces a subresource, such as a certificate signing request's `approval`. The object names the version that
    /// was read; a conflict is the caller's to solve.
    pub async fn update_subresource(
        &self,
        name: &ObjectRef,
        subresource: &str,
        object: &Value,
    ) -> Result<Value, ApiError> {
        let before = self.get(name).await?;
        if self.pretended.is_some() {
            return Ok(self.pretend(name, before.as_ref(), object.clone()));
        }
        let path = format!("{}/{subresource}", name.path());
        let after = self.send(Request::new("PUT", format!("update {name}"), path).body(object)).await?;
        self.record(name, before.as_ref(), Some(&after));
        Ok(after)
    }

    /// Creates a subresource, such as a Pod's `eviction`. A dry run takes it for done.
    pub async fn create_subresource(
        &self,
        name: &ObjectRef,
        subresource: &str,
        object: &Value,
    ) -> Result<(), ApiError> {
        if self.pretended.is_some() {
            return Ok(());
        }
        let path = format!("{}/{subresource}", name.path());
        self.send(Request::new("POST", format!("create {subresource} of {name}"), path).body(object)).await.map(drop)
    }

    /// Deletes an object, with what it owns. False if it does not exist.
    pub async fn delete(&self, name: &ObjectRef) -> Result<bool, ApiError> {
        self.delete_if(name, Deletion::default()).await
    }

    /// The same, as `deletion` says. Fails with 409 if it asks for another object than the one that is there.
    pub async fn delete_if(&self, name: &ObjectRef, deletion: Deletion<'_>) -> Result<bool, ApiError> {
        let Some(before) = self.get(name).await? else { return Ok(false) };
        if let Some(pretended) = &self.pretended {
            lock(pretended).put(name, None);
            self.record(name, Some(&before), None);
            return Ok(true);
        }
        let policy = if deletion.foreground { "Foreground" } else { "Background" };
        let mut options = serde_json::json!({ "propagationPolicy": policy });
        if let Some(uid) = deletion.uid {
            options["preconditions"] = serde_json::json!({ "uid": uid });
        }
        let request = Request::new("DELETE", format!("delete {name}"), name.path()).body(&options);
        let gone = found(self.send(request).await)?.is_some();
        if gone {
            self.record(name, Some(&before), None);
        }
        Ok(gone)
    }

    pub(super) fn pretend(&self, name: &ObjectRef, before: Option<&Value>, after: Value) -> Value {
        if let Some(pretended) = &self.pretended {
            lock(pretended).put(name, Some(after.clone()));
        }
        self.record(name, before, Some(&after));
        after
    }

    pub(super) fn record(&self, name: &ObjectRef, before: Option<&Value>, after: Option<&Value>) {
        let mut change = change(name, before, after);
        // The server alone knows whether a write changed anything.
        if let (Some(before), Some(after)) = (before, after)
            && self.pretended.is_none()
            && version(before) == version(after)
        {
            change.kind = ChangeKind::Unchanged;
            change.diff = None;
        }
        match &self.aside {
            Some(aside) => lock(aside).push(change),
            None => self.node.record(change),
        }
    }
}

/// What to change about an object.
pub type Mutate<'a> = dyn Fn(&mut Value) + Send + Sync + 'a;

/// How an object is deleted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Deletion<'a> {
    /// What it owns goes first, and the object is there until then. Otherwise what it owns goes later.
    pub foreground: bool,
    /// Only the object of this uid is meant, not another one of the same name.
    pub uid: Option<&'a str>,
}
