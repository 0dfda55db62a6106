//! Somebody who looks on when clients change a cluster, and may see to it that they do not: for tests of what becomes of
//! those that die in the middle of it.

use std::sync::{Arc, Mutex, PoisonError};

use super::Store;

/// A request that changes something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// `PATCH`.
    pub method: String,
    /// `/api/v1/nodes/cp-1`.
    pub path: String,
    /// Whether it has been answered; what it changed is stored then, and the client does not know.
    pub is_answered: bool,
}

/// Sees every request twice, before and after; false before means that nothing comes of it.
pub type Witness = Arc<dyn Fn(&Seen) -> bool + Send + Sync>;

/// Where the witness is, if there is one.
pub(super) type Slot = Arc<Mutex<Option<Witness>>>;

impl Store {
    /// Lets somebody look on; nobody any more if there is none.
    pub fn set_witness(&self, witness: Option<Witness>) {
        *self.witness.lock().unwrap_or_else(PoisonError::into_inner) = witness;
    }

    /// Shows a request to whoever looks on.
    pub(crate) fn show(&self, method: &http::Method, path: &str, is_answered: bool) -> bool {
        if method.is_safe() {
            return true;
        }
        let witness = self.witness.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let seen = Seen { method: method.to_string(), path: path.to_owned(), is_answered };
        witness.is_none_or(|witness| witness(&seen))
    }
}
