//! A user's directory, and a rehearsal that is on while a test looks at it.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::program::{Outcome, Program};

/// A configuration with small keys, so that tests do not wait for them.
pub const CONFIG: &str = "
apiVersion: kubeadm.k8s.io/v1beta4
kind: InitConfiguration
bootstrapTokens:
  - token: abcdef.0123456789abcdef
certificateKey: \"00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\"
nodeRegistration:
  name: cp-a
---
apiVersion: kubeadm.k8s.io/v1beta4
kind: ClusterConfiguration
kubernetesVersion: v1.36.2
clusterName: stage
encryptionAlgorithm: ECDSA-P256
networking:
  podSubnet: 10.244.0.0/16
";

/// A directory of a user's own, with the program and a configuration in it.
pub struct Place {
    directory: tempfile::TempDir,
}

impl Place {
    /// With [`CONFIG`].
    pub fn new() -> Self {
        Self::with(CONFIG)
    }

    /// With a configuration.
    pub fn with(config: &str) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let place = Self { directory };
        fs::set_permissions(place.path(), fs::Permissions::from_mode(0o777)).expect("open to everyone");
        fs::create_dir(place.temporary()).expect("a directory");
        fs::set_permissions(place.temporary(), fs::Permissions::from_mode(0o777)).expect("open to everyone");
        fs::copy(env!("CARGO_BIN_EXE_kubephase"), place.binary()).expect("a copy that everyone may run");
        fs::write(place.path().join("cluster.yaml"), config).expect("a configuration");
        place
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    /// Where the program puts what is temporary.
    pub fn temporary(&self) -> PathBuf {
        self.path().join("tmp")
    }

    fn binary(&self) -> PathBuf {
        self.path().join("kubephase")
    }

    /// Runs `kubephase rehearse init …` as an ordinary user.
    #[track_caller]
    pub fn rehearse(&self, args: &[&str]) -> Outcome {
        let program = self.program();
        let program = if crate::support::is_root() { program.without_privileges() } else { program };
        program.run(Self::words(args))
    }

    /// Runs `kubephase rehearse join …` as an ordinary user.
    #[track_caller]
    pub fn rehearse_join(&self, args: &[&str]) -> Outcome {
        let program = self.program();
        let program = if crate::support::is_root() { program.without_privileges() } else { program };
        program.run(["rehearse", "join"].iter().chain(args))
    }

    /// The same as whoever runs the test.
    #[track_caller]
    pub fn rehearse_as_we_are(&self, args: &[&str]) -> Outcome {
        self.program().run(Self::words(args))
    }

    /// The same with `--real-api` and the programs of a directory.
    #[track_caller]
    pub fn rehearse_with(&self, programs: &Path, args: &[&str]) -> Outcome {
        let args: Vec<&str> = ["--real-api"].iter().chain(args).copied().collect();
        self.program().env("KUBERNETES_BIN_DIR", &programs.display().to_string()).run(Self::words(&args))
    }

    /// One with the programs of a directory, as it goes.
    pub fn start_with(&self, programs: &Path) -> Child {
        let mut child = Command::new(self.binary());
        child
            .args(Self::words(&["--real-api"]))
            .current_dir(self.path())
            .env("TMPDIR", self.temporary())
            .env("KUBERNETES_BIN_DIR", programs)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        child.spawn().expect("it starts")
    }

    fn program(&self) -> Program {
        Program::at(&self.binary()).within(self.path()).env("TMPDIR", &self.temporary().display().to_string())
    }

    fn words<'a>(args: &[&'a str]) -> Vec<&'a str> {
        ["rehearse", "init", "--config", "cluster.yaml"].iter().chain(args).copied().collect()
    }

    /// The names of what is there beside what was there at the start.
    pub fn left(&self) -> Vec<String> {
        let names = |directory: PathBuf| {
            fs::read_dir(directory).expect("readable").map(|entry| entry.expect("an entry").file_name().into_string())
        };
        let all = names(self.path().to_owned()).chain(names(self.temporary()));
        let mut all: Vec<String> = all.map(|name| name.expect("UTF-8")).collect();
        all.retain(|name| !["kubephase", "cluster.yaml", "tmp"].contains(&name.as_str()));
        all.sort();
        all
    }

    /// A rehearsal that is kept up, run by who runs the test.
    pub fn serve(&self, args: &[&str]) -> Served {
        let mut child = Command::new(self.binary());
        child
            .args(["rehearse", "init", "--config", "cluster.yaml", "--serve"])
            .args(args)
            .current_dir(self.path())
            .env("TMPDIR", self.temporary())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let mut child = child.spawn().expect("it starts");
        let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        let kubeconfig = lines.by_ref().map(|line| line.expect("a pipe")).find_map(|line| {
            line.trim().strip_prefix("export KUBECONFIG=").filter(|path| !path.starts_with("/etc/")).map(PathBuf::from)
        });
        // The pipe stays open: the program has one more line to say.
        let rest = std::thread::spawn(move || lines.map_while(Result::ok).for_each(drop));
        Served { child, kubeconfig: kubeconfig.expect("it says where its kubeconfig is"), _rest: rest }
    }
}

/// A rehearsal that is on; it is ended when this goes.
pub struct Served {
    child: Child,
    /// With which its API server is reached.
    pub kubeconfig: PathBuf,
    _rest: std::thread::JoinHandle<()>,
}

impl Served {
    /// Ends it by a signal, and waits for its end.
    pub fn end(mut self, signal: &str) -> Option<i32> {
        let killed = Command::new("kill").args([signal, &self.child.id().to_string()]).status().expect("kill runs");
        assert!(killed.success());
        let start = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("it can be waited for") {
                return status.code();
            }
            assert!(start.elapsed() < Duration::from_secs(20), "it does not end");
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
