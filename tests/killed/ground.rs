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
    /// `join` of a control plane with an etcd elsewhere.
    ControlPlane,
}

impl Workflow {
    /// As the table names it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Init => "init",
            Self::Worker => "join as a worker",
            Self::ControlPlane => "join as a control plane",
        }
    }

    /// A cluster to join, if it is one to join with.
    pub fn stage(self) -> Option<Stage> {
        match self {
            Self::Init => None,
            Self::Worker => Some(Stage::new("")),
            Self::ControlPlane => Some(Stage::new("etcd: {external: {endpoints: ['http://192.0.2.99:2379']}}\n")),
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

/// A machine, and what is run on it.
pub struct Ground<'a> {
    machine: Rehearsal,
    stage: Option<&'a Stage>,
    lent: Lent,
    what: What,
    /// Its name and its address.
    pub name: [String; 2],
    directory: tempfile::TempDir,
}

impl<'a> Ground<'a> {
    /// A machine on which nothing has happened.
    pub fn new(stage: Option<&'a Stage>, workflow: Workflow) -> Self {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);

        let directory = tempfile::tempdir().expect("a directory");
        let (machine, what, name) = match stage {
            None => {
                let machine = Rehearsal::begin(&Options::default()).expect("a machine");
                let key = "0123456789abcdef".repeat(4);
                machine.fit(&cluster(machine.node(), &key, "")).expect("a machine for it");
                (machine, What::Init(key), ["cp-1".to_owned(), "192.0.2.10".to_owned()])
            }
            Some(stage) => {
                let number = NUMBER.fetch_add(1, Ordering::Relaxed);
                // No name is the beginning of another.
                let (name, address) = (format!("n-{number:05}"), format!("10.99.{}.{}", number / 200, number % 200 + 10));
                let machine = stage.machine(&name, &address);
                let pin = stage.flags().discovery_token_ca_cert_hash.remove(0);
                let key = (workflow == Workflow::ControlPlane).then(|| stage.key.clone());
                fit(&machine, &pin, key.as_deref());
                (machine, What::Join(pin, key), [name, address])
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
        self.stage.map_or(&self.machine, Stage::first)
    }

    /// Runs the workflow in a process of its own.
    pub fn run(&self, kill: Kill) -> Ran {
        let mut ran = match kill {
            Kill::File(cut) => {
                let child = self.start(None);
                let followed = trace::follow(&child, self.machine.root(), cut);
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
    let config = resolve_join(None, &join_flags(pin, key), &facts, false, &mut report).unwrap_or_else(|| panic!("{report}"));
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
