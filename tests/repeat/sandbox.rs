//! A root directory for real runs of `init` by `--rootfs`, which start nothing: there are no programs in it. For
//! ordinary users it needs user namespaces.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use crate::support::{is_root, skipped};

/// What a run is told: everything but the phases that need a kubelet.
const ARGS: [&str; 5] = [
    "init",
    "--config",
    "/config.yaml",
    "--skip-phases",
    "preflight,wait-control-plane,upload-config,mark-control-plane,bootstrap-token,addon",
];

/// Small and quick to sign.
pub const CONFIG: &str = "
apiVersion: kubeadm.k8s.io/v1beta4
kind: InitConfiguration
localAPIEndpoint: {advertiseAddress: 192.0.2.10}
nodeRegistration: {name: node-1, criSocket: 'unix:///var/run/containerd/containerd.sock'}
---
apiVersion: kubeadm.k8s.io/v1beta4
kind: ClusterConfiguration
kubernetesVersion: v1.36.2
encryptionAlgorithm: ECDSA-P256
";

/// Its mode, owner and contents, by path; directories have none.
pub type Files = BTreeMap<String, (u32, (u32, u32), Option<Vec<u8>>)>;

/// One root directory, deleted at the end.
pub struct Sandbox {
    directory: tempfile::TempDir,
}

impl Sandbox {
    /// With a configuration in it; `None`, said aloud, where no process can be put into it.
    pub fn new(test: &str, config: &str) -> Option<Self> {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let write = |path: &str, text: &str| {
            let path = directory.path().join(path);
            fs::create_dir_all(path.parent().expect("a directory")).expect("made");
            fs::write(path, text).expect("written");
        };
        write("config.yaml", config);
        write("etc/passwd", "root:x:0:0:root:/root:/bin/sh\n");
        write("etc/group", "root:x:0:\n");
        let sandbox = Self { directory };
        if !is_root() {
            let entered = sandbox.prefix().arg("true").stderr(Stdio::null()).status();
            if !entered.is_ok_and(|status| status.success()) {
                skipped(test, "needs root or user namespaces");
                return None;
            }
        }
        Some(sandbox)
    }

    /// Another one with some of the files of this one.
    pub fn with(&self, test: &str, files: &Files, chosen: impl Fn(&str) -> bool) -> Option<Self> {
        let other = Self::new(test, &fs::read_to_string(self.path().join("config.yaml")).expect("there"))?;
        for (path, (mode, _, contents)) in files.iter().filter(|(path, _)| chosen(path)) {
            let place = other.path().join(path);
            match contents {
                None => fs::create_dir_all(&place).expect("made"),
                Some(contents) => {
                    fs::create_dir_all(place.parent().expect("a directory")).expect("made");
                    fs::write(&place, contents).expect("written");
                }
            }
            fs::set_permissions(&place, fs::Permissions::from_mode(*mode)).expect("a mode");
        }
        Some(other)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    /// Replaces the configuration.
    pub fn configure(&self, config: &str) {
        fs::write(self.path().join("config.yaml"), config).expect("written");
    }

    fn prefix(&self) -> Command {
        let mut command = Command::new("unshare");
        command.args(["--user", "--map-root-user", "--"]);
        command
    }

    /// Starts `init`.
    pub fn start(&self, more: &[&str]) -> Child {
        self.start_command(&[&ARGS, more].concat())
    }

    /// Starts a command. Its process is the one that a signal reaches: what enters the name space becomes it.
    pub fn start_command(&self, args: &[&str]) -> Child {
        let kubephase = PathBuf::from(env!("CARGO_BIN_EXE_kubephase"));
        let mut command = if is_root() {
            Command::new(kubephase)
        } else {
            let mut command = self.prefix();
            command.arg(kubephase);
            command
        };
        command.args(args).arg("--rootfs").arg(self.path()).env_clear().env("PATH", "/usr/bin:/bin");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts")
    }

    /// Runs `init` to its end.
    pub fn run(&self, more: &[&str]) -> Output {
        self.start(more).wait_with_output().expect("it ends")
    }

    /// Runs `init`, which must succeed. What it did, in order: kind and path.
    #[track_caller]
    pub fn complete(&self) -> Vec<(String, String)> {
        let output = self.run(&["-o", "json"]);
        let text = String::from_utf8(output.stdout).expect("UTF-8");
        assert!(output.status.success(), "{text}\n{}", String::from_utf8_lossy(&output.stderr));
        let mut changes = Vec::new();
        for line in text.lines() {
            let event: serde_json::Value = serde_json::from_str(line).expect("a JSON line");
            for change in event["changes"].as_array().into_iter().flatten() {
                let text = |name: &str| change[name].as_str().expect("text").to_owned();
                changes.push((text("kind"), text("path")));
            }
        }
        changes
    }

    /// Everything that is in it, apart from the configuration and the lock.
    pub fn files(&self) -> Files {
        fn walk(root: &Path, at: &Path, files: &mut Files) {
            for entry in fs::read_dir(at).expect("a directory") {
                let path = entry.expect("an entry").path();
                let metadata = fs::symlink_metadata(&path).expect("there");
                let contents = metadata.is_file().then(|| fs::read(&path).expect("readable"));
                let name = path.strip_prefix(root).expect("below").to_str().expect("UTF-8").to_owned();
                files.insert(name, (metadata.mode() & 0o7777, (metadata.uid(), metadata.gid()), contents));
                if metadata.is_dir() {
                    walk(root, &path, files);
                }
            }
        }
        let mut files = Files::new();
        walk(self.path(), self.path(), &mut files);
        files.retain(|path, _| !["config.yaml", "var/lib/kubephase/lock"].contains(&path.as_str()));
        files
    }
}

/// A temporary file of a run that did not end well.
pub fn is_leftover(path: &str) -> bool {
    path.rsplit('/').next().is_some_and(|name| name.starts_with(".kubephase-tmp."))
}
