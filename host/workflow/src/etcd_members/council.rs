//! The members as one sees them at one time, and what may be done about that. Pure, but for [`Council::observe`].

use std::time::Duration;

use kubephase_node::etcd::{Member, MemberId, Status};
use kubephase_node::{Etcd, EtcdError};

use super::error::{MembersError, Sick};
use super::join::Newcomer;

/// A quorum that exists answers within this; after it the members are asked for what they remember.
pub(super) const AGREED: Duration = Duration::from_secs(5);

/// How a member is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Health {
    /// It answers, and has a leader.
    Healthy(Status),
    /// It does not, for this reason.
    Sick(String),
}

/// A member and how it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seat {
    /// Who.
    pub member: Member,
    /// How it is.
    pub health: Health,
}

/// All members.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Council {
    /// In etcd's order.
    pub seats: Vec<Seat>,
}

impl Seat {
    /// It answers, and has a leader.
    pub fn is_healthy(&self) -> bool {
        matches!(self.health, Health::Healthy(_))
    }

    /// What it says of itself.
    pub fn status(&self) -> Option<&Status> {
        match &self.health {
            Health::Healthy(status) => Some(status),
            Health::Sick(_) => None,
        }
    }

    fn sick(&self) -> Option<Sick> {
        match &self.health {
            Health::Healthy(_) => None,
            Health::Sick(why) => Some(Sick { member: self.member.to_string(), why: why.clone() }),
        }
    }
}

/// The next step of who wants to be a member.
#[derive(Debug)]
pub(super) enum Step {
    /// It is none yet.
    Add,
    /// It is one already, and can go on as such.
    Keep(Member),
    /// This one has to go first, for this reason.
    Replace(Member, String),
    /// It cannot be one.
    Refuse(MembersError),
}

/// As a quorum knows them. Without one, as the first that answers remembers them: one member's memory is all there is then,
/// and enough to say who is missing.
pub async fn members(etcd: &Etcd, deadline: Duration) -> Result<Vec<Member>, EtcdError> {
    let etcd = etcd.within(deadline);
    match etcd.members().await {
        Ok(members) => Ok(members),
        Err(error) => etcd.remembered_members().await.map_err(|_| error),
    }
}

/// How many of `voters` decide.
pub fn quorum(voters: usize) -> usize {
    voters / 2 + 1
}

impl Council {
    /// Asks who is a member, and each of them how it is, all at the same time.
    pub async fn observe(etcd: &Etcd) -> Result<Self, EtcdError> {
        let seats = members(etcd, AGREED.min(etcd.deadline())).await?.into_iter().map(|member| async {
            let health = examine(etcd, &member).await;
            Seat { member, health }
        });
        Ok(Self { seats: futures_util::future::join_all(seats).await })
    }

    /// Those with a vote.
    pub fn voters(&self) -> impl Iterator<Item = &Seat> {
        self.seats.iter().filter(|seat| !seat.member.is_learner)
    }

    /// Those without.
    pub fn learners(&self) -> impl Iterator<Item = &Seat> {
        self.seats.iter().filter(|seat| seat.member.is_learner)
    }

    /// Voters that are not well.
    pub fn sick(&self) -> Vec<Sick> {
        self.voters().filter_map(Seat::sick).collect()
    }

    /// Who leads.
    pub fn leader(&self) -> Option<&Seat> {
        let leads = |seat: &&Seat| seat.status().is_some_and(|status| status.leader == Some(seat.member.id));
        self.voters().find(leads)
    }

    /// One of them.
    pub fn seat(&self, id: MemberId) -> Option<&Seat> {
        self.seats.iter().find(|seat| seat.member.id == id)
    }

    /// Enough of them are well to decide anything.
    pub fn require_quorum(&self, what: &str) -> Result<(), MembersError> {
        let (voters, healthy) = (self.voters().count(), self.voters().filter(|seat| seat.is_healthy()).count());
        let quorum = quorum(voters);
        if healthy >= quorum {
            return Ok(());
        }
        Err(MembersError::NoQuorum { what: what.to_owned(), healthy, voters, quorum, sick: self.sick() })
    }

    /// None of them complains of anything: `Status` has every alarm of the cluster in its errors.
    pub fn require_space(&self) -> Result<(), MembersError> {
        let complaint = self.voters().filter_map(Seat::status).find_map(|status| status.errors.first());
        complaint.map_or(Ok(()), |alarm| Err(MembersError::Alarm { alarm: alarm.clone() }))
    }

    /// The same etcd by those who can be asked for changes: the leader first, then the other healthy voters. All that
    /// it was known by if there are none.
    pub(super) fn askable(&self, etcd: &Etcd) -> Result<Etcd, EtcdError> {
        let leader = self.leader().map(|seat| seat.member.id);
        let mut voters: Vec<&Seat> = self.voters().filter(|seat| seat.is_healthy()).collect();
        voters.sort_by_key(|seat| Some(seat.member.id) != leader);
        let urls: Vec<String> = voters.iter().filter_map(|seat| seat.member.client_urls.first().cloned()).collect();
        if urls.is_empty() { Ok(etcd.clone()) } else { etcd.at(&urls) }
    }

    /// What `me`, with data of an etcd here or without, has to do to become a member. A member that was this node before it was set up anew, or that had its
    /// name or address, is stale if nobody answers for it: an etcd that comes back with its id and without its data would
    /// break what the others rely on.
    pub(super) fn step(&self, me: &Newcomer<'_>, has_data: bool) -> Step {
        let at_our_url = |seat: &&Seat| seat.member.peer_urls.iter().any(|url| url == me.peer_url);
        if let Some(seat) = self.seats.iter().find(at_our_url) {
            let (member, is_ours) = (&seat.member, seat.member.name == me.name);
            return match (member.is_started(), is_ours, has_data) {
                (true, true, true) | (false, _, false) => match self.namesake(me, member.id) {
                    Some(step) => step,
                    None => Step::Keep(member.clone()),
                },
                (false, _, true) => {
                    Step::Replace(member.clone(), "the data on this node are older than its membership".into())
                }
                _ if seat.is_healthy() => Step::Refuse(taken(me, seat)),
                (true, true, false) => Step::Replace(member.clone(), "its data are not on this node any more".into()),
                (true, false, _) => {
                    Step::Replace(member.clone(), format!("this node, {}, has its address now", me.name))
                }
            };
        }
        self.namesake(me, MemberId(0)).unwrap_or(Step::Add)
    }

    /// Another member with our name at another address.
    fn namesake(&self, me: &Newcomer<'_>, own: MemberId) -> Option<Step> {
        let seat = self.seats.iter().find(|seat| seat.member.name == me.name && seat.member.id != own)?;
        Some(if seat.is_healthy() {
            Step::Refuse(taken(me, seat))
        } else {
            Step::Replace(seat.member.clone(), format!("this node, {}, has another address now", me.name))
        })
    }

    /// `member` can go: there is a quorum now, and there is one of those that stay.
    pub fn may_remove(&self, member: &Member) -> Result<(), MembersError> {
        self.require_quorum(&format!("remove the etcd member {member}"))?;
        // Who has no vote is not missed.
        if member.is_learner {
            return Ok(());
        }
        let stay: Vec<&Seat> = self.voters().filter(|seat| seat.member.id != member.id).collect();
        let healthy = stay.iter().filter(|seat| seat.is_healthy()).count();
        let quorum = quorum(stay.len());
        if healthy >= quorum {
            return Ok(());
        }
        let sick = stay.iter().filter_map(|seat| seat.sick()).collect();
        Err(MembersError::WouldLoseQuorum { member: member.to_string(), healthy, voters: stay.len(), quorum, sick })
    }
}

fn taken(me: &Newcomer<'_>, seat: &Seat) -> MembersError {
    let url = seat.member.client_urls.first().cloned().unwrap_or_default();
    MembersError::Taken { name: me.name.to_owned(), taken: seat.member.to_string(), url }
}

async fn examine(etcd: &Etcd, member: &Member) -> Health {
    let mut why = "it has never been started".to_owned();
    for url in &member.client_urls {
        match etcd.status(url).await {
            Ok(status) if status.member != member.id => {
                why = format!("at {url} is another member, {}", status.member);
            }
            Ok(status) if status.leader.is_none() => why = "it has no leader".into(),
            Ok(status) => return Health::Healthy(status),
            Err(error) => why = error.reason(),
        }
    }
    Health::Sick(why)
}

#[cfg(test)]
mod tests;
