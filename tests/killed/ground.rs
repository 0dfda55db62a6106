//! Where a workflow is run, killed and run again: a machine whose cluster lives in this process.

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use kubephase_engine::Sink;
use kubephase_model::Report;
use kubephase_model::config::resolve::resolve_join;
use kubephase_node::Change;
use kubephase_rehearsal::store::Seen;
use kubephase_rehearsal::{Lent, Options, Rehearsal};
use kubephase_workflow::join;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::child::{TASK, Task, What, join_flags};
use crate::stage::{Stage, cluster, runtime};
use crate::trace::{self, Call, Cut};

/// A workflow that is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Workflow {
    /// `init`, with an etcd of its own.
    Init,
    /// `join` of a worker.
    Worker,
    /// `join` of a control plane whose etcd becomes a member of the cluster's.
    ControlPlane,
    /// `join` of a control plane with an etcd elsewhere.
    ExternalEtcd,
}

impl Workflow {
    /// Every one.
    pub const ALL: [Self; 4] = [Self::Init, Self::Worker, Self::ControlPlane, Self::ExternalEtcd];

    /// As the table names it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Init => "init",
            Self::Worker => "join, worker",
            Self::ControlPlane => "join, control plane",
            Self::ExternalEtcd => "join, external etcd",
        }
    }
}

/// When a run is killed. Numbers begin with 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kill {
    /// Never.
    Never,
    /// At this one of the moments at which a phase begins or has ended.
    Boundary(usize),
    /// At a call that changes a file.
    File(Cut),
    /// At this one of the requests that change the cluster: before it is carried out, or before its answer is read.
    Request(usize, bool),
}

/// What became of a run.
#[derive(Debug, Default)]
pub struct Ran {
    /// Where it was killed, in words.
    pub killed_at: Option<String>,
    /// Whether it ended well by itself.
    pub succeeded: bool,
    /// What it said.
    pub said: String,
    /// Moments at which a phase began or ended.
    pub boundaries: usize,
    /// Requests that change the cluster.
    pub requests: usize,
    /// Calls that change files, if it was traced.
    pub calls: Vec<Call>,
}

/// A machine, and what is run on it. Every one has a cluster of its own, so that nobody else's requests are counted.
pub struct Ground {
    machine: Rehearsal,
    stage: Option<Stage>,
    lent: Lent,
    what: What,
    /// Its name and its address.
    pub name: [&'static str; 2],
    directory: tempfile::TempDir,
}

impl Ground {
    /// A machine on which nothing has happened.
    pub fn new(workflow: Workflow) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let stage = match workflow {
            Workflow::Init => None,
            Workflow::Worker | Workflow::ControlPlane => Some(Stage::new("")),
            Workflow::ExternalEtcd => Some(Stage::new("etcd: {external: {endpoints: ['http://192.0.2.99:2379']}}\n")),
        };
        let (machine, what, name) = match &stage {
            None => {
                let machine = Rehearsal::begin(&Options::default()).expect("a machine");
                let key = "0123456789abcdef".repeat(4);
                machine.fit(&cluster(machine.node(), &key, "")).expect("a machine for it");
                (machine, What::Init(key), ["cp-1", "192.0.2.10"])
            }
            Some(stage) => {
                let name = ["joiner-2", "192.0.2.12"];
                let machine = stage.machine(name[0], name[1]);
                let pin = stage.flags().discovery_token_ca_cert_hash.remove(0);
                let key = (workflow != Workflow::Worker).then(|| stage.key.clone());
                fit(&machine, &pin, key.as_deref());
                (machine, What::Join(pin, key), name)
            }
        };
        let lent = machine.lend().expect("a socket");
        Self { machine, stage, lent, what, name, directory }
    }

    /// The machine.
    pub fn machine(&self) -> &Rehearsal {
        &self.machine
    }

    /// The machine on which the cluster began.
    pub fn first(&self) -> &Rehearsal {
        self.stage.as_ref().map_or(&self.machine, Stage::first)
    }

    /// The last that its kubelet has said.
    pub fn kubelet_log(&self) -> String {
        let asked = kubephase_node::Command::look("journalctl", ["-u", "kubelet"]);
        let said = runtime().block_on(self.machine.node().run(&asked)).map(|output| output.stdout).unwrap_or_default();
        let lines: Vec<&str> = said.lines().collect();
        lines[lines.len().saturating_sub(8)..].join("\n")
    }

    /// Runs the workflow in a process of its own.
    pub fn run(&self, kill: Kill) -> Ran {
        let mut ran = match kill {
            Kill::File(cut) => {
                let mut child = self.start(None);
                let followed = trace::follow(&child, self.machine.root(), cut);
                // Its end has been seen, and collected, by the tracer.
                let _ = child.wait();
                Ran {
                    killed_at: followed.killed_at,
                    succeeded: followed.succeeded,
                    calls: followed.calls,
                    ..Ran::default()
                }
            }
            _ => self.run_watched(kill),
        };
        ran.said = std::fs::read_to_string(self.directory.path().join("said")).unwrap_or_default();
        ran
    }

    fn run_watched(&self, kill: Kill) -> Ran {
        let path = self.directory.path().join("asked");
        drop(std::fs::remove_file(&path));
        let listener = UnixListener::bind(&path).expect("a socket");
        let witness = Arc::new(Witness { kill, ..Witness::default() });
        let eye = witness.clone();
        self.first().set_witness(Some(Arc::new(move |seen| eye.see(seen))));
        let mut child = self.start(Some(&path));
        witness.process.store(child.id(), Ordering::SeqCst);
        let mut ran = Ran::default();
        if let Some(stream) = accept(&listener, &mut child) {
            let mut answers = stream.try_clone().expect("a socket");
            for line in BufReader::new(stream).lines().map_while(Result::ok) {
                if kill == Kill::Boundary(ran.boundaries) {
                    end(child.id());
                    ran.killed_at = Some(format!("when {line}"));
                    break;
                }
                ran.boundaries += 1;
                // Whoever has been killed reads no answer.
                drop(answers.write_all(b"."));
            }
        }
        ran.succeeded = child.wait().expect("an end").success();
        self.first().set_witness(None);
        ran.requests = witness.count.load(Ordering::SeqCst);
        let killed_at = witness.killed_at.lock().expect("not poisoned").take();
        ran.killed_at = ran.killed_at.or(killed_at);
        ran
    }

    /// Starts the process; it is traced if nobody is to be asked at boundaries.
    fn start(&self, boundaries: Option<&Path>) -> Child {
        let task = Task {
            machine: self.lent.clone(),
            what: self.what.clone(),
            is_traced: boundaries.is_none(),
            boundaries: boundaries.map(Path::to_owned),
        };
        let said = std::fs::File::create(self.directory.path().join("said")).expect("a file");
        Command::new(std::env::current_exe().expect("this test"))
            .args(["--exact", "child::child", "--nocapture", "--test-threads=1"])
            .env(TASK, serde_json::to_string(&task).expect("JSON"))
            .stdin(Stdio::null())
            .stdout(said.try_clone().expect("a file"))
            .stderr(said)
            .spawn()
            .expect("this test starts")
    }
}

/// Makes it a machine for the cluster that it is to join.
fn fit(machine: &Rehearsal, pin: &str, key: Option<&str>) {
    let node = machine.node();
    let (facts, mut report) = (node.facts(), Report::default());
    let nobody: Sink<Change> = Arc::new(|_| {});
    let config =
        resolve_join(None, &join_flags(pin, key), &facts, false, &mut report).unwrap_or_else(|| panic!("{report}"));
    let met = runtime().block_on(join::meet(node, &config, &facts, &nobody)).expect("a cluster");
    machine.fit(&met.cluster).expect("a machine for it");
}

/// Waits until the process asks for the first time; `None` if it ends before.
fn accept(listener: &UnixListener, child: &mut Child) -> Option<std::os::unix::net::UnixStream> {
    listener.set_nonblocking(true).expect("a socket");
    loop {
        if let Ok((stream, _)) = listener.accept() {
            stream.set_nonblocking(false).expect("a socket");
            return Some(stream);
        }
        if child.try_wait().expect("asked").is_some() {
            return None;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Looks on when the cluster is changed.
struct Witness {
    kill: Kill,
    process: AtomicU32,
    count: AtomicUsize,
    killed_at: Mutex<Option<String>>,
}

impl Default for Witness {
    fn default() -> Self {
        Self { kill: Kill::Never, process: AtomicU32::new(0), count: AtomicUsize::new(0), killed_at: Mutex::default() }
    }
}

impl Witness {
    fn see(&self, seen: &Seen) -> bool {
        // Those are the kubelet's, who is not the one that is killed.
        if seen.path.ends_with("/certificatesigningrequests") {
            return true;
        }
        let number = match seen.is_answered {
            false => self.count.fetch_add(1, Ordering::SeqCst),
            true => self.count.load(Ordering::SeqCst).saturating_sub(1),
        };
        let is_it = self.kill == Kill::Request(number, seen.is_answered);
        let mut killed_at = self.killed_at.lock().expect("not poisoned");
        if !is_it || killed_at.is_some() {
            return true;
        }
        end(self.process.load(Ordering::SeqCst));
        let moment = if seen.is_answered { "before the answer to" } else { "before the server carries out" };
        *killed_at = Some(format!("{moment} {} {}", seen.method, seen.path));
        seen.is_answered
    }
}

/// Kills a process and waits until it does nothing any more. Whoever started it still has to collect it.
fn end(process: u32) {
    kill(Pid::from_raw(i32::try_from(process).expect("a process id")), Signal::SIGKILL).expect("SIGKILL");
    let is_dead = || {
        let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
        stat.rsplit(')').next().is_none_or(|rest| rest.trim_start().starts_with('Z') || rest.is_empty())
    };
    while !is_dead() {
        std::thread::sleep(Duration::from_micros(100));
    }
}
