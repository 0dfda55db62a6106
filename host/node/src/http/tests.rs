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

mod tls {
    use std::sync::Arc;

    use rcgen::{BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio_rustls::rustls::pki_types::PrivateKeyDer;
    use tokio_rustls::rustls::server::WebPkiClientVerifier;
    use tokio_rustls::rustls::{RootCertStore, ServerConfig};
    use tokio_rustls::{TlsAcceptor, rustls};

    use super::*;

    struct Authority {
        pem: Vec<u8>,
        der: rustls::pki_types::CertificateDer<'static>,
        issuer: Issuer<'static, KeyPair>,
    }

    fn authority(name: &str) -> Authority {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::default();
        params.distinguished_name.push(rcgen::DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let cert = params.self_signed(&key).expect("a certificate");
        Authority { pem: cert.pem().into_bytes(), der: cert.der().clone(), issuer: Issuer::new(params, key) }
    }

    fn issued(by: &Authority, usage: ExtendedKeyUsagePurpose) -> (rcgen::Certificate, KeyPair) {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new(["127.0.0.1".to_owned()]).expect("a name");
        params.extended_key_usages = vec![usage];
        (params.signed_by(&key, &by.issuer).expect("a certificate"), key)
    }

    /// Serves "ok", to clients that `clients` has signed if it is given; returns the URL.
    async fn serve(ca: &Authority, clients: Option<&Authority>) -> String {
        let (cert, key) = issued(ca, ExtendedKeyUsagePurpose::ServerAuth);
        let builder = ServerConfig::builder();
        let builder = match clients {
            None => builder.with_no_client_auth(),
            Some(clients) => {
                let mut roots = RootCertStore::empty();
                roots.add(clients.der.clone()).expect("a root");
                let verifier = WebPkiClientVerifier::builder(Arc::new(roots)).build().expect("a verifier");
                builder.with_client_cert_verifier(verifier)
            }
        };
        let key = PrivateKeyDer::try_from(key.serialize_der()).expect("a key");
        let config = builder.with_single_cert(vec![cert.der().clone()], key).expect("a server");
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
        let url = format!("https://{}/version", listener.local_addr().expect("an address"));
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.expect("a connection");
                // A refused handshake is what some of these tests are about.
                let Ok(mut stream) = acceptor.accept(stream).await else { continue };
                let mut request = [0; 4096];
                if stream.read(&mut request).await.is_ok() {
                    let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok";
                    let _ = stream.write_all(answer).await;
                    let _ = stream.shutdown().await;
                }
            }
        });
        url
    }

    #[test]
    fn only_the_given_authorities_are_believed() {
        let (ours, theirs) = (authority("ours"), authority("theirs"));
        block_on(async {
            let url = serve(&ours, None).await;
            let with = |tls| Options { tls, ..Options::default() };
            let both = [theirs.pem.clone(), ours.pem.clone()].concat();
            for tls in [Tls::Roots(ours.pem.clone()), Tls::Roots(both), Tls::Insecure] {
                assert_eq!(get(&url, &with(tls), TIMEOUT).await.expect("believed").text(), "ok");
            }
            for tls in [Tls::Roots(theirs.pem.clone()), Tls::System] {
                let error = get(&url, &with(tls), TIMEOUT).await.expect_err("not believed");
                assert_eq!(error.cause(), Cause::Certificate, "{}", error.reason());
                assert!(error.hint().expect("advice").contains("clocks"));
            }
        });
    }

    /// Leads everywhere to one address, or refuses in the way of a pretended machine's proxy.
    async fn proxy(target: Option<SocketAddr>) -> String {
        let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.expect("a connection");
                let mut request = [0; 4096];
                let read = stream.read(&mut request).await.expect("a request");
                assert!(read > 0);
                let Some(target) = target else {
                    let answer = format!("HTTP/1.1 502 No\r\n{NOTHING_LISTENS}: 1\r\nContent-Length: 0\r\n\r\n");
                    stream.write_all(answer.as_bytes()).await.expect("answered");
                    continue;
                };
                stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.expect("answered");
                let mut upstream = tokio::net::TcpStream::connect(target).await.expect("connected");
                let _ = tokio::io::copy_bidirectional(&mut stream, &mut upstream).await;
            }
        });
        url
    }

    #[test]
    fn addresses_of_a_pretended_machine() {
        let ca = authority("ours");
        block_on(async {
            let url = serve(&ca, None).await;
            let target = url.trim_start_matches("https://").trim_end_matches("/version").parse().expect("an address");
            let through = |tls, proxy| Options { tls, proxy: Some(proxy), ..Options::default() };
            let there = proxy(Some(target)).await;
            for url in ["https://192.0.2.1:6443/version", "https://[fd00::1]:7443/version"] {
                let response = get(url, &through(Tls::Insecure, there.clone()), TIMEOUT).await.expect("an answer");
                assert_eq!((response.status, response.text()), (200, "ok".to_owned()), "{url}");
                // Its certificate is for another address.
                let error = get(url, &through(Tls::Roots(ca.pem.clone()), there.clone()), TIMEOUT).await;
                let error = error.expect_err("not believed");
                assert_eq!(error.cause(), Cause::Certificate, "{url}: {}", error.reason());
            }
            let nowhere = proxy(None).await;
            for url in ["https://192.0.2.1:6443/", "https://[fd00::1]:7443/", "http://[::1]:1/", "http://192.0.2.1/"] {
                let error = get(url, &through(Tls::Insecure, nowhere.clone()), TIMEOUT).await.expect_err("refused");
                assert_eq!((error.cause(), error.reason()), (Cause::Refused, "connection refused".to_owned()), "{url}");
            }
        });
    }

    #[test]
    fn a_client_shows_its_certificate() {
        let (ca, clients) = (authority("servers"), authority("clients"));
        block_on(async {
            let url = serve(&ca, Some(&clients)).await;
            let identity = |by: &Authority| {
                let (cert, key) = issued(by, ExtendedKeyUsagePurpose::ClientAuth);
                Some([cert.pem(), key.serialize_pem()].concat().into_bytes())
            };
            let with = |identity| Options { tls: Tls::Roots(ca.pem.clone()), identity, ..Options::default() };
            let response = get(&url, &with(identity(&clients)), TIMEOUT).await.expect("let in");
            assert_eq!((response.status, response.text()), (200, "ok".to_owned()));
            assert!(get(&url, &with(identity(&ca)), TIMEOUT).await.is_err(), "signed by someone else");
            assert!(get(&url, &with(None), TIMEOUT).await.is_err(), "no certificate at all");
        });
    }
}
