//! `http`: asking servers. Granted by host. `wasi:http` (`caps/wasi/http.rs`) comes through here, too.

use std::time::Duration;

use kubephase_model::plugin::Grants;
use kubephase_model::plugin::grants::http_scope;
use kubephase_node::http::Target;

use super::refusal::{denied, invalid};
use crate::bindings::kubephase::plugin::http::{Host, Request, Response};
use crate::bindings::kubephase::plugin::types::Failure;
use crate::sandbox::State;
use crate::world;

/// The longest body of an answer, in bytes.
pub(super) const LONGEST_BODY: usize = 1 << 20;
/// The longest time, in milliseconds.
pub(super) const LONGEST_TIME: u32 = 60_000;
/// The most headers, and the most bytes in all of them.
const HEADERS: usize = 64;
const HEADER_BYTES: usize = 16 << 10;

/// Methods that ask. `CONNECT` and `TRACE` are for proxies.
const METHODS: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

/// Headers of the connection itself, and those by which another host than the granted one could be meant.
const FORBIDDEN: [&str; 12] = [
    "connection",
    "content-length",
    "expect",
    "host",
    "http2-settings",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "via",
];

/// A question that is granted and makes sense, ready to be asked. Every fault of it is found before anything is sent.
pub(super) fn checked(grants: &Grants, request: Request) -> Result<world::Request, Failure> {
    let Request { method, url, headers, body, timeout_milliseconds } = request;
    let target = Target::parse(&url).map_err(|error| invalid(format!("`{}`: {error}", shown(&url))))?;
    let (scheme, host, port) = (target.scheme(), target.host(), target.port());
    if !grants.allows_http(scheme, host, port) {
        let scope = http_scope(scheme, host, port);
        return Err(denied("http", &scope, format!("asking {scope} is not granted")));
    }
    let known = METHODS.into_iter().find(|known| *known == method);
    let method = known.ok_or_else(|| invalid(format!("the method is none of {}", METHODS.join(", "))))?;
    if !(1..=LONGEST_TIME).contains(&timeout_milliseconds) {
        return Err(invalid(format!("timeout-milliseconds is not from 1 to {LONGEST_TIME}")));
    }
    let bytes: usize = headers.iter().map(|(name, value)| name.len() + value.len()).sum();
    if headers.len() > HEADERS || bytes > HEADER_BYTES {
        return Err(invalid(format!(
            "there are more than {HEADERS} headers, or they have more than {HEADER_BYTES} bytes"
        )));
    }
    for (name, value) in &headers {
        let lower = name.to_ascii_lowercase();
        if FORBIDDEN.contains(&&*lower) || lower.starts_with("proxy-") {
            return Err(invalid(format!("the header `{lower}` belongs to the connection")));
        }
        let token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
        if name.is_empty() || !name.bytes().all(token) || value.contains(|c: char| c.is_control() && c != '\t') {
            return Err(invalid(format!("the header `{}` is none", name.escape_debug())));
        }
    }
    let timeout = Duration::from_millis(timeout_milliseconds.into());
    Ok(world::Request { method, url: target.to_string(), headers, body, timeout, limit: LONGEST_BODY })
}

/// What follows a `?` may be as good as a password.
fn shown(url: &str) -> String {
    url.split(['?', '#']).next().unwrap_or_default().escape_debug().to_string()
}

impl Host for State {
    async fn send(&mut self, request: Request) -> wasmtime::Result<Result<Response, Failure>> {
        let request = match checked(&self.grants, request) {
            Ok(request) => request,
            Err(failure) => return Ok(Err(failure)),
        };
        let answer = self.world.send(request).await;
        Ok(answer.map_err(Into::into).map(|world::Response { status, headers, body }| Response {
            status,
            headers,
            body,
        }))
    }
}

#[cfg(test)]
mod tests;
