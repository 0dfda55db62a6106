//! A member leaves.

use kubephase_node::etcd::Member;

use super::{MembersError, Session};

/// Who leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target<'a> {
    /// The member of this node name: for a node that is gone.
    Name(&'a str),
    /// The member at this peer URL, `https://<advertise address>:2380`: for this very node, as kubeadm finds it.
    PeerUrl(&'a str),
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
    let _ = (session.holder, target);
    Ok(Removal::Absent)
}
