//! Real etcd processes on loopback, for tests: members that are started, frozen and killed. Whoever uses it prints that
//! a test is skipped where there is no etcd.

use std::net::{IpAddr, Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use super::{Credentials, Etcd};
use crate::node::Node;

/// Where one member is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// For other members.
    pub peer: String,
    /// For clients.
    pub client: String,
}

/// Members of one cluster, and where their data are. They end with it.
#[derive(Debug)]
pub struct Lab {
    program: PathBuf,
    dir: TempDir,
    /// Its own, so that nobody takes a port between looking for it and listening on it.
    host: IpAddr,
    credentials: Option<Credentials>,
    running: Vec<(String, Child)>,
}

/// The newest etcd of the directories that `ETCD`, the end-to-end tests and `PATH` name.
fn program() -> Option<PathBuf> {
    let named = std::env::var_os("ETCD").map(PathBuf::from);
    let home = std::env::var_os("HOME").map(PathBuf::from);
    let packages = home.map(|home| home.join(".cache/kubephase/e2e/packages"));
    let packages = packages.and_then(|packages| std::fs::read_dir(packages).ok()).into_iter().flatten();
    let mut unpacked: Vec<PathBuf> = packages.flatten().map(|entry| entry.path().join("usr/bin/etcd")).collect();
    unpacked.sort();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let installed = std::env::split_paths(&path).map(|directory| directory.join("etcd"));
    named.into_iter().chain(unpacked.into_iter().rev()).chain(installed).find(|program| program.is_file())
}

impl Lab {
    /// Nothing runs yet. `None` where there is no etcd.
    pub fn new() -> Option<Self> {
        static LABS: AtomicU8 = AtomicU8::new(1);

        let dir = tempfile::tempdir().ok()?;
        let [.., high, low] = std::process::id().to_be_bytes();
        let host = Ipv4Addr::new(127, high, low, LABS.fetch_add(1, Ordering::Relaxed)).into();
        Some(Self { program: program()?, dir, host, credentials: None, running: Vec::new() })
    }

    /// The same with TLS for clients, who have to show a certificate.
    #[must_use]
    pub fn with_tls(mut self, server: Credentials) -> Self {
        self.credentials = Some(server);
        self
    }

    /// Where the members are.
    pub fn host(&self) -> IpAddr {
        self.host
    }

    /// Two ports that are free now.
    pub fn address(&self) -> Address {
        let scheme = if self.credentials.is_some() { "https" } else { "http" };
        let free: Vec<_> = (0..2).map(|_| TcpListener::bind((self.host, 0)).expect("a port")).collect();
        let at = |i: usize| free[i].local_addr().expect("an address");
        Address { peer: format!("http://{}", at(0)), client: format!("{scheme}://{}", at(1)) }
    }

    /// Starts a member, which founds the cluster if it is alone and joins one otherwise.
    pub fn start(&mut self, name: &str, at: &Address, members: &[(String, String)]) {
        let alone = [(name.to_owned(), at.peer.clone())];
        let state = if members.is_empty() { "new" } else { "existing" };
        let members = if members.is_empty() { &alone[..] } else { members };
        let cluster: Vec<String> = members.iter().map(|(name, url)| format!("{name}={url}")).collect();
        let log = std::fs::OpenOptions::new().create(true).append(true).open(self.path(name, "log")).expect("a log");
        let mut command = Command::new(&self.program);
        command
            .env_clear()
            // Architectures that etcd does not know well are refused otherwise.
            .env("ETCD_UNSUPPORTED_ARCH", std::env::consts::ARCH.replace("aarch64", "arm64"))
            .arg(format!("--name={name}"))
            .arg(format!("--data-dir={}", self.path(name, "data").display()))
            .arg(format!("--listen-client-urls={}", at.client))
            .arg(format!("--advertise-client-urls={}", at.client))
            .arg(format!("--listen-peer-urls={}", at.peer))
            .arg(format!("--initial-advertise-peer-urls={}", at.peer))
            .arg(format!("--initial-cluster={}", cluster.join(",")))
            .arg(format!("--initial-cluster-state={state}"))
            .args(["--heartbeat-interval=50", "--election-timeout=500"])
            .stdout(Stdio::null())
            .stderr(log);
        if let Some(credentials) = &self.credentials {
            for (flag, file, contents) in [
                ("trusted-ca-file", "ca.crt", &credentials.ca),
                ("cert-file", "server.crt", &credentials.certificate),
                ("key-file", "server.key", &credentials.key),
            ] {
                let path = self.path(name, file);
                std::fs::write(&path, contents).expect("written");
                command.arg(format!("--{flag}={}", path.display()));
            }
            command.arg("--client-cert-auth");
        }
        self.running.push((name.to_owned(), command.spawn().expect("etcd starts")));
    }

    /// A member's process stands still, and its connections stay open.
    pub fn freeze(&self, name: &str) {
        self.signal(name, Signal::STOP);
    }

    /// It goes on.
    pub fn thaw(&self, name: &str) {
        self.signal(name, Signal::CONT);
    }

    fn signal(&self, name: &str, signal: Signal) {
        let (_, child) = self.running.iter().find(|(running, _)| running == name).expect("it runs");
        kill_process(Pid::from_child(child), signal).expect("it is ours");
    }

    /// A member's process ends at once.
    pub fn kill(&mut self, name: &str) {
        while let Some(i) = self.running.iter().position(|(running, _)| running == name) {
            let (_, mut child) = self.running.remove(i);
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// It has been started and not been killed; it may have ended by itself.
    pub fn is_running(&self, name: &str) -> bool {
        self.running.iter().any(|(running, _)| running == name)
    }

    /// Its data go.
    pub fn wipe(&self, name: &str) {
        let _ = std::fs::remove_dir_all(self.path(name, "data"));
    }

    /// Where its data are; etcd makes `member` there.
    pub fn data_dir(&self, name: &str) -> PathBuf {
        self.path(name, "data")
    }

    /// What it wrote.
    pub fn log(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name, "log")).unwrap_or_default()
    }

    /// A client of these members.
    pub fn client(&self, node: &Node, members: &[&Address], credentials: Option<Credentials>) -> Etcd {
        let endpoints: Vec<String> = members.iter().map(|at| at.client.clone()).collect();
        node.etcd(&endpoints, credentials).expect("usable endpoints")
    }

    /// Waits until a member has a leader.
    pub async fn ready(etcd: &Etcd, at: &Address) {
        let begun = Instant::now();
        loop {
            let heard = etcd.status(&at.client).await;
            if heard.as_ref().is_ok_and(|status| status.leader.is_some()) {
                return;
            }
            assert!(begun.elapsed() < Duration::from_secs(60), "{heard:?}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    fn path(&self, name: &str, what: &str) -> PathBuf {
        Path::new(self.dir.path()).join(format!("{name}.{what}"))
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        for (_, child) in &mut self.running {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
