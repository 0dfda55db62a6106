//! The laboratory: everything a scenario needs that takes long to make (the kit, cached), and the machines
//! that it boots from it (gone afterwards).

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::bootstrapper::{Bootstrapper, Kind};
use super::cache::Cache;
use super::command::{cmd, wait_until};
use super::host;
use super::images;
use super::kubectl;
use super::kubernetes::Kubernetes;
use super::node::{Node, NodeSpec};
use super::rootfs;
use super::runtime::Runtime;
use super::steps::Steps;
use super::switch::Switch;
use super::undo::Undo;

/// What nodes are made from; the same for all of them.
pub struct Kit {
    /// The release under test.
    pub kubernetes: Kubernetes,
    /// The program under test.
    pub bootstrapper: Bootstrapper,
    /// containerd, runc and etcd.
    pub runtime: Runtime,
    /// Debian's kubectl.
    pub kubectl: PathBuf,
    /// Names of images, as the release has them.
    names: Vec<String>,
    /// A layer with nothing in it.
    empty: PathBuf,
    rootfs: PathBuf,
    layer: PathBuf,
    images: PathBuf,
}

impl Kit {
    /// Makes what the cache does not have yet.
    pub fn prepare(steps: &mut Steps, cache: &Cache, logs: &Path, kind: Kind, given: Option<&Path>) -> Result<Self> {
        steps.run("check this machine", host::prepare)?;
        let kubernetes =
            steps.run("get the Kubernetes programs", || Kubernetes::find(cache, &logs.join("kubernetes.txt")))?;
        let bootstrapper = steps.run("get the bootstrapper", || Bootstrapper::find(kind, given, &kubernetes))?;
        let rootfs = steps.run("get the nodes' root", || rootfs::rootfs(cache, &logs.join("rootfs.txt")))?;
        let names = bootstrapper.images(&kubernetes)?;
        let pause = image(&names, "pause")?;
        let runtime = steps.run("get containerd, runc and etcd", || Runtime::find(cache, &kubernetes))?;
        let layer = steps.run("lay out a Kubernetes host", || runtime.layer(cache, &kubernetes, pause))?;
        let images = steps.run("make the images", || images::archive(cache, &kubernetes, &runtime, &rootfs, &names))?;
        let kubectl = steps.run("get kubectl", || kubectl::suiting(cache, &kubernetes))?;
        let empty = cache.dir("empty")?;
        Ok(Self { kubernetes, bootstrapper, runtime, kubectl, names, empty, rootfs, layer, images })
    }
}

impl Kit {
    /// The full name of a component's image.
    pub fn image(&self, component: &str) -> Result<&str> {
        image(&self.names, component)
    }
}

fn image<'a>(names: &'a [String], component: &str) -> Result<&'a str> {
    let found = names.iter().find(|name| images::component(name) == component);
    found.map(String::as_str).with_context(|| format!("no image of {component} is listed"))
}

/// Nodes on one switch.
pub struct Lab {
    /// What they are made from.
    pub kit: Kit,
    dir: PathBuf,
    /// Where things are kept between runs.
    pub cache: Cache,
    /// Where logs of this run are kept.
    pub logs: PathBuf,
    switch: Switch,
    undo: Undo,
    doors: Vec<String>,
}

impl Lab {
    /// An empty laboratory. `dir` is gone afterwards, `logs` stays.
    pub fn open(kit: Kit, cache: Cache, dir: PathBuf, logs: PathBuf) -> Result<Self> {
        fs::create_dir_all(&dir)?;
        let mut undo = Undo::start(logs.join("cleaning.txt"))?;
        undo.push(&format!("rmdir {}", super::undo::quote(&dir)))?;
        host::raise_limits(&mut undo)?;
        host::filter_bridges(&mut undo)?;
        let switch = Switch::start(&mut undo)?;
        Ok(Self { kit, cache, dir, logs, switch, undo, doors: Vec::new() })
    }

    /// Boots a machine on which a bootstrapper can begin: container runtime up, images there, kubelet enabled.
    pub fn boot(&mut self, steps: &mut Steps, name: &str) -> Result<Node> {
        let node = self.start(steps, name, self.kit.layer.clone())?;
        steps.run(&format!("start containerd on {name}"), || {
            wait_until("containerd", Duration::from_secs(60), || node.exec(["ctr", "version"]).run())?;
            node.exec(["systemctl", "enable", "kubelet.service"]).run()
        })?;
        steps.run(&format!("import images on {name}"), || {
            // The archive is not in the node; reading it through standard input saves a copy.
            let archive = fs::File::open(&self.kit.images)?;
            let mut import = node.exec(["ctr", "-n", "k8s.io", "images", "import", "-"]).to_command();
            let done = import.stdin(archive).output().context("could not start ctr")?;
            if !done.status.success() {
                bail!("ctr could not import the images: {}", String::from_utf8_lossy(&done.stderr));
            }
            Ok(())
        })?;
        let bootstrapper = &self.kit.bootstrapper;
        node.install(&bootstrapper.program, &format!("/usr/local/bin/{}", bootstrapper.name()))?;
        Ok(node)
    }

    /// Boots a machine with nothing of Kubernetes on it, not even a container runtime.
    pub fn boot_bare(&mut self, steps: &mut Steps, name: &str) -> Result<Node> {
        self.start(steps, name, self.kit.empty.clone())
    }

    fn start(&mut self, steps: &mut Steps, name: &str, layer: PathBuf) -> Result<Node> {
        let (dir, logs) = (self.dir.join(name), self.logs.join(name));
        let spec = NodeSpec { name, rootfs: &self.kit.rootfs, layer: &layer, dir, logs };
        let node = steps.run(&format!("boot {name}"), || Node::start(spec, &mut self.switch, &mut self.undo))?;
        self.doors.push(node.exec(["bash"]).line());
        Ok(node)
    }

    /// Says how to enter the nodes and waits for a line on standard input.
    pub fn hold(&self) {
        eprintln!("\nenter a node with:\n{}\npress Enter here to clean up", self.doors.join("\n"));
        let _ = std::io::stdin().read_line(&mut String::new());
    }

    /// Takes everything back.
    pub fn close(self) -> Result<()> {
        self.undo.finish()
    }
}

/// Writes beside the node's own logs what only the living node can tell.
pub fn collect_logs(node: &Node) {
    let asked: &[(&str, &[&str])] = &[
        ("kubelet.txt", &["journalctl", "--no-pager", "-u", "kubelet"]),
        ("containerd.txt", &["journalctl", "--no-pager", "-u", "containerd"]),
        ("containers.txt", &["ctr", "-n", "k8s.io", "containers", "ls"]),
        ("tasks.txt", &["ctr", "-n", "k8s.io", "tasks", "ls"]),
        ("processes.txt", &["ps", "axfwwo", "pid,stat,etime,args"]),
        ("kubernetes-files.txt", &["ls", "-laR", "/etc/kubernetes", "/var/lib/kubelet"]),
    ];
    for (file, words) in asked {
        // A node that cannot even answer this has the rest in its journal already.
        let _ = node.exec(*words).log(node.logs.join(file)).output();
    }
    // Manifests say what was asked of the kubelet; keys and kubeconfigs stay behind.
    let _ = cmd("cp").arg("-r").arg(node.path("/etc/kubernetes/manifests")).arg(&node.logs).output();
}
