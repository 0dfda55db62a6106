//! Somebody else's learner has the only place that there is for one. It is waited for, and when its node has died or
//! gets it no further, it goes: it has no vote, so nothing is lost by it but its own way so far.

use std::time::Duration;

use kubephase_node::etcd::{Member, MemberId};
use tokio::time::Instant;

use super::{Council, Patience};

/// What has been seen of the learner in the way.
#[derive(Debug, Default)]
pub(super) struct Slot {
    seen: Option<Seen>,
}

#[derive(Debug)]
struct Seen {
    id: MemberId,
    first: Instant,
    alive: Instant,
    further: Instant,
    percent: Option<u64>,
}

/// What to do.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Look again; in words who it is and how it stands.
    Wait(String),
    /// It has to go.
    Remove(Member, String),
}

impl Slot {
    /// Judges by this look and those before.
    pub(super) fn judge(&mut self, now: Instant, council: &Council, patience: &Patience) -> Verdict {
        let Some(learner) = council.learners().next() else {
            self.seen = None;
            return Verdict::Wait("for a place for a learner".into());
        };
        let id = learner.member.id;
        if self.seen.as_ref().is_none_or(|seen| seen.id != id) {
            self.seen = Some(Seen { id, first: now, alive: now, further: now, percent: None });
        }
        let name = learner.member.to_string();
        let Some(seen) = &mut self.seen else { return Verdict::Wait(name) };
        let goal = council.voters().filter_map(|seat| seat.status()).map(|status| status.raft_index).max();
        let percent = learner.status().zip(goal).map(|(status, goal)| status.raft_index * 100 / goal.max(1));
        if learner.is_healthy() {
            seen.alive = now;
        }
        if percent > seen.percent {
            (seen.percent, seen.further) = (percent, now);
        }
        let for_seconds = |since: Instant| (now - since).as_secs();
        // Who starts etcd by hand or pulls its image first needs a while until it runs at all.
        let dead = if learner.member.is_started() { patience.dead_learner } else { patience.slow_learner };
        if now - seen.alive >= dead {
            let why = format!("it has not answered for {} s", for_seconds(seen.alive));
            return Verdict::Remove(learner.member.clone(), why);
        }
        if now - seen.further >= patience.slow_learner.max(Duration::from_secs(1)) {
            let why = format!("nobody has promoted it for {} s", for_seconds(seen.first));
            return Verdict::Remove(learner.member.clone(), why);
        }
        let stand = percent.map_or_else(|| "does not answer".to_owned(), |percent| format!("is {percent} % synced"));
        Verdict::Wait(format!("for the learner {name}, which {stand}"))
    }
}

#[cfg(test)]
mod tests {
    use kubephase_node::etcd::Status;

    use super::super::{Health, Seat};
    use super::*;

    fn council(started: bool, index: Option<u64>) -> Council {
        let seat = |id: u64, name: &str, is_learner, index: Option<u64>| Seat {
            member: Member { id: MemberId(id), name: name.into(), is_learner, ..Member::default() },
            health: match index {
                Some(raft_index) => Health::Healthy(Status { raft_index, ..Status::default() }),
                None => Health::Sick("no answer within 2 s".into()),
            },
        };
        let name = if started { "cp-2" } else { "" };
        Council { seats: vec![seat(1, "cp-1", false, Some(1000)), seat(2, name, true, index)] }
    }

    #[test]
    fn a_learner_in_the_way_gets_its_time_and_no_more() {
        let patience = Patience::default();
        let begun = Instant::now();
        let at = |seconds| begun + Duration::from_secs(seconds);
        let removed = |verdict: Verdict| match verdict {
            Verdict::Remove(member, why) => Some((member.id.0, why)),
            Verdict::Wait(_) => None,
        };

        let mut slot = Slot::default();
        let wait = slot.judge(at(0), &council(true, Some(630)), &patience);
        assert_eq!(wait, Verdict::Wait("for the learner cp-2, which is 63 % synced".into()));
        // It dies, comes back, and dies for good.
        assert_eq!(removed(slot.judge(at(29), &council(true, None), &patience)), None);
        assert_eq!(removed(slot.judge(at(30), &council(true, Some(700)), &patience)), None);
        assert_eq!(removed(slot.judge(at(59), &council(true, None), &patience)), None);
        let gone = removed(slot.judge(at(60), &council(true, None), &patience));
        assert_eq!(gone, Some((2, "it has not answered for 30 s".into())));

        // One that was announced and still has to be started.
        let mut slot = Slot::default();
        assert_eq!(removed(slot.judge(at(0), &council(false, None), &patience)), None);
        assert_eq!(removed(slot.judge(at(119), &council(false, None), &patience)), None);
        assert!(removed(slot.judge(at(120), &council(false, None), &patience)).is_some());

        // One that is well, and whom nobody promotes.
        let mut slot = Slot::default();
        assert_eq!(removed(slot.judge(at(0), &council(true, Some(1000)), &patience)), None);
        assert_eq!(removed(slot.judge(at(119), &council(true, Some(1000)), &patience)), None);
        let gone = removed(slot.judge(at(120), &council(true, Some(1000)), &patience));
        assert_eq!(gone, Some((2, "nobody has promoted it for 120 s".into())));

        // The next one has its own time.
        let mut other = council(true, None);
        other.seats[1].member.id = MemberId(3);
        assert_eq!(removed(slot.judge(at(121), &other, &patience)), None);
    }
}
