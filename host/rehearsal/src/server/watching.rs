//! Watches over the wire: one JSON document for each event, bookmarks while nothing happens, an end after a while.

use std::time::Duration;

use futures_util::stream;
use http::Response;
use http::header::{CONTENT_TYPE, HeaderValue};
use http_body_util::{BodyExt as _, StreamBody};
use hyper::body::{Bytes, Frame};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep_until};

use super::Shared;
use super::body::Body;
use super::dispatch::Call;
use super::form::Form;
use super::path::Params;
use crate::kinds::Kind;
use crate::selector::Selector;
use crate::status::Failure;
use crate::store::{Change, Event, Start, Store, Watch};

/// How long a watch lasts that does not say so. The real server draws between half an hour and an hour.
const LIFETIME: Duration = Duration::from_secs(45 * 60);
/// How often there is a bookmark.
const BOOKMARK: Duration = Duration::from_secs(60);
/// The annotation of the bookmark that follows what was there at the start.
const INITIAL_END: &str = "k8s.io/initial-events-end";

pub(super) fn answer(
    shared: &Shared,
    kind: &'static Kind,
    namespace: Option<&str>,
    call: &Call,
) -> Result<Response<Body>, Failure> {
    let params = &call.params;
    let selector = Selector::of(kind, params.get("labelSelector"), params.get("fieldSelector"))?;
    let bookmarks = params.is_set("allowWatchBookmarks");
    let initial = params.is_set("sendInitialEvents");
    if initial && params.get("resourceVersionMatch") != "NotOlderThan" {
        let message = "ListOptions.meta.k8s.io \"\" is invalid: resourceVersionMatch: Forbidden: sendInitialEvents requires \
                       setting resourceVersionMatch to NotOlderThan";
        return Err(Failure::unprocessable(message));
    }
    let revision = params.get("resourceVersion");
    let start = match revision {
        "" | "0" => Start::Now,
        _ if initial => Start::Now,
        text => Start::After(
            text.parse().map_err(|_| Failure::bad_request(format!("Invalid value: {text:?}: no resource version")))?,
        ),
    };
    // Said so explicitly: nothing of what is there now.
    let start = match start {
        Start::Now if !initial && params.get("sendInitialEvents") == "false" => Start::After(shared.store.revision()),
        start => start,
    };
    let lifetime = match params.get("timeoutSeconds").parse::<u64>() {
        Ok(seconds) if seconds > 0 => Duration::from_secs(seconds),
        _ => LIFETIME,
    };
    let now = Instant::now();
    let stream = Told {
        watch: match shared.store.watch(kind, namespace, start) {
            Ok(watch) => Ok(watch),
            // Too old is told as an event, after a good start.
            Err(failure) if failure.code() == 410 => Err(failure),
            Err(failure) => return Err(failure),
        },
        store: shared.store.clone(),
        kind,
        selector,
        form: call.form.clone(),
        include: Params::one("includeObject", params.get("includeObject")),
        end: now + lifetime,
        next_bookmark: bookmarks.then_some(now + BOOKMARK),
        initial_end: initial && bookmarks,
        is_over: false,
    };
    let frames = stream::unfold(stream, |mut told| async move {
        let line = told.next().await?;
        let mut text = line.to_string();
        text.push('\n');
        Some((Ok(Frame::data(Bytes::from(text))), told))
    });
    let mut response = Response::new(StreamBody::new(frames).boxed_unsync());
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response.headers_mut().insert("cache-control", HeaderValue::from_static("no-cache, private"));
    Ok(response)
}

/// A watch and what its client wants to hear of it.
struct Told {
    watch: Result<Watch, Failure>,
    store: Store,
    kind: &'static Kind,
    selector: Selector,
    form: Form,
    include: Params,
    end: Instant,
    next_bookmark: Option<Instant>,
    initial_end: bool,
    is_over: bool,
}

impl Told {
    /// The next line; none at the end.
    async fn next(&mut self) -> Option<Value> {
        if self.is_over {
            return None;
        }
        loop {
            let watch = match &mut self.watch {
                Ok(watch) => watch,
                Err(failure) => {
                    self.is_over = true;
                    return Some(json!({ "type": "ERROR", "object": failure.status() }));
                }
            };
            if self.initial_end && !watch.is_initial() {
                self.initial_end = false;
                let revision = watch.seen();
                return Some(self.bookmark(revision, true));
            }
            let bookmark = self.next_bookmark.unwrap_or(self.end);
            let event = tokio::select! {
                biased;
                event = watch.next() => event,
                () = sleep_until(self.end) => return None,
                () = sleep_until(bookmark) => {
                    let revision = watch.seen();
                    self.next_bookmark = Some(Instant::now() + BOOKMARK);
                    return Some(self.bookmark(revision, false));
                }
            };
            match event {
                Ok(event) => {
                    if let Some(change) = self.seen_as(&event) {
                        return Some(self.line(change, &event.object));
                    }
                }
                Err(failure) => self.watch = Err(failure),
            }
        }
    }

    /// What an event is to those who see a selection only: an object may come into it and leave it.
    fn seen_as(&self, event: &Event) -> Option<Change> {
        let wanted = self.selector.wants(&event.object);
        let was_wanted = event.previous.as_ref().is_some_and(|previous| self.selector.wants(previous));
        match (event.change, was_wanted, wanted) {
            (Change::Deleted, true, _) | (_, true, false) => Some(Change::Deleted),
            (Change::Deleted, false, _) | (_, false, false) => None,
            (_, false, true) => Some(Change::Added),
            (_, true, true) => Some(Change::Modified),
        }
    }

    fn line(&self, change: Change, object: &Value) -> Value {
        let shaped = self.form.shape(self.kind, object, &self.include, self.store.clock().now());
        json!({ "type": change.as_str(), "object": shaped })
    }

    fn bookmark(&self, revision: u64, initial_end: bool) -> Value {
        let mut meta = json!({ "resourceVersion": revision.to_string(), "creationTimestamp": null });
        if initial_end {
            meta["annotations"] = json!({ INITIAL_END: "true" });
        }
        let object = match &self.form {
            Form::Table(version) => json!({
                "kind": "Table", "apiVersion": format!("meta.k8s.io/{version}"),
                "metadata": { "resourceVersion": revision.to_string() }, "columnDefinitions": [], "rows": [],
            }),
            Form::Metadata(version) => json!({
                "kind": "PartialObjectMetadata", "apiVersion": format!("meta.k8s.io/{version}"), "metadata": meta,
            }),
            _ => json!({ "kind": self.kind.kind, "apiVersion": self.kind.group_version(), "metadata": meta }),
        };
        json!({ "type": "BOOKMARK", "object": object })
    }
}
