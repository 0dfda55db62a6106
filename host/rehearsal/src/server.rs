//! The API server: the real wire protocol over TLS, on the store. It listens on loopback only; everything about it is
//! in memory and ends with the process.

mod body;
mod custom;
mod discovery;
mod dispatch;
mod form;
mod objects;
mod path;
mod protobuf;
mod reviews;
mod tls;
mod watching;

use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use kubephase_pki::{Cert, CertError};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::watch as signal;
use tokio_rustls::TlsAcceptor;

use crate::store::Store;

/// What an API server needs to know.
pub struct ServerConfig {
    /// PEM of the certificate for TLS, and of those above it.
    pub certificate: Vec<u8>,
    /// PEM of its key.
    pub key: Vec<u8>,
    /// PEM of the authorities that vouch for clients (`--client-ca-file`).
    pub client_ca: Vec<u8>,
    /// Networks of Services, the first one is of the first IP family: `10.96.0.0/12`.
    pub service_cidrs: Vec<String>,
    /// What it says it is, such as `v1.36.2`.
    pub version: String,
    /// Port on 127.0.0.1; 0 for any.
    pub port: u16,
    /// Where the objects are; they outlive the server, as etcd's do.
    pub store: Store,
}

/// The server could not start.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// The authorities of clients cannot be read.
    #[error("starting the API server: the authority of its clients")]
    ClientCa(#[source] CertError),
    /// Certificate or key cannot be used.
    #[error("starting the API server: its certificate or key cannot be used")]
    Tls(#[source] tokio_rustls::rustls::Error),
    /// Certificate or key is no PEM.
    #[error("starting the API server: its certificate or key is no PEM")]
    Pem(#[source] rustls_pki_types::pem::Error),
    /// The port is taken.
    #[error("starting the API server: listening on {address}")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// Why not.
        source: std::io::Error,
    },
}

impl ServerError {
    /// What to do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::ClientCa(_) | Self::Tls(_) | Self::Pem(_) => {
                "the files that the phases `certs` made are not what a server can use: look at them with `openssl x509`"
            }
            Self::Listen { .. } => "another program listens there: end it, or use another port",
        }
    }
}

/// What all connections share.
pub(crate) struct Shared {
    pub(crate) store: Store,
    pub(crate) authorities: Vec<Cert>,
    pub(crate) service_cidrs: Vec<String>,
    pub(crate) version: String,
}

/// An API server that runs. Clones are the same one; it ends with [`Server::stop`] or with the runtime.
#[derive(Clone)]
pub struct Server {
    shared: Arc<Shared>,
    tls: TlsAcceptor,
    address: SocketAddr,
    stop: signal::Sender<bool>,
}

impl Server {
    /// Starts one on the current runtime.
    pub async fn start(config: ServerConfig) -> Result<Self, ServerError> {
        let authorities =
            Cert::all_from_pem("the authority of clients", &config.client_ca).map_err(ServerError::ClientCa)?;
        let tls = tls::acceptor(&config.certificate, &config.key)?;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, config.port));
        let failed = |source| ServerError::Listen { address, source };
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let shared =
            Shared { store: config.store, authorities, service_cidrs: config.service_cidrs, version: config.version };
        let server = Self { shared: Arc::new(shared), tls, address, stop: signal::Sender::new(false) };
        tokio::spawn(server.clone().accept(listener));
        Ok(server)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its objects.
    pub fn store(&self) -> &Store {
        &self.shared.store
    }

    /// Ends it: no new connections, and those that are open are cut, as when the process dies.
    pub fn stop(&self) {
        self.stop.send_replace(true);
    }

    async fn accept(self, listener: TcpListener) {
        let mut stopped = self.stop.subscribe();
        loop {
            tokio::select! {
                _ = stopped.wait_for(|stop| *stop) => return,
                accepted = listener.accept() => {
                    // One that ends before it began is the client's affair.
                    if let Ok((stream, _)) = accepted {
                        let _ = stream.set_nodelay(true);
                        tokio::spawn(self.clone().serve(stream));
                    }
                }
            }
        }
    }

    /// Serves one connection, TLS first, until either side ends it.
    pub async fn serve(self, stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) {
        let mut stopped = self.stop.subscribe();
        tokio::select! {
            _ = stopped.wait_for(|stop| *stop) => {}
            () = self.converse(stream) => {}
        }
    }

    async fn converse(&self, stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) {
        let Ok(stream) = self.tls.accept(stream).await else { return };
        let chain = tls::peer(&stream);
        let service = service_fn(|request| async {
            Ok::<_, Infallible>(dispatch::answer(self.shared.clone(), &chain, request).await)
        });
        // A connection that breaks is the client's affair.
        let _ = http1::Builder::new()
            .timer(TokioTimer::new())
            .serve_connection(TokioIo::new(stream), service)
            .with_upgrades()
            .await;
    }
}
