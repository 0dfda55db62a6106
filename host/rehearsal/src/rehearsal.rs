//! A rehearsal as a whole: the machine, its network, its kubelet and the cluster that comes up on it. It ends, and
//! leaves nothing behind, when it is dropped.

mod directory;
mod lent;

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use kubephase_model::Cluster;
use kubephase_node::Node;
use kubephase_pki::Cert;
use kubephase_render::kubeconfig::{Kubeconfig, KubeconfigError, Material};
use serde_json::{Value, json};

use crate::front::Front;
use crate::machine::backstage::Backstage;
use crate::machine::etcd::{self, Members};
use crate::machine::kubelet::{Embedded, Kubelet, Plane, Programs, Real};
use crate::machine::{Machine, MachineError, Order, Spec};
use crate::report::{Certificate, Held};
use crate::store::Witness;
use directory::Directory;
pub use lent::Lent;

/// Who has ended this often in a row will not come up.
const HOPELESS: usize = 3;
/// As many lines of a log say why.
const LAST_LINES: usize = 8;

/// A program of the control plane that does not come up, however often it is started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hopeless {
    /// `kube-apiserver`.
    pub name: String,
    /// How often it has ended.
    pub times: usize,
    /// The line of its log that says why.
    pub why: String,
    /// The last lines of its log.
    pub log: Vec<String>,
}

/// How a rehearsal is to be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Directory for the machine's tree, which then stays; a temporary one if not given.
    pub keep: Option<PathBuf>,
    /// Port on 127.0.0.1 for the API server; 0 for any.
    pub port: u16,
    /// Real programs in the place of the embedded API server.
    pub real: Option<Programs>,
}

/// A rehearsal cannot be held.
#[derive(Debug, thiserror::Error)]
pub enum RehearsalError {
    /// The directory for the tree holds something else.
    #[error("cannot lay out a machine in {}: it is not empty, and no earlier rehearsal made what is in it", .0.display())]
    Foreign(PathBuf),
    /// The directory for the tree is that of a rehearsal that is on.
    #[error("cannot lay out a machine in {}: another rehearsal uses it", .0.display())]
    InUse(PathBuf),
    /// The directory for the tree cannot be made, emptied or looked into.
    #[error("cannot use {} for the rehearsal's machine", path.display())]
    Directory {
        /// The directory.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The port for the API server is taken, or not to be had.
    #[error("cannot serve the API on port {port}")]
    Port {
        /// The port.
        port: u16,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// No thread or no socket on loopback.
    #[error("cannot start what the rehearsal pretends")]
    Start(#[source] io::Error),
    /// The machine cannot be made.
    #[error(transparent)]
    Machine(#[from] MachineError),
    /// There is no kubeconfig to serve with.
    #[error("cannot make a kubeconfig file of {path}")]
    Kubeconfig {
        /// The administrator's, on the node.
        path: String,
        /// Why.
        #[source]
        source: KubeconfigError,
    },
}

impl RehearsalError {
    /// What to do about it.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Foreign(_) => Some("name an empty directory, or one that does not exist"),
            Self::InUse(_) => Some("end that one first, or name another directory"),
            Self::Directory { .. } => Some("name a directory that you may write to"),
            Self::Port { .. } => Some("name another port by --serve-port, or none to have a free one chosen"),
            Self::Machine(error) => Some(error.hint()),
            Self::Start(_) | Self::Kubeconfig { .. } => None,
        }
    }
}

/// A rehearsal that is on.
pub struct Rehearsal {
    node: Node,
    machine: Machine,
    plane: Arc<dyn Plane>,
    kubelet: Kubelet,
    front: Front,
    etcd: Mutex<Members>,
    // Fields are dropped in this order: what uses the tree ends before the tree goes.
    backstage: Backstage,
    tree: Directory,
}

impl std::fmt::Debug for Rehearsal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Rehearsal").field("root", &self.tree.path()).finish_non_exhaustive()
    }
}

impl Rehearsal {
    /// Sets the stage: a machine on which nothing has happened yet.
    pub fn begin(options: &Options) -> Result<Self, RehearsalError> {
        if options.port != 0 {
            // Told now, not when the phases have nearly come to their end.
            let address = SocketAddr::from(([127, 0, 0, 1], options.port));
            let free = std::net::TcpListener::bind(address).map(drop);
            free.map_err(|source| RehearsalError::Port { port: options.port, source })?;
        }
        let tree = match &options.keep {
            None => Directory::temporary().map_err(RehearsalError::Start)?,
            Some(path) => Directory::kept(path)?,
        };
        let backstage = Backstage::start().map_err(RehearsalError::Start)?;
        let machine = Machine::new(tree.path(), &Spec::default(), &backstage)?;
        let front = backstage.wait(Front::start()).flatten().map_err(RehearsalError::Start)?;
        let plane: Arc<dyn Plane> = match &options.real {
            None => Arc::new(Embedded::new(options.port)),
            Some(programs) => Arc::new(Real::new(programs.clone(), front.url(), options.port)),
        };
        let handle = backstage.handle().clone();
        let kubelet = Kubelet::new(machine.clone(), front.clone(), plane.clone(), handle);
        let ordered = kubelet.clone();
        let stage = machine.stage(front.url(), Arc::new(move |order| ordered.order(order)));
        let node = Node::rehearsed(machine.root(), machine.ambient(), stage);
        Ok(Self { node, machine, plane, kubelet, front, etcd: Mutex::default(), backstage, tree })
    }

    /// Another machine beside this one, on which nothing has happened yet. It reaches this one's API server at the same
    /// place; only the embedded one has room for neighbours.
    pub fn neighbour(&self, hostname: &str, address: IpAddr) -> Result<Self, RehearsalError> {
        self.neighbour_like(&Spec { hostname: hostname.to_owned(), addresses: vec![address] }, None)
    }

    /// The same, as `spec` says, in a directory that stays if one is given.
    pub fn neighbour_like(&self, spec: &Spec, keep: Option<&Path>) -> Result<Self, RehearsalError> {
        let none = || RehearsalError::Start(io::Error::other("real programs serve one machine only"));
        let tree = match keep {
            None => Directory::temporary().map_err(RehearsalError::Start)?,
            Some(path) => Directory::kept(path)?,
        };
        let backstage = self.backstage.clone();
        let machine = Machine::new(tree.path(), spec, &backstage)?;
        let front = self.front.clone();
        let front = backstage.wait(async move { front.beside().await }).flatten().map_err(RehearsalError::Start)?;
        let plane = Arc::clone(&self.plane).beside().ok_or_else(none)?;
        let kubelet = Kubelet::new(machine.clone(), front.clone(), plane.clone(), backstage.handle().clone());
        let ordered = kubelet.clone();
        let stage = machine.stage(front.url(), Arc::new(move |order| ordered.order(order)));
        let node = Node::rehearsed(machine.root(), machine.ambient(), stage);
        Ok(Self { node, machine, plane, kubelet, front, etcd: Mutex::default(), backstage, tree })
    }

    /// Lets somebody look on when clients change the cluster of this machine, or nobody any more.
    pub fn set_witness(&self, witness: Option<Witness>) {
        self.plane.set_witness(witness);
    }

    /// The machine, as the phases see it.
    pub fn node(&self) -> &Node {
        &self.node
    }

    /// Makes the machine one on which this cluster can be: patches are taken over from the real machine, an external etcd
    /// is pretended.
    pub fn fit(&self, cluster: &Cluster) -> Result<(), RehearsalError> {
        self.machine.fit(cluster, &self.backstage)?;
        if let Some(directory) = cluster.patches_directory() {
            self.machine.bring(Path::new(directory))?;
        }
        if let Some(etcd) = cluster.external_etcd() {
            let pretended = etcd::pretend(self.machine.clone(), self.front.clone(), etcd.clone());
            let members = self.backstage.wait(pretended).flatten().map_err(RehearsalError::Start)?;
            if let Some(members) = members {
                *self.etcd.lock().unwrap_or_else(PoisonError::into_inner) = members;
            }
        }
        Ok(())
    }

    /// Where the machine's `/` is.
    pub fn root(&self) -> &Path {
        self.tree.path()
    }

    /// Whether the tree stays.
    pub fn is_kept(&self) -> bool {
        self.tree.is_kept()
    }

    /// What the cluster holds, as far as there is an API server that says it.
    pub async fn objects(&self) -> Vec<Held> {
        let (plane, machine) = (self.plane.clone(), self.machine.clone());
        let asked = self.backstage.handle().spawn(async move { plane.objects(&machine).await });
        let mut held = asked.await.unwrap_or_default();
        held.sort();
        held
    }

    /// Waits until a program of the control plane has ended so often that it will not come up.
    pub async fn hopeless(&self) -> Hopeless {
        loop {
            let found = {
                let state = self.machine.state().lock();
                let mut endings = state.endings.iter();
                endings
                    .find(|(_, ending)| ending.times >= HOPELESS)
                    .map(|(name, ending)| (name.clone(), ending.clone()))
            };
            if let Some((name, ending)) = found {
                let text = std::fs::read(self.machine.place(format!("/var/log/{name}.log"))).unwrap_or_default();
                let text = String::from_utf8_lossy(&text);
                let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
                let log = lines.iter().skip(lines.len().saturating_sub(LAST_LINES)).map(|line| (*line).to_owned());
                return Hopeless { name, times: ending.times, why: ending.why, log: log.collect() };
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Certificates of the tree: those below `directory` in files `*.crt`, and those inside `kubeconfigs`. What cannot
    /// be read is left out: whoever needed it has told so.
    pub fn certificates(&self, directory: &str, kubeconfigs: &[String]) -> Vec<Certificate> {
        let mut found = Vec::new();
        self.collect(directory, &mut found);
        for path in kubeconfigs {
            let kubeconfig = self.node.read(path).ok().flatten().and_then(|bytes| Kubeconfig::parse(&bytes).ok());
            let certificate = kubeconfig.and_then(|kubeconfig| kubeconfig.client_certificate().ok().flatten());
            let pem = match certificate {
                Some(Material::Inline(pem)) => Some(pem),
                Some(Material::Path(file)) => self.node.read(&file).ok().flatten(),
                None => None,
            };
            found.extend(
                pem.and_then(|pem| Cert::from_pem(path, &pem).ok())
                    .map(|cert| Certificate { path: path.clone(), cert }),
            );
        }
        found
    }

    fn collect(&self, directory: &str, found: &mut Vec<Certificate>) {
        let mut names = self.node.list(directory).unwrap_or_default();
        names.sort();
        for name in names {
            let path = format!("{directory}/{name}");
            if self.node.is_dir(&path) {
                self.collect(&path, found);
            } else if name.ends_with(".crt") {
                let pem = self.node.read(&path).ok().flatten().unwrap_or_default();
                found.extend(Cert::from_pem(&path, &pem).ok().map(|cert| Certificate { path, cert }));
            }
        }
    }

    /// Where the API server listens, if it does.
    pub fn address(&self) -> Option<SocketAddr> {
        self.plane.address()
    }

    /// Makes a kubeconfig file in the tree's root with which kubectl reaches the API server: the administrator's
    /// (`admin`, a path of the node), at the address where the server really is.
    pub fn kubeconfig(&self, admin: &str) -> Result<Option<PathBuf>, RehearsalError> {
        use std::io::Write as _;
        use std::os::unix::fs::OpenOptionsExt as _;

        let (Some(address), Ok(Some(bytes))) = (self.address(), self.node.read(admin)) else { return Ok(None) };
        let fail = |source| RehearsalError::Kubeconfig { path: admin.to_owned(), source };
        Kubeconfig::parse(&bytes).map_err(fail)?;
        let Ok(mut value) = serde_yaml::from_slice::<Value>(&bytes) else { return Ok(None) };
        for cluster in value["clusters"].as_array_mut().into_iter().flatten() {
            cluster["cluster"]["server"] = json!(format!("https://{address}"));
            // One of the names in the server's certificate, which knows nothing of loopback.
            cluster["cluster"]["tls-server-name"] = json!("kubernetes");
        }
        let path = self.root().join("kubeconfig");
        let failed = |source| RehearsalError::Directory { path: self.root().to_owned(), source };
        let mut options = std::fs::OpenOptions::new();
        let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(&path).map_err(failed)?;
        // JSON is YAML, and keys need no order here.
        file.write_all(serde_json::to_string_pretty(&value).unwrap_or_default().as_bytes()).map_err(failed)?;
        Ok(Some(path))
    }
}

impl Drop for Rehearsal {
    fn drop(&mut self) {
        self.kubelet.order(Order::Stop);
        self.plane.end();
        if self.tree.is_kept() {
            // A socket that nobody answers says nothing to whoever looks at the tree.
            for socket in self.machine.sockets() {
                drop(std::fs::remove_file(socket));
            }
            drop(std::fs::remove_file(self.root().join("kubeconfig")));
        }
    }
}
