//! Whether somebody listens, and how long it takes to reach him.

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::{MeasureError, lookup};
use crate::Node;

/// Connects to a TCP port and closes the connection; tells how long connecting took, in microseconds, without looking the
/// name up. Addresses of a name are tried one after the other, all within `timeout`.
pub async fn connect(node: &Node, host: &str, port: u16, timeout: Duration) -> Result<u64, MeasureError> {
    if node.is_rehearsed() {
        return Err(MeasureError::NotHere("the machine is pretended, and so is its network"));
    }
    let fail = |source| MeasureError::Io { what: format!("connect to {host} on port {port}"), source };
    let tried = tokio::time::timeout(timeout, async {
        let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
        for address in lookup(node, host, timeout).await? {
            let begun = Instant::now();
            match tokio::net::TcpStream::connect(SocketAddr::new(address, port)).await {
                Ok(_) => return Ok(u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX)),
                Err(error) => last = error,
            }
        }
        Err(last)
    });
    tried.await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())).map_err(fail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn listeners_are_reached_and_others_are_not() {
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let timeout = Duration::from_secs(5);
        assert!(connect(&Node::real(), "127.0.0.1", port, timeout).await.expect("reached") < 5_000_000);
        drop(listener);
        let error = connect(&Node::real(), "127.0.0.1", port, timeout).await.expect_err("nobody listens");
        assert_eq!(
            (error.code(), error.to_string()),
            ("unavailable", format!("cannot connect to 127.0.0.1 on port {port}"))
        );
    }
}
