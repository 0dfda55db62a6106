//! An API server that knows one Lease: reads, creates, replaces by version, and watches.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};

/// What everybody shares.
#[derive(Default)]
struct State {
    lease: Mutex<(u64, Option<Value>)>,
    news: Condvar,
}

/// The server. It runs until the process ends.
pub(super) struct Leases {
    address: SocketAddr,
    state: Arc<State>,
}

impl Leases {
    pub(super) fn serve() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let address = listener.local_addr().expect("an address");
        let state = Arc::new(State::default());
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let state = Arc::clone(&shared);
                std::thread::spawn(move || answer(stream, &state));
            }
        });
        Self { address, state }
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(super) fn holder(&self) -> String {
        let held = self.state.lease.lock().unwrap_or_else(PoisonError::into_inner);
        let holder = held.1.as_ref().and_then(|lease| lease.pointer("/spec/holderIdentity")?.as_str());
        holder.unwrap_or_default().to_owned()
    }

    /// Somebody else writes it.
    pub(super) fn write(&self, holder: &str, seconds: u64) {
        let lease = json!({
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": { "name": "kubephase-etcd-members", "namespace": "kube-system" },
            "spec": { "holderIdentity": holder, "leaseDurationSeconds": seconds },
        });
        put(&mut self.state.lease.lock().unwrap_or_else(PoisonError::into_inner), lease);
        self.state.news.notify_all();
    }
}

fn put(held: &mut (u64, Option<Value>), mut lease: Value) -> Value {
    held.0 += 1;
    lease["metadata"]["resourceVersion"] = json!(held.0.to_string());
    held.1 = Some(lease.clone());
    lease
}

fn answer(mut stream: TcpStream, state: &State) {
    let Some((head, body)) = request(&mut stream) else { return };
    let mut words = head.split(' ');
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let status = |code: u16, reason: &str| {
        (code, json!({ "kind": "Status", "code": code, "reason": reason, "message": reason }))
    };
    let mut held = state.lease.lock().unwrap_or_else(PoisonError::into_inner);
    let (code, answer) = match method {
        "GET" if path.contains("watch=true") => {
            let version = path.split("resourceVersion=").nth(1).unwrap_or_default().to_owned();
            let quiet = Duration::from_secs(5);
            let same = |held: &mut (u64, Option<Value>)| held.0.to_string() == version;
            let (held, _) = state.news.wait_timeout_while(held, quiet, same).unwrap_or_else(PoisonError::into_inner);
            let event = held.1.clone().filter(|_| held.0.to_string() != version);
            drop(held);
            let event = event.map(|lease| format!("{}\n", json!({ "type": "MODIFIED", "object": lease })));
            let text = event.unwrap_or_default();
            let _ =
                write!(stream, "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-type: application/json\r\n\r\n{text}");
            return;
        }
        "GET" if path.contains('?') => {
            let items: Vec<Value> = held.1.iter().cloned().collect();
            (200, json!({ "kind": "LeaseList", "metadata": { "resourceVersion": held.0.to_string() }, "items": items }))
        }
        "GET" => held.1.clone().map_or_else(|| status(404, "NotFound"), |lease| (200, lease)),
        "POST" if held.1.is_some() => status(409, "AlreadyExists"),
        "PUT"
            if held
                .1
                .as_ref()
                .is_none_or(|now| now["metadata"]["resourceVersion"] != body["metadata"]["resourceVersion"]) =>
        {
            status(409, "Conflict")
        }
        "POST" | "PUT" => {
            let made = put(&mut held, body);
            state.news.notify_all();
            (200, made)
        }
        _ => status(405, "MethodNotAllowed"),
    };
    drop(held);
    let text = answer.to_string();
    let length = text.len();
    let _ = write!(stream, "HTTP/1.1 {code} X\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{text}");
}

fn request(stream: &mut TcpStream) -> Option<(String, Value)> {
    let mut text = String::new();
    let mut buffer = [0; 4096];
    loop {
        let read = stream.read(&mut buffer).ok().filter(|read| *read > 0)?;
        text.push_str(&String::from_utf8_lossy(&buffer[..read]));
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length =
            head.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok());
        if body.len() >= length.unwrap_or(0) {
            return Some((head.to_owned(), serde_json::from_str(body).unwrap_or_default()));
        }
    }
}
