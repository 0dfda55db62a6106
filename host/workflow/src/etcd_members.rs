//! Members of a stacked etcd come and go: a new one as a learner that gets its vote when it has caught up, and one that
//! leaves. Nothing changes without a quorum before and after, and one node of the cluster at a time changes anything.
//! It knows no phases and writes no files; what starts etcd on this machine is handed in.

mod council;
mod endpoints;
mod error;
mod join;
mod learner;
mod lease;
mod removal;
mod slot;

use std::time::Duration;

use kubephase_engine::Level;
use kubephase_node::kube::Api;
use kubephase_node::{Etcd, Node};

pub use council::{Council, Health, Seat, members};
pub use endpoints::{connect, credentials};
pub use error::{MembersError, Sick};
pub use join::{Announced, Joined, Newcomer, join};
pub use lease::LEASE_NAME;
pub use removal::{Removal, Target, remove};

/// Hears what goes on: [`Level::Info`] is progress, [`Level::Warning`] is worth a notice of its own.
pub type Tell<'a> = dyn Fn(Level, String) + Sync + 'a;

/// What a change of the members works with.
pub struct Session<'a> {
    /// This machine.
    pub node: &'a Node,
    /// The cluster's API, to be the only one who changes members; `None` if there is none to ask, as when the last
    /// control-plane node is taken down.
    pub api: Option<&'a Api>,
    /// The members that there are.
    pub etcd: &'a Etcd,
    /// Who we are, in the lease: the node's name, or for another node's sake `cp-1 for cp-3`. The same again takes over
    /// from itself at once.
    pub holder: &'a str,
    /// How long to wait for what.
    pub patience: Patience,
    /// Hears what goes on.
    pub tell: &'a Tell<'a>,
}

/// How long to wait for what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// Until others have done with their changes.
    pub turn: Duration,
    /// Until etcd calls itself healthy enough for a change while every member answers, or some do not.
    pub health: Duration,
    /// Until somebody else's learner that does not answer is taken out of the way.
    pub dead_learner: Duration,
    /// The same for one that answers and gets no vote.
    pub slow_learner: Duration,
    /// Until the new member answers at all, and from then on until it gets any further.
    pub sync: Duration,
    /// Until a new member that has answered before is given up when it falls silent.
    pub silence: Duration,
}

impl Patience {
    /// With `timeouts.etcdAPICall`, which kubeadm waits for a learner at most.
    pub fn new(etcd_call: Duration) -> Self {
        Self {
            turn: Duration::from_secs(600),
            health: Duration::from_secs(20),
            dead_learner: Duration::from_secs(30),
            slow_learner: etcd_call,
            sync: etcd_call,
            silence: Duration::from_secs(30),
        }
    }
}

impl Default for Patience {
    fn default() -> Self {
        Self::new(Duration::from_secs(120))
    }
}

impl Session<'_> {
    fn info(&self, text: impl Into<String>) {
        (self.tell)(Level::Info, text.into());
    }

    fn warn(&self, text: impl Into<String>) {
        (self.tell)(Level::Warning, text.into());
    }
}

/// Looks at every member; fails if there is no quorum, or if etcd cannot write for want of space. What kubeadm's hidden
/// phase `check-etcd` does.
pub async fn check(etcd: &Etcd) -> Result<Council, MembersError> {
    let council = Council::observe(etcd).await?;
    council.require_quorum("join it")?;
    council.require_space()?;
    Ok(council)
}

#[cfg(test)]
mod tests;
