//! A directory that serves as the root of a node, for real runs by `--rootfs`. Needs root.
//!
//! It holds what the recording host had and kubeadm looks at: directories with CA certificates, a user database. No
//! init system and no programs, so that nothing is started. Every run gets name spaces of its own, which end with it:
//! the recording host's name, its address on the one interface with a default route that leads nowhere, `/proc` in
//! the root. Nothing is looked up on the network and nothing of this machine is changed.

use std::fs;
use std::path::{Path, PathBuf};

use super::case::Case;
use super::host::Host;
use super::program::{Outcome, Program};
use super::tree::{self, Tree};

/// Where the case's folder is, inside.
pub const CASE: &str = "/case";

/// Enters the name spaces, makes them look like a node, runs the rest of the arguments.
const ENTER: &str = r#"
echo "$NODE_NAME" > /proc/sys/kernel/hostname
ip link set lo up
ip link add eth0 type veth peer name far
ip addr add "$NODE_ADDRESS/24" dev eth0
ip link set far up
ip link set eth0 up
ip route add default via "$NODE_GATEWAY" dev eth0
mount -t proc proc "$NODE_ROOT/proc" || mount --rbind /proc "$NODE_ROOT/proc"
exec "$@"
"#;

/// One root directory, deleted at the end.
pub struct Rootfs {
    directory: tempfile::TempDir,
    before: Tree,
}

impl Rootfs {
    /// Says why there can be none here, once per test; None if there can.
    pub fn unavailable() -> Option<String> {
        if !super::is_root() {
            return Some("needs root (chroot)".to_string());
        }
        let probe = Self::with(|_| {});
        let outcome = probe.enter(&Program::at(Path::new("/bin/true")), &[]);
        (outcome.code != Some(0)).then(|| format!("needs unshare, ip and mount: {}", outcome.err().trim()))
    }

    /// With the case's files in it.
    pub fn of(case: &Case) -> Self {
        Self::with(|root| {
            case.place_in(&root.join(CASE.trim_start_matches('/')), CASE);
            case.prepare(root);
            // The recording node had these two from the packages of kubeadm and kubelet.
            fs::create_dir_all(root.join("etc/kubernetes")).expect("a directory");
            fs::create_dir_all(root.join("var/lib/kubelet")).expect("a directory");
        })
    }

    /// With what `prepare` puts there.
    pub fn with(prepare: impl FnOnce(&Path)) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let root = directory.path();
        let ca_dirs =
            ["etc/ssl/certs", "etc/ca-certificates", "usr/share/ca-certificates", "usr/local/share/ca-certificates"];
        for dir in ca_dirs.iter().chain(&["tmp", "proc", "run", "var/lib"]) {
            fs::create_dir_all(root.join(dir)).expect("a directory");
        }
        let files = [
            ("etc/passwd", "root:x:0:0:root:/root:/bin/sh\nmessagebus:x:100:101::/nonexistent:/usr/sbin/nologin\n"),
            ("etc/group", "root:x:0:\ncrontab:x:100:\nmessagebus:x:101:\n"),
            ("etc/login.defs", "SYS_UID_MIN 100\nSYS_UID_MAX 999\nSYS_GID_MIN 100\nSYS_GID_MAX 999\n"),
        ];
        for (path, text) in files {
            fs::write(root.join(path), text).expect("a file");
        }
        prepare(root);
        let before = tree::read(root);
        Self { directory, before }
    }

    /// Its path on this machine.
    pub fn path(&self) -> PathBuf {
        self.directory.path().to_path_buf()
    }

    /// Runs a command that changes its root to here.
    #[track_caller]
    pub fn run(&self, program: &Program, args: &[String]) -> Outcome {
        let mut args = args.to_vec();
        args.push("--rootfs".to_string());
        args.push(self.path().display().to_string());
        self.enter(program, &args)
    }

    #[track_caller]
    fn enter(&self, program: &Program, args: &[String]) -> Outcome {
        let host = Host::recorded();
        let gateway = format!("{}.1", host.address.rsplit_once('.').expect("IPv4").0);
        let unshare = ["--mount", "--uts", "--net", "--", "/bin/sh", "-ec", ENTER, "enter"];
        let words = unshare.iter().map(|w| (*w).to_string());
        let line = words.chain([program.path().display().to_string()]).chain(args.iter().cloned());
        let mut outcome = Program::at(Path::new("/usr/bin/unshare"))
            .env("NODE_NAME", &host.name)
            .env("NODE_ADDRESS", &host.address)
            .env("NODE_GATEWAY", &gateway)
            .env("NODE_ROOT", &self.path().display().to_string())
            .envs(program)
            .run(line);
        outcome.command = format!("{} {}", program.path().display(), args.join(" "));
        outcome
    }

    /// What has changed since it was made, apart from the user database.
    pub fn changes(&self) -> Tree {
        let mut changes = tree::changes(&self.before, &tree::read(&self.path()));
        changes.retain(|path, _| !["etc/passwd", "etc/group"].iter().any(|known| path.starts_with(known)));
        changes
    }
}
