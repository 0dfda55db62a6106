//! Undoing a run by its journal: what it made goes, what it replaced comes back, directories that it made go if they are
//! empty. Nothing that the journal does not name is touched, and what somebody else has changed since is left and told.
//! Objects of the cluster are the cluster's and not this node's: they are not undone.

mod fate;

use std::collections::BTreeSet;
use std::fmt;
use std::io::ErrorKind;

use kubephase_engine::Level;
use kubephase_model::layout::{BACKUP_DIR, STATE_DIR};
use kubephase_node::Node;

pub(crate) use fate::{Fate, bring_back, fate};

use crate::error::PhaseError;
use crate::journal::{Journal, PATH};

/// One thing that undoing does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Stops a service that the run started.
    Stop(String),
    /// Removes a file that the run made.
    Remove(String),
    /// Puts back what a file held.
    Restore(String),
    /// Removes an empty directory that the run made.
    RemoveDirectory(String),
    /// Leaves something as it is.
    Keep {
        /// Which file or directory.
        path: String,
        /// Why.
        why: String,
    },
    /// Starts a service again that had been running before.
    Start(String),
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stop(service) => write!(f, "stop {service}"),
            Self::Remove(path) | Self::RemoveDirectory(path) => write!(f, "remove {path}"),
            Self::Restore(path) => write!(f, "restore {path}"),
            Self::Keep { path, why } => write!(f, "keep {path}: {why}"),
            Self::Start(service) => write!(f, "start {service}"),
        }
    }
}

/// What there is to undo.
#[derive(Clone, Debug)]
pub struct Undo {
    journal: Journal,
    steps: Vec<Step>,
}

impl Undo {
    /// Looks what there is to undo and changes nothing. `None` without a journal.
    pub fn of(node: &Node) -> Result<Option<Self>, PhaseError> {
        let Some(journal) = Journal::read(node)? else { return Ok(None) };
        let mut steps: Vec<Step> = journal.services.keys().cloned().map(Step::Stop).collect();
        let mut gone = BTreeSet::new();
        let mut kept = BTreeSet::new();
        let expected = |path: &String| journal.plugins.values().find_map(|owned| owned.files.get(path));
        // Backwards, so that what is below a directory goes before it.
        for path in journal.files.keys().rev().filter(|path| !node.is_dir(path) && !is_state(path)) {
            match fate(node, &journal, path, expected(path).map(String::as_str))? {
                Fate::Gone => {}
                Fate::Remove => {
                    gone.insert(path.clone());
                    steps.push(Step::Remove(path.clone()));
                }
                Fate::Restore => steps.push(Step::Restore(path.clone())),
                Fate::Keep(why) => {
                    kept.extend(journal.originals.get(path).map(|backup| backup.kept.clone()));
                    kept.insert(path.clone());
                    steps.push(Step::Keep { path: path.clone(), why });
                }
            }
        }
        // The journal last, but for the directory it is in: what is cut off before is found again. Copies of what was not
        // put back stay.
        let mut copies: Vec<String> = journal.originals.values().map(|backup| backup.kept.clone()).collect();
        let made = copies.iter().flat_map(|copy| above(copy, BACKUP_DIR));
        let mut made: BTreeSet<String> = made.filter(|path| node.is_dir(path)).collect();
        copies.retain(|copy| node.exists(copy) && !kept.contains(copy));
        let own = [PATH.to_owned(), format!("{STATE_DIR}/lock")].into_iter().filter(|path| node.exists(path));
        let mut last: Vec<Step> = own.map(Step::Remove).collect();
        gone.extend([PATH.to_owned(), format!("{STATE_DIR}/lock")]);
        for path in copies {
            gone.insert(path.clone());
            steps.push(Step::Remove(path));
        }
        let created = journal.files.iter().filter(|(_, became)| *became == "created").map(|(path, _)| path.clone());
        made.extend(created.filter(|path| node.is_dir(path)));
        for path in made.into_iter().rev() {
            let below = node.list(&path)?.into_iter().map(|name| format!("{path}/{name}"));
            let left: Vec<String> = below.filter(|path| !gone.contains(path)).collect();
            if left.is_empty() {
                gone.insert(path.clone());
                let holds_journal = PATH.starts_with(&format!("{path}/"));
                if holds_journal { &mut last } else { &mut steps }.push(Step::RemoveDirectory(path));
                continue;
            }
            // Why it cannot go has been told where that is all that is left.
            if !left.iter().all(|path| kept.contains(path)) {
                let why = "it is not empty: others have put something there".into();
                steps.push(Step::Keep { path: path.clone(), why });
            }
            kept.insert(path);
        }
        steps.extend(last);
        let again = journal.services.iter().filter(|(_, was_running)| **was_running);
        steps.extend(again.map(|(service, _)| Step::Start(service.clone())));
        Ok(Some(Self { journal, steps }))
    }

    /// What will be done, in this order.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// The same without some of it.
    #[must_use]
    pub fn without(mut self, is_left_out: impl Fn(&Step) -> bool) -> Self {
        self.steps.retain(|step| !is_left_out(step));
        self
    }

    /// Does it. A dry run of the node only tells it. What cannot be done with a service is told and no failure: files
    /// matter more.
    pub async fn run(&self, node: &Node, tell: &(dyn Fn(Level, String) + Sync)) -> Result<(), PhaseError> {
        for step in &self.steps {
            match step {
                Step::Stop(name) | Step::Start(name) => {
                    let service = node.service(name);
                    if service.init_system().is_none() && !node.is_dry_run() {
                        tell(Level::Warning, format!("no supported init system: {step} yourself"));
                        continue;
                    }
                    let is_start = matches!(step, Step::Start(_));
                    let done = if is_start { service.start().await } else { service.stop().await };
                    if let Err(error) = done {
                        tell(Level::Warning, format!("{error}; {}", error.hint()));
                    }
                }
                Step::Remove(path) => drop(node.remove(path)?),
                Step::RemoveDirectory(path) => match node.remove(path) {
                    // It was empty a moment ago. Whatever is there now is not ours, and no reason to leave what is.
                    Err(error) if error.kind() == ErrorKind::ResourceBusy => {
                        tell(Level::Warning, format!("{path} stays: something is mounted there, or works in it"));
                    }
                    Err(error) if error.kind() == ErrorKind::DirectoryNotEmpty => {
                        tell(Level::Warning, format!("{path} stays: it is not empty any more"));
                    }
                    done => drop(done?),
                },
                Step::Restore(path) => bring_back(node, &self.journal, path)?,
                Step::Keep { path, why } => tell(Level::Warning, format!("{path} stays: {why}")),
            }
        }
        Ok(())
    }
}

/// Our own state is no result of a run.
fn is_state(path: &str) -> bool {
    path.strip_prefix(STATE_DIR).is_some_and(|rest| rest.starts_with('/'))
}

/// The directories above a path, down to `root` and with it.
fn above(path: &str, root: &str) -> Vec<String> {
    let mut all = Vec::new();
    let mut at = path;
    while let Some((directory, _)) = at.rsplit_once('/') {
        if !directory.starts_with(root) {
            break;
        }
        all.push(directory.to_owned());
        at = directory;
    }
    all
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use kubephase_model::File;

    use super::*;

    const HOSTS: &str = "/etc/containerd/certs.d/a/hosts.toml";
    const OLD: &str = "/etc/containerd/config.toml";

    /// A node on which one file was made, with its directories, and another replaced.
    fn worked() -> (tempfile::TempDir, Node, Journal) {
        let root = tempfile::tempdir().expect("a root");
        let node = Node::at(root.path());
        node.ensure(&File::public(OLD, "before")).expect("written");
        node.changes();
        let mut journal = Journal::begin("init", "sha256:0".into());
        node.ensure_dir("/etc/containerd/certs.d/a", 0o755).expect("made");
        node.ensure_all(&[File::public(HOSTS, "ours"), File::public(OLD, "ours")]).expect("written");
        journal.note(&node.changes());
        journal.files.insert("/etc/containerd/certs.d/a".into(), "created".into());
        let kept = format!("{BACKUP_DIR}{OLD}");
        node.ensure(&File::public(&kept, "before")).expect("written");
        let owner = node.owner(OLD).expect("an owner");
        let replaced_by = crate::journal::digest_of(b"ours");
        let backup = crate::journal::Backup { kept, mode: 0o644, uid: owner.uid, gid: owner.gid, replaced_by };
        journal.originals.insert(OLD.into(), backup);
        journal.files.insert(OLD.into(), "replaced".into());
        journal.write(&node).expect("written");
        (root, node, journal)
    }

    fn run(undo: &Undo, node: &Node) -> String {
        let told = Mutex::new(String::new());
        let tell = |_: Level, message: String| told.lock().expect("not poisoned").push_str(&format!("{message}\n"));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(undo.run(node, &tell)).expect("undone");
        told.into_inner().expect("not poisoned")
    }

    #[test]
    fn wherever_it_is_cut_off_the_next_one_ends_it() {
        let (_root, node, _) = worked();
        let steps = Undo::of(&node).expect("readable").expect("a journal").steps.len();
        assert!(steps > 5, "{steps}");
        for cut in 0..steps {
            let (_root, node, _) = worked();
            let mut undo = Undo::of(&node).expect("readable").expect("a journal");
            undo.steps.truncate(cut);
            let mut told = run(&undo, &node);
            if let Some(rest) = Undo::of(&node).expect("readable") {
                told.push_str(&run(&rest, &node));
            }
            assert_eq!(told, "", "cut off after {cut}");
            assert_eq!(node.read(OLD).expect("readable").as_deref(), Some(&b"before"[..]), "cut off after {cut}");
            for path in [HOSTS, "/etc/containerd/certs.d/a", BACKUP_DIR, PATH] {
                assert!(!node.exists(path), "{path} is left, cut off after {cut}");
            }
        }
    }

    #[test]
    fn a_directory_that_others_use_by_now_stays_and_everything_else_goes() {
        let (_root, node, _) = worked();
        let undo = Undo::of(&node).expect("readable").expect("a journal");
        node.ensure(&File::public("/etc/containerd/certs.d/a/new", "others'")).expect("written");
        let told = run(&undo, &node);
        let stays = ["/etc/containerd/certs.d/a", "/etc/containerd/certs.d"];
        assert_eq!(told, stays.map(|path| format!("{path} stays: it is not empty any more\n")).concat());
        assert!(!node.exists(PATH) && !node.exists(HOSTS) && node.exists("/etc/containerd/certs.d/a/new"));
    }
}
