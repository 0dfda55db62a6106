//! Servers and files, by the interfaces of WASI.

use kubephase_sdk::prelude::*;
use wasip2::filesystem::preopens;
use wasip2::http::outgoing_handler;
use wasip2::http::types::{Fields, OutgoingRequest, RequestOptions, Scheme};
use wasip2::sockets::instance_network::instance_network;
use wasip2::sockets::ip_name_lookup::resolve_addresses;
use wasip2::sockets::network::{IpAddressFamily, IpSocketAddress, Ipv4SocketAddress};
use wasip2::sockets::tcp_create_socket::create_tcp_socket;
use wasip2::sockets::udp_create_socket::create_udp_socket;

use crate::attempt;

/// Asks servers that are not granted.
pub fn http(hosts: &[String]) -> Vec<Finding> {
    let own = ["evil.example", "169.254.169.254", "127.0.0.1:6443", "localhost:6443", "hostile.example.org:8443", ""];
    let hosts: Vec<&str> = if hosts.is_empty() { own.to_vec() } else { hosts.iter().map(String::as_str).collect() };
    let mut findings = Vec::new();
    for host in hosts {
        for (scheme, name) in [(Scheme::Https, "https"), (Scheme::Http, "http"), (Scheme::Other("unix".into()), "unix")]
        {
            findings.push(attempt(&format!("{name} {host}"), ask(&scheme, host)));
        }
    }
    findings
}

fn ask(scheme: &Scheme, host: &str) -> Result<u16, String> {
    let headers = Fields::new();
    // Where the server would look, if the host only looked at the URL.
    let _ = headers.append("host", b"evil.example");
    let request = OutgoingRequest::new(headers);
    request.set_scheme(Some(scheme)).map_err(|()| "scheme".to_owned())?;
    request.set_authority(Some(host)).map_err(|()| "authority".to_owned())?;
    request.set_path_with_query(Some("/")).map_err(|()| "path".to_owned())?;
    let options = RequestOptions::new();
    let _ = options.set_connect_timeout(Some(1_000_000_000));
    let response = outgoing_handler::handle(request, Some(options)).map_err(|error| format!("{error:?}"))?;
    response.subscribe().block();
    match response.get() {
        Some(Ok(Ok(response))) => Ok(response.status()),
        Some(Ok(Err(error))) => Err(format!("{error:?}")),
        other => Err(format!("no answer: {}", other.is_some())),
    }
}

/// Looks for a directory to begin with.
pub fn files() -> Vec<Finding> {
    let directories = preopens::get_directories();
    let first = directories.first().ok_or("no directories");
    vec![attempt("directories", first.map(|(_, name)| name))]
}

/// Connects, listens and looks names up.
pub fn sockets(hosts: &[String]) -> Vec<Finding> {
    let port = hosts.iter().find_map(|host| host.rsplit_once(':')?.1.parse().ok()).unwrap_or(6443);
    let address = |port| IpSocketAddress::Ipv4(Ipv4SocketAddress { port, address: (127, 0, 0, 1) });
    let network = instance_network();
    let connect = create_tcp_socket(IpAddressFamily::Ipv4).and_then(|socket| {
        socket.start_connect(&network, address(port))?;
        socket.subscribe().block();
        socket.finish_connect().map(|_| ())
    });
    let listen = create_tcp_socket(IpAddressFamily::Ipv4).and_then(|socket| {
        socket.start_bind(&network, address(0))?;
        socket.subscribe().block();
        socket.finish_bind()?;
        socket.start_listen()?;
        socket.subscribe().block();
        socket.finish_listen()
    });
    let send = create_udp_socket(IpAddressFamily::Ipv4).and_then(|socket| {
        socket.start_bind(&network, address(0))?;
        socket.subscribe().block();
        socket.finish_bind()
    });
    let look_up = resolve_addresses(&network, "localhost").and_then(|addresses| {
        addresses.subscribe().block();
        addresses.resolve_next_address()
    });
    vec![attempt("connect", connect), attempt("listen", listen), attempt("udp", send), attempt("look up", look_up)]
}
