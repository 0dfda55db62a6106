//! Against a server that plays a script: each request must be the next line's, and gets its answer. `None` as an answer
//! closes the connection without a word.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::Instant;

use kubephase_model::object::{CONFIG_MAP, NODE};

use super::*;
use crate::change::ChangeKind;

/// A request's first words and what comes back: status, headers, body.
type Line = (&'static str, Option<(u16, &'static str, Value)>);

struct Server {
    address: SocketAddr,
    played: JoinHandle<Vec<String>>,
}

/// Listens after `late`, on one port from the start.
fn serve(late: Duration, script: Vec<Line>) -> Server {
    let (tell, told) = mpsc::channel();
    let played = std::thread::spawn(move || {
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let address = free.local_addr().expect("an address");
        drop(free);
        tell.send(address).expect("somebody waits");
        std::thread::sleep(late);
        let listener = TcpListener::bind(address).expect("still free");
        let mut bodies = Vec::new();
        for (expected, answer) in script {
            let (mut stream, _) = listener.accept().expect("a connection");
            let (head, body) = request(&mut stream);
            assert!(head.starts_with(expected), "expected {expected}, got {head}");
            bodies.push(body);
            if let Some((status, headers, body)) = answer {
                let text = body.to_string();
                let length = text.len();
                let answer = format!(
                    "HTTP/1.1 {status} X\r\nconnection: close\r\ncontent-length: {length}\r\n{headers}\r\n{text}"
                );
                stream.write_all(answer.as_bytes()).expect("it listens");
            }
        }
        bodies
    });
    Server { address: told.recv().expect("an address"), played }
}

fn request(stream: &mut std::net::TcpStream) -> (String, String) {
    let mut text = String::new();
    let mut buffer = [0; 4096];
    loop {
        let read = stream.read(&mut buffer).expect("a request");
        text.push_str(&String::from_utf8_lossy(&buffer[..read]));
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length =
            head.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok());
        if body.len() >= length.unwrap_or(0) {
            return (head.to_owned(), body.to_owned());
        }
    }
}

/// Runs `call` against the script and returns its result, what was told, and the requests' bodies.
fn play<T>(late: u64, script: Vec<Line>, call: impl AsyncFnOnce(Api) -> T) -> (T, Vec<Change>, Vec<String>) {
    let root = tempfile::tempdir().expect("a root");
    let node = Node::at(root.path());
    let server = serve(Duration::from_millis(late), script);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let result = runtime.block_on(async {
        let endpoint = Endpoint { server: format!("http://{}", server.address), ..Endpoint::default() };
        call(node.api(&endpoint).expect("an endpoint").within(Duration::from_secs(20))).await
    });
    (result, node.changes(), server.played.join().expect("the script was played"))
}

fn map(version: &str, value: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": { "name": "a", "namespace": "kube-system", "resourceVersion": version },
        "data": { "key": value },
    })
}

fn status(code: u16, reason: &str) -> Value {
    json!({ "kind": "Status", "code": code, "reason": reason, "message": format!("{reason} it is") })
}

fn wanted() -> Value {
    let mut wanted = map("", "new");
    wanted["metadata"].as_object_mut().expect("metadata").remove("resourceVersion");
    wanted
}

fn name() -> ObjectRef {
    ObjectRef::new(&CONFIG_MAP, Some("kube-system"), "a")
}

#[test]
fn a_server_that_starts_and_stumbles_is_waited_for() {
    let script: Vec<Line> = vec![
        ("POST", None),
        ("POST", Some((503, "retry-after: 0\r\n", status(503, "ServiceUnavailable")))),
        ("POST", Some((429, "retry-after: 1\r\n", status(429, "TooManyRequests")))),
        ("POST", Some((500, "", status(500, "InternalError")))),
        ("POST", Some((403, "", status(403, "Forbidden")))),
        // The namespace is not there yet.
        ("POST", Some((404, "", status(404, "NotFound")))),
        ("POST", Some((201, "", map("7", "new")))),
    ];
    let begun = Instant::now();
    let (result, changes, bodies) = play(300, script, async |api| api.create_or_update(&wanted()).await);
    assert_eq!(result.expect("in the end"), map("7", "new"));
    assert!(begun.elapsed() >= Duration::from_millis(1200), "it listened late, and asked for a second of peace");
    assert_eq!((changes.len(), changes[0].kind), (1, ChangeKind::Created));
    assert_eq!(changes[0].path, "ConfigMap kube-system/a");
    let sent = wanted().to_string();
    assert!(bodies.iter().all(|body| *body == sent));
}

#[test]
fn a_server_that_comes_back_late_may_refuse_at_first() {
    // Away for longer than a refusal is doubted: that time does not count.
    let script: Vec<Line> =
        vec![("POST", Some((403, "", status(403, "Forbidden")))), ("POST", Some((201, "", map("7", "new"))))];
    let away = u64::try_from((retry::GRACE + Duration::from_secs(1)).as_millis()).expect("a few seconds");
    let (result, _, _) = play(away, script, async |api| api.create(&wanted()).await);
    assert_eq!(result.expect("in the end"), map("7", "new"));
    // The same of a wait.
    let node = json!({ "metadata": { "name": "n" } });
    let list = json!({ "metadata": { "resourceVersion": "3" }, "items": [node] });
    let script: Vec<Line> = vec![("GET", Some((403, "", status(403, "Forbidden")))), ("GET", Some((200, "", list)))];
    let name = ObjectRef::new(&NODE, None, "n");
    let (result, _, _) =
        play(0, script, async |api| api.wait(&name, "gone", Duration::from_secs(5), |node| node.is_some()).await);
    assert!(result.expect("in the end").is_some());
}

#[test]
fn who_believes_a_refusal_is_told_at_once() {
    let script: Vec<Line> = vec![("POST", Some((403, "", status(403, "Forbidden"))))];
    let begun = Instant::now();
    let (result, _, _) = play(0, script, async |api| api.credulous().create(&wanted()).await);
    assert!(result.expect_err("refused").is_forbidden() && begun.elapsed() < Duration::from_secs(4));
}

#[test]
fn what_is_no_object_is_no_success() {
    let script: Vec<Line> =
        vec![("POST", Some((200, "", json!("<html>")))), ("POST", Some((201, "", map("7", "new"))))];
    let (result, _, _) = play(0, script, async |api| api.create(&wanted()).await);
    assert_eq!(result.expect("in the end"), map("7", "new"));
    let script: Vec<Line> = vec![("GET", Some((200, "", json!({ "kind": "Wish" }))))];
    let (result, _, _) = play(0, script, async |api| api.get(&name()).await);
    let text = result.expect_err("something else").to_string();
    assert!(text.starts_with("cannot get ConfigMap kube-system/a: the answer of http://127.0.0.1:"), "{text}");
}

#[test]
fn somebody_elses_write_is_not_lost() {
    let script: Vec<Line> = vec![
        ("POST", Some((409, "", status(409, "AlreadyExists")))),
        ("GET", Some((200, "", map("1", "old")))),
        ("PUT", Some((409, "", status(409, "Conflict")))),
        ("GET", Some((200, "", map("2", "theirs")))),
        ("PUT", Some((200, "", map("3", "new")))),
    ];
    let (result, changes, bodies) = play(0, script, async |api| api.create_or_update(&wanted()).await);
    assert_eq!(result.expect("in the end"), map("3", "new"));
    let put: Value = serde_json::from_str(&bodies[4]).expect("an object");
    assert_eq!(put, map("2", "new"), "exactly the version that was read is replaced");
    assert_eq!(changes[0].kind, ChangeKind::Replaced);
    assert!(changes[0].diff.as_deref().expect("a difference").contains("-  key: theirs\n+  key: new\n"));
}

#[test]
fn what_is_as_wanted_is_told_as_unchanged() {
    // No PUT.
    let script: Vec<Line> =
        vec![("POST", Some((409, "", status(409, "AlreadyExists")))), ("GET", Some((200, "", map("1", "new"))))];
    let (result, changes, _) = play(0, script, async |api| api.create_or_update(&wanted()).await);
    assert_eq!((result.expect("it is there"), changes[0].kind), (map("1", "new"), ChangeKind::Unchanged));
    // A PUT that changed nothing in the server's eyes.
    let script: Vec<Line> = vec![("GET", Some((200, "", map("1", "old")))), ("PUT", Some((200, "", map("1", "old"))))];
    let mutate = |found: &mut Value| found["data"]["zero"] = Value::Null;
    let (_, changes, _) = play(0, script, async |api| api.mutate(&name(), &mutate).await);
    assert_eq!((changes[0].kind, &changes[0].diff), (ChangeKind::Unchanged, &None));
}

#[test]
fn an_address_that_is_taken_by_the_same_object_is_no_fault() {
    let script: Vec<Line> =
        vec![("POST", Some((422, "", status(422, "Invalid")))), ("GET", Some((200, "", map("1", "new"))))];
    let (result, _, _) = play(0, script, async |api| api.create_or_update(&wanted()).await);
    assert_eq!(result.expect("it is there"), map("1", "new"));
    let script: Vec<Line> =
        vec![("POST", Some((422, "", status(422, "Invalid")))), ("GET", Some((404, "", status(404, "NotFound"))))];
    let (result, _, _) = play(0, script, async |api| api.credulous().create_or_update(&wanted()).await);
    let error = result.expect_err("somebody else's address");
    assert_eq!(error.to_string(), "cannot create ConfigMap kube-system/a: the API server says: Invalid it is");
}

#[test]
fn a_creation_whose_answer_was_lost_is_recognised() {
    let script = |there: &str| -> Vec<Line> {
        vec![
            ("POST", None),
            ("POST", Some((409, "", status(409, "AlreadyExists")))),
            ("GET", Some((200, "", map("7", there)))),
        ]
    };
    let (result, changes, _) = play(0, script("new"), async |api| api.create(&wanted()).await);
    assert_eq!((result.expect("ours"), changes[0].kind), (map("7", "new"), ChangeKind::Created));
    let (result, changes, _) = play(0, script("theirs"), async |api| api.create(&wanted()).await);
    assert!(result.expect_err("somebody else's").is_already_exists() && changes.is_empty());
}

#[test]
fn a_fault_of_ours_is_not_repeated() {
    let script: Vec<Line> = vec![("POST", Some((400, "", status(400, "BadRequest"))))];
    let begun = Instant::now();
    let (result, changes, _) = play(0, script, async |api| api.create(&wanted()).await);
    assert_eq!(result.expect_err("refused").code(), Some(400));
    assert!(begun.elapsed() < Duration::from_secs(5) && changes.is_empty());
}

#[test]
fn nobody_there_is_told_with_how_long_it_was_tried() {
    let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let server = format!("http://{}", free.local_addr().expect("an address"));
    drop(free);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let error = runtime.block_on(async {
        let api = Node::real().api(&Endpoint { server: server.clone(), ..Endpoint::default() }).expect("an endpoint");
        api.within(Duration::from_secs(2)).get(&name()).await.expect_err("nobody")
    });
    let text = error.to_string();
    let begin = format!("cannot get ConfigMap kube-system/a: no answer from {server} within 1 s: ");
    assert!(text.starts_with(&begin) && text.contains("refused"), "{text}");
    assert!(error.hint().expect("advice").contains("crictl"));
}

#[test]
fn a_long_wait_is_explained_once() {
    let script: Vec<Line> = vec![("GET", Some((200, "", map("1", "new"))))];
    let told = Arc::new(Mutex::new(Vec::new()));
    let list = told.clone();
    let (result, _, _) = play(4000, script, async |api| {
        let keep = move |error: &ApiError| lock(&list).push(error.to_string());
        api.on_wait(Arc::new(keep)).get(&name()).await
    });
    assert!(result.expect("in the end").is_some());
    let told = lock(&told);
    assert!(told.len() == 1 && told[0].contains("refused"), "{told:?}");
}

#[test]
fn a_watch_tells_when_it_happens() {
    let node = |ready: bool| json!({ "metadata": { "name": "n", "resourceVersion": "5" }, "spec": { "ready": ready } });
    let list = |version: &str, items: Vec<Value>| json!({ "metadata": { "resourceVersion": version }, "items": items });
    let event = json!({ "type": "MODIFIED", "object": node(true) });
    let script: Vec<Line> = vec![
        ("GET /api/v1/nodes?fieldSelector=metadata.name%3Dn ", Some((200, "", list("3", vec![])))),
        // The first watch ends without an event.
        ("GET /api/v1/nodes?watch=true&fieldSelector=metadata.name%3Dn&resourceVersion=3 ", None),
        ("GET /api/v1/nodes?fieldSelector", Some((200, "", list("4", vec![node(false)])))),
        ("GET /api/v1/nodes?watch=true", Some((200, "", event))),
    ];
    let is_ready = |node: Option<&Value>| node.is_some_and(|node| node["spec"]["ready"] == true);
    let name = ObjectRef::new(&NODE, None, "n");
    let (result, _, _) =
        play(0, script, async |api| api.wait(&name, "Node n is not ready", Duration::from_secs(10), is_ready).await);
    assert_eq!(result.expect("in time"), Some(node(true)));

    let script: Vec<Line> = vec![("GET", Some((200, "", list("3", vec![])))), ("GET", None)];
    let (result, _, _) =
        play(0, script, async |api| api.wait(&name, "Node n is not ready", Duration::from_millis(40), is_ready).await);
    assert_eq!(result.expect_err("too late").to_string().split(" within").next(), Some("Node n is not ready"));
}

#[test]
fn calls_at_the_same_time_are_told_in_their_order() {
    let maps: Vec<Value> = (0..4)
        .map(|i| {
            let mut map = wanted();
            map["metadata"]["name"] = format!("map-{i}").into();
            map
        })
        .collect();
    let script: Vec<Line> = (0..4).map(|_| ("POST", Some((201, "", map("7", "new"))))).collect();
    let (result, changes, _) = play(0, script, async |api| api.create_or_update_all(&maps).await);
    assert_eq!(result.expect("created").len(), 4);
    let told: Vec<&str> = changes.iter().map(|change| change.path.as_str()).collect();
    assert_eq!(
        told,
        [
            "ConfigMap kube-system/map-0",
            "ConfigMap kube-system/map-1",
            "ConfigMap kube-system/map-2",
            "ConfigMap kube-system/map-3"
        ]
    );
}

#[test]
fn a_dry_run_sees_what_it_would_have_done_and_sends_nothing_that_changes() {
    let (root, scratch) = (tempfile::tempdir().expect("a root"), tempfile::tempdir().expect("a scratch"));
    let node = Node::dry_run_of(root.path(), scratch.path());
    let script: Vec<Line> =
        vec![(("GET /api/v1/namespaces/kube-system/configmaps/a"), Some((200, "", map("1", "old"))))];
    let server = serve(Duration::ZERO, script);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let endpoint = Endpoint { server: format!("http://{}", server.address), ..Endpoint::default() };
        let api = node.api(&endpoint).expect("an endpoint").maybe_absent();
        assert!(api.create(&wanted()).await.expect_err("it is really there").is_already_exists());
        let first = server.played.join().expect("one question");
        assert_eq!(first, [""]);
        // From here on nobody listens.
        api.nobody_there();
        let other = ObjectRef::new(&CONFIG_MAP, Some("kube-system"), "b");
        let mut made = wanted();
        made["metadata"]["name"] = "b".into();
        api.create_or_update(&made).await.expect("as if");
        assert_eq!(api.get(&other).await.expect("pretended"), Some(made.clone()));
        assert_eq!(api.list(&CONFIG_MAP, Some("kube-system"), Select::default()).await.expect("pretended"), [made]);
        assert!(api.delete(&other).await.expect("as if"));
        assert_eq!(api.get(&other).await.expect("pretended"), None);
        // A second handle of the same node knows the same.
        let second = node.api(&endpoint).expect("an endpoint");
        assert_eq!(second.get(&other).await.expect("pretended"), None);
        // Where there must be a cluster, nobody there is an error also in a dry run.
        let error = second.within(Duration::from_secs(1)).get(&name()).await.expect_err("nobody listens");
        assert!(matches!(error, ApiError::NoAnswer { .. }), "{error}");
    });
    let kinds: Vec<ChangeKind> = node.changes().iter().map(|change| change.kind).collect();
    assert_eq!(kinds, [ChangeKind::Created, ChangeKind::Removed]);
}

#[test]
fn a_dry_run_lets_the_server_say_what_would_become_of_it() {
    let (root, scratch) = (tempfile::tempdir().expect("a root"), tempfile::tempdir().expect("a scratch"));
    let node = Node::dry_run_of(root.path(), scratch.path());
    let with_default = |version: &str, value: &str| {
        let mut map = map(version, value);
        map["immutable"] = json!(false);
        map
    };
    let get = "GET /api/v1/namespaces/kube-system/configmaps/a ";
    let put = "PUT /api/v1/namespaces/kube-system/configmaps/a?dryRun=All ";
    let script: Vec<Line> = vec![
        (get, Some((200, "", with_default("1", "new")))),
        (get, Some((200, "", with_default("1", "new")))),
        (put, Some((200, "", with_default("1", "new")))),
    ];
    let server = serve(Duration::ZERO, script);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let endpoint = Endpoint { server: format!("http://{}", server.address), ..Endpoint::default() };
        let api = node.api(&endpoint).expect("an endpoint");
        // `null` is what the server leaves out.
        let mut wanted = wanted();
        wanted["immutable"] = Value::Null;
        api.create_or_update(&wanted).await.expect("as if");
    });
    server.played.join().expect("the script was played");
    let changes = node.changes();
    assert_eq!((changes.len(), changes[0].kind), (1, ChangeKind::Unchanged), "{:?}", changes[0].diff);
}

#[test]
fn an_endpoint_that_cannot_be_used_says_why() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let endpoint = |ca: &[u8]| Endpoint {
            server: "https://192.0.2.1:6443".into(),
            ca: Some(ca.to_vec()),
            token: Some("abcdef.0123456789abcdef".into()),
            ..Endpoint::default()
        };
        let error = Node::real().api(&endpoint(b"")).expect_err("no authority");
        let why = "cannot set up a connection to the API server https://192.0.2.1:6443: \
                   there is no certificate among its authorities";
        assert_eq!(error.to_string(), why);
        assert!(!format!("{:?}", endpoint(b"")).contains("0123456789"), "a token is never shown");
    });
}

#[test]
fn an_apply_names_whose_fields_it_would_change() {
    let cause = |field: &str| {
        json!({
            "reason": "FieldManagerConflict", "message": "conflict with \"kubectl-edit\" using v1", "field": field,
        })
    };
    let mut refusal = status(409, "Conflict");
    refusal["details"] = json!({ "causes": [cause(".data.key"), cause(".data.other")] });
    let path = "/api/v1/namespaces/kube-system/configmaps/a?fieldManager=kubephase-plugin-x&force=false";
    let patch: &'static str = format!("PATCH {path} ").leak();
    let script: Vec<Line> = vec![
        ("GET", Some((200, "", map("7", "theirs")))),
        (patch, Some((409, "", refusal))),
        ("GET", Some((404, "", status(404, "NotFound")))),
        // The server has not heard of the namespace yet, then stumbles.
        (patch, Some((404, "", status(404, "NotFound")))),
        (patch, Some((503, "retry-after: 0\r\n", status(503, "ServiceUnavailable")))),
        (patch, Some((201, "", map("8", "ours")))),
    ];
    let (results, changes, bodies) = play(0, script, async |api| {
        let manager = "kubephase-plugin-x";
        (api.apply(&wanted(), manager, false).await, api.apply(&wanted(), manager, false).await)
    });
    let error = results.0.expect_err("a conflict");
    let ApiError::Conflict { conflicts, .. } = &error else { panic!("{error:?}") };
    let field = |field: &str| FieldConflict { field: field.into(), manager: "kubectl-edit".into() };
    assert_eq!(conflicts, &[field(".data.key"), field(".data.other")]);
    assert_eq!(
        error.to_string(),
        "cannot apply ConfigMap kube-system/a: .data.key is set by kubectl-edit; .data.other is set by kubectl-edit"
    );
    assert!(results.1.is_ok(), "{:?}", results.1);
    assert_eq!(changes.iter().map(|change| change.kind).collect::<Vec<_>>(), [ChangeKind::Created]);
    assert_eq!(bodies[1], wanted().to_string());
}

#[test]
fn kinds_are_learnt_from_the_server_once() {
    let resources = json!({ "resources": [
        { "name": "pools/status", "kind": "Pool", "namespaced": true },
        { "name": "pools", "kind": "Pool", "namespaced": true },
    ] });
    let pool = json!({ "apiVersion": "example.com/v1", "kind": "Pool", "metadata": { "name": "a", "namespace": "b" } });
    let script: Vec<Line> = vec![
        ("GET /apis/example.com/v1 ", Some((404, "", status(404, "NotFound")))),
        ("GET /apis/example.com/v1 ", Some((200, "", resources))),
    ];
    let (names, _, _) =
        play(0, script, async |api| (api.name(&pool).await, api.name(&pool).await, api.name(&pool).await));
    let error = names.0.expect_err("it is not there yet");
    assert_eq!(error.to_string(), "cannot write Pool a: the cluster has no such kind in example.com/v1");
    assert_eq!(names.1.expect("it is there").path(), "/apis/example.com/v1/namespaces/b/pools/a");
    assert!(names.2.is_ok());
}
