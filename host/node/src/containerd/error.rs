//! What can go wrong between us and containerd, told apart as far as advice differs.

use std::time::Duration;

use crate::cri::CriError;

/// containerd does not do what it should.
#[derive(Debug, thiserror::Error)]
pub enum ContainerdError {
    /// Nobody listens, or we may not speak to them.
    #[error(transparent)]
    Connect(#[from] CriError),
    /// Another runtime is behind the socket, or something else.
    #[error("{socket} is no containerd: it does not serve {call}: {message}")]
    NotContainerd {
        /// The endpoint as it was given.
        socket: String,
        /// The call.
        call: &'static str,
        /// What it says.
        message: String,
    },
    /// It does not answer in time.
    #[error("{socket} has not answered {call} after {} s", timeout.as_secs_f32())]
    Deadline {
        /// The endpoint as it was given.
        socket: String,
        /// The call.
        call: &'static str,
        /// How long it had.
        timeout: Duration,
    },
    /// It answers with an error of its own, or the connection broke.
    #[error("containerd failed at {call}: {message}")]
    Answer {
        /// The call.
        call: &'static str,
        /// What it says.
        message: String,
        /// Which kind of error.
        kind: AnswerKind,
    },
}

/// The errors of containerd that are worth telling apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AnswerKind {
    /// What was asked for is not there.
    NotFound,
    /// What was to be made is there already.
    AlreadyExists,
    /// What was written does not have the digest or the size that was promised.
    Mismatch,
    /// Anything else.
    Other,
}

impl ContainerdError {
    pub(super) fn answer(socket: &str, call: &'static str, status: &tonic::Status) -> Self {
        use tonic::Code;

        let transport = std::error::Error::source(status);
        let message = transport.map_or_else(|| status.message().to_owned(), innermost);
        let kind = match status.code() {
            Code::Unimplemented => {
                return Self::NotContainerd { socket: socket.to_owned(), call, message };
            }
            Code::NotFound => AnswerKind::NotFound,
            Code::AlreadyExists => AnswerKind::AlreadyExists,
            Code::FailedPrecondition => AnswerKind::Mismatch,
            _ => AnswerKind::Other,
        };
        Self::Answer { call, message, kind }
    }

    pub(super) fn kind(&self) -> Option<AnswerKind> {
        match self {
            Self::Answer { kind, .. } => Some(*kind),
            _ => None,
        }
    }

    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Connect(error) => error.hint(),
            Self::NotContainerd { .. } => Some(
                "bundles are made and loaded by containerd alone; with another runtime, pull the images on each \
                 machine or use its own tools (CRI-O: skopeo, podman)"
                    .into(),
            ),
            Self::Deadline { .. } => Some("containerd is overloaded or stuck: look at its log, restart it".into()),
            Self::Answer { .. } => Some("see its log, `journalctl -u containerd`".into()),
        }
    }
}

fn innermost(error: &(dyn std::error::Error + 'static)) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}
