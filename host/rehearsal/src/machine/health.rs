//! Endpoints that say that all is well: the kubelet's, and those of components that are only pretended.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use kubephase_model::KeyAlgorithm;
use kubephase_model::config::duration::GoDuration;
use kubephase_pki::{AltNames, Cert, PrivateKey, Request, Serial, Usage, Validity, generate_key, issue, self_signed};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;

/// An endpoint that answers until this goes.
#[derive(Debug)]
pub struct Health {
    /// Where.
    pub address: SocketAddr,
    task: JoinHandle<()>,
}

impl Drop for Health {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Answers `ok` to everything, over TLS if there is some.
pub async fn serve(tls: Option<TlsAcceptor>) -> io::Result<Health> {
    say("ok", tls).await
}

/// Answers this text to everything, over TLS if there is some.
pub async fn say(text: &'static str, tls: Option<TlsAcceptor>) -> io::Result<Health> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let address = listener.local_addr()?;
    let task = tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let tls = tls.clone();
            // A caller that breaks off is its own affair.
            tokio::spawn(async move {
                match tls {
                    Some(tls) => drop(answer(tls.accept(stream).await?, text).await),
                    None => drop(answer(stream, text).await),
                }
                io::Result::Ok(())
            });
        }
    });
    Ok(Health { address, task })
}

async fn answer(mut stream: impl AsyncRead + AsyncWrite + Unpin, text: &str) -> io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") && head.len() < 16 << 10 {
        head.push(stream.read_u8().await?);
    }
    let length = text.len();
    let answer = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{text}"
    );
    stream.write_all(answer.as_bytes()).await?;
    stream.shutdown().await
}

/// A certificate that components make for themselves at every start, for `localhost`.
pub fn own_certificate(now: std::time::SystemTime) -> Option<TlsAcceptor> {
    let request = |name: &str| -> Option<Request> {
        Some(Request {
            common_name: name.to_owned(),
            organizations: Vec::new(),
            usages: vec![Usage::ServerAuth],
            names: AltNames::new(["localhost".to_owned()], [std::net::IpAddr::from([127, 0, 0, 1])]),
            validity: Validity::backdated(now, GoDuration::hours(24))?,
            serial: Serial::from_random([1; 8]),
            marked: true,
        })
    };
    let ca = self_signed(&request("localhost-ca")?, generate_key(KeyAlgorithm::EcdsaP256).ok()?).ok()?;
    let key = generate_key(KeyAlgorithm::EcdsaP256).ok()?;
    let cert = issue(&request("localhost")?, &key, &ca).ok()?;
    acceptor(&cert, &key)
}

/// A server with this certificate.
pub fn acceptor(cert: &Cert, key: &PrivateKey) -> Option<TlsAcceptor> {
    let key = PrivateKeyDer::from_pem_slice(key.to_pem().ok()?.as_bytes()).ok()?;
    let chain = vec![CertificateDer::from(cert.der().to_vec())];
    let provider = Arc::new(tokio_rustls::rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().ok()?;
    Some(TlsAcceptor::from(Arc::new(config.with_no_client_auth().with_single_cert(chain, key).ok()?)))
}
