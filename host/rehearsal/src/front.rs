//! The network of the pretended machine: one HTTP proxy on loopback. What it leads to is in a table of `host:port`, and in
//! another one that the machines of a cluster share; everything else is refused, so that nothing leaves the real machine.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use kubephase_node::http::NOTHING_LISTENS;
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};

/// A request's head that is longer is none of ours.
const HEAD_LIMIT: usize = 16 << 10;
/// Nobody needs longer to say what they want.
const PATIENCE: Duration = Duration::from_secs(10);

/// The proxy. Clones are the same one; it ends with the runtime that it was started in.
#[derive(Clone, Debug)]
pub struct Front {
    address: SocketAddr,
    routes: Table,
    /// What all machines of the cluster reach.
    shared: Table,
}

type Table = Arc<Mutex<HashMap<String, SocketAddr>>>;

impl Front {
    /// Starts it on the current runtime, on any port.
    pub async fn start() -> io::Result<Self> {
        Self::with(Table::default()).await
    }

    /// That of another machine, which reaches what this one publishes, and the other way round.
    pub async fn beside(&self) -> io::Result<Self> {
        Self::with(self.shared.clone()).await
    }

    async fn with(shared: Table) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let front = Self { address: listener.local_addr()?, routes: Arc::default(), shared };
        let own = front.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let front = own.clone();
                // A caller that breaks off is its own affair.
                tokio::spawn(async move { drop(front.serve(stream).await) });
            }
        });
        Ok(front)
    }

    /// Its URL.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// From now on `place` (`192.0.2.10:6443`, `[::1]:10259`, in lower case) is at `target`, a loopback address.
    pub fn route(&self, place: &str, target: SocketAddr) {
        lock(&self.routes).insert(place.to_lowercase(), target);
    }

    /// The same for all machines of the cluster, unless it is loopback, which is each one's own.
    pub fn publish(&self, place: &str, target: SocketAddr) {
        let host = place.rsplit_once(':').map_or(place, |(host, _)| host).trim_matches(['[', ']']);
        let is_own = host == "localhost" || host.parse().is_ok_and(|ip: IpAddr| ip.is_loopback());
        lock(if is_own { &self.routes } else { &self.shared }).insert(place.to_lowercase(), target);
    }

    /// Where it leads to.
    pub fn target(&self, place: &str) -> Option<SocketAddr> {
        self.targets(place).into_iter().flatten().next()
    }

    /// The machine's own before that of the others, which a load balancer would take if that one is gone.
    fn targets(&self, place: &str) -> [Option<SocketAddr>; 2] {
        let place = place.to_lowercase();
        [&self.routes, &self.shared].map(|table| lock(table).get(&place).copied())
    }

    /// Nothing listens at `place` any more.
    pub fn close(&self, place: &str) {
        lock(&self.routes).remove(&place.to_lowercase());
    }

    async fn serve(&self, mut stream: TcpStream) -> io::Result<()> {
        stream.set_nodelay(true)?;
        let Ok(head) = tokio::time::timeout(PATIENCE, head(&mut stream)).await else { return Ok(()) };
        let head = head?;
        let (line, rest) = head.split_once("\r\n").unwrap_or((&head, ""));
        let mut words = line.split(' ');
        let (method, url) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let tunnel = method.eq_ignore_ascii_case("CONNECT");
        let (place, path) = if tunnel { (url.to_owned(), "") } else { plain(url) };
        let mut connected = None;
        for target in self.targets(&place).into_iter().flatten() {
            connected = TcpStream::connect(target).await.ok();
            if connected.is_some() {
                break;
            }
        }
        let Some(mut upstream) = connected else {
            let why = format!("nothing listens at {place} in this rehearsal\n");
            let answer = format!(
                "HTTP/1.1 502 Bad Gateway\r\nContent-Type: text/plain\r\n{NOTHING_LISTENS}: {place}\r\nContent-Length: {}\r\n\
                 Connection: close\r\n\r\n{why}",
                why.len()
            );
            return stream.write_all(answer.as_bytes()).await;
        };
        upstream.set_nodelay(true)?;
        if tunnel {
            stream.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await?;
        } else {
            // One request per connection: the next one may be for somebody else.
            upstream.write_all(format!("{method} {path} HTTP/1.1\r\nConnection: close\r\n{rest}").as_bytes()).await?;
        }
        copy_bidirectional(&mut stream, &mut upstream).await.map(drop)
    }
}

fn lock(table: &Table) -> MutexGuard<'_, HashMap<String, SocketAddr>> {
    table.lock().unwrap_or_else(PoisonError::into_inner)
}

/// `http://host:port/path` as place and path; without a port it is 80.
fn plain(url: &str) -> (String, &str) {
    let rest = url.strip_prefix("http://").unwrap_or(url);
    let (place, path) = rest.find('/').map_or((rest, "/"), |at| rest.split_at(at));
    let port = place.rsplit_once(':').is_some_and(|(_, port)| port.bytes().all(|byte| byte.is_ascii_digit()));
    (if port { place.to_owned() } else { format!("{place}:80") }, path)
}

/// Everything up to the empty line, and nothing after it.
async fn head(stream: &mut TcpStream) -> io::Result<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        if head.len() >= HEAD_LIMIT {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "the head of the request is too long"));
        }
        head.push(stream.read_u8().await?);
    }
    Ok(String::from_utf8_lossy(&head).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn ask(front: &Front, request: &str) -> String {
        let mut stream = TcpStream::connect(front.address).await.expect("connected");
        stream.write_all(request.as_bytes()).await.expect("sent");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.expect("answered");
        answer
    }

    /// Says what it heard.
    async fn echo() -> SocketAddr {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
        let address = listener.local_addr().expect("an address");
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let heard = head(&mut stream).await.unwrap_or_default();
                stream.write_all(format!("heard {heard:?}").as_bytes()).await.expect("answered");
            }
        });
        address
    }

    #[tokio::test]
    async fn only_what_is_in_the_table_is_reached() {
        let front = Front::start().await.expect("a proxy");
        assert!(front.url().starts_with("http://127.0.0.1:"));
        let refused = ask(&front, "CONNECT example.com:443 HTTP/1.1\r\nHost: example.com\r\n\r\n").await;
        assert!(refused.starts_with("HTTP/1.1 502 ") && refused.contains("example.com:443"), "{refused}");
        front.route("CP.example:6443", echo().await);
        let answer = ask(&front, "CONNECT cp.EXAMPLE:6443 HTTP/1.1\r\n\r\nhello\r\n\r\n").await;
        assert_eq!(answer, "HTTP/1.1 200 Connection established\r\n\r\nheard \"hello\\r\\n\\r\\n\"");
        front.close("cp.example:6443");
        assert!(ask(&front, "CONNECT cp.example:6443 HTTP/1.1\r\n\r\n").await.starts_with("HTTP/1.1 502 "));
    }

    #[tokio::test]
    async fn what_is_published_is_reached_from_everywhere_and_loopback_is_ones_own() {
        let front = Front::start().await.expect("a proxy");
        let other = front.beside().await.expect("a proxy");
        let target = SocketAddr::from(([127, 0, 0, 1], 1));
        for place in ["192.0.2.10:2379", "[2001:db8::10]:2379", "127.0.0.1:2379", "[::1]:2379", "LOCALHOST:1"] {
            front.publish(&place.to_lowercase(), target);
            assert_eq!(front.target(place), Some(target), "{place}");
            assert_eq!(other.target(place).is_some(), place.contains("2.10") || place.contains("db8"), "{place}");
        }
        front.route("192.0.2.10:1", target);
        assert_eq!(other.target("192.0.2.10:1"), None);

        // What is gone on this machine may be there on another one.
        other.route("cp.example:6443", target);
        front.publish("cp.example:6443", echo().await);
        let answer = ask(&other, "CONNECT cp.example:6443 HTTP/1.1\r\n\r\nhello\r\n\r\n").await;
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    }

    #[tokio::test]
    async fn plain_requests_lose_their_host() {
        let front = Front::start().await.expect("a proxy");
        front.route("127.0.0.1:10248", echo().await);
        let answer = ask(&front, "GET http://127.0.0.1:10248/healthz HTTP/1.1\r\nHost: x\r\n\r\n").await;
        assert_eq!(answer, "heard \"GET /healthz HTTP/1.1\\r\\nConnection: close\\r\\nHost: x\\r\\n\\r\\n\"");
    }
}
