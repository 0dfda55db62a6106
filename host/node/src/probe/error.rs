//! How measuring fails.

use std::io;

/// Something cannot be measured.
#[derive(Debug, thiserror::Error)]
pub enum MeasureError {
    /// Not on this machine, or not in this kind of run.
    #[error("{0}")]
    NotHere(&'static str),
    /// The question makes no sense.
    #[error("{0}")]
    Invalid(String),
    /// The system, or whoever was asked, says no or nothing.
    #[error("cannot {what}")]
    Io {
        /// What was attempted.
        what: String,
        /// Why it failed.
        #[source]
        source: io::Error,
    },
}

impl MeasureError {
    /// Which of the codes of `types.wit` it is.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotHere(_) => "unavailable",
            Self::Invalid(_) => "invalid",
            Self::Io { source, .. } => match source.kind() {
                io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => "not-found",
                io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::StorageFull => {
                    "other"
                }
                _ => "unavailable",
            },
        }
    }
}
