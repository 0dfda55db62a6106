//! One machine of the cluster, made by hand: namespaces over a shared Debian root, with a real systemd as its
//! first process. Knows nothing of Kubernetes; what runs in it comes with the layer it is given.

mod cgroups;

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::command::{Cmd, cmd, wait_until, write};
use super::switch::Switch;
use super::undo::{Undo, quote};
use cgroups::Cgroups;

/// Runs as the first process of the node's namespaces, builds its mounts and becomes systemd.
const BOOT: &str = include_str!("node/boot.sh");

/// What a node is made of.
pub struct NodeSpec<'a> {
    /// Host name.
    pub name: &'a str,
    /// The shared root, never written to.
    pub rootfs: &'a Path,
    /// More files, laid over the root, never written to either.
    pub layer: &'a Path,
    /// A directory for what the node writes; gone after the test.
    pub dir: PathBuf,
    /// What becomes its /var/log; stays.
    pub logs: PathBuf,
}

/// A running node.
pub struct Node {
    /// Host name.
    pub name: String,
    /// Address on the switch.
    pub address: String,
    /// Its /var/log as seen from outside.
    pub logs: PathBuf,
    dir: PathBuf,
    first: u32,
    _starter: Child,
}

impl Node {
    /// Boots a node and waits until its systemd has started everything.
    pub fn start(spec: NodeSpec<'_>, switch: &mut Switch, undo: &mut Undo) -> Result<Self> {
        for dir in [&spec.dir, &spec.logs] {
            fs::create_dir_all(dir).with_context(|| format!("could not create {}", dir.display()))?;
        }
        undo.push(&format!("rm -rf --one-file-system {}", quote(&spec.dir)))?;
        let port = switch.plug(spec.name, undo)?;
        let cgroups = Cgroups::create(&format!("kubephase-{}-{}", std::process::id(), spec.name), undo)?;
        let boot = spec.dir.join("boot.sh");
        write(&boot, BOOT)?;

        // The shell joins the node's groups before its cgroup namespace is made, because a process sees
        // the groups it was in at that moment as the root of all.
        let join = "for group; do [ \"$group\" != -- ] || break; echo 0 > \"$group/cgroup.procs\"; shift; done; shift; exec \"$@\"";
        let mut command = cmd("sh")
            .args(["-c", join, "sh"])
            .args(cgroups.groups())
            .arg("--")
            .args(["nsenter", &format!("--net=/run/netns/{}", port.namespace), "--"])
            .args(["unshare", "--mount", "--uts", "--ipc", "--pid", "--cgroup", "--fork", "--kill-child", "--"])
            .args(["sh", "-eu"])
            .arg(&boot)
            .env("NODE", spec.name)
            .env("ADDRESS", &port.address)
            .env("ROOTFS", spec.rootfs)
            .env("LAYER", spec.layer)
            .env("DIR", &spec.dir)
            .env("LOGS", &spec.logs)
            .env("CGROUPS", cgroups.mounts())
            .to_command();
        let console = fs::File::create(spec.logs.join("console.txt"))?;
        // A process group of its own: Ctrl-C is for the test, which then ends the node.
        command.process_group(0).stdin(Stdio::null()).stdout(console.try_clone()?).stderr(console);
        let mut starter = command.spawn().context("could not start the node's first process")?;
        undo.push_kill(starter.id())?;

        let first = wait_until("the node's first process", Duration::from_secs(30), || {
            let end = starter.try_wait()?;
            let first = match end {
                Some(_) => None,
                None => child_of(starter.id()).filter(|pid| comm(*pid) == "systemd"),
            };
            match (end, first) {
                (Some(status), _) => Ok(Err(status)),
                (None, Some(pid)) => Ok(Ok(pid)),
                (None, None) => bail!("systemd has not begun"),
            }
        })?;
        let first = first.map_err(|status| {
            let said = fs::read_to_string(spec.logs.join("console.txt")).unwrap_or_default();
            anyhow::anyhow!("the node did not boot ({status}):\n{said}")
        })?;
        undo.push_kill(first)?;

        let node = Self {
            name: spec.name.into(),
            address: port.address,
            logs: spec.logs,
            dir: spec.dir,
            first,
            _starter: starter,
        };
        wait_until("systemd to finish booting", Duration::from_secs(60), || {
            let state = node.exec(["systemctl", "is-system-running"]).output()?.stdout;
            match state.trim() {
                "running" => Ok(()),
                "degraded" => {
                    let failed = node.exec(["systemctl", "list-units", "--failed", "--plain", "--no-legend"]).run()?;
                    bail!("units failed: {failed}")
                }
                other => bail!("systemd says {other:?}"),
            }
        })?;
        Ok(node)
    }

    /// A command line that will run in the node, with an environment like a login's.
    pub fn exec<S: AsRef<std::ffi::OsStr>>(&self, words: impl IntoIterator<Item = S>) -> Cmd {
        cmd("nsenter")
            .args(["--target", &self.first.to_string()])
            .args(["--mount", "--uts", "--ipc", "--net", "--pid", "--cgroup", "--root", "--wd", "--"])
            .args(["env", "-i", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root"])
            .args(["LANG=C.UTF-8", "TERM=dumb"])
            .args(words)
    }

    /// A path in the node, as seen from outside.
    pub fn path(&self, inside: &str) -> PathBuf {
        PathBuf::from(format!("/proc/{}/root", self.first)).join(inside.trim_start_matches('/'))
    }

    /// Writes a file in the node.
    pub fn write(&self, inside: &str, text: &str) -> Result<()> {
        write(&self.path(inside), text)
    }

    /// Switches it off, hard. Of what it wrote only the logs stay: a node is a gigabyte, and others come after it.
    pub fn stop(&self) -> Result<()> {
        cmd("kill").args(["-9", &self.first.to_string()]).run()?;
        wait_until("the node's end", Duration::from_secs(20), || {
            if comm(self.first).is_empty() { Ok(()) } else { bail!("its first process is still there") }
        })?;
        cmd("rm").args(["-rf", "--one-file-system"]).arg(&self.dir).run().map(drop)
    }

    /// Copies a program of the machine into the node.
    pub fn install(&self, program: &Path, inside: &str) -> Result<()> {
        cmd("install").args(["-D", "-m755"]).arg(program).arg(self.path(inside)).run().map(drop)
    }
}

/// The first child of a process.
pub fn child_of(pid: u32) -> Option<u32> {
    let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).ok()?;
    children.split_whitespace().next()?.parse().ok()
}

fn comm(pid: u32) -> String {
    fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default().trim().to_owned()
}
