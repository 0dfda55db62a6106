//! This node's etcd becomes a member.

use std::time::Duration;

use kubephase_node::Etcd;
use kubephase_node::etcd::{Member, Refusal};
use tokio::time::Instant;

use super::council::{Council, Step};
use super::slot::{Slot, Verdict};
use super::{MembersError, Session, learner, lease};

const INTERVAL: Duration = Duration::from_millis(250);

/// Who wants to be a member.
#[derive(Clone, Copy)]
pub struct Newcomer<'a> {
    /// The node's name.
    pub name: &'a str,
    /// `https://<advertise address>:2380`.
    pub peer_url: &'a str,
    /// `https://<advertise address>:2379`.
    pub client_url: &'a str,
    /// Whether there are data of an etcd in its directory (`<dataDir>/member` exists). Asked at every step: an etcd that an
    /// earlier run has left may start while others are waited for.
    pub has_data: &'a (dyn Fn() -> bool + Sync),
}

/// The others expect this node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Announced {
    /// Name and peer URL of every member, this one among them: `initial-cluster` of its manifest
    /// (`PodContext::etcd_members`).
    pub members: Vec<(String, String)>,
    /// It is a member that has never run.
    pub fresh: bool,
    /// There were data before there was a member with this id: they belong to one that is no more, and must go before
    /// etcd starts. Data that have come since are its own.
    pub stale: bool,
}

/// This node's etcd has a vote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Joined {
    /// It had it before.
    pub already: bool,
    /// Stale members that it has replaced, and dead learners that were in the way.
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
    lease::hold(session, async {
        let place = announce(session, me).await?;
        let Place { member, members, fresh, stale, voters, removed } = place;
        let announced = Announced { members: initial_cluster(&members, &member, me), fresh, stale };
        if let Err(error) = start(&announced).await {
            if fresh && !session.node.is_dry_run() {
                learner::withdraw(&voters, member.id).await;
            }
            return Err(error);
        }
        let already = !member.is_learner;
        if !session.node.is_dry_run() {
            match learner::promote(session, &voters, me, member.id).await {
                Ok(()) => {}
                Err(MembersError::LearnerStuck { name, why, .. }) => {
                    let removed = learner::withdraw(&voters, member.id).await;
                    return Err(MembersError::LearnerStuck { name, why, removed }.into());
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(Joined { already, removed })
    })
    .await
}

/// Where we are among the members.
struct Place {
    member: Member,
    members: Vec<Member>,
    fresh: bool,
    stale: bool,
    /// Those that can be asked.
    voters: Etcd,
    removed: Vec<String>,
}

async fn announce(session: &Session<'_>, me: &Newcomer<'_>) -> Result<Place, MembersError> {
    let mut removed = Vec::new();
    let mut slot = Slot::default();
    let mut ill: Option<Instant> = None;
    let mut told = String::new();
    loop {
        let council = Council::observe(session.etcd).await?;
        let voters = council.askable(session.etcd)?;
        let has_data = (me.has_data)();
        let step = council.step(me, has_data);
        // Who is a member already may be the one whom the others lack to decide anything.
        let may = if matches!(&step, Step::Keep(_)) { Ok(()) } else { council.require_quorum("join it") };
        let refused = match may {
            Ok(()) => match step {
                Step::Keep(member) => {
                    let members = council.seats.into_iter().map(|seat| seat.member).collect();
                    let fresh = !member.is_started();
                    return Ok(Place { fresh, stale: false, member, members, voters, removed });
                }
                Step::Refuse(error) => return Err(error),
                Step::Replace(stale, why) => match council.may_remove(&stale) {
                    Ok(()) => {
                        session.warn(format!("replacing the stale etcd member {stale}: {why}"));
                        if dismiss(session, &voters, &stale, &mut removed).await? {
                            if session.node.is_dry_run() {
                                return pretend(me, has_data, &voters, removed, Some(&stale)).await;
                            }
                            continue;
                        }
                        MembersError::StaysUnhealthy { waited: Duration::ZERO, sick: council.sick() }
                    }
                    Err(error) => error,
                },
                Step::Add if session.node.is_dry_run() => {
                    return pretend(me, has_data, &voters, removed, None).await;
                }
                Step::Add => match voters.add_learner(&[me.peer_url.to_owned()]).await {
                    Ok(added) => {
                        session.info(format!("announced to etcd as the learner {}", added.member.id));
                        return Ok(Place {
                            member: added.member,
                            members: added.members,
                            fresh: true,
                            stale: has_data,
                            voters,
                            removed,
                        });
                    }
                    Err(error) => match error.refusal() {
                        // An attempt before was heard, and its answer lost. Or one of this address has been removed within
                        // this very second, of which etcd makes ids.
                        Some(Refusal::PeerUrlExists | Refusal::NotFound) => MembersError::Etcd(error),
                        Some(Refusal::TooManyLearners) => {
                            match slot.judge(Instant::now(), &council, &session.patience) {
                                Verdict::Wait(who) => {
                                    tell(session, &mut told, format!("waiting {who}"));
                                    // Waiting for others is not being ill.
                                    ill = None;
                                    tokio::time::sleep(INTERVAL).await;
                                    continue;
                                }
                                Verdict::Remove(member, why) => {
                                    session.warn(format!(
                                        "removing the etcd learner {member}, which is in the way: {why}"
                                    ));
                                    if dismiss(session, &voters, &member, &mut removed).await? {
                                        continue;
                                    }
                                    MembersError::StaysUnhealthy { waited: Duration::ZERO, sick: council.sick() }
                                }
                            }
                        }
                        Some(Refusal::Unhealthy | Refusal::NotEnoughStarted | Refusal::NoLeader) => {
                            MembersError::StaysUnhealthy { waited: Duration::ZERO, sick: council.sick() }
                        }
                        _ => return Err(error.into()),
                    },
                },
            },
            Err(error) => error,
        };
        // A leader that changes and members that have just connected look like this for some seconds.
        let since = *ill.get_or_insert_with(Instant::now);
        if since.elapsed() >= session.patience.health {
            return Err(after(refused, since.elapsed()));
        }
        tell(session, &mut told, "waiting for etcd to be healthy enough for another member".into());
        tokio::time::sleep(INTERVAL).await;
    }
}

/// In a dry run: what would be, had the stale member gone.
async fn pretend(
    me: &Newcomer<'_>,
    has_data: bool,
    voters: &Etcd,
    removed: Vec<String>,
    stale: Option<&Member>,
) -> Result<Place, MembersError> {
    let mut added = voters.add_learner(&[me.peer_url.to_owned()]).await?;
    added.members.retain(|member| stale.is_none_or(|stale| stale.id != member.id));
    let (member, members, voters) = (added.member, added.members, voters.clone());
    Ok(Place { member, members, fresh: true, stale: has_data, voters, removed })
}

fn after(error: MembersError, waited: Duration) -> MembersError {
    match error {
        MembersError::StaysUnhealthy { sick, .. } => MembersError::StaysUnhealthy { waited, sick },
        error => error,
    }
}

fn tell(session: &Session<'_>, told: &mut String, text: String) {
    if *told != text {
        session.info(text.clone());
        *told = text;
    }
}

/// Removes a member that is in the way. False if etcd does not do that now, and may in a moment.
async fn dismiss(
    session: &Session<'_>,
    voters: &Etcd,
    member: &Member,
    removed: &mut Vec<String>,
) -> Result<bool, MembersError> {
    match voters.remove(member.id).await {
        Ok(_) => {}
        Err(error) if learner::is_gone(&error) => {}
        Err(error) => {
            return match error.refusal() {
                Some(Refusal::Unhealthy | Refusal::NotEnoughStarted | Refusal::NoLeader) => Ok(false),
                _ => Err(error.into()),
            };
        }
    }
    removed.push(member.to_string());
    session.info(format!("the etcd member {member} is removed"));
    Ok(true)
}

/// Name and peer URL of every member. Those that have never been started have no name, and go by their id, as kubeadm
/// has it: they only have to be told apart.
fn initial_cluster(members: &[Member], mine: &Member, me: &Newcomer<'_>) -> Vec<(String, String)> {
    let name = |member: &Member| {
        if member.id == mine.id {
            me.name.to_owned()
        } else if member.name.is_empty() {
            member.id.to_string()
        } else {
            member.name.clone()
        }
    };
    members.iter().flat_map(|member| member.peer_urls.iter().map(move |url| (name(member), url.clone()))).collect()
}

#[cfg(test)]
mod tests {
    use kubephase_node::etcd::MemberId;

    use super::*;

    #[test]
    fn the_initial_cluster_names_everybody_once_per_address() {
        let member = |id, name: &str, urls: &[&str]| Member {
            id: MemberId(id),
            name: name.into(),
            peer_urls: urls.iter().map(|url| (*url).to_owned()).collect(),
            ..Member::default()
        };
        let members =
            [member(1, "cp-1", &["https://a:2380", "https://b:2380"]), member(171, "", &["c"]), member(3, "", &["d"])];
        let me = Newcomer { name: "cp-3", peer_url: "d", client_url: "", has_data: &|| false };
        let named: Vec<String> = initial_cluster(&members, &members[2], &me)
            .into_iter()
            .map(|(name, url)| format!("{name}={url}"))
            .collect();
        assert_eq!(named, ["cp-1=https://a:2380", "cp-1=https://b:2380", "ab=c", "cp-3=d"]);
    }
}
