//! Watches: a cursor in the history, and a bell that rings when there is more.

use std::sync::Arc;

use serde_json::Value;
use tokio::sync::watch as signal;

use super::{Change, Event, Query, Store};
use crate::kinds::Kind;
use crate::status::Failure;

/// Where a watch begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// With what is there now, as additions.
    Now,
    /// After this revision.
    After(u64),
}

/// A watch on the objects of a kind.
pub struct Watch {
    store: Store,
    bell: signal::Receiver<u64>,
    kind: &'static Kind,
    namespace: Option<String>,
    /// Additions that stand for what was there at the start.
    initial: std::vec::IntoIter<Arc<Value>>,
    seen: u64,
}

impl Store {
    /// Watches a kind, in one namespace or all.
    pub fn watch(&self, kind: &'static Kind, namespace: Option<&str>, start: Start) -> Result<Watch, Failure> {
        let bell = self.revision.subscribe();
        let (initial, seen) = match start {
            Start::Now => {
                let page = self.list(kind, &Query { namespace, ..Query::default() }, |_| true)?;
                (page.items, page.revision)
            }
            Start::After(revision) => (Vec::new(), revision),
        };
        let mut watch = Watch {
            store: self.clone(),
            bell,
            kind,
            namespace: namespace.filter(|_| kind.namespaced).map(ToOwned::to_owned),
            initial: initial.into_iter(),
            seen,
        };
        // A start that is forgotten already is told before anything else.
        watch.check()?;
        Ok(watch)
    }
}

impl Watch {
    /// The revision up to which everything has been told.
    pub fn seen(&self) -> u64 {
        self.seen
    }

    /// Whether additions are left that stand for what was there at the start.
    pub fn is_initial(&self) -> bool {
        self.initial.len() > 0
    }

    fn check(&mut self) -> Result<(), Failure> {
        let state = self.store.lock();
        if self.seen < state.forgotten {
            let message = format!("too old resource version: {} ({})", self.seen, state.forgotten + 1);
            return Err(Failure::expired(message));
        }
        Ok(())
    }

    /// What is there to tell without waiting.
    pub fn ready(&mut self) -> Result<Option<Event>, Failure> {
        if let Some(object) = self.initial.next() {
            let revision = object["metadata"]["resourceVersion"].as_str().and_then(|v| v.parse().ok()).unwrap_or(0);
            let name = object["metadata"]["name"].as_str().unwrap_or_default();
            let key = super::Key::new(self.kind, object["metadata"]["namespace"].as_str(), name);
            return Ok(Some(Event { revision, change: Change::Added, kind: self.kind, key, object, previous: None }));
        }
        self.check()?;
        let store = self.store.clone();
        let state = store.lock();
        let from = state.history.partition_point(|event| event.revision <= self.seen);
        for event in state.history.range(from..) {
            self.seen = event.revision;
            let here = self.namespace.as_ref().is_none_or(|namespace| event.key.namespace == *namespace);
            if event.kind.is_same_resource(self.kind) && here {
                return Ok(Some(event.clone()));
            }
        }
        self.seen = self.seen.max(state.revision);
        Ok(None)
    }

    /// Waits for the next event. Fails if events were forgotten before they could be told. Can be dropped and called
    /// again without losing one.
    pub async fn next(&mut self) -> Result<Event, Failure> {
        loop {
            self.bell.mark_unchanged();
            if let Some(event) = self.ready()? {
                return Ok(event);
            }
            // The sender lives in our own clone of the store.
            let _ = self.bell.changed().await;
        }
    }
}
