//! A node to reset: a root directory with the programs of this machine, entered in mount, network and process name spaces
//! of its own. What a script mounts and adds there ends with it.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::support::tree::{self, Tree};
use crate::support::{is_root, skipped};

/// Where the program under test is, inside.
const KUBEPHASE: &str = "/kubephase";

/// Makes the name spaces look like a node, and runs the rest in them.
const ENTER: &str = r#"
cd "$NODE_ROOT"
for directory in usr lib lib32 lib64 bin sbin; do
  if [ -d "$directory" ] && [ ! -L "$directory" ]; then mount --rbind -o ro "/$directory" "$directory"; fi
done
mount --bind -o ro "$NODE_PROGRAM" .$NODE_KUBEPHASE
mount -t proc proc proc
mount -t sysfs sysfs sys
mount --bind /dev/null dev/null
ip link set lo up
exec chroot . /bin/sh -euc "$NODE_SCRIPT"
"#;

/// Answers for the init system, and writes down what it is asked for.
const SYSTEMCTL: &str = "#!/bin/sh\necho \"$*\" >> /systemctl.log\nexit 0\n";

/// What `init` of the node is told.
const CONFIG: &str = "
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

/// What `reset` is told: nobody waits for the cluster, which there is none.
const RESET: &str = "
apiVersion: kubeadm.k8s.io/v1beta4
kind: ResetConfiguration
force: true
timeouts: {kubernetesAPICall: 200ms, etcdAPICall: 200ms}
";

/// `init`, but for what needs a kubelet.
pub const INIT: &str = "$K init --config /config.yaml \
    --skip-phases preflight,wait-control-plane,upload-config,mark-control-plane,bootstrap-token,addon >/dev/null 2>&1\n";

/// One node, deleted at the end.
pub struct Ground {
    directory: tempfile::TempDir,
}

/// What a script said.
pub struct Said {
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
    /// Whether it ended well.
    pub success: bool,
}

impl Ground {
    /// `None`, said aloud, where there can be none.
    pub fn new(test: &str) -> Option<Self> {
        if !is_root() {
            skipped(test, "needs root (mounts, chroot)");
            return None;
        }
        let ground = Self { directory: tempfile::tempdir().expect("a temporary directory") };
        let root = ground.root();
        for directory in
            ["etc", "tmp", "proc", "sys", "dev", "run", "var/lib/kubelet", "var/tmp", "fake", "srv", "root"]
        {
            fs::create_dir_all(root.join(directory)).expect("a directory");
        }
        for directory in ["usr", "lib", "lib32", "lib64", "bin", "sbin"] {
            match fs::read_link(Path::new("/").join(directory)) {
                Ok(target) => symlink(target, root.join(directory)).expect("a link"),
                Err(_) if Path::new("/").join(directory).is_dir() => {
                    fs::create_dir(root.join(directory)).expect("a directory");
                }
                Err(_) => {}
            }
        }
        symlink("/run", root.join("var/run")).expect("a link");
        for (path, text) in [
            ("etc/passwd", "root:x:0:0:root:/root:/bin/sh\n"),
            ("etc/group", "root:x:0:\n"),
            ("config.yaml", CONFIG),
            ("reset.yaml", RESET),
            ("ask.yaml", &RESET.replace("force: true", "force: false")),
            ("kubephase", ""),
            ("dev/null", ""),
            ("fake/systemctl", SYSTEMCTL),
        ] {
            fs::write(root.join(path), text).expect("a file");
        }
        fs::set_permissions(root.join("fake/systemctl"), fs::Permissions::from_mode(0o755)).expect("a mode");
        let entered = ground.run("true");
        if !entered.success {
            skipped(test, &format!("needs unshare, mount, chroot and ip: {}", entered.err.trim()));
            return None;
        }
        Some(ground)
    }

    /// Where it is on this machine.
    pub fn root(&self) -> PathBuf {
        self.directory.path().to_path_buf()
    }

    /// Runs a script of the shell on it. `$K` is the program under test, `$RESET` its `reset` without questions,
    /// `$ASKING_RESET` the same with them.
    pub fn run(&self, script: &str) -> Said {
        let program = env!("CARGO_BIN_EXE_kubephase");
        let output = Command::new("unshare")
            .args(["--mount", "--net", "--pid", "--fork", "--kill-child", "--", "/bin/sh", "-euc", ENTER])
            .env_clear()
            .env("PATH", "/fake:/usr/sbin:/usr/bin:/sbin:/bin")
            .env("HOME", "/root")
            .env("K", KUBEPHASE)
            .env("RESET", format!("{KUBEPHASE} reset --config /reset.yaml"))
            .env("ASKING_RESET", format!("{KUBEPHASE} reset --config /ask.yaml"))
            .env("NODE_ROOT", self.root())
            .env("NODE_PROGRAM", program)
            .env("NODE_KUBEPHASE", KUBEPHASE)
            .env("NODE_SCRIPT", script)
            .stdin(Stdio::null())
            .output()
            .expect("unshare runs");
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        Said { out: text(output.stdout), err: text(output.stderr), success: output.status.success() }
    }

    /// Runs a script that must end well.
    #[track_caller]
    pub fn must(&self, script: &str) -> Said {
        let said = self.run(script);
        assert!(said.success, "{script}\n--- stdout\n{}\n--- stderr\n{}", said.out, said.err);
        said
    }

    /// All its files, but what lies there for the test alone.
    pub fn files(&self) -> Tree {
        let mut files = tree::read(&self.root());
        // mount(8) notes what it does, and who has the lock is noted in it.
        let beside = ["systemctl.log", "config.yaml", "reset.yaml", "ask.yaml", "run/mount", "var/lib/kubephase/lock"];
        files.retain(|path, _| !beside.contains(&path.as_str()) && !path.starts_with("run/mount/"));
        files
    }

    /// What the init system was asked for.
    pub fn asked(&self) -> String {
        fs::read_to_string(self.root().join("systemctl.log")).unwrap_or_default()
    }
}

/// Whether this machine has a program.
pub fn has(program: &str) -> bool {
    ["/usr/sbin", "/usr/bin", "/sbin", "/bin"].iter().any(|directory| Path::new(directory).join(program).exists())
}

/// What is in `after` and was not, or not so, in `before`; and what is missing.
pub fn differences(before: &Tree, after: &Tree) -> Vec<String> {
    let changed =
        after.iter().filter(|(path, entry)| before.get(*path) != Some(entry)).map(|(path, _)| format!("+{path}"));
    let gone = before.keys().filter(|path| !after.contains_key(*path)).map(|path| format!("-{path}"));
    changed.chain(gone).collect()
}
