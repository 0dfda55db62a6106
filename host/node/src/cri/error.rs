//! What can go wrong with a container runtime, told apart as far as advice differs.

use std::io;
use std::time::Duration;

/// The container runtime does not do what it should.
#[derive(Debug, thiserror::Error)]
pub enum CriError {
    /// The endpoint's form is unknown.
    #[error("cannot use the CRI endpoint {socket}: it is no unix socket with an absolute path")]
    Endpoint {
        /// The endpoint as it was given.
        socket: String,
    },
    /// There is no socket, or a file that is none.
    #[error("cannot find the CRI socket {socket}")]
    NoSocket {
        /// The endpoint as it was given.
        socket: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// We may not connect.
    #[error("cannot open the CRI socket {socket}")]
    Permission {
        /// The endpoint as it was given.
        socket: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// There is a socket, and nobody behind it.
    #[error("cannot connect to the CRI socket {socket}")]
    Refused {
        /// The endpoint as it was given.
        socket: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// It speaks gRPC, but has no CRI v1, or not this call of it.
    #[error("{socket} does not serve the CRI v1 call {call}: {message}")]
    Unimplemented {
        /// The endpoint as it was given.
        socket: String,
        /// The call.
        call: &'static str,
        /// What the server says.
        message: String,
    },
    /// It does not speak gRPC.
    #[error("{socket} does not answer {call} as a CRI server does: {message}")]
    NotCri {
        /// The endpoint as it was given.
        socket: String,
        /// The call.
        call: &'static str,
        /// What went wrong on the wire.
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
    /// It answers with an error of its own.
    #[error("the container runtime failed at {call}: {message}")]
    Runtime {
        /// The call.
        call: &'static str,
        /// What it says.
        message: String,
        /// True if what was asked for is not there.
        not_found: bool,
    },
}

impl CriError {
    pub(super) fn connect(socket: &str, source: io::Error) -> Self {
        let socket = socket.to_owned();
        match source.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => Self::NoSocket { socket, source },
            io::ErrorKind::PermissionDenied => Self::Permission { socket, source },
            _ => Self::Refused { socket, source },
        }
    }

    pub(super) fn answer(socket: &str, call: &'static str, status: tonic::Status) -> Self {
        use tonic::Code;

        let message = status.message().to_owned();
        // The runtime's own errors come as a gRPC status of the server; what breaks below that has a cause on our side.
        let transport = std::error::Error::source(&status);
        match status.code() {
            Code::Unimplemented => Self::Unimplemented { socket: socket.to_owned(), call, message },
            _ if transport.is_some() => {
                let message = transport.map_or(message, innermost);
                Self::NotCri { socket: socket.to_owned(), call, message }
            }
            code => Self::Runtime { call, message, not_found: code == Code::NotFound },
        }
    }

    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Endpoint { .. } => Some("give it as unix:///run/containerd/containerd.sock".into()),
            Self::NoSocket { .. } => Some(
                "start the container runtime, or name its socket with nodeRegistration.criSocket or --cri-socket"
                    .into(),
            ),
            Self::Permission { .. } => Some("run as root".into()),
            Self::Refused { .. } => Some("the runtime is not running behind its socket: restart it".into()),
            Self::Unimplemented { .. } => Some(
                "enable the CRI plugin (containerd: remove \"cri\" from disabled_plugins in \
                 /etc/containerd/config.toml and restart it) or upgrade the runtime to one with CRI v1"
                    .into(),
            ),
            Self::NotCri { .. } => Some("name the socket of a container runtime with CRI v1".into()),
            Self::Deadline { .. } => Some("the runtime is overloaded or stuck: look at its log, restart it".into()),
            Self::Runtime { .. } => None,
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
