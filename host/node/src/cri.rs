//! The container runtime over its own API: CRI v1, gRPC on a unix socket. What is good enough, which images are
//! needed and what a failure means is for others to say.

mod error;
#[cfg(any(test, feature = "testing"))]
pub mod fake;
mod types;
pub mod wire;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use ::http::uri::PathAndQuery;
use hyper_util::rt::TokioIo;
use tonic::transport::{Channel, Endpoint, Uri};

pub use error::CriError;
pub use types::{
    CgroupDriver, Condition, Container, ContainerDetails, ContainerState, Image, RuntimeConfig, Sandbox, Status,
    Version,
};

use crate::change::{Change, ChangeKind};
use crate::node::Node;

/// Label under which the kubelet files the pod's namespace.
pub const POD_NAMESPACE_LABEL: &str = "io.kubernetes.pod.namespace";
/// Label under which the kubelet files the pod's name.
pub const POD_NAME_LABEL: &str = "io.kubernetes.pod.name";
/// Label under which the kubelet files the container's name.
pub const CONTAINER_NAME_LABEL: &str = "io.kubernetes.container.name";

/// As much as the kubelet accepts in one message.
const MESSAGE_LIMIT: usize = 16 << 20;

/// A connection to one runtime. Cheap to clone; clones share the connection.
#[derive(Clone, Debug)]
pub struct Cri {
    socket: String,
    channel: Channel,
    timeout: Duration,
    node: Option<Node>,
    /// How often a connection was made: the channel makes new ones without a word.
    connections: Arc<AtomicUsize>,
}

impl Node {
    /// Connects to a CRI endpoint of this node (`unix:///run/…`, or a path). `timeout` goes for the connection and for
    /// each call, except pulls. In a dry run what would change something is recorded and not called.
    pub async fn cri(&self, socket: &str, timeout: Duration) -> Result<Cri, CriError> {
        let place = self.host_path(path_of(socket)?);
        Ok(Cri { node: Some(self.clone()), ..Cri::open(socket, place, timeout).await? })
    }
}

impl Cri {
    /// Connects to a CRI endpoint of this machine. Rather use [`Node::cri`], which knows about dry runs.
    pub async fn connect(socket: &str, timeout: Duration) -> Result<Self, CriError> {
        Self::open(socket, PathBuf::from(path_of(socket)?), timeout).await
    }

    async fn open(socket: &str, place: PathBuf, timeout: Duration) -> Result<Self, CriError> {
        // A connection of our own first: through the channel, the reason for a failure is lost.
        let connected = tokio::time::timeout(timeout, tokio::net::UnixStream::connect(&place)).await;
        match connected {
            Ok(Ok(_)) => {}
            Ok(Err(source)) => return Err(CriError::connect(socket, source)),
            Err(_) => return Err(CriError::Deadline { socket: socket.to_owned(), timeout, call: "connect" }),
        }
        let connections = Arc::new(AtomicUsize::new(0));
        let counter = connections.clone();
        // Nobody looks at the host name, but gRPC wants one.
        let channel = Endpoint::from_static("http://localhost").connect_timeout(timeout).connect_with_connector_lazy(
            tower::service_fn(move |_: Uri| {
                let place = place.clone();
                counter.fetch_add(1, Ordering::Relaxed);
                async move { tokio::net::UnixStream::connect(place).await.map(TokioIo::new) }
            }),
        );
        Ok(Self { socket: socket.to_owned(), channel, timeout, node: None, connections })
    }

    /// For containerd's own API, which is served beside CRI.
    pub(crate) fn channel(&self) -> Channel {
        self.channel.clone()
    }

    /// The endpoint as it was given.
    pub fn socket(&self) -> &str {
        &self.socket
    }

    /// Names and versions.
    pub async fn version(&self) -> Result<Version, CriError> {
        let request = wire::VersionRequest { version: "0.1.0".into() };
        let response: wire::VersionResponse = self.runtime("Version", request).await?;
        Ok(Version {
            name: response.runtime_name,
            version: response.runtime_version,
            api: response.runtime_api_version,
        })
    }

    /// The runtime's conditions and, if `verbose`, its own configuration.
    pub async fn status(&self, verbose: bool) -> Result<Status, CriError> {
        let response: wire::StatusResponse = self.runtime("Status", wire::StatusRequest { verbose }).await?;
        Ok(response.into())
    }

    /// What the kubelet should know of the runtime; `None` if the runtime is too old to say (the call is not
    /// implemented).
    pub async fn runtime_config(&self) -> Result<Option<RuntimeConfig>, CriError> {
        match self.runtime::<_, wire::RuntimeConfigResponse>("RuntimeConfig", wire::Empty {}).await {
            Ok(response) => Ok(Some(response.into())),
            Err(CriError::Unimplemented { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// An image, if the runtime has it.
    pub async fn image(&self, reference: &str) -> Result<Option<Image>, CriError> {
        let request = wire::ImageStatusRequest { image: spec(reference), verbose: false };
        let response: wire::ImageStatusResponse = self.images("ImageStatus", request, Some(self.timeout)).await?;
        Ok(response.image.map(Into::into))
    }

    /// True if the runtime has the image.
    pub async fn image_present(&self, reference: &str) -> Result<bool, CriError> {
        Ok(self.image(reference).await?.is_some())
    }

    /// All images that the runtime has.
    pub async fn list_images(&self) -> Result<Vec<Image>, CriError> {
        let request = wire::ListImagesRequest { filter: None };
        let response: wire::ListImagesResponse = self.images("ListImages", request, Some(self.timeout)).await?;
        Ok(response.images.into_iter().map(Into::into).collect())
    }

    /// Pulls an image, however long it takes; returns the runtime's name for it, which in a dry run is the one given.
    pub async fn pull(&self, reference: &str) -> Result<String, CriError> {
        if self.would(&format!("pull {reference}")) {
            return Ok(reference.to_owned());
        }
        let request = wire::PullImageRequest { image: spec(reference) };
        let response: wire::PullImageResponse = self.images("PullImage", request, None).await?;
        self.did(&format!("pull {reference}"));
        Ok(response.image_ref)
    }

    /// Containers in any state that carry all these labels, newest first.
    pub async fn list_containers(&self, labels: &[(&str, &str)]) -> Result<Vec<Container>, CriError> {
        let filter = wire::ContainerFilter { label_selector: selector(labels), ..Default::default() };
        let request = wire::ListContainersRequest { filter: Some(filter) };
        let response: wire::ListContainersResponse = self.runtime("ListContainers", request).await?;
        let mut containers: Vec<Container> = response.containers.into_iter().map(Into::into).collect();
        containers.sort_by_key(|container| std::cmp::Reverse(container.created_at));
        Ok(containers)
    }

    /// State, exit code, reason and log of one container.
    pub async fn container_status(&self, id: &str) -> Result<ContainerDetails, CriError> {
        let request = wire::ContainerStatusRequest { container_id: id.to_owned(), verbose: false };
        let response: wire::ContainerStatusResponse = self.runtime("ContainerStatus", request).await?;
        Ok(response.status.unwrap_or_default().into())
    }

    /// Pod sandboxes that carry all these labels, newest first.
    pub async fn list_sandboxes(&self, labels: &[(&str, &str)]) -> Result<Vec<Sandbox>, CriError> {
        let filter = wire::PodSandboxFilter { label_selector: selector(labels), ..Default::default() };
        let request = wire::ListPodSandboxRequest { filter: Some(filter) };
        let response: wire::ListPodSandboxResponse = self.runtime("ListPodSandbox", request).await?;
        let mut sandboxes: Vec<Sandbox> = response.items.into_iter().map(Into::into).collect();
        sandboxes.sort_by_key(|sandbox| std::cmp::Reverse(sandbox.created_at));
        Ok(sandboxes)
    }

    /// Ends a container: asks it, and kills it `grace` later. The call's own deadline comes on top. Stopped already is no
    /// error.
    pub async fn stop_container(&self, id: &str, grace: Duration) -> Result<(), CriError> {
        let effect = format!("stop container {id}");
        if self.would(&effect) {
            return Ok(());
        }
        let timeout = i64::try_from(grace.as_secs()).unwrap_or(i64::MAX);
        let request = wire::StopContainerRequest { container_id: id.to_owned(), timeout };
        let deadline = Some(grace.saturating_add(self.timeout));
        let _: wire::Empty = self.call("RuntimeService", "StopContainer", request, deadline).await?;
        self.did(&effect);
        Ok(())
    }

    /// Stops a sandbox with all its containers; stopped already is no error.
    pub async fn stop_sandbox(&self, id: &str) -> Result<(), CriError> {
        self.sandbox("StopPodSandbox", &format!("stop pod sandbox {id}"), id).await
    }

    /// Removes a sandbox with all its containers; gone already is no error.
    pub async fn remove_sandbox(&self, id: &str) -> Result<(), CriError> {
        self.sandbox("RemovePodSandbox", &format!("remove pod sandbox {id}"), id).await
    }

    async fn sandbox(&self, call: &'static str, effect: &str, id: &str) -> Result<(), CriError> {
        if self.would(effect) {
            return Ok(());
        }
        let request = wire::StopPodSandboxRequest { pod_sandbox_id: id.to_owned() };
        let _: wire::Empty = self.runtime(call, request).await?;
        self.did(effect);
        Ok(())
    }

    /// True in a dry run, which then has it recorded.
    fn would(&self, effect: &str) -> bool {
        let dry = self.node.as_ref().filter(|node| node.is_dry_run());
        dry.inspect(|node| node.record(Change::new(&format!("would {effect}"), ChangeKind::Ran))).is_some()
    }

    fn did(&self, effect: &str) {
        if let Some(node) = &self.node {
            node.record(Change::new(effect, ChangeKind::Ran));
        }
    }

    async fn runtime<Q, A>(&self, call: &'static str, request: Q) -> Result<A, CriError>
    where
        Q: prost::Message + 'static,
        A: prost::Message + Default + 'static,
    {
        self.call("RuntimeService", call, request, Some(self.timeout)).await
    }

    async fn images<Q, A>(&self, call: &'static str, request: Q, timeout: Option<Duration>) -> Result<A, CriError>
    where
        Q: prost::Message + 'static,
        A: prost::Message + Default + 'static,
    {
        self.call("ImageService", call, request, timeout).await
    }

    async fn call<Q, A>(
        &self,
        service: &str,
        call: &'static str,
        message: Q,
        timeout: Option<Duration>,
    ) -> Result<A, CriError>
    where
        Q: prost::Message + 'static,
        A: prost::Message + Default + 'static,
    {
        let path = PathAndQuery::try_from(format!("/runtime.v1.{service}/{call}"));
        let path = path.unwrap_or_else(|_| PathAndQuery::from_static("/"));
        let mut request = tonic::Request::new(message);
        if let Some(timeout) = timeout {
            request.set_timeout(timeout);
        }
        let mut grpc = tonic::client::Grpc::new(self.channel.clone()).max_decoding_message_size(MESSAGE_LIMIT);
        let answer = async {
            grpc.ready().await.map_err(|error| tonic::Status::from_error(error.into()))?;
            grpc.unary(request, path, tonic_prost::ProstCodec::<Q, A>::default()).await
        };
        let before = self.connections.load(Ordering::Relaxed);
        let begun = tokio::time::Instant::now();
        let late = |timeout| {
            let socket = self.socket.clone();
            // One connection is the first, or replaces one from before the runtime was restarted.
            if self.connections.load(Ordering::Relaxed) - before > 1 {
                return CriError::NotCri { socket, call, message: "it closes every connection".to_owned() };
            }
            CriError::Deadline { socket, timeout, call }
        };
        let answer = match timeout {
            None => answer.await,
            Some(timeout) => tokio::time::timeout(timeout, answer).await.map_err(|_| late(timeout))?,
        };
        answer.map(tonic::Response::into_inner).map_err(|status| match (status.code(), timeout) {
            // A request is also cancelled when its connection breaks: only time tells the two apart.
            (tonic::Code::DeadlineExceeded | tonic::Code::Cancelled, Some(timeout)) if begun.elapsed() >= timeout => {
                late(timeout)
            }
            (tonic::Code::Cancelled, Some(_)) => {
                let message = "it breaks the connection".to_owned();
                CriError::NotCri { socket: self.socket.clone(), call, message }
            }
            _ => CriError::answer(&self.socket, call, status),
        })
    }
}

fn path_of(socket: &str) -> Result<&str, CriError> {
    let path = socket.strip_prefix("unix://").unwrap_or(socket);
    if Path::new(path).is_absolute() { Ok(path) } else { Err(CriError::Endpoint { socket: socket.to_owned() }) }
}

fn spec(reference: &str) -> Option<wire::ImageSpec> {
    Some(wire::ImageSpec { image: reference.to_owned() })
}

fn selector(labels: &[(&str, &str)]) -> HashMap<String, String> {
    labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

#[cfg(test)]
mod tests;
