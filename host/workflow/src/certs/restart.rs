//! Restarting the static pods that read what was renewed, one after the other, each healthy before the next. The container
//! is stopped and the kubelet starts it again: unlike moving manifests away and back, nothing that a killed run could
//! leave behind keeps a component down.

use std::time::Duration;

use kubephase_engine::{Event, Level, Sink};
use kubephase_model::{Cluster, layout};
use kubephase_node::cri::{CONTAINER_NAME_LABEL, ContainerState, POD_NAME_LABEL, POD_NAMESPACE_LABEL};
use kubephase_node::http::{Options, Tls};
use kubephase_node::{Change, Cri, CriError, Node};
use kubephase_render::static_pod::manifest_path;
use serde_json::Value;

use super::renew::{Outcome, Renewal};
use super::{CertsError, Settings};
use crate::diagnose::{COMPONENTS, Scene, diagnose, gather};
use crate::error::{LastAnswers, PhaseError};
use crate::{kubelet, wait};

/// What a component gets to end by itself: the kubelet's default for pods.
const GRACE: Duration = Duration::from_secs(30);
/// For each other question to the runtime.
const TIMEOUT: Duration = Duration::from_secs(10);
/// How often to look whether the kubelet has started a new container.
const INTERVAL: Duration = Duration::from_millis(300);
/// For the kubelet to say that it is healthy.
const KUBELET: Duration = Duration::from_secs(5);

/// The static pods that read what was renewed, in the order in which they depend on each other.
pub fn readers(renewals: &[Renewal]) -> Vec<&'static str> {
    let renewed = renewals.iter().filter(|renewal| matches!(renewal.outcome, Outcome::Renewed { .. }));
    let read: Vec<&str> = renewed.flat_map(|renewal| renewal.what.readers()).copied().collect();
    COMPONENTS.into_iter().filter(|component| read.contains(component)).collect()
}

/// Restarting ended too early.
#[derive(Debug)]
pub struct Unfinished {
    /// Why.
    pub error: CertsError,
    /// What is left to be restarted, in order.
    pub left: Vec<&'static str>,
}

/// Restarts these static pods of this node, one after the other. One that is not there is left out.
pub async fn restart(
    node: &Node,
    settings: &Settings,
    components: &[&'static str],
    sink: &Sink<Change>,
) -> Result<(), Unfinished> {
    for (done, component) in components.iter().enumerate() {
        let restarted = restart_one(node, settings, component, sink).await;
        restarted.map_err(|error| Unfinished { error, left: components[done..].to_vec() })?;
    }
    Ok(())
}

async fn restart_one(
    node: &Node,
    settings: &Settings,
    component: &'static str,
    sink: &Sink<Change>,
) -> Result<(), CertsError> {
    let cluster = as_running(node, &settings.cluster)?;
    let scene = Scene { cri_socket: socket(node, &cluster)?, ..Scene::of(&cluster, Some(node.now())) };
    let Some(pod) = pod(node, component)? else {
        let message = format!("{component} does not run on this node: there is no {}", manifest_path(component));
        sink(Event::Notice { path: "restart".into(), level: Level::Info, message });
        return Ok(());
    };
    let name = pod_name(&pod, component, &node_name(node, &cluster));
    let limit = cluster.deadlines().control_plane_components;
    Restart { node, component, name, scene: &scene, limit }.run(&pod, sink).await
}

fn tell(sink: &Sink<Change>, component: &str, message: String) {
    sink(Event::Progress { path: "restart".into(), item: component.to_owned(), message });
}

struct Restart<'a> {
    node: &'a Node,
    component: &'static str,
    /// The pod's: other pods may have a container of the same name.
    name: String,
    scene: &'a Scene,
    /// For the new container to run, and again for it to become healthy.
    limit: Duration,
}

impl Restart<'_> {
    async fn run(&self, pod: &Value, sink: &Sink<Change>) -> Result<(), CertsError> {
        self.kubelet().await?;
        let cri = self.node.cri(&self.scene.cri_socket, TIMEOUT).await.map_err(|error| self.runtime(error))?;
        let old = self.running(&cri).await?;
        tell(sink, self.component, format!("waiting for it to end, at most {} s", GRACE.as_secs()));
        for id in &old {
            cri.stop_container(id, GRACE).await.map_err(|error| self.runtime(error))?;
        }
        tell(sink, self.component, "waiting for the kubelet to start it again".into());
        self.started(&cri, &old).await?;
        let Some(url) = health_url(pod) else {
            tell(sink, self.component, "healthy as far as can be told: its manifest has no probe".into());
            return Ok(());
        };
        tell(sink, self.component, format!("waiting for {url}, at most {} s", self.limit.as_secs()));
        let client = self.node.http(&nobody()).map_err(PhaseError::Http)?;
        match wait::until_ok(&client, &url, self.limit).await {
            Ok(took) => {
                tell(sink, self.component, format!("healthy after {:.1} s", took.as_secs_f64()));
                Ok(())
            }
            Err(last) => Err(self.unhealthy(last).await),
        }
    }

    /// Nobody else would start the container again.
    async fn kubelet(&self) -> Result<(), CertsError> {
        let Some(url) = &self.scene.kubelet_healthz else { return Ok(()) };
        let client = self.node.http(&nobody()).map_err(PhaseError::Http)?;
        let healthy = wait::until_ok(&client, url, KUBELET).await;
        healthy.map(|_| ()).map_err(|answer| CertsError::NoKubelet { component: self.component, answer })
    }

    async fn running(&self, cri: &Cri) -> Result<Vec<String>, CertsError> {
        let labels = [
            (POD_NAMESPACE_LABEL, "kube-system"),
            (POD_NAME_LABEL, &*self.name),
            (CONTAINER_NAME_LABEL, self.component),
        ];
        let containers = cri.list_containers(&labels).await.map_err(|error| self.runtime(error))?;
        let running = containers.into_iter().filter(|container| container.state == ContainerState::Running);
        Ok(running.map(|container| container.id).collect())
    }

    /// Waits until another container runs than those that were stopped.
    async fn started(&self, cri: &Cri, old: &[String]) -> Result<(), CertsError> {
        let begun = tokio::time::Instant::now();
        loop {
            if self.running(cri).await?.iter().any(|id| !old.contains(id)) {
                return Ok(());
            }
            if begun.elapsed() >= self.limit {
                let last = format!("the kubelet has not started a new container of the pod {}", self.name);
                return Err(self.unhealthy(last).await);
            }
            tokio::time::sleep(INTERVAL).await;
        }
    }

    async fn unhealthy(&self, last: String) -> CertsError {
        let diagnosis = diagnose(&gather(self.node, self.scene).await);
        CertsError::Phase(PhaseError::Unhealthy {
            what: self.component.to_owned(),
            waited_secs: self.limit.as_secs(),
            diagnosis: diagnosis.map(Box::new),
            last: LastAnswers(vec![last]),
        })
    }

    fn runtime(&self, source: CriError) -> CertsError {
        CertsError::Runtime { component: self.component, source }
    }
}

/// Asked as the kubelet asks: as nobody, believing anyone.
fn nobody() -> Options {
    Options { tls: Tls::Insecure, ..Options::default() }
}

/// The cluster with the kubelet's configuration as it is on this node.
fn as_running(node: &Node, cluster: &Cluster) -> Result<Cluster, PhaseError> {
    let written = yaml(node, layout::KUBELET_CONFIG)?;
    Ok(Cluster { kubelet: written.unwrap_or_else(|| cluster.kubelet.clone()), ..cluster.clone() })
}

/// The runtime that this node's kubelet uses: as written for it, else as configured.
fn socket(node: &Node, cluster: &Cluster) -> Result<String, PhaseError> {
    for path in [layout::KUBELET_INSTANCE_CONFIG, layout::KUBELET_CONFIG] {
        let config = yaml(node, path)?;
        let socket = config.as_ref().and_then(|config| config.get("containerRuntimeEndpoint")).and_then(Value::as_str);
        if let Some(socket) = socket.filter(|socket| !socket.is_empty()) {
            return Ok(socket.to_owned());
        }
    }
    let flags = node.read_text(layout::KUBELET_FLAGS_ENV)?.unwrap_or_default();
    let flag = flags.split(['"', ' ', '\n']).find_map(|word| word.strip_prefix("--container-runtime-endpoint="));
    Ok(flag.map_or_else(|| cluster.node().cri_socket.clone(), str::to_owned))
}

fn yaml(node: &Node, path: &str) -> Result<Option<Value>, PhaseError> {
    Ok(node.read(path)?.and_then(|text| serde_yaml::from_slice(&text).ok()))
}

fn pod(node: &Node, component: &str) -> Result<Option<Value>, PhaseError> {
    let path = manifest_path(component);
    let Some(text) = node.read(&path)? else { return Ok(None) };
    let why = "it is no YAML".to_owned();
    serde_yaml::from_slice(&text).map(Some).map_err(|_| PhaseError::Manifest { path, why })
}

/// What the kubelet calls the static pod (its `generatePodName`).
fn pod_name(pod: &Value, component: &str, node_name: &str) -> String {
    let name = pod.pointer("/metadata/name").and_then(Value::as_str).unwrap_or(component);
    format!("{name}-{}", node_name.to_lowercase())
}

/// What the kubelet calls this node, which its own certificate says. What is configured now may be something else.
fn node_name(node: &Node, cluster: &Cluster) -> String {
    kubelet::own_name(node).unwrap_or_else(|| cluster.node_name_for_kubelet().to_owned())
}

/// Where the pod's first container says whether it can be used: its readiness probe, or the one by which the kubelet
/// finds out whether it lives.
fn health_url(pod: &Value) -> Option<String> {
    let container = pod.pointer("/spec/containers/0")?;
    let get = ["readinessProbe", "livenessProbe"].iter().find_map(|probe| container.get(probe)?.get("httpGet"))?;
    let text = |field: &str| get.get(field).and_then(Value::as_str).filter(|text| !text.is_empty());
    let port = match get.get("port")? {
        Value::String(name) => {
            let ports = container.get("ports").and_then(Value::as_array)?;
            ports.iter().find(|port| port["name"] == **name)?.get("containerPort")?.as_u64()?
        }
        number => number.as_u64()?,
    };
    let scheme = text("scheme").unwrap_or("HTTP").to_lowercase();
    let host = text("host").unwrap_or("127.0.0.1");
    let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
    Some(format!("{scheme}://{host}:{port}{}", text("path").unwrap_or("/")))
}

#[cfg(test)]
mod tests;
