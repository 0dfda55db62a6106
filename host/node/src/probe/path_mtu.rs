//! How large a packet may be to reach an address in one piece.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use nix::sys::socket::{getsockopt, sockopt};

use super::MeasureError;
use crate::Node;

/// Where traceroute sends to: nobody listens there.
const PORT: u16 = 33434;
/// How long a router gets to say that a packet was too large.
const ANSWER: Duration = Duration::from_millis(150);
/// More routers on one path with ever smaller packets are not asked.
const ATTEMPTS: usize = 4;
/// Headers of IP and UDP, in bytes.
const HEADERS: u32 = 20 + 8;

/// In bytes, headers included. One packet of that size is sent to an IPv4 address, so that a router that cannot hand it on
/// says so and the kernel learns from it; the kernel asks for that by itself (`net.ipv4.ip_no_pmtu_disc` is 0).
pub async fn path_mtu(node: &Node, address: &str) -> Result<u32, MeasureError> {
    if node.is_rehearsed() {
        return Err(MeasureError::NotHere("the machine is pretended, and so is its network"));
    }
    let address: IpAddr = address.parse().map_err(|_| MeasureError::Invalid(format!("{address} is no IP address")))?;
    if address.is_ipv6() {
        return Err(MeasureError::NotHere("it is measured for IPv4 only"));
    }
    ask(address).await.map_err(|source| MeasureError::Io { what: format!("measure the path to {address}"), source })
}

async fn ask(address: IpAddr) -> io::Result<u32> {
    let socket = tokio::net::UdpSocket::bind(SocketAddr::from(([0, 0, 0, 0], 0))).await?;
    socket.connect(SocketAddr::new(address, PORT)).await?;
    let known = || {
        let mtu = getsockopt(&socket, sockopt::IpMtu).map_err(io::Error::from)?;
        u32::try_from(mtu).map_err(|_| io::Error::from(io::ErrorKind::InvalidData))
    };
    let mut mtu = known()?;
    for _ in 0..ATTEMPTS {
        // More than a datagram can hold: the loopback interface.
        let length = mtu.min(65_535).saturating_sub(HEADERS);
        let sent = socket.send(&vec![0; usize::try_from(length).unwrap_or_default()]).await;
        if sent.is_ok() {
            // Refused or nothing at all: both mean that it has come through, or that nobody says that it has not.
            let mut answer = [0];
            drop(tokio::time::timeout(ANSWER, socket.recv(&mut answer)).await);
        }
        let now = known()?;
        if now == mtu {
            return Ok(mtu);
        }
        mtu = now;
    }
    Ok(mtu)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_loopback_interface_takes_large_packets() {
        let mtu = path_mtu(&Node::real(), "127.0.0.1").await.expect("measured");
        assert!(mtu >= 1500, "{mtu}");
        assert_eq!(path_mtu(&Node::real(), "localhost").await.expect_err("no address").code(), "invalid");
    }
}
