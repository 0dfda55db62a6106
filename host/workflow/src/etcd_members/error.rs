//! Why members are left as they are.

use std::fmt;
use std::time::Duration;

use kubephase_node::etcd::Member;
use kubephase_node::kube::ApiError;
use kubephase_node::{EtcdError, FileError};

/// A member that is not well, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sick {
    /// Its name, or its URL.
    pub member: String,
    /// What is wrong with it.
    pub why: String,
}

impl fmt::Display for Sick {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.member, self.why)
    }
}

/// The members of etcd stay as they are, or have not become what was wanted.
#[derive(Debug, thiserror::Error)]
pub enum MembersError {
    /// etcd cannot be asked, or says no.
    #[error(transparent)]
    Etcd(#[from] EtcdError),
    /// The API server cannot be asked, or says no.
    #[error(transparent)]
    Api(#[from] ApiError),
    /// A file could not be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// A certificate or key is missing.
    #[error("reading {path} to ask etcd: it does not exist")]
    NoCredentials {
        /// The file.
        path: String,
    },
    /// Nothing in the cluster says where etcd is.
    #[error("looking for the members of etcd: {why}")]
    NoEndpoints {
        /// What was found instead.
        why: String,
    },
    /// etcd cannot decide anything.
    #[error(
        "cannot {what}: {healthy} of {voters} members of etcd are healthy, and {quorum} are needed: {}",
        told(sick)
    )]
    NoQuorum {
        /// What was to be done, such as `join it`.
        what: String,
        /// How many are well.
        healthy: usize,
        /// How many have a vote.
        voters: usize,
        /// How many are needed.
        quorum: usize,
        /// The others.
        sick: Vec<Sick>,
    },
    /// etcd could decide, and after it could not any more.
    #[error(
        "cannot remove the etcd member {member}: of the {voters} that stay {healthy} are healthy, and {quorum} are needed: {}",
        told(sick)
    )]
    WouldLoseQuorum {
        /// Who was to go.
        member: String,
        /// How many that stay are well.
        healthy: usize,
        /// How many stay.
        voters: usize,
        /// How many of them are needed.
        quorum: usize,
        /// The others.
        sick: Vec<Sick>,
    },
    /// etcd does not take members in while one of its own is not connected.
    #[error("cannot add a member to etcd: it has called itself unhealthy for {} s{}", waited.as_secs(), because(sick))]
    StaysUnhealthy {
        /// How long.
        waited: Duration,
        /// Who is not well.
        sick: Vec<Sick>,
    },
    /// There is an alarm.
    #[error("cannot add a member to etcd: it has raised an alarm: {alarm}")]
    Alarm {
        /// In etcd's words.
        alarm: String,
    },
    /// Somebody else is what we want to be.
    #[error("cannot join etcd as {name}: {taken} is a member already, and answers at {url}")]
    Taken {
        /// Our name.
        name: String,
        /// Who it is.
        taken: String,
        /// Where.
        url: String,
    },
    /// A member has our name and another address, or our address and another name.
    #[error(
        "the etcd member {} at {} is not surely this node's, which calls itself {name} at {peer_url}",
        if member.name.is_empty() { "without a name" } else { &member.name },
        member.peer_urls.join(", ")
    )]
    Mistaken {
        /// The member.
        member: Box<Member>,
        /// The name in this node's manifest of etcd.
        name: String,
        /// The peer URL there.
        peer_url: String,
    },
    /// The new member does not become one.
    #[error("the etcd learner {name} has not caught up: {why}{}", if *removed { "; it has been removed again" } else { "" })]
    LearnerStuck {
        /// Which.
        name: String,
        /// Where it stands.
        why: String,
        /// It is no member any more.
        removed: bool,
    },
    /// Somebody has removed the new member while it was catching up.
    #[error("the etcd learner {name} has been removed by somebody else while it was catching up")]
    Vanished {
        /// Which.
        name: String,
    },
    /// Others keep changing members.
    #[error("waiting for {holder} to finish its change of etcd's members: not done after {} s", waited.as_secs())]
    Turn {
        /// Who has the lease.
        holder: String,
        /// How long we waited.
        waited: Duration,
    },
    /// The lease could not be renewed in time, or was taken over.
    #[error("changing the members of etcd: {why}, so somebody else may be changing them too")]
    LostTurn {
        /// What became of it.
        why: String,
    },
}

pub(super) fn told(sick: &[Sick]) -> String {
    if sick.is_empty() {
        return "nobody is known to be ill".into();
    }
    sick.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

fn because(sick: &[Sick]) -> String {
    if sick.is_empty() { String::new() } else { format!(": {}", told(sick)) }
}

impl MembersError {
    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Etcd(error) => return error.hint().map(str::to_owned),
            Self::Api(error) => return error.hint().map(str::to_owned),
            Self::File(error) => return error.hint().map(Into::into),
            Self::NoCredentials { .. } => "restore etcd's certificates, or make them with `certs` phases".into(),
            Self::NoEndpoints { .. } => {
                "see whether the Pods of etcd in kube-system run, and are annotated with \
                 kubeadm.kubernetes.io/etcd.advertise-client-urls"
                    .into()
            }
            Self::NoQuorum { .. } => {
                "bring enough of these members back; if they are lost for good, restore etcd from a snapshot or start the \
                 one that is left with --force-new-cluster"
                    .into()
            }
            Self::WouldLoseQuorum { .. } => "bring the others back first, or join new control-plane nodes".into(),
            Self::StaysUnhealthy { sick, .. } if sick.is_empty() => {
                "see the logs of etcd: members do not reach each other on their peer URLs".into()
            }
            Self::StaysUnhealthy { .. } => {
                "bring these members back; if a node is gone for good, take it out with `kubephase node remove NAME`".into()
            }
            Self::Alarm { .. } => {
                "free space with `etcdctl compact` and `etcdctl defrag`, then `etcdctl alarm disarm`".into()
            }
            Self::Taken { .. } => {
                "give this node another name or address, or reset the other one first".into()
            }
            Self::Mistaken { .. } => {
                "compare `etcdctl member list` with etcd's manifest on this node, take the right member out with \
                 `etcdctl member remove`, and run the same command again"
                    .into()
            }
            Self::LearnerStuck { .. } => {
                "see the log of etcd on this node (`crictl logs`), and whether port 2380 of the other control-plane nodes \
                 can be reached from here and back; then run the same command again"
                    .into()
            }
            Self::Vanished { .. } => "run the same command again".into(),
            Self::Turn { holder, .. } => format!(
                "see what {holder} is doing; if it is nothing, delete the Lease {}/{} and run the same command again",
                super::lease::NAMESPACE,
                super::LEASE_NAME
            ),
            Self::LostTurn { .. } => "see whether the API server is in trouble, then run the same command again".into(),
        })
    }
}
