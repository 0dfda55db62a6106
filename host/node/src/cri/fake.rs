//! A container runtime for tests, with a kubelet behind it: containers that are stopped are started again. CRI's real
//! wire protocol on a unix socket, as far as restarting needs it.

use std::collections::HashMap;
use std::convert::Infallible;
use std::path::Path;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll};

use tokio::task::JoinHandle;
use tonic::Status;
use tonic::body::Body;
use tonic::server::NamedService;

use super::{CONTAINER_NAME_LABEL, POD_NAME_LABEL, POD_NAMESPACE_LABEL, wire};
use crate::grpc::unary;
use crate::node::lock;

/// The pretended runtime. Clones share its containers.
#[derive(Clone, Debug, Default)]
pub struct FakeRuntime {
    state: Arc<Mutex<State>>,
}

/// What it runs.
#[derive(Debug, Default)]
pub struct State {
    /// All containers: name and whether it runs, in the order in which they were made; the id is the position. A name
    /// such as `etcd` is that of node-1's static pod; a container of another pod is named `pod/etcd`.
    pub containers: Vec<(String, bool)>,
    /// Names of containers that were stopped, in order.
    pub stopped: Vec<String>,
    /// Names of containers that no kubelet starts again.
    pub abandoned: Vec<String>,
}

/// Ends the server when it goes.
pub struct Running(JoinHandle<()>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl FakeRuntime {
    /// One that runs a container of each name.
    pub fn new(names: &[&str]) -> Self {
        let fake = Self::default();
        fake.state().containers = names.iter().map(|name| ((*name).to_owned(), true)).collect();
        fake
    }

    /// What it runs now.
    pub fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    /// Serves at a path, on the running runtime, until what this returns is dropped.
    pub fn serve(&self, socket: &Path) -> std::io::Result<Running> {
        let listener = tokio::net::UnixListener::bind(socket)?;
        let server = tonic::transport::Server::builder()
            .add_service(self.clone())
            .serve_with_incoming(tokio_stream::wrappers::UnixListenerStream::new(listener));
        Ok(Running(tokio::spawn(async { drop(server.await) })))
    }

    fn list(&self, request: wire::ListContainersRequest) -> wire::ListContainersResponse {
        let wanted = request.filter.unwrap_or_default().label_selector;
        let container = |(id, (name, runs)): (usize, &(String, bool))| {
            let (pod, name) = match name.split_once('/') {
                Some((pod, name)) => (pod.to_owned(), name),
                None => (format!("{name}-node-1"), name.as_str()),
            };
            wire::Container {
                id: id.to_string(),
                metadata: Some(wire::ContainerMetadata { name: name.to_owned(), attempt: 0 }),
                state: if *runs { 1 } else { 2 },
                created_at: i64::try_from(id).unwrap_or_default(),
                labels: HashMap::from([
                    (POD_NAMESPACE_LABEL.to_owned(), "kube-system".to_owned()),
                    (POD_NAME_LABEL.to_owned(), pod),
                    (CONTAINER_NAME_LABEL.to_owned(), name.to_owned()),
                ]),
                ..wire::Container::default()
            }
        };
        let fits = |c: &wire::Container| wanted.iter().all(|(name, value)| c.labels.get(name) == Some(value));
        let containers = self.state().containers.iter().enumerate().map(container).filter(fits).collect();
        wire::ListContainersResponse { containers }
    }

    fn stop(&self, request: wire::StopContainerRequest) -> Result<wire::Empty, Status> {
        let mut state = self.state();
        let id: usize = request.container_id.parse().map_err(|_| Status::not_found("no such container"))?;
        let (name, runs) = state.containers.get_mut(id).ok_or_else(|| Status::not_found("no such container"))?;
        *runs = false;
        let name = name.clone();
        state.stopped.push(name.clone());
        if !state.abandoned.contains(&name) {
            state.containers.push((name, true));
        }
        Ok(wire::Empty {})
    }

    async fn handle(self, request: ::http::Request<Body>) -> ::http::Response<Body> {
        match request.uri().path().rsplit('/').next().unwrap_or_default() {
            "ListContainers" => unary(request, move |request| Ok(self.list(request))).await,
            "StopContainer" => unary(request, move |request| self.stop(request)).await,
            _ => Status::unimplemented("unknown method").into_http(),
        }
    }
}

impl NamedService for FakeRuntime {
    const NAME: &'static str = "runtime.v1.RuntimeService";
}

impl tower::Service<::http::Request<Body>> for FakeRuntime {
    type Response = ::http::Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: ::http::Request<Body>) -> Self::Future {
        let fake = self.clone();
        Box::pin(async move { Ok(fake.handle(request).await) })
    }
}
