//! Lists: pages of one consistent state, and states of the past as far as the history reaches.

use std::collections::BTreeMap;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::{Key, State, Store};
use crate::kinds::Kind;
use crate::status::Failure;

/// What to list.
#[derive(Default)]
pub struct Query<'a> {
    /// One namespace instead of all.
    pub namespace: Option<&'a str>,
    /// At most this many; 0 for no limit.
    pub limit: usize,
    /// Where the page before ended: its `next`.
    pub token: &'a str,
    /// The state at this revision instead of the newest.
    pub exactly: Option<u64>,
}

/// A part of a list.
pub struct Page {
    /// Objects by namespace and name.
    pub items: Vec<Arc<Value>>,
    /// The revision whose state this is.
    pub revision: u64,
    /// Where the next page begins; empty at the end.
    pub next: String,
    /// How many more there are.
    pub remaining: usize,
}

impl Store {
    /// The objects of a kind that `wanted` wants.
    pub fn list(
        &self,
        kind: &'static Kind,
        query: &Query<'_>,
        wanted: impl Fn(&Value) -> bool,
    ) -> Result<Page, Failure> {
        let state = self.lock();
        let (revision, after) = match Token::read(query.token)? {
            Some(token) => (token.revision, Some((token.namespace, token.name))),
            None => (query.exactly.unwrap_or(state.revision), None),
        };
        if revision > state.revision {
            return Err(Failure::too_large_resource_version(revision, state.revision));
        }
        let all = state.objects_at(kind, query.namespace, revision).ok_or_else(|| {
            Failure::expired(if after.is_some() {
                "The provided continue parameter is too old to display a consistent list result. You can start a new \
                 list without the continue parameter."
                    .to_owned()
            } else {
                format!("too old resource version: {revision} ({})", state.forgotten + 1)
            })
        })?;
        let mut rest = all.into_iter().filter(|((namespace, name), object)| {
            after.as_ref().is_none_or(|(n, m)| (namespace.as_str(), name.as_str()) > (n, m)) && wanted(object)
        });
        let limit = if query.limit == 0 { usize::MAX } else { query.limit };
        let taken: Vec<_> = rest.by_ref().take(limit).collect();
        let remaining = rest.count();
        let next = match taken.last() {
            Some(((namespace, name), _)) if remaining > 0 => {
                Token { revision, namespace: namespace.clone(), name: name.clone() }.write()
            }
            _ => String::new(),
        };
        Ok(Page { items: taken.into_iter().map(|(_, object)| object).collect(), revision, next, remaining })
    }
}

impl State {
    /// The objects as they were at a revision; none if that is forgotten.
    fn objects_at(
        &self,
        kind: &'static Kind,
        namespace: Option<&str>,
        revision: u64,
    ) -> Option<BTreeMap<(String, String), Arc<Value>>> {
        let place = |key: &Key| (key.namespace.clone(), key.name.clone());
        let mut objects: BTreeMap<_, _> =
            self.of_kind(kind, namespace).map(|(key, stored)| (place(key), stored.object.clone())).collect();
        if revision < self.revision && revision < self.forgotten {
            return None;
        }
        let later = self.history.iter().rev().take_while(|event| event.revision > revision);
        let wanted = namespace.filter(|_| kind.namespaced);
        for event in later.filter(|event| event.kind.is_same_resource(kind)) {
            if wanted.is_some_and(|namespace| event.key.namespace != namespace) {
                continue;
            }
            match &event.previous {
                Some(previous) => objects.insert(place(&event.key), previous.clone()),
                None => objects.remove(&place(&event.key)),
            };
        }
        Some(objects)
    }
}

/// A place in a list, opaque to those who carry it.
struct Token {
    revision: u64,
    namespace: String,
    name: String,
}

impl Token {
    fn write(&self) -> String {
        let content = json!({ "v": "meta.k8s.io/v1", "rv": self.revision, "start": [self.namespace, self.name] });
        URL_SAFE_NO_PAD.encode(content.to_string())
    }

    fn read(token: &str) -> Result<Option<Self>, Failure> {
        if token.is_empty() {
            return Ok(None);
        }
        let read = || {
            let content: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(token).ok()?).ok()?;
            let part = |at: usize| Some(content["start"].get(at)?.as_str()?.to_owned());
            Some(Self { revision: content["rv"].as_u64()?, namespace: part(0)?, name: part(1)? })
        };
        read()
            .map(Some)
            .ok_or_else(|| Failure::bad_request("continue key is not valid: it was not made by this server"))
    }
}
