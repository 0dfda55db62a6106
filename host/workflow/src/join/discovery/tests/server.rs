//! A TLS server on loopback that behaves as a test wants, well or badly, and remembers what it was asked.

use std::sync::{Arc, Mutex};

use kubephase_pki::Cert;
use rcgen::{BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Duration, sleep};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

use crate::join_command::ca_hash;

/// A certificate authority.
pub(super) struct Authority {
    pub pem: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    pub fn new(name: &str) -> Self {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let cert = params.self_signed(&key).expect("a certificate");
        Self { pem: cert.pem(), issuer: Issuer::new(params, key) }
    }

    pub fn pin(&self) -> String {
        ca_hash(&Cert::from_pem("ca.crt", self.pem.as_bytes()).expect("a certificate"))
    }

    /// A server's certificate for a name, as a server has it.
    pub fn server(&self, name: &str) -> TlsAcceptor {
        self.server_until(name, 2100)
    }

    /// The same, valid to the end of the year before `year`.
    pub fn server_until(&self, name: &str, year: i32) -> TlsAcceptor {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new([name.to_owned()]).expect("a name");
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.not_after = rcgen::date_time_ymd(year, 1, 1);
        let cert = params.signed_by(&key, &self.issuer).expect("a certificate");
        let key = PrivateKeyDer::try_from(key.serialize_der()).expect("a key");
        let config = ServerConfig::builder().with_no_client_auth();
        let config = config.with_single_cert(vec![cert.der().clone()], key).expect("a server");
        TlsAcceptor::from(Arc::new(config))
    }

    /// A client's certificate and its key, PEM.
    pub fn client(&self) -> (String, String) {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::default();
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        let cert = params.signed_by(&key, &self.issuer).expect("a certificate");
        (cert.pem(), key.serialize_pem())
    }
}

/// What a server does with a request.
#[derive(Clone)]
pub(super) enum Reply {
    /// 200 with this.
    Object(Value),
    /// 200 with this.
    Text(String),
    /// Another status, with more headers.
    Status(u16, String),
    /// 200 with more than anybody wants.
    Flood,
    /// 200, and then a byte now and then.
    Drip,
}

/// A running server. It ends with the runtime.
pub(super) struct Server {
    /// `127.0.0.1:<port>`.
    pub address: String,
    heads: Arc<Mutex<Vec<String>>>,
}

impl Server {
    /// Answers the nth request (from 0) with `reply(n)`, and shows the nth certificate, or the last one.
    pub async fn start(certificates: Vec<TlsAcceptor>, reply: impl Fn(usize) -> Reply + Send + 'static) -> Self {
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
        let address = listener.local_addr().expect("an address").to_string();
        let heads = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&heads);
        tokio::spawn(async move {
            for n in 0.. {
                let (stream, _) = listener.accept().await.expect("a connection");
                let acceptor = &certificates[n.min(certificates.len() - 1)];
                // A refused handshake is what some tests are about.
                let Ok(mut stream) = acceptor.accept(stream).await else { continue };
                let mut head = vec![0; 8192];
                let length = stream.read(&mut head).await.unwrap_or_default();
                if length == 0 {
                    continue;
                }
                let asked = {
                    let mut seen = seen.lock().expect("no panic");
                    seen.push(String::from_utf8_lossy(&head[..length]).into_owned());
                    seen.len() - 1
                };
                let reply = reply(asked);
                tokio::spawn(async move {
                    // Who has heard enough hangs up.
                    let _ = answer(&mut stream, reply).await;
                    let _ = stream.shutdown().await;
                });
            }
        });
        Self { address, heads }
    }

    /// What it was asked, headers and all.
    pub fn heads(&self) -> Vec<String> {
        self.heads.lock().expect("no panic").clone()
    }
}

async fn answer(stream: &mut (impl AsyncWriteExt + Unpin), reply: Reply) -> std::io::Result<()> {
    let (status, more, body) = match reply {
        Reply::Object(value) => (200, String::new(), value.to_string()),
        Reply::Text(text) => (200, String::new(), text),
        Reply::Status(status, more) => (status, more, String::new()),
        Reply::Flood => {
            stream.write_all(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n").await?;
            for _ in 0..10_000 {
                stream.write_all(&[b'x'; 4096]).await?;
            }
            return Ok(());
        }
        Reply::Drip => {
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n").await?;
            loop {
                stream.write_all(b"x").await?;
                stream.flush().await?;
                sleep(Duration::from_millis(50)).await;
            }
        }
    };
    let head = format!(
        "HTTP/1.1 {status} So\r\nContent-Type: application/json\r\n{more}Content-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(body.as_bytes()).await?;
    stream.flush().await
}
