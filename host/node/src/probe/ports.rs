//! TCP ports: free, or who listens on them.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};

use crate::Node;

/// Tries to listen on a port on all addresses of both families, for a moment. On a pretended machine nothing listens.
pub fn port_free(node: &Node, port: u16) -> io::Result<()> {
    if node.is_rehearsed() {
        return Ok(());
    }
    match TcpListener::bind(SocketAddr::from((Ipv6Addr::UNSPECIFIED, port))) {
        Ok(listener) => drop(listener),
        // The kernel was started without IPv6.
        Err(error)
            if matches!(error.kind(), io::ErrorKind::Unsupported | io::ErrorKind::AddrNotAvailable)
                || error.raw_os_error() == Some(rustix::io::Errno::AFNOSUPPORT.raw_os_error()) => {}
        Err(error) => return Err(error),
    }
    // With net.ipv6.bindv6only=1 the first says nothing about IPv4.
    TcpListener::bind(SocketAddr::from((Ipv4Addr::UNSPECIFIED, port))).map(drop)
}

/// Tries to listen on a port on one address, for a moment.
pub fn port_free_on(node: &Node, address: IpAddr, port: u16) -> io::Result<()> {
    if node.is_rehearsed() {
        return Ok(());
    }
    TcpListener::bind(SocketAddr::from((address, port))).map(drop)
}

/// Who listens on a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listener {
    /// Its process id.
    pub pid: u32,
    /// Its name as the kernel knows it, at most 15 bytes.
    pub name: String,
}

/// Finds the process that listens on a TCP port. `None` if there is none, if it lives in another network namespace, or
/// if we may not look at it.
pub fn listener(node: &Node, port: u16) -> Option<Listener> {
    let inodes: Vec<String> = ["/proc/net/tcp", "/proc/net/tcp6"]
        .iter()
        .filter_map(|path| node.read_text(path).ok().flatten())
        .flat_map(|table| listening(&table, port))
        .collect();
    let links: Vec<String> = inodes.iter().map(|inode| format!("socket:[{inode}]")).collect();
    if links.is_empty() {
        return None;
    }
    let pids = node.list("/proc").ok()?.into_iter().filter_map(|name| name.parse::<u32>().ok());
    for pid in pids {
        let directory = node.host_path("/proc").join(pid.to_string()).join("fd");
        let mut descriptors = std::fs::read_dir(directory).into_iter().flatten().flatten();
        let holds = descriptors.any(|entry| {
            std::fs::read_link(entry.path()).is_ok_and(|target| links.iter().any(|link| target.as_os_str() == &**link))
        });
        if holds {
            let name = node.read_text(&format!("/proc/{pid}/comm")).ok().flatten().unwrap_or_default();
            return Some(Listener { pid, name: name.trim().to_owned() });
        }
    }
    None
}

/// Inodes of the sockets in state LISTEN (0A) on a port, see proc_net_tcp in the kernel's documentation.
fn listening(table: &str, port: u16) -> Vec<String> {
    let suffix = format!(":{port:04X}");
    let rows = table.lines().skip(1).map(|line| line.split_ascii_whitespace().collect::<Vec<_>>());
    rows.filter(|fields| fields.len() > 9 && fields[1].ends_with(&suffix) && fields[3] == "0A")
        .map(|fields| fields[9].to_owned())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listener_on_one_address_takes_the_port() {
        let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let port = taken.local_addr().expect("an address").port();
        assert_eq!(port_free(&Node::real(), port).expect_err("taken").kind(), io::ErrorKind::AddrInUse);
        let on_loopback = port_free_on(&Node::real(), Ipv4Addr::LOCALHOST.into(), port);
        assert_eq!(on_loopback.expect_err("taken").kind(), io::ErrorKind::AddrInUse);
        port_free_on(&Node::real(), Ipv4Addr::new(127, 0, 0, 77).into(), port).expect("free on another address");
        let who = listener(&Node::real(), port).expect("it is us");
        assert_eq!(who.pid, std::process::id());
        assert!(!who.name.is_empty());
        drop(taken);
        // A program that another test starts right now holds a copy until it runs.
        let freed = (0..200).any(|_| {
            std::thread::sleep(std::time::Duration::from_millis(10));
            port_free(&Node::real(), port).is_ok() && listener(&Node::real(), port).is_none()
        });
        assert!(freed, "free again");
    }

    #[test]
    fn only_listening_sockets_count() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n\
            0: 00000000:192B 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4711 1\n\
            1: 0100007F:192B 0100007F:ABCD 01 00000000:00000000 00:00000000 00000000     0        0 4712 1\n";
        assert_eq!(listening(table, 6443), ["4711"]);
        assert_eq!(listening(table, 2379), Vec::<String>::new());
    }
}
