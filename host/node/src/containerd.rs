//! containerd over its own API, gRPC on the socket that also serves CRI: image records, content by digest, leases. All of
//! it in the namespace that the kubelet's images are in. What an image consists of is for others to say.

mod content;
mod error;
#[cfg(any(test, feature = "testing"))]
pub mod fake;
mod wire;

use std::time::Duration;

use ::http::uri::PathAndQuery;
use tonic::metadata::{Ascii, MetadataValue};

pub use content::{Reading, Writing};
pub use error::{AnswerKind, ContainerdError};

use crate::change::{Change, ChangeKind};
use crate::cri::Cri;
use crate::node::Node;

/// Where CRI keeps what the kubelet's pods are made of.
const NAMESPACE: &str = "k8s.io";
/// Content comes in messages of 1 MiB from containerd 1.x, and of up to this from others.
const MESSAGE_LIMIT: usize = 16 << 20;

/// A connection to containerd. Cheap to clone; clones share the connection.
#[derive(Clone, Debug)]
pub struct Containerd {
    cri: Cri,
    timeout: Duration,
    node: Node,
    lease: Option<MetadataValue<Ascii>>,
}

/// What a name stands for: the digest and size of a manifest or of an index of manifests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Such as `application/vnd.oci.image.index.v1+json`.
    pub media_type: String,
    /// Such as `sha256:…`.
    pub digest: String,
    /// In bytes.
    pub size: u64,
}

/// Keeps new content from being collected until an image needs it. It ends by itself at the time that it was made for,
/// if this program cannot end it.
#[derive(Debug)]
pub struct Lease {
    containerd: Containerd,
    id: String,
}

impl Node {
    /// Connects to the containerd behind a CRI endpoint of this node. `timeout` goes for the connection and for each
    /// answer. In a dry run what would change something is recorded and not called.
    pub async fn containerd(&self, socket: &str, timeout: Duration) -> Result<Containerd, ContainerdError> {
        let cri = self.cri(socket, timeout).await?;
        Ok(Containerd { cri, timeout, node: self.clone(), lease: None })
    }
}

impl Containerd {
    /// containerd's version, which also says that it is one.
    pub async fn version(&self) -> Result<String, ContainerdError> {
        let response: wire::VersionResponse = self.unary("version", "Version", "Version", wire::Empty {}).await?;
        Ok(response.version)
    }

    /// What the image record of exactly this name stands for, if there is one.
    pub async fn image(&self, name: &str) -> Result<Option<Target>, ContainerdError> {
        let request = wire::GetImageRequest { name: name.to_owned() };
        let answer = self.unary::<_, wire::OneImage>("images", "Images", "Get", request).await;
        let target = found(answer)?.and_then(|answer| answer.image).and_then(|image| image.target);
        Ok(target.map(|target| Target {
            media_type: target.media_type,
            digest: target.digest,
            size: u64::try_from(target.size).unwrap_or_default(),
        }))
    }

    /// Makes the name stand for `target`, whatever it stood for before. CRI notices by itself.
    pub async fn set_image(&self, name: &str, target: &Target) -> Result<(), ContainerdError> {
        if self.would(&format!("set image {name} to {}", target.digest)) {
            return Ok(());
        }
        let descriptor = wire::Descriptor {
            media_type: target.media_type.clone(),
            digest: target.digest.clone(),
            size: i64::try_from(target.size).unwrap_or(i64::MAX),
        };
        let image = wire::Image { name: name.to_owned(), target: Some(descriptor), ..wire::Image::default() };
        let request = wire::OneImage { image: Some(image.clone()) };
        let made = self.unary::<_, wire::OneImage>("images", "Images", "Create", request).await;
        match made {
            Err(error) if error.kind() == Some(AnswerKind::AlreadyExists) => {
                // Labels of the record that is there are CRI's, and stay.
                let update_mask = Some(wire::FieldMask { paths: vec!["target".into()] });
                let request = wire::UpdateImageRequest { image: Some(image), update_mask };
                self.unary::<_, wire::OneImage>("images", "Images", "Update", request).await?;
            }
            made => drop(made?),
        }
        self.node.record(Change::new(&format!("set image {name} to {}", target.digest), ChangeKind::Ran));
        Ok(())
    }

    /// Begins a lease: content that is written through [`Lease::containerd`] stays until it ends. `id` must be new;
    /// `expires` is a time by RFC 3339.
    pub async fn lease(&self, id: &str, expires: &str) -> Result<Lease, ContainerdError> {
        let refused = |_| ContainerdError::Answer {
            call: "Create",
            message: format!("`{id}` cannot be a lease's id"),
            kind: AnswerKind::Other,
        };
        let value = MetadataValue::try_from(id).map_err(refused)?;
        if !self.node.is_dry_run() {
            let labels = [("containerd.io/gc.expire".to_owned(), expires.to_owned())].into();
            let request = wire::CreateLeaseRequest { id: id.to_owned(), labels };
            let _: wire::CreateLeaseResponse = self.unary("leases", "Leases", "Create", request).await?;
        }
        Ok(Lease { containerd: Self { lease: Some(value), ..self.clone() }, id: id.to_owned() })
    }

    /// True in a dry run, which then has it recorded.
    fn would(&self, effect: &str) -> bool {
        let dry = self.node.is_dry_run();
        if dry {
            self.node.record(Change::new(&format!("would {effect}"), ChangeKind::Ran));
        }
        dry
    }

    async fn unary<Q, A>(
        &self,
        package: &str,
        service: &str,
        call: &'static str,
        message: Q,
    ) -> Result<A, ContainerdError>
    where
        Q: prost::Message + 'static,
        A: prost::Message + Default + 'static,
    {
        let mut request = self.request(message);
        request.set_timeout(self.timeout);
        let mut grpc = self.grpc();
        let answer = async {
            grpc.ready().await.map_err(|error| tonic::Status::from_error(error.into()))?;
            grpc.unary(request, path(package, service, call), tonic_prost::ProstCodec::<Q, A>::default()).await
        };
        let answer = self.in_time(call, answer).await?;
        Ok(answer.into_inner())
    }

    /// Adds what containerd wants to know with every call.
    fn request<T>(&self, message: T) -> tonic::Request<T> {
        let mut request = tonic::Request::new(message);
        request.metadata_mut().insert("containerd-namespace", MetadataValue::from_static(NAMESPACE));
        if let Some(lease) = &self.lease {
            request.metadata_mut().insert("containerd-lease", lease.clone());
        }
        request
    }

    fn grpc(&self) -> tonic::client::Grpc<tonic::transport::Channel> {
        tonic::client::Grpc::new(self.cri.channel()).max_decoding_message_size(MESSAGE_LIMIT)
    }

    async fn in_time<T>(
        &self,
        call: &'static str,
        answer: impl Future<Output = Result<T, tonic::Status>>,
    ) -> Result<T, ContainerdError> {
        let socket = self.cri.socket();
        let late = |_| ContainerdError::Deadline { socket: socket.to_owned(), timeout: self.timeout, call };
        let answer = tokio::time::timeout(self.timeout, answer).await.map_err(late)?;
        answer.map_err(|status| ContainerdError::answer(socket, call, &status))
    }
}

impl Lease {
    /// The connection whose new content the lease keeps.
    pub fn containerd(&self) -> &Containerd {
        &self.containerd
    }

    /// Ends the lease; what no image needs is collected before this returns.
    pub async fn end(self) -> Result<(), ContainerdError> {
        if self.containerd.node.is_dry_run() {
            return Ok(());
        }
        let request = wire::DeleteLeaseRequest { id: self.id, sync: true };
        let containerd = Containerd { lease: None, ..self.containerd };
        let ended = containerd.unary::<_, wire::Empty>("leases", "Leases", "Delete", request).await;
        found(ended).map(drop)
    }
}

fn path(package: &str, service: &str, call: &str) -> PathAndQuery {
    let path = PathAndQuery::try_from(format!("/containerd.services.{package}.v1.{service}/{call}"));
    path.unwrap_or_else(|_| PathAndQuery::from_static("/"))
}

/// Not being there as a value.
fn found<T>(answer: Result<T, ContainerdError>) -> Result<Option<T>, ContainerdError> {
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(error) if error.kind() == Some(AnswerKind::NotFound) => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests;
