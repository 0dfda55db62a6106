//! One call in as many attempts as its deadline allows. While an API server starts, restarts or loses its etcd, every
//! answer is possible; so only what cannot get better by itself ends a call at once, and what hardly can ends it after
//! a short grace.

use std::time::{Duration, Instant};

use http::header::{ACCEPT, CONTENT_TYPE, RETRY_AFTER};
use http_body_util::{BodyExt, Limited};
use kube::client::Body;
use serde_json::Value;

use super::{Api, ApiError, FieldConflict};

/// The first pause; each one is twice the one before.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
/// No pause is longer, unless the server asks for it: noticing early that it is back is the point.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
/// A single attempt gets no more (kubeadm's client has the same limit).
const ATTEMPT: Duration = Duration::from_secs(10);
/// Credentials and permissions become known to a server that has just started, or to its caches, a moment late.
pub(super) const GRACE: Duration = Duration::from_secs(8);
/// After this long it is told why a call takes so long.
const PATIENCE: Duration = Duration::from_secs(2);
/// More is no answer to anything that is asked here.
const LONGEST_ANSWER: usize = 64 << 20;
/// A dry run looks whether there is a server, and does not wait for one.
const LOOK: Duration = Duration::from_secs(3);

/// What is asked for.
#[derive(Clone, Debug)]
pub(super) struct Request {
    method: &'static str,
    /// As a phrase, for messages: `create ConfigMap kube-system/a`.
    pub(super) what: String,
    pub(super) path: String,
    content_type: &'static str,
    body: Vec<u8>,
    /// The answer may be anything: health endpoints say `ok`.
    is_text: bool,
}

impl Request {
    pub(super) fn new(method: &'static str, what: String, path: String) -> Self {
        Self { method, what, path, content_type: "application/json", body: Vec::new(), is_text: false }
    }

    pub(super) fn text(mut self) -> Self {
        self.is_text = true;
        self
    }

    pub(super) fn body(mut self, body: &Value) -> Self {
        self.body = body.to_string().into_bytes();
        self
    }

    pub(super) fn content_type(mut self, content_type: &'static str) -> Self {
        self.content_type = content_type;
        self
    }

    pub(super) fn build<B: From<Vec<u8>>>(&self) -> http::Request<B> {
        let request = http::Request::builder()
            .method(self.method)
            .uri(&self.path)
            .header(ACCEPT, "application/json")
            .header(CONTENT_TYPE, self.content_type)
            .body(B::from(self.body.clone()));
        // Paths are made from checked names and escaped queries.
        request.unwrap_or_else(|_| http::Request::new(B::from(Vec::new())))
    }
}

/// How one attempt failed.
pub(super) struct Failed {
    pub(super) error: ApiError,
    /// When the server wants to be asked again.
    after: Option<Duration>,
}

impl Failed {
    pub(super) fn new(error: ApiError) -> Self {
        Self { error, after: None }
    }
}

/// When to stop asking.
enum Patience {
    None,
    Grace,
    Deadline,
}

impl ApiError {
    fn patience(&self, method: &str) -> Patience {
        match self {
            Self::Refused { code: 409, reason, .. } if reason == "AlreadyExists" => Patience::None,
            // Somebody else wrote meanwhile. Who replaces or deletes an object has to read it again first.
            Self::Refused { code: 409, .. } if matches!(method, "PUT" | "DELETE") => Patience::None,
            Self::Refused { code: 400 | 404 | 405 | 406 | 410 | 413 | 415 | 422, .. } => Patience::None,
            // Certificates may just be getting replaced.
            Self::Refused { code: 401 | 403 | 409, .. } | Self::Unproven { .. } => Patience::Grace,
            Self::Refused { .. } | Self::NoAnswer { .. } | Self::Nonsense { .. } => Patience::Deadline,
            Self::Conflict { .. }
            | Self::Setup { .. }
            | Self::Waited { .. }
            | Self::Unnamed(_)
            | Self::UnknownKind { .. } => Patience::None,
        }
    }
}

/// Not found is an answer, too.
pub(super) fn found(result: Result<Value, ApiError>) -> Result<Option<Value>, ApiError> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(error),
    }
}

/// Pauses that grow, within a deadline.
pub(super) struct Pauses {
    begun: Instant,
    deadline: Duration,
    next: Duration,
    /// Since when every answer has been a refusal that may not be meant.
    refused: Option<Instant>,
}

impl Pauses {
    pub(super) fn new(deadline: Duration) -> Self {
        Self { begun: Instant::now(), deadline, next: FIRST_PAUSE, refused: None }
    }

    pub(super) fn waited(&self) -> Duration {
        self.begun.elapsed()
    }

    pub(super) fn left(&self) -> Duration {
        self.deadline.saturating_sub(self.waited())
    }

    /// False if there is no time for another attempt.
    pub(super) async fn pause(&mut self, at_least: Option<Duration>) -> bool {
        let pause = self.next.max(at_least.unwrap_or_default());
        if self.waited() + pause >= self.deadline {
            return false;
        }
        tokio::time::sleep(pause).await;
        self.next = (self.next * 2).min(LONGEST_PAUSE);
        true
    }

    /// The same after a refusal; false too if it has been refused for as long as `grace`. The time when nobody answered
    /// does not count: it is the server that has just come back which refuses what it will allow.
    pub(super) async fn pause_refused(&mut self, grace: Duration) -> bool {
        let since = *self.refused.get_or_insert_with(Instant::now);
        since.elapsed() < grace && self.pause(None).await
    }

    /// Pauses as the failure of a `method` deserves.
    pub(super) async fn pause_after(&mut self, failed: &Failed, method: &str, grace: Duration) -> bool {
        match failed.error.patience(method) {
            Patience::None => false,
            Patience::Grace => {
                // Nobody is credulous about these.
                let grace = if failed.error.is_forbidden() { grace } else { GRACE };
                self.pause_refused(grace).await
            }
            Patience::Deadline => {
                self.refused = None;
                self.pause(failed.after).await
            }
        }
    }
}

impl Api {
    /// Asks until there is an answer that will not change by waiting.
    pub(super) async fn send(&self, request: Request) -> Result<Value, ApiError> {
        self.send_unsure(request, &mut false).await
    }

    /// The same; `unsure` becomes true if an attempt before the last one may have been heard, though its answer was not.
    pub(super) async fn send_unsure(&self, request: Request, unsure: &mut bool) -> Result<Value, ApiError> {
        let mut pauses = Pauses::new(self.deadline);
        let mut on_wait = self.on_wait.as_deref();
        loop {
            let attempt = ATTEMPT.min(pauses.left().max(LOOK));
            let failed = match tokio::time::timeout(attempt, self.once(&request)).await {
                Ok(Ok(value)) => return Ok(value),
                Ok(Err(failed)) => failed,
                Err(_) => Failed::new(self.no_answer(&request, "it did not answer in time".into())),
            };
            *unsure |= !matches!(failed.error, ApiError::Refused { code: 400..=499, .. });
            if pauses.waited() > PATIENCE
                && let Some(told) = on_wait.take()
            {
                told(&failed.error);
            }
            if !pauses.pause_after(&failed, request.method, self.grace).await {
                return Err(match failed.error {
                    ApiError::NoAnswer { what, server, why, .. } => {
                        ApiError::NoAnswer { what, server, why, waited: pauses.waited() }
                    }
                    error => error,
                });
            }
        }
    }

    /// What a dry run reads: what the server says, `None` if it has no such thing. Only if there may be no cluster yet,
    /// one that cannot be asked, or does not let us, has nothing.
    pub(super) async fn look(&self, request: Request) -> Result<Option<Value>, ApiError> {
        let Some(pretended) = self.pretended.as_ref().filter(|_| self.may_be_absent) else {
            return found(self.send(request).await);
        };
        if crate::node::lock(pretended).alone {
            return Ok(None);
        }
        match tokio::time::timeout(LOOK, self.once(&request)).await {
            Ok(Ok(value)) => Ok(Some(value)),
            Ok(Err(Failed { error: ApiError::Refused { code: 401 | 403 | 404, .. }, .. })) => Ok(None),
            Ok(Err(Failed { error: error @ ApiError::Refused { .. }, .. })) => Err(error),
            Ok(Err(_)) | Err(_) => {
                crate::node::lock(pretended).alone = true;
                Ok(None)
            }
        }
    }

    pub(super) async fn once(&self, request: &Request) -> Result<Value, Failed> {
        let silent = |why: String| Failed::new(self.no_answer(request, why));
        let answer = self.client.send(request.build::<Body>()).await;
        let answer = answer.map_err(|error| silent(super::error::innermost(&error)))?;
        let (head, body) = answer.into_parts();
        let body = Limited::new(body, LONGEST_ANSWER).collect().await;
        let body = body.map_err(|error| silent(super::error::innermost(&*error)))?.to_bytes();
        let value = serde_json::from_slice::<Value>(&body).ok();
        if head.status.is_success() {
            return match value {
                _ if request.is_text => Ok(String::from_utf8_lossy(&body).into_owned().into()),
                Some(value @ Value::Object(_)) => Ok(value),
                // A proxy or somebody else's server.
                _ => Err(Failed::new(self.nonsense(request))),
            };
        }
        let after = head.headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
        let text = |name: &str| value.as_ref()?.get(name)?.as_str().map(str::to_owned);
        let conflicts = value.as_ref().map(conflicts).unwrap_or_default();
        let error = if conflicts.is_empty() {
            ApiError::Refused {
                what: request.what.clone(),
                code: head.status.as_u16(),
                reason: text("reason").unwrap_or_default(),
                message: text("message").unwrap_or_else(|| said(head.status, &body)),
            }
        } else {
            ApiError::Conflict { what: request.what.clone(), conflicts }
        };
        Err(Failed { error, after: after.map(|seconds: u64| Duration::from_secs(seconds.min(30))) })
    }

    pub(super) fn nonsense(&self, request: &Request) -> ApiError {
        ApiError::Nonsense { what: request.what.clone(), server: self.server.to_string() }
    }

    pub(super) fn no_answer(&self, request: &Request, why: String) -> ApiError {
        let (what, server) = (request.what.clone(), self.server.to_string());
        // A pretended machine's network is a proxy, which is nobody's business.
        let is_tunnel = self.node.is_rehearsed() && why.starts_with("tunnel error");
        let why = if is_tunnel { "connection refused".into() } else { why };
        // How rustls begins to say what is wrong with the other side's certificate.
        match why.strip_prefix("invalid peer certificate: ") {
            Some(why) => ApiError::Unproven { what, server, why: why.to_owned() },
            None => ApiError::NoAnswer { what, server, waited: Duration::ZERO, why },
        }
    }
}

/// Whose fields an apply would change (`details.causes` of a Status). The manager stands in quotes in the message, with
/// the version through which it wrote behind them.
fn conflicts(status: &Value) -> Vec<FieldConflict> {
    let causes = status.pointer("/details/causes").and_then(Value::as_array).into_iter().flatten();
    let conflict = |cause: &Value| {
        let text = |name: &str| cause[name].as_str().unwrap_or_default();
        let manager = text("message").split('"').nth(1).unwrap_or_else(|| text("message"));
        FieldConflict { field: text("field").to_owned(), manager: manager.to_owned() }
    };
    causes.filter(|cause| cause["reason"] == "FieldManagerConflict").map(conflict).collect()
}

/// What somebody said who is no API server, or not yet one.
fn said(status: http::StatusCode, body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let line = text.trim().lines().next().unwrap_or_default();
    if line.is_empty() {
        status.to_string()
    } else {
        format!("{status}: {}", line.chars().take(200).collect::<String>())
    }
}
