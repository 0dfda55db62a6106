//! Bodies: reading those of requests, with a limit, and making those of answers.

use std::convert::Infallible;

use http::header::{CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use http::{Response, StatusCode};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::body::{Bytes, Incoming};
use serde_json::Value;

use crate::status::Failure;

/// What a request may carry, as the real server has it.
const LIMIT: usize = 3 << 20;

pub(super) type Body = UnsyncBoxBody<Bytes, Infallible>;

/// An answer's content, of a content type.
pub(super) fn answer(code: u16, content_type: &'static str, content: impl Into<Bytes>) -> Response<Body> {
    let mut response = Response::new(Full::new(content.into()).boxed_unsync());
    *response.status_mut() = StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response.headers_mut().insert("cache-control", HeaderValue::from_static("no-cache, private"));
    response
}

pub(super) fn json(code: u16, content: &Value) -> Response<Body> {
    answer(code, "application/json", content.to_string())
}

pub(super) fn text(code: u16, content: impl Into<Bytes>) -> Response<Body> {
    answer(code, "text/plain; charset=utf-8", content)
}

pub(super) fn failure(failure: &Failure) -> Response<Body> {
    let mut response = json(failure.code(), &failure.status());
    if let Some(seconds) = failure.retry_after() {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

/// Adds a header `Warning` (RFC 7234) for each text.
pub(super) fn warn(response: &mut Response<Body>, warnings: &[String]) {
    for warning in warnings {
        let quoted = warning.replace('\\', "\\\\").replace('"', "\\\"");
        if let Ok(value) = HeaderValue::from_str(&format!("299 - \"{quoted}\"")) {
            response.headers_mut().append("warning", value);
        }
    }
}

/// The whole body of a request.
pub(super) async fn read(body: Incoming) -> Result<Bytes, Failure> {
    match Limited::new(body, LIMIT).collect().await {
        Ok(read) => Ok(read.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(Failure::too_large(LIMIT)),
        Err(error) => Err(Failure::bad_request(format!("the body of the request cannot be read: {error}"))),
    }
}
