//! Requests of any method, with headers and a body, whose answers are read bit by bit: for protocols over HTTP. Nothing
//! is followed, repeated or unpacked here, because what may be sent where is for whoever speaks the protocol to know.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use super::{Cause, Client, NOTHING_LISTENS, reason};

/// What to ask.
#[derive(Clone)]
pub struct Request {
    /// `GET`, `HEAD`, `POST`, …
    pub method: &'static str,
    /// Where.
    pub url: String,
    /// By name. They may hold credentials, so they are never shown.
    pub headers: Vec<(String, String)>,
    /// What is sent; never shown.
    pub body: Vec<u8>,
    /// All of it, the answer's body too, has to be over by then.
    pub timeout: Duration,
    /// Longer than this the other side may not keep silent, once it has what is sent.
    pub idle: Duration,
}

impl Request {
    /// Without headers and body, with a minute for all of it.
    pub fn new(method: &'static str, url: impl Into<String>) -> Self {
        let (timeout, idle) = (Duration::from_secs(60), Duration::from_secs(30));
        Self { method, url: url.into(), headers: Vec::new(), body: Vec::new(), timeout, idle }
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, shown(&self.url))
    }
}

/// There is no answer, or not all of it.
#[derive(Debug, thiserror::Error)]
pub enum ExchangeError {
    /// The request has not come through, or the answer broke off.
    #[error("no answer to {method} {url}")]
    Request {
        /// The method.
        method: &'static str,
        /// What was asked for, without what follows a `?`.
        url: String,
        /// Why.
        #[source]
        source: reqwest::Error,
    },
    /// Nothing came for too long.
    #[error("no answer to {method} {url} for {} s", idle.as_secs_f32())]
    Silent {
        /// The method.
        method: &'static str,
        /// What was asked for, without what follows a `?`.
        url: String,
        /// How long.
        idle: Duration,
    },
    /// Nothing listens where the proxy of a pretended machine was to lead.
    #[error("no answer to {method} {url}: connection refused")]
    Refused {
        /// The method.
        method: &'static str,
        /// What was asked for, without what follows a `?`.
        url: String,
    },
    /// The answer is too long.
    #[error("the answer to {method} {url} is longer than {limit} bytes")]
    TooLong {
        /// The method.
        method: &'static str,
        /// What was asked for, without what follows a `?`.
        url: String,
        /// How long it may be.
        limit: u64,
    },
}

impl ExchangeError {
    /// Why, as far as it can be told.
    pub fn cause(&self) -> Cause {
        match self {
            Self::Request { source, .. } if source.is_timeout() => Cause::TimedOut,
            Self::Request { source, .. } => Cause::of(source),
            Self::Silent { .. } => Cause::TimedOut,
            Self::Refused { .. } => Cause::Refused,
            Self::TooLong { .. } => Cause::Other,
        }
    }

    /// The innermost reason in words.
    pub fn reason(&self) -> String {
        reason(self)
    }

    /// What to do about it.
    pub fn hint(&self) -> Option<&'static str> {
        self.cause().hint()
    }
}

/// An answer, of which the body is still to come.
pub struct Answer {
    method: &'static str,
    url: String,
    idle: Duration,
    inner: reqwest::Response,
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} to {} {}", self.status(), self.method, self.url)
    }
}

impl Answer {
    /// HTTP status.
    pub fn status(&self) -> u16 {
        self.inner.status().as_u16()
    }

    /// A header that is there and is text; the first one of several.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers(name).next()
    }

    /// All headers of one name that are text.
    pub fn headers<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a str> {
        self.inner.headers().get_all(name).iter().filter_map(|value| value.to_str().ok())
    }

    /// All headers that are text, with their names in lower case.
    pub fn all_headers(&self) -> impl Iterator<Item = (&str, &str)> {
        self.inner.headers().iter().filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)))
    }

    /// What the server says how long the body is.
    pub fn length(&self) -> Option<u64> {
        self.header("content-length")?.parse().ok()
    }

    /// Next bytes of the body; `None` at its end.
    pub async fn piece(&mut self) -> Result<Option<Vec<u8>>, ExchangeError> {
        let (method, url, idle) = (self.method, &self.url, self.idle);
        let piece = tokio::time::timeout(idle, self.inner.chunk()).await;
        let piece = piece.map_err(|_| ExchangeError::Silent { method, url: url.clone(), idle })?;
        let piece = piece.map_err(|source| failed(method, url, source))?;
        Ok(piece.map(|bytes| bytes.to_vec()))
    }

    /// The whole body, which may have `limit` bytes.
    pub async fn body(mut self, limit: u64) -> Result<Vec<u8>, ExchangeError> {
        let too_long = |answer: &Self| ExchangeError::TooLong { method: answer.method, url: answer.url.clone(), limit };
        if self.method != "HEAD" && self.length().is_some_and(|length| length > limit) {
            return Err(too_long(&self));
        }
        let mut body = Vec::new();
        while let Some(piece) = self.piece().await? {
            if (body.len() + piece.len()) as u64 > limit {
                return Err(too_long(&self));
            }
            body.extend_from_slice(&piece);
        }
        Ok(body)
    }
}

impl Client {
    /// One request. Any status is an answer.
    pub async fn exchange(&self, request: Request) -> Result<Answer, ExchangeError> {
        let Request { method, url, headers, body, timeout, idle } = request;
        let shown = shown(&url);
        // Our own words; anything else is a mistake of ours that the server refuses.
        let verb = reqwest::Method::from_bytes(method.as_bytes()).unwrap_or_default();
        let mut prepared = self.inner.request(verb, &url).timeout(timeout);
        for (name, value) in headers {
            prepared = prepared.header(name, value);
        }
        // What is sent may take as long as all of it.
        let wait = if body.is_empty() { idle.min(timeout) } else { timeout };
        if !body.is_empty() || matches!(method, "POST" | "PUT" | "PATCH") {
            prepared = prepared.body(body);
        }
        let answer = tokio::time::timeout(wait, prepared.send()).await;
        let answer = answer.map_err(|_| ExchangeError::Silent { method, url: shown.clone(), idle: wait })?;
        let is_pretended = self.pretended.is_some();
        match answer {
            Ok(inner) if is_pretended && inner.headers().contains_key(NOTHING_LISTENS) => {
                Err(ExchangeError::Refused { method, url: shown })
            }
            Ok(inner) => Ok(Answer { method, url: shown, idle, inner }),
            Err(error) if is_pretended && is_untunnelled(&error) => Err(ExchangeError::Refused { method, url: shown }),
            Err(source) => Err(failed(method, &shown, source)),
        }
    }
}

fn failed(method: &'static str, url: &str, source: reqwest::Error) -> ExchangeError {
    ExchangeError::Request { method, url: url.to_owned(), source: source.without_url() }
}

/// The proxy of a pretended machine opens no tunnel to where nothing listens.
fn is_untunnelled(error: &reqwest::Error) -> bool {
    let mut next: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(error) = next {
        if error.to_string().contains("tunnel error") {
            return true;
        }
        next = error.source();
    }
    false
}

/// An URL without its query, which may be as good as a password.
fn shown(url: &str) -> String {
    url.split(['?', '#']).next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests;
