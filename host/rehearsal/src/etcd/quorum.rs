//! What members decide together: who comes, who gets a vote, who goes, who leads. In etcd's words, by which its clients
//! tell refusals apart (`rpctypes` in go.etcd.io/etcd/api/v3).

use kubephase_node::etcd::wire;
use tonic::Status;

use super::{Cluster, MAX_LEARNERS, Seat, State};

/// What a cluster says that is as new as any release wants it.
const VERSION: &str = "3.6.0";

/// etcd promotes who has this share of what its leader has, in percent.
const READY: u64 = 90;

impl State {
    fn voters(&self) -> impl Iterator<Item = &Seat> {
        self.members.iter().filter(|seat| !seat.member.is_learner)
    }

    fn has_quorum(&self) -> bool {
        let (all, running) = (self.voters().count(), self.voters().filter(|seat| seat.is_running).count());
        running > all / 2
    }

    /// Who leads goes on; else the first one that runs does, if there are enough.
    pub(super) fn elect(&mut self) {
        let still = self.voters().any(|seat| seat.member.id == self.leader && seat.is_running);
        if !self.has_quorum() {
            self.leader = 0;
        } else if !still {
            let next = self.voters().find(|seat| seat.is_running).map_or(0, |seat| seat.member.id);
            self.leader = next;
            self.term += 1;
        }
    }

    /// Enough of those that stay have to run (`--strict-reconfig-check`).
    fn may_lose(&self, id: u64) -> Result<(), Status> {
        let stay = || self.voters().filter(|seat| seat.member.id != id);
        let running = stay().filter(|seat| seat.is_running).count();
        if running > stay().count() / 2 {
            return Ok(());
        }
        Err(Status::failed_precondition("etcdserver: re-configuration failed due to not enough started members"))
    }
}

impl Cluster {
    pub(super) fn list(&self, asked: u64, request: &wire::MemberListRequest) -> Result<wire::Members, Status> {
        let state = self.state();
        let decided = state.may_decide(asked);
        // What one remembers needs nobody else.
        let remembers = !request.linearizable && state.leader == 0 && state.seat(asked).is_some();
        if remembers { Ok(state.answer(asked)) } else { decided.map(|()| state.answer(asked)) }
    }

    pub(super) fn add(&self, asked: u64, request: wire::MemberAddRequest) -> Result<wire::MemberAddResponse, Status> {
        let mut state = self.state();
        state.may_decide(asked)?;
        let taken = |url: &String| state.members.iter().any(|seat| seat.member.peer_urls.contains(url));
        if request.peer_urls.iter().any(taken) {
            return Err(Status::failed_precondition("etcdserver: Peer URLs already exists"));
        }
        let learners = state.members.iter().filter(|seat| seat.member.is_learner).count();
        if request.is_learner && learners >= MAX_LEARNERS {
            return Err(Status::failed_precondition("etcdserver: too many learner members in cluster"));
        }
        let id = state.new_id(&request.peer_urls);
        let wire::MemberAddRequest { peer_urls, is_learner } = request;
        let member = wire::Member { id, peer_urls, is_learner, ..wire::Member::default() };
        state.members.push(Seat { member: member.clone(), is_running: false, began: None });
        state.index += 1;
        state.elect();
        Ok(wire::MemberAddResponse { member: Some(member), members: state.members() })
    }

    pub(super) fn promote(&self, asked: u64, request: &wire::OneMember) -> Result<wire::Members, Status> {
        let mut state = self.state();
        state.may_decide(asked)?;
        let all = state.index;
        let seat = state.seat_mut(request.id).ok_or_else(not_found)?;
        if !seat.member.is_learner {
            return Err(Status::failed_precondition("etcdserver: can only promote a learner member"));
        }
        if !seat.is_running || seat.index(all) * 100 < all * READY {
            let why = "etcdserver: can only promote a learner member which is in sync with leader";
            return Err(Status::failed_precondition(why));
        }
        seat.member.is_learner = false;
        state.index += 1;
        Ok(state.answer(asked))
    }

    pub(super) fn remove(&self, asked: u64, request: &wire::OneMember) -> Result<wire::Members, Status> {
        let mut state = self.state();
        state.may_decide(asked)?;
        let seat = state.seat(request.id).ok_or_else(not_found)?;
        if !seat.member.is_learner {
            state.may_lose(request.id)?;
        }
        state.members.retain(|seat| seat.member.id != request.id);
        state.index += 1;
        state.elect();
        Ok(state.answer(asked))
    }

    pub(super) fn update(&self, asked: u64, request: wire::MemberUpdateRequest) -> Result<wire::Members, Status> {
        let mut state = self.state();
        state.may_decide(asked)?;
        let seat = state.seat_mut(request.id).ok_or_else(not_found)?;
        seat.member.peer_urls = request.peer_urls;
        state.index += 1;
        Ok(state.answer(asked))
    }

    pub(super) fn lead(&self, asked: u64, request: &wire::MoveLeaderRequest) -> Result<wire::Empty, Status> {
        let mut state = self.state();
        state.may_decide(asked)?;
        if state.leader != asked {
            return Err(Status::failed_precondition("etcdserver: not leader"));
        }
        match state.seat(request.target_id) {
            Some(seat) if !seat.member.is_learner && seat.is_running => {
                state.leader = request.target_id;
                state.term += 1;
                Ok(wire::Empty {})
            }
            _ => Err(Status::failed_precondition("etcdserver: bad leader transferee")),
        }
    }

    pub(super) fn status(&self, asked: u64) -> Result<wire::StatusResponse, Status> {
        let state = self.state();
        let seat = state.seat(asked).ok_or_else(|| Status::unavailable("etcdserver: server stopped"))?;
        let index = seat.index(state.index);
        Ok(wire::StatusResponse {
            header: Some(state.header(asked)),
            version: VERSION.to_owned(),
            db_size: 1 << 20,
            leader: state.leader,
            raft_index: index,
            raft_term: state.term,
            raft_applied_index: index,
            errors: Vec::new(),
            db_size_in_use: 1 << 19,
            is_learner: seat.member.is_learner,
        })
    }
}

fn not_found() -> Status {
    Status::not_found("etcdserver: member not found")
}
