//! A member's client port: gRPC over TLS with certificates on both sides, as its flags say. As much of etcd's API as is
//! about members.

use std::convert::Infallible;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use kubephase_node::etcd::wire;
use kubephase_node::grpc::unary;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig};
use tonic::Status;
use tonic::body::Body;

use super::{Cluster, LastWords};
use crate::machine::Machine;
use crate::machine::command::CommandLine;

/// How often a member looks whether it still is one.
const LOOK: Duration = Duration::from_millis(100);

/// TLS as etcd's flags have it; none if they name no certificate.
#[derive(Clone, Default)]
pub struct Tls(Option<TlsAcceptor>);

impl Tls {
    /// From the files that the flags name.
    pub fn read(machine: &Machine, line: &CommandLine) -> Result<Self, LastWords> {
        let Some(cert) = line.flag("cert-file") else { return Ok(Self(None)) };
        let read = |path: &str| std::fs::read(machine.place(path)).map_err(|error| format!("open {path}: {error}"));
        let odd = |what: &str, error: &dyn std::error::Error| format!("tls: {what}: {error}");
        let chain: Vec<CertificateDer> = CertificateDer::pem_slice_iter(&read(cert)?)
            .collect::<Result<_, _>>()
            .map_err(|error| odd("failed to parse the certificate", &error))?;
        let key = PrivateKeyDer::from_pem_slice(&read(line.flag("key-file").unwrap_or_default())?)
            .map_err(|error| odd("failed to parse the private key", &error))?;
        let provider = Arc::new(aws_lc_rs::default_provider());
        let builder = ServerConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()
            .map_err(|error| odd("no version", &error))?;
        let builder = match line.flag("trusted-ca-file").filter(|_| line.flag("client-cert-auth") == Some("true")) {
            None => builder.with_no_client_auth(),
            Some(ca) => {
                let mut roots = RootCertStore::empty();
                for root in CertificateDer::pem_slice_iter(&read(ca)?).flatten() {
                    roots.add(root).map_err(|error| odd("an authority that is none", &error))?;
                }
                let verifier = WebPkiClientVerifier::builder_with_provider(roots.into(), provider)
                    .build()
                    .map_err(|error| odd("nobody vouches for clients", &error))?;
                builder.with_client_cert_verifier(verifier)
            }
        };
        let mut config = builder
            .with_single_cert(chain, key)
            .map_err(|error| odd("private key does not match public key", &error))?;
        config.alpn_protocols = vec![b"h2".to_vec()];
        Ok(Self(Some(TlsAcceptor::from(Arc::new(config)))))
    }
}

/// A member that answers until this goes.
#[derive(Debug)]
pub struct Listener {
    /// Where.
    pub address: SocketAddr,
    task: JoinHandle<()>,
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Tells the others when a member ends, however it does.
struct Seat(Cluster, u64);

impl Drop for Seat {
    fn drop(&mut self) {
        self.0.end(self.1);
    }
}

/// Answers for the member `id` on any port of loopback.
pub(super) async fn listen(cluster: Cluster, id: u64, tls: Tls) -> io::Result<Listener> {
    let seat = Seat(cluster.clone(), id);
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let address = listener.local_addr()?;
    let task = tokio::spawn(async move {
        let seat = seat;
        // They end with it, as when the process dies.
        let mut connections = JoinSet::new();
        // Who was removed ends by itself.
        while seat.0.has(id) {
            tokio::select! {
                accepted = listener.accept() => {
                    if let Ok((stream, _)) = accepted {
                        connections.spawn(converse(stream, tls.clone(), cluster.clone(), id));
                    }
                }
                Some(_) = connections.join_next() => {}
                () = tokio::time::sleep(LOOK) => {}
            }
        }
    });
    Ok(Listener { address, task })
}

async fn converse(stream: TcpStream, tls: Tls, cluster: Cluster, id: u64) {
    let service = service_fn(move |request| answer(request, cluster.clone(), id));
    let server = http2::Builder::new(TokioExecutor::new());
    // A caller that goes away has what it wanted, and one that is not believed gets nothing.
    match tls.0 {
        None => drop(server.serve_connection(TokioIo::new(stream), service).await),
        Some(tls) => {
            if let Ok(stream) = tls.accept(stream).await {
                drop(server.serve_connection(TokioIo::new(stream), service).await);
            }
        }
    }
}

type Request = http::Request<hyper::body::Incoming>;

async fn answer(request: Request, cluster: Cluster, id: u64) -> Result<http::Response<Body>, Infallible> {
    let path = request.uri().path();
    let call = path.strip_prefix("/etcdserverpb.").unwrap_or(path).to_owned();
    Ok(match call.as_str() {
        "Cluster/MemberList" => unary(request, move |request| cluster.list(id, &request)).await,
        "Cluster/MemberAdd" => unary(request, move |request| cluster.add(id, request)).await,
        "Cluster/MemberPromote" => unary(request, move |request| cluster.promote(id, &request)).await,
        "Cluster/MemberRemove" => unary(request, move |request| cluster.remove(id, &request)).await,
        "Cluster/MemberUpdate" => unary(request, move |request| cluster.update(id, request)).await,
        "Maintenance/MoveLeader" => unary(request, move |request| cluster.lead(id, &request)).await,
        "Maintenance/Status" => unary(request, move |_: wire::Empty| cluster.status(id)).await,
        "Maintenance/Alarm" => unary(request, |_: wire::AlarmRequest| Ok(wire::AlarmResponse::default())).await,
        _ => unary(request, |_: wire::Empty| Err::<wire::Empty, _>(Status::unimplemented("not pretended"))).await,
    })
}
