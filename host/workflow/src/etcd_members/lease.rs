//! One node at a time changes members, by a Lease in the cluster: kept fresh while the work goes on, and taken over from
//! whoever has let it grow old. As client-go's elections do it, age is what one has seen oneself: clocks may differ.

use std::time::Duration;

use kubephase_model::object::{LEASE, ObjectRef};
use kubephase_node::Node;
use kubephase_node::kube::{Api, ApiError};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::{MembersError, Session};

/// Where it is.
pub(super) const NAMESPACE: &str = "kube-system";
/// Name of the Lease that whoever changes members holds.
pub const LEASE_NAME: &str = "kubephase-etcd-members";

/// Whoever is silent for so long has died. An API server that loses its etcd for a moment must not look like that.
const DURATION: Duration = Duration::from_secs(30);
/// A Lease that somebody wrote by hand is not waited for longer.
const LONGEST: Duration = Duration::from_secs(120);
const RENEW: Duration = Duration::from_secs(5);
/// It is tried to give the lease back so long; then it grows old by itself.
const RELEASE: Duration = Duration::from_secs(5);

/// Does the work while nobody else does any. Without an API to ask, and in a dry run, which changes nothing, it is done
/// right away.
pub(super) async fn hold<T, E: From<MembersError>>(
    session: &Session<'_>,
    work: impl Future<Output = Result<T, E>>,
) -> Result<T, E> {
    let Some(api) = session.api.filter(|_| !session.node.is_dry_run()) else { return work.await };
    let lease = Lease::new(session, api);
    let renewed = lease.take(session).await?;
    let result = tokio::select! {
        biased;
        result = work => result,
        lost = lease.keep(renewed) => return Err(lost.into()),
    };
    lease.release().await;
    result
}

/// The Lease as one of those who want it sees it.
struct Lease<'a> {
    api: Api,
    node: &'a Node,
    holder: &'a str,
    name: ObjectRef,
}

/// What has been seen of it, and since when.
struct Seen {
    version: String,
    since: Instant,
}

impl<'a> Lease<'a> {
    fn new(session: &Session<'a>, api: &Api) -> Self {
        let name = ObjectRef::new(&LEASE, Some(NAMESPACE), LEASE_NAME);
        // Renewals are no change that anybody wants to read of or to have undone.
        Self { api: api.unrecorded(), node: session.node, holder: session.holder, name }
    }

    /// Waits for it and takes it; returns when it was fresh for sure.
    async fn take(&self, session: &Session<'_>) -> Result<Instant, MembersError> {
        let begun = Instant::now();
        let mut seen: Option<Seen> = None;
        let mut told = String::new();
        loop {
            let asked = Instant::now();
            let found = match self.write(seen.as_ref()).await? {
                Some(found) => found,
                None => match self.api.create(&self.fresh()).await {
                    Ok(_) => return Ok(asked),
                    // Somebody else wants it at the same moment.
                    Err(error) if error.is_already_exists() => continue,
                    Err(error) => return Err(error.into()),
                },
            };
            let holder = holder_of(&found).to_owned();
            if holder == self.holder {
                return Ok(asked);
            }
            let version = version_of(&found).to_owned();
            if seen.as_ref().is_none_or(|seen| seen.version != version) {
                seen = Some(Seen { version: version.clone(), since: Instant::now() });
            }
            if begun.elapsed() >= session.patience.turn {
                return Err(MembersError::Turn { holder, waited: begun.elapsed() });
            }
            if holder != told {
                session.info(format!("waiting for {holder}, which is changing the members of etcd"));
                told.clone_from(&holder);
            }
            let age = seen.as_ref().map_or(Duration::ZERO, |seen| seen.since.elapsed());
            let left = session.patience.turn.saturating_sub(begun.elapsed());
            let rest = lifetime(&found).saturating_sub(age).min(left).max(Duration::from_millis(50));
            let is_news = |lease: Option<&Value>| lease.is_none_or(|lease| version_of(lease) != version);
            let waited = self.api.wait(&self.name, "the lease has not been given back", rest, is_news).await;
            match waited {
                Ok(_) | Err(ApiError::Waited { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Writes our name into it if it is free, ours, or has stayed as `old` for its lifetime; what is there then, `None`
    /// if there is none.
    async fn write(&self, old: Option<&Seen>) -> Result<Option<Value>, ApiError> {
        let write = |lease: &mut Value| {
            let holder = holder_of(lease);
            let is_dead =
                old.is_some_and(|old| version_of(lease) == old.version && old.since.elapsed() >= lifetime(lease));
            if !holder.is_empty() && holder != self.holder && !is_dead {
                return;
            }
            let is_ours = holder == self.holder;
            let transitions = lease.pointer("/spec/leaseTransitions").and_then(Value::as_u64).unwrap_or_default();
            let acquired = lease.pointer("/spec/acquireTime").cloned().filter(|_| is_ours);
            let mut fresh = self.fresh();
            fresh["spec"]["leaseTransitions"] = json!(transitions + u64::from(!is_ours));
            if let Some(acquired) = acquired {
                fresh["spec"]["acquireTime"] = acquired;
            }
            lease["spec"] = fresh["spec"].take();
        };
        self.api.mutate(&self.name, &write).await
    }

    fn fresh(&self) -> Value {
        let now = jiff::Timestamp::try_from(self.node.now()).unwrap_or_default();
        let now = format!("{now:.6}");
        json!({
            "apiVersion": LEASE.api_version,
            "kind": LEASE.kind,
            "metadata": { "name": LEASE_NAME, "namespace": NAMESPACE },
            "spec": {
                "holderIdentity": self.holder,
                "leaseDurationSeconds": DURATION.as_secs(),
                "acquireTime": now,
                "renewTime": now,
                "leaseTransitions": 0,
            },
        })
    }

    /// Keeps it fresh for as long as that works; returns why it does not any more.
    async fn keep(&self, mut renewed: Instant) -> MembersError {
        loop {
            tokio::time::sleep(RENEW).await;
            let asked = Instant::now();
            let left = DURATION.saturating_sub(renewed.elapsed());
            let lease = Self { api: self.api.within(left), name: self.name.clone(), ..*self };
            let why = match tokio::time::timeout(left, lease.write(None)).await {
                Ok(Ok(Some(found))) if holder_of(&found) == self.holder => {
                    renewed = asked;
                    continue;
                }
                Ok(Ok(Some(found))) => return lost(format!("the lease was taken over by {}", holder_of(&found))),
                Ok(Ok(None)) => return lost("the lease was deleted".into()),
                Ok(Err(error)) => error.to_string(),
                Err(_) => "no answer in time".into(),
            };
            if renewed.elapsed() + RENEW >= DURATION {
                return lost(format!("the lease could not be renewed for {} s ({why})", renewed.elapsed().as_secs()));
            }
        }
    }

    async fn release(&self) {
        let free = |lease: &mut Value| {
            if holder_of(lease) == self.holder {
                lease["spec"]["holderIdentity"] = json!("");
            }
        };
        // If this fails, it grows old by itself.
        let _ = tokio::time::timeout(RELEASE, self.api.within(RELEASE).mutate(&self.name, &free)).await;
    }
}

fn lost(why: String) -> MembersError {
    MembersError::LostTurn { why }
}

fn holder_of(lease: &Value) -> &str {
    lease.pointer("/spec/holderIdentity").and_then(Value::as_str).unwrap_or_default()
}

fn version_of(lease: &Value) -> &str {
    lease.pointer("/metadata/resourceVersion").and_then(Value::as_str).unwrap_or_default()
}

fn lifetime(lease: &Value) -> Duration {
    let seconds = lease.pointer("/spec/leaseDurationSeconds").and_then(Value::as_u64);
    seconds.map_or(DURATION, Duration::from_secs).min(LONGEST)
}
