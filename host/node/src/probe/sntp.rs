//! Asking a time server how late it is (SNTP, RFC 5905 section 14). Nothing is set.

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::{MeasureError, lookup};
use crate::Node;

const PORT: u16 = 123;
/// For looking the name up and for the answer.
const TIMEOUT: Duration = Duration::from_secs(3);
/// Seconds from 1900, where NTP begins, to 1970.
const EPOCH: u64 = 2_208_988_800;
const LENGTH: usize = 48;

/// How far this machine's clock is ahead of the server's, in microseconds; negative if it is behind.
pub async fn clock_offset(node: &Node, server: &str) -> Result<i64, MeasureError> {
    clock_offset_at(node, server, PORT).await
}

async fn clock_offset_at(node: &Node, server: &str, port: u16) -> Result<i64, MeasureError> {
    if node.is_rehearsed() {
        return Err(MeasureError::NotHere("the machine is pretended, and so is its network"));
    }
    let asked = tokio::time::timeout(TIMEOUT, async {
        let address = lookup(node, server, TIMEOUT).await?.into_iter().next();
        let address = address.ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "the name has no address"))?;
        ask(node, SocketAddr::new(address, port)).await
    });
    let asked = asked.await.unwrap_or_else(|_| Err(io::Error::new(io::ErrorKind::TimedOut, "it does not answer")));
    asked.map_err(|source| MeasureError::Io { what: format!("ask {server} for the time"), source })
}

async fn ask(node: &Node, server: SocketAddr) -> io::Result<i64> {
    let any = if server.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
    let socket = tokio::net::UdpSocket::bind(any).await?;
    socket.connect(server).await?;
    let mut request = [0; LENGTH];
    request[0] = 4 << 3 | 3;
    // A number instead of the time: an answer that repeats it is one to this question, and nobody learns our clock.
    let mut nonce = [0; 8];
    node.random(&mut nonce);
    request[40..].copy_from_slice(&nonce);
    let sent = now();
    socket.send(&request).await?;
    let mut answer = [0; LENGTH];
    loop {
        let length = socket.recv(&mut answer).await?;
        if length == LENGTH && answer[24..32] == nonce {
            return offset(&answer, sent, now());
        }
    }
}

/// Microseconds since 1970.
fn now() -> i128 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i128::try_from(since.as_micros()).unwrap_or_default()
}

/// Half of what lies between the ways there and back.
fn offset(answer: &[u8; LENGTH], sent: i128, received: i128) -> io::Result<i64> {
    let refused = |why| Err(io::Error::new(io::ErrorKind::InvalidData, why));
    let (leap, mode, stratum) = (answer[0] >> 6, answer[0] & 7, answer[1]);
    match (leap, mode, stratum) {
        (_, mode, _) if mode != 4 => return refused("its answer is not one of a server"),
        (_, _, 0) => return refused("it does not want to be asked"),
        (3, _, _) | (_, _, 16..) => return refused("its own clock is not synchronised"),
        _ => {}
    }
    let (arrived, left) = (timestamp(&answer[32..40]), timestamp(&answer[40..48]));
    let server_ahead = ((arrived - sent) + (left - received)) / 2;
    i64::try_from(-server_ahead).or_else(|_| refused("its time makes no sense"))
}

/// Seconds and parts of 2^32 since 1900, which come again after 136 years: the ones nearest to our time are meant.
fn timestamp(bytes: &[u8]) -> i128 {
    let part = |at: usize| u64::from(u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]));
    let seconds = if part(0) < EPOCH { part(0) + (1 << 32) } else { part(0) } - EPOCH;
    i128::from(seconds) * 1_000_000 + ((i128::from(part(4)) * 1_000_000) >> 32)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Answers one question as a server whose clock is `ahead` seconds ahead.
    fn serve(ahead: u64, stratum: u8) -> u16 {
        let socket = std::net::UdpSocket::bind(("127.0.0.1", 0)).expect("a port");
        let port = socket.local_addr().expect("an address").port();
        std::thread::spawn(move || {
            let mut request = [0; LENGTH];
            let (_, from) = socket.recv_from(&mut request).expect("a question");
            let mut answer = [0; LENGTH];
            (answer[0], answer[1]) = (4 << 3 | 4, stratum);
            answer[24..32].copy_from_slice(&request[40..48]);
            let seconds = u64::try_from(now() / 1_000_000).expect("after 1970") + EPOCH + ahead;
            let seconds = u32::try_from(seconds).expect("before 2036").to_be_bytes();
            answer[32..36].copy_from_slice(&seconds);
            answer[40..44].copy_from_slice(&seconds);
            // Not an answer to our question: it is left aside.
            socket.send_to(&[0; LENGTH], from).expect("sent");
            socket.send_to(&answer, from).expect("sent");
        });
        port
    }

    #[tokio::test]
    async fn the_difference_is_told() {
        let offset = clock_offset_at(&Node::real(), "127.0.0.1", serve(100, 2)).await.expect("an answer");
        assert!((-101_500_000..=-98_500_000).contains(&offset), "{offset}: the server tells whole seconds");
    }

    #[tokio::test]
    async fn a_server_that_refuses_is_not_believed() {
        let error = clock_offset_at(&Node::real(), "127.0.0.1", serve(0, 0)).await.expect_err("refused");
        assert_eq!((error.code(), error.to_string()), ("unavailable", "cannot ask 127.0.0.1 for the time".to_owned()));
    }

    #[test]
    fn times_after_2036_are_read() {
        let mut bytes = [0; 8];
        assert_eq!(timestamp(&bytes), ((1_i128 << 32) - i128::from(EPOCH)) * 1_000_000);
        bytes[..4].copy_from_slice(&u32::try_from(EPOCH).expect("32 bits").to_be_bytes());
        bytes[4] = 0x80;
        assert_eq!(timestamp(&bytes), 500_000);
    }
}
