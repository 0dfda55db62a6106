//! What starts when the manifest of an API server is found: the embedded one, or a real one. One implementation each.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};

use kubephase_model::object;
use serde_json::Value;

use super::super::Machine;
use super::super::command::CommandLine;
use crate::auth::User;
use crate::clock::{Clock, stamp};
use crate::controllers::{self, Setup, bootstrap};
use crate::etcd::{self, Listener};
use crate::front::Front;
use crate::kinds::{KINDS, Kind};
use crate::report::Held;
use crate::server::{Server, ServerConfig};
use crate::status::Failure;
use crate::store::{Store, Witness};
use crate::write::{Body, Request};
use kubephase_pki::{Ca, Cert, PrivateKey};

/// A future that can be sent.
pub type Task<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Why an API server does not come up: its last words.
pub type PlaneError = String;

/// An API server that came up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Started {
    /// Where it listens, on loopback.
    pub address: SocketAddr,
}

/// Starts and stops control planes, and gives access to their cluster as a node.
pub trait Plane: Send + Sync {
    /// Starts etcd, which ends with what is returned, if anything is. `front` learns where it is.
    fn etcd<'a>(
        &'a self,
        machine: &'a Machine,
        line: &'a CommandLine,
        front: &'a Front,
    ) -> Task<'a, Result<Option<Listener>, PlaneError>>;

    /// Starts the API server by its command line.
    fn api_server<'a>(&'a self, machine: &'a Machine, line: &'a CommandLine) -> Task<'a, Result<Started, PlaneError>>;

    /// Starts the controllers by the controller manager's command line.
    /// Returns where they say how they are, if they do so themselves.
    fn controllers<'a>(
        &'a self,
        machine: &'a Machine,
        line: &'a CommandLine,
    ) -> Task<'a, Result<Option<SocketAddr>, PlaneError>>;

    /// Ends the API server.
    fn stop(&self);

    /// Ends everything that was started.
    fn end(&self) {
        self.stop();
    }

    /// The cluster, while an API server runs.
    fn cluster(&self, machine: &Machine) -> Option<Arc<dyn Cluster>>;

    /// Where the API server listens, while it does.
    fn address(&self) -> Option<SocketAddr>;

    /// What the cluster holds, as far as one may see it.
    fn objects<'a>(&'a self, machine: &'a Machine) -> Task<'a, Vec<Held>>;

    /// The plane of another machine of the same cluster, if there can be one.
    fn beside(self: Arc<Self>) -> Option<Arc<dyn Plane>> {
        None
    }

    /// Lets somebody look on when clients change the cluster. Nobody sees what a real one is asked.
    fn set_witness(&self, _: Option<Witness>) {}

    /// Whether the cluster began on this machine.
    fn founds(&self) -> bool {
        true
    }

    /// Whether this cluster has been told of the static pods since its API server started.
    fn is_told(&self) -> bool;

    /// It has been.
    fn told(&self);
}

/// A cluster as its kubelet reaches it.
pub trait Cluster: Send + Sync {
    /// Creates an object as `node`; one that exists is left as it is. Returns what is there then.
    fn create<'a>(&'a self, node: &'a str, object: &'a Value) -> Task<'a, Result<Value, String>>;

    /// Replaces the status of an object, as `node`.
    fn status<'a>(&'a self, node: &'a str, object: &'a Value) -> Task<'a, Result<(), String>>;

    /// Reads an object; the namespace is empty for kinds that have none.
    fn get<'a>(&'a self, kind: &'static Kind, namespace: &'a str, name: &'a str) -> Task<'a, Option<Value>>;

    /// All objects of a kind.
    fn list<'a>(&'a self, kind: &'static object::Kind) -> Task<'a, Vec<Held>>;
}

/// The embedded API server. Its objects outlive it, as etcd's do.
pub struct Embedded {
    store: Store,
    etcd: etcd::Cluster,
    /// That of the machine on which the cluster began.
    elder: Option<Arc<dyn Plane>>,
    port: u16,
    running: Mutex<Running>,
}

#[derive(Default)]
struct Running {
    server: Option<Server>,
    controllers: Option<controllers::Running>,
    told: bool,
}

impl Embedded {
    /// With nothing in it. It will listen at `port`; 0 for any.
    pub fn new(port: u16) -> Self {
        let clock = Clock::new(std::time::SystemTime::now);
        Self { store: Store::new(clock), etcd: etcd::Cluster::default(), elder: None, port, running: Mutex::default() }
    }

    fn running(&self) -> std::sync::MutexGuard<'_, Running> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn start(&self, machine: &Machine, line: &CommandLine) -> Result<Started, PlaneError> {
        let read = |flag: &str| -> Result<String, PlaneError> {
            let path = line.flag(flag).ok_or_else(|| format!("--{flag} is not set"))?;
            std::fs::read_to_string(machine.place(path)).map_err(|error| format!("open {path}: {error}"))
        };
        let cidrs = line.flag("service-cluster-ip-range").unwrap_or("10.96.0.0/12").split(',').map(str::to_owned);
        let cidrs: Vec<String> = cidrs.collect();
        let (client_ca, front_proxy) =
            (read("client-ca-file")?, read("requestheader-client-ca-file").unwrap_or_default());
        let today = stamp(self.store.clock().now());
        let made = bootstrap::objects(&bootstrap::Server {
            address: line.flag("advertise-address").and_then(|address| address.parse().ok()),
            port: line.flag("secure-port").and_then(|port| port.parse().ok()).unwrap_or(6443),
            service_cidrs: cidrs.clone(),
            client_ca: client_ca.clone(),
            front_proxy_ca: front_proxy,
            today: today.split('T').next().unwrap_or_default().to_owned(),
        });
        let server = Server::start(ServerConfig {
            certificate: read("tls-cert-file")?.into_bytes(),
            key: read("tls-private-key-file")?.into_bytes(),
            client_ca: client_ca.into_bytes(),
            service_cidrs: cidrs.clone(),
            version: format!("v{}", machine.state().lock().version),
            port: self.port,
            store: self.store.clone(),
        });
        let server = server.await.map_err(|error| chain(&error))?;
        let user = User::system("system:apiserver");
        for object in &made {
            let Some(request) = Write::of(object) else { continue };
            match request.by(&user, &cidrs).create(&self.store, object.clone().into()) {
                // Another API server of this cluster has made it: this one was started again.
                Err(_) if self.store.get(request.kind, request.namespace, request.name).is_some() => {}
                Err(failure) => {
                    return Err(format!("cannot make what a cluster begins with: {failure}"));
                }
                _ => {}
            }
        }
        let address = server.address();
        let mut running = self.running();
        running.server = Some(server);
        running.told = false;
        Ok(Started { address })
    }

    fn start_controllers(&self, machine: &Machine, line: &CommandLine) {
        let read = |flag: &str| std::fs::read_to_string(machine.place(line.flag(flag)?)).ok();
        let pair = read("cluster-signing-cert-file").zip(read("cluster-signing-key-file"));
        let signer = pair.and_then(|(cert, key)| {
            let (cert, key) =
                (Cert::from_pem("", cert.as_bytes()).ok()?, PrivateKey::from_pem("", key.as_bytes()).ok()?);
            Ca::new("the authority", cert, key).ok()
        });
        let setup = Setup {
            signer,
            root_ca: read("root-ca-file").unwrap_or_default(),
            pod_cidrs: line
                .flag("cluster-cidr")
                .into_iter()
                .flat_map(|list| list.split(','))
                .map(str::to_owned)
                .collect(),
        };
        let controllers = controllers::start(self.store.clone(), setup);
        self.running().controllers = Some(controllers);
    }
}

impl Plane for Embedded {
    fn etcd<'a>(
        &'a self,
        machine: &'a Machine,
        line: &'a CommandLine,
        front: &'a Front,
    ) -> Task<'a, Result<Option<Listener>, PlaneError>> {
        let publish = move |place: &str, address: SocketAddr| front.publish(place, address);
        Box::pin(async move { etcd::start(&self.etcd, machine, line, &publish).await.map(Some) })
    }

    fn api_server<'a>(&'a self, machine: &'a Machine, line: &'a CommandLine) -> Task<'a, Result<Started, PlaneError>> {
        Box::pin(self.start(machine, line))
    }

    fn controllers<'a>(
        &'a self,
        machine: &'a Machine,
        line: &'a CommandLine,
    ) -> Task<'a, Result<Option<SocketAddr>, PlaneError>> {
        Box::pin(async {
            self.start_controllers(machine, line);
            Ok(None)
        })
    }

    fn stop(&self) {
        if let Some(server) = self.running().server.take() {
            server.stop();
        }
    }

    fn address(&self) -> Option<SocketAddr> {
        self.running().server.as_ref().map(Server::address)
    }

    fn objects<'a>(&'a self, _: &'a Machine) -> Task<'a, Vec<Held>> {
        Box::pin(async {
            KINDS.iter().flat_map(|kind| self.store.all(kind, None)).map(|object| Held::of(&object)).collect()
        })
    }

    fn cluster(&self, _: &Machine) -> Option<Arc<dyn Cluster>> {
        let is_there = self.address().is_some() || self.elder.as_ref().is_some_and(|elder| elder.address().is_some());
        is_there.then(|| Arc::new(InStore(self.store.clone())) as Arc<dyn Cluster>)
    }

    fn beside(self: Arc<Self>) -> Option<Arc<dyn Plane>> {
        let (store, etcd) = (self.store.clone(), self.etcd.clone());
        Some(Arc::new(Self { store, etcd, elder: Some(self), port: 0, running: Mutex::default() }))
    }

    fn set_witness(&self, witness: Option<Witness>) {
        self.store.set_witness(witness);
    }

    fn founds(&self) -> bool {
        self.elder.is_none()
    }

    fn is_told(&self) -> bool {
        self.running().told
    }

    fn told(&self) {
        self.running().told = true;
    }
}

/// Where an object is written to.
struct Write<'a> {
    kind: &'static Kind,
    namespace: Option<&'a str>,
    name: &'a str,
}

impl<'a> Write<'a> {
    fn of(object: &'a Value) -> Option<Self> {
        let kind = Kind::find(object["apiVersion"].as_str()?, object["kind"].as_str()?)?;
        let text = |field: &str| object["metadata"][field].as_str();
        Some(Self { kind, namespace: text("namespace"), name: text("name").unwrap_or_default() })
    }

    fn by(&self, user: &'a User, service_cidrs: &'a [String]) -> Request<'a> {
        Request { service_cidrs, ..Request::by(user, self.kind, self.namespace, self.name) }
    }
}

/// The embedded server's cluster, without the detour over the network.
struct InStore(Store);

impl InStore {
    fn make(&self, node: &str, object: &Value) -> Result<Value, String> {
        let user = as_node(node);
        let write = Write::of(object).ok_or("it is of a kind that is not served")?;
        match write.by(&user, &[]).create(&self.0, object.clone().into()) {
            Ok(outcome) => Ok(Value::clone(&outcome.object)),
            Err(failure) if failure.code() == 409 => {
                let there = self.0.get(write.kind, write.namespace, write.name);
                there.map(|object| Value::clone(&object)).ok_or_else(|| failure.to_string())
            }
            Err(failure) => Err(failure.to_string()),
        }
    }

    fn put_status(&self, node: &str, object: &Value) -> Result<(), Failure> {
        let user = as_node(node);
        let Some(write) = Write::of(object) else { return Ok(()) };
        let mut object = object.clone();
        object["metadata"]["resourceVersion"] = Value::Null;
        write.by(&user, &[]).on("status").update(&self.0, Body::from(object)).map(drop)
    }
}

impl Cluster for InStore {
    fn create<'a>(&'a self, node: &'a str, object: &'a Value) -> Task<'a, Result<Value, String>> {
        Box::pin(async move { self.make(node, object) })
    }

    fn status<'a>(&'a self, node: &'a str, object: &'a Value) -> Task<'a, Result<(), String>> {
        Box::pin(async move { self.put_status(node, object).map_err(|failure| failure.to_string()) })
    }

    fn get<'a>(&'a self, kind: &'static Kind, namespace: &'a str, name: &'a str) -> Task<'a, Option<Value>> {
        Box::pin(async move { self.0.get(kind, Some(namespace), name).map(|object| Value::clone(&object)) })
    }

    fn list<'a>(&'a self, kind: &'static object::Kind) -> Task<'a, Vec<Held>> {
        let kind = Kind::find(kind.api_version, kind.kind);
        let found = kind.map(|kind| self.0.all(kind, None)).unwrap_or_default();
        Box::pin(async move { found.iter().map(|object| Held::of(object)).collect() })
    }
}

/// A kubelet, as RBAC sees it.
fn as_node(name: &str) -> User {
    let mut user = User::new(&format!("system:node:{name}"), ["system:nodes".to_owned()]);
    user.extra.clear();
    user
}

/// An error with its causes.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
