//! A cluster that the program itself can join, over loopback: a rehearsal that is kept up in a process of its own.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kubephase_pki::Cert;
use kubephase_workflow::join_command::ca_hash;

use crate::support::program::{Outcome, Program};

/// A bootstrap token of the cluster.
pub const TOKEN: &str = "abcdef.0123456789abcdef";
/// Its half that nobody may see.
pub const SECRET: &str = "0123456789abcdef";
/// What the certificates were uploaded with.
pub const KEY: &str = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

/// As the cluster was at which kubeadm was recorded, but for its address.
const CONFIG: &str = "
apiVersion: kubeadm.k8s.io/v1beta4
kind: InitConfiguration
bootstrapTokens: [{token: TOKEN}]
certificateKey: 'KEY'
nodeRegistration: {name: cp1}
---
apiVersion: kubeadm.k8s.io/v1beta4
kind: ClusterConfiguration
kubernetesVersion: v1.36.2
controlPlaneEndpoint: ADDRESS
encryptionAlgorithm: ECDSA-P256
networking: {podSubnet: 10.244.0.0/16}
---
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
cgroupDriver: cgroupfs
failCgroupV1: false
";

/// The cluster. It ends when this goes.
pub struct Served {
    child: Child,
    directory: tempfile::TempDir,
    /// `127.0.0.1:<port>`.
    pub address: String,
    /// The pin of its authority.
    pub pin: String,
    /// Its authority, PEM.
    pub ca: String,
    _rest: std::thread::JoinHandle<()>,
}

impl Served {
    /// Starts it. What it holds is what `init` makes.
    pub fn start() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let free = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("its address");
        let address = free.to_string();
        let config = CONFIG.replace("TOKEN", TOKEN).replace("KEY", KEY).replace("ADDRESS", &address);
        fs::write(directory.path().join("cluster.yaml"), config).expect("a configuration");
        let mut child = Command::new(env!("CARGO_BIN_EXE_kubephase"))
            .args(["rehearse", "init", "--config", "cluster.yaml", "--upload-certs", "--keep", "kept"])
            .args(["--serve", "--serve-port", &free.port().to_string()])
            .current_dir(directory.path())
            .env("TMPDIR", directory.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("it starts");
        let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines().map_while(Result::ok);
        let served = lines.by_ref().any(|line| line.contains("The API server is at https://"));
        assert!(served, "the rehearsal ended by itself");
        let rest = std::thread::spawn(move || lines.for_each(drop));
        let ca = fs::read_to_string(directory.path().join("kept/etc/kubernetes/pki/ca.crt")).expect("an authority");
        let pin = ca_hash(&Cert::from_pem("ca.crt", ca.as_bytes()).expect("a certificate"));
        Self { child, directory, address, pin, ca, _rest: rest }
    }

    /// The first node's `/`.
    pub fn tree(&self) -> PathBuf {
        self.directory.path().join("kept")
    }

    /// A JoinConfiguration by token, with more fields of its top level. It has to be fast, and this machine need be no
    /// node.
    pub fn configuration(&self, more: &str) -> String {
        let token = format!(
            "bootstrapToken: {{token: {TOKEN}, apiServerEndpoint: \"{}\", caCertHashes: [\"{}\"]}}",
            self.address, self.pin
        );
        self.configuration_by(&token, more)
    }

    /// The same by another discovery.
    pub fn configuration_by(&self, discovery: &str, more: &str) -> String {
        let registration = match more.contains("nodeRegistration:") {
            true => "",
            false => "nodeRegistration: {name: w9, ignorePreflightErrors: [all]}\n",
        };
        format!(
            "apiVersion: kubeadm.k8s.io/v1beta4\nkind: JoinConfiguration\ndiscovery: {{{discovery}}}\n{registration}\
             timeouts: {{discovery: 2s, kubernetesAPICall: 5s}}\n{more}"
        )
    }

    /// A discovery file with these users.
    pub fn discovery_file(&self, users: &str) -> String {
        let ca = STANDARD.encode(&self.ca);
        format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: x\ncontexts: [{{name: x, context: {{cluster: c, user: u}}}}]\n\
             clusters: [{{name: c, cluster: {{server: 'https://{}', certificate-authority-data: {ca}}}}}]\nusers: {users}\n",
            self.address
        )
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// A directory to run the program in. A dry run of `join` changes nothing outside.
pub struct Desk {
    directory: tempfile::TempDir,
}

impl Desk {
    /// An empty one.
    pub fn new() -> Self {
        Self { directory: tempfile::tempdir().expect("a directory") }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    /// Puts a file on it.
    pub fn put(&self, name: &str, text: &str) -> &Self {
        fs::write(self.path().join(name), text).expect("a file");
        self
    }

    /// Runs `kubephase join …` as a dry run that writes to `scratch`.
    #[track_caller]
    pub fn join<S: AsRef<str>>(&self, args: impl IntoIterator<Item = S>) -> Outcome {
        let args: Vec<String> = args.into_iter().map(|arg| arg.as_ref().to_owned()).collect();
        let words = ["join"].map(str::to_owned).into_iter().chain(args);
        let dry = ["--dry-run", "--dry-run-dir", "scratch"].map(str::to_owned);
        Program::kubephase().within(self.path()).env("HOME", "/nowhere").run(words.chain(dry))
    }

    /// The same with a configuration.
    #[track_caller]
    pub fn join_with(&self, configuration: &str, more: &[&str]) -> Outcome {
        self.put("join.yaml", configuration);
        self.join(more.iter().copied().chain(["--config", "join.yaml"]))
    }
}

/// A line out of the middle of every private key in a tree: in files of keys, and inside kubeconfig files.
pub fn private_keys(tree: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut left = vec![tree.to_path_buf()];
    while let Some(path) = left.pop() {
        if path.is_dir() && !path.is_symlink() {
            left.extend(fs::read_dir(&path).expect("readable").map(|entry| entry.expect("an entry").path()));
            continue;
        }
        let Ok(text) = fs::read_to_string(&path) else { continue };
        if text.contains("PRIVATE KEY-----") {
            found.extend(text.lines().filter(|line| line.len() > 40 && !line.starts_with('-')).map(str::to_owned));
        }
        for data in text.split_whitespace().skip_while(|word| *word != "client-key-data:").skip(1).take(1) {
            found.push(data.to_owned());
        }
    }
    found
}
