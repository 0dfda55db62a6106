//! Against a server that speaks the real wire protocol: HTTP/2 and gRPC on a unix socket, by tonic's server side.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use tonic::body::Body;
use tonic::server::NamedService;

use super::*;
use crate::grpc::unary;

/// One of the two services of a pretended runtime.
#[derive(Clone)]
struct Fake<const IMAGES: bool> {
    seen: Arc<Mutex<Vec<String>>>,
    old: bool,
}

impl NamedService for Fake<false> {
    const NAME: &'static str = "runtime.v1.RuntimeService";
}

impl NamedService for Fake<true> {
    const NAME: &'static str = "runtime.v1.ImageService";
}

fn containers(request: wire::ListContainersRequest) -> wire::ListContainersResponse {
    let wanted = request.filter.unwrap_or_default().label_selector;
    let container = |id: &str, name: &str, attempt: u32, state: i32| wire::Container {
        id: id.into(),
        pod_sandbox_id: "box".into(),
        metadata: Some(wire::ContainerMetadata { name: name.into(), attempt }),
        image: Some(wire::ImageSpec { image: "registry.k8s.io/x:1".into() }),
        state,
        created_at: i64::from(attempt),
        labels: [
            ("io.kubernetes.pod.name".to_owned(), format!("{name}-node")),
            (POD_NAMESPACE_LABEL.to_owned(), "kube-system".to_owned()),
            (CONTAINER_NAME_LABEL.to_owned(), name.to_owned()),
        ]
        .into(),
    };
    let all = [container("a", "etcd", 0, 2), container("b", "etcd", 1, 1), container("c", "kube-apiserver", 0, 7)];
    let fits = |c: &wire::Container| wanted.iter().all(|(name, value)| c.labels.get(name) == Some(value));
    wire::ListContainersResponse { containers: all.into_iter().filter(fits).collect() }
}

impl<const IMAGES: bool> Fake<IMAGES> {
    async fn handle(self, request: ::http::Request<Body>) -> ::http::Response<Body> {
        let path = request.uri().path().to_owned();
        self.seen.lock().expect("no panic").push(path.clone());
        let old = self.old;
        match path.rsplit('/').next().unwrap_or_default() {
            "Version" => {
                unary(request, |_: wire::VersionRequest| {
                    Ok(wire::VersionResponse {
                        version: "0.1.0".into(),
                        runtime_name: "fake".into(),
                        runtime_version: "1.2.3".into(),
                        runtime_api_version: "v1".into(),
                    })
                })
                .await
            }
            "Status" => {
                unary(request, |request: wire::StatusRequest| {
                    let condition = |kind: &str, status| wire::RuntimeCondition {
                        r#type: kind.into(),
                        status,
                        reason: "Because".into(),
                        message: "so it is".into(),
                    };
                    let config = r#"{"sandboxImage":"registry.k8s.io/pause:3.9"}"#;
                    let info = [("config".to_owned(), config.to_owned())];
                    Ok(wire::StatusResponse {
                        status: Some(wire::RuntimeStatus {
                            conditions: vec![condition("RuntimeReady", true), condition("NetworkReady", false)],
                        }),
                        info: if request.verbose { info.into() } else { HashMap::new() },
                        runtime_handlers: vec![
                            wire::RuntimeHandler::default(),
                            wire::RuntimeHandler { name: "runc".into() },
                        ],
                    })
                })
                .await
            }
            "RuntimeConfig" => {
                unary(request, move |_: wire::Empty| {
                    if old {
                        return Err(tonic::Status::unimplemented("unknown method RuntimeConfig"));
                    }
                    let linux = Some(wire::LinuxRuntimeConfiguration { cgroup_driver: 1 });
                    Ok(wire::RuntimeConfigResponse { linux })
                })
                .await
            }
            "ListContainers" => unary(request, |request| Ok(containers(request))).await,
            "ContainerStatus" => {
                unary(request, |request: wire::ContainerStatusRequest| {
                    if request.container_id != "a" {
                        return Err(tonic::Status::not_found("no such container"));
                    }
                    Ok(wire::ContainerStatusResponse {
                        status: Some(wire::ContainerStatus {
                            id: "a".into(),
                            state: 2,
                            exit_code: 137,
                            reason: "OOMKilled".into(),
                            log_path: "/var/log/pods/x/etcd/0.log".into(),
                            ..Default::default()
                        }),
                        info: HashMap::new(),
                    })
                })
                .await
            }
            "ListPodSandbox" => {
                unary(request, |_: wire::ListPodSandboxRequest| {
                    let metadata = wire::PodSandboxMetadata {
                        name: "etcd-node".into(),
                        namespace: "kube-system".into(),
                        ..Default::default()
                    };
                    let item = wire::PodSandbox { id: "box".into(), metadata: Some(metadata), ..Default::default() };
                    Ok(wire::ListPodSandboxResponse { items: vec![wire::PodSandbox { state: 1, ..item }] })
                })
                .await
            }
            "StopContainer" => {
                unary(request, |request: wire::StopContainerRequest| {
                    assert_eq!((request.container_id.as_str(), request.timeout), ("b", 30));
                    Ok(wire::Empty {})
                })
                .await
            }
            "StopPodSandbox" | "RemovePodSandbox" => {
                unary(request, |request: wire::StopPodSandboxRequest| {
                    assert_eq!(request.pod_sandbox_id, "box");
                    Ok(wire::Empty {})
                })
                .await
            }
            "ImageStatus" => {
                unary(request, |request: wire::ImageStatusRequest| {
                    let reference = request.image.unwrap_or_default().image;
                    let image = wire::Image { id: "sha256:1".into(), size: 7, ..Default::default() };
                    Ok(wire::ImageStatusResponse { image: reference.contains("pause").then_some(image) })
                })
                .await
            }
            "ListImages" => {
                unary(request, |_: wire::ListImagesRequest| {
                    let image =
                        wire::Image { repo_tags: vec!["registry.k8s.io/pause:3.9".into()], ..Default::default() };
                    Ok(wire::ListImagesResponse { images: vec![image] })
                })
                .await
            }
            "PullImage" => {
                // Longer than the timeout of other calls.
                tokio::time::sleep(TIMEOUT * 2).await;
                unary(request, |request: wire::PullImageRequest| match request.image.unwrap_or_default().image {
                    image if image.contains("missing") => Err(tonic::Status::not_found(format!("{image}: not found"))),
                    _ => Ok(wire::PullImageResponse { image_ref: "sha256:1".into() }),
                })
                .await
            }
            _ => tonic::Status::unimplemented("unknown method").into_http(),
        }
    }
}

impl<const IMAGES: bool> tower::Service<::http::Request<Body>> for Fake<IMAGES> {
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

const TIMEOUT: Duration = Duration::from_millis(500);
const SOCKET: &str = "unix:///run/runtime.sock";

struct Bench {
    root: tempfile::TempDir,
    runtime: tokio::runtime::Runtime,
    seen: Arc<Mutex<Vec<String>>>,
}

impl Bench {
    fn new() -> Self {
        let root = tempfile::tempdir().expect("a root");
        std::fs::create_dir(root.path().join("run")).expect("a directory");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        Self { root, runtime: runtime.expect("a runtime"), seen: Arc::default() }
    }

    fn socket(&self) -> PathBuf {
        self.root.path().join("run/runtime.sock")
    }

    fn serve(self, old: bool, cri: bool) -> Self {
        let _inside = self.runtime.enter();
        let listener = tokio::net::UnixListener::bind(self.socket()).expect("bound");
        let incoming = tokio_stream::wrappers::UnixListenerStream::new(listener);
        let images = Fake::<true> { seen: self.seen.clone(), old };
        let server = tonic::transport::Server::builder().add_service(images);
        let server = if cri { server.add_service(Fake::<false> { seen: self.seen.clone(), old }) } else { server };
        self.runtime.spawn(server.serve_with_incoming(incoming));
        self
    }

    fn run<T>(&self, work: impl AsyncFnOnce(Cri) -> T) -> T {
        let node = Node::at(self.root.path());
        self.runtime.block_on(async { work(node.cri(SOCKET, TIMEOUT).await.expect("it listens")).await })
    }

    fn connect(&self) -> CriError {
        let node = Node::at(self.root.path());
        self.runtime.block_on(node.cri(SOCKET, TIMEOUT)).expect_err("nothing to connect to")
    }
}

#[test]
fn versions_and_status() {
    Bench::new().serve(false, true).run(async |cri| {
        let version = cri.version().await.expect("an answer");
        assert_eq!((&*version.name, &*version.version, &*version.api), ("fake", "1.2.3", "v1"));
        let status = cri.status(true).await.expect("an answer");
        assert!(status.runtime_ready);
        assert_eq!(status.sandbox_image.as_deref(), Some("registry.k8s.io/pause:3.9"));
        assert_eq!(status.handlers, ["runc"], "the default without a name is left out");
        assert_eq!((status.conditions.len(), status.conditions[1].status), (2, false));
        let status = cri.status(false).await.expect("an answer");
        assert_eq!((status.runtime_ready, status.config), (true, None));
        let config = cri.runtime_config().await.expect("an answer").expect("implemented");
        assert_eq!(config.cgroup_driver, Some(CgroupDriver::Cgroupfs));
    });
}

#[test]
fn containers_and_sandboxes() {
    let bench = Bench::new().serve(false, true);
    bench.run(async |cri| {
        let all = cri.list_containers(&[]).await.expect("an answer");
        assert_eq!(all.len(), 3);
        let etcd = cri.list_containers(&[(CONTAINER_NAME_LABEL, "etcd")]).await.expect("an answer");
        let states: Vec<_> = etcd.iter().map(|c| (c.id.as_str(), c.state, c.attempt)).collect();
        assert_eq!(states, [("b", ContainerState::Running, 1), ("a", ContainerState::Exited, 0)], "newest first");
        assert_eq!(etcd[0].pod, Some(("etcd-node".into(), "kube-system".into())));
        let details = cri.container_status("a").await.expect("an answer");
        assert_eq!((details.exit_code, &*details.reason), (137, "OOMKilled"));
        assert_eq!(details.log_path, "/var/log/pods/x/etcd/0.log");
        let error = cri.container_status("z").await.expect_err("there is none");
        assert!(matches!(error, CriError::Runtime { not_found: true, .. }), "{error}");
        assert_eq!(error.to_string(), "the container runtime failed at ContainerStatus: no such container");
        let sandboxes = cri.list_sandboxes(&[]).await.expect("an answer");
        assert_eq!((sandboxes.len(), sandboxes[0].ready, &*sandboxes[0].name), (1, false, "etcd-node"));
        cri.stop_container("b", Duration::from_secs(30)).await.expect("stopped");
        cri.stop_sandbox("box").await.expect("stopped");
        cri.remove_sandbox("box").await.expect("removed");
    });
    let seen = bench.seen.lock().expect("no panic");
    assert_eq!(seen.last().map(String::as_str), Some("/runtime.v1.RuntimeService/RemovePodSandbox"));
}

#[test]
fn images_are_looked_for_and_pulled_without_a_deadline() {
    Bench::new().serve(false, true).run(async |cri| {
        assert!(cri.image_present("registry.k8s.io/pause:3.10").await.expect("an answer"));
        assert!(!cri.image_present("registry.k8s.io/etcd:3.6").await.expect("an answer"));
        assert_eq!(cri.list_images().await.expect("an answer")[0].tags, ["registry.k8s.io/pause:3.9"]);
        assert_eq!(cri.pull("registry.k8s.io/etcd:3.6").await.expect("slow, but pulled"), "sha256:1");
        let error = cri.pull("registry.k8s.io/missing:1").await.expect_err("there is none");
        assert!(error.to_string().ends_with("PullImage: registry.k8s.io/missing:1: not found"), "{error}");
    });
}

#[test]
fn a_dry_run_pulls_and_removes_nothing() {
    let bench = Bench::new().serve(false, true);
    let scratch = tempfile::tempdir().expect("a scratch");
    let node = Node::dry_run_of(bench.root.path(), scratch.path());
    bench.runtime.block_on(async {
        let cri = node.cri(SOCKET, TIMEOUT).await.expect("it listens");
        cri.pull("registry.k8s.io/etcd:3.6").await.expect("as if");
        cri.remove_sandbox("box").await.expect("as if");
        assert!(cri.image_present("registry.k8s.io/pause:3.10").await.expect("looking is allowed"));
    });
    assert_eq!(*bench.seen.lock().expect("no panic"), ["/runtime.v1.ImageService/ImageStatus"]);
    let changes: Vec<_> = node.changes().into_iter().map(|change| change.path).collect();
    assert_eq!(changes, ["would pull registry.k8s.io/etcd:3.6", "would remove pod sandbox box"]);
}

#[test]
fn an_old_runtime_has_no_runtime_config() {
    Bench::new().serve(true, true).run(async |cri| {
        assert_eq!(cri.runtime_config().await.expect("that is an answer too"), None);
    });
}

#[test]
fn a_server_without_the_api_is_told_apart() {
    Bench::new().serve(false, false).run(async |cri| {
        let error = cri.status(false).await.expect_err("no such service");
        assert!(matches!(error, CriError::Unimplemented { call: "Status", .. }), "{error:?}");
        assert!(error.hint().expect("advice").contains("disabled_plugins"));
    });
}

#[test]
fn no_socket_no_server_no_permission() {
    let bench = Bench::new();
    let error = bench.connect();
    assert!(matches!(error, CriError::NoSocket { .. }), "{error:?}");
    assert_eq!(error.to_string(), "cannot find the CRI socket unix:///run/runtime.sock");
    // A listener that is gone leaves its socket behind.
    drop(std::os::unix::net::UnixListener::bind(bench.socket()).expect("bound"));
    let error = bench.connect();
    assert!(matches!(error, CriError::Refused { .. }), "{error:?}");
    let denied = CriError::connect(SOCKET, std::io::ErrorKind::PermissionDenied.into());
    assert!(matches!(denied, CriError::Permission { .. }) && denied.hint().as_deref() == Some("run as root"));
    let error = bench.runtime.block_on(Cri::connect("tcp://localhost:2375", TIMEOUT)).expect_err("no unix socket");
    assert!(matches!(error, CriError::Endpoint { .. }), "{error:?}");
}

#[test]
fn a_server_that_says_nothing_runs_into_the_deadline() {
    let bench = Bench::new();
    let _silent = std::os::unix::net::UnixListener::bind(bench.socket()).expect("bound");
    bench.run(async |cri| {
        let error = cri.status(false).await.expect_err("it never answers");
        assert!(matches!(error, CriError::Deadline { call: "Status", .. }), "{error:?}");
        assert_eq!(error.to_string(), "unix:///run/runtime.sock has not answered Status after 0.5 s");
    });
}

#[test]
fn a_server_that_speaks_something_else_is_no_cri() {
    use std::io::{Read, Write};

    let bench = Bench::new();
    let listener = std::os::unix::net::UnixListener::bind(bench.socket()).expect("bound");
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            std::thread::spawn(move || {
                let answer = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n";
                // Reads on until the client hangs up, which is what it should do; it may have done so already.
                let _ = stream.write_all(answer).and_then(|()| stream.read_to_end(&mut Vec::new()));
            });
        }
    });
    let told_apart = (0..5).any(|_| {
        let error = bench.run(async |cri| cri.status(false).await.expect_err("that is HTTP/1"));
        // Rarely the client misses that the connection is broken, and then the deadline is what ends the call.
        assert!(matches!(error, CriError::NotCri { .. } | CriError::Deadline { .. }), "{error:?}");
        matches!(error, CriError::NotCri { .. })
    });
    assert!(told_apart);
}
