//! What the phases of every workflow work on, whichever it is: the cluster that is wanted, the machine, what steers the
//! run, patches, plugins, the journal. What only one workflow has is in its own context, which holds this one.

mod admin;
pub mod checks;
pub mod guests;

use std::collections::BTreeSet;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime};

use kubephase_engine::{Event, Level, Sink};
use kubephase_model::{Cluster, Report, layout};
use kubephase_node::kube::Api;
use kubephase_node::{Change, Node};
use kubephase_pki::{
    CA, CERTS, CertSpec, CertWarning, Custody, FRONT_PROXY_CA, KUBECONFIGS, KeyPool, Pair, PrivateKey, custody,
};
use kubephase_preflight::Ignore;
use kubephase_render::kubeconfig::Kubeconfig;
use kubephase_render::patch::PatchSet;
use kubephase_render::static_pod::Rootless;

use crate::error::PhaseError;
use crate::extension::Extension;
use crate::journal::Journal;
use crate::plugins::Guests;
use crate::rootless;

/// Phases that apply patches.
const PATCHED: [&str; 4] = ["etcd", "control-plane", "kubelet-start", "addon"];
/// Kubeconfig files of a control-plane node that joins: its kubelet gets its own otherwise, and nobody needs another
/// administrator above all rules.
pub const JOINED_KUBECONFIGS: [&str; 3] = ["admin", "controller-manager", "scheduler"];
/// Directories of patches deeper than this are not looked into.
const DEEPEST_PATCHES: usize = 8;

/// What steers a run, beside the configuration.
pub struct Options {
    /// Path of the one phase to run; all if none.
    pub only: Option<String>,
    /// Paths of phases that are left out by request, for the journal.
    pub skip: Vec<String>,
    /// Where kubeconfig files go: `/etc/kubernetes`.
    pub kubeconfig_dir: String,
    /// Directory with patches.
    pub patches: Option<String>,
    /// Checks whose errors are only warnings.
    pub ignore: Ignore,
    /// Only say what would be done: nothing is checked, nothing is waited for.
    pub plan: bool,
    /// Kubeconfig file to work in the cluster with; the administrator's if not given.
    pub kubeconfig: Option<String>,
    /// The kubelet and the control plane are waited for no longer than this, whatever the configuration says: a
    /// rehearsal's come up at once or not at all.
    pub patience: Option<Duration>,
    /// Plugins of the run.
    pub extension: Option<Arc<dyn Extension>>,
    /// Where events go.
    pub sink: Sink<Change>,
}

impl Options {
    /// A whole run as without any flag.
    pub fn new(sink: Sink<Change>) -> Self {
        Self {
            only: None,
            skip: Vec::new(),
            kubeconfig_dir: layout::KUBERNETES_DIR.into(),
            patches: None,
            ignore: Ignore::default(),
            plan: false,
            kubeconfig: None,
            patience: None,
            extension: None,
            sink,
        }
    }
}

/// The state of one run.
pub struct Work {
    /// What was asked for.
    pub cluster: Cluster,
    /// The machine.
    pub node: Node,
    /// What steers the run.
    pub options: Options,
    /// One time for everything that is issued.
    pub start: SystemTime,
    /// Patches, read once.
    pub patches: PatchSet,
    /// The key of the cluster's authority is not here.
    pub external_ca: bool,
    /// URL of an API server that is there already, if this node joins its cluster: nobody waits for the one of its own
    /// to be asked what that one knows, too.
    pub server: Option<String>,
    /// The journal of an earlier run with the same input: what it names is ours.
    pub resumed: Option<Journal>,
    /// What would have stopped a real run, if this is a dry one: it goes on, because it is run to see everything.
    pub stopped: Option<PhaseError>,
    /// Plugins, and what they have had made.
    pub(crate) guests: Guests,
    /// Only what plugins do is noted: a single phase keeps no journal of its own, but whose a file is must be known.
    only_plugins: bool,
    journal: Option<Journal>,
    /// This run has something for the journal. One that was stopped before it did anything must not claim anything.
    touched: bool,
    /// This node makes the cluster: nobody else gives the administrator rights.
    founds: bool,
    keys: OnceLock<Arc<KeyPool>>,
    warned: BTreeSet<CertWarning>,
    rootless: Option<Option<Rootless>>,
    path: String,
    api: Option<Api>,
}

/// Which run it is, as the journal knows it.
pub struct Run {
    /// `init`, `join`.
    pub workflow: &'static str,
    /// A digest of what decides what is made ([`crate::journal::fingerprint`]).
    pub fingerprint: String,
    /// This node makes the cluster.
    pub founds: bool,
}

impl Work {
    /// Looks at what is there: patches, an earlier run. Changes nothing.
    pub fn begin(run: Run, cluster: Cluster, node: Node, options: Options, guests: Guests) -> Result<Self, PhaseError> {
        let Run { workflow, fingerprint, founds } = run;
        let start = node.now();
        node.hold();
        let whole = options.only.is_none() && !node.is_dry_run();
        let only_plugins = !whole && !node.is_dry_run() && options.extension.is_some();
        if whole || only_plugins {
            node.keep_originals();
        }
        let found = Journal::read(&node)?;
        let resumed = found.clone().filter(|journal| journal.is_of(workflow, &fingerprint));
        let another = found.as_ref().is_some_and(|found| !found.workflow.is_empty()) && resumed.is_none();
        let mut journal = match (&resumed, found) {
            (Some(same), _) if whole => Some(same.clone()),
            (None, Some(other)) if whole => Some(Journal::after(other, workflow, fingerprint)),
            (None, None) if whole => Some(Journal::begin(workflow, fingerprint)),
            (_, found) if only_plugins => Some(found.unwrap_or_else(|| Journal::begin("", String::new()))),
            _ => None,
        };
        if let (Some(journal), true) = (&mut journal, whole) {
            journal.skipped.clone_from(&options.skip);
        }
        let mut work = Self {
            cluster,
            node,
            options,
            start,
            patches: PatchSet::default(),
            external_ca: false,
            server: None,
            resumed,
            stopped: None,
            guests,
            only_plugins,
            journal,
            touched: false,
            founds,
            keys: OnceLock::new(),
            warned: BTreeSet::new(),
            rootless: None,
            path: String::new(),
            api: None,
        };
        if another {
            let message = "an earlier run had another configuration: what it left is kept where it serves this one";
            work.notice(Level::Warning, message);
        }
        work.read_patches()?;
        Ok(work)
    }

    /// Finds out whose the authorities' keys are: with an external one, all that it signs must be here.
    pub fn look_for_authorities(&mut self) -> Result<(), PhaseError> {
        self.external_ca = self.is_external(&CA)?;
        if self.external_ca {
            self.check_external_kubeconfigs()?;
        }
        self.is_external(&FRONT_PROXY_CA)?;
        Ok(())
    }

    /// Tells something.
    pub fn notice(&self, level: Level, message: impl Into<String>) {
        (self.options.sink)(Event::Notice { path: self.path.clone(), level, message: message.into() });
    }

    /// Tells that something moved on.
    pub fn progress(&self, item: &str, message: impl Into<String>) {
        (self.options.sink)(Event::Progress {
            path: self.path.clone(),
            item: item.to_owned(),
            message: message.into(),
        });
    }

    /// Tells what is odd about certificates, each thing once.
    pub fn warn(&mut self, warnings: Vec<CertWarning>) {
        for warning in warnings {
            if self.warned.insert(warning.clone()) {
                self.notice(Level::Warning, warning.to_string());
            }
        }
    }

    /// The path of the current phase, for events from other threads.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Starts to make all keys that this run will need, on every processor, unless it has begun.
    pub fn begin_keys(&self) -> &Arc<KeyPool> {
        self.keys.get_or_init(|| Arc::new(KeyPool::start(self.missing_keys(), self.cluster.key_algorithm())))
    }

    /// A new private key.
    /// Waits beside the runtime's thread: an RSA key takes its time, and Ctrl-C must be heard meanwhile.
    pub async fn key(&self) -> Result<PrivateKey, PhaseError> {
        let pool = Arc::clone(self.begin_keys());
        if let Some(key) = pool.try_take() {
            return Ok(key?);
        }
        match tokio::task::spawn_blocking(move || pool.take()).await {
            Ok(key) => Ok(key?),
            Err(ended) => std::panic::resume_unwind(ended.into_panic()),
        }
    }

    /// Eight random bytes, for a serial number.
    pub fn random(&self) -> [u8; 8] {
        let mut bytes = [0; 8];
        self.node.random(&mut bytes);
        bytes
    }

    /// Whether an earlier run with the same input made this.
    pub fn is_ours(&self, path: &str) -> bool {
        self.resumed.as_ref().is_some_and(|journal| journal.has(path))
    }

    /// A file's bytes.
    pub fn read(&self, path: &str) -> Result<Option<Vec<u8>>, PhaseError> {
        Ok(self.node.read(path)?)
    }

    /// The users that components run as, if they run as any. The first call makes them.
    pub async fn rootless(&mut self) -> Result<Option<Rootless>, PhaseError> {
        match self.rootless {
            Some(known) => Ok(known),
            None => Ok(*self.rootless.insert(rootless::users(&self.cluster, &self.node).await?)),
        }
    }

    /// Has the journal know of changes.
    pub fn remember(&mut self, changes: &[Change]) {
        for change in changes.iter().filter(|change| change.object.is_none()) {
            self.guests.note_native(&change.path);
        }
        if let (Some(journal), false) = (&mut self.journal, self.only_plugins) {
            if journal.note(changes) {
                self.touched = true;
                // From here on there is something to go on with.
                journal.complete = false;
            }
            if self.resumed.is_some() {
                journal.note_found(changes);
            }
        }
    }

    /// Has the journal know that a file is gone, whoever has removed it.
    pub fn forget(&mut self, path: &str) {
        if let (Some(journal), false) = (&mut self.journal, self.only_plugins) {
            self.touched |= journal.forget(path);
        }
    }

    /// Has the journal know that a service is about to be started.
    pub fn remember_service(&mut self, name: &str, was_running: bool) {
        if let (Some(journal), false) = (&mut self.journal, self.only_plugins) {
            journal.note_service(name, was_running);
            self.touched = true;
        }
    }

    /// Puts in place what has been written so far, with the journal before it, in the middle of a phase.
    pub fn put_in_place(&mut self) -> Result<(), PhaseError> {
        let so_far = self.node.told_so_far();
        self.remember(&so_far);
        self.settle()
    }

    /// The cluster, as its administrator. The first call makes sure that the administrator has rights.
    pub async fn api(&mut self) -> Result<Api, PhaseError> {
        if let Some(api) = &self.api {
            return Ok(api.clone());
        }
        let api = admin::connect(self).await?;
        if let Some(extension) = &self.options.extension {
            extension.connected(&api);
        }
        Ok(self.api.insert(api).clone())
    }

    /// How many keys the selected phases will ask for.
    fn missing_keys(&self) -> usize {
        let chosen = |group: &str, name: &str| {
            self.options.only.as_deref().is_none_or(|only| only == group || only == format!("{group}/{name}"))
        };
        let missing = |path: String| !self.node.exists(&path);
        // Who joins gets what all control planes share, and makes only some kubeconfig files.
        let certs = CERTS.iter().filter(|spec| {
            chosen("certs", spec.name)
                && (self.founds || !spec.is_ca())
                && spec.is_needed(&self.cluster)
                && missing(spec.key_path(&self.cluster))
        });
        let kubeconfigs = KUBECONFIGS.iter().filter(|spec| {
            chosen("kubeconfig", spec.name)
                && (self.founds || JOINED_KUBECONFIGS.contains(&spec.name))
                && (spec.is_needed)(&self.cluster)
                && missing(self.kubeconfig_path(spec.file))
        });
        let sa = self.founds && chosen("certs", "sa") && missing(format!("{}/sa.key", self.cluster.pki()));
        certs.count() + usize::from(sa) + if self.external_ca { 0 } else { kubeconfigs.count() }
    }

    /// Where a kubeconfig file goes.
    pub fn kubeconfig_path(&self, file: &str) -> String {
        format!("{}/{file}", self.options.kubeconfig_dir)
    }

    fn read_patches(&mut self) -> Result<(), PhaseError> {
        let Some(directory) = self.options.patches.clone() else { return Ok(()) };
        // Like kubeadm, whose other phases do not mind a directory that is not there.
        let patched = |only: &str| PATCHED.iter().any(|phase| only.split('/').next() == Some(phase));
        if !self.options.only.as_deref().is_none_or(patched) {
            return Ok(());
        }
        let mut files = Vec::new();
        self.collect(&directory, "", &mut files)?;
        let mut report = Report::default();
        self.patches = PatchSet::parse(files, &mut report);
        if report.has_errors() {
            return Err(PhaseError::Patches { directory, source: report });
        }
        for problem in report.problems {
            self.notice(Level::Warning, problem.to_string());
        }
        for ignored in &self.patches.ignored {
            self.notice(Level::Info, format!("ignoring {directory}/{}: {}", ignored.file, ignored.reason));
        }
        Ok(())
    }

    fn collect(&self, directory: &str, below: &str, files: &mut Vec<(String, Vec<u8>)>) -> Result<(), PhaseError> {
        let here = if below.is_empty() { directory.to_owned() } else { format!("{directory}/{below}") };
        if !self.node.is_dir(&here) {
            return Err(PhaseError::PatchDirectory(here));
        }
        for name in self.node.list(&here)? {
            let path = if below.is_empty() { name } else { format!("{below}/{name}") };
            let full = format!("{directory}/{path}");
            if self.node.is_dir(&full) {
                // A link to a directory above would never end.
                if path.matches('/').count() < DEEPEST_PATCHES {
                    self.collect(directory, &path, files)?;
                }
            } else if let Some(contents) = self.node.read(&full)? {
                files.push((path, contents));
            }
        }
        Ok(())
    }

    /// Whether an authority's key is kept elsewhere; then everything that it should have signed must be here.
    fn is_external(&mut self, authority: &'static CertSpec) -> Result<bool, PhaseError> {
        struct Found {
            path: String,
            crt: Option<Vec<u8>>,
            key: Option<Vec<u8>>,
        }
        impl Found {
            fn pair(&self) -> Pair<'_> {
                Pair { path: &self.path, crt: self.crt.as_deref(), key: self.key.as_deref() }
            }
        }
        let read = |spec: &CertSpec| -> Result<Found, PhaseError> {
            Ok(Found {
                path: spec.path(&self.cluster),
                crt: self.read(&spec.crt_path(&self.cluster))?,
                key: self.read(&spec.key_path(&self.cluster))?,
            })
        };
        let ca = read(authority)?;
        if ca.crt.is_none() || ca.key.is_some() {
            return Ok(false);
        }
        let leaves = authority.leaves().map(read).collect::<Result<Vec<_>, _>>()?;
        let pairs: Vec<Pair<'_>> = leaves.iter().map(Found::pair).collect();
        let verdict = custody(ca.pair(), &pairs, self.start)?;
        self.warn(verdict.warnings);
        Ok(verdict.decision == Custody::Elsewhere)
    }

    /// With an external authority all kubeconfig files must be there and fit (`ValidateKubeconfigsForExternalCA`).
    fn check_external_kubeconfigs(&self) -> Result<(), PhaseError> {
        let ca = self.read(&CA.crt_path(&self.cluster))?.unwrap_or_default();
        let wanted = |name: &str| self.founds || JOINED_KUBECONFIGS.contains(&name);
        for spec in KUBECONFIGS.iter().filter(|spec| wanted(spec.name) && (spec.is_needed)(&self.cluster)) {
            let path = self.kubeconfig_path(spec.file);
            let Some(bytes) = self.read(&path)? else { return Err(PhaseError::MissingKubeconfig { path }) };
            // Unlike the file that we would make, the one for an external authority may point anywhere: kubeadm expects
            // the common endpoint in kubelet.conf too, and only warns.
            let server = if matches!(spec.name, "controller-manager" | "scheduler") {
                self.cluster.local_api_url()
            } else {
                self.cluster.api_endpoint_url()
            };
            self.check_kubeconfig(&path, &bytes, &server, &ca)?;
        }
        Ok(())
    }

    /// Judges an existing kubeconfig file; a server that differs is only told.
    pub fn check_kubeconfig(&self, path: &str, bytes: &[u8], server: &str, ca: &[u8]) -> Result<(), PhaseError> {
        let fail = |source| PhaseError::Kubeconfig { path: path.to_owned(), source };
        let found = Kubeconfig::parse(bytes).map_err(fail)?;
        let read = |path: &str| self.node.read(path).ok().flatten();
        if let Some(mismatch) = found.check_existing(server, ca, read).map_err(fail)? {
            let message = format!("{path} points at {}, not at {}", mismatch.found, mismatch.expected);
            self.notice(Level::Warning, message);
        }
        Ok(())
    }

    /// A phase begins.
    pub fn enter(&mut self, path: &str) {
        path.clone_into(&mut self.path);
    }

    /// A phase is done, as the journal is to know.
    pub fn leave(&mut self, path: &str) {
        if let (Some(journal), false) = (&mut self.journal, self.only_plugins) {
            journal.phases.insert(path.to_owned());
        }
    }

    /// The run has come to its end.
    pub fn end(&mut self) {
        if let (Some(journal), false) = (&mut self.journal, self.only_plugins) {
            journal.complete = true;
        }
    }

    /// Makes durable what has been written, with the journal before it.
    pub fn settle(&mut self) -> Result<(), PhaseError> {
        // Before what it tells of: what is in place and not known to be ours would be refused as a stranger's.
        let is_resumed = self.resumed.is_some() && !self.only_plugins;
        if let Some(journal) = &mut self.journal
            && (self.touched || is_resumed)
        {
            let copies = journal.keep(&self.node, self.node.take_originals())?;
            self.node.ensure_untold(&copies)?;
            journal.write(&self.node)?;
        }
        Ok(self.node.settle()?)
    }
}
