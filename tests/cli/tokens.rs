//! `token …` and `certs approve-serving` as people and scripts meet them, against a server of a few lines that keeps
//! objects: what is sent and in which order, and what is said about the answers.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use kubephase_model::KeyAlgorithm;
use kubephase_pki::{AltNames, generate_key, signing_request};
use serde_json::{Value, json};

use crate::screen;
use crate::support::program::{Outcome, Program};

const SECRETS: &str = "/api/v1/namespaces/kube-system/secrets";
const NODES: &str = "/api/v1/nodes";
const REQUESTS: &str = "/apis/certificates.k8s.io/v1/certificatesigningrequests";
const LISTS: [&str; 3] = [SECRETS, NODES, REQUESTS];
const KEY: &str = "abababababababababababababababababababababababababababababababab";

/// A cluster that keeps whatever it is given.
#[derive(Clone, Default)]
struct Cluster {
    /// Objects by path.
    objects: Arc<Mutex<BTreeMap<String, Value>>>,
    /// The name of an object that cannot be created.
    refused: Option<&'static str>,
    /// Method and path of every request but those of dry runs, without queries.
    asked: Arc<Mutex<Vec<String>>>,
}

impl Cluster {
    /// Listens on loopback until the test's process ends; returns the URL.
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

    /// One request and its answer; nothing if there is none any more.
    fn answer(&self, stream: &TcpStream) -> Option<()> {
        let mut reader = BufReader::new(stream.try_clone().ok()?);
        let mut line = String::new();
        reader.read_line(&mut line).ok().filter(|read| *read > 0)?;
        let mut words = line.split_whitespace().map(str::to_owned);
        let (method, target) = (words.next()?, words.next()?);
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
        let path = target.split('?').next()?.to_owned();
        let body: Value = serde_json::from_slice(&body).unwrap_or_default();
        // What is only to be judged changes nothing, and is answered as if it had.
        let (code, object) = if target.contains("dryRun=All") {
            (200, body)
        } else {
            self.asked.lock().ok()?.push(format!("{method} {path}"));
            self.act(&method, &path, body)
        };
        let (text, kind) = (object.to_string(), "content-type: application/json");
        let head = format!("HTTP/1.1 {code} X\r\n{kind}\r\ncontent-length: {}\r\n\r\n", text.len());
        (&*stream).write_all(format!("{head}{text}").as_bytes()).ok()
    }

    fn act(&self, method: &str, path: &str, body: Value) -> (u16, Value) {
        let mut objects = self.objects.lock().expect("the objects");
        let no = |code: u16, reason: &str| {
            let message = format!("{reason} is what the test says");
            (code, json!({ "kind": "Status", "status": "Failure", "code": code, "reason": reason, "message": message }))
        };
        let new = || format!("{path}/{}", body["metadata"]["name"].as_str().unwrap_or_default());
        match method {
            "GET" if LISTS.contains(&path) => {
                let items: Vec<&Value> =
                    objects.iter().filter(|(at, _)| at.starts_with(path)).map(|(_, o)| o).collect();
                (200, json!({ "kind": "List", "apiVersion": "v1", "metadata": {}, "items": items }))
            }
            "GET" => objects.get(path).cloned().map_or_else(|| no(404, "NotFound"), |found| (200, found)),
            "POST" if objects.contains_key(&new()) => no(409, "AlreadyExists"),
            "POST" if self.refused.is_some_and(|name| new().ends_with(name)) => no(422, "Invalid"),
            "POST" => {
                objects.insert(new(), body.clone());
                (201, body)
            }
            "PUT" => {
                objects.insert(path.trim_end_matches("/approval").to_owned(), body.clone());
                (200, body)
            }
            "DELETE" => {
                objects.remove(path).map_or_else(|| no(404, "NotFound"), |_| (200, json!({ "kind": "Status" })))
            }
            _ => no(405, "MethodNotAllowed"),
        }
    }

    /// The names of its Secrets.
    fn names(&self) -> Vec<String> {
        let objects = self.objects.lock().expect("the objects");
        objects.keys().filter_map(|path| path.strip_prefix(&format!("{SECRETS}/")).map(str::to_owned)).collect()
    }

    fn put(&self, name: &str, data: &[(&str, &str)]) {
        let data: BTreeMap<&str, String> = data.iter().map(|(key, text)| (*key, STANDARD.encode(text))).collect();
        let secret = json!({
            "apiVersion": "v1", "kind": "Secret", "type": "bootstrap.kubernetes.io/token",
            "metadata": { "name": name, "namespace": "kube-system" },
            "data": data,
        });
        self.add(SECRETS, secret);
    }

    fn add(&self, list: &str, object: Value) {
        let path = format!("{list}/{}", object["metadata"]["name"].as_str().unwrap_or_default());
        self.objects.lock().expect("the objects").insert(path, object);
    }

    fn changes(&self) -> Vec<String> {
        let asked = self.asked.lock().expect("the requests");
        asked.iter().filter(|line| !line.starts_with("GET")).cloned().collect()
    }
}

fn kubeconfig(folder: &Path, server: &str) -> String {
    let ca = STANDARD.encode(include_bytes!("../fixtures/golden/v1.36/live/pki/ca.crt"));
    let path = folder.join("admin.conf").to_string_lossy().into_owned();
    let text = format!(
        "apiVersion: v1\nkind: Config\n\
         clusters: [{{name: c, cluster: {{server: '{server}', certificate-authority-data: {ca}}}}}]\n\
         contexts: [{{name: x, context: {{cluster: c, user: u}}}}]\ncurrent-context: x\n\
         users: [{{name: u, user: {{token: t}}}}]\n"
    );
    std::fs::write(&path, text).expect("the kubeconfig file");
    path
}

/// Runs `token …` with the cluster's kubeconfig file found by its variable.
fn run(cluster: &Cluster, args: &[&str]) -> Outcome {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let path = kubeconfig(folder.path(), &cluster.serve());
    Program::kubephase().within(folder.path()).env("KUBECONFIG", &path).run(args)
}

fn data(cluster: &Cluster, name: &str, key: &str) -> Option<String> {
    let objects = cluster.objects.lock().expect("the objects");
    let text = objects.get(&format!("{SECRETS}/{name}"))?["data"][key].as_str()?.to_owned();
    String::from_utf8(STANDARD.decode(text).ok()?).ok()
}

#[test]
fn a_random_token_is_one() {
    let tokens: Vec<String> = (0..2).map(|_| Program::kubephase().run(["token", "generate"]).out()).collect();
    assert_ne!(tokens[0], tokens[1]);
    for token in tokens {
        let (id, secret) = token.strip_suffix('\n').and_then(|token| token.split_once('.')).expect("a token");
        let letters = |text: &str| text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
        assert!(id.len() == 6 && secret.len() == 16 && letters(id) && letters(secret), "{token}");
    }
}

#[test]
fn a_token_is_created_and_printed() {
    let cluster = Cluster::default();
    let args = ["token", "create", "123456.0123456789abcdef", "--ttl", "2h", "--description", "made by the rig"];
    let outcome = run(&cluster, &args);
    outcome.expect_code(0);
    assert_eq!((outcome.out().as_str(), outcome.err().as_str()), ("123456.0123456789abcdef\n", ""));
    assert_eq!(cluster.names(), ["bootstrap-token-123456"]);
    let of = |key: &str| data(&cluster, "bootstrap-token-123456", key);
    assert_eq!(of("description").as_deref(), Some("made by the rig"));
    assert_eq!(of("auth-extra-groups").as_deref(), Some("system:bootstrappers:kubeadm:default-node-token"));
    assert_eq!(of("usage-bootstrap-signing").as_deref(), Some("true"));
    assert!(of("expiration").is_some_and(|end| end.ends_with('Z')));
}

/// The recorded command of kubeadm, with the other program's name and this server's address.
#[test]
fn the_command_to_join_has_kubeadms_words() {
    let cluster = Cluster::default();
    let token = "123456.0123456789abcdef";
    let outcome = run(&cluster, &["token", "create", token, "--print-join-command"]);
    outcome.expect_code(0);
    let out = outcome.out();
    let (start, rest) = out.split_once(" --token ").expect("a token");
    assert!(start.starts_with("kubephase join http://127.0.0.1:"), "{outcome}");
    let hash = "sha256:023e8218d9527146d90d2f6df0229a24718e4973589113f236d6a9502568691e";
    assert_eq!(rest, format!("{token} --discovery-token-ca-cert-hash {hash}\n"));

    let args = ["token", "create", "--print-join-command", "--certificate-key", KEY];
    let outcome = run(&cluster, &args);
    outcome.expect_code(0);
    assert!(outcome.out().ends_with(&format!("{hash} --control-plane --certificate-key {KEY}\n")), "{outcome}");
    assert_eq!(cluster.names().len(), 2);
}

/// kubeadm has created the token by then.
#[test]
fn a_certificate_key_without_the_command_creates_nothing() {
    let cluster = Cluster::default();
    let outcome = run(&cluster, &["token", "create", "--certificate-key", KEY]);
    outcome.expect_code(2);
    assert!(outcome.err().contains("--print-join-command") && !outcome.err().contains(KEY), "{outcome}");
    assert_eq!((cluster.names().len(), cluster.asked.lock().expect("requests").len()), (0, 0));
}

#[test]
fn every_mistake_is_told_and_nothing_created() {
    let cluster = Cluster::default();
    let args = "token create abcdef.almostasecret123X --ttl tomorrow --usages sining,authentication \
                --groups system:masters --certificate-key abc";
    let outcome = run(&cluster, &args.split_whitespace().collect::<Vec<_>>());
    screen!("token-create-mistakes", outcome);
    assert!(!outcome.err().contains("almost"), "{outcome}");
    assert_eq!(cluster.asked.lock().expect("requests").len(), 0);
}

#[test]
fn tokens_of_a_file_are_created_all_or_none() {
    let cluster = Cluster::default();
    let folder = tempfile::tempdir().expect("a temporary directory");
    let file = folder.path().join("tokens.yaml").to_string_lossy().into_owned();
    let text = "apiVersion: kubeadm.k8s.io/v1beta4\nkind: InitConfiguration\nbootstrapTokens:\n\
                - token: aaaaaa.0123456789abcdef\n- token: bbbbbb.0123456789abcdef\n";
    std::fs::write(&file, text).expect("the configuration");
    cluster.put("bootstrap-token-bbbbbb", &[]);
    let outcome = run(&cluster, &["token", "create", "--config", &file]);
    outcome.expect_code(1);
    assert!(outcome.err().contains("\"bbbbbb\"") && outcome.err().contains("nothing was created"), "{outcome}");
    assert_eq!(cluster.changes(), [""; 0]);

    run(&cluster, &["token", "delete", "bbbbbb"]).expect_code(0);
    let outcome = run(&cluster, &["token", "create", "--config", &file]);
    outcome.expect_code(0);
    assert_eq!(outcome.out(), "aaaaaa.0123456789abcdef\n");
    assert_eq!(cluster.names(), ["bootstrap-token-aaaaaa", "bootstrap-token-bbbbbb"]);
    let outcome = run(&cluster, &["token", "create", "--config", &file, "--ttl", "1h"]);
    outcome.expect_code(2);
}

/// Some tokens of a file are drawn: nobody else knows them.
#[test]
fn a_token_that_was_created_is_told_although_the_next_one_fails() {
    let cluster = Cluster { refused: Some("bootstrap-token-bbbbbb"), ..Cluster::default() };
    let folder = tempfile::tempdir().expect("a temporary directory");
    let file = folder.path().join("tokens.yaml").to_string_lossy().into_owned();
    let text = "apiVersion: kubeadm.k8s.io/v1beta4\nkind: InitConfiguration\nbootstrapTokens:\n\
                - token: aaaaaa.0123456789abcdef\n- token: bbbbbb.0123456789abcdef\n";
    std::fs::write(&file, text).expect("the configuration");
    let outcome = run(&cluster, &["token", "create", "--config", &file]);
    outcome.expect_code(1);
    assert_eq!(outcome.out(), "aaaaaa.0123456789abcdef\n");
    assert_eq!(cluster.names(), ["bootstrap-token-aaaaaa"]);
    assert!(outcome.err().contains("bootstrap-token-bbbbbb"), "{outcome}");
}

#[test]
fn a_dry_run_creates_and_deletes_nothing() {
    let cluster = Cluster::default();
    cluster.put("bootstrap-token-abcdef", &[]);
    for args in [&["token", "--dry-run", "create"][..], &["token", "create", "--dry-run"]] {
        let outcome = run(&cluster, args);
        outcome.expect_code(0);
        assert!(outcome.err().contains("a dry run"), "{outcome}");
    }
    let outcome = run(&cluster, &["token", "delete", "abcdef", "--dry-run=true"]);
    outcome.expect_code(0);
    assert_eq!(outcome.out(), "bootstrap token \"abcdef\" would be deleted\n");
    assert_eq!((cluster.changes(), cluster.names().len()), (vec![], 1));
}

fn three() -> Cluster {
    let cluster = Cluster::default();
    let good = [("token-secret", "0123456789abcdef"), ("usage-bootstrap-signing", "true")];
    let with = |more: &[(&'static str, &'static str)]| [&good[..], more].concat();
    cluster.put("bootstrap-token-aaaaaa", &with(&[("token-id", "aaaaaa"), ("description", "for ever")]));
    cluster.put("bootstrap-token-bbbbbb", &[("token-id", "bbbbbb"), ("token-secret", "SECRET")]);
    cluster.put("bootstrap-token-cccccc", &with(&[("token-id", "cccccc"), ("expiration", "2020-01-01T00:00:00Z")]));
    cluster
}

#[test]
fn a_list_tells_what_is_no_token_and_what_is_over() {
    let outcome = run(&three(), &["token", "list"]);
    screen!("token-list", outcome);
    assert!(!outcome.err().contains("SECRET"), "{outcome}");
}

#[test]
fn a_list_for_programs_has_nothing_but_tokens() {
    let outcome =
        run(&three(), &["token", "list", "-o", "json", "--show-managed-fields", "--allow-missing-template-keys"]);
    outcome.expect_code(0);
    let out = outcome.out();
    let documents: Vec<Value> =
        serde_json::Deserializer::from_str(&out).into_iter().collect::<Result<_, _>>().expect("documents");
    assert_eq!(documents.len(), 2, "{outcome}");
    assert!(documents.iter().all(|document| document["kind"] == "BootstrapToken"), "{outcome}");
    assert!(outcome.err().contains("bootstrap-token-bbbbbb"), "{outcome}");
    let outcome = run(&three(), &["token", "list", "--output=yaml"]);
    assert_eq!(outcome.out().matches("\n---\n").count(), 1, "{outcome}");
    let outcome = run(&Cluster::default(), &["token", "list"]);
    assert_eq!((outcome.code, outcome.out().as_str(), outcome.err().as_str()), (Some(0), "", ""));
}

#[test]
fn all_arguments_are_looked_at_before_the_first_token_goes() {
    let cluster = three();
    let outcome = run(&cluster, &["token", "delete", "aaaaaa", "BBBBBB", "cccccc.0123"]);
    outcome.expect_code(2);
    for words in ["the 2nd token", "the 3rd token", "2 errors"] {
        assert!(outcome.err().contains(words), "{outcome}");
    }
    assert_eq!(cluster.asked.lock().expect("requests").len(), 0);
}

#[test]
fn tokens_that_are_not_there_do_not_keep_others() {
    let cluster = three();
    let outcome = run(&cluster, &["token", "delete", "dddddd", "aaaaaa", "cccccc.0123456789abcdef"]);
    outcome.expect_code(1);
    assert_eq!(outcome.out(), "bootstrap token \"aaaaaa\" deleted\nbootstrap token \"cccccc\" deleted\n");
    assert!(outcome.err().contains("\"dddddd\""), "{outcome}");
    assert_eq!(cluster.names(), ["bootstrap-token-bbbbbb"]);
}

/// cp1 asks for its own names, cp2 for cp1's.
fn asking() -> Cluster {
    let cluster = Cluster::default();
    let config = "apiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration\nkubernetesVersion: v1.36.2\n";
    let config = json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": { "name": "kubeadm-config", "namespace": "kube-system" },
        "data": { "ClusterConfiguration": config },
    });
    cluster.add("/api/v1/namespaces/kube-system/configmaps", config);
    for (node, address, dns) in [("cp1", "10.0.0.5", "cp1"), ("cp2", "10.0.0.6", "cp1")] {
        cluster.add(
            NODES,
            json!({
                "apiVersion": "v1", "kind": "Node", "metadata": { "name": node },
                "status": { "addresses": [
                    { "type": "InternalIP", "address": address }, { "type": "Hostname", "address": node },
                ] },
            }),
        );
        let names = AltNames::new([dns.to_owned()], []);
        let key = generate_key(KeyAlgorithm::EcdsaP256).expect("a key");
        let pem = signing_request(&format!("system:node:{node}"), &["system:nodes".to_owned()], &names, &key);
        cluster.add(
            REQUESTS,
            json!({
                "apiVersion": "certificates.k8s.io/v1", "kind": "CertificateSigningRequest",
                "metadata": { "name": format!("csr-{node}"), "resourceVersion": "7" },
                "spec": {
                    "signerName": "kubernetes.io/kubelet-serving",
                    "username": format!("system:node:{node}"),
                    "groups": ["system:nodes", "system:authenticated"],
                    "usages": ["digital signature", "server auth"],
                    "request": STANDARD.encode(pem.expect("a request")),
                },
                "status": {},
            }),
        );
    }
    cluster
}

#[test]
fn serving_certificates_are_approved_or_not() {
    let cluster = asking();
    screen!("approve-serving-dry-run", run(&cluster, &["certs", "approve-serving", "--dry-run"]));
    assert_eq!(cluster.changes(), [""; 0]);

    let outcome = run(&cluster, &["certs", "approve-serving", "cp1", "cp2", "cp3", "-o", "json"]);
    outcome.expect_code(1);
    let told: Value = serde_json::from_str(&outcome.out()).expect("one document");
    assert_eq!(told["missing"], json!(["cp3"]));
    assert_eq!(told["requests"][0]["approved"], true);
    assert_eq!((&told["requests"][1]["approved"], &told["requests"][1]["verdict"]), (&json!(false), &json!("refuse")));
    assert_eq!(cluster.changes(), [format!("PUT {REQUESTS}/csr-cp1/approval")]);
    let approved = cluster.objects.lock().expect("the objects")[&format!("{REQUESTS}/csr-cp1")].clone();
    let condition = &approved["status"]["conditions"][0];
    assert_eq!((&condition["type"], &condition["status"]), (&json!("Approved"), &json!("True")));
    assert_eq!(approved["metadata"]["resourceVersion"], "7");

    // Once more: nothing is left to do for cp1.
    let outcome = run(&cluster, &["certs", "approve-serving", "cp1"]);
    outcome.expect_code(0);
    assert_eq!(cluster.changes().len(), 1);
}

/// Whoever sends a request chooses what is in it.
#[test]
fn terminals_are_not_played_with() {
    let cluster = asking();
    {
        let mut objects = cluster.objects.lock().expect("the objects");
        let csr = objects.get_mut(&format!("{REQUESTS}/csr-cp2")).expect("a request");
        csr["metadata"]["name"] = json!("csr-\u{1b}]0;x\u{7}");
        csr["spec"]["username"] = json!("system:node:\u{1b}[2Jcp2\ncsr-cp2 of cp2: approved");
    }
    let outcome = run(&cluster, &["certs", "approve-serving", "--dry-run"]);
    outcome.expect_code(1);
    let out = outcome.out();
    assert!(out.contains("csr-␛]0;x␇ of ␛[2Jcp2␊csr-cp2 of cp2: approved: not approved\n"), "{out}");
    let played = |text: &str| text.contains(|c: char| c.is_control() && c != '\n');
    assert!(!played(&out) && !played(&outcome.err()), "{outcome}");
}

#[test]
fn clusters_that_cannot_be_reached() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let run = |args: &[&str]| Program::kubephase().within(folder.path()).run(args);
    let outcome = run(&["token", "list", "--kubeconfig", "/nonexistent/admin.conf"]);
    outcome.expect_code(1);
    assert!(outcome.err().contains("the kubeconfig file /nonexistent/admin.conf does not exist"), "{outcome}");
    let outcome = run(&["certs", "approve-serving", "--kubeconfig", "/nonexistent/admin.conf"]);
    outcome.expect_code(1);
    std::fs::write(folder.path().join("x.conf"), "a: [").expect("a file");
    let outcome = run(&["token", "--kubeconfig", "x.conf", "create"]);
    outcome.expect_code(1);
    assert!(outcome.err().contains("not valid YAML"), "{outcome}");
}

#[test]
fn flags_that_are_wrong() {
    for args in [
        "token",
        "token delete",
        "token create a b",
        "token list -o wide",
        "token generate x",
        "certs approve-serving --wait soon",
        "certs approve-serving --wait -1s",
    ] {
        let outcome = Program::kubephase().run(args.split_whitespace());
        outcome.expect_code(2);
        assert_eq!(outcome.out(), "", "{outcome}");
    }
}
