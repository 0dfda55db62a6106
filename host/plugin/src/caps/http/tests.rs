#![expect(clippy::disallowed_methods, reason = "a test serves what is asked for")]

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};

use kubephase_node::{Ambient, Node};
use serde_json::json;

use super::*;
use crate::world::{Given, Machine};

fn request(url: &str) -> Request {
    Request { method: "GET".into(), url: url.into(), headers: vec![], body: vec![], timeout_milliseconds: 5000 }
}

fn check(http: &[&str], request: Request) -> Result<world::Request, Failure> {
    checked(&State::alone(json!({ "http": http }), Arc::new(Given::default())).grants, request)
}

#[test]
fn only_granted_hosts_are_asked() {
    assert!(check(&["example.org"], request("https://example.org/x?y")).is_ok());
    for (url, scope) in [
        ("http://example.org/", "\"http://example.org\""),
        ("https://example.org:8443/", "\"example.org:8443\""),
        ("https://example.org.evil.test/", "example.org.evil.test"),
        ("https://127.0.0.1/", "\"127.0.0.1\""),
    ] {
        let denied = check(&["example.org"], request(url)).expect_err(url);
        assert_eq!(denied.code, "denied", "{url}");
        let remedy = format!("add to this plugin's entry: grants: {{http: [{scope}]}}");
        assert_eq!(denied.remedy, Some(remedy), "{url}");
    }
    for url in ["https://example.org@evil.test/", "file:///etc/passwd", "example.org", ""] {
        assert_eq!(check(&["example.org"], request(url)).expect_err(url).code, "invalid", "{url}");
    }
}

#[test]
fn headers_of_the_connection_and_odd_requests_are_refused() {
    let with = |name: &str, value: &str| Request {
        headers: vec![(name.to_owned(), value.to_owned())],
        ..request("https://example.org/")
    };
    assert!(check(&["example.org"], with("Authorization", "Bearer x")).is_ok());
    for (name, value) in [
        ("Host", "evil.test"),
        ("connection", "close"),
        ("Transfer-Encoding", "chunked"),
        ("Proxy-Authorization", "x"),
        ("a b", "x"),
        ("x", "a\r\nHost: evil.test"),
        ("", "x"),
    ] {
        assert_eq!(check(&["example.org"], with(name, value)).expect_err(name).code, "invalid", "{name}");
    }
    for (method, timeout) in [("get", 1), ("CONNECT", 1), ("TRACE", 1), ("GET", 0), ("GET", 60_001)] {
        let odd = Request { method: method.into(), timeout_milliseconds: timeout, ..request("https://example.org/") };
        assert_eq!(check(&["example.org"], odd).expect_err(method).code, "invalid", "{method} {timeout}");
    }
}

/// Answers every connection with the same bytes, and keeps what it was asked.
fn serve(answer: Vec<u8>) -> (u16, Arc<Mutex<String>>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let asked = Arc::new(Mutex::new(String::new()));
    let seen = asked.clone();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut request = [0; 4096];
            let length = stream.read(&mut request).unwrap_or_default();
            seen.lock().expect("whole").push_str(&String::from_utf8_lossy(&request[..length]));
            // A client that has gone is no failure of this test.
            drop(stream.write_all(&answer));
        }
    });
    (port, asked)
}

async fn send(port: u16, request: Request) -> Result<Response, Failure> {
    let node = Node::fixed("/nowhere", Ambient::default());
    let grants = json!({ "http": [format!("http://127.0.0.1:{port}")] });
    let mut state = State::alone(grants, Arc::new(Machine::new(&node, None, None)));
    Host::send(&mut state, request).await.expect("no trap")
}

#[tokio::test]
async fn a_redirect_is_an_answer_and_is_not_followed() {
    let answer =
        b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nX-A: b\r\nContent-Length: 2\r\n\r\nhi".to_vec();
    let (port, asked) = serve(answer);
    let url = format!("http://127.0.0.1:{port}/path?q");
    let headers = vec![("X-Test".to_owned(), "1".to_owned())];
    let request = Request { method: "POST".into(), headers, body: b"body".to_vec(), ..request(&url) };
    let response = send(port, request).await.expect("granted");
    assert_eq!((response.status, &*response.body), (302, &b"hi"[..]));
    assert!(response.headers.contains(&("x-a".to_owned(), "b".to_owned())), "{:?}", response.headers);
    let asked = asked.lock().expect("whole").to_lowercase();
    assert!(asked.starts_with("post /path?q http/1.1\r\n") && asked.contains("x-test: 1\r\n"), "{asked}");
    assert!(asked.contains(&format!("host: 127.0.0.1:{port}\r\n")), "{asked}");
}

#[tokio::test]
async fn long_answers_and_silence_are_failures() {
    let mut flood = b"HTTP/1.1 200 OK\r\n\r\n".to_vec();
    flood.resize(LONGEST_BODY + 10_000, b'x');
    let (port, _) = serve(flood);
    let failure = send(port, request(&format!("http://127.0.0.1:{port}/"))).await.expect_err("too long");
    assert_eq!(failure.code, "too-large");
    let silent = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    let port = silent.local_addr().expect("an address").port();
    let hasty = Request { timeout_milliseconds: 100, ..request(&format!("http://127.0.0.1:{port}/")) };
    assert_eq!(send(port, hasty).await.expect_err("nobody answers").code, "unavailable");
}
