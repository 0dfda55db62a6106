//! Something at a path: what it is, where it really is, and how it is read.

use std::collections::BTreeSet;
use std::sync::Arc;

use kubephase_model::plugin::proposal::Failure;
use kubephase_node::{Place, ReadError, Seen};

use super::failure;

/// Something that was found.
#[derive(Clone, Debug)]
pub struct Spot {
    /// Its real path, without links.
    pub path: String,
    /// Whether some users of the node may not read it.
    pub private: bool,
    /// What it is.
    pub kind: Seen,
    /// In bytes.
    pub size: u64,
    /// Permission bits.
    pub mode: u32,
    /// Ids of its owner and group.
    pub owner: (u32, u32),
    /// Where its contents are.
    pub contents: Contents,
}

/// Where the contents of something are.
#[derive(Clone, Debug)]
pub enum Contents {
    /// On the machine.
    Machine(Arc<Place>),
    /// Of a file that somebody has written down.
    Bytes(Arc<[u8]>),
    /// Of such a directory.
    Names(BTreeSet<String>),
}

impl Spot {
    /// The whole contents of a file.
    pub async fn read(&self, limit: usize) -> Result<Vec<u8>, Failure> {
        match &self.contents {
            Contents::Machine(place) => {
                let place = Arc::clone(place);
                aside(move || place.read(limit)).await
            }
            Contents::Bytes(bytes) if bytes.len() > limit => {
                Err(failure("too-large", format!("{} is longer than {limit} bytes", self.path)))
            }
            Contents::Bytes(bytes) => Ok(bytes.to_vec()),
            Contents::Names(_) => Err(failure("invalid", format!("{} is no file", self.path))),
        }
    }

    /// Names in a directory, sorted.
    pub async fn list(&self, limit: usize) -> Result<Vec<String>, Failure> {
        match &self.contents {
            Contents::Machine(place) => {
                let place = Arc::clone(place);
                aside(move || place.list(limit)).await
            }
            Contents::Names(names) => Ok(names.iter().cloned().collect()),
            Contents::Bytes(_) => Err(failure("invalid", format!("{} is no directory", self.path))),
        }
    }
}

/// On a thread of its own: a file system may hang, and others go on.
async fn aside<T: Send + 'static>(read: impl FnOnce() -> Result<T, ReadError> + Send + 'static) -> Result<T, Failure> {
    match tokio::task::spawn_blocking(read).await {
        Ok(read) => read.map_err(told),
        Err(_) => Err(failure("other", "reading was cut off")),
    }
}

fn told(error: ReadError) -> Failure {
    match &error {
        ReadError::TooLarge { .. } | ReadError::TooMany { .. } => failure("too-large", error.to_string()),
        ReadError::Kind { .. } => failure("invalid", error.to_string()),
        ReadError::File(file) => Failure { remedy: file.hint().map(str::to_owned), ..failure("other", reason(file)) },
    }
}

/// An error with what is behind it, in one line.
pub(super) fn reason(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(source) = next {
        text = format!("{text}: {source}");
        next = source.source();
    }
    text
}
