//! What etcd says, as values.

use std::fmt;

use super::wire;

/// Whom to believe and who we are: PEM. A secret.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// The authority of etcd's servers.
    pub ca: Vec<u8>,
    /// The client's certificate.
    pub certificate: Vec<u8>,
    /// Its key.
    pub key: Vec<u8>,
}

/// Nothing of it is shown.
impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").finish_non_exhaustive()
    }
}

/// By which etcd knows a member. Written as etcd's own tools write it, in hex.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MemberId(pub u64);

impl fmt::Display for MemberId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:x}", self.0)
    }
}

/// A member of the cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Member {
    /// Its id.
    pub id: MemberId,
    /// Its name; empty until it has been started.
    pub name: String,
    /// Where the others find it.
    pub peer_urls: Vec<String>,
    /// Where clients find it; none until it has been started.
    pub client_urls: Vec<String>,
    /// It has no vote yet.
    pub is_learner: bool,
}

impl Member {
    /// It has been started at least once.
    pub fn is_started(&self) -> bool {
        !self.name.is_empty()
    }
}

/// Its name, or what else it can be known by.
impl fmt::Display for Member {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.name.as_str(), self.peer_urls.first()) {
            ("", Some(url)) => write!(f, "{url} (never started)"),
            ("", None) => write!(f, "{}", self.id),
            (name, Some(url)) => write!(f, "{name} ({url})"),
            (name, None) => f.write_str(name),
        }
    }
}

impl From<wire::Member> for Member {
    fn from(member: wire::Member) -> Self {
        let wire::Member { id, name, peer_urls, client_urls, is_learner } = member;
        Self { id: MemberId(id), name, peer_urls, client_urls, is_learner }
    }
}

/// What was added, and all members with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Added {
    /// The new one.
    pub member: Member,
    /// All of them.
    pub members: Vec<Member>,
}

/// What one member says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// Which cluster it belongs to.
    pub cluster: u64,
    /// Who it is.
    pub member: MemberId,
    /// Such as `3.5.30`.
    pub version: String,
    /// Who it thinks leads; `None` if nobody does.
    pub leader: Option<MemberId>,
    /// The last log entry that it knows to be agreed on.
    pub raft_index: u64,
    /// The last log entry that it has worked off.
    pub raft_applied_index: u64,
    /// The term of its leader.
    pub raft_term: u64,
    /// Bytes on disk.
    pub db_size: u64,
    /// It has no vote yet.
    pub is_learner: bool,
    /// What it complains of, such as having no leader or no space.
    pub errors: Vec<String>,
}

impl From<wire::StatusResponse> for Status {
    fn from(status: wire::StatusResponse) -> Self {
        let header = status.header.unwrap_or_default();
        Self {
            cluster: header.cluster_id,
            member: MemberId(header.member_id),
            version: status.version,
            leader: (status.leader != 0).then_some(MemberId(status.leader)),
            raft_index: status.raft_index,
            raft_applied_index: status.raft_applied_index,
            raft_term: status.raft_term,
            db_size: u64::try_from(status.db_size).unwrap_or_default(),
            is_learner: status.is_learner,
            errors: status.errors,
        }
    }
}

/// What an alarm is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AlarmKind {
    /// The quota of its database is used up: nothing can be written.
    NoSpace,
    /// Its data differs from the others'.
    Corrupt,
    /// Something that a newer etcd knows.
    Other,
}

impl fmt::Display for AlarmKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoSpace => "its database is full (NOSPACE)",
            Self::Corrupt => "its data differs from the others' (CORRUPT)",
            Self::Other => "an unknown alarm",
        })
    }
}

/// A member that is in trouble.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Alarm {
    /// Which.
    pub member: MemberId,
    /// What about.
    pub kind: AlarmKind,
}

impl Alarm {
    /// `None` for what is no alarm.
    pub(super) fn from_wire(alarm: wire::AlarmMember) -> Option<Self> {
        let kind = match alarm.alarm {
            0 => return None,
            1 => AlarmKind::NoSpace,
            2 => AlarmKind::Corrupt,
            _ => AlarmKind::Other,
        };
        Some(Self { member: MemberId(alarm.member_id), kind })
    }
}
