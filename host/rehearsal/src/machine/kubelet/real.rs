//! Real programs in the place of the embedded API server: etcd, kube-apiserver and, if there is one,
//! kube-controller-manager, started by the command lines of the generated manifests. Only paths, addresses and ports are
//! other ones: they lie below the machine's root and on loopback.

use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use kubephase_model::object::{self, ObjectRef};
use kubephase_node::kube::{Api, Endpoint, Select};
use kubephase_node::{Ambient, Node, Stage};
use kubephase_render::kubeconfig::{Kubeconfig, Material};
use serde_json::Value;

use super::super::Machine;
use super::super::command::CommandLine;
use super::child::Program;
use super::plane::{Cluster, Plane, PlaneError, Started, Task, chain};
use crate::etcd::Listener;
use crate::front::Front;
use crate::kinds::Kind;
use crate::report::Held;

/// A program that has not come up by then will not.
const PATIENCE: Duration = Duration::from_secs(60);
/// Time to say what the cluster holds, in all.
const ASKING: Duration = Duration::from_secs(20);
/// The program whose end is the end of the API.
const API_SERVER: &str = "kube-apiserver";

/// Where the programs are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Programs {
    etcd: PathBuf,
    api_server: PathBuf,
    controller_manager: Option<PathBuf>,
}

impl Programs {
    /// Finds them in a directory; etcd may be in `PATH` (a list of directories) instead. Says what is missing.
    pub fn find(directory: &Path, path: &str) -> Result<Self, String> {
        let own = |name: &str| Some(directory.join(name)).filter(|program| program.is_file());
        let anywhere =
            |name: &str| own(name).or_else(|| std::env::split_paths(path).map(|d| d.join(name)).find(|p| p.is_file()));
        let missing = |name: &str| format!("there is no {name} in {}", directory.display());
        Ok(Self {
            etcd: anywhere("etcd").ok_or_else(|| format!("{}, nor in PATH", missing("etcd")))?,
            api_server: own("kube-apiserver").ok_or_else(|| missing("kube-apiserver"))?,
            controller_manager: own("kube-controller-manager"),
        })
    }

    /// `v1.36.2`: what the API server says it is.
    pub fn version(&self) -> Option<String> {
        let output = Command::new(&self.api_server).arg("--version").stdin(Stdio::null()).output().ok()?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let version = text.split_whitespace().find_map(|word| word.strip_prefix('v'))?;
        // What distributions add is no part of it.
        Some(format!("v{}", version.split(['+', '-']).next()?))
    }
}

impl Programs {
    /// Whether its flags are those of before 3.6.
    fn etcd_is_before_3_6(&self) -> bool {
        let output = Command::new(&self.etcd).arg("--version").stdin(Stdio::null()).output();
        let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
        let version = text.lines().find_map(|line| line.strip_prefix("etcd Version: ")).unwrap_or_default();
        let mut numbers = version.split('.').map(|part| part.parse::<u32>().unwrap_or(0));
        matches!((numbers.next(), numbers.next()), (Some(3), Some(..6)))
    }
}

/// Distributions do not have the newest etcd: the one before knows two flags by other names.
fn experimental(flag: String) -> String {
    match flag.as_str() {
        "--feature-gates=InitialCorruptCheck=true" => "--experimental-initial-corrupt-check=true".to_owned(),
        other => other.replace("--watch-progress-notify", "--experimental-watch-progress-notify"),
    }
}

/// The programs at work.
pub struct Real {
    programs: Programs,
    /// URL of the proxy through which the machine's addresses are reached.
    proxy: String,
    port: u16,
    running: Mutex<Running>,
}

#[derive(Default)]
struct Running {
    programs: Vec<Program>,
    etcd: Option<u16>,
    api_server: Option<SocketAddr>,
    cluster: Option<Arc<ViaApi>>,
    told: bool,
}

impl Running {
    fn has_ended(&mut self, name: &str) -> bool {
        self.programs.iter_mut().find(|program| program.name() == name).is_none_or(Program::has_ended)
    }

    fn end(&mut self, name: &str) {
        self.programs.retain(|program| program.name() != name);
    }
}

impl Real {
    /// None of them is started yet. The API server will listen at `port`; 0 for any.
    pub fn new(programs: Programs, proxy: String, port: u16) -> Self {
        Self { programs, proxy, port, running: Mutex::default() }
    }

    fn running(&self) -> MutexGuard<'_, Running> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts a program and waits until it listens on `port`.
    async fn start(
        &self,
        machine: &Machine,
        program: &Path,
        args: Vec<String>,
        port: u16,
    ) -> Result<SocketAddr, PlaneError> {
        let name = program.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let log = machine.place("/var/log").join(format!("{name}.log"));
        let open = || {
            std::fs::create_dir_all(machine.place("/var/log"))?;
            File::options().create(true).append(true).open(&log)
        };
        let (out, err) = open().and_then(|file| Ok((file.try_clone()?, file))).map_err(|error| error.to_string())?;
        let mut command = Command::new(program);
        command.args(args).env("HTTPS_PROXY", &self.proxy).env_remove("NO_PROXY").env_remove("no_proxy");
        self.running().end(&name);
        let started = Program::start(&name, command.stdout(out).stderr(err));
        let started = started.map_err(|error| format!("cannot start {}: {error}", program.display()))?;
        // Before anything is waited for: whoever ends the rehearsal meanwhile ends this as well.
        self.running().programs.push(started);
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let begun = Instant::now();
        let result = loop {
            if self.running().has_ended(&name) {
                break Err(last_words(&log).unwrap_or_else(|| format!("{name} has ended")));
            }
            if tokio::net::TcpStream::connect(address).await.is_ok() {
                break Ok(address);
            }
            if begun.elapsed() > PATIENCE {
                break Err(format!("{name} does not listen after {} s", PATIENCE.as_secs()));
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        };
        if result.is_err() {
            self.running().end(&name);
        }
        result
    }

    async fn start_etcd(&self, machine: &Machine, line: &CommandLine) -> Result<(), PlaneError> {
        let (client, peer, metrics) = (free_port()?, free_port()?, free_port()?);
        let args = rewritten(machine, line, |flag, value| {
            let url = |port: u16| Some(format!("https://127.0.0.1:{port}"));
            match flag {
                "listen-client-urls" | "advertise-client-urls" => url(client),
                "listen-peer-urls" | "initial-advertise-peer-urls" => url(peer),
                "listen-metrics-urls" => Some(format!("http://127.0.0.1:{metrics}")),
                "initial-cluster" => {
                    let name = value.split('=').next().unwrap_or_default();
                    Some(format!("{name}=https://127.0.0.1:{peer}"))
                }
                _ => None,
            }
        });
        let args = if self.programs.etcd_is_before_3_6() { args.into_iter().map(experimental).collect() } else { args };
        self.start(machine, &self.programs.etcd, args, client).await?;
        self.running().etcd = Some(client);
        Ok(())
    }

    async fn start_api_server(&self, machine: &Machine, line: &CommandLine) -> Result<Started, PlaneError> {
        let port = if self.port == 0 { free_port()? } else { self.port };
        let Some(etcd) = self.running().etcd else { return Err("real programs need a local etcd".to_owned()) };
        let args = rewritten(machine, line, |flag, _| match flag {
            "etcd-servers" => Some(format!("https://127.0.0.1:{etcd}")),
            "secure-port" => Some(port.to_string()),
            "bind-address" => Some("127.0.0.1".to_owned()),
            _ => None,
        });
        let bound = line.flag("bind-address").is_none().then(|| "--bind-address=127.0.0.1".to_owned());
        let args = args.into_iter().chain(bound).collect();
        let address = self.start(machine, &self.programs.api_server, args, port).await?;
        let mut running = self.running();
        running.api_server = Some(address);
        running.told = false;
        Ok(Started { address })
    }

    async fn start_controllers(&self, machine: &Machine, line: &CommandLine) -> Result<Option<SocketAddr>, PlaneError> {
        let Some(program) = &self.programs.controller_manager else { return Ok(None) };
        let port = free_port()?;
        let args = rewritten(machine, line, |flag, _| match flag {
            "secure-port" => Some(port.to_string()),
            "bind-address" => Some("127.0.0.1".to_owned()),
            _ => None,
        });
        let added = line.flag("secure-port").is_none().then(|| format!("--secure-port={port}"));
        let kubeconfigs = kubeconfigs_below(machine, &args)?;
        let args = kubeconfigs.into_iter().chain(added).collect();
        self.start(machine, program, args, port).await.map(Some)
    }

    /// By a kubeconfig file of the machine.
    fn connect(&self, machine: &Machine, path: &str) -> Option<Arc<ViaApi>> {
        let bytes = std::fs::read(machine.place(path)).ok()?;
        let kubeconfig = Kubeconfig::parse(&bytes).ok()?;
        let load = |material: Option<Material>| match material? {
            Material::Inline(bytes) => Some(bytes),
            Material::Path(path) => std::fs::read(machine.place(path)).ok(),
        };
        let endpoint = Endpoint {
            server: kubeconfig.server().ok()?.to_owned(),
            ca: load(kubeconfig.ca().ok()?),
            identity: load(kubeconfig.client_certificate().ok()?).zip(load(kubeconfig.client_key().ok()?)),
            ..Endpoint::default()
        };
        // What the kubelet writes is no change of a phase: it has a node of its own.
        let stage: Arc<dyn Stage> = machine.stage(self.proxy.clone(), Arc::new(|_| {}));
        let node = Node::rehearsed(machine.root(), Ambient::default(), stage);
        let api = node.api(&endpoint).ok()?.within(Duration::from_secs(10));
        Some(Arc::new(ViaApi { api }))
    }
}

impl Plane for Real {
    fn etcd<'a>(
        &'a self,
        machine: &'a Machine,
        line: &'a CommandLine,
        _: &'a Front,
    ) -> Task<'a, Result<Option<Listener>, PlaneError>> {
        Box::pin(async { self.start_etcd(machine, line).await.map(|()| None) })
    }

    fn api_server<'a>(&'a self, machine: &'a Machine, line: &'a CommandLine) -> Task<'a, Result<Started, PlaneError>> {
        Box::pin(self.start_api_server(machine, line))
    }

    fn controllers<'a>(
        &'a self,
        machine: &'a Machine,
        line: &'a CommandLine,
    ) -> Task<'a, Result<Option<SocketAddr>, PlaneError>> {
        Box::pin(self.start_controllers(machine, line))
    }

    fn stop(&self) {
        let mut running = self.running();
        running.end(API_SERVER);
        running.api_server = None;
        running.cluster = None;
    }

    fn end(&self) {
        self.stop();
        self.running().programs.clear();
    }

    fn cluster(&self, machine: &Machine) -> Option<Arc<dyn Cluster>> {
        self.address()?;
        if let Some(known) = &self.running().cluster {
            return Some(known.clone());
        }
        // As the kubelet: with its own kubeconfig.
        let cluster = self.connect(machine, "/etc/kubernetes/kubelet.conf")?;
        self.running().cluster = Some(cluster.clone());
        Some(cluster)
    }

    fn is_told(&self) -> bool {
        self.running().told
    }

    fn told(&self) {
        self.running().told = true;
    }

    fn address(&self) -> Option<SocketAddr> {
        let mut running = self.running();
        running.api_server.filter(|_| !running.has_ended(API_SERVER))
    }

    fn objects<'a>(&'a self, machine: &'a Machine) -> Task<'a, Vec<Held>> {
        Box::pin(async move {
            let mut held = Vec::new();
            // A server that is gone would be asked again and again, once for each kind.
            if self.address().is_none() {
                return held;
            }
            let Some(cluster) = self.connect(machine, kubephase_model::layout::ADMIN_CONF) else { return held };
            let until = tokio::time::Instant::now() + ASKING;
            for kind in object::KINDS {
                let Ok(found) = tokio::time::timeout_at(until, cluster.list(kind)).await else { break };
                held.extend(found);
            }
            held
        })
    }
}

/// A cluster over its API.
struct ViaApi {
    api: Api,
}

impl Cluster for ViaApi {
    fn create<'a>(&'a self, _: &'a str, object: &'a Value) -> Task<'a, Result<Value, String>> {
        Box::pin(async move {
            // Leases and the like are nobody's concern here.
            let Some(reference) = ObjectRef::of(object) else { return Ok(object.clone()) };
            self.api.create_or_retain(object).await.map_err(|error| chain(&error))?;
            let found = self.api.get(&reference).await.map_err(|error| chain(&error))?;
            found.ok_or_else(|| format!("{reference} is gone"))
        })
    }

    fn status<'a>(&'a self, _: &'a str, object: &'a Value) -> Task<'a, Result<(), String>> {
        Box::pin(async move {
            let Some(reference) = ObjectRef::of(object) else { return Ok(()) };
            let mut object = object.clone();
            object["metadata"]["resourceVersion"] = Value::Null;
            self.api.update_subresource(&reference, "status", &object).await.map(drop).map_err(|error| chain(&error))
        })
    }

    fn get<'a>(&'a self, kind: &'static Kind, namespace: &'a str, name: &'a str) -> Task<'a, Option<Value>> {
        Box::pin(async move {
            let kind = object::Kind::find(&kind.group_version(), kind.kind)?;
            self.api.get(&ObjectRef::new(kind, Some(namespace), name)).await.ok().flatten()
        })
    }

    fn list<'a>(&'a self, kind: &'static object::Kind) -> Task<'a, Vec<Held>> {
        Box::pin(async move {
            let found = self.api.list(kind, None, Select::default()).await.unwrap_or_default();
            found.iter().map(Held::of).collect()
        })
    }
}

/// The flags of a command line, with values of `other` and paths below the machine's root.
fn rewritten(machine: &Machine, line: &CommandLine, other: impl Fn(&str, &str) -> Option<String>) -> Vec<String> {
    let flags = line.words().iter().skip(1);
    flags
        .map(|word| {
            let Some((flag, value)) = word.split_once('=') else { return word.clone() };
            let name = flag.trim_start_matches('-');
            match other(name, value) {
                Some(value) => format!("{flag}={value}"),
                None if value.starts_with('/') => format!("{flag}={}", machine.place(value).display()),
                None => word.clone(),
            }
        })
        .collect()
}

/// kubeconfig files may name files of the node: copies that name them where they really are.
fn kubeconfigs_below(machine: &Machine, args: &[String]) -> Result<Vec<String>, PlaneError> {
    let copy = |word: &String| -> Result<String, PlaneError> {
        let Some((flag, path)) = word.split_once('=').filter(|(flag, _)| flag.ends_with("kubeconfig")) else {
            return Ok(word.clone());
        };
        let text = std::fs::read_to_string(path).map_err(|error| format!("open {path}: {error}"))?;
        let root = machine.root().display();
        let text = text.replace(": /etc/", &format!(": {root}/etc/")).replace(": /var/", &format!(": {root}/var/"));
        let name = Path::new(path).file_name().unwrap_or_default();
        let beside = machine.place("/tmp").join(name);
        write_private(&beside, &text).map_err(|error| error.to_string())?;
        Ok(format!("{flag}={}", beside.display()))
    };
    args.iter().map(copy).collect()
}

fn write_private(path: &Path, text: &str) -> std::io::Result<()> {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;

    let mut options = File::options();
    options.write(true).create(true).truncate(true).mode(0o600).open(path)?.write_all(text.as_bytes())
}

/// A port that was free a moment ago.
fn free_port() -> Result<u16, PlaneError> {
    let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|listener| listener.local_addr());
    listener.map(|address| address.port()).map_err(|error| format!("no port is free: {error}"))
}

/// The line in which a program says why it ends.
fn last_words(log: &Path) -> Option<String> {
    let text = std::fs::read_to_string(log).ok()?;
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    let is_reason = |line: &&&str| {
        let starts = ["Error: ", "flag provided but not defined", "unknown flag"];
        starts.iter().any(|start| line.starts_with(start)) || line.contains("\"level\":\"fatal\"")
    };
    let error = lines.iter().rev().find(is_reason);
    let last = error.or(lines.last())?;
    Some(last.trim_start_matches("Error: ").to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_of_an_older_etcd() {
        assert_eq!(
            experimental("--watch-progress-notify-interval=5s".into()),
            "--experimental-watch-progress-notify-interval=5s"
        );
        assert_eq!(experimental("--name=a".into()), "--name=a");
    }

    #[test]
    fn what_is_missing_is_told() {
        let directory = tempfile::tempdir().expect("a directory");
        let error = Programs::find(directory.path(), "").expect_err("there is nothing");
        assert!(error.starts_with("there is no etcd in ") && error.ends_with(", nor in PATH"), "{error}");
        std::fs::write(directory.path().join("etcd"), "").expect("a file");
        let error = Programs::find(directory.path(), "").expect_err("there is no kube-apiserver");
        assert!(error.starts_with("there is no kube-apiserver in "), "{error}");
        std::fs::write(directory.path().join("kube-apiserver"), "").expect("a file");
        assert!(Programs::find(directory.path(), "").expect("all there").controller_manager.is_none());
    }
}
