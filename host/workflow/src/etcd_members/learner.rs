//! The new member catches up, and gets its vote.

use std::time::Duration;

use kubephase_node::etcd::{MemberId, Refusal, Status};
use kubephase_node::{Etcd, EtcdError};
use tokio::time::Instant;

use super::join::Newcomer;
use super::{MembersError, Patience, Session};

const INTERVAL: Duration = Duration::from_millis(100);
/// It hears of its own vote from its leader a moment later.
const HEARS: Duration = Duration::from_millis(10);
/// etcd promotes who has nine tenths of what its leader has; asking before is of no use. What one sees from outside is
/// a moment old, so it is asked now and then all the same.
const ENOUGH: u64 = 90;
const ASK_ANYWAY: Duration = Duration::from_secs(2);
const PROMOTION: Duration = Duration::from_secs(5);
/// Progress is told no more often.
const TELL: Duration = Duration::from_secs(1);

/// Waits until the member `id` answers at its client URL and has caught up, and has it promoted. `voters` are those that
/// are asked.
pub(super) async fn promote(
    session: &Session<'_>,
    voters: &Etcd,
    me: &Newcomer<'_>,
    id: MemberId,
) -> Result<(), MembersError> {
    let mut pace = Pace::new(Instant::now());
    let mut asked: Option<Instant> = None;
    let mut told: Option<(Instant, String)> = None;
    let mut interval = INTERVAL;
    loop {
        let (own, others) = tokio::join!(voters.status(me.client_url), voters.statuses());
        let goal = others.iter().filter_map(|(_, status)| status.as_ref().ok()).map(|status| status.raft_index).max();
        let own = own.map_err(|error| error.reason()).and_then(|status| ours(status, id));
        if own.as_ref().is_ok_and(|status| !status.is_learner && status.leader.is_some()) {
            return Ok(());
        }
        let now = Instant::now();
        pace.note(now, own.as_ref().map(|status| status.raft_index).map_err(String::as_str), goal);
        let text = format!("learner {}", pace.stand());
        let is_due = pace.percent.is_some_and(|percent| percent >= ENOUGH) && own.is_ok();
        if told.as_ref().is_none_or(|(at, last)| *last != text && (at.elapsed() >= TELL || is_due)) {
            session.info(text.clone());
            told = Some((now, text));
        }
        if is_due || (own.is_ok() && asked.is_none_or(|asked| asked.elapsed() >= ASK_ANYWAY)) {
            asked = Some(now);
            match voters.within(PROMOTION).promote(id).await {
                Ok(_) => {
                    session.info("learner has its vote");
                    interval = HEARS;
                }
                Err(error) => match error.refusal() {
                    Some(Refusal::NotLearner) => {}
                    Some(Refusal::NotFound) => return Err(MembersError::Vanished { name: me.name.to_owned() }),
                    Some(Refusal::Denied) => return Err(error.into()),
                    _ => pace.refused = Some(error.reason()),
                },
            }
        }
        if let Some(why) = pace.stuck(Instant::now(), &session.patience) {
            return Err(stuck(voters, me, id, why).await);
        }
        tokio::time::sleep(interval).await;
    }
}

/// It may have gone while nobody asked for its promotion.
async fn stuck(voters: &Etcd, me: &Newcomer<'_>, id: MemberId, why: String) -> MembersError {
    let name = me.name.to_owned();
    match voters.within(PROMOTION).members().await {
        Ok(members) if members.iter().all(|member| member.id != id) => MembersError::Vanished { name },
        _ => MembersError::LearnerStuck { name, why, removed: false },
    }
}

/// The status if it is that of the member that is meant.
fn ours(status: Status, id: MemberId) -> Result<Status, String> {
    if status.member == id {
        return Ok(status);
    }
    // An etcd that ran before with other data, and is about to be replaced.
    Err(format!("there is another member, {}, instead of {id}", status.member))
}

/// How far it has come, and since when it gets no further.
#[derive(Debug)]
struct Pace {
    begun: Instant,
    seen: Option<Instant>,
    further: Instant,
    percent: Option<u64>,
    silent: Option<String>,
    refused: Option<String>,
}

impl Pace {
    fn new(now: Instant) -> Self {
        Self { begun: now, seen: None, further: now, percent: None, silent: None, refused: None }
    }

    /// Its own raft index, or why there is none, and the highest that the others have.
    fn note(&mut self, now: Instant, own: Result<u64, &str>, goal: Option<u64>) {
        match own {
            Ok(index) => {
                if self.seen.is_none() {
                    self.further = now;
                }
                (self.seen, self.silent) = (Some(now), None);
                let percent = goal.map(|goal| share(index, goal));
                if percent > self.percent {
                    (self.percent, self.further) = (percent, now);
                }
            }
            Err(why) => self.silent = Some(why.to_owned()),
        }
    }

    /// As a phrase.
    fn stand(&self) -> String {
        match (self.percent, self.seen) {
            (Some(percent), _) => format!("{percent} % synced"),
            (None, Some(_)) => "answers".into(),
            (None, None) => "has not answered yet".into(),
        }
    }

    /// Why it is no use to wait any longer.
    fn stuck(&self, now: Instant, patience: &Patience) -> Option<String> {
        let because = |why: &Option<String>| why.as_ref().map(|why| format!(" ({why})")).unwrap_or_default();
        let seconds = |time: Duration| time.as_secs();
        let Some(seen) = self.seen else {
            let waited = now - self.begun;
            return (waited >= patience.sync)
                .then(|| format!("it has not answered once in {} s{}", seconds(waited), because(&self.silent)));
        };
        let quiet = now - seen;
        if quiet >= patience.silence {
            let stand = self.stand();
            return Some(format!("{stand}, then silent for {} s{}", seconds(quiet), because(&self.silent)));
        }
        let still = now - self.further;
        (still >= patience.sync)
            .then(|| format!("{}, and no further for {} s{}", self.stand(), seconds(still), because(&self.refused)))
    }
}

/// In percent; all of it only if nothing is missing.
fn share(index: u64, goal: u64) -> u64 {
    if index >= goal { 100 } else { index.saturating_mul(100) / goal.max(1) }
}

/// Takes the learner out again, so that it is in nobody's way. True if it is gone.
pub(super) async fn withdraw(voters: &Etcd, id: MemberId) -> bool {
    let voters = voters.within(PROMOTION);
    let is_voter = match voters.members().await {
        Ok(members) => match members.iter().find(|member| member.id == id) {
            Some(member) => !member.is_learner,
            None => return true,
        },
        Err(_) => return false,
    };
    !is_voter && !matches!(voters.remove(id).await, Err(error) if !is_gone(&error))
}

/// There is no such member any more.
pub(super) fn is_gone(error: &EtcdError) -> bool {
    error.refusal() == Some(Refusal::NotFound)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Patience = Patience {
        turn: Duration::from_secs(1),
        health: Duration::from_secs(1),
        dead_learner: Duration::from_secs(1),
        slow_learner: Duration::from_secs(1),
        sync: Duration::from_secs(100),
        silence: Duration::from_secs(30),
    };

    #[test]
    fn a_learner_gets_time_as_long_as_it_gets_further() {
        let begun = Instant::now();
        let at = |seconds| begun + Duration::from_secs(seconds);
        let mut pace = Pace::new(begun);
        pace.note(at(1), Err("nothing listens there"), Some(1000));
        assert_eq!((pace.stand().as_str(), pace.stuck(at(99), &PATIENCE)), ("has not answered yet", None));
        assert_eq!(
            pace.stuck(at(100), &PATIENCE).expect("too long"),
            "it has not answered once in 100 s (nothing listens there)"
        );
        pace.note(at(90), Ok(0), None);
        assert_eq!(pace.stand(), "answers");
        pace.note(at(91), Ok(0), Some(1000));
        pace.note(at(95), Ok(637), Some(1000));
        assert_eq!(pace.stand(), "63 % synced");
        // What it has, it does not lose by a leader that is faster.
        pace.note(at(150), Ok(640), Some(2000));
        assert_eq!((pace.stand().as_str(), pace.stuck(at(151), &PATIENCE)), ("63 % synced", None));
        pace.refused = Some("not in sync".into());
        for second in 151..195 {
            pace.note(at(second), Ok(640), Some(2000));
        }
        assert_eq!(
            pace.stuck(at(195), &PATIENCE).expect("no further"),
            "63 % synced, and no further for 100 s (not in sync)"
        );
        pace.note(at(194), Ok(999), Some(1000));
        assert_eq!((pace.stand().as_str(), pace.stuck(at(200), &PATIENCE)), ("99 % synced", None));
        pace.note(at(200), Err("no answer within 2 s"), Some(1000));
        assert_eq!(pace.stuck(at(223), &PATIENCE), None);
        assert_eq!(
            pace.stuck(at(224), &PATIENCE).expect("frozen"),
            "99 % synced, then silent for 30 s (no answer within 2 s)"
        );
    }

    #[test]
    fn all_is_only_all() {
        assert_eq!(
            [share(0, 0), share(5, 0), share(999, 1000), share(1000, 1000), share(1001, 1000)],
            [100, 100, 99, 100, 100]
        );
    }
}
