//! A container runtime that serves as much of CRI v1 as the checks call: gRPC on a unix socket below the test's root.
//! Messages are spelled out here, so that a mistake in the node's own is not shared.

use std::collections::HashMap;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use kubephase_node::grpc::unary;
use tokio::task::JoinHandle;
use tonic::body::Body;
use tonic::server::NamedService;

use super::Machine;

/// Where it listens.
pub const SOCKET: &str = "unix:///run/fake.sock";

/// What it is like.
#[derive(Clone)]
pub struct FakeCri {
    /// RuntimeReady.
    pub ready: bool,
    /// Whether it knows the call RuntimeConfig.
    pub runtime_config: bool,
    /// Images that it has. Those that begin with `registry.example.com/gone` cannot be pulled.
    pub images: Vec<String>,
}

impl Default for FakeCri {
    fn default() -> Self {
        Self { ready: true, runtime_config: true, images: Vec::new() }
    }
}

/// Ends the runtime when it goes.
pub struct Running(JoinHandle<()>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.abort();
    }
}

#[derive(Clone, PartialEq, prost::Message)]
struct Empty {}

#[derive(Clone, PartialEq, prost::Message)]
struct StatusRequest {
    #[prost(bool, tag = "1")]
    verbose: bool,
}

#[derive(Clone, PartialEq, prost::Message)]
struct RuntimeCondition {
    #[prost(string, tag = "1")]
    kind: String,
    #[prost(bool, tag = "2")]
    status: bool,
    #[prost(string, tag = "3")]
    reason: String,
    #[prost(string, tag = "4")]
    message: String,
}

#[derive(Clone, PartialEq, prost::Message)]
struct RuntimeStatus {
    #[prost(message, repeated, tag = "1")]
    conditions: Vec<RuntimeCondition>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct StatusResponse {
    #[prost(message, optional, tag = "1")]
    status: Option<RuntimeStatus>,
    #[prost(map = "string, string", tag = "2")]
    info: HashMap<String, String>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct ImageSpec {
    #[prost(string, tag = "1")]
    image: String,
}

/// ImageStatusRequest and PullImageRequest begin alike.
#[derive(Clone, PartialEq, prost::Message)]
struct ImageRequest {
    #[prost(message, optional, tag = "1")]
    image: Option<ImageSpec>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Image {
    #[prost(string, tag = "1")]
    id: String,
}

#[derive(Clone, PartialEq, prost::Message)]
struct ImageStatusResponse {
    #[prost(message, optional, tag = "1")]
    image: Option<Image>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct PullImageResponse {
    #[prost(string, tag = "1")]
    image_ref: String,
}

/// One of the two services.
#[derive(Clone)]
struct Service<const IMAGES: bool>(Arc<FakeCri>);

impl NamedService for Service<false> {
    const NAME: &'static str = "runtime.v1.RuntimeService";
}

impl NamedService for Service<true> {
    const NAME: &'static str = "runtime.v1.ImageService";
}

impl<const IMAGES: bool> tower::Service<http::Request<Body>> for Service<IMAGES> {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let fake = self.0.clone();
        Box::pin(async move { Ok(fake.handle(request).await) })
    }
}

impl FakeCri {
    /// Starts it for the machine, on the running runtime.
    pub fn start(machine: &Machine, fake: Self) -> Running {
        let path = machine.place("/run/fake.sock");
        #[expect(clippy::disallowed_methods, reason = "a test lays out its machine")]
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("a directory");
        let listener = tokio::net::UnixListener::bind(path).expect("a socket");
        let fake = Arc::new(fake);
        let server = tonic::transport::Server::builder()
            .add_service(Service::<false>(fake.clone()))
            .add_service(Service::<true>(fake))
            .serve_with_incoming(tokio_stream::wrappers::UnixListenerStream::new(listener));
        Running(tokio::spawn(async { drop(server.await) }))
    }

    async fn handle(self: Arc<Self>, request: http::Request<Body>) -> http::Response<Body> {
        let call = request.uri().path().rsplit('/').next().unwrap_or_default().to_owned();
        match call.as_str() {
            "Status" => unary(request, move |request: StatusRequest| Ok(self.status(request.verbose))).await,
            "RuntimeConfig" if self.runtime_config => unary(request, |_: Empty| Ok(Empty {})).await,
            "ImageStatus" => unary(request, move |request: ImageRequest| Ok(self.image(&name(request)))).await,
            "PullImage" => unary(request, |request: ImageRequest| pull(name(request))).await,
            _ => unary(request, |_: Empty| Err::<Empty, _>(tonic::Status::unimplemented("unknown method"))).await,
        }
    }

    fn status(&self, verbose: bool) -> StatusResponse {
        let condition = RuntimeCondition {
            kind: "RuntimeReady".into(),
            status: self.ready,
            reason: "Down".into(),
            message: "shim is missing".into(),
        };
        let config = r#"{"sandboxImage":"registry.k8s.io/pause:3.8"}"#;
        StatusResponse {
            status: Some(RuntimeStatus { conditions: vec![condition] }),
            info: verbose.then(|| ("config".to_owned(), config.to_owned())).into_iter().collect(),
        }
    }

    fn image(&self, name: &str) -> ImageStatusResponse {
        ImageStatusResponse {
            image: self.images.iter().any(|image| image == name).then(|| Image { id: name.to_owned() }),
        }
    }
}

fn name(request: ImageRequest) -> String {
    request.image.unwrap_or_default().image
}

fn pull(name: String) -> Result<PullImageResponse, tonic::Status> {
    if name.starts_with("registry.example.com/gone") {
        return Err(tonic::Status::not_found(format!("failed to resolve image: {name}: not found")));
    }
    Ok(PullImageResponse { image_ref: name })
}
