//! `wasi:http`: the same hosts by the same grants and the same client as our own `http`.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use kubephase_model::plugin::Grants;
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody, WasiHttpHooks};

use super::stdio::Printed;
use crate::bindings::kubephase::plugin::http::Request;
use crate::bindings::kubephase::plugin::types::Failure;
use crate::caps::http::{LONGEST_BODY, LONGEST_TIME, checked};
use crate::world::World;

/// For all of a request, if the component says nothing.
const TIMEOUT: Duration = Duration::from_secs(30);

type Driver = Box<dyn Future<Output = Result<(), Error>> + Send>;
type Sent = Result<(http::Response<WasiBody>, Driver), Error>;

/// How requests are sent: by asking the world.
pub(super) struct Hooks {
    world: Arc<dyn World>,
    grants: Arc<Grants>,
    printed: Printed,
}

impl Hooks {
    pub(super) fn new(world: Arc<dyn World>, grants: Arc<Grants>, printed: Printed) -> Self {
        Self { world, grants, printed }
    }

    /// WASI has codes only: the words go to the log.
    fn refused(&self, failure: &Failure) -> Error {
        let remedy = failure.remedy.as_ref().map(|remedy| format!("; {remedy}")).unwrap_or_default();
        self.printed.say(format!("wasi:http: {}{remedy}", failure.message));
        code(&failure.code)
    }
}

fn code(code: &str) -> Error {
    match code {
        "denied" => Error::HttpRequestDenied,
        "invalid" => Error::HttpRequestUriInvalid,
        "too-large" => Error::HttpResponseBodySize(Some(LONGEST_BODY as u64)),
        "unavailable" => Error::DestinationUnavailable,
        _ => Error::HttpProtocolError,
    }
}

impl WasiHttpHooks for Hooks {
    fn send_request(
        &mut self,
        request: http::Request<WasiBody>,
        options: Option<RequestOptions>,
        _: Driver,
    ) -> Box<dyn Future<Output = Sent> + Send> {
        let (parts, body) = request.into_parts();
        let text = |(name, value): (&http::HeaderName, &http::HeaderValue)| {
            Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned()))
        };
        // Of these the connection has its own; everything else that it may not set is refused.
        let own = [http::header::HOST, http::header::CONTENT_LENGTH];
        let headers = parts.headers.iter().filter(|(name, _)| !own.contains(name)).filter_map(text).collect();
        let timeout = options.and_then(|options| options.first_byte_timeout).unwrap_or(TIMEOUT);
        let timeout = u32::try_from(timeout.as_millis()).unwrap_or(LONGEST_TIME).clamp(1, LONGEST_TIME);
        let asked = Request {
            method: parts.method.to_string(),
            url: parts.uri.to_string(),
            headers,
            body: Vec::new(),
            timeout_milliseconds: timeout,
        };
        let asked = match checked(&self.grants, asked) {
            Ok(asked) => asked,
            Err(failure) => {
                let error = self.refused(&failure);
                return Box::new(async { Err(error) });
            }
        };
        let (world, printed) = (self.world.clone(), self.printed.clone());
        Box::new(async move {
            // The component may still be writing it.
            let body = Limited::new(body, LONGEST_BODY).collect().await;
            let body = body.map_err(|_| Error::HttpRequestBodySize(Some(LONGEST_BODY as u64)))?.to_bytes();
            let asked = crate::world::Request { body: body.into(), ..asked };
            let answer = world.send(asked).await.map_err(|failure| {
                printed.say(format!("wasi:http: {}", failure.message));
                code(&failure.code)
            })?;
            response(answer).map(|response| (response, Box::new(async { Ok(()) }) as Driver))
        })
    }
}

fn response(answer: crate::world::Response) -> Result<http::Response<WasiBody>, Error> {
    let mut response = http::Response::builder().status(answer.status);
    for (name, value) in answer.headers {
        response = response.header(name, value);
    }
    let body = Full::new(Bytes::from(answer.body)).map_err(|never| match never {}).boxed_unsync();
    response.body(body).map_err(|_| Error::HttpProtocolError)
}
