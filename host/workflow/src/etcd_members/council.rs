//! The members as one sees them at one time, and what may be done about that. Pure, but for [`Council::observe`].

use std::time::Duration;

use kubephase_node::etcd::{Member, MemberId, Status};
use kubephase_node::{Etcd, EtcdError};

use super::error::{MembersError, Sick};

/// A quorum that exists answers within this; after it the members are asked for what they remember.
const AGREED: Duration = Duration::from_secs(5);

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

/// How many of `voters` decide.
pub fn quorum(voters: usize) -> usize {
    voters / 2 + 1
}

impl Council {
    /// Asks who is a member, and each of them how it is, all at the same time.
    pub async fn observe(etcd: &Etcd) -> Result<Self, EtcdError> {
        let agreed = etcd.within(AGREED.min(etcd.deadline())).members().await;
        let members = match agreed {
            Ok(members) => members,
            // Without a quorum one member's memory is all there is, and enough to say who is missing.
            Err(error) => match etcd.within(AGREED.min(etcd.deadline())).remembered_members().await {
                Ok(members) => members,
                Err(_) => return Err(error),
            },
        };
        let seats = members.into_iter().map(|member| async {
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
