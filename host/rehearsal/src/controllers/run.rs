//! The loop: whenever something changed, and every second because time changes things too, every controller looks and
//! its wishes are fulfilled, until nobody wishes anything.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::task::JoinHandle;

use super::{CONTROLLERS, Setup, Snapshot, View, Wish};
use crate::auth::User;
use crate::kinds::{KINDS, Kind};
use crate::rbac::{Attributes, decide};
use crate::status::Failure;
use crate::store::{Preconditions, Propagation, Store};
use crate::write::Request;

/// As whom they write.
const USER: &str = "system:kube-controller-manager";
/// How long nothing may happen before everybody looks again: tokens end by themselves.
const TICK: Duration = Duration::from_secs(1);
/// Writes that come close together are looked at together.
const PAUSE: Duration = Duration::from_millis(5);
/// Wishes that lead to new ones for ever are a bug; the next change may end it.
const ROUNDS: usize = 50;

/// Controllers at work; they stop when this goes.
#[derive(Debug)]
pub struct Running(JoinHandle<()>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Starts them on the current runtime.
pub fn start(store: Store, setup: Setup) -> Running {
    Running(tokio::spawn(async move {
        let mut bell = store.bell();
        loop {
            bell.mark_unchanged();
            settle(&store, &setup);
            // The sender is in our own store.
            let rung = async { drop(bell.changed().await) };
            tokio::select! {
                () = rung => tokio::time::sleep(PAUSE).await,
                () = tokio::time::sleep(TICK) => {}
            }
        }
    }))
}

/// Lets all of them look until nobody wishes anything. Returns how many wishes came true.
pub fn settle(store: &Store, setup: &Setup) -> usize {
    let mut fulfilled = 0;
    for _ in 0..ROUNDS {
        let before = fulfilled;
        for (_, controller) in CONTROLLERS {
            let objects = snapshot(store);
            let may_request = |user: &str, groups: &[String], subresource: &str| {
                may(store, &User::new(user, groups.iter().cloned()), subresource)
            };
            let view = View { objects: &objects, setup, now: store.clock().now(), may_request: &may_request };
            // Somebody else was first, or it cannot be: whoever wishes it looks again after the next change.
            fulfilled +=
                controller(&view).into_iter().filter(|wish| fulfil(store, wish).is_ok_and(|done| done)).count();
        }
        if fulfilled == before {
            break;
        }
    }
    fulfilled
}

fn may(store: &Store, user: &User, subresource: &str) -> bool {
    let attributes = Attributes {
        verb: "create".into(),
        group: "certificates.k8s.io".into(),
        resource: "certificatesigningrequests".into(),
        subresource: subresource.into(),
        ..Attributes::default()
    };
    decide(store, user, &attributes).allowed
}

fn snapshot(store: &Store) -> Snapshot {
    let mut snapshot = Snapshot::default();
    for kind in KINDS {
        snapshot.add(kind, store.all(kind, None));
    }
    snapshot
}

/// True if it changed something.
fn fulfil(store: &Store, wish: &Wish) -> Result<bool, Failure> {
    let before = store.revision();
    match wish {
        Wish::Create(object) => drop(create(store, object)?),
        Wish::Update(object) => {
            if let Some(kind) = kind(object) {
                update(store, kind, object)?;
            }
        }
        Wish::Delete(object) => {
            if let Some(kind) = kind(object) {
                let text = |field: &str| object["metadata"][field].as_str();
                let preconditions =
                    Preconditions { uid: text("uid").unwrap_or_default().to_owned(), ..Default::default() };
                let name = text("name").unwrap_or_default();
                store.delete(kind, text("namespace"), name, &preconditions, Propagation::Background)?;
            }
        }
    }
    Ok(store.revision() != before)
}

/// Writes what differs: the object, and by itself its status, which the first would leave as it is.
fn update(store: &Store, kind: &'static Kind, object: &Value) -> Result<(), Failure> {
    let text = |field: &str| object["metadata"][field].as_str();
    let (namespace, name) = (text("namespace"), text("name").unwrap_or_default());
    let Some(old) = store.get(kind, namespace, name) else { return Err(Failure::not_found(kind, name)) };
    if old["metadata"]["resourceVersion"] != object["metadata"]["resourceVersion"] {
        return Err(Failure::modified(kind, name));
    }
    let user = User::system(USER);
    let request = || Request::by(&user, kind, namespace, name);
    let mut wanted = object.clone();
    let mut rest = Value::clone(&old);
    rest["status"] = object["status"].clone();
    if rest != *object {
        request().update(store, wanted.clone().into())?;
        wanted["metadata"]["resourceVersion"] = Value::Null;
    }
    if old["status"] != object["status"] {
        let subresource = match (kind.plural, old["status"]["conditions"] != object["status"]["conditions"]) {
            // Approving is a right of its own.
            ("certificatesigningrequests", true) => "approval",
            _ => "status",
        };
        request().on(subresource).update(store, wanted.into())?;
    }
    Ok(())
}

fn kind(object: &Value) -> Option<&'static Kind> {
    Kind::find(object["apiVersion"].as_str()?, object["kind"].as_str()?)
}

/// Makes a new object, as a part of the control plane.
pub fn create(store: &Store, object: &Value) -> Result<Option<Arc<Value>>, Failure> {
    let Some(kind) = kind(object) else { return Ok(None) };
    let user = User::system(USER);
    let text = |field: &str| object["metadata"][field].as_str();
    let request = Request::by(&user, kind, text("namespace"), text("name").unwrap_or_default());
    request.create(store, object.clone().into()).map(|outcome| Some(outcome.object))
}
