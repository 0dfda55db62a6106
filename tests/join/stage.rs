//! A cluster with one control-plane node, and machines beside it.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use kubephase_engine::{Context, Event, RunError, Selection, Sink, Workflow};
use kubephase_model::config::flags::{InitFlags, JoinFlags};
use kubephase_model::config::load::{self, Command};
use kubephase_model::config::resolve::{resolve_init, resolve_join};
use kubephase_model::object::{NODE, ObjectRef};
use kubephase_model::{Cluster, Report};
use kubephase_node::{Change, Node};
use kubephase_pki::Cert;
use kubephase_rehearsal::{Options as Begin, Rehearsal};
use kubephase_workflow::PhaseError;
use kubephase_workflow::init::{self, Init, Options, Sharing};
use kubephase_workflow::join::{self, Join};
use kubephase_workflow::join_command::ca_hash;
use tokio::sync::Notify;

/// A bootstrap token.
pub const TOKEN: &str = "abcdef.0123456789abcdef";
/// Everybody answers at once, or never.
const PATIENCE: Duration = Duration::from_secs(20);

/// The cluster.
pub struct Stage {
    first: Rehearsal,
    hash: String,
    /// What the certificates were uploaded with.
    pub key: String,
}

/// What became of a run.
pub struct Ran {
    /// `None` if it was cut off.
    pub result: Option<Result<(), PhaseError>>,
    /// Phases that ended well.
    pub finished: Vec<String>,
    /// What they did.
    pub changes: Vec<Change>,
    /// Every event, as JSON.
    pub told: String,
    files: BTreeMap<String, Vec<u8>>,
}

impl Ran {
    /// Fails the test if the run did.
    #[track_caller]
    pub fn expect_done(self) -> Self {
        match &self.result {
            Some(Ok(())) => self,
            Some(Err(error)) => panic!("{error}: {:?}\n{}", std::error::Error::source(error), self.told),
            None => panic!("it was cut off\n{}", self.told),
        }
    }

    /// The machine's files below `/etc/kubernetes` and `/var/lib` at the end.
    pub fn files(&self) -> BTreeMap<String, Vec<u8>> {
        self.files.clone()
    }
}

impl Stage {
    /// `init` on a first machine; `more` is added to its ClusterConfiguration.
    pub fn new(more: &str) -> Self {
        let first = Rehearsal::begin(&Begin::default()).expect("a machine");
        let key = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff".to_owned();
        let cluster = cluster(first.node(), &key, more);
        first.fit(&cluster).expect("a machine for it");
        let (sink, events) = listen();
        let options = Options { patience: Some(PATIENCE), ..Options::new(sink) };
        let authority = format!("{}/ca.crt", cluster.pki());
        let mut cx = Init::new(cluster, first.node().clone(), options).expect("a context");
        cx.sharing = Sharing { upload_certs: true, ..Sharing::default() };
        let result = runtime().block_on(run(&init::workflow(), &mut cx, &Selection::default(), None, &events));
        assert!(matches!(result, Some(Ok(()))), "{result:?}");
        let ca = first.node().read(&authority).expect("readable").expect("an authority");
        let hash = ca_hash(&Cert::from_pem("ca.crt", &ca).expect("a certificate"));
        Self { first, hash, key }
    }

    /// The first machine.
    pub fn first(&self) -> &Rehearsal {
        &self.first
    }

    /// Another machine, on which nothing has happened.
    pub fn machine(&self, name: &str, address: &str) -> Rehearsal {
        self.first.neighbour(name, address.parse().expect("an address")).expect("a machine")
    }

    /// What everybody joins with.
    pub fn flags(&self) -> JoinFlags {
        JoinFlags {
            api_server_endpoint: Some("cp.example.com:6443".into()),
            token: Some(TOKEN.into()),
            discovery_token_ca_cert_hash: vec![self.hash.clone()],
            ..JoinFlags::default()
        }
    }

    /// `join` on a machine.
    pub fn join(&self, machine: &Rehearsal, flags: &JoinFlags) -> Ran {
        self.run_join(machine, machine.node(), flags, None)
    }

    /// The same, cut off when this phase has ended.
    pub fn join_until(&self, machine: &Rehearsal, flags: &JoinFlags, phase: &str) -> Ran {
        self.run_join(machine, machine.node(), flags, Some(phase))
    }

    /// What it would do.
    pub fn plan(&self, machine: &Rehearsal, flags: &JoinFlags) -> Ran {
        let scratch = tempfile::tempdir().expect("a directory");
        self.run_join(machine, &machine.node().dry_run_here(scratch.path()), flags, None)
    }

    /// Whether the cluster has this object, now or soon.
    pub fn wait_for(&self, kind: &str, name: &str) -> bool {
        self.soon(|held| held.contains(kind) && held.contains(name))
    }

    /// Whether this node is ready, now or soon.
    pub fn wait_for_ready(&self, name: &str) -> bool {
        let name = ObjectRef::new(&NODE, None, name);
        let runtime = runtime();
        let ready = runtime.block_on(async {
            let api = kubephase_workflow::cluster::connect(self.first.node(), "/etc/kubernetes/admin.conf").ok()?;
            let is_ready = |node: Option<&serde_json::Value>| {
                let conditions = node.and_then(|node| node.pointer("/status/conditions")?.as_array());
                conditions.into_iter().flatten().any(|one| one["type"] == "Ready" && one["status"] == "True")
            };
            api.wait(&name, "it is not ready", PATIENCE, is_ready).await.ok()
        });
        ready.is_some()
    }

    fn soon(&self, is_it: impl Fn(&str) -> bool) -> bool {
        let (begun, runtime) = (Instant::now(), runtime());
        while begun.elapsed() < PATIENCE {
            if runtime.block_on(self.first.objects()).iter().any(|held| is_it(&format!("{held:?}"))) {
                return true;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        false
    }

    fn run_join(&self, machine: &Rehearsal, node: &Node, flags: &JoinFlags, until: Option<&str>) -> Ran {
        let (sink, events) = listen();
        let facts = node.facts();
        let mut report = Report::default();
        let config = resolve_join(None, flags, &facts, false, &mut report).unwrap_or_else(|| panic!("{report}"));
        let result = runtime().block_on(async {
            let met = match join::meet(node, &config, &facts, &sink).await {
                Ok(met) => met,
                Err(error) => return Some(Err(error)),
            };
            machine.fit(&met.cluster).expect("a machine for it");
            let selection = Selection { skip: config.skip_phases.clone(), ..Selection::default() };
            let options =
                Options { patience: Some(PATIENCE), skip: selection.skip.clone(), ..Options::new(sink.clone()) };
            match Join::new(met, config.clone(), node.clone(), options) {
                Ok(mut cx) => run(&join::workflow(), &mut cx, &selection, until, &events).await,
                Err(error) => Some(Err(error)),
            }
        });
        let (mut finished, mut changes, mut told) = (Vec::new(), Vec::new(), String::new());
        for event in std::mem::take(&mut events.lock().expect("not poisoned").0) {
            told.push_str(&serde_json::to_string(&event).expect("JSON"));
            told.push('\n');
            if let Event::Finished { path, changes: did, .. } = event {
                finished.push(path);
                changes.extend(did);
            }
        }
        let mut files = BTreeMap::new();
        for below in ["etc/kubernetes", "var/lib"] {
            collect(machine.root(), &machine.root().join(below), &mut files);
        }
        Ran { result, finished, changes, told, files }
    }
}

/// What has been heard, and who is to be woken by which phase.
type Events = Arc<Mutex<(Vec<Event<Change>>, Option<(String, Arc<Notify>)>)>>;

fn listen() -> (Sink<Change>, Events) {
    let events = Events::default();
    let heard = events.clone();
    let sink: Sink<Change> = Arc::new(move |event| {
        let mut heard = heard.lock().expect("not poisoned");
        if let (Event::Finished { path, .. }, Some((until, cut))) = (&event, &heard.1)
            && path == until
        {
            cut.notify_one();
        }
        heard.0.push(event);
    });
    (sink, events)
}

async fn run<C: Context<Error = PhaseError>>(
    workflow: &Workflow<C>,
    cx: &mut C,
    selection: &Selection,
    until: Option<&str>,
    events: &Events,
) -> Option<Result<(), PhaseError>> {
    let cut = Arc::new(Notify::new());
    events.lock().expect("not poisoned").1 = until.map(|until| (until.to_owned(), cut.clone()));
    let result = tokio::select! {
        biased;
        () = cut.notified() => return None,
        result = workflow.run(cx, selection) => result,
    };
    Some(match result {
        Ok(_) => Ok(()),
        Err(RunError::Phase { source, .. }) => Err(source),
        Err(RunError::Select(error)) => panic!("{error}"),
    })
}

/// The cluster that `init` makes there.
pub fn cluster(node: &Node, key: &str, more: &str) -> Cluster {
    let text = format!(
        "apiVersion: kubeadm.k8s.io/v1beta4\nkind: InitConfiguration\nbootstrapTokens: [{{token: {TOKEN}}}]\n\
         certificateKey: \"{key}\"\n---\napiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration\n\
         kubernetesVersion: v1.36.2\ncontrolPlaneEndpoint: cp.example.com:6443\nencryptionAlgorithm: ECDSA-P256\n{more}"
    );
    let mut report = Report::default();
    let source = load::source("c.yaml", text.into_bytes(), &mut report).expect("UTF-8");
    let documents = load::load(&source, Command::Init, &mut report);
    let nobody = |_: &str| Err("nobody is asked".to_owned());
    let random = &mut |bytes: &mut [u8]| node.random(bytes);
    let facts = node.facts();
    resolve_init(Some(&documents), &InitFlags::default(), &facts, &nobody, random, false, &mut report)
        .unwrap_or_else(|| panic!("{report}"))
}

/// Something that runs what is asked of the cluster.
pub fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime")
}

fn collect(root: &Path, directory: &Path, files: &mut BTreeMap<String, Vec<u8>>) {
    for entry in std::fs::read_dir(directory).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            collect(root, &path, files);
        } else if let (Ok(name), Ok(contents)) = (path.strip_prefix(root), std::fs::read(&path)) {
            files.insert(format!("/{}", name.display()), contents);
        }
    }
}
