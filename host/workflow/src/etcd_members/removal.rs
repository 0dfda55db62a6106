//! A member leaves.

use std::time::Duration;

use kubephase_node::Etcd;
use kubephase_node::etcd::{Member, Refusal};
use tokio::time::Instant;

use super::council::Council;
use super::{MembersError, Session, learner, lease};

const INTERVAL: Duration = Duration::from_millis(250);
/// A leader hands over at once or not at all.
const HANDOVER: Duration = Duration::from_secs(5);

/// Who leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target<'a> {
    /// The member of this node name: for a node that is gone.
    Name(&'a str),
    /// The member at this peer URL, `https://<advertise address>:2380`: for this very node, as kubeadm finds it.
    PeerUrl(&'a str),
    /// The member of this node name, or one that was never started at one of the node's peer URLs: it has no name yet.
    Node {
        /// The node's name.
        name: &'a str,
        /// `https://<address>:2380` for each of its addresses.
        peer_urls: &'a [String],
    },
}

impl Target<'_> {
    /// Whether this is the one.
    pub fn is(&self, member: &Member) -> bool {
        match self {
            Self::Node { name, peer_urls } => match member.name.as_str() {
                "" => member.peer_urls.iter().any(|known| peer_urls.contains(known)),
                known => known == *name,
            },
            Self::Name(name) => member.name == *name,
            Self::PeerUrl(url) => member.peer_urls.iter().any(|known| known == url),
        }
    }
}

/// What became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Removal {
    /// It was a member, and is none any more (in a dry run: would not be).
    Removed(Member),
    /// There is no such member.
    Absent,
    /// It is the only one with a vote. It stays: an etcd without members is none.
    Last(Member),
}

/// Removes a member, unless those that stay could not decide anything then.
pub async fn remove(session: &Session<'_>, target: Target<'_>) -> Result<Removal, MembersError> {
    lease::hold(session, dismiss(session, target)).await
}

async fn dismiss(session: &Session<'_>, target: Target<'_>) -> Result<Removal, MembersError> {
    let mut ill: Option<Instant> = None;
    let mut tried = None;
    loop {
        let council = Council::observe(session.etcd).await?;
        let Some(seat) = council.seats.iter().find(|seat| target.is(&seat.member)) else {
            // An attempt before was heard, and its answer lost.
            return Ok(tried.map_or(Removal::Absent, Removal::Removed));
        };
        let member = seat.member.clone();
        if !member.is_learner && council.voters().count() == 1 {
            return Ok(Removal::Last(member));
        }
        let refused = match council.may_remove(&member) {
            Ok(()) => {
                let others = hand_over(session, &council, &member).await?;
                tried = Some(member.clone());
                match others.remove(member.id).await {
                    Ok(_) => return Ok(Removal::Removed(member)),
                    Err(error) if learner::is_gone(&error) => return Ok(Removal::Removed(member)),
                    Err(error) => match error.refusal() {
                        Some(Refusal::Unhealthy | Refusal::NotEnoughStarted | Refusal::NoLeader) => error.into(),
                        _ => return Err(error.into()),
                    },
                }
            }
            Err(error) => error,
        };
        // A leader that changes and members that have just connected look like this for some seconds.
        let since = *ill.get_or_insert_with(|| {
            session.info("waiting for etcd to be healthy enough to do without a member");
            Instant::now()
        });
        if since.elapsed() >= session.patience.health {
            return Err(refused);
        }
        tokio::time::sleep(INTERVAL).await;
    }
}

/// The healthy voters that stay, to be asked. If it is the leader who goes, one of them leads first: otherwise nobody
/// does until they have elected one.
async fn hand_over(session: &Session<'_>, council: &Council, member: &Member) -> Result<Etcd, MembersError> {
    let stay: Vec<&Member> = council
        .voters()
        .filter(|seat| seat.is_healthy() && seat.member.id != member.id)
        .map(|seat| &seat.member)
        .collect();
    let leads = council.leader().is_some_and(|leader| leader.member.id == member.id);
    if let (true, Some(heir), Some(url)) = (leads, stay.first(), member.client_urls.first()) {
        // If it does not, they elect one.
        let moved = session.etcd.within(HANDOVER).move_leader(url, heir.id).await;
        if moved.is_ok() {
            session.info(format!("{heir} leads etcd from now on"));
        }
    }
    let urls: Vec<String> = stay.iter().filter_map(|member| member.client_urls.first().cloned()).collect();
    if urls.is_empty() { Ok(session.etcd.clone()) } else { Ok(session.etcd.at(&urls)?) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_that_was_never_started_is_known_by_its_address() {
        let at = |name: &str, address: &str| Member {
            name: name.into(),
            peer_urls: vec![format!("https://{address}:2380")],
            ..Member::default()
        };
        let peer_urls = ["https://192.0.2.12:2380".to_owned(), "https://[fd00::c]:2380".to_owned()];
        let target = Target::Node { name: "cp-2", peer_urls: &peer_urls };
        assert!(
            target.is(&at("cp-2", "192.0.2.99")) && target.is(&at("", "192.0.2.12")) && target.is(&at("", "[fd00::c]"))
        );
        // Another one has the address now.
        assert!(!target.is(&at("cp-3", "192.0.2.12")) && !target.is(&at("", "192.0.2.1")));
    }
}
