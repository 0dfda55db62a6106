//! Asking servers by HTTP. Granted by host, as `http`: `example.org` (https), `http://example.org:8080`, `*.example.org`.

pub use crate::bindings::base::kubephase::plugin::http::{Request, Response};

use crate::Failure;
use crate::bindings::base::kubephase::plugin::http as imported;
use crate::host::ask;

/// Asks once. An answer with any status is a response; redirects are not followed.
///
/// # Errors
/// If there is no answer, or it is larger than 1 MiB.
pub fn send(request: &Request) -> Result<Response, Failure> {
    ask!(imported::send(request))
}

/// Asks by GET, for 10 seconds at most.
///
/// # Errors
/// As [`send`].
pub fn get(url: &str) -> Result<Response, Failure> {
    send(&Request::new("GET", url))
}

impl Request {
    /// A request without headers and body that may take 10 seconds.
    pub fn new(method: &str, url: impl Into<String>) -> Self {
        let (headers, body) = (Vec::new(), Vec::new());
        Self { method: method.to_owned(), url: url.into(), headers, body, timeout_milliseconds: 10_000 }
    }

    /// With a header.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// With a body.
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// With a time that it may take at most, in milliseconds: 1 to 60 000.
    pub fn timeout(mut self, milliseconds: u32) -> Self {
        self.timeout_milliseconds = milliseconds;
        self
    }
}

impl Response {
    /// The value of a header, by its name in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The body as text.
    ///
    /// # Errors
    /// `invalid` if it is not UTF-8.
    pub fn text(&self) -> Result<&str, Failure> {
        str::from_utf8(&self.body).map_err(|error| Failure::invalid(format!("the answer is not UTF-8: {error}")))
    }
}
