//! What can go wrong with etcd, told apart as far as what to do differs. etcd has a handful of gRPC codes for all its
//! refusals, so the words decide; they are those of `rpctypes` in go.etcd.io/etcd/api/v3, the same since 3.4.

use std::error::Error;
use std::time::Duration;

use crate::http::Cause;

/// What etcd refuses a call for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// There is no such member.
    NotFound,
    /// A member has one of these peer URLs already, or, if it was added in the same second, the same id.
    PeerUrlExists,
    /// The learner still lacks too much.
    NotInSync,
    /// The member has its vote already.
    NotLearner,
    /// There are as many learners as there may be.
    TooManyLearners,
    /// The member that was asked does not reach enough of the others, or has for less than five seconds.
    Unhealthy,
    /// Members that were added before have not been started.
    NotEnoughStarted,
    /// There is nobody to decide.
    NoLeader,
    /// The leader changed, or did not decide in time: the call may have had its effect.
    Undecided,
    /// The member that was asked cannot do this: a learner, or not the leader.
    NotHere,
    /// Only the leader can do this.
    NotLeader,
    /// We may not.
    Denied,
    /// Anything else.
    Other,
}

impl Refusal {
    fn of(code: tonic::Code, message: &str) -> Self {
        const WORDS: [(&str, Refusal); 16] = [
            ("member not found", Refusal::NotFound),
            ("Peer URLs already exists", Refusal::PeerUrlExists),
            ("member ID already exist", Refusal::PeerUrlExists),
            ("can only promote a learner member which is in sync with leader", Refusal::NotInSync),
            ("can only promote a learner member", Refusal::NotLearner),
            ("too many learner members", Refusal::TooManyLearners),
            ("unhealthy cluster", Refusal::Unhealthy),
            ("not enough started members", Refusal::NotEnoughStarted),
            ("no leader", Refusal::NoLeader),
            ("leader changed", Refusal::Undecided),
            ("request timed out", Refusal::Undecided),
            ("server stopped", Refusal::Undecided),
            ("not supported for learner", Refusal::NotHere),
            ("not leader", Refusal::NotLeader),
            ("permission denied", Refusal::Denied),
            ("user name is empty", Refusal::Denied),
        ];
        if matches!(code, tonic::Code::PermissionDenied | tonic::Code::Unauthenticated) {
            return Self::Denied;
        }
        let known = WORDS.iter().find(|(words, _)| message.contains(words)).map(|(_, refusal)| *refusal);
        // The code for what may go better next time.
        let passing = if code == tonic::Code::Unavailable { Self::Undecided } else { Self::Other };
        known.unwrap_or(passing)
    }
}

/// etcd cannot be asked, or says no.
#[derive(Debug, thiserror::Error)]
pub enum EtcdError {
    /// A client URL is none.
    #[error("cannot use the etcd endpoint {endpoint}: {why}")]
    Endpoint {
        /// As it was given.
        endpoint: String,
        /// What is wrong with it.
        why: String,
    },
    /// Certificates or the key are not usable.
    #[error("cannot use the TLS certificates or key for etcd at {endpoint}")]
    Credentials {
        /// The client URL.
        endpoint: String,
        /// Why.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// There is no connection.
    #[error("cannot reach etcd at {endpoint}")]
    Connect {
        /// The client URL.
        endpoint: String,
        /// As far as it can be told.
        cause: Cause,
        /// Why.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// It is silent.
    #[error("etcd at {endpoint} has not answered {call} within {} s", timeout.as_secs_f32())]
    Silent {
        /// The client URL.
        endpoint: String,
        /// The call.
        call: &'static str,
        /// How long it had.
        timeout: Duration,
    },
    /// The connection broke: the call may have had its effect.
    #[error("etcd at {endpoint} has broken {call} off: {message}")]
    Broken {
        /// The client URL.
        endpoint: String,
        /// The call.
        call: &'static str,
        /// What went wrong on the wire.
        message: String,
    },
    /// It says no.
    #[error("etcd at {endpoint} refuses {call}: {message}")]
    Refused {
        /// The client URL.
        endpoint: String,
        /// The call.
        call: &'static str,
        /// In its own words.
        message: String,
        /// What that means.
        refusal: Refusal,
    },
    /// No member gave a usable answer until the deadline.
    #[error("no answer to {call} from etcd within {} s, at {}", waited.as_secs_f32().round(), told(endpoints))]
    NoAnswer {
        /// The call.
        call: &'static str,
        /// How long it was tried.
        waited: Duration,
        /// Who was asked.
        endpoints: Vec<String>,
        /// The last thing heard.
        #[source]
        last: Option<Box<EtcdError>>,
    },
}

fn told(endpoints: &[String]) -> String {
    if endpoints.is_empty() { "no endpoint".into() } else { endpoints.join(", ") }
}

impl EtcdError {
    pub(super) fn answer(endpoint: &str, call: &'static str, status: &tonic::Status) -> Self {
        let (endpoint, message) = (endpoint.to_owned(), status.message().to_owned());
        // etcd's own errors come as a gRPC status of the server; what breaks below that has a cause on our side.
        if let Some(transport) = status.source() {
            return Self::Broken { endpoint, call, message: innermost(transport) };
        }
        let refusal = Refusal::of(status.code(), &message);
        Self::Refused { endpoint, call, message, refusal }
    }

    /// What it was refused for, if it was.
    pub fn refusal(&self) -> Option<Refusal> {
        match self {
            Self::Refused { refusal, .. } => Some(*refusal),
            Self::NoAnswer { last: Some(last), .. } => last.refusal(),
            _ => None,
        }
    }

    /// Every other member would say the same.
    pub(super) fn is_final(&self) -> bool {
        use Refusal::{Denied, NotFound, NotInSync, NotLearner, PeerUrlExists, TooManyLearners};
        matches!(
            self,
            Self::Endpoint { .. }
                | Self::Credentials { .. }
                | Self::Refused {
                    refusal: Denied | NotFound | NotInSync | NotLearner | PeerUrlExists | TooManyLearners,
                    ..
                }
        )
    }

    /// Another member may say otherwise, because it judges by whom it reaches itself; asking the same one again at once
    /// is no use.
    pub(super) fn is_refusal(&self) -> bool {
        use Refusal::{NotEnoughStarted, NotLeader, Other, Unhealthy};
        matches!(self, Self::Refused { refusal: NotEnoughStarted | NotLeader | Other | Unhealthy, .. })
    }

    /// Why, in a few words, for a message about many members.
    pub fn reason(&self) -> String {
        match self {
            Self::Connect { cause: Cause::Refused, .. } => "nothing listens there".into(),
            Self::Connect { cause: Cause::Unreachable, .. } => "no route leads there".into(),
            Self::Connect { cause: Cause::Certificate, source, .. } => {
                format!("its certificate and ours do not belong together: {}", innermost(&**source))
            }
            Self::Connect { source, .. } | Self::Credentials { source, .. } => innermost(&**source),
            Self::Silent { timeout, .. } => format!("no answer within {} s", timeout.as_secs_f32()),
            Self::Broken { message, .. } | Self::Refused { message, .. } => message.clone(),
            Self::Endpoint { why, .. } => why.clone(),
            Self::NoAnswer { last: Some(last), .. } => last.reason(),
            Self::NoAnswer { .. } => "nobody was asked".into(),
        }
    }

    /// What to do about it.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Endpoint { .. } => Some("client URLs look like https://10.0.0.1:2379"),
            Self::Credentials { .. } => Some("check etcd/ca.crt and the client certificate beside it"),
            Self::Connect { cause, .. } => cause.hint(),
            Self::Silent { .. } => Some("see whether that machine is overloaded or its etcd is stuck"),
            Self::Refused { refusal: Refusal::Denied, .. } => {
                Some("check that the client certificate is signed by this cluster's etcd authority")
            }
            Self::Refused { refusal: Refusal::Unhealthy | Refusal::NoLeader, .. } => {
                Some("see whether all members of etcd run and reach each other on port 2380")
            }
            Self::NoAnswer { last: Some(last), .. } => last.hint(),
            Self::Broken { .. } | Self::Refused { .. } | Self::NoAnswer { .. } => {
                Some("see the logs of etcd on the control-plane nodes, then run the same command again")
            }
        }
    }
}

/// The innermost reason in words.
pub(super) fn innermost(error: &(dyn Error + 'static)) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}

#[cfg(test)]
mod tests {
    use tonic::{Code, Status};

    use super::*;

    #[test]
    fn the_words_of_etcd_are_understood() {
        for (code, message, refusal, is_final) in [
            (Code::NotFound, "etcdserver: member not found", Refusal::NotFound, true),
            (Code::FailedPrecondition, "etcdserver: Peer URLs already exists", Refusal::PeerUrlExists, true),
            (Code::FailedPrecondition, "etcdserver: member ID already exist", Refusal::PeerUrlExists, true),
            (
                Code::FailedPrecondition,
                "etcdserver: can only promote a learner member which is in sync with leader",
                Refusal::NotInSync,
                true,
            ),
            (Code::FailedPrecondition, "etcdserver: can only promote a learner member", Refusal::NotLearner, true),
            (
                Code::FailedPrecondition,
                "etcdserver: too many learner members in cluster",
                Refusal::TooManyLearners,
                true,
            ),
            (Code::Unavailable, "etcdserver: unhealthy cluster", Refusal::Unhealthy, false),
            (
                Code::FailedPrecondition,
                "etcdserver: re-configuration failed due to not enough started members",
                Refusal::NotEnoughStarted,
                false,
            ),
            (Code::Unavailable, "etcdserver: no leader", Refusal::NoLeader, false),
            (Code::Unavailable, "etcdserver: leader changed", Refusal::Undecided, false),
            (
                Code::Unavailable,
                "etcdserver: request timed out, possibly due to connection lost",
                Refusal::Undecided,
                false,
            ),
            (Code::Unavailable, "etcdserver: something new", Refusal::Undecided, false),
            (Code::Unavailable, "etcdserver: rpc not supported for learner", Refusal::NotHere, false),
            (Code::PermissionDenied, "etcdserver: permission denied", Refusal::Denied, true),
            (Code::Internal, "what", Refusal::Other, false),
        ] {
            let error = EtcdError::answer("https://10.0.0.1:2379", "MemberAdd", &Status::new(code, message));
            assert_eq!((error.refusal(), error.is_final()), (Some(refusal), is_final), "{message}");
            assert_eq!(error.reason(), message);
        }
    }
}
