use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};

use super::*;

const TIMEOUT: Duration = Duration::from_secs(5);

fn block_on<F: Future>(future: F) -> F::Output {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(future)
}

/// Answers every connection with the same bytes.
fn serve(answer: Vec<u8>) -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let address = listener.local_addr().expect("an address");
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut request = [0; 4096];
            // A client that has gone is no failure of this test.
            let _ = stream.read(&mut request).and_then(|_| stream.write_all(&answer));
        }
    });
    address
}

#[test]
fn any_status_is_an_answer() {
    let address = serve(b"HTTP/1.1 500 Oops\r\nContent-Length: 4\r\n\r\nbad\n".to_vec());
    let response =
        block_on(get(&format!("http://{address}/healthz"), &Options::default(), TIMEOUT)).expect("an answer");
    assert_eq!((response.status, response.text()), (500, "bad".to_owned()));
}

#[test]
fn nobody_there() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let address = listener.local_addr().expect("an address");
    drop(listener);
    let url = format!("http://{address}/healthz");
    let error = block_on(get(&url, &Options::default(), TIMEOUT)).expect_err("refused");
    assert_eq!((error.cause(), error.to_string()), (Cause::Refused, format!("cannot get {url}")));
    assert!(error.reason().contains("refused"), "{}", error.reason());
    assert!(error.hint().expect("advice").contains("listens"));
}

#[test]
fn silence_is_a_timeout() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let url = format!("http://{}/", listener.local_addr().expect("an address"));
    let error = block_on(get(&url, &Options::default(), Duration::from_millis(200))).expect_err("too slow");
    assert_eq!(error.cause(), Cause::TimedOut);
}

#[test]
fn a_flood_is_cut_off() {
    let mut answer = b"HTTP/1.1 200 OK\r\n\r\n".to_vec();
    answer.resize(BODY_LIMIT + 100_000, b'x');
    let error = block_on(get(&format!("http://{}/", serve(answer)), &Options::default(), TIMEOUT)).expect_err("long");
    assert!(matches!(error, HttpError::TooLong { .. }), "{error}");
}

#[test]
fn unusable_certificates_are_named_as_such() {
    let bad = b"-----BEGIN CERTIFICATE-----\n!!\n-----END CERTIFICATE-----\n".to_vec();
    let options = Options { tls: Tls::Roots(bad), ..Options::default() };
    assert!(matches!(Client::new(&options), Err(HttpError::Setup(_))));
    let options = Options { tls: Tls::Insecure, identity: Some(b"no key".to_vec()), ..Options::default() };
    assert!(matches!(Client::new(&options), Err(HttpError::Setup(_))));
}
