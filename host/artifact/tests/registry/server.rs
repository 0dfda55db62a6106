//! Debian's `docker-registry` on a free port of this machine: TLS by an authority of its own, and a password.

use std::io::Read;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::fake::Authority;

/// Who may push and pull.
pub const USER: &str = "me";
pub const PASSWORD: &str = "right";
/// bcrypt of the password, as the registry wants it.
const HTPASSWD: &str = "me:$2b$05$abcdefghijklmnopqrstuu8xaCxxL82bnl.UY74PMksDxIJShppPC\n";

pub struct Server {
    child: Child,
    pub host: String,
    pub authority: Authority,
    directory: tempfile::TempDir,
}

impl Server {
    /// `None`, with a word about it, if the program is not installed.
    pub fn start() -> Option<Self> {
        const PROGRAM: &str = "docker-registry";
        if Command::new(PROGRAM).arg("--version").output().is_err() {
            eprintln!("skipped: {PROGRAM} is not installed (apt-get install docker-registry)");
            return None;
        }
        let authority = Authority::new();
        let directory = tempfile::tempdir().expect("a directory");
        let place = |name: &str| directory.path().join(name).to_str().expect("text").to_owned();
        let (cert, key) = authority.issue();
        std::fs::write(place("cert.pem"), cert.pem()).expect("written");
        std::fs::write(place("key.pem"), key.serialize_pem()).expect("written");
        std::fs::write(place("htpasswd"), HTPASSWD).expect("written");
        // Somebody else may take the port between looking and listening.
        for _ in 0..5 {
            let port = free_port();
            let config = format!(
                "version: 0.1\nlog: {{level: warn}}\nstorage:\n  filesystem: {{rootdirectory: {}}}\n  delete: {{enabled: \
                 true}}\nhttp:\n  addr: 127.0.0.1:{port}\n  secret: x\n  tls: {{certificate: {}, key: {}}}\nauth:\n  \
                 htpasswd: {{realm: test, path: {}}}\n",
                place("storage"),
                place("cert.pem"),
                place("key.pem"),
                place("htpasswd"),
            );
            std::fs::write(place("config.yml"), config).expect("written");
            let mut child = Command::new(PROGRAM)
                .args(["serve", &place("config.yml")])
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::piped())
                .spawn()
                .expect("it runs");
            if listens(&mut child, port) {
                return Some(Self { child, host: format!("127.0.0.1:{port}"), authority, directory });
            }
            let mut said = String::new();
            let _ = child.stderr.take().map(|mut stderr| stderr.read_to_string(&mut said));
            eprintln!("the registry has ended: {said}");
        }
        panic!("the registry does not start");
    }

    /// Ends it, before the test does.
    pub fn stop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Where it keeps a blob.
    pub fn blob(&self, hex: &str) -> PathBuf {
        let root: &Path = self.directory.path();
        root.join(format!("storage/docker/registry/v2/blobs/sha256/{}/{hex}/data", &hex[..2]))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}

fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    listener.local_addr().expect("an address").port()
}

fn listens(child: &mut Child, port: u16) -> bool {
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(20) {
        if child.try_wait().expect("looked").is_some() {
            return false;
        }
        if TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return true;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    let _ = child.kill();
    let _ = child.wait();
    false
}
