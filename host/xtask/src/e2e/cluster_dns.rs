//! What runs under CoreDNS's image name: CoreDNS is in no Debian suite, and no registry is asked.
//!
//! Started as CoreDNS's Deployment starts it (`-conf FILE`), it takes the port, the zone and the two health endpoints
//! from the mounted Corefile, reads Services from the API server with its pod's own service account, and answers for
//! their names. So the Deployment, its arguments, probes, volume, capabilities and rights are proven to fit a program
//! that needs them, and the Service before it to route to it. Not proven: that CoreDNS itself likes the Corefile, and
//! whatever it does beyond names of Services (names of pods, other zones, TCP, metrics).
//!
//! As `lookup HOST:PORT` it is the client in another pod: resolves by the pod's own resolver and connects.

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::io::{Read, Write};
use std::net::{IpAddr, TcpListener, TcpStream, ToSocketAddrs, UdpSocket};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use kubephase_model::object::SERVICE;
use kubephase_node::{Node, kube};

/// Where a pod finds its service account.
const ACCOUNT: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

/// Addresses by the names of Services, such as `kubernetes.default`.
type Services = BTreeMap<String, Vec<IpAddr>>;

/// Runs what the arguments ask for, forever or until it is done.
pub fn run(args: &[String]) -> Result<()> {
    match args {
        [flag, path] if flag == "-conf" => serve(&fs::read_to_string(path).with_context(|| format!("no {path}"))?),
        [verb, name] if verb == "lookup" => lookup(name),
        other => bail!("started with {other:?} instead of -conf FILE or lookup HOST:PORT"),
    }
}

/// What the Corefile says about us.
#[derive(Debug, PartialEq)]
struct Corefile {
    port: u16,
    zone: String,
    health: bool,
    ready: bool,
}

impl Corefile {
    fn read(text: &str) -> Result<Self> {
        let lines: Vec<Vec<&str>> = text.lines().map(|line| line.split_whitespace().collect()).collect();
        let after = |word: &str| lines.iter().find(|line| line.first() == Some(&word));
        let port = lines.iter().find_map(|line| line.first()?.strip_prefix(".:")?.parse().ok());
        let zone = after("kubernetes").and_then(|line| line.get(1)).context("the Corefile names no zone")?;
        Ok(Self {
            port: port.context("the Corefile names no port")?,
            zone: (*zone).to_owned(),
            health: after("health").is_some(),
            ready: after("ready").is_some(),
        })
    }
}

fn serve(corefile: &str) -> Result<()> {
    let corefile = Corefile::read(corefile)?;
    let services: Arc<Mutex<Option<Services>>> = Arc::default();
    // A port below 1024: this is what the pod keeps a capability for.
    let socket = UdpSocket::bind(("::", corefile.port)).or_else(|_| UdpSocket::bind(("0.0.0.0", corefile.port)))?;
    if corefile.health {
        answer_http(8080, || true)?;
    }
    if corefile.ready {
        let known = services.clone();
        answer_http(8181, move || lock(&known).is_some())?;
    }
    let names = services.clone();
    thread::spawn(move || {
        let mut packet = [0; 512];
        loop {
            let Ok((length, peer)) = socket.recv_from(&mut packet) else { continue };
            let known = lock(&names).clone().unwrap_or_default();
            if let Some(answer) = answer(&packet[..length], &corefile.zone, &known) {
                let _ = socket.send_to(&answer, peer);
            }
        }
    });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(follow(&services))
}

/// Reads all Services, again and again.
async fn follow(services: &Mutex<Option<Services>>) -> Result<()> {
    let read = |name: &str| fs::read(format!("{ACCOUNT}/{name}")).with_context(|| format!("the pod has no {name}"));
    let (host, port) = (env::var("KUBERNETES_SERVICE_HOST")?, env::var("KUBERNETES_SERVICE_PORT")?);
    let endpoint = kube::Endpoint {
        server: format!("https://{host}:{port}"),
        ca: Some(read("ca.crt")?),
        token: Some(String::from_utf8(read("token")?)?),
        ..Default::default()
    };
    let api = Node::real().api(&endpoint)?.within(Duration::from_secs(10));
    loop {
        match api.list(&SERVICE, None, kube::Select::default()).await {
            Ok(list) => *lock(services) = Some(list.iter().map(addresses).collect()),
            Err(error) => eprintln!("could not list Services: {error}"),
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

fn addresses(service: &serde_json::Value) -> (String, Vec<IpAddr>) {
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    let (metadata, spec) = (&service["metadata"], &service["spec"]);
    let all = spec["clusterIPs"].as_array().cloned().unwrap_or_else(|| vec![spec["clusterIP"].clone()]);
    let addresses = all.iter().filter_map(|address| address.as_str()?.parse().ok()).collect();
    (format!("{}.{}", text(&metadata["name"]), text(&metadata["namespace"])), addresses)
}

/// Answers every request on `port` with 200 or 503.
fn answer_http(port: u16, healthy: impl Fn() -> bool + Send + 'static) -> Result<()> {
    let listener = TcpListener::bind(("::", port)).or_else(|_| TcpListener::bind(("0.0.0.0", port)))?;
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let _ = stream.read(&mut [0; 1024]);
            let (status, body) = if healthy() { ("200 OK", "OK") } else { ("503 Service Unavailable", "wait") };
            let length = body.len();
            let _ = write!(stream, "HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}");
        }
    });
    Ok(())
}

/// The answer to one query (RFC 1035, section 4), if it is one.
fn answer(query: &[u8], zone: &str, services: &Services) -> Option<Vec<u8>> {
    // One question, nothing answered yet.
    if query.len() < 12 || query[2] & 0x80 != 0 || query[4..6] != [0, 1] {
        return None;
    }
    let (mut labels, mut at) = (Vec::new(), 12);
    loop {
        let length = usize::from(*query.get(at)?);
        at += 1;
        if length == 0 {
            break;
        }
        labels.push(String::from_utf8_lossy(query.get(at..at + length)?).to_lowercase());
        at += length;
    }
    let kind = query.get(at..at + 2)?;
    let question = query.get(12..at + 4)?;
    let name = labels.join(".");
    let inside = name.strip_suffix(&format!(".{zone}"));
    let found = inside.and_then(|name| name.strip_suffix(".svc")).and_then(|name| services.get(name));
    let status = match (inside, found) {
        (None, _) => 5,       // refused: not ours, and there is nobody to ask
        (Some(_), None) => 3, // no such name
        (Some(_), Some(_)) => 0,
    };
    let wanted: Vec<Vec<u8>> = found
        .into_iter()
        .flatten()
        .filter_map(|address| match (address, kind) {
            (IpAddr::V4(address), [0, 1]) => Some(address.octets().to_vec()),
            (IpAddr::V6(address), [0, 28]) => Some(address.octets().to_vec()),
            _ => None,
        })
        .collect();
    let mut packet = query[..2].to_vec();
    // An authoritative answer; recursion as asked for.
    packet.extend([0x84 | (query[2] & 1), status, 0, 1, 0, wanted.len() as u8, 0, 0, 0, 0]);
    packet.extend(question);
    for address in wanted {
        // The question's name, its type, class IN, five seconds.
        packet.extend([0xc0, 12, kind[0], kind[1], 0, 1, 0, 0, 0, 5, 0, address.len() as u8]);
        packet.extend(address);
    }
    Some(packet)
}

/// Shows the addresses of a host and whether one of them takes a connection.
fn lookup(name: &str) -> Result<()> {
    for address in name.to_socket_addrs().with_context(|| format!("could not resolve {name}"))? {
        TcpStream::connect_timeout(&address, Duration::from_secs(5))
            .with_context(|| format!("could not reach {address}"))?;
        println!("{name} is {} and answers", address.ip());
    }
    Ok(())
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUERY: &[u8] =
        b"\x12\x34\x01\0\0\x01\0\0\0\0\0\0\x0akubernetes\x07default\x03svc\x07cluster\x05local\0\0\x01\0\x01";

    fn services() -> Services {
        Services::from([("kubernetes.default".to_owned(), vec!["10.96.0.1".parse().expect("an address")])])
    }

    #[test]
    fn the_corefile_is_obeyed() {
        let text = ".:53 {\n    errors\n    health {\n       lameduck 5s\n    }\n    ready\n    kubernetes corp.test in-addr.arpa {\n    }\n}\n";
        let expected = Corefile { port: 53, zone: "corp.test".into(), health: true, ready: true };
        assert_eq!(Corefile::read(text).ok(), Some(expected));
        assert!(Corefile::read("").is_err());
    }

    #[test]
    fn a_service_is_answered() {
        let packet = answer(QUERY, "cluster.local", &services()).expect("an answer");
        assert_eq!(packet[..12], *b"\x12\x34\x85\0\0\x01\0\x01\0\0\0\0");
        assert_eq!(packet[packet.len() - 6..], [0, 4, 10, 96, 0, 1]);
    }

    #[test]
    fn what_is_no_service_is_denied() {
        let status = |zone: &str, services: &Services| answer(QUERY, zone, services).map(|packet| packet[3]);
        assert_eq!(status("cluster.local", &Services::new()), Some(3));
        assert_eq!(status("other.test", &services()), Some(5));
        assert_eq!(answer(&QUERY[..20], "cluster.local", &services()), None);
    }
}
