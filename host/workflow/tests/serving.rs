//! Approving kubelets' serving certificates against a server of a few lines: what is waited for, what is sent, and what
//! is made of answers that are lost or that say no.

#![expect(clippy::disallowed_methods, reason = "a server for tests listens, and a kubeconfig file is written")]

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use kubephase_engine::{Event, Selection};
use kubephase_model::config::flags::InitFlags;
use kubephase_model::config::load::{self, Command};
use kubephase_model::config::resolve::resolve_init;
use kubephase_model::{Facts, KeyAlgorithm, Report};
use kubephase_node::Node;
use kubephase_node::kube::Endpoint;
use kubephase_pki::{AltNames, generate_key, signing_request};
use kubephase_preflight::Ignore;
use kubephase_workflow::init::{Init, Options, workflow};
use kubephase_workflow::serving::{Approvals, Outcome, Patience, approve};
use serde_json::{Value, json};

const REQUESTS: &str = "/apis/certificates.k8s.io/v1/certificatesigningrequests";
const NODES: &str = "/api/v1/nodes";
const CONFIG: &str = "/api/v1/namespaces/kube-system/configmaps/kubeadm-config";
const ENDPOINTS: &str = "/api/v1/namespaces/default/endpoints/kubernetes";

/// A cluster that keeps what it is given, if its version is the newest.
#[derive(Clone, Default)]
struct Cluster {
    objects: Arc<Mutex<BTreeMap<String, Value>>>,
    /// Method and path of what was sent, without reads.
    sent: Arc<Mutex<Vec<String>>>,
    /// The answers to so many writes are lost.
    loses: Arc<Mutex<usize>>,
}

impl Cluster {
    /// A control-plane node with a cluster's objects, and no request.
    fn new() -> Self {
        let cluster = Self::default();
        let config = "apiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration\nkubernetesVersion: v1.36.2\n";
        cluster.configure(config);
        let endpoints = json!({
            "apiVersion": "v1", "kind": "Endpoints", "metadata": { "name": "kubernetes", "namespace": "default" },
            "subsets": [{ "addresses": [{ "ip": "10.0.0.5" }] }],
        });
        cluster.put(ENDPOINTS, endpoints);
        cluster.node("cp1", &[("InternalIP", "10.0.0.5"), ("Hostname", "cp1")]);
        cluster
    }

    fn put(&self, path: &str, object: Value) {
        self.objects.lock().expect("objects").insert(path.to_owned(), object);
    }

    fn configure(&self, text: &str) {
        let object = json!({
            "apiVersion": "v1", "kind": "ConfigMap",
            "metadata": { "name": "kubeadm-config", "namespace": "kube-system" },
            "data": { "ClusterConfiguration": text },
        });
        self.put(CONFIG, object);
    }

    fn node(&self, name: &str, addresses: &[(&str, &str)]) {
        let addresses: Vec<Value> =
            addresses.iter().map(|(kind, address)| json!({ "type": kind, "address": address })).collect();
        let node = json!({
            "apiVersion": "v1", "kind": "Node",
            "metadata": { "name": name, "labels": { "node-role.kubernetes.io/control-plane": "" } },
            "status": { "addresses": addresses },
        });
        self.put(&format!("{NODES}/{name}"), node);
    }

    /// cp1 asks.
    fn ask(&self, name: &str, dns: &[&str], ips: &[&str]) {
        let names =
            AltNames::new(dns.iter().map(|name| (*name).to_owned()), ips.iter().map(|ip| ip.parse().expect("an IP")));
        let key = generate_key(KeyAlgorithm::EcdsaP256).expect("a key");
        let pem = signing_request("system:node:cp1", &["system:nodes".to_owned()], &names, &key).expect("a request");
        let csr = json!({
            "apiVersion": "certificates.k8s.io/v1", "kind": "CertificateSigningRequest",
            "metadata": { "name": name, "uid": name, "resourceVersion": "7" },
            "spec": {
                "signerName": "kubernetes.io/kubelet-serving", "username": "system:node:cp1",
                "groups": ["system:nodes"], "usages": ["digital signature", "server auth"],
                "request": STANDARD.encode(pem),
            },
            "status": {},
        });
        self.put(&format!("{REQUESTS}/{name}"), csr);
    }

    fn serve(&self) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("its address"));
        let cluster = self.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let cluster = cluster.clone();
                std::thread::spawn(move || while cluster.answer(&stream).is_some() {});
            }
        });
        url
    }

    fn answer(&self, stream: &TcpStream) -> Option<()> {
        let mut reader = BufReader::new(stream.try_clone().ok()?);
        let mut line = String::new();
        reader.read_line(&mut line).ok().filter(|read| *read > 0)?;
        let mut words = line.split_whitespace();
        let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
        let mut length = 0;
        loop {
            let mut header = String::new();
            reader.read_line(&mut header).ok()?;
            match header.trim().to_lowercase().split_once(": ") {
                Some(("content-length", value)) => length = value.parse().ok()?,
                Some(_) => {}
                None => break,
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).ok()?;
        let path = target.split('?').next()?;
        let (code, object) = match &*method {
            "GET" => self.read(path),
            _ => self.write(&method, path, serde_json::from_slice(&body).ok()?)?,
        };
        let text = object.to_string();
        let head =
            format!("HTTP/1.1 {code} X\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n", text.len());
        (&*stream).write_all(format!("{head}{text}").as_bytes()).ok()
    }

    fn read(&self, path: &str) -> (u16, Value) {
        let objects = self.objects.lock().expect("objects");
        if [NODES, REQUESTS].contains(&path) {
            let items: Vec<&Value> = objects.iter().filter(|(at, _)| at.starts_with(path)).map(|(_, it)| it).collect();
            return (200, json!({ "kind": "List", "apiVersion": "v1", "metadata": {}, "items": items }));
        }
        objects.get(path).map_or_else(|| no(404, "NotFound"), |found| (200, found.clone()))
    }

    /// Nothing if the answer is lost.
    fn write(&self, method: &str, path: &str, mut body: Value) -> Option<(u16, Value)> {
        self.sent.lock().expect("requests").push(format!("{method} {path}"));
        let place = path.trim_end_matches("/approval");
        let mut objects = self.objects.lock().expect("objects");
        let version = |object: &Value| object["metadata"]["resourceVersion"].clone();
        if objects.get(place).map(version) != Some(version(&body)) {
            return Some(no(409, "Conflict"));
        }
        body["metadata"]["resourceVersion"] = json!("8");
        objects.insert(place.to_owned(), body.clone());
        let mut loses = self.loses.lock().expect("a number");
        if *loses > 0 {
            *loses -= 1;
            return None;
        }
        Some((200, body))
    }

    fn sent(&self) -> Vec<String> {
        self.sent.lock().expect("requests").clone()
    }

    /// Approves what cp1 asks for.
    fn approve(&self, patience: Patience) -> Approvals {
        let root = tempfile::tempdir().expect("a root");
        let node = Node::at(root.path());
        let endpoint = Endpoint {
            server: self.serve(),
            ca: None,
            identity: None,
            token: Some("t".into()),
            tls_server_name: None,
            proxy: None,
            insecure: true,
        };
        runtime().block_on(async {
            let api = node.api(&endpoint).expect("a client");
            approve(&node, &api, &["cp1".to_owned()], patience).await.expect("answers")
        })
    }
}

fn no(code: u16, reason: &str) -> (u16, Value) {
    let message = format!("{reason} is what the test says");
    (code, json!({ "kind": "Status", "status": "Failure", "code": code, "reason": reason, "message": message }))
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime")
}

fn refused(found: &Approvals) -> Vec<&str> {
    let reasons = found.asked.iter().filter_map(|asked| match &asked.outcome {
        Outcome::Refused(reasons) => Some(reasons),
        Outcome::Approved => None,
    });
    reasons.flatten().map(String::as_str).collect()
}

/// What a kubelet that wants to be the API server can do.
#[test]
fn a_node_does_not_become_the_api_server() {
    let cluster = Cluster::new();
    cluster.node(
        "cp1",
        &[
            ("InternalIP", "10.0.0.5"),
            ("InternalIP", "10.96.0.1"),
            ("Hostname", "kubernetes.default.svc"),
            ("InternalDNS", "kubernetes"),
        ],
    );
    cluster.ask("csr-evil", &["kubernetes", "kubernetes.default.svc"], &["10.96.0.1"]);
    let found = cluster.approve(Patience::default());
    assert_eq!(refused(&found).len(), 3, "{found:?}");
    assert_eq!(cluster.sent(), [""; 0]);
}

#[test]
fn nothing_is_approved_if_the_configuration_cannot_be_read() {
    for change in [
        |cluster: &Cluster| drop(cluster.objects.lock().expect("objects").remove(CONFIG)),
        |cluster: &Cluster| cluster.configure("a: ["),
    ] {
        let cluster = Cluster::new();
        change(&cluster);
        cluster.ask("csr-1", &["cp1"], &["10.0.0.5"]);
        let found = cluster.approve(Patience::default());
        let [reason] = refused(&found)[..] else { panic!("{found:?}") };
        assert!(reason.contains("kube-system/kubeadm-config"), "{reason}");
        assert_eq!(cluster.sent(), [""; 0]);
    }
}

#[test]
fn an_approval_whose_answer_is_lost_counts() {
    let cluster = Cluster::new();
    cluster.ask("csr-1", &["cp1"], &["10.0.0.5"]);
    *cluster.loses.lock().expect("a number") = 1;
    let found = cluster.approve(Patience::default());
    assert_eq!((found.asked.len(), &found.missing), (1, &vec![]), "{found:?}");
    assert_eq!(found.asked[0].outcome, Outcome::Approved);
    assert_eq!(cluster.sent(), [format!("PUT {REQUESTS}/csr-1/approval"), format!("PUT {REQUESTS}/csr-1/approval")]);
}

#[test]
fn what_is_refused_is_not_waited_for_as_what_is_missing() {
    let long = Duration::from_secs(300);
    let cluster = Cluster::new();
    cluster.ask("csr-old", &["cp0"], &[]);
    let begin = Instant::now();
    let found = cluster.approve(Patience { whole: long, refused: Duration::ZERO });
    assert_eq!((refused(&found).len(), found.missing.len()), (1, 0));

    // Beside one that is approved it does not matter at all.
    cluster.ask("csr-new", &["cp1"], &["10.0.0.5"]);
    let found = cluster.approve(Patience::whole(long));
    assert_eq!((refused(&found).len(), found.asked.len()), (1, 2), "{found:?}");
    assert!(begin.elapsed() < long / 2);
}

#[test]
fn what_comes_later_is_approved() {
    let cluster = Cluster::new();
    let later = cluster.clone();
    let asks = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(500));
        later.ask("csr-1", &["cp1"], &["10.0.0.5"]);
    });
    let found = cluster.approve(Patience { whole: Duration::from_secs(60), refused: Duration::ZERO });
    asks.join().expect("it asked");
    assert_eq!((found.asked.len(), found.missing.len(), refused(&found).len()), (1, 0, 0), "{found:?}");
}

/// What the phase of `init` says on a node with that root and that API server.
fn init(root: &Path, url: &str) -> Vec<String> {
    let kubeconfig = format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: c\ncontexts: [{{name: c, context: {{cluster: c, user: u}}}}]\n\
         clusters: [{{name: c, cluster: {{server: '{url}'}}}}]\nusers: [{{name: u, user: {{token: t}}}}]\n"
    );
    std::fs::write(root.join("admin.conf"), kubeconfig).expect("a file");
    let config = "apiVersion: kubeadm.k8s.io/v1beta4\nkind: InitConfiguration\n\
                  localAPIEndpoint: {advertiseAddress: 192.0.2.10}\n\
                  nodeRegistration: {name: cp1, criSocket: 'unix:///var/run/containerd/containerd.sock'}\n---\n\
                  apiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration\nkubernetesVersion: v1.36.2\n---\n\
                  apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\nserverTLSBootstrap: true\n";
    let mut report = Report::default();
    let source = load::source("c.yaml", config.as_bytes().to_vec(), &mut report).expect("UTF-8");
    let documents = load::load(&source, Command::Init, &mut report);
    let no_network = |_: &str| Err("no network".to_owned());
    let mut entropy = |bytes: &mut [u8]| bytes.fill(7);
    let (flags, facts) = (InitFlags::default(), Facts { hostname: "cp1".into(), ..Facts::default() });
    let cluster = resolve_init(Some(&documents), &flags, &facts, &no_network, &mut entropy, false, &mut report)
        .unwrap_or_else(|| panic!("{report}"));

    let notices = Arc::new(Mutex::new(Vec::new()));
    let told = notices.clone();
    let only = "kubelet-finalize/approve-serving-certificate".to_owned();
    let options = Options {
        only: Some(only.clone()),
        ignore: Ignore::all(),
        kubeconfig: Some("/admin.conf".into()),
        ..Options::new(Arc::new(move |event| {
            if let Event::Notice { message, .. } = event {
                told.lock().expect("notices").push(message);
            }
        }))
    };
    let mut cx = Init::new(cluster, Node::at(root), options).expect("a context");
    let selection = Selection { only: Some(only), skip: Vec::new() };
    if let Err(error) = runtime().block_on(workflow().run(&mut cx, &selection)) {
        panic!("init fails: {error}");
    }
    notices.lock().expect("notices").clone()
}

/// The cluster works without it: `init` goes on, and says what to do.
#[test]
fn init_goes_on_without_the_approval() {
    let root = tempfile::tempdir().expect("a root");
    let server = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", server.local_addr().expect("its address"));
    std::thread::spawn(move || {
        for mut stream in server.incoming().flatten() {
            let mut read = BufReader::new(stream.try_clone().expect("a stream")).lines();
            while read.next().is_some_and(|line| line.is_ok_and(|line| !line.is_empty())) {}
            let body = no(400, "\u{1b}[31mBadRequest").1.to_string();
            let head = "HTTP/1.1 400 X\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length:";
            let _ = stream.write_all(format!("{head} {}\r\n\r\n{body}", body.len()).as_bytes());
        }
    });
    let notices = init(root.path(), &url);
    let [.., notice] = &notices[..] else { panic!("nothing is said") };
    assert!(notice.contains("not approved") && notice.contains("kubephase certs approve-serving cp1"), "{notice}");
    assert!(!notice.contains('\u{1b}'), "{notice:?}");
}

#[test]
fn init_does_not_wait_for_a_kubelet_that_has_its_certificate() {
    let root = tempfile::tempdir().expect("a root");
    let pki = root.path().join("var/lib/kubelet/pki");
    std::fs::create_dir_all(&pki).expect("a directory");
    std::fs::write(pki.join("kubelet-server-current.pem"), "a certificate").expect("a file");
    let begin = Instant::now();
    assert_eq!(init(root.path(), &Cluster::new().serve()), [""; 0]);
    assert!(begin.elapsed() < Duration::from_secs(30));

    // What it asks for is looked at nevertheless.
    let cluster = Cluster::new();
    cluster.ask("csr-1", &["cp1"], &["10.0.0.5"]);
    assert_eq!(init(root.path(), &cluster.serve()), ["approved csr-1 for the node cp1"]);
}
