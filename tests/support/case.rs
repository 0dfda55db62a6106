//! Recorded cases: `tests/fixtures/golden/v1.36/NN-name`.

use std::fs;
use std::path::{Path, PathBuf};

use super::program::Program;
use super::tree::{self, Body, Tree};

/// Where the recordings of one release are.
pub fn golden() -> PathBuf {
    super::fixtures().join("golden/v1.36")
}

/// The phases that the recordings ran, in this order.
pub const PHASES: [&str; 5] = ["certs", "kubeconfig", "etcd", "control-plane", "kubelet-start"];

/// One case.
#[derive(Clone, Debug)]
pub struct Case {
    /// `04-extra-volumes-envs`.
    pub name: String,
    /// Its folder.
    pub path: PathBuf,
}

impl Case {
    /// All of them.
    pub fn all() -> Vec<Self> {
        let mut cases: Vec<_> = fs::read_dir(golden())
            .expect("the recordings")
            .map(|e| e.expect("an entry").path())
            .filter(|path| path.join("files.tree").exists())
            .map(|path| Self { name: path.file_name().expect("a name").to_string_lossy().into_owned(), path })
            .collect();
        cases.sort_by(|a, b| a.name.cmp(&b.name));
        assert!(cases.len() >= 19, "only {} cases in {}", cases.len(), golden().display());
        cases
    }

    /// One of them.
    pub fn named(name: &str) -> Self {
        Self::all().into_iter().find(|c| c.name == name).unwrap_or_else(|| panic!("no case {name}"))
    }

    /// A file of it, if it has that.
    pub fn text(&self, file: &str) -> Option<String> {
        fs::read_to_string(self.path.join(file)).ok()
    }

    /// The words of a recorded command after `kubeadm`, with `CASE` replaced.
    pub fn command(&self, file: &str, folder: &str) -> Option<Vec<String>> {
        let text = self.text(file)?;
        Some(text.split_whitespace().skip(1).map(|word| word.replace("CASE", folder)).collect())
    }

    /// Copies `config.yaml` and `patches/` to a folder that the program under test calls `called`.
    pub fn place_in(&self, folder: &Path, called: &str) {
        fs::create_dir_all(folder).expect("the case's folder");
        if let Some(config) = self.text("config.yaml") {
            fs::write(folder.join("config.yaml"), config.replace("CASE", called)).expect("the configuration");
        }
        if let Ok(patches) = fs::read_dir(self.path.join("patches")) {
            fs::create_dir_all(folder.join("patches")).expect("the patches' folder");
            for patch in patches {
                let patch = patch.expect("an entry");
                fs::copy(patch.path(), folder.join("patches").join(patch.file_name())).expect("a patch");
            }
        }
    }

    /// Does below `root` what `pre.sh` did on the recording node.
    pub fn prepare(&self, root: &Path) {
        let Some(script) = self.text("pre.sh") else { return };
        let root = root.display().to_string();
        let script = script.replace("/etc/", "ROOT/etc/").replace("/tmp/", "ROOT/tmp/").replace("ROOT", &root);
        Program::at(Path::new("/bin/sh")).run(["-ec", &script]).expect_code(0);
        fs::remove_dir_all(format!("{root}/tmp")).expect("the script's scratch files");
        fs::create_dir(format!("{root}/tmp")).expect("/tmp");
    }

    /// Whether `pre.sh` made a file.
    pub fn prepared(&self, path: &str) -> bool {
        let name = path.strip_prefix("etc/kubernetes/pki/").unwrap_or(path);
        self.text("pre.sh").is_some_and(|script| script.contains(&format!(" {name} ")))
    }

    /// Whether an entry was on the recording node before kubeadm ran: from packages, or prepared.
    pub fn found(&self, path: &str) -> bool {
        let directories = ["etc/kubernetes/pki", "etc/kubernetes/pki/etcd"];
        matches!(path, "etc/kubernetes" | "var/lib/kubelet")
            || self.prepared(path)
            || (directories.contains(&path) && self.text("pre.sh").is_some())
    }

    /// What the single phases left on the node.
    pub fn files(&self) -> Tree {
        self.recorded("files")
    }

    /// What `init --dry-run` would have left on the node.
    pub fn dry_run(&self) -> Tree {
        if self.path.join("dry-run.tree").exists() { self.recorded("dry-run") } else { self.files() }
    }

    fn recorded(&self, name: &str) -> Tree {
        let certs = self.path.join("certs.txt");
        let listing = self.path.join(format!("{name}.tree"));
        let mut tree = tree::recorded(&self.path.join(name), &listing, Some(&certs));
        // Where `certs.txt` does not list the service account's key: it is made like the CA's.
        let sa: Vec<_> = tree.keys().filter(|path| path.ends_with("/sa.key")).cloned().collect();
        for path in sa {
            let like = tree[&path.replace("/sa.key", "/ca.key")].body.clone();
            tree.entry(path).and_modify(|e| {
                if e.body == Body::Withheld(None) {
                    e.body = like
                }
            });
        }
        for (path, entry) in &tree {
            // A key whose kind nobody knows would be compared by its mode alone.
            assert_ne!(entry.body, Body::Withheld(None), "{}: kind of {path} not recorded", self.name);
        }
        tree
    }
}
