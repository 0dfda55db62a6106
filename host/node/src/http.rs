//! Plain GET requests: health checks, the external etcd's version, the lookup of version labels; nothing is ever sent
//! but the request line. [`exchange`] is for those who speak a protocol over HTTP. No API client.

pub mod exchange;
mod target;
mod tunnel;

use std::error::Error;
use std::io;
use std::time::Duration;

pub use target::{Target, TargetError};

/// More body than this is an error: nothing that is asked here answers with more.
const BODY_LIMIT: usize = 1 << 20;

/// Whom to believe.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Tls {
    /// The authorities that the machine trusts.
    #[default]
    System,
    /// These authorities and no others: PEM, one or more certificates.
    Roots(Vec<u8>),
    /// The authorities that the machine trusts, and these: PEM, one or more certificates.
    SystemAnd(Vec<u8>),
    /// Anyone: for health endpoints with certificates that nothing can check.
    Insecure,
}

/// Header with which the proxy of a pretended machine says that nothing listens where it was to lead.
pub const NOTHING_LISTENS: &str = "kubephase-nothing-listens";

/// How to ask.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Whom to believe.
    pub tls: Tls,
    /// Client certificate and private key to authenticate with: PEM, both in one.
    pub identity: Option<Vec<u8>>,
    /// True to go through the proxies that the environment names (`HTTPS_PROXY`, `NO_PROXY`, …).
    pub proxies: bool,
    /// URL of the one proxy to go through, whatever the environment says.
    pub proxy: Option<String>,
    /// True to hand a redirect back as the answer that it is, instead of following it.
    pub stay: bool,
}

/// What came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// HTTP status.
    pub status: u16,
    /// Whole body.
    pub body: Vec<u8>,
}

impl Response {
    /// The body as text, trimmed.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).trim().to_owned()
    }
}

/// Why there is no answer, as far as it can be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// Nothing listens there.
    Refused,
    /// The name does not resolve or no route leads there.
    Unreachable,
    /// It listens, or drops packets, and does not answer.
    TimedOut,
    /// The server's certificate is not believed, or it does not believe ours.
    Certificate,
    /// Anything else.
    Other,
}

impl Cause {
    /// What an error and those behind it come to.
    pub(crate) fn of(error: &(dyn Error + 'static)) -> Self {
        let mut next = Some(error);
        while let Some(error) = next {
            let text = error.to_string();
            // rustls and the resolver are behind boxes of other crates, so their words are what is left to go by.
            if text.contains("certificate") || text.contains("UnknownIssuer") {
                return Self::Certificate;
            }
            if text.starts_with("dns error") || text.contains("failed to lookup address") {
                return Self::Unreachable;
            }
            match error.downcast_ref::<io::Error>().map(io::Error::kind) {
                Some(io::ErrorKind::ConnectionRefused) => return Self::Refused,
                Some(io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable) => return Self::Unreachable,
                Some(io::ErrorKind::TimedOut) => return Self::TimedOut,
                _ => {}
            }
            next = error.source();
        }
        Self::Other
    }

    /// What to do about it.
    pub(crate) fn hint(self) -> Option<&'static str> {
        match self {
            Self::Refused => Some("nothing listens at that address: see whether the server runs and on which port"),
            Self::Unreachable => Some("check the host name, name resolution and the routes to it"),
            Self::TimedOut => Some("check that no firewall drops the packets and that the server is not stuck"),
            Self::Certificate => Some("check that the certificates belong together and that the clocks agree"),
            Self::Other => None,
        }
    }
}

/// The innermost reason in words, for a message that has room for one only.
fn reason(error: &(dyn Error + 'static)) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}

/// There is no answer.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// The certificates or the key given are not usable.
    #[error("cannot use the given TLS certificates or key")]
    Setup(#[source] reqwest::Error),
    /// The request has not come through.
    #[error("cannot get {url}")]
    Request {
        /// What was asked for.
        url: String,
        /// Why.
        #[source]
        source: reqwest::Error,
    },
    /// The request has not come through the proxy of a pretended machine.
    #[error("cannot get {url}")]
    Tunnel {
        /// What was asked for.
        url: String,
        /// Why.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// The answer is too long.
    #[error("cannot get {url}: the answer is longer than {BODY_LIMIT} bytes")]
    TooLong {
        /// What was asked for.
        url: String,
    },
}

impl HttpError {
    /// Why, as far as it can be told.
    pub fn cause(&self) -> Cause {
        if let Self::Request { source, .. } = self
            && source.is_timeout()
        {
            return Cause::TimedOut;
        }
        match self {
            Self::Request { source, .. } => Cause::of(source),
            Self::Tunnel { source, .. } => Cause::of(source.as_ref()),
            Self::Setup(_) | Self::TooLong { .. } => Cause::Other,
        }
    }

    fn refused(url: &str) -> Self {
        let source = io::Error::new(io::ErrorKind::ConnectionRefused, "connection refused");
        Self::Tunnel { url: url.to_owned(), source: source.into() }
    }

    /// As the pretended machine would see it: it knows nothing of the proxy, which opens no tunnel to where nothing
    /// listens.
    fn of_machine(self, url: &str) -> Self {
        let mut next: Option<&(dyn Error + 'static)> = self.source();
        while let Some(error) = next {
            if error.to_string().contains("tunnel error") {
                return Self::refused(url);
            }
            next = error.source();
        }
        self
    }

    /// The innermost reason in words, for a message that has room for one only.
    pub fn reason(&self) -> String {
        reason(self)
    }

    /// What to do about it.
    pub fn hint(&self) -> Option<&'static str> {
        self.cause().hint()
    }
}

/// Asks again and again with the same options and connections.
#[derive(Clone, Debug)]
pub struct Client {
    inner: reqwest::Client,
    /// How to ask, if it is through the proxy of a pretended machine.
    pretended: Option<Options>,
}

impl Client {
    /// Prepares TLS; nothing is sent.
    pub fn new(options: &Options) -> Result<Self, HttpError> {
        let mut builder = reqwest::Client::builder().user_agent(concat!("kubephase/", env!("CARGO_PKG_VERSION")));
        builder = match &options.tls {
            Tls::System => builder,
            Tls::Roots(pem) => {
                let roots = reqwest::Certificate::from_pem_bundle(pem).map_err(HttpError::Setup)?;
                builder.tls_certs_only(roots)
            }
            Tls::SystemAnd(pem) => {
                let roots = reqwest::Certificate::from_pem_bundle(pem).map_err(HttpError::Setup)?;
                builder.tls_certs_merge(roots)
            }
            Tls::Insecure => builder.tls_certs_only([]).tls_danger_accept_invalid_certs(true),
        };
        if let Some(pem) = &options.identity {
            builder = builder.identity(reqwest::Identity::from_pem(pem).map_err(HttpError::Setup)?);
        }
        if let Some(proxy) = &options.proxy {
            builder = builder.proxy(reqwest::Proxy::all(proxy).map_err(HttpError::Setup)?);
        } else if !options.proxies {
            builder = builder.no_proxy();
        }
        if options.stay {
            builder = builder.redirect(reqwest::redirect::Policy::none());
        }
        let pretended = options.proxy.is_some().then(|| options.clone());
        Ok(Self { inner: builder.build().map_err(HttpError::Setup)?, pretended })
    }

    /// One GET; `timeout` covers all of it, redirects and body too. Any status is an answer.
    pub async fn get(&self, url: &str, timeout: Duration) -> Result<Response, HttpError> {
        match &self.pretended {
            None => self.ask(url, timeout).await,
            Some(options) if tunnel::is_needed(url) => {
                tunnel::get(url, options, timeout).await.map_err(|error| error.of_machine(url))
            }
            Some(_) => self.ask(url, timeout).await.map_err(|error| error.of_machine(url)),
        }
    }

    async fn ask(&self, url: &str, timeout: Duration) -> Result<Response, HttpError> {
        let fail = |source: reqwest::Error| HttpError::Request { url: url.to_owned(), source: source.without_url() };
        let mut response = self.inner.get(url).timeout(timeout).send().await.map_err(fail)?;
        if self.pretended.is_some() && response.headers().contains_key(NOTHING_LISTENS) {
            return Err(HttpError::refused(url));
        }
        let status = response.status().as_u16();
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(fail)? {
            body.extend_from_slice(&chunk);
            if body.len() > BODY_LIMIT {
                return Err(HttpError::TooLong { url: url.to_owned() });
            }
        }
        Ok(Response { status, body })
    }
}

impl crate::Node {
    /// A client on this machine.
    pub fn http(&self, options: &Options) -> Result<Client, HttpError> {
        match self.proxy() {
            Some(proxy) => Client::new(&Options { proxy: Some(proxy), ..options.clone() }),
            None => Client::new(options),
        }
    }
}

/// One GET with its own client.
pub async fn get(url: &str, options: &Options, timeout: Duration) -> Result<Response, HttpError> {
    Client::new(options)?.get(url, timeout).await
}

#[cfg(test)]
mod tests;
