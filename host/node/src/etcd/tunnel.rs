//! The way to an etcd of a pretended cluster: through the proxy that is all the network of a pretended machine. Nothing
//! real is asked this way.

use std::io;

use http::Uri;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tonic::transport::{Channel, Endpoint, Error};

/// The proxy's answers have a line and some fields.
const HEAD_LIMIT: usize = 16 << 10;

/// Connects to `endpoint` through the proxy at this URL; TLS is the endpoint's own.
pub(super) async fn connect(endpoint: &Endpoint, proxy: &str) -> Result<Channel, Error> {
    let proxy = proxy.trim_start_matches("http://").trim_end_matches('/').to_owned();
    let connector = tower::service_fn(move |uri: Uri| {
        let proxy = proxy.clone();
        async move { open(&proxy, &uri).await.map(TokioIo::new) }
    });
    endpoint.connect_with_connector(connector).await
}

async fn open(proxy: &str, uri: &Uri) -> io::Result<TcpStream> {
    let host = uri.host().unwrap_or_default();
    let port = uri.port_u16().unwrap_or(if uri.scheme_str() == Some("https") { 443 } else { 80 });
    let mut stream = TcpStream::connect(proxy).await?;
    stream.set_nodelay(true)?;
    stream.write_all(format!("CONNECT {host}:{port} HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n").as_bytes()).await?;
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        if head.len() >= HEAD_LIMIT {
            return Err(io::Error::from(io::ErrorKind::InvalidData));
        }
        head.push(stream.read_u8().await?);
    }
    // Whatever it says otherwise means that nothing listens there.
    match head.starts_with(b"HTTP/1.1 200 ") {
        true => Ok(stream),
        false => Err(io::Error::from(io::ErrorKind::ConnectionRefused)),
    }
}
