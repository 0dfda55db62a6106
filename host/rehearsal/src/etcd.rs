//! The cluster's etcd, as far as somebody asks it who its members are: they come as learners, catch up, get their votes,
//! and go, by etcd's own rules and in its own words. Nothing is stored in it: the objects are in [`crate::store`].

mod member;
mod quorum;
mod serve;
#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use kubephase_node::etcd::wire;
use tonic::Status;

use crate::machine::digest;

pub use member::{Flags, start};
pub use serve::{Listener, Tls};

/// A learner takes this long to get all that its leader has.
const CATCHES_UP: Duration = Duration::from_millis(300);
/// As much has happened in a cluster that is just there.
const FIRST_INDEX: u64 = 1000;
/// etcd allows no more of them at the same time.
const MAX_LEARNERS: usize = 1;

/// Everything that all members know. Clones are the same cluster.
#[derive(Clone, Default)]
pub struct Cluster(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    id: u64,
    members: Vec<Seat>,
    leader: u64,
    index: u64,
    term: u64,
    /// How many ids have been made: one that comes again is another one.
    made: u64,
}

/// A member, and how it is.
struct Seat {
    member: wire::Member,
    is_running: bool,
    /// When it began to catch up.
    began: Option<Instant>,
}

impl Seat {
    /// How much it has of what has happened.
    fn index(&self, all: u64) -> u64 {
        if !self.member.is_learner {
            return all;
        }
        let since = self.began.map_or(Duration::ZERO, |began| began.elapsed());
        let share = since.as_millis().min(CATCHES_UP.as_millis());
        u64::try_from(u128::from(all) * share / CATCHES_UP.as_millis()).unwrap_or(all)
    }
}

/// Why a member does not come up: its last words.
type LastWords = String;

impl Cluster {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Its members, in the order in which they came.
    pub fn members(&self) -> Vec<wire::Member> {
        self.state().members()
    }

    /// Founds the cluster with one member. Refused while members of another one run.
    fn found(&self, flags: &Flags) -> Result<u64, LastWords> {
        let mut state = self.state();
        if state.members.iter().any(|seat| seat.is_running) {
            return Err("a cluster of etcd runs here already, and this member is none of it".to_owned());
        }
        state.members.clear();
        (state.id, state.term, state.index) = (state.new_id(&flags.peer_urls), 2, FIRST_INDEX);
        let id = state.new_id(&flags.peer_urls);
        let member = wire::Member { id, peer_urls: flags.peer_urls.clone(), ..wire::Member::default() };
        state.members.push(Seat { member, is_running: false, began: None });
        state.begin(id, flags);
        Ok(id)
    }

    /// Takes a place that is announced. What the member has been told of the others must be so.
    fn take_place(&self, flags: &Flags) -> Result<u64, LastWords> {
        let mut state = self.state();
        let known: Vec<&String> = state.members.iter().flat_map(|seat| &seat.member.peer_urls).collect();
        if known.len() != flags.initial.len() {
            return Err("error validating peerURLs: member count is unequal".to_owned());
        }
        if let Some((_, url)) = flags.initial.iter().find(|(_, url)| !known.contains(&url)) {
            return Err(format!("error validating peerURLs: unmatched member while checking PeerURLs ({url})"));
        }
        let is_ours = |seat: &&Seat| seat.member.peer_urls.iter().any(|url| flags.peer_urls.contains(url));
        let Some(seat) = state.members.iter().find(is_ours) else {
            return Err(format!("couldn't find local name {:?} in the initial cluster configuration", flags.name));
        };
        if !seat.member.name.is_empty() {
            return Err(format!("member {:x} has already been bootstrapped", seat.member.id));
        }
        let id = seat.member.id;
        state.begin(id, flags);
        Ok(id)
    }

    /// Goes on as the member whose data these are.
    fn go_on(&self, id: u64, flags: &Flags) -> Result<u64, LastWords> {
        let mut state = self.state();
        if state.seat(id).is_none() {
            return Err("the member has been permanently removed from the cluster".to_owned());
        }
        state.begin(id, flags);
        Ok(id)
    }

    /// A member has ended.
    fn end(&self, id: u64) {
        let mut state = self.state();
        if let Some(seat) = state.seat_mut(id) {
            seat.is_running = false;
        }
        state.elect();
    }

    /// Whether it is still one of them.
    fn has(&self, id: u64) -> bool {
        self.state().seat(id).is_some()
    }
}

impl State {
    /// As etcd makes them, of addresses and of when that was.
    fn new_id(&mut self, peer_urls: &[String]) -> u64 {
        self.made += 1;
        let digits = digest(&format!("{} {}", self.made, peer_urls.join(",")));
        u64::from_str_radix(&digits[..16], 16).unwrap_or_default().max(1)
    }

    fn seat(&self, id: u64) -> Option<&Seat> {
        self.members.iter().find(|seat| seat.member.id == id)
    }

    fn seat_mut(&mut self, id: u64) -> Option<&mut Seat> {
        self.members.iter_mut().find(|seat| seat.member.id == id)
    }

    fn members(&self) -> Vec<wire::Member> {
        self.members.iter().map(|seat| seat.member.clone()).collect()
    }

    fn begin(&mut self, id: u64, flags: &Flags) {
        if let Some(seat) = self.seat_mut(id) {
            seat.member.name.clone_from(&flags.name);
            seat.member.client_urls.clone_from(&flags.client_urls);
            seat.is_running = true;
            seat.began.get_or_insert_with(Instant::now);
        }
        self.index += 1;
        self.elect();
    }

    /// What a member answers to `call`, if it is one that changes members.
    fn header(&self, asked: u64) -> wire::ResponseHeader {
        wire::ResponseHeader { cluster_id: self.id, member_id: asked }
    }

    fn answer(&self, asked: u64) -> wire::Members {
        wire::Members { header: Some(self.header(asked)), members: self.members() }
    }

    /// A learner answers nothing but how it is; without a leader nothing is decided.
    fn may_decide(&self, asked: u64) -> Result<(), Status> {
        match self.seat(asked) {
            None => Err(Status::unavailable("etcdserver: server stopped")),
            Some(seat) if seat.member.is_learner => {
                Err(Status::unavailable("etcdserver: rpc not supported for learner"))
            }
            Some(_) if self.leader == 0 => Err(Status::unavailable("etcdserver: no leader")),
            Some(_) => Ok(()),
        }
    }
}
