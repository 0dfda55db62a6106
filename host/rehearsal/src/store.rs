//! Where objects are kept: in memory, with one revision counter for all of them and the history that watches need.
//! Optimistic concurrency, deletion with finalizers, owners and namespaces are settled here; what an object may look
//! like and who may change it is not.

mod collect;
mod history;
mod list;
mod watch;
mod witness;

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};
use tokio::sync::watch as signal;

pub use self::collect::{Preconditions, Propagation};
pub use self::history::{Change, Event};
pub use self::list::{Page, Query};
pub use self::watch::{Start, Watch};
pub use self::witness::{Seen, Witness};
use crate::clock::Clock;
use crate::kinds::Kind;
use crate::status::Failure;

/// How many events are kept for watches that begin in the past.
const HISTORY: usize = 4096;

/// All objects of a cluster. Clones share them.
#[derive(Clone)]
pub struct Store {
    shared: Arc<Mutex<State>>,
    clock: Clock,
    /// The revision, for those who wait.
    revision: signal::Sender<u64>,
    witness: witness::Slot,
}

/// Where an object is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key {
    group: &'static str,
    plural: &'static str,
    namespace: String,
    name: String,
}

impl Key {
    fn new(kind: &'static Kind, namespace: Option<&str>, name: &str) -> Self {
        let namespace = if kind.namespaced { namespace.unwrap_or_default() } else { "" };
        Self { group: kind.group, plural: kind.plural, namespace: namespace.to_owned(), name: name.to_owned() }
    }
}

/// An object as it is kept: nobody changes it in place.
#[derive(Clone)]
pub(crate) struct Stored {
    kind: &'static Kind,
    object: Arc<Value>,
}

struct State {
    revision: u64,
    objects: BTreeMap<Key, Stored>,
    history: VecDeque<Event>,
    /// Events up to this revision are gone.
    forgotten: u64,
}

/// What a write returns: the object, or what is left to say about it when it is gone.
pub type Written = Arc<Value>;

impl Store {
    /// An empty one. `clock` stamps objects.
    pub fn new(clock: Clock) -> Self {
        let state = State { revision: 1, objects: BTreeMap::new(), history: VecDeque::new(), forgotten: 0 };
        Self {
            shared: Arc::new(Mutex::new(state)),
            clock,
            revision: signal::Sender::new(1),
            witness: witness::Slot::default(),
        }
    }

    /// Its clock.
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A panic inside a transaction is a bug that has been told already; the others can go on.
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The revision of the last write.
    pub fn revision(&self) -> u64 {
        self.lock().revision
    }

    /// Rings at every write, with its revision.
    pub fn bell(&self) -> signal::Receiver<u64> {
        self.revision.subscribe()
    }

    /// One object.
    pub fn get(&self, kind: &'static Kind, namespace: Option<&str>, name: &str) -> Option<Arc<Value>> {
        self.lock().objects.get(&Key::new(kind, namespace, name)).map(|stored| stored.object.clone())
    }

    /// Objects of a kind in one namespace, or in all.
    pub fn all(&self, kind: &'static Kind, namespace: Option<&str>) -> Vec<Arc<Value>> {
        self.lock().of_kind(kind, namespace).map(|(_, stored)| stored.object.clone()).collect()
    }

    /// Does `work` as a whole or, if it fails, not at all. With `dry` its result is told and then forgotten. Nobody else
    /// reads or writes meanwhile, so `work` must not use the store itself.
    pub fn transact<R>(
        &self,
        dry: bool,
        work: impl FnOnce(&mut Transaction<'_>) -> Result<R, Failure>,
    ) -> Result<R, Failure> {
        let mut state = self.lock();
        let before = state.revision;
        let mut transaction =
            Transaction { now: self.clock.stamp(), undo: Vec::new(), events: Vec::new(), state: &mut state };
        let result = work(&mut transaction);
        let Transaction { undo, events, .. } = transaction;
        if dry || result.is_err() {
            for (key, stored) in undo.into_iter().rev() {
                match stored {
                    Some(stored) => state.objects.insert(key, stored),
                    None => state.objects.remove(&key),
                };
            }
            state.revision = before;
        } else if !events.is_empty() {
            state.history.extend(events);
            while state.history.len() > HISTORY {
                state.forgotten = state.history.pop_front().map_or(state.forgotten, |event| event.revision);
            }
            let revision = state.revision;
            drop(state);
            self.revision.send_replace(revision);
        }
        result
    }

    /// Stores a new object (see [`Transaction::create`]).
    pub fn create(&self, kind: &'static Kind, object: Value) -> Result<Written, Failure> {
        self.transact(false, |transaction| transaction.create(kind, object))
    }

    /// Replaces an object (see [`Transaction::update`]).
    pub fn update(&self, kind: &'static Kind, object: Value) -> Result<Written, Failure> {
        self.transact(false, |transaction| transaction.update(kind, object))
    }

    /// Deletes an object (see [`Transaction::delete`]).
    pub fn delete(
        &self,
        kind: &'static Kind,
        namespace: Option<&str>,
        name: &str,
        preconditions: &Preconditions,
        propagation: Propagation,
    ) -> Result<Written, Failure> {
        self.transact(false, |transaction| transaction.delete(kind, namespace, name, preconditions, propagation))
    }

    /// Forgets all events: watches that begin in the past are told 410.
    pub fn compact(&self) {
        let mut state = self.lock();
        state.forgotten = state.revision;
        state.history.clear();
    }
}

impl State {
    fn of_kind<'a>(
        &'a self,
        kind: &'static Kind,
        namespace: Option<&'a str>,
    ) -> impl Iterator<Item = (&'a Key, &'a Stored)> {
        let namespace = namespace.filter(|_| kind.namespaced);
        self.objects
            .range(Key::new(kind, Some(namespace.unwrap_or_default()), "")..)
            .take_while(move |(key, _)| key.group == kind.group && key.plural == kind.plural)
            .take_while(move |(key, _)| namespace.is_none_or(|namespace| key.namespace == namespace))
    }
}

/// A write under way; it sees its own changes.
pub struct Transaction<'a> {
    now: String,
    state: &'a mut State,
    undo: Vec<(Key, Option<Stored>)>,
    events: Vec<Event>,
}

impl Transaction<'_> {
    /// When it happens, as RFC 3339.
    pub fn now(&self) -> &str {
        &self.now
    }

    /// One object.
    pub fn get(&self, kind: &'static Kind, namespace: Option<&str>, name: &str) -> Option<Arc<Value>> {
        self.state.objects.get(&Key::new(kind, namespace, name)).map(|stored| stored.object.clone())
    }

    /// Objects of a kind in one namespace, or in all.
    pub fn all(&self, kind: &'static Kind, namespace: Option<&str>) -> Vec<Arc<Value>> {
        self.state.of_kind(kind, namespace).map(|(_, stored)| stored.object.clone()).collect()
    }

    /// Stores a new object. Its name is made of `generateName` if it has none; uid, times, generation and revision are
    /// set here, whatever it says of them.
    pub fn create(&mut self, kind: &'static Kind, mut object: Value) -> Result<Written, Failure> {
        let meta = metadata(&mut object);
        let prefix = meta.get("generateName").and_then(Value::as_str).unwrap_or_default().to_owned();
        if text(meta.get("name")).is_empty() && !prefix.is_empty() {
            meta.insert("name".to_owned(), json!(generated_name(&prefix)));
        }
        let name = text(meta.get("name")).to_owned();
        let namespace = meta.get("namespace").and_then(Value::as_str).map(ToOwned::to_owned);
        meta.insert("uid".to_owned(), json!(uid()));
        meta.insert("creationTimestamp".to_owned(), json!(self.now));
        for set_by_deletion in ["deletionTimestamp", "deletionGracePeriodSeconds", "selfLink"] {
            meta.remove(set_by_deletion);
        }
        if counts_generations(kind) {
            meta.insert("generation".to_owned(), json!(1));
        } else {
            meta.remove("generation");
        }
        let key = Key::new(kind, namespace.as_deref(), &name);
        if self.state.objects.contains_key(&key) {
            return Err(Failure::already_exists(kind, &name));
        }
        let written = self.put(key, kind, object);
        self.collect_orphan(&written);
        Ok(written)
    }

    /// Replaces an object. A `resourceVersion` in it must be the stored one, a `uid` as well. What only the server sets
    /// is kept. An object that is being deleted goes away with its last finalizer. One that stays as it is gets no new
    /// revision.
    pub fn update(&mut self, kind: &'static Kind, mut object: Value) -> Result<Written, Failure> {
        let meta = metadata(&mut object);
        let name = text(meta.get("name")).to_owned();
        let key = Key::new(kind, meta.get("namespace").and_then(Value::as_str), &name);
        let Some(old) = self.state.objects.get(&key).map(|stored| stored.object.clone()) else {
            return Err(Failure::not_found(kind, &name));
        };
        let uid = text(old["metadata"].get("uid"));
        let wanted = text(meta.get("uid"));
        if !wanted.is_empty() && wanted != uid {
            let why = format!("Precondition failed: UID in precondition: {wanted}, UID in object meta: {uid}");
            return Err(Failure::conflict(kind, &name, &why));
        }
        let revision = text(meta.get("resourceVersion"));
        if !matches!(revision, "" | "0") && revision != text(old["metadata"].get("resourceVersion")) {
            return Err(Failure::modified(kind, &name));
        }
        for kept in [
            "uid",
            "creationTimestamp",
            "deletionTimestamp",
            "deletionGracePeriodSeconds",
            "generation",
            "generateName",
            "resourceVersion",
        ] {
            match old["metadata"].get(kept) {
                Some(value) => meta.insert(kept.to_owned(), value.clone()),
                None => meta.remove(kept),
            };
        }
        if counts_generations(kind) && !same_but(&object, &old, &["metadata", "status"]) {
            let generation = old["metadata"]["generation"].as_i64().unwrap_or(0) + 1;
            object["metadata"]["generation"] = json!(generation);
        }
        if same_but_times(&object, &old) {
            return Ok(old);
        }
        let written = self.put(key.clone(), kind, object);
        Ok(self.settle(&key).unwrap_or(written))
    }

    /// Writes at the next revision.
    fn put(&mut self, key: Key, kind: &'static Kind, mut object: Value) -> Written {
        self.state.revision += 1;
        let revision = self.state.revision;
        object["apiVersion"] = json!(kind.group_version());
        object["kind"] = json!(kind.kind);
        object["metadata"]["resourceVersion"] = json!(revision.to_string());
        let object = Arc::new(object);
        let stored = Stored { kind, object: object.clone() };
        let old = self.state.objects.insert(key.clone(), stored);
        let change = if old.is_some() { Change::Modified } else { Change::Added };
        let previous = old.as_ref().map(|stored| stored.object.clone());
        self.events.push(Event { revision, change, kind, key: key.clone(), object: object.clone(), previous });
        self.undo.push((key, old));
        object
    }

    /// Removes for good.
    fn remove(&mut self, key: &Key) -> Option<Written> {
        let old = self.state.objects.remove(key)?;
        self.state.revision += 1;
        let revision = self.state.revision;
        let mut last = Value::clone(&old.object);
        last["metadata"]["resourceVersion"] = json!(revision.to_string());
        let object = Arc::new(last);
        let previous = Some(old.object.clone());
        let event = Event {
            revision,
            change: Change::Deleted,
            kind: old.kind,
            key: key.clone(),
            object: object.clone(),
            previous,
        };
        self.events.push(event);
        self.undo.push((key.clone(), Some(old)));
        Some(object)
    }
}

/// The object's `metadata`, made if it is not there.
pub(crate) fn metadata(object: &mut Value) -> &mut serde_json::Map<String, Value> {
    if !object["metadata"].is_object() {
        object["metadata"] = json!({});
    }
    object["metadata"].as_object_mut().expect("made on the lines above")
}

pub(crate) fn text(value: Option<&Value>) -> &str {
    value.and_then(Value::as_str).unwrap_or_default()
}

/// Kinds whose `metadata.generation` grows with their specification.
fn counts_generations(kind: &Kind) -> bool {
    const WITHOUT: [&str; 9] = [
        "",
        "apiregistration.k8s.io",
        "autoscaling",
        "certificates.k8s.io",
        "coordination.k8s.io",
        "events.k8s.io",
        "node.k8s.io",
        "rbac.authorization.k8s.io",
        "storage.k8s.io",
    ];
    kind.plural == "pods" || !WITHOUT.contains(&kind.group) && kind.plural != "controllerrevisions"
}

fn same_but(a: &Value, b: &Value, left_out: &[&str]) -> bool {
    let part = |value: &Value| -> Vec<(String, Value)> {
        let fields = value.as_object().into_iter().flatten();
        fields.filter(|(key, _)| !left_out.contains(&key.as_str())).map(|(k, v)| (k.clone(), v.clone())).collect()
    };
    part(a) == part(b)
}

/// Equal but for the times in `managedFields`, which alone are no reason for a new revision.
fn same_but_times(a: &Value, b: &Value) -> bool {
    let timeless = |value: &Value| {
        let mut value = value.clone();
        for entry in value["metadata"].get_mut("managedFields").and_then(Value::as_array_mut).into_iter().flatten() {
            entry.as_object_mut().map(|entry| entry.remove("time"));
        }
        value
    };
    a == b || timeless(a) == timeless(b)
}

fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    aws_lc_rs::rand::fill(&mut bytes).expect("the kernel's random numbers");
    bytes
}

/// A random UUID (RFC 9562, version 4).
pub(crate) fn uid() -> String {
    let bits = u128::from_be_bytes(random());
    let hex = format!("{:032x}", bits & !(0xf << 76) & !(0x3 << 62) | 0x4 << 76 | 0x2 << 62);
    [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
}

/// A name as the real server makes it of `generateName`: with five letters that make no words, and not too long.
pub(crate) fn generated_name(prefix: &str) -> String {
    const LETTERS: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";
    let suffix = random::<5>();
    let suffix = suffix.iter().map(|&byte| char::from(LETTERS[usize::from(byte) % LETTERS.len()]));
    prefix.chars().take(63 - 5).chain(suffix).collect()
}
