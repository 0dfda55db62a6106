//! Waiting for an object by a watch: what happens is noticed when it happens.

use std::time::Duration;

use futures_util::StreamExt;
use kube::core::WatchEvent;
use kubephase_model::object::ObjectRef;
use serde_json::Value;

use super::retry::{Pauses, Request};
use super::{Api, ApiError, items, query};

impl Api {
    /// Waits until `ready` says so of the object (`None` while it does not exist) and returns it. `what` completes the
    /// error, as in `Node a has not become ready`. Servers that restart meanwhile are waited for, too. A dry run looks
    /// once.
    pub async fn wait(
        &self,
        name: &ObjectRef,
        what: &str,
        deadline: Duration,
        ready: impl Fn(Option<&Value>) -> bool + Send + Sync,
    ) -> Result<Option<Value>, ApiError> {
        if self.pretended.is_some() {
            return self.get(name).await;
        }
        let mut pauses = Pauses::new(deadline);
        let mut last = None;
        loop {
            match tokio::time::timeout(pauses.left(), self.watch(name, &ready)).await {
                Ok(Ok(Some(found))) => return Ok(found),
                // The server ends every watch some time.
                Ok(Ok(None)) => last = None,
                Ok(Err(error)) if error.is_forbidden() || error.code() == Some(401) => return Err(error),
                Ok(Err(error)) => last = Some(error.to_string()),
                Err(_) => return Err(ApiError::Waited { what: what.to_owned(), waited: pauses.waited(), last }),
            }
            if !pauses.pause(None, deadline).await {
                return Err(ApiError::Waited { what: what.to_owned(), waited: pauses.waited(), last });
            }
        }
    }

    /// `None` if the watch ended before.
    async fn watch(
        &self,
        name: &ObjectRef,
        ready: &(impl Fn(Option<&Value>) -> bool + Send + Sync),
    ) -> Result<Option<Option<Value>>, ApiError> {
        let what = format!("watch {name}");
        let path = name.kind.path(name.namespace.as_deref());
        let field = format!("metadata.name={}", name.name);
        let list = Request::new("GET", what.clone(), format!("{path}{}", query(&[("fieldSelector", &field)])));
        let list = self.once(&list).await.map_err(|failed| failed.error)?;
        let version = list.pointer("/metadata/resourceVersion").and_then(Value::as_str).unwrap_or_default().to_owned();
        let now = items(name.kind, list).pop();
        if ready(now.as_ref()) {
            return Ok(Some(now));
        }
        let watch = query(&[("watch", "true"), ("fieldSelector", &field), ("resourceVersion", &version)]);
        let request = Request::new("GET", what, format!("{path}{watch}"));
        let silent = |error: kube::Error| self.no_answer(&request, super::error::innermost(&error));
        let events = self.client.request_events::<Value>(request.build()).await.map_err(silent)?;
        let mut events = std::pin::pin!(events);
        while let Some(event) = events.next().await {
            let now = match event.map_err(silent)? {
                WatchEvent::Added(object) | WatchEvent::Modified(object) => Some(object),
                WatchEvent::Deleted(_) => None,
                WatchEvent::Bookmark(_) => continue,
                // Too old, usually: begin again with a list.
                WatchEvent::Error(_) => return Ok(None),
            };
            if ready(now.as_ref()) {
                return Ok(Some(now));
            }
        }
        Ok(None)
    }
}
