//! What takes a machine: links, a file that is exchanged while it is opened, pipes, servers.

use std::io::ErrorKind;
use std::net::TcpListener;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use kubephase_node::{Ambient, File, Node};
use kubephase_plugin::{Export, Machine, World};
use kubephase_workflow::extension::ExtensionFailure;
use serde_json::json;

use super::bench::{Attack, Bench};
use super::expect::Expect::{Fault, Nothing};

/// A machine with a secret on it.
struct Place {
    root: tempfile::TempDir,
    world: Arc<dyn World>,
}

impl Place {
    fn new() -> Self {
        let root = tempfile::tempdir().expect("a root");
        let node = Node::fixed(root.path(), Ambient::default());
        for (path, text) in
            [("/etc/hostile/inside", "inside\n"), ("/etc/shadow", "secret\n"), ("/srv/private", "secret\n")]
        {
            node.ensure(&File::public(path, text)).expect("written");
        }
        std::fs::set_permissions(root.path().join("etc/shadow"), PermissionsExt::from_mode(0o600)).expect("ours");
        let cluster = serde_json::from_value(json!({ "nodeName": "prod-a" })).expect("facts");
        let world = Arc::new(Machine::new(&node, Some(cluster), None));
        Self { root, world }
    }

    fn at(&self, path: &str) -> PathBuf {
        self.root.path().join(path)
    }

    fn link(&self, target: &str, path: &str) {
        symlink(target, self.at(path)).expect("a link");
    }
}

#[tokio::test]
async fn no_link_leads_out() {
    let Some(bench) = Bench::new() else { return };
    let _alone = bench.alone.lock().await;
    let place = Place::new();
    place.link("/etc/shadow", "etc/hostile/absolute");
    place.link("../shadow", "etc/hostile/relative");
    place.link("../../../../../../../../etc/shadow", "etc/hostile/above");
    place.link("/srv", "etc/hostile/directory");
    place.link("absolute", "etc/hostile/twice");
    place.link("/proc/self/root/etc/shadow", "etc/hostile/process");
    place.link("b", "etc/hostile/a");
    place.link("a", "etc/hostile/b");
    // A link out of the root that is the machine's, to where this test is.
    symlink(place.at("etc/shadow"), place.at("etc/hostile/outside")).expect("a link");
    let names = ["absolute", "relative", "above", "directory/private", "directory", "twice", "process", "a", "outside"];
    let mut attack = Attack::new("files", Export::Check);
    attack.settings["paths"] = names.map(|name| format!("/etc/hostile/{name}")).to_vec().into();
    let seen = bench.run(&attack, place.world.clone()).await;
    // `other` is the loop, `not-found` what leads to nothing below the machine's root.
    let nothing = Nothing(&["denied", "invalid", "other", "not-found"], &[]);
    let faults: Vec<String> = seen.faults(&attack).into_iter().chain(nothing.faults(&seen, "")).collect();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    let findings = seen.result.expect("answers").proposal.findings;
    for name in ["absolute", "relative", "above", "directory/private", "twice"] {
        let told = format!("read /etc/hostile/{name}: denied");
        assert!(findings.iter().any(|finding| finding.message == told), "{told}: {findings:?}");
    }
}

/// What is looked at is what is read, however often the path changes its meaning in between.
#[tokio::test]
async fn a_file_that_is_exchanged_while_it_is_opened_tells_nothing() {
    let Some(bench) = Bench::new() else { return };
    let _alone = bench.alone.lock().await;
    let place = Place::new();
    let path = place.at("etc/hostile/exchanged");
    let over = Arc::new(AtomicBool::new(false));
    let exchange = {
        let (over, path, new) = (over.clone(), path.clone(), place.at("etc/new"));
        std::fs::write(&path, "inside\n").expect("a file");
        std::thread::spawn(move || {
            while !over.load(Ordering::Relaxed) {
                symlink("/srv/private", &new).expect("a link");
                std::fs::rename(&new, &path).expect("renamed");
                std::thread::yield_now();
                std::fs::write(&new, "inside\n").expect("a file");
                std::fs::rename(&new, &path).expect("renamed");
                std::thread::yield_now();
            }
        })
    };
    let mut attack = Attack::new("nondeterministic", Export::Run);
    attack.settings["paths"] = json!(["/etc/hostile/exchanged"]);
    let plugins = bench.load(&attack, place.world.clone(), Arc::new(|_, _| ())).await.expect("loads");
    let (mut read, mut denied) = (0, 0);
    let start = Instant::now();
    while read + denied < 300 || (read == 0 || denied == 0) && start.elapsed() < Duration::from_secs(10) {
        match plugins.outcome("hostile", Export::Run, "", &serde_json::Value::Null).await {
            Ok(outcome) => {
                read += 1;
                assert_eq!(outcome.proposal.files[0].contents, b"inside\n");
            }
            Err(error) => {
                denied += 1;
                let is_known = error.code.as_deref() == Some("denied")
                    || error.message.contains("it was replaced while it was looked at");
                assert!(error.kind == ExtensionFailure::Failed && is_known, "{error}");
            }
        }
    }
    over.store(true, Ordering::Relaxed);
    exchange.join().expect("it ended");
    assert!(read > 0 && denied > 0, "{read} read, {denied} denied");
}

/// A pipe without a writer, and a socket: nobody waits for them.
#[tokio::test]
async fn what_is_no_file_is_not_opened() {
    let Some(bench) = Bench::new() else { return };
    let _alone = bench.alone.lock().await;
    let place = Place::new();
    let made = std::process::Command::new("mkfifo").arg(place.at("etc/hostile/pipe")).status().expect("mkfifo runs");
    assert!(made.success());
    let _socket = std::os::unix::net::UnixListener::bind(place.at("etc/hostile/socket")).expect("a socket");
    let mut attack = Attack::new("files", Export::Check);
    attack.timeout = Duration::from_secs(3);
    attack.settings["paths"] = json!(["/etc/hostile/pipe", "/etc/hostile/socket"]);
    let seen = bench.run(&attack, place.world.clone()).await;
    assert_eq!(seen.faults(&attack), Vec::<String>::new());
    let findings = seen.result.expect("answers").proposal.findings;
    let opened: Vec<_> = findings.iter().filter(|f| !f.message.ends_with(": invalid")).map(|f| &*f.message).collect();
    // That something is there may be seen: it is granted.
    assert_eq!(opened, ["look /etc/hostile/pipe", "look /etc/hostile/socket"]);
}

#[tokio::test]
async fn reading_for_ever_ends_in_time_and_keeps_nothing() {
    let Some(bench) = Bench::new() else { return };
    let _alone = bench.alone.lock().await;
    let place = Place::new();
    std::fs::write(place.at("etc/hostile/large"), vec![b'x'; 1 << 20]).expect("a file");
    let mut attack = Attack::new("loop-files", Export::Check);
    attack.timeout = Duration::from_millis(500);
    let seen = bench.run(&attack, place.world.clone()).await;
    let late = Fault(ExtensionFailure::Timeout, "it took longer than 500 ms");
    let faults: Vec<String> = seen.faults(&attack).into_iter().chain(late.faults(&seen, "")).collect();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// A server that takes connections and says nothing.
fn silent() -> (TcpListener, String) {
    let server = TcpListener::bind("127.0.0.1:0").expect("a port");
    server.set_nonblocking(true).expect("nonblocking");
    let url = format!("http://{}", server.local_addr().expect("an address"));
    (server, url)
}

#[tokio::test]
async fn waiting_for_a_server_ends_in_time() {
    let Some(bench) = Bench::new() else { return };
    let _alone = bench.alone.lock().await;
    let (place, (server, url)) = (Place::new(), silent());
    let mut attack = Attack::new("slow-http", Export::Check);
    attack.timeout = Duration::from_millis(500);
    attack.grants["http"] = json!([url]);
    attack.settings["urls"] = json!([format!("{url}/never")]);
    let seen = bench.run(&attack, place.world.clone()).await;
    let late = Fault(ExtensionFailure::Timeout, "it took longer than 500 ms");
    let faults: Vec<String> = seen.faults(&attack).into_iter().chain(late.faults(&seen, "")).collect();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    assert!(server.accept().is_ok(), "it was granted, and asked");
}

#[tokio::test]
async fn nobody_is_connected_to_who_is_not_granted() {
    let Some(bench) = Bench::new() else { return };
    let _alone = bench.alone.lock().await;
    let (place, (server, url)) = (Place::new(), silent());
    let port = server.local_addr().expect("an address").port();
    let mut attack = Attack::new("http", Export::Check);
    let hosts = ["127.0.0.1", "localhost", "2130706433", "0x7f.1", "127.1", "[::ffff:127.0.0.1]"];
    let mut urls: Vec<String> = hosts.iter().map(|host| format!("http://{host}:{port}/")).collect();
    urls.push(format!("http://hostile.example.org@127.0.0.1:{port}/"));
    urls.push(format!("{url}/#hostile.example.org"));
    attack.settings["urls"] = json!(urls);
    let seen = bench.run(&attack, place.world.clone()).await;
    let nothing = Nothing(&["denied", "invalid"], &[]);
    let faults: Vec<String> = seen.faults(&attack).into_iter().chain(nothing.faults(&seen, "")).collect();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    assert_eq!(server.accept().expect_err("nobody").kind(), ErrorKind::WouldBlock);
}
