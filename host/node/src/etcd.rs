//! etcd over its own API, gRPC version 3: who its members are, how they are, and the calls that change that. Nothing of
//! what is stored is read or written. Which member should come or go is for others to say.

mod connect;
mod error;
#[cfg(any(test, feature = "testing"))]
pub mod lab;
mod tunnel;
mod types;
pub mod wire;

use std::sync::Arc;
use std::time::{Duration, Instant};

use connect::Peer;
pub use error::{EtcdError, Refusal};
pub use types::{Added, Alarm, AlarmKind, Credentials, Member, MemberId, Status};

use crate::change::{Change, ChangeKind};
use crate::node::Node;

/// One look gets no more: kubeadm's client has the same limit.
const LOOK: Duration = Duration::from_secs(2);
/// One change gets no more. The server gives up after seven seconds by itself.
const CHANGE: Duration = Duration::from_secs(10);
/// How long a call is tried if nothing else is said: kubeadm's default of `timeouts.etcdAPICall`.
const DEADLINE: Duration = Duration::from_secs(120);
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// A cluster of etcd, by some of its members. Cheap to clone; clones share the connections.
#[derive(Clone, Debug)]
pub struct Etcd {
    node: Node,
    credentials: Option<Arc<Credentials>>,
    peers: Arc<[Peer]>,
    deadline: Duration,
}

impl Node {
    /// The etcd whose members have these client URLs, such as `https://10.0.0.1:2379`; without `credentials` only
    /// `http` can be asked. Nothing is sent yet. In a dry run what would change something is recorded and not called.
    pub fn etcd(&self, endpoints: &[String], credentials: Option<Credentials>) -> Result<Etcd, EtcdError> {
        let credentials = credentials.map(Arc::new);
        let peers = Peer::all(self, endpoints, credentials.as_deref())?;
        Ok(Etcd { node: self.clone(), credentials, peers, deadline: DEADLINE })
    }
}

impl Etcd {
    /// The same with another deadline: how long one call may take, all attempts at all members included.
    #[must_use]
    pub fn within(&self, deadline: Duration) -> Self {
        Self { deadline, ..self.clone() }
    }

    /// The same cluster by other members.
    pub fn at(&self, endpoints: &[String]) -> Result<Self, EtcdError> {
        let mut peers = Peer::all(&self.node, endpoints, self.credentials.as_deref())?;
        if let Some(peers) = Arc::get_mut(&mut peers) {
            for peer in peers {
                if let Some(known) = self.peers.iter().find(|known| known.url() == peer.url()) {
                    *peer = known.clone();
                }
            }
        }
        Ok(Self { peers, ..self.clone() })
    }

    /// The client URLs that are asked, in this order.
    pub fn endpoints(&self) -> Vec<String> {
        self.peers.iter().map(|peer| peer.url().to_owned()).collect()
    }

    /// How long one call may take.
    pub fn deadline(&self) -> Duration {
        self.deadline
    }

    /// All members, as a quorum of them knows it.
    pub async fn members(&self) -> Result<Vec<Member>, EtcdError> {
        let request = wire::MemberListRequest { linearizable: true };
        let answer: wire::Members = self.any("MemberList", LOOK, request).await?;
        Ok(answer.members.into_iter().map(Into::into).collect())
    }

    /// All members as the first of them that answers remembers it, which may be old news: for when there is no quorum.
    pub async fn remembered_members(&self) -> Result<Vec<Member>, EtcdError> {
        let request = wire::MemberListRequest { linearizable: false };
        let answer: wire::Members = self.any("MemberList", LOOK, request).await?;
        Ok(answer.members.into_iter().map(Into::into).collect())
    }

    /// Adds a member without a vote, for these peer URLs. It has no name until it has been started.
    pub async fn add_learner(&self, peer_urls: &[String]) -> Result<Added, EtcdError> {
        let effect = format!("add the etcd learner {}", peer_urls.join(", "));
        if self.would(&effect) {
            let member = Member { peer_urls: peer_urls.to_vec(), is_learner: true, ..Member::default() };
            let mut members = self.members().await?;
            members.push(member.clone());
            return Ok(Added { member, members });
        }
        let request = wire::MemberAddRequest { peer_urls: peer_urls.to_vec(), is_learner: true };
        let answer: wire::MemberAddResponse = self.any("MemberAdd", CHANGE, request).await?;
        self.did(&effect);
        let members = answer.members.into_iter().map(Into::into).collect();
        Ok(Added { member: answer.member.unwrap_or_default().into(), members })
    }

    /// Gives a learner its vote. Refused with [`Refusal::NotInSync`] until it has nearly all that its leader has.
    pub async fn promote(&self, id: MemberId) -> Result<Vec<Member>, EtcdError> {
        self.change("MemberPromote", &format!("promote the etcd learner {id}"), wire::OneMember { id: id.0 }).await
    }

    /// Takes a member out, for ever: its data cannot be used again.
    pub async fn remove(&self, id: MemberId) -> Result<Vec<Member>, EtcdError> {
        self.change("MemberRemove", &format!("remove the etcd member {id}"), wire::OneMember { id: id.0 }).await
    }

    /// Tells the others that a member is to be reached by other URLs.
    pub async fn update(&self, id: MemberId, peer_urls: &[String]) -> Result<Vec<Member>, EtcdError> {
        let effect = format!("update the peer URLs of the etcd member {id} to {}", peer_urls.join(", "));
        let request = wire::MemberUpdateRequest { id: id.0, peer_urls: peer_urls.to_vec() };
        self.change("MemberUpdate", &effect, request).await
    }

    /// Has the leader hand over to the voting member `to`. Only the leader can be asked: `leader` is its client URL.
    pub async fn move_leader(&self, leader: &str, to: MemberId) -> Result<(), EtcdError> {
        let effect = format!("move the leadership of etcd to {to}");
        if self.would(&effect) {
            return Ok(());
        }
        let request = wire::MoveLeaderRequest { target_id: to.0 };
        let leader = self.peer(leader)?;
        leader.call::<_, wire::Empty>("Maintenance", "MoveLeader", CHANGE, request).await?;
        self.did(&effect);
        Ok(())
    }

    /// What the member behind one client URL says of itself, asked once. A learner answers, too.
    pub async fn status(&self, endpoint: &str) -> Result<Status, EtcdError> {
        let peer = self.peer(endpoint)?;
        let answer = peer.call::<_, wire::StatusResponse>("Maintenance", "Status", LOOK, wire::Empty {}).await?;
        Ok(answer.into())
    }

    /// [`Etcd::status`] of every member that this was made with, at the same time, in their order.
    pub async fn statuses(&self) -> Vec<(String, Result<Status, EtcdError>)> {
        let calls = self.peers.iter().map(|peer| async move {
            let answer = peer.call::<_, wire::StatusResponse>("Maintenance", "Status", LOOK, wire::Empty {}).await;
            (peer.url().to_owned(), answer.map(Status::from))
        });
        futures_util::future::join_all(calls).await
    }

    /// What members have raised an alarm about: while there is one of no space, nothing can be written.
    pub async fn alarms(&self) -> Result<Vec<Alarm>, EtcdError> {
        let answer: wire::AlarmResponse = self.any("Alarm", LOOK, wire::AlarmRequest::default()).await?;
        Ok(answer.alarms.into_iter().filter_map(Alarm::from_wire).collect())
    }

    async fn change<Q>(&self, call: &'static str, effect: &str, request: Q) -> Result<Vec<Member>, EtcdError>
    where
        Q: prost::Message + Clone + 'static,
    {
        if self.would(effect) {
            return self.members().await;
        }
        let answer: wire::Members = self.any(call, CHANGE, request).await?;
        self.did(effect);
        Ok(answer.members.into_iter().map(Into::into).collect())
    }

    /// True in a dry run, which then has it recorded.
    fn would(&self, effect: &str) -> bool {
        let dry = self.node.is_dry_run();
        if dry {
            self.node.record(Change::new(&format!("would {effect}"), ChangeKind::Ran));
        }
        dry
    }

    fn did(&self, effect: &str) {
        self.node.record(Change::new(effect, ChangeKind::Ran));
    }

    fn peer(&self, url: &str) -> Result<Peer, EtcdError> {
        match self.peers.iter().find(|peer| peer.url() == url) {
            Some(known) => Ok(known.clone()),
            None => Peer::new(&self.node, url, self.credentials.as_deref()),
        }
    }

    /// Asks one member after the other until one gives an answer that the others would give, too.
    async fn any<Q, A>(&self, call: &'static str, attempt: Duration, request: Q) -> Result<A, EtcdError>
    where
        Q: prost::Message + Clone + 'static,
        A: prost::Message + Default + 'static,
    {
        let service = if call == "Alarm" { "Maintenance" } else { "Cluster" };
        let begun = Instant::now();
        let mut pause = FIRST_PAUSE;
        loop {
            let mut refused = None;
            let mut last = None;
            for peer in self.peers.iter() {
                let left = self.deadline.saturating_sub(begun.elapsed());
                if left.is_zero() {
                    break;
                }
                match peer.call(service, call, attempt.min(left), request.clone()).await {
                    Ok(answer) => return Ok(answer),
                    Err(error) if error.is_final() => return Err(error),
                    Err(error) if error.is_refusal() => refused = Some(error),
                    Err(error) => last = Some(error),
                }
            }
            if let Some(refused) = refused {
                return Err(refused);
            }
            if begun.elapsed() + pause >= self.deadline {
                let waited = begun.elapsed();
                return Err(EtcdError::NoAnswer {
                    call,
                    waited,
                    endpoints: self.endpoints(),
                    last: last.map(Box::new),
                });
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }
}

#[cfg(test)]
mod tests;
