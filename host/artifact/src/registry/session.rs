//! One registry and who we are to it: requests with credentials, attempts, redirects and limits. It knows the protocol's
//! manners, not what is fetched.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use kubephase_node::Node;
use kubephase_node::http::exchange::{Answer, ExchangeError, Request};
use kubephase_node::http::{Cause, Client};
use serde::Deserialize;
use url::Url;

use super::credentials::{self, Credentials};
use super::{Patience, RegistryError};
use crate::digest::Digest;

/// How many redirects are followed.
const REDIRECTS: usize = 5;
/// A registry's wish for a pause is granted up to this.
const PAUSE_LIMIT: Duration = Duration::from_secs(10);
/// What is read of the words with which something is refused.
const WORDS_LIMIT: u64 = 64 << 10;

/// One registry.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) node: Node,
    client: Client,
    pub(super) host: String,
    pub(super) is_plain: bool,
    pub(super) patience: Patience,
    /// `Authorization` by what it is for.
    known: Mutex<BTreeMap<String, Secret>>,
    found: Mutex<BTreeMap<String, Option<Credentials>>>,
}

struct Secret(String);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("…")
    }
}

/// What is wanted of a repository.
#[derive(Clone, Debug)]
pub(super) struct Access {
    pub(super) repository: String,
    pub(super) push: bool,
    /// As in "pull oci://…".
    pub(super) action: String,
}

impl Access {
    pub(super) fn pull(repository: &str, action: impl Into<String>) -> Self {
        Self { repository: repository.to_owned(), push: false, action: action.into() }
    }

    pub(super) fn push(repository: &str, action: impl Into<String>) -> Self {
        Self { push: true, ..Self::pull(repository, action) }
    }

    pub(super) fn scope(&self) -> String {
        format!("repository:{}:{}", self.repository, if self.push { "pull,push" } else { "pull" })
    }
}

/// What is asked.
#[derive(Clone, Debug)]
pub(super) struct Call {
    pub(super) method: &'static str,
    /// After `/v2/`, or a whole URL that the registry gave.
    pub(super) target: Target,
    pub(super) accept: &'static str,
    pub(super) content_type: &'static str,
    pub(super) body: Vec<u8>,
}

#[derive(Clone, Debug)]
pub(super) enum Target {
    Path(String),
    Url(Url),
}

impl Call {
    pub(super) fn new(method: &'static str, path: impl Into<String>) -> Self {
        let target = Target::Path(path.into());
        Self { method, target, accept: "*/*", content_type: "", body: Vec::new() }
    }
}

impl Session {
    pub(super) fn new(node: Node, client: Client, host: &str, is_plain: bool, patience: Patience) -> Self {
        let (known, found) = (Mutex::default(), Mutex::default());
        Self { node, client, host: host.to_owned(), is_plain, patience, known, found }
    }

    /// Where the registry's API is.
    pub(super) fn base(&self) -> Result<Url, RegistryError> {
        // Docker's own has its API elsewhere.
        let host = if self.host == "docker.io" { "registry-1.docker.io" } else { &self.host };
        let scheme = if self.is_plain { "http" } else { "https" };
        Url::parse(&format!("{scheme}://{host}/v2/")).map_err(|_| self.nonsense("its host is none"))
    }

    pub(super) fn nonsense(&self, why: impl Into<String>) -> RegistryError {
        RegistryError::Nonsense { host: self.host.clone(), why: why.into() }
    }

    pub(super) fn denied(&self, access: &Access, known: bool, said: String) -> RegistryError {
        RegistryError::Denied { host: self.host.clone(), action: access.action.clone(), known, said }
    }

    pub(super) async fn credentials(&self, repository: &str) -> Result<Option<Credentials>, RegistryError> {
        let known = lock(&self.found).get(repository).cloned();
        if let Some(known) = known {
            return Ok(known);
        }
        let found = credentials::find(&self.node, &self.host, repository).await;
        let found =
            found.map_err(|source| RegistryError::Credentials { host: self.host.clone(), source: source.into() })?;
        lock(&self.found).insert(repository.to_owned(), found.clone());
        Ok(found)
    }

    /// One request, with credentials if they are asked for. Statuses below 400 and 404 are answers; redirects of what
    /// only reads are followed.
    pub(super) async fn call(&self, call: &Call, access: &Access) -> Result<Answer, RegistryError> {
        let base = self.base()?;
        let url = match &call.target {
            Target::Path(path) => base.join(path).map_err(|_| self.nonsense("its host is none"))?,
            Target::Url(url) => url.clone(),
        };
        let scope = access.scope();
        for may_authorize in [true, false] {
            let mut request = self.request(call, &url);
            // Where uploads go is the registry's word; credentials are for itself.
            let is_own = url.origin() == base.origin();
            if is_own && let Some(Secret(value)) = lock(&self.known).get(&scope) {
                request = request.header("authorization", value.clone());
            }
            let answer = self.attempt(&self.host, request).await?;
            match answer.status() {
                401 if may_authorize && is_own => {
                    let headers: Vec<String> = answer.headers("www-authenticate").map(str::to_owned).collect();
                    // So that the connection can be used again.
                    drop(answer.body(WORDS_LIMIT).await);
                    let value = self.authorize(&headers, access).await?;
                    lock(&self.known).insert(scope.clone(), Secret(value));
                }
                401 | 403 => {
                    let known = self.credentials(&access.repository).await?.is_some();
                    let words = answer.body(WORDS_LIMIT).await.unwrap_or_default();
                    return Err(self.denied(access, known, said(&words)));
                }
                301 | 302 | 303 | 307 | 308 if matches!(call.method, "GET" | "HEAD") => {
                    return self.follow(call, url, answer).await;
                }
                300..=399 => return Err(self.redirect("it is asked to take something, and names another place")),
                404 => return Ok(answer),
                status @ 400.. => {
                    let words = answer.body(WORDS_LIMIT).await.unwrap_or_default();
                    let (host, action) = (self.host.clone(), access.action.clone());
                    return Err(RegistryError::Status { host, action, status, said: said(&words) });
                }
                _ => return self.plain(answer),
            }
        }
        // The second answer of 401 has been told above.
        Err(self.nonsense("it asks for credentials again and again"))
    }

    fn request(&self, call: &Call, url: &Url) -> Request {
        let mut request = Request {
            body: call.body.clone(),
            timeout: self.patience.answer,
            idle: self.patience.silence,
            ..Request::new(call.method, url.as_str())
        };
        // What comes packed might be a bomb, and nothing here unpacks.
        request = request.header("accept", call.accept).header("accept-encoding", "identity");
        if !call.content_type.is_empty() {
            request = request.header("content-type", call.content_type);
        }
        request
    }

    fn redirect(&self, why: &str) -> RegistryError {
        RegistryError::Redirect { host: self.host.clone(), why: why.to_owned() }
    }

    /// Goes where an answer leads, as nobody: object stores take a signed URL for a credential, and who else is asked has
    /// no right to ours.
    async fn follow(&self, call: &Call, mut from: Url, mut answer: Answer) -> Result<Answer, RegistryError> {
        for _ in 0..REDIRECTS {
            let place = answer.header("location").ok_or_else(|| self.redirect("it does not say where to"))?;
            let to = from.join(place).map_err(|_| self.redirect("where to is no URL"))?;
            match (from.scheme(), to.scheme()) {
                (_, "https") | ("http", "http") => {}
                ("https", "http") => return Err(self.redirect("it leads from TLS to where there is none")),
                _ => return Err(self.redirect("it leads out of the web")),
            }
            if !to.username().is_empty() || to.password().is_some() {
                return Err(self.redirect("it brings credentials along"));
            }
            answer = self.attempt(&self.host, self.request(call, &to)).await?;
            from = to;
            match answer.status() {
                301 | 302 | 303 | 307 | 308 => {}
                404 | 200..=299 => return self.plain(answer),
                status => {
                    let action = format!("give what {} redirects to", self.host);
                    let host = from.host_str().unwrap_or_default().to_owned();
                    return Err(RegistryError::Status { host, action, status, said: String::new() });
                }
            }
        }
        Err(self.redirect("it leads on and on"))
    }

    /// Refuses what is packed, though we have said that we do not want it.
    fn plain(&self, answer: Answer) -> Result<Answer, RegistryError> {
        match answer.header("content-encoding") {
            None | Some("" | "identity") => Ok(answer),
            Some(_) => Err(self.nonsense("it sends packed what was to be sent plain")),
        }
    }

    /// Asks until there is an answer, unless it cannot come. A server that is overloaded or starts is asked again.
    pub(super) async fn attempt(&self, host: &str, request: Request) -> Result<Answer, RegistryError> {
        let mut pause = self.patience.pause;
        for left in (0..self.patience.attempts.max(1)).rev() {
            let answer = self.client.exchange(request.clone()).await;
            let wait = match &answer {
                Ok(answer) if left > 0 && matches!(answer.status(), 429 | 500 | 502 | 503 | 504) => {
                    let wish = answer.header("retry-after").and_then(|seconds| seconds.parse().ok());
                    wish.map_or(pause, Duration::from_secs).min(PAUSE_LIMIT)
                }
                Err(error) if left > 0 && !is_final(error) => pause,
                _ => return answer.map_err(|source| self.no_answer(host, source)),
            };
            tokio::time::sleep(wait).await;
            pause *= 2;
        }
        Err(self.nonsense("it was never asked"))
    }

    fn no_answer(&self, host: &str, source: ExchangeError) -> RegistryError {
        RegistryError::NoAnswer { host: host.to_owned(), source }
    }

    /// A whole body of at most `limit` bytes; `None` if there is no such thing. One that breaks off is asked for again.
    pub(super) async fn fetch(
        &self,
        call: &Call,
        access: &Access,
        what: &str,
        limit: u64,
    ) -> Result<Option<(Vec<u8>, Option<String>)>, RegistryError> {
        let mut pause = self.patience.pause;
        for left in (0..self.patience.attempts.max(1)).rev() {
            let answer = self.call(call, access).await?;
            if answer.status() == 404 {
                return Ok(None);
            }
            let kind = answer.header("content-type").map(str::to_owned);
            match answer.body(limit).await {
                Ok(body) => return Ok(Some((body, kind))),
                Err(ExchangeError::TooLong { .. }) => {
                    return Err(RegistryError::TooLarge { host: self.host.clone(), what: what.to_owned(), limit });
                }
                Err(source) if left == 0 => return Err(self.no_answer(&self.host, source)),
                Err(_) => tokio::time::sleep(pause).await,
            }
            pause *= 2;
        }
        Ok(None)
    }

    /// A blob; `None` if there is none.
    pub(super) async fn blob(
        &self,
        access: &Access,
        digest: &Digest,
        what: &str,
        limit: u64,
    ) -> Result<Option<Vec<u8>>, RegistryError> {
        let call = Call::new("GET", format!("{}/blobs/{digest}", access.repository));
        let Some((bytes, _)) = self.fetch(&call, access, what, limit).await? else { return Ok(None) };
        self.check(what, digest, &bytes)?;
        Ok(Some(bytes))
    }

    pub(super) fn check(&self, what: &str, expected: &Digest, bytes: &[u8]) -> Result<(), RegistryError> {
        let (host, what, found) = (self.host.clone(), what.to_owned(), Digest::of(bytes));
        let expected = *expected;
        if found == expected { Ok(()) } else { Err(RegistryError::Damaged { host, what, expected, found }) }
    }

    pub(super) fn missing(&self, what: impl Into<String>) -> RegistryError {
        RegistryError::NotFound { host: self.host.clone(), what: what.into() }
    }
}

/// Whether asking again is of no use.
fn is_final(error: &ExchangeError) -> bool {
    matches!(error, ExchangeError::TooLong { .. }) || error.cause() == Cause::Certificate
}

/// The words of a refusal, as far as they are of the protocol's form: `: code: message`.
pub(super) fn said(body: &[u8]) -> String {
    #[derive(Deserialize)]
    struct Words {
        errors: Vec<Word>,
    }
    #[derive(Deserialize)]
    #[serde(default)]
    #[derive(Default)]
    struct Word {
        code: String,
        message: String,
    }

    let words = serde_json::from_slice::<Words>(body).ok().and_then(|words| words.errors.into_iter().next());
    let Some(Word { code, message }) = words else { return String::new() };
    let plain = |text: String| text.chars().filter(|c| !c.is_control()).take(200).collect::<String>();
    match (plain(code), plain(message)) {
        (code, message) if code.is_empty() && message.is_empty() => String::new(),
        (code, message) if message.is_empty() || code.is_empty() => format!(": {code}{message}"),
        (code, message) => format!(": {code}: {message}"),
    }
}

/// A poisoned lock only means that another task panicked between two entries.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
