//! The pretended kubelet: reads its configuration and the static pods' manifests, starts the API server with the
//! certificates of the tree, registers its node, gets certificates for itself and says that the pods run. Where the real
//! one would refuse to start, this one does, and says the same in its log.

mod bootstrap;
mod child;
mod components;
mod config;
mod identity;
mod objects;
mod plane;
mod real;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use kubephase_node::Node;
use serde_json::Value;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;

use super::command::CommandLine;
use super::health::{self, Health};
use super::programs::Order;
use super::{Machine, digest, state};
use crate::front::Front;

pub use plane::{Embedded, Plane, PlaneError, Started};
pub use real::{Programs, Real};

use components::Answering;
use config::Settings;

/// What has ended is started again after this long.
const BACK_OFF: Duration = Duration::from_secs(2);
/// How often it looks for manifests that changed.
const LOOK: Duration = Duration::from_millis(250);

/// A kubelet that can be started and stopped. Clones are the same one.
#[derive(Clone)]
pub struct Kubelet(Arc<Inner>);

struct Inner {
    machine: Machine,
    front: Front,
    plane: Arc<dyn Plane>,
    handle: Handle,
    task: Mutex<Option<JoinHandle<()>>>,
    /// What runs, by the name of the manifest's file. It goes on when the kubelet is stopped, as real containers do.
    pods: tokio::sync::Mutex<BTreeMap<String, Running>>,
}

/// A static pod that was started.
struct Running {
    hash: String,
    pod: Value,
    started: SystemTime,
    /// Why it does not run.
    failure: Option<String>,
    /// What answers in its place.
    _answering: Answering,
}

impl Kubelet {
    /// One that is not started yet. `plane` starts API servers; tasks run on `handle`.
    pub fn new(machine: Machine, front: Front, plane: Arc<dyn Plane>, handle: Handle) -> Self {
        let (task, pods) = (Mutex::default(), tokio::sync::Mutex::default());
        Self(Arc::new(Inner { machine, front, plane, handle, task, pods }))
    }

    /// Does what `systemctl` orders.
    pub fn order(&self, order: Order) {
        let mut task = self.0.task.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(old) = task.take() {
            old.abort();
        }
        let state = self.0.machine.state();
        match order {
            Order::Stop => state.lock().kubelet = state::Kubelet::Stopped,
            Order::Start => {
                state.lock().kubelet = state::Kubelet::Running;
                let kubelet = self.0.clone();
                *task = Some(self.0.handle.spawn(async move {
                    if let Err(why) = kubelet.run().await {
                        kubelet.log(&format!("run.go:72] \"command failed\" err={why:?}"));
                        kubelet.machine.state().lock().kubelet = state::Kubelet::Failed;
                    }
                }));
            }
        }
    }
}

impl Inner {
    /// Until it is stopped; it returns only why it cannot go on.
    async fn run(&self) -> Result<(), String> {
        let settings = Settings::read(&self.machine)?;
        let _health = self.answer_health(&settings).await.map_err(|error| format!("failed to run Kubelet: {error}"))?;
        let mut registered = None;
        loop {
            let changed = self.follow_manifests(&settings).await;
            if bootstrap::is_wanted(&self.machine, &settings) {
                if let Err(why) = self.bootstrap(&settings).await {
                    self.log(&format!(
                        "certificate_manager.go:562] \"Failed while requesting a signed certificate\" err={why:?}"
                    ));
                }
            } else if let Some(cluster) = self.plane.cluster(&self.machine) {
                if registered.is_none() {
                    match identity::keep(&self.machine, &settings, cluster.as_ref(), self.now()).await {
                        Ok(()) => {}
                        Err(why) => {
                            self.log(&format!("kubelet.go:900] \"Unable to keep client certificates\" err={why:?}"))
                        }
                    }
                    match objects::register(&self.machine, &settings, cluster.as_ref(), self.now()).await {
                        Ok(uid) => {
                            self.log(&format!(
                                "kubelet_node_status.go:78] \"Successfully registered node\" node={:?}",
                                settings.name
                            ));
                            registered = Some(uid);
                        }
                        Err(why) => self.log(&format!(
                            "kubelet_node_status.go:107] \"Unable to register node with API server\" err={why:?}"
                        )),
                    }
                }
                if let Some(uid) = &registered {
                    let pods = self.pods.lock().await;
                    for (name, running) in pods.iter().filter(|_| changed || !self.plane.is_told()) {
                        let told = objects::mirror(
                            &settings,
                            uid,
                            cluster.as_ref(),
                            &running.pod,
                            &running.hash,
                            running.failure.as_deref(),
                            running.started,
                        )
                        .await;
                        if let Err(why) = told {
                            self.log(&format!(
                                "kubelet.go:3200] \"Failed creating a mirror pod\" pod={name:?} err={why:?}"
                            ));
                        }
                    }
                    self.plane.told();
                    identity::renew(&self.machine, &settings, cluster.as_ref(), self.now()).await;
                }
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Gets a certificate. Static pods come and go meanwhile: one of them may be the API server that is asked.
    async fn bootstrap(&self, settings: &Settings) -> Result<(), String> {
        let node = self.node();
        let mut asking = std::pin::pin!(bootstrap::run(&self.machine, settings, &node, self.now()));
        loop {
            tokio::select! {
                result = &mut asking => return result,
                () = tokio::time::sleep(LOOK) => drop(self.follow_manifests(settings).await),
            }
        }
    }

    /// The machine, as a program on it sees the network.
    fn node(&self) -> Node {
        let stage = self.machine.stage(self.front.url(), Arc::new(|_| {}));
        Node::rehearsed(self.machine.root(), self.machine.ambient(), stage)
    }

    fn now(&self) -> SystemTime {
        SystemTime::now()
    }

    fn log(&self, line: &str) {
        self.machine.state().log(format!("{} kubelet[1]: E {line}", crate::clock::stamp(self.now())));
    }

    async fn answer_health(&self, settings: &Settings) -> io::Result<Option<Health>> {
        let Some(place) = &settings.healthz else { return Ok(None) };
        let health = health::serve(None).await?;
        self.front.route(place, health.address);
        Ok(Some(health))
    }

    /// Starts what is new or changed, stops what is gone. True if there was anything to do.
    async fn follow_manifests(&self, settings: &Settings) -> bool {
        let found = self.manifests(settings);
        let mut pods = self.pods.lock().await;
        let gone: Vec<String> = pods.keys().filter(|file| !found.contains_key(*file)).cloned().collect();
        let mut changed = !gone.is_empty();
        for file in gone {
            if let Some(running) = pods.remove(&file) {
                self.stop(&running.pod);
            }
        }
        // etcd before what needs it, whatever the files are called.
        let mut files: Vec<_> = found.into_iter().collect();
        files.sort_by_key(|(file, (_, pod))| (components::order(pod), file.clone()));
        for (file, (hash, pod)) in files {
            let as_it_was = |running: &Running| {
                let waits = self.now().duration_since(running.started).is_ok_and(|since| since < BACK_OFF);
                running.hash == hash && (running.failure.is_none() || waits)
            };
            if pods.get(&file).is_some_and(as_it_was) {
                continue;
            }
            changed = true;
            if let Some(old) = pods.remove(&file) {
                self.stop(&old.pod);
            }
            let started = self.now();
            let is_etcd = |running: &&Running| kind(&running.pod) == components::Component::Etcd;
            let etcd_failed = pods.values().find(is_etcd).is_some_and(|etcd| etcd.failure.is_some());
            let (failure, answering) = match self.launch(settings, &pod, etcd_failed).await {
                Ok(answering) => (None, answering),
                Err(why) => (Some(why), Answering::default()),
            };
            self.note_container(settings, &pod, &hash, failure.as_deref(), started);
            self.machine
                .state()
                .lock()
                .note_ending(pod["metadata"]["name"].as_str().unwrap_or_default(), failure.as_deref());
            pods.insert(file, Running { hash, pod, started, failure, _answering: answering });
        }
        changed
    }

    /// Manifests by file name, with what tells them apart. What is no pod is told and left out.
    fn manifests(&self, settings: &Settings) -> BTreeMap<String, (String, Value)> {
        let mut found = BTreeMap::new();
        let Some(directory) = &settings.static_pods else { return found };
        let Ok(entries) = std::fs::read_dir(self.machine.place(directory)) else { return found };
        for entry in entries.flatten() {
            let Ok(name) = entry.file_name().into_string() else { continue };
            if name.starts_with('.') || !entry.path().is_file() {
                continue;
            }
            let Ok(text) = std::fs::read_to_string(entry.path()) else { continue };
            match read_pod(&text) {
                Ok(pod) => {
                    found.insert(name, (digest(&text)[..32].to_owned(), pod));
                }
                Err(why) => {
                    let path = Path::new(directory).join(&name);
                    let line = format!("file.go:187] \"Could not process manifest file\" err={why:?} path={path:?}");
                    let mut state = self.machine.state().lock();
                    // It would be told four times a second.
                    if !state.log.iter().any(|known| known.ends_with(&line)) {
                        let stamp = crate::clock::stamp(self.now());
                        state.log.push(format!("{stamp} kubelet[1]: E {line}"));
                    }
                }
            }
        }
        found
    }

    async fn launch(&self, settings: &Settings, pod: &Value, etcd_failed: bool) -> Result<Answering, String> {
        components::missing_files(&self.machine, pod)?;
        let line = CommandLine::of(pod);
        if etcd_failed && kind(pod) == components::Component::ApiServer {
            let servers = line.flag("etcd-servers").unwrap_or_default();
            return Err(format!("cannot connect to etcd at {servers}: connect: connection refused"));
        }
        components::launch(kind(pod), &line, &self.machine, &self.front, self.plane.as_ref(), settings).await
    }

    fn stop(&self, pod: &Value) {
        if kind(pod) == components::Component::ApiServer {
            self.plane.stop();
        }
        let name = pod["metadata"]["name"].as_str().unwrap_or_default();
        self.machine.state().lock().containers.retain(|container| !container.pod.starts_with(name));
    }

    /// The containers as the runtime lists them, and the log of one that has ended.
    fn note_container(&self, settings: &Settings, pod: &Value, hash: &str, failure: Option<&str>, started: SystemTime) {
        let text = |pointer: &str| pod.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
        let name = format!("{}-{}", text("/metadata/name"), settings.name);
        let namespace = match text("/metadata/namespace") {
            namespace if namespace.is_empty() => "default".to_owned(),
            namespace => namespace,
        };
        for container in pod["spec"]["containers"].as_array().into_iter().flatten() {
            let own = container["name"].as_str().unwrap_or_default();
            let container = state::Container {
                id: digest(&format!("{hash}/{own}/{started:?}")),
                sandbox: digest(hash),
                name: own.to_owned(),
                pod: name.clone(),
                namespace: namespace.clone(),
                uid: hash.to_owned(),
                image: container["image"].as_str().unwrap_or_default().to_owned(),
                started,
                failure: failure.map(str::to_owned),
            };
            if let Some(failure) = failure {
                let place = self.machine.place(super::runtime::log_path(&container));
                let mut text = String::new();
                // As the runtime writes logs: time, stream, F for a whole line.
                let _ = writeln!(text, "{} stderr F Error: {failure}", crate::clock::stamp(started));
                let written =
                    place.parent().map_or(Ok(()), std::fs::create_dir_all).and_then(|()| std::fs::write(&place, text));
                if let Err(error) = written {
                    self.log(&format!("\"Cannot write the log of a container\" err={error:?}"));
                }
            }
            self.machine.state().lock().containers.push(container);
        }
    }
}

fn kind(pod: &Value) -> components::Component {
    components::Component::of(&CommandLine::of(pod))
}

/// A manifest as the kubelet decodes it.
fn read_pod(text: &str) -> Result<Value, String> {
    let pod: Value = serde_yaml::from_str(text).map_err(|error| format!("couldn't parse as pod: {error}"))?;
    if pod["apiVersion"] != "v1" || pod["kind"] != "Pod" {
        return Err("couldn't parse as pod: it is no Pod of v1".to_owned());
    }
    let mut whole = pod.clone();
    crate::schema::fill_defaults(&crate::kinds::POD, &mut whole);
    match crate::schema::check(&crate::kinds::POD, &whole).first() {
        Some(problem) => Err(format!("invalid pod: {}: {}", problem.path, problem.message)),
        None => Ok(pod),
    }
}
