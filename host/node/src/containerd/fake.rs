//! A containerd for tests: images, content and leases in memory, behind the real wire protocol on a unix socket. It
//! checks what the real one checks, and collects what nothing needs when a lease ends.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::convert::Infallible;
use std::path::Path;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll};

use futures_util::{StreamExt, stream};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tonic::body::Body;
use tonic::codec::Streaming;
use tonic::server::NamedService;
use tonic::{Request, Response, Status};

use super::wire;
use super::{NAMESPACE, Target};
use crate::grpc::unary;
use crate::node::lock;

type Codec<A, Q> = tonic_prost::ProstCodec<A, Q>;

/// Computes a blob's digest, `sha256:…`: this crate has no hashes of its own.
pub type DigestOf = fn(&[u8]) -> String;

/// The pretended containerd. Clones share its store.
#[derive(Clone)]
pub struct FakeContainerd {
    store: Arc<Mutex<Store>>,
    digest: DigestOf,
}

/// What it holds.
#[derive(Debug, Default)]
pub struct Store {
    /// Image records by name.
    pub images: BTreeMap<String, Target>,
    /// Content by digest.
    pub blobs: BTreeMap<String, Blob>,
    /// Open leases, with what they keep.
    pub leases: BTreeMap<String, BTreeSet<String>>,
    /// Writes that have begun and not ended.
    pub ingests: BTreeMap<String, Vec<u8>>,
    /// The calls so far.
    pub calls: Vec<String>,
    /// Commits of this digest fail, as with a full disk.
    pub broken: Option<String>,
    /// Labels that leases were made with.
    pub lease_labels: HashMap<String, String>,
}

/// A blob.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Blob {
    /// Its contents.
    pub bytes: Vec<u8>,
    /// Its labels.
    pub labels: HashMap<String, String>,
}

/// Ends the server when it goes.
pub struct Running(JoinHandle<()>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// One of its services.
#[derive(Clone)]
struct Service<const N: usize>(FakeContainerd);

impl NamedService for Service<0> {
    const NAME: &'static str = "containerd.services.version.v1.Version";
}

impl NamedService for Service<1> {
    const NAME: &'static str = "containerd.services.images.v1.Images";
}

impl NamedService for Service<2> {
    const NAME: &'static str = "containerd.services.content.v1.Content";
}

impl NamedService for Service<3> {
    const NAME: &'static str = "containerd.services.leases.v1.Leases";
}

impl<const N: usize> tower::Service<::http::Request<Body>> for Service<N> {
    type Response = ::http::Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: ::http::Request<Body>) -> Self::Future {
        let fake = self.0.clone();
        Box::pin(async move { Ok(fake.handle(request).await) })
    }
}

impl FakeContainerd {
    /// An empty one.
    pub fn new(digest: DigestOf) -> Self {
        Self { store: Arc::default(), digest }
    }

    /// What it holds now.
    pub fn store(&self) -> MutexGuard<'_, Store> {
        lock(&self.store)
    }

    /// Puts content in, and returns its digest.
    pub fn add(&self, bytes: &[u8]) -> String {
        let digest = (self.digest)(bytes);
        self.store().blobs.insert(digest.clone(), Blob { bytes: bytes.to_vec(), labels: HashMap::new() });
        digest
    }

    /// Serves at a path, on the running runtime, until what this returns is dropped.
    pub fn serve(&self, socket: &Path) -> std::io::Result<Running> {
        let listener = tokio::net::UnixListener::bind(socket)?;
        let server = tonic::transport::Server::builder()
            .add_service(Service::<0>(self.clone()))
            .add_service(Service::<1>(self.clone()))
            .add_service(Service::<2>(self.clone()))
            .add_service(Service::<3>(self.clone()))
            .serve_with_incoming(tokio_stream::wrappers::UnixListenerStream::new(listener));
        Ok(Running(tokio::spawn(async { drop(server.await) })))
    }

    async fn handle(self, request: ::http::Request<Body>) -> ::http::Response<Body> {
        let path = request.uri().path().trim_start_matches("/containerd.services.").to_owned();
        self.store().calls.push(path.clone());
        let lease = header(&request, "containerd-lease");
        let namespace = header(&request, "containerd-namespace");
        if path != "version.v1.Version/Version" && namespace.as_deref() != Some(NAMESPACE) {
            return Status::failed_precondition("namespace is required").into_http();
        }
        match path.as_str() {
            "version.v1.Version/Version" => {
                unary(request, |_: wire::Empty| Ok(wire::VersionResponse { version: "1.6.0-fake".into() })).await
            }
            "images.v1.Images/Get" => unary(request, move |request| self.image(request)).await,
            "images.v1.Images/Create" => unary(request, move |request| self.create(request)).await,
            "images.v1.Images/Update" => unary(request, move |request| self.update_image(request)).await,
            "content.v1.Content/Info" => unary(request, move |request| self.info(request)).await,
            "content.v1.Content/Update" => unary(request, move |request| self.update(request)).await,
            "content.v1.Content/Abort" => {
                unary(request, move |request: wire::AbortRequest| {
                    self.store().ingests.remove(&request.r#ref);
                    Ok(wire::Empty {})
                })
                .await
            }
            "content.v1.Content/Read" => self.read(request).await,
            "content.v1.Content/Write" => self.write(request, lease).await,
            "leases.v1.Leases/Create" => {
                unary(request, move |request: wire::CreateLeaseRequest| {
                    let mut store = self.store();
                    store.leases.insert(request.id.clone(), BTreeSet::new());
                    store.lease_labels = request.labels;
                    Ok(wire::CreateLeaseResponse { lease: Some(wire::Lease { id: request.id }) })
                })
                .await
            }
            "leases.v1.Leases/Delete" => {
                unary(request, move |request: wire::DeleteLeaseRequest| {
                    let mut store = self.store();
                    store.leases.remove(&request.id).ok_or_else(|| Status::not_found("no such lease"))?;
                    store.ingests.retain(|name, _| !name.starts_with(&request.id));
                    store.collect();
                    Ok(wire::Empty {})
                })
                .await
            }
            _ => Status::unimplemented("unknown method").into_http(),
        }
    }

    fn image(&self, request: wire::GetImageRequest) -> Result<wire::OneImage, Status> {
        let store = self.store();
        let target = store.images.get(&request.name);
        let target = target.ok_or_else(|| Status::not_found(format!("image \"{}\": not found", request.name)))?;
        let descriptor = wire::Descriptor {
            media_type: target.media_type.clone(),
            digest: target.digest.clone(),
            size: i64::try_from(target.size).unwrap_or_default(),
        };
        let image = wire::Image { name: request.name, target: Some(descriptor), ..wire::Image::default() };
        Ok(wire::OneImage { image: Some(image) })
    }

    fn create(&self, request: wire::OneImage) -> Result<wire::OneImage, Status> {
        let image = request.image.unwrap_or_default();
        if self.store().images.contains_key(&image.name) {
            return Err(Status::already_exists(image.name));
        }
        self.set(&image);
        Ok(wire::OneImage { image: Some(image) })
    }

    fn update_image(&self, request: wire::UpdateImageRequest) -> Result<wire::OneImage, Status> {
        let image = request.image.unwrap_or_default();
        if request.update_mask.unwrap_or_default().paths != ["target"] {
            return Err(Status::invalid_argument("labels would be lost"));
        }
        self.set(&image);
        Ok(wire::OneImage { image: Some(image) })
    }

    fn set(&self, image: &wire::Image) {
        let wire::Descriptor { media_type, digest, size } = image.target.clone().unwrap_or_default();
        let target = Target { media_type, digest, size: u64::try_from(size).unwrap_or_default() };
        self.store().images.insert(image.name.clone(), target);
    }

    fn info(&self, request: wire::InfoRequest) -> Result<wire::InfoResponse, Status> {
        let store = self.store();
        let missing = || Status::not_found(format!("content {}: not found", request.digest));
        let blob = store.blobs.get(&request.digest).ok_or_else(missing)?;
        let size = i64::try_from(blob.bytes.len()).unwrap_or_default();
        let info = wire::Info { digest: request.digest.clone(), size, labels: blob.labels.clone() };
        Ok(wire::InfoResponse { info: Some(info) })
    }

    fn update(&self, request: wire::UpdateRequest) -> Result<wire::InfoResponse, Status> {
        let info = request.info.unwrap_or_default();
        let mut store = self.store();
        let blob = store.blobs.get_mut(&info.digest).ok_or_else(|| Status::not_found("content"))?;
        for path in request.update_mask.unwrap_or_default().paths {
            let key = path.strip_prefix("labels.").ok_or_else(|| Status::invalid_argument("only labels"))?;
            if let Some(value) = info.labels.get(key) {
                blob.labels.insert(key.to_owned(), value.clone());
            }
        }
        Ok(wire::InfoResponse { info: Some(info) })
    }

    async fn read(self, request: ::http::Request<Body>) -> ::http::Response<Body> {
        let service = tower::service_fn(move |request: Request<wire::ReadContentRequest>| {
            let blob = self.store().blobs.get(&request.get_ref().digest).cloned();
            async move {
                let blob = blob.ok_or_else(|| Status::not_found("content"))?;
                // In several pieces, whatever the size.
                let pieces: Vec<Result<wire::ReadContentResponse, Status>> = blob
                    .bytes
                    .chunks(1000)
                    .map(|data| Ok(wire::ReadContentResponse { offset: 0, data: data.to_vec() }))
                    .collect();
                Ok::<_, Status>(Response::new(stream::iter(pieces)))
            }
        });
        let codec = Codec::<wire::ReadContentResponse, wire::ReadContentRequest>::default();
        tonic::server::Grpc::new(codec).server_streaming(service, request).await
    }

    async fn write(self, request: ::http::Request<Body>, lease: Option<String>) -> ::http::Response<Body> {
        let service = tower::service_fn(move |request: Request<Streaming<wire::WriteContentRequest>>| {
            let (fake, lease) = (self.clone(), lease.clone());
            async move {
                let (answers, receiver) = mpsc::channel(1);
                tokio::spawn(async move {
                    let mut requests = request.into_inner();
                    let mut name = String::new();
                    while let Some(Ok(request)) = requests.next().await {
                        if name.is_empty() {
                            name.clone_from(&request.r#ref);
                        }
                        let answer = fake.step(&name, request, lease.as_deref());
                        let end = answer.is_err() || matches!(&answer, Ok(answer) if answer.action == wire::COMMIT);
                        if answers.send(answer).await.is_err() || end {
                            break;
                        }
                    }
                });
                let answers =
                    stream::unfold(receiver, |mut receiver| async { Some((receiver.recv().await?, receiver)) });
                Ok::<_, Status>(Response::new(answers))
            }
        });
        let codec = Codec::<wire::WriteContentResponse, wire::WriteContentRequest>::default();
        tonic::server::Grpc::new(codec).streaming(service, request).await
    }

    /// One message of a write, in the words and with the checks of the real one.
    fn step(
        &self,
        name: &str,
        request: wire::WriteContentRequest,
        lease: Option<&str>,
    ) -> Result<wire::WriteContentResponse, Status> {
        let mut store = self.store();
        if let Some(kept) = lease.and_then(|lease| store.leases.get_mut(lease))
            && !request.expected.is_empty()
        {
            kept.insert(request.expected.clone());
        }
        if !request.expected.is_empty() && store.blobs.contains_key(&request.expected) {
            store.ingests.remove(name);
            return Err(Status::already_exists(format!("blob with expected digest {} exists", request.expected)));
        }
        let broken = store.broken.clone();
        let bytes = store.ingests.entry(name.to_owned()).or_default();
        if request.action != wire::STAT {
            if request.offset > 0 && request.offset != i64::try_from(bytes.len()).unwrap_or_default() {
                return Err(Status::out_of_range("write must occur at current offset"));
            }
            if request.offset == 0 {
                bytes.clear();
            }
            bytes.extend(&request.data);
        }
        let offset = i64::try_from(bytes.len()).unwrap_or_default();
        if request.action == wire::COMMIT {
            let bytes = store.ingests.remove(name).unwrap_or_default();
            if broken.as_ref() == Some(&request.expected) {
                return Err(Status::unknown("no space left on device"));
            }
            if request.total != offset || (self.digest)(&bytes) != request.expected {
                return Err(Status::failed_precondition("unexpected commit digest or size"));
            }
            store.blobs.insert(request.expected.clone(), Blob { bytes, labels: request.labels });
        }
        Ok(wire::WriteContentResponse { action: request.action, offset, digest: request.expected })
    }
}

impl Store {
    /// Removes what no image and no lease needs.
    fn collect(&mut self) {
        let mut needed: BTreeSet<String> = BTreeSet::new();
        let mut reached: Vec<String> = self.images.values().map(|target| target.digest.clone()).collect();
        reached.extend(self.leases.values().flatten().cloned());
        while let Some(digest) = reached.pop() {
            if let Some(blob) = self.blobs.get(&digest).filter(|_| !needed.contains(&digest)) {
                let references = blob.labels.iter().filter(|(key, _)| key.starts_with("containerd.io/gc.ref.content."));
                reached.extend(references.map(|(_, digest)| digest.clone()));
                needed.insert(digest);
            }
        }
        self.blobs.retain(|digest, _| needed.contains(digest));
    }
}

fn header(request: &::http::Request<Body>, name: &str) -> Option<String> {
    request.headers().get(name)?.to_str().ok().map(str::to_owned)
}
