//! The pretended machine: a tree of files below a directory, answers for its programs, a container runtime on a socket
//! and a kubelet. It looks healthy to preflight; what goes wrong on it, goes wrong because of what was configured.

pub mod backstage;
pub mod command;
pub mod etcd;
mod facts;
mod health;
pub mod kubelet;
mod programs;
mod runtime;
pub mod state;
mod tree;

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::fmt;
use std::io;
use std::net::IpAddr;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use kubephase_model::Cluster;
use kubephase_model::images::images;
use kubephase_node::{Ambient, Command, Interface, Stage};
use serde::{Deserialize, Serialize};

pub use programs::Order;
pub use runtime::digest;
pub use state::{Kubelet, Shared};

use backstage::Backstage;

/// A path to a socket cannot be longer (`sun_path` of unix(7), with the zero at its end).
const LONGEST_SOCKET: usize = 107;
/// Directories of patches deeper than this are not looked into, as by the phases.
const DEEPEST_PATCHES: usize = 8;

/// What the machine is to be like.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spec {
    /// Its name.
    pub hostname: String,
    /// Addresses of its one network interface; the first of each family is its own.
    pub addresses: Vec<IpAddr>,
}

impl Default for Spec {
    /// Addresses that are nobody's (RFC 5737, RFC 3849).
    fn default() -> Self {
        let addresses = ["192.0.2.10", "2001:db8::10"];
        let addresses = addresses.iter().filter_map(|address| address.parse().ok()).collect();
        Self { hostname: "cp-1".into(), addresses }
    }
}

impl Spec {
    /// What is not a file of such a machine.
    pub fn ambient(&self) -> Ambient {
        let interface = |name: &str, address| Interface { name: name.into(), up: true, address };
        let own = self.addresses.iter().map(|address| interface("eth0", *address));
        Ambient {
            hostname: self.hostname.clone(),
            sysname: "Linux".into(),
            kernel_release: tree::KERNEL.into(),
            uid: 0,
            cpus: 4,
            memory: 8 << 30,
            interfaces: [interface("lo", IpAddr::from([127, 0, 0, 1]))].into_iter().chain(own).collect(),
            env: vec![("PATH".into(), tree::PATH.into()), ("HOME".into(), "/root".into())],
            now: None,
            facts: facts::facts(self),
        }
    }
}

/// The machine cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum MachineError {
    /// A file or directory of it cannot be.
    #[error("cannot lay out the rehearsal's machine in {}", root.display())]
    Tree {
        /// Its root.
        root: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A file cannot be taken over from the real machine.
    #[error("cannot take {} over to the rehearsal's machine", path.display())]
    Bring {
        /// The file or directory.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A directory to take over holds a link that leads out of it.
    #[error("cannot take {} over to the rehearsal's machine: it leads to another directory", path.display())]
    Elsewhere {
        /// The link.
        path: PathBuf,
    },
    /// The container runtime cannot listen.
    #[error("cannot listen on {}", path.display())]
    Socket {
        /// Where.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The system allows no socket there.
    #[error("cannot listen on {}: the path has {} bytes, sockets have at most {LONGEST_SOCKET}", path.display(), path.as_os_str().len())]
    LongPath {
        /// Where.
        path: PathBuf,
    },
}

impl MachineError {
    /// What to do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Tree { .. } | Self::Socket { .. } => "see that the directory can be written to and has some room",
            Self::Bring { .. } => "run it as somebody who may read that, or allow yourself to",
            Self::Elsewhere { .. } => "put the files themselves there instead of a link to their directory",
            Self::LongPath { .. } => "name a directory with a shorter path",
        }
    }
}

/// Gets what `systemctl` orders.
pub type Orders = Arc<dyn Fn(Order) + Send + Sync>;

/// A machine that is there. Its container runtime answers as long as the backstage is there.
#[derive(Clone)]
pub struct Machine {
    root: PathBuf,
    spec: Spec,
    state: Shared,
    sockets: Arc<std::sync::Mutex<BTreeSet<PathBuf>>>,
}

impl Machine {
    /// Lays one out in `root`, an empty directory, and starts its container runtime.
    pub fn new(root: &Path, spec: &Spec, backstage: &Backstage) -> Result<Self, MachineError> {
        tree::lay_out(root, spec).map_err(|source| MachineError::Tree { root: root.to_owned(), source })?;
        let machine =
            Self { root: root.to_owned(), spec: spec.clone(), state: Shared::default(), sockets: Arc::default() };
        machine.state.lock().version = kubephase_model::release::REFERENCE.newest().to_string();
        machine.listen(tree::SOCKET, backstage)?;
        Ok(machine)
    }

    /// Makes it one on which this cluster can be: the kubelet of its version, the container runtime that it names, with
    /// its sandbox image.
    pub fn fit(&self, cluster: &Cluster, backstage: &Backstage) -> Result<(), MachineError> {
        let pause = images(cluster).into_iter().find(|image| image.component == "pause");
        {
            let mut state = self.state.lock();
            state.version = cluster.version.to_string();
            state.sandbox_image = pause.map(|image| image.reference).unwrap_or_default();
            state.endpoints =
                cluster.api_endpoint_url().strip_prefix("https://").map(str::to_owned).into_iter().collect();
        }
        let socket = &cluster.node().cri_socket;
        self.listen(socket.strip_prefix("unix://").unwrap_or(socket), backstage)
    }

    /// Takes a directory of the real machine over to the same path, if it is there: patches, for example. As far down as
    /// they are read.
    pub fn bring(&self, directory: &Path) -> Result<(), MachineError> {
        if !directory.is_dir() {
            return Ok(());
        }
        let fail = |source| MachineError::Bring { path: directory.to_owned(), source };
        let whole = std::fs::canonicalize(directory).map_err(fail)?;
        self.bring_below(directory, &whole, 0)
    }

    fn bring_below(&self, directory: &Path, whole: &Path, depth: usize) -> Result<(), MachineError> {
        let fail = |path: &Path| {
            let path = path.to_owned();
            move |source| MachineError::Bring { path, source }
        };
        std::fs::create_dir_all(self.place(directory)).map_err(fail(directory))?;
        for entry in std::fs::read_dir(directory).map_err(fail(directory))? {
            let path = entry.map_err(fail(directory))?.path();
            if path.is_dir() {
                if !std::fs::canonicalize(&path).map_err(fail(&path))?.starts_with(whole) {
                    return Err(MachineError::Elsewhere { path });
                }
                // A link to a directory above would never end.
                if depth < DEEPEST_PATCHES {
                    self.bring_below(&path, whole, depth + 1)?;
                }
            } else if path.is_file() {
                std::fs::copy(&path, self.place(&path)).map_err(fail(&path))?;
            }
        }
        Ok(())
    }

    /// Where a path of it is on the real machine: always below its root, above which there is nothing.
    pub fn place(&self, path: impl AsRef<Path>) -> PathBuf {
        let mut below = PathBuf::new();
        for component in path.as_ref().components() {
            match component {
                Component::Normal(name) => below.push(name),
                Component::ParentDir => drop(below.pop()),
                Component::CurDir | Component::RootDir | Component::Prefix(_) => {}
            }
        }
        self.root.join(below)
    }

    /// Its root.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// What it was made to be.
    pub fn spec(&self) -> &Spec {
        &self.spec
    }

    /// What it is at.
    pub fn state(&self) -> &Shared {
        &self.state
    }

    /// What is not a file of it.
    pub fn ambient(&self) -> Ambient {
        self.spec.ambient()
    }

    /// What answers for its programs. `proxy` is where everything goes that it asks of the network.
    pub fn stage(&self, proxy: String, orders: Orders) -> Arc<dyn Stage> {
        Arc::new(Answers { state: self.state.clone(), proxy, orders })
    }

    /// Where its container runtimes listen, on the real machine.
    pub fn sockets(&self) -> Vec<PathBuf> {
        self.sockets.lock().unwrap_or_else(std::sync::PoisonError::into_inner).iter().cloned().collect()
    }

    fn listen(&self, socket: &str, backstage: &Backstage) -> Result<(), MachineError> {
        let path = match socket.strip_prefix("/var/run/") {
            Some(rest) => self.place("run").join(rest),
            None => self.place(socket),
        };
        if path.as_os_str().len() > LONGEST_SOCKET {
            return Err(MachineError::LongPath { path });
        }
        let mut sockets = self.sockets.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if !sockets.insert(path.clone()) {
            return Ok(());
        }
        let (state, at) = (self.state.clone(), path.clone());
        let served = backstage.wait(async move { runtime::serve(&at, state) }).flatten();
        served.map_err(|source| MachineError::Socket { path, source })
    }
}

impl fmt::Debug for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Machine").field("root", &self.root).finish_non_exhaustive()
    }
}

struct Answers {
    state: Shared,
    proxy: String,
    orders: Orders,
}

impl Stage for Answers {
    fn run<'a>(&'a self, command: &'a Command) -> kubephase_node::Answer<'a> {
        Box::pin(async move {
            let (output, order) = programs::run(command, &self.state)?;
            if let Some(order) = order {
                (self.orders)(order);
            }
            Ok(output)
        })
    }

    fn proxy(&self) -> String {
        self.proxy.clone()
    }
}

impl fmt::Debug for Answers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answers").field("proxy", &self.proxy).finish_non_exhaustive()
    }
}
