use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::mpsc::{Receiver, channel};

use super::super::Options;
use super::*;

fn block_on<F: Future>(future: F) -> F::Output {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(future)
}

/// Answers every connection with the same bytes, and then keeps silent; tells what it was sent.
fn serve(answer: Vec<u8>) -> (SocketAddr, Receiver<String>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let address = listener.local_addr().expect("an address");
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        let mut open = Vec::new();
        for mut stream in listener.incoming().flatten() {
            let mut request = vec![0; 4096];
            let length = stream.read(&mut request).unwrap_or_default();
            request.truncate(length);
            // A client that has gone is no failure of this test.
            let _ = sender.send(String::from_utf8_lossy(&request).into_owned());
            let _ = stream.write_all(&answer);
            open.push(stream);
        }
    });
    (address, receiver)
}

fn client() -> Client {
    Client::new(&Options { stay: true, ..Options::default() }).expect("a client")
}

#[test]
fn headers_and_a_body_arrive_and_neither_is_shown() {
    let (address, sent) = serve(b"HTTP/1.1 202 Accepted\r\nLocation: /there\r\nContent-Length: 3\r\n\r\nyes".to_vec());
    let request = Request {
        body: b"hello".to_vec(),
        ..Request::new("POST", format!("http://{address}/x?token=t0p")).header("authorization", "Basic c2VjcmV0")
    };
    assert_eq!(format!("{request:?}"), format!("POST http://{address}/x"));
    let answer = block_on(async {
        let answer = client().exchange(request).await.expect("an answer");
        assert_eq!((answer.status(), answer.header("location"), answer.length()), (202, Some("/there"), Some(3)));
        assert!(!format!("{answer:?}").contains("t0p"));
        answer.body(3).await.expect("a body")
    });
    assert_eq!(answer, b"yes");
    let sent = sent.recv().expect("a request");
    assert!(sent.starts_with("POST /x?token=t0p HTTP/1.1\r\n") && sent.contains("authorization: Basic c2VjcmV0"));
    assert!(sent.ends_with("\r\n\r\nhello"), "{sent}");
}

#[test]
fn a_redirect_is_an_answer() {
    let answer = b"HTTP/1.1 307 There\r\nLocation: http://192.0.2.1/\r\nContent-Length: 0\r\n\r\n".to_vec();
    let (address, _sent) = serve(answer);
    let answer = block_on(client().exchange(Request::new("GET", format!("http://{address}/")))).expect("an answer");
    assert_eq!((answer.status(), answer.header("location")), (307, Some("http://192.0.2.1/")));
}

#[test]
fn no_more_is_read_than_is_wanted() {
    for head in ["HTTP/1.1 200 OK\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n"] {
        let mut answer = head.as_bytes().to_vec();
        answer.resize(answer.len() + 100_000, b'x');
        let (address, _sent) = serve(answer);
        let error = block_on(async {
            let request = Request::new("GET", format!("http://{address}/x?y=secret"));
            client().exchange(request).await.expect("an answer").body(50_000).await.expect_err("too long")
        });
        assert_eq!(error.to_string(), format!("the answer to GET http://{address}/x is longer than 50000 bytes"));
    }
}

#[test]
fn silence_is_told_before_and_in_the_middle() {
    let patience = Duration::from_millis(200);
    let (silent, _sent) = serve(Vec::new());
    let (halfway, _also) = serve(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf".to_vec());
    for address in [silent, halfway] {
        let request = Request { idle: patience, ..Request::new("GET", format!("http://{address}/")) };
        let asked = async { client().exchange(request).await?.body(100).await };
        let error = block_on(asked).expect_err("silence");
        assert!(matches!(error, ExchangeError::Silent { .. }), "{error}");
        assert_eq!(error.cause(), Cause::TimedOut);
        // All of it has a deadline, too.
        let request = Request { timeout: patience, ..Request::new("GET", format!("http://{address}/")) };
        let asked = async { client().exchange(request).await?.body(100).await };
        assert_eq!(block_on(asked).expect_err("too slow").cause(), Cause::TimedOut);
    }
}

#[test]
fn a_body_that_ends_early_is_no_body() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let address = listener.local_addr().expect("an address");
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a connection");
        let _ = stream.read(&mut [0; 4096]);
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf");
    });
    let request = Request::new("GET", format!("http://{address}/"));
    let asked = async { client().exchange(request).await?.body(100).await };
    assert!(matches!(block_on(asked), Err(ExchangeError::Request { .. })));
}
