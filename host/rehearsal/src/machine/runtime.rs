//! The container runtime: as much of CRI v1 as the phases call, gRPC on a unix socket. It has every image that is asked
//! for after a pull, and runs nothing: the containers that it lists are those that the pretended kubelet says it
//! started.

use std::collections::HashMap;
use std::io;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use kubephase_node::cri::wire;
use kubephase_node::grpc::unary;
use tokio::net::UnixListener;
use tonic::body::Body;

use super::state::{Container, Shared};

/// It says that it is this.
const NAME: &str = "containerd";
const VERSION: &str = "v2.1.4";

/// Listens on `socket` until the runtime that this is called in ends.
pub fn serve(socket: &Path, state: Shared) -> io::Result<()> {
    if let Some(parent) = socket.parent() {
        std::fs::create_dir_all(parent)?;
    }
    let listener = UnixListener::bind(socket)?;
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let state = state.clone();
            let service = service_fn(move |request| answer(request, state.clone()));
            let connection = http2::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), service);
            // A caller that goes away has what it wanted.
            tokio::spawn(async { drop(connection.await) });
        }
    });
    Ok(())
}

type Request = http::Request<hyper::body::Incoming>;

async fn answer(request: Request, state: Shared) -> Result<http::Response<Body>, std::convert::Infallible> {
    let call = request.uri().path().rsplit('/').next().unwrap_or_default().to_owned();
    Ok(match call.as_str() {
        "Version" => unary(request, |_: wire::VersionRequest| Ok(version())).await,
        "Status" => unary(request, move |request| Ok(status(&request, &state))).await,
        "RuntimeConfig" => unary(request, |_: wire::Empty| Ok(config())).await,
        "ImageStatus" => unary(request, move |request| Ok(image_status(request, &state))).await,
        "ListImages" => unary(request, move |_: wire::ListImagesRequest| Ok(images(&state))).await,
        "PullImage" => unary(request, move |request| pull(request, &state)).await,
        "ListContainers" => unary(request, move |request| Ok(containers(request, &state))).await,
        "ContainerStatus" => unary(request, move |request| container(&request, &state)).await,
        "ListPodSandbox" => unary(request, move |request| Ok(sandboxes(request, &state))).await,
        "StopPodSandbox" => unary(request, move |request| Ok(stop(&request, &state))).await,
        "RemovePodSandbox" => unary(request, move |request| Ok(remove(&request, &state))).await,
        _ => {
            unary(request, |_: wire::Empty| Err::<wire::Empty, _>(tonic::Status::unimplemented("not pretended"))).await
        }
    })
}

fn version() -> wire::VersionResponse {
    wire::VersionResponse {
        version: "0.1.0".into(),
        runtime_name: NAME.into(),
        runtime_version: VERSION.into(),
        runtime_api_version: "v1".into(),
    }
}

fn status(request: &wire::StatusRequest, state: &Shared) -> wire::StatusResponse {
    let condition = |kind: &str| wire::RuntimeCondition { r#type: kind.into(), status: true, ..Default::default() };
    let config = format!("{{\"sandboxImage\":{}}}", serde_json::json!(state.lock().sandbox_image));
    let info = if request.verbose { HashMap::from([("config".to_owned(), config)]) } else { HashMap::new() };
    let conditions = vec![condition("RuntimeReady"), condition("NetworkReady")];
    let runtime_handlers = vec![wire::RuntimeHandler { name: "runc".into() }];
    wire::StatusResponse { status: Some(wire::RuntimeStatus { conditions }), info, runtime_handlers }
}

/// systemd keeps the control groups.
fn config() -> wire::RuntimeConfigResponse {
    wire::RuntimeConfigResponse { linux: Some(wire::LinuxRuntimeConfiguration { cgroup_driver: 0 }) }
}

fn name(image: Option<wire::ImageSpec>) -> String {
    image.unwrap_or_default().image
}

fn image(reference: &str) -> wire::Image {
    let id = format!("sha256:{}", digest(reference));
    wire::Image { id, repo_tags: vec![reference.to_owned()], repo_digests: Vec::new(), size: 32 << 20 }
}

fn image_status(request: wire::ImageStatusRequest, state: &Shared) -> wire::ImageStatusResponse {
    let wanted = name(request.image);
    wire::ImageStatusResponse { image: state.lock().images.contains(&wanted).then(|| image(&wanted)) }
}

fn images(state: &Shared) -> wire::ListImagesResponse {
    wire::ListImagesResponse { images: state.lock().images.iter().map(|reference| image(reference)).collect() }
}

fn pull(request: wire::PullImageRequest, state: &Shared) -> Result<wire::PullImageResponse, tonic::Status> {
    let wanted = name(request.image);
    if wanted.is_empty() {
        return Err(tonic::Status::invalid_argument("no image is named"));
    }
    let image_ref = image(&wanted).id;
    state.lock().images.insert(wanted);
    Ok(wire::PullImageResponse { image_ref })
}

fn fits(container: &Container, labels: &HashMap<String, String>) -> bool {
    let own = container.labels();
    labels.iter().all(|(name, value)| own.get(name) == Some(value))
}

/// 1 is running, 2 has ended.
fn state_of(container: &Container) -> i32 {
    if container.failure.is_some() { 2 } else { 1 }
}

fn containers(request: wire::ListContainersRequest, state: &Shared) -> wire::ListContainersResponse {
    let filter = request.filter.unwrap_or_default();
    let state = state.lock();
    let wanted = state.containers.iter().filter(|container| {
        (filter.id.is_empty() || filter.id == container.id)
            && (filter.pod_sandbox_id.is_empty() || filter.pod_sandbox_id == container.sandbox)
            && filter.state.as_ref().is_none_or(|wanted| wanted.state == state_of(container))
            && fits(container, &filter.label_selector)
    });
    let containers = wanted.map(|container| wire::Container {
        id: container.id.clone(),
        pod_sandbox_id: container.sandbox.clone(),
        metadata: Some(wire::ContainerMetadata { name: container.name.clone(), attempt: 0 }),
        image: Some(wire::ImageSpec { image: container.image.clone() }),
        state: state_of(container),
        created_at: nanoseconds(container.started),
        labels: container.labels(),
    });
    wire::ListContainersResponse { containers: containers.collect() }
}

fn container(
    request: &wire::ContainerStatusRequest,
    state: &Shared,
) -> Result<wire::ContainerStatusResponse, tonic::Status> {
    let state = state.lock();
    let found = state.containers.iter().find(|container| container.id == request.container_id);
    let container = found.ok_or_else(|| tonic::Status::not_found("no such container"))?;
    let started_at = nanoseconds(container.started);
    let failure = container.failure.clone();
    let status = wire::ContainerStatus {
        id: container.id.clone(),
        metadata: Some(wire::ContainerMetadata { name: container.name.clone(), attempt: 0 }),
        state: state_of(container),
        created_at: started_at,
        started_at,
        finished_at: if failure.is_some() { started_at } else { 0 },
        exit_code: i32::from(failure.is_some()),
        image: Some(wire::ImageSpec { image: container.image.clone() }),
        reason: if failure.is_some() { "Error".into() } else { String::new() },
        message: failure.unwrap_or_default(),
        labels: container.labels(),
        log_path: log_path(container),
    };
    Ok(wire::ContainerStatusResponse { status: Some(status), info: HashMap::new() })
}

/// Where the kubelet has a container's output written.
pub fn log_path(container: &Container) -> String {
    let Container { namespace, pod, uid, name, .. } = container;
    format!("/var/log/pods/{namespace}_{pod}_{uid}/{name}/0.log")
}

fn sandboxes(request: wire::ListPodSandboxRequest, state: &Shared) -> wire::ListPodSandboxResponse {
    let filter = request.filter.unwrap_or_default();
    let state = state.lock();
    let mut items: Vec<wire::PodSandbox> = Vec::new();
    for container in state.containers.iter().filter(|container| fits(container, &filter.label_selector)) {
        if items.iter().any(|known| known.id == container.sandbox)
            || !filter.id.is_empty() && filter.id != container.sandbox
        {
            continue;
        }
        let metadata = wire::PodSandboxMetadata {
            name: container.pod.clone(),
            uid: container.uid.clone(),
            namespace: container.namespace.clone(),
            attempt: 0,
        };
        items.push(wire::PodSandbox {
            id: container.sandbox.clone(),
            metadata: Some(metadata),
            state: 0,
            created_at: nanoseconds(container.started),
            labels: container.labels(),
        });
    }
    wire::ListPodSandboxResponse { items }
}

fn stop(request: &wire::StopPodSandboxRequest, state: &Shared) -> wire::Empty {
    for container in &mut state.lock().containers {
        if container.sandbox == request.pod_sandbox_id {
            container.failure.get_or_insert_with(|| "stopped".to_owned());
        }
    }
    wire::Empty {}
}

fn remove(request: &wire::StopPodSandboxRequest, state: &Shared) -> wire::Empty {
    state.lock().containers.retain(|container| container.sandbox != request.pod_sandbox_id);
    wire::Empty {}
}

fn nanoseconds(time: SystemTime) -> i64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)
}

/// 64 hex digits that stand for a text.
pub fn digest(text: &str) -> String {
    let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, text.as_bytes());
    hash.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}
