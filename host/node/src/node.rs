//! The handle that everything else gets: which machine this is, and whether changes really happen on it. The verbs
//! live beside what they do: files in [`crate::file`], programs in `exec`, services in `service`, looks in `probe`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use crate::change::Change;
use crate::file::held::Held;
use crate::file::original::Originals;
use crate::file::temporary::Swept;
use crate::kube::Pretended;
use crate::machine::{Ambient, Machine};
use crate::stage::Stage;

/// One machine, real or pretended. Cheap to clone; clones share the list of changes.
#[derive(Clone, Debug)]
pub struct Node {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    machine: Machine,
    /// Where the node's `/` is on this machine.
    root: PathBuf,
    scratch: Option<Scratch>,
    changes: Mutex<Vec<Change>>,
    swept: Swept,
    held: Mutex<Held>,
    originals: Mutex<Originals>,
    stage: Option<Arc<dyn Stage>>,
    pretended: Arc<Mutex<Pretended>>,
}

/// Where a dry run's writes land, laid out as on the node.
#[derive(Debug)]
pub(crate) struct Scratch {
    pub(crate) dir: PathBuf,
    /// What an earlier dry run left in `dir` counts as being on the node.
    resumed: bool,
    /// What this run did, by path on the node: what else is in `dir` is stale.
    layers: Mutex<BTreeMap<PathBuf, Layer>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Layer {
    Written,
    Removed,
}

/// Where a path of the node is found.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Found {
    At(PathBuf),
    /// This dry run has removed it.
    Gone,
}

impl Node {
    /// This machine.
    pub fn real() -> Self {
        Self::new(Machine::Live, Path::new("/"), None)
    }

    /// A machine whose files are all below `root`, links included; programs are looked for there too, so none of the
    /// host's runs. Everything that is not a file is the host's own.
    pub fn at(root: impl AsRef<Path>) -> Self {
        Self::new(Machine::Live, root.as_ref(), None)
    }

    /// Like [`Node::at`], but what the kernel and the environment say is given: for tests.
    pub fn fixed(root: impl AsRef<Path>, ambient: Ambient) -> Self {
        Self::new(Machine::Fixed(Box::new(ambient)), root.as_ref(), None)
    }

    /// This machine for reading; writes land in `scratch`, laid out as on the node, and are seen by later reads.
    /// Nothing outside `scratch` changes and no program with effects runs. What already lies in `scratch` is
    /// ignored and written over, so that a second dry run into it says the same as the first.
    pub fn dry_run(scratch: impl AsRef<Path>) -> Self {
        Self::dry_run_of("/", scratch)
    }

    /// [`Node::dry_run`] of the machine below `root`.
    pub fn dry_run_of(root: impl AsRef<Path>, scratch: impl AsRef<Path>) -> Self {
        Self::new(Machine::Live, root.as_ref(), Some(Scratch::new(scratch.as_ref(), false)))
    }

    /// [`Node::dry_run`] that goes on where an earlier one into the same directory ended, for running single phases
    /// one after the other: what lies in `scratch` counts as being on the node.
    pub fn dry_run_resumed(scratch: impl AsRef<Path>) -> Self {
        Self::new(Machine::Live, Path::new("/"), Some(Scratch::new(scratch.as_ref(), true)))
    }

    /// Like [`Node::fixed`], with programs and a network that are pretended by `stage`: nothing of the host runs, and
    /// nothing is asked of anybody but the stage.
    pub fn rehearsed(root: impl AsRef<Path>, ambient: Ambient, stage: Arc<dyn Stage>) -> Self {
        let mut node = Self::fixed(root, ambient);
        if let Some(inner) = Arc::get_mut(&mut node.inner) {
            inner.stage = Some(stage);
        }
        node
    }

    /// A dry run of a [`Node::fixed`] machine: for tests.
    pub fn dry_run_fixed(root: impl AsRef<Path>, scratch: impl AsRef<Path>, ambient: Ambient) -> Self {
        let scratch = Scratch::new(scratch.as_ref(), false);
        Self::new(Machine::Fixed(Box::new(ambient)), root.as_ref(), Some(scratch))
    }

    /// A dry run of this very machine, whatever kind it is, as [`Node::dry_run`] is of the real one.
    #[must_use]
    pub fn dry_run_here(&self, scratch: impl AsRef<Path>) -> Self {
        let scratch = Scratch::new(scratch.as_ref(), false);
        let mut node = Self::new(self.inner.machine.clone(), &self.inner.root, Some(scratch));
        if let Some(inner) = Arc::get_mut(&mut node.inner) {
            inner.stage.clone_from(&self.inner.stage);
        }
        node
    }

    fn new(machine: Machine, root: &Path, scratch: Option<Scratch>) -> Self {
        let root = absolute(root);
        let inner = Inner {
            machine,
            root,
            scratch,
            changes: Mutex::default(),
            swept: Swept::default(),
            held: Mutex::default(),
            originals: Mutex::default(),
            stage: None,
            pretended: Arc::default(),
        };
        Self { inner: Arc::new(inner) }
    }

    /// True if nothing really happens.
    pub fn is_dry_run(&self) -> bool {
        self.inner.scratch.is_some()
    }

    /// Where a dry run's writes land.
    pub fn scratch(&self) -> Option<&Path> {
        self.inner.scratch.as_ref().map(|scratch| &*scratch.dir)
    }

    /// What has been done since the last call, in order.
    pub fn changes(&self) -> Vec<Change> {
        std::mem::take(&mut *lock(&self.inner.changes))
    }

    pub(crate) fn record(&self, change: Change) {
        lock(&self.inner.changes).push(change);
    }

    /// The time.
    pub fn now(&self) -> SystemTime {
        self.machine().now()
    }

    /// Fills `bytes` from the kernel's random number generator. It waits for the generator to be seeded, and has no
    /// other way to fail on the kernels that Kubernetes runs on.
    pub fn random(&self, mut bytes: &mut [u8]) {
        use rustix::rand::{GetRandomFlags, getrandom};

        while !bytes.is_empty() {
            match getrandom(&mut *bytes, GetRandomFlags::empty()) {
                Ok(filled) => bytes = &mut bytes[filled..],
                Err(rustix::io::Errno::INTR) => {}
                // Keys made from anything else would be guessable: stopping is the only safe answer.
                Err(errno) => panic!("the kernel gives no random numbers: {errno}"),
            }
        }
    }

    /// One environment variable, if it is set and not empty.
    pub fn env(&self, name: &str) -> Option<String> {
        match self.machine() {
            Machine::Live => std::env::var(name).ok(),
            fixed @ Machine::Fixed(_) => fixed.env().into_iter().find(|(key, _)| key == name).map(|(_, value)| value),
        }
        .filter(|value| !value.is_empty())
    }

    /// Where a path of the node is on the machine that this process runs on: for sockets and for messages.
    pub fn host_path(&self, path: &str) -> PathBuf {
        match self.find(path) {
            Found::At(place) => place,
            Found::Gone => below(&self.inner.root, &self.normal(path)),
        }
    }

    /// What pretends this machine's programs and network, if anything does.
    pub(crate) fn stage(&self) -> Option<&dyn Stage> {
        self.inner.stage.as_deref()
    }

    /// The proxy that everything must go through, if there is one.
    pub(crate) fn proxy(&self) -> Option<String> {
        self.stage().map(Stage::proxy)
    }

    /// True if what is done really happens: neither a dry run nor a pretended machine.
    pub fn is_real(&self) -> bool {
        !self.is_dry_run() && !self.is_rehearsed()
    }

    /// True if this machine is only pretended: its ports and names are nobody's.
    pub fn is_rehearsed(&self) -> bool {
        self.stage().is_some()
    }

    /// What a dry run has done to the cluster.
    pub(crate) fn pretended(&self) -> Arc<Mutex<Pretended>> {
        self.inner.pretended.clone()
    }

    pub(crate) fn machine(&self) -> &Machine {
        &self.inner.machine
    }

    pub(crate) fn swept(&self) -> &Swept {
        &self.inner.swept
    }

    pub(crate) fn originals(&self) -> &Mutex<Originals> {
        &self.inner.originals
    }

    pub(crate) fn all_changes(&self) -> &Mutex<Vec<Change>> {
        &self.inner.changes
    }

    pub(crate) fn held(&self) -> MutexGuard<'_, Held> {
        lock(&self.inner.held)
    }

    pub(crate) fn scratch_layers(&self) -> Option<&Scratch> {
        self.inner.scratch.as_ref()
    }

    /// The directory below which writes land, `/` on the real node.
    pub(crate) fn write_root(&self) -> &Path {
        self.inner.scratch.as_ref().map_or(&*self.inner.root, |scratch| &*scratch.dir)
    }

    pub(crate) fn read_root(&self) -> &Path {
        &self.inner.root
    }

    /// Where to read a path of the node.
    pub(crate) fn find(&self, path: &str) -> Found {
        let path = self.normal(path);
        if let Some(scratch) = &self.inner.scratch {
            match scratch.layer(&path) {
                Some(Layer::Written) => return Found::At(below(&scratch.dir, &path)),
                Some(Layer::Removed) => return Found::Gone,
                None => {}
            }
        }
        if let Some(place) = self.held().place(&path) {
            return Found::At(place);
        }
        Found::At(if self.is_rooted() { resolve(&self.inner.root, &path) } else { path })
    }

    /// True if the node's `/` is not the machine's.
    pub(crate) fn is_rooted(&self) -> bool {
        self.inner.root != Path::new("/")
    }

    /// Absolute, without `.`, doubled and trailing slashes. What a user gave relative to the working directory means
    /// that on the real machine.
    pub(crate) fn normal(&self, path: &str) -> PathBuf {
        if self.is_rooted() { Path::new("/").join(path).components().collect() } else { absolute(Path::new(path)) }
    }
}

impl Scratch {
    fn new(dir: &Path, resumed: bool) -> Self {
        Self { dir: absolute(dir), resumed, layers: Mutex::default() }
    }

    pub(crate) fn mark(&self, path: PathBuf, layer: Layer) {
        lock(&self.layers).insert(path, layer);
    }

    pub(crate) fn layer(&self, path: &Path) -> Option<Layer> {
        let known = lock(&self.layers).get(path).copied();
        known.or_else(|| (self.resumed && below(&self.dir, path).exists()).then_some(Layer::Written))
    }

    /// Names directly below `dir` that this run wrote or removed.
    pub(crate) fn children(&self, dir: &Path) -> Vec<(String, Layer)> {
        let mut names: Vec<_> = Vec::new();
        if self.resumed {
            let entries = std::fs::read_dir(below(&self.dir, dir)).into_iter().flatten().flatten();
            names.extend(entries.filter_map(|e| Some((e.file_name().into_string().ok()?, Layer::Written))));
        }
        let layers = lock(&self.layers);
        let own = layers.iter().filter(|(path, _)| path.parent() == Some(dir));
        names.extend(own.filter_map(|(path, layer)| Some((path.file_name()?.to_str()?.to_owned(), *layer))));
        names
    }
}

/// A poisoned lock only means that another thread panicked between two pushes: the list is still whole.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Standard alphabet, padded.
pub(crate) fn base64(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

fn absolute(path: &Path) -> PathBuf {
    // It fails only for an empty path or a working directory that is gone.
    std::path::absolute(path).unwrap_or_else(|_| Path::new("/").join(path)).components().collect()
}

fn below(root: &Path, path: &Path) -> PathBuf {
    root.join(path.strip_prefix("/").unwrap_or(path))
}

/// The place of `path` below `root` with every link followed as a process inside `root` would follow it, as far as
/// the path exists. No boundary against someone who changes links meanwhile, only against plain mistakes.
pub(crate) fn resolve(root: &Path, path: &Path) -> PathBuf {
    use std::path::Component;

    /// The kernel's own limit.
    const LINKS: usize = 40;

    let mut place = root.to_path_buf();
    let mut rest: Vec<PathBuf> = components(path);
    let mut links = 0;
    while let Some(part) = rest.pop() {
        match part.components().next() {
            Some(Component::ParentDir) if place != root => {
                place.pop();
            }
            Some(Component::Normal(name)) => {
                let next = place.join(name);
                match std::fs::read_link(&next) {
                    Ok(target) if links < LINKS => {
                        links += 1;
                        if target.is_absolute() {
                            place = root.to_path_buf();
                        }
                        rest.extend(components(&target));
                    }
                    _ => place = next,
                }
            }
            _ => {}
        }
    }
    place
}

fn components(path: &Path) -> Vec<PathBuf> {
    path.components().rev().map(|component| PathBuf::from(component.as_os_str())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn links_stay_below_the_root() {
        let root = tempfile::tempdir().expect("a temporary directory");
        let root = root.path();
        std::fs::create_dir_all(root.join("data/kubernetes")).expect("a directory");
        std::fs::create_dir_all(root.join("etc")).expect("a directory");
        symlink("/data/kubernetes", root.join("etc/kubernetes")).expect("a link");
        symlink("../../../../../data", root.join("etc/up")).expect("a link");
        symlink("loop", root.join("etc/loop")).expect("a link");
        let at = |path: &str| resolve(root, Path::new(path));
        assert_eq!(at("/etc/kubernetes/pki/ca.crt"), root.join("data/kubernetes/pki/ca.crt"));
        assert_eq!(at("/etc/up/x"), root.join("data/x"));
        assert_eq!(at("/../../etc/hosts"), root.join("etc/hosts"));
        assert!(at("/etc/loop").starts_with(root));
    }

    #[test]
    fn random_bytes_differ() {
        let node = Node::real();
        let (mut a, mut b) = ([0_u8; 32], [0_u8; 32]);
        node.random(&mut a);
        node.random(&mut b);
        assert_ne!(a, b);
    }

    #[test]
    fn the_environment_of_a_fixed_machine_is_the_given_one() {
        let ambient = Ambient {
            env: vec![("HOME".into(), "/root".into()), ("EMPTY".into(), String::new())],
            now: Some(SystemTime::UNIX_EPOCH),
            ..Ambient::default()
        };
        let node = Node::fixed("/nowhere", ambient);
        assert_eq!(node.env("HOME").as_deref(), Some("/root"));
        assert_eq!(node.env("EMPTY"), None);
        assert_eq!(node.env("PATH"), None);
        assert_eq!(node.now(), SystemTime::UNIX_EPOCH);
    }
}
