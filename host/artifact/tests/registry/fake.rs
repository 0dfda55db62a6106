//! A web server that answers as a test wants, and remembers what it was asked; with TLS if that is wanted.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use tokio_rustls::rustls::pki_types::PrivateKeyDer;
use tokio_rustls::rustls::{ServerConfig, ServerConnection, StreamOwned};

/// What was asked.
#[derive(Clone, Debug, Default)]
pub struct Asked {
    pub method: String,
    /// With the query.
    pub target: String,
    pub headers: BTreeMap<String, String>,
    pub body: Vec<u8>,
}

impl Asked {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map(String::as_str).unwrap_or_default()
    }

    pub fn line(&self) -> String {
        format!("{} {}", self.method, self.target)
    }
}

/// What is answered.
#[derive(Clone, Debug)]
pub struct Reply {
    bytes: Vec<u8>,
    /// Then it keeps silent, for as long as anybody listens.
    hangs: bool,
    /// Goes on and on with the same.
    endless: Vec<u8>,
}

impl Reply {
    pub fn new(status: u16, headers: &[(&str, &str)], body: &[u8]) -> Self {
        let mut headers: Vec<(&str, String)> =
            headers.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        if !headers.iter().any(|(name, _)| *name == "content-length") {
            headers.push(("content-length", body.len().to_string()));
        }
        let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let bytes = [format!("HTTP/1.1 {status} X\r\nconnection: close\r\n{headers}\r\n").as_bytes(), body].concat();
        Self { bytes, hangs: false, endless: Vec::new() }
    }

    pub fn ok(body: &[u8]) -> Self {
        Self::new(200, &[], body)
    }

    pub fn status(status: u16) -> Self {
        Self::new(status, &[], b"")
    }

    /// After these bytes, nothing.
    pub fn hanging(mut self) -> Self {
        self.hangs = true;
        self
    }

    /// Of unknown length, and without an end.
    pub fn endless(piece: &[u8]) -> Self {
        let bytes = b"HTTP/1.1 200 X\r\nconnection: close\r\n\r\n".to_vec();
        Self { bytes, hangs: false, endless: piece.to_vec() }
    }
}

type Answer = Arc<dyn Fn(&Asked) -> Reply + Send + Sync>;

pub struct Fake {
    /// `127.0.0.1:port`.
    pub host: String,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Fake {
    pub fn new(answer: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> Self {
        Self::start(None, Arc::new(answer))
    }

    pub fn with_tls(authority: &Authority, answer: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> Self {
        Self::start(Some(authority.server()), Arc::new(answer))
    }

    fn start(tls: Option<Arc<ServerConfig>>, answer: Answer) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let host = listener.local_addr().expect("an address").to_string();
        let asked: Arc<Mutex<Vec<Asked>>> = Arc::default();
        let log = asked.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (tls, answer, log) = (tls.clone(), answer.clone(), log.clone());
                std::thread::spawn(move || match tls {
                    None => serve(stream, &answer, &log),
                    Some(tls) => {
                        let connection = ServerConnection::new(tls).expect("a connection");
                        serve(StreamOwned::new(connection, stream), &answer, &log);
                    }
                });
            }
        });
        Self { host, asked }
    }

    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().expect("whole").clone()
    }

    pub fn lines(&self) -> Vec<String> {
        self.asked().iter().map(Asked::line).collect()
    }
}

fn serve(mut stream: impl Read + Write, answer: &Answer, log: &Mutex<Vec<Asked>>) {
    let Some(asked) = read(&mut stream) else { return };
    let reply = answer(&asked);
    log.lock().expect("whole").push(asked);
    // A client that has gone is no failure of a test.
    if stream.write_all(&reply.bytes).and_then(|()| stream.flush()).is_err() {
        return;
    }
    if !reply.endless.is_empty() {
        while stream.write_all(&reply.endless).is_ok() {}
    }
    if reply.hangs {
        std::thread::sleep(Duration::from_secs(30));
    }
}

fn read(stream: &mut impl Read) -> Option<Asked> {
    let mut bytes = Vec::new();
    let mut byte = [0];
    while !bytes.ends_with(b"\r\n\r\n") {
        (stream.read(&mut byte).ok()? == 1).then_some(())?;
        bytes.push(byte[0]);
    }
    let head = String::from_utf8_lossy(&bytes).into_owned();
    let mut lines = head.lines();
    let mut first = lines.next()?.split(' ');
    let (method, target) = (first.next()?.to_owned(), first.next()?.to_owned());
    let headers: BTreeMap<String, String> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
        .collect();
    let length = headers.get("content-length").and_then(|length| length.parse().ok()).unwrap_or_default();
    let mut body = vec![0; length];
    stream.read_exact(&mut body).ok()?;
    Some(Asked { method, target, headers, body })
}

/// Somebody who signs the certificates of servers on this machine.
pub struct Authority {
    pub pem: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    pub fn new() -> Self {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "test authority");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let pem = params.self_signed(&key).expect("a certificate").pem();
        Self { pem, issuer: Issuer::new(params, key) }
    }

    /// Certificate and key of a server.
    pub fn issue(&self) -> (rcgen::Certificate, KeyPair) {
        let key = KeyPair::generate().expect("a key");
        let params = CertificateParams::new(["127.0.0.1".to_owned(), "localhost".to_owned()]).expect("names");
        (params.signed_by(&key, &self.issuer).expect("a certificate"), key)
    }

    fn server(&self) -> Arc<ServerConfig> {
        let (cert, key) = self.issue();
        let key = PrivateKeyDer::try_from(key.serialize_der()).expect("a key");
        let config = ServerConfig::builder().with_no_client_auth();
        Arc::new(config.with_single_cert(vec![cert.der().clone()], key).expect("a server"))
    }
}
