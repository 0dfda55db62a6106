//! The certificates of a node that is in use: when they end, new ones in their place, requests to an authority that
//! signs elsewhere, and files for more users. What there is to look after is the tables' of `pki`.

mod error;
mod expiration;
mod renew;
mod renewable;
mod requests;
mod restart;
mod user;

pub use error::CertsError;
pub use expiration::{Expirations, Expiry, expirations};
pub use renew::{Outcome, Renewal, renew};
pub use renewable::Renewable;
pub use requests::{Asked, generate_requests};
pub use restart::{Unfinished, readers, restart};
pub use user::{NewUser, user_kubeconfig};

use kubephase_model::Cluster;

/// The configuration of a cluster that exists.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The cluster with this node's part.
    pub cluster: Cluster,
    /// Whether somebody said so, a file or the cluster itself. Otherwise these are defaults, and what exists knows better
    /// than they do.
    pub known: bool,
}
