//! Waiting for an object by a watch: what happens is noticed when it happens.

use std::time::Duration;

use futures_util::StreamExt;
use kube::core::WatchEvent;
use kubephase_model::object::ObjectRef;
use serde_json::Value;

use super::retry::{Failed, Pauses, Request};
use super::{Api, ApiError, items, query};

/// A watch without an event for this long is begun anew.
const QUIET: Duration = Duration::from_secs(10);

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
        let waited = |pauses: &Pauses, last| ApiError::Waited { what: what.to_owned(), waited: pauses.waited(), last };
        let mut last = None;
        loop {
            match tokio::time::timeout(pauses.left(), self.watch(name, &ready)).await {
                Ok(Ok(Some(found))) => return Ok(found),
                // The server ends every watch some time.
                Ok(Ok(None)) => last = None,
                Ok(Err(failed)) => {
                    if !pauses.pause_after(&failed, "GET", self.grace).await {
                        return Err(match failed.error {
                            error @ ApiError::Refused { .. } => error,
                            error => waited(&pauses, Some(error.to_string())),
                        });
                    }
                    last = Some(failed.error.to_string());
                    continue;
                }
                Err(_) => return Err(waited(&pauses, last)),
            }
            if !pauses.pause(None).await {
                return Err(waited(&pauses, last));
            }
        }
    }

    /// `None` if the watch ended before.
    async fn watch(
        &self,
        name: &ObjectRef,
        ready: &(impl Fn(Option<&Value>) -> bool + Send + Sync),
    ) -> Result<Option<Option<Value>>, Failed> {
        let what = format!("watch {name}");
        let path = name.kind.path(name.namespace.as_deref());
        let field = format!("metadata.name={}", name.name);
        let list = Request::new("GET", what.clone(), format!("{path}{}", query(&[("fieldSelector", &field)])));
        let list = self.once(&list).await?;
        let version = list.pointer("/metadata/resourceVersion").and_then(Value::as_str).unwrap_or_default().to_owned();
        let now = items(name.kind, list).pop();
        if ready(now.as_ref()) {
            return Ok(Some(now));
        }
        let watch = query(&[("watch", "true"), ("fieldSelector", &field), ("resourceVersion", &version)]);
        let request = Request::new("GET", what, format!("{path}{watch}"));
        let silent = |error: kube::Error| Failed::new(self.no_answer(&request, super::error::innermost(&error)));
        let events = self.client.request_events::<Value>(request.build()).await.map_err(silent)?;
        let mut events = std::pin::pin!(events);
        // A connection that is dead without having been closed stays silent, too.
        while let Ok(Some(event)) = tokio::time::timeout(QUIET, events.next()).await {
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
