//! Unix sockets: whether somebody listens on one. What is spoken over them is for others to know.

use std::io;
use std::time::Duration;

use crate::node::Node;

impl Node {
    /// Connects to a Unix socket of this node and closes the connection.
    pub async fn answers(&self, socket: &str, timeout: Duration) -> io::Result<()> {
        let connected = tokio::time::timeout(timeout, tokio::net::UnixStream::connect(self.host_path(socket))).await;
        connected.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?.map(drop)
    }
}
