//! Answering a gRPC call, for those who stand in for a container runtime or containerd: rehearsals and tests.

use std::error::Error;
use std::sync::Arc;

use http_body_util::BodyExt;
use tonic::body::Body;
use tonic::{Request, Response, Status};
use tonic_prost::ProstCodec;

/// Reads one message from `request` and answers with the one that `handler` makes of it.
pub async fn unary<B, Q, A>(
    request: ::http::Request<B>,
    handler: impl Fn(Q) -> Result<A, Status> + Send + Sync + 'static,
) -> ::http::Response<Body>
where
    B: BodyExt + Send + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>> + Send,
    Q: prost::Message + Default + Send + 'static,
    A: prost::Message + Default + Send + 'static,
{
    let handler = Arc::new(handler);
    let service = tower::service_fn(move |request: Request<Q>| {
        let handler = handler.clone();
        async move { handler(request.into_inner()).map(Response::new) }
    });
    tonic::server::Grpc::new(ProstCodec::<A, Q>::default()).unary(service, request).await
}
